"""Everything about a run in one answer: what happened, why, and what could be better."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from orderparams.analysis.course import Told, part, untold
from orderparams.analysis.document import (
    directions_table,
    optimum_table,
    pruning_table,
    rest_table,
    stages_table,
)
from orderparams.analysis.events import LEAST_MOVE
from orderparams.analysis.optimum import Optimum, optimum
from orderparams.analysis.pruning import Pruning, prune
from orderparams.analysis.rests import Rest, examine, relative_distance, rest_near
from orderparams.analysis.runs import run_of
from orderparams.analysis.stability import NEAR
from orderparams.analysis.stages import Stages, stages_of
from orderparams.analysis.stationary import unspecialized_point
from orderparams.config import Problem
from orderparams.config.toml import Settings
from orderparams.models.vectors.geometry import Direction, Geometry, squares
from orderparams.models.vectors.landscape import Landscape
from orderparams.ordered import ordered
from orderparams.results.result import span
from orderparams.results.shown import Shown
from orderparams.results.trajectory import Trajectory
from orderparams.sources import Source


@dataclass(frozen=True, eq=False, repr=False)
class Analysis(Shown):
    """The parts of the answer.

    unspecialized: the point with all vectors equal; rests: the stationary points behind the other
    plateaus before the end; final: the one reached from the end of the run; geometry: what the
    vectors can turn to; optimum: the lowest risk, without weight decay; penalised: with weight
    decay, the lowest E + λ|K|²/2, else None.
    """

    trajectory: Trajectory
    stages: Stages
    geometry: Geometry
    unspecialized: Rest
    rests: tuple[Rest, ...]
    final: Rest
    optimum: Optimum
    penalised: Optimum | None
    pruning: Pruning

    @property
    def target(self) -> Optimum:
        """What training aims at: the optimum, of the objective if weights decay."""
        return self.penalised or self.optimum

    @property
    def objective(self) -> float:
        """E + λ|K|²/2 at the end of the run."""
        run = self.trajectory
        square = float(squares(run.parameters)[-1].sum())
        return float(run.risk[-1]) + 0.5 * run.problem.training.weight_decay * square

    @property
    def near_the_end(self) -> bool:
        """Whether the run ends near the stationary point that was reached from its end."""
        return self.final.end < NEAR

    @property
    def predicted_order(self) -> tuple[str, ...]:
        """Names of the directions along which equal vectors part, the fastest first."""
        along = [
            self.geometry.directions[int(np.argmax(mode.directions))].name
            for mode in self.unspecialized.unstable
            if mode.common < 0.5 and mode.residual < 0.5
        ]
        return tuple(dict.fromkeys(along))

    def space_of(self, target: Direction) -> str:
        """Name of the direction of the modes that a target lies in; its own if it lies in none."""
        for space in self.geometry.directions:
            if np.allclose(space.basis @ (space.basis.T @ target.basis), target.basis, atol=1e-9):
                return space.name
        return target.name

    @property
    def observed_order(self) -> tuple[str, ...]:
        """Names of the directions that vectors turned to, in order of half-times."""
        turns = [
            self.space_of(event.direction)
            for event in self.stages.specializations
            if event.cosine_after - event.cosine_before > LEAST_MOVE
        ]
        return tuple(dict.fromkeys(turns))

    @property
    def problem(self) -> Problem:  # type: ignore[override]
        """The problem that was solved."""
        return self.trajectory.problem

    def facts(self) -> dict[str, str]:
        """How the run ended, what happened in it, and what would be best."""
        run, stages, best = self.trajectory, self.stages, self.optimum
        turns = f": {', '.join(self.observed_order)}" if self.observed_order else ""
        return {
            "run": f"{run.status} at t = {run.time[-1]:g}, risk {span(run.risk)}",
            "stages": f"{len(stages.events)} events, {len(stages.plateaus)} plateaus{turns}",
            "optimum": f"risk {best.risk:.6g}, {best.found} of {len(best.values)} searches",
        }

    def document(self) -> dict[str, Any]:
        """What ``orderparams analyze --json`` prints."""
        run, best, penalised = self.trajectory, self.optimum, self.penalised
        word = self.geometry.word
        return {
            "status": run.status,
            "risk": float(run.risk[-1]),
            "objective": self.objective,
            best.floor.name: best.floor.value,
            "directions": directions_table(self.geometry.directions),
            "predicted_order": list(self.predicted_order),
            "observed_order": list(self.observed_order),
            "stages": stages_table(self.stages, word),
            "unspecialized": rest_table(self.unspecialized),
            "plateaus": [rest_table(rest) for rest in self.rests],
            "final": rest_table(self.final),
            "optimum": optimum_table(best),
            "penalised_optimum": penalised and optimum_table(penalised),
            "pruning": pruning_table(self.pruning, word),
        }


STATIONARY, OPTIMUM, PRUNING = 0.4, 0.9, 1.0
"""Parts of an analysis that are about done after each of its works."""


def analyze(
    source: Source,
    *,
    settings: Settings | None = None,
    replica: int = 1,
    workers: int = 1,
    progress: Told = untold,
) -> Analysis:
    """Stages, stability, optimum and pruning of a run.

    A trajectory, of a simulation this ``replica``, or such a result's file is analyzed as it is;
    all else that :func:`orderparams.load` takes, and what has ``settings``, is solved first.
    It is made by so many ``workers`` (threads), which does not change the result. ``progress`` is
    called with the fraction done and what is being done.
    """
    run, progress = run_of(source, settings, replica, progress)
    problem, everywhere = run.problem, Landscape(run.problem)
    symmetric, stages = everywhere.with_residual(0), stages_of(run)
    told = part(progress, 0.0, STATIONARY, "stationary points and their stability")
    unspecialized, rests, final = rests_of(everywhere, run, stages, workers, told)
    ends = [everywhere.flow.vectors_at(run.state(index)) for index in (-1, 0)]
    decay = problem.training.weight_decay > 0
    half = STATIONARY + (OPTIMUM - STATIONARY) * (0.5 if decay else 1.0)
    told = part(progress, STATIONARY, half, "the optimum")
    best, penalised = optimum(problem, ends, workers=workers, told=told), None
    if decay:
        ends.append(best.point.vectors)
        told = part(progress, half, OPTIMUM, "the optimum of the objective")
        penalised = optimum(problem, ends, decay=True, workers=workers, told=told)
    told = part(progress, OPTIMUM, PRUNING, "pruning")
    pruning = prune(problem, ends[0], workers=workers, told=told)
    return Analysis(
        run, stages, symmetric.geometry, unspecialized, rests, final, best, penalised, pruning
    )


def rests_of(
    everywhere: Landscape, run: Trajectory, stages: Stages, workers: int, told: Told
) -> tuple[Rest, tuple[Rest, ...], Rest]:
    """The unspecialized point, those behind the other plateaus before the end, and the final one.

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
    return found[0], tuple(found[2:]), found[1]
