"""Everything about a run in one answer: what happened, why, and what could be better."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from orderparams import arguments
from orderparams.analysis.course import Told, part, share, untold
from orderparams.analysis.escape_times import check_laws, with_replicas
from orderparams.analysis.escapes import find_escapes
from orderparams.analysis.joined import joined
from orderparams.analysis.optimum import optimum
from orderparams.analysis.pruning import prune
from orderparams.analysis.rests import examine, relative_distance, rest_near
from orderparams.analysis.runs import analyzed, run_of
from orderparams.analysis.stages import stages_of
from orderparams.analysis.stationary import unspecialized_point
from orderparams.analysis.synergy import synergy
from orderparams.config.toml import Settings
from orderparams.config.unused import sentence, warn
from orderparams.models import registry
from orderparams.models.interface import model_of
from orderparams.models.vectors.landscape import Landscape
from orderparams.ordered import ordered
from orderparams.progress import heard
from orderparams.results.analysis import Analysis
from orderparams.results.analyzed.rests import NEAR, Rest
from orderparams.results.analyzed.stages import Stages
from orderparams.results.findings import Findings
from orderparams.results.trajectory import Trajectory
from orderparams.sources import Source

STATIONARY, OPTIMUM, PRUNING = 0.4, 0.9, 1.0
"""Parts of an analysis that are about done after each of its works."""

UNHELD = "nothing escapes by noise, and no replicas were simulated"
"""Why replicas have no effect where there are no laws."""

BEFORE_REPLICAS = 0.5
"""The part of all that an analysis is beside replicas."""


def analyze(
    source: Source,
    *,
    settings: Settings | None = None,
    replica: int = 1,
    simulate: int = 0,
    workers: int = 1,
    anew: bool = False,
    progress: Told | bool | None = None,
) -> Analysis | Findings:
    """Stages, stability, optimum and pruning of a run.

    A model that analyzes its runs by itself, such as in-context regression, gives
    :class:`~orderparams.results.findings.Findings` instead.

    A trajectory, of a simulation one replica, or such a result's file is analyzed as it is; all
    else that :func:`orderparams.load` takes, and what has ``settings``, is solved first. An
    analysis, or a file of one, is returned as it was stored.

    Parameters
    ----------
    source
        A result, or a problem in any form that :func:`orderparams.load` takes.
    settings
        Changes to it, as :func:`orderparams.load` takes them.
    replica
        Of a simulation, which replica; counted from 1.
    simulate
        Replicas of SGD whose escapes from symmetric states are held against their law, of a run
        with fluctuations (docs/fluctuations.md).
    workers
        Threads. The result does not depend on their number.
    anew
        True analyzes the run of an analysis again.
    progress
        True shows how far the work is. A function is called with the fraction done and what is
        being done.

    Raises
    ------
    ConfigurationError
        Where the problem has no meaning, the source is no single run, such as a scan, or replicas
        are asked for where there are no laws that they could be held against.

    Examples
    --------
    >>> run = op.solve("single-head", settings={"training.duration": 30, "output.points": 30})
    >>> found = op.analyze(run)
    >>> [event.target for event in found.stages.events]
    ['+1']
    >>> bool(found.optimum.risk < run.risk[-1])
    True
    """
    replica, workers = arguments.count(replica, "replica"), arguments.count(workers, "workers")
    simulate = arguments.count_or_none(simulate, "simulate")
    stored = analyzed(source) if settings is None and not anew else None
    if stored is not None and not simulate:
        return stored
    with heard(progress, lambda line: line) as listener:
        if stored is not None:
            found = simulated(stored, simulate, workers, listener or untold)
        else:
            run, number, told = run_of(source, settings, replica, simulate, listener or untold)
            if simulate:
                check_laws(run.problem)
            if registry.own_analysis(run.problem):
                return findings_of(run, number, workers, told)
            if not simulate:
                return analysis_of(run, number, workers, told)
            found = analysis_of(run, number, workers, share(told, 0.0, BEFORE_REPLICAS))
            found = simulated(found, simulate, workers, share(told, BEFORE_REPLICAS, 1.0))
    if not found.escapes:
        warn(sentence("analyze", {"simulate": UNHELD}))
    return found


def simulated(found: Analysis | Findings, replicas: int, workers: int, progress: Told) -> Analysis:
    """The same with so many replicas of SGD beside the laws of escape."""
    check_laws(found.problem)
    assert isinstance(found, Analysis)
    if not found.escapes:
        return found
    told = part(progress, 0.0, 1.0, "escapes of replicas")
    escapes = with_replicas(
        found.trajectory, found.escapes, found.directions, replicas, workers, told
    )
    return dataclasses.replace(found, escapes=escapes)


def findings_of(run: Trajectory, number: int | None, workers: int, progress: Told) -> Findings:
    """What the model of a run finds in it, and where it has vectors, what is said of any."""
    found = model_of(run.problem).findings(run.problem, run, progress)
    stages = stages_of(run) if registry.staged(run.problem) else None
    more = []
    if registry.joined_analysis(run.problem):
        more = joined(run, stages.plateaus if stages else (), workers, progress)
    return Findings(run, (*found, *more), number, stages)


def analysis_of(run: Trajectory, number: int | None, workers: int, progress: Told) -> Analysis:
    """The same of one run, which is that of a replica where there is a ``number``."""
    problem, everywhere = run.problem, Landscape(run.problem)
    symmetric, stages = everywhere.with_residual(0), stages_of(run)
    told = part(progress, 0.0, STATIONARY, "stationary points and their stability")
    unspecialized, rests, final = rests_of(everywhere, run, stages, workers, told)
    ends = [everywhere.flow.vectors_at(run.state(index)) for index in (-1, 0)]
    decay = bool(problem.training.penalties)
    half = STATIONARY + (OPTIMUM - STATIONARY) * (0.5 if decay else 1.0)
    told = part(progress, STATIONARY, half, "the optimum")
    best, penalised = optimum(problem, ends, workers=workers, told=told), None
    if decay:
        ends.append(best.point.vectors)
        told = part(progress, half, OPTIMUM, "the optimum of the objective")
        penalised = optimum(problem, ends, decay=True, workers=workers, told=told)
    told = part(progress, OPTIMUM, PRUNING, "pruning")
    pruning = prune(problem, ends[0], workers=workers, told=told)
    worth = synergy(problem, ends[0])
    directions = symmetric.geometry.directions
    laws = None
    if run.fluctuations is not None:
        target = (penalised or best).point.vectors
        laws = find_escapes(run, target, directions, stages.plateaus)
    return Analysis(
        run,
        stages,
        directions,
        unspecialized,
        rests,
        final,
        best,
        penalised,
        pruning,
        number,
        worth,
        laws,
    )


def rests_of(
    everywhere: Landscape, run: Trajectory, stages: Stages, workers: int, told: Told
) -> tuple[Rest, tuple[Rest, ...], Rest]:
    """The unspecialized point, other ones behind plateaus before the end, and the final one.

    The first and the last are made side by side, then the others.
    """
    symmetric = everywhere.with_residual(0)
    inner = [plateau.center for plateau in stages.plateaus if plateau.end < run.time[-1]]
    indices = [int(np.searchsorted(run.time, center)) for center in inner]
    found: list[Rest] = []

    def add(rests: Iterable[Rest]) -> None:
        for rest in rests:
            found.append(rest)
            told(len(found) / (2 + len(indices)), f"{len(found)} of {2 + len(indices)}")

    def near(index: int | None) -> Rest:
        if index is None:
            return examine(symmetric, unspecialized_point(symmetric), run)
        return rest_near(everywhere, run, index)

    add(ordered(near, [None, -1], workers))
    apart = relative_distance(symmetric, run, found[0].point)
    indices = [index for index in indices if apart[index] > NEAR]
    add(ordered(near, indices, workers))
    first, final, *others = found
    if first.point.vectors.count > 1:  # else it is nothing of its own
        others = [rest for rest in others if not rest.is_at(first, symmetric.geometry)]
    return first, tuple(others), final
