"""Escapes of simulated replicas, held against their law."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import kolmogorov

from orderparams import interruption
from orderparams.analysis.course import Told
from orderparams.analysis.escapes import Part, guessed, leaving, parts_of
from orderparams.errors import ConfigurationError
from orderparams.models import registry
from orderparams.models.interface import model_of
from orderparams.models.vectors.fluctuations.consistency import wanted
from orderparams.models.vectors.geometry import Direction, geometry_of
from orderparams.results.analyzed.escapes import PROBABILITIES, Escape, Escaped
from orderparams.results.comparison import FALSE_ALARM
from orderparams.results.trajectory import Trajectory
from orderparams.sources import load

Array = NDArray[np.float64]

FEWEST = 16
"""Replicas that have to leave."""

OUT = 0.05
"""Part of a law that may have left at the start."""

GUESS = (
    "SGD has left otherwise before, after which linear theory does not hold; raise "
    "simulation.dimension"
)
"""Why a law may be none."""

LEFT_OUT = 0.3
"""Factors of e by which linear theory may be off where it ends: T_nl times the growth rate."""


def check_laws(problem: Any) -> None:
    """:class:`~orderparams.errors.ConfigurationError` where no laws of escape are found."""
    if registry.own_analysis(problem):
        raise ConfigurationError(
            "simulate: replicas are held against laws of escape, and the analysis of such a model "
            "has none; leave it out"
        )
    if not wanted(problem):
        raise ConfigurationError(
            "simulate: replicas are held against laws of escape, which need the fluctuations of "
            "the run; set fluctuations.enabled = true, or leave it out"
        )


def with_replicas(
    run: Trajectory,
    escapes: Sequence[Escape],
    directions: tuple[Direction, ...],
    replicas: int,
    workers: int,
    told: Told,
) -> tuple[Escape, ...]:
    """Escapes of a run beside those of so many replicas, in the dimension of its simulation.

    :class:`~orderparams.errors.ConfigurationError` if they do not fit into memory.
    """
    problem: Any = run.problem
    if problem.fluctuations.start == "fixed":
        problem = model_of(problem).starting_at(problem, run.state(0))
    problem = load(problem, {"simulation.replicas": replicas})

    def progress(done: int, total: int) -> None:
        interruption.check()
        told(done / total, f"{done} of {total} steps")

    records = model_of(problem).simulator(problem, run.time).run(workers, progress)
    overlaps = geometry_of(problem).positions(records.parameters)
    known = {
        (part.direction, part.common): part for part in parts_of(directions, overlaps.shape[2])
    }
    assert run.fluctuations is not None
    found = []
    for one in escapes:
        part, doubted = known[one.name, one.common], guessed(one, escapes, run.fluctuations)
        simulated = held(one, part, run.time, overlaps, doubted=doubted)
        found.append(one.with_simulated(simulated))
    return tuple(found)


def held(
    escape: Escape, part: Part, time: Array, overlaps: Array, *, doubted: bool = False
) -> Escaped:
    """Replicas with overlaps (R, T, n, d) against the law of an escape, ``doubted`` or not."""
    measured = leaving(time, np.linalg.norm(part.of(overlaps), axis=2), escape.threshold)
    found = measured[np.isfinite(measured)]
    law = escape.quantile
    known = law[law <= time[-1]]
    enough = len(found) > 1 and len(known) > 1
    mean, deviation = (found.mean(), found.std(ddof=1)) if enough else (np.nan, np.nan)
    expected, scatter = (known.mean(), known.std()) if enough else (np.nan, np.nan)
    shift = mean - expected if enough else 0.0
    result = Escaped(
        time=measured,
        mean=float(mean),
        deviation=float(deviation),
        law_mean=float(expected),
        law_deviation=float(scatter),
        pvalue=probability(measured, law, time[-1]),
        shifted_pvalue=probability(measured - shift, law, time[-1] - max(shift, 0.0)),
        verdict="",
    )
    doubt = doubt_of(escape, result, float(shift), float(time[0])) or GUESS * doubted
    agree = result.pvalue >= FALSE_ALARM
    verdict = "inconclusive" if doubt else "agree" if agree else "disagree"
    return dataclasses.replace(result, verdict=verdict, doubt=doubt)


def probability(times: Array, law: Array, end: float) -> float:
    """By chance of a distance of the times (R,), NaN those after the end, from a law with these
    quantiles that is as large up to the end (Kolmogorov and Smirnov, after Stephens)."""
    found = np.sort(times[times <= end])
    expected = np.interp(found, law, PROBABILITIES, left=0.0, right=1.0)
    count, rank = len(times), np.arange(len(found))
    far = np.maximum((rank + 1) / count - expected, expected - rank / count).max(initial=0.0)
    last = abs(len(found) / count - float(np.interp(end, law, PROBABILITIES, right=1.0)))
    root = np.sqrt(count)
    return float(kolmogorov((root + 0.12 + 0.11 / root) * max(far, last)))


def doubt_of(escape: Escape, found: Escaped, shift: float, start: float) -> str:
    """Why nothing can be said, and what would help; nothing where it can."""
    if found.left < FEWEST or np.isnan(found.law_mean):
        return (
            f"{found.left} of {len(found.time)} replicas left before the end, and {FEWEST} are "
            "needed; simulate more, or raise training.duration"
        )
    if (escape.quantile <= start).mean() > OUT:
        return (
            f"at D = {escape.dimension} a part of the starts is beyond the threshold; raise "
            "simulation.dimension"
        )
    small = abs(shift) * escape.rate < LEFT_OUT
    if found.pvalue < FALSE_ALARM <= found.shifted_pvalue and small:
        return (
            f"but for a shift by {shift:.3g}, of the order of what linear theory leaves out, they "
            "agree; raise simulation.dimension"
        )
    return ""
