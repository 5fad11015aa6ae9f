"""Whether the evidence of a validation can decide: what it could have seen, and what it rests on.

A test that finds nothing says little unless it could have found something. ``resolution`` is the
least factor by which the theory's motion (its change since the start) must be wrong, up or down,
for the same simulations to reject it. A test that finds something says little about the limit
D → ∞ where the steps are few, where the spread does not fall as D^(−1/2), or where the deviation is
smaller than the correction of order 1/D that was taken out. Where SGD tends to the theory at small
learning rates γ, spread and bias are √γ and γ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from orderparams.models.limit import Limit, Value
from orderparams.models.parameters import OrderParameter
from orderparams.results.comparison import Comparison, Scaling
from orderparams.run.compare import course_pvalues, distinct
from orderparams.run.spread import is_off

Array = NDArray[np.float64]

COARSE = 0.25
"""Resolution, as a part of the motion, that is the worst with which theory and simulation agree."""

FEWEST_STEPS = 100
"""Steps of SGD in the coarser simulation below which its noise is not that of many small ones."""

BOUNDS = (1e-4, 10.0)
"""Resolutions that are told apart; beyond there is none."""

NODES = 0.3
"""Part of a deviation that other random nodes of the expectations may move the theory by."""

MOST_REPLICAS = 100
"""Replicas that a remedy still asks for."""


@dataclass(frozen=True, eq=False)
class Grounds:
    """What a comparison of two simulations rests on, beside its deviations.

    ``parameters`` are the order parameters; deviations and ``motion`` name → (R, T, …) are
    extrapolated alike, and ``alike`` is what the integrator leaves of them. Of what is least
    probable, ``worst``, ``correction`` is the ratio of what the extrapolation took away to what is
    left, and ``nodes`` of how far other random nodes of the expectations move the theory to that.
    ``steps`` are those of the ``coarser`` simulation, over ``times`` stored times.
    """

    parameters: Sequence[OrderParameter]
    deviations: Mapping[str, Array]
    motion: Mapping[str, Array]
    alike: Mapping[str, float]
    worst: str
    correction: float
    scaling: Scaling
    coarser: Value
    steps: int
    times: int
    limit: Limit
    nodes: float = 0.0


def resolution(comparison: Comparison, grounds: Grounds) -> float:
    """The least relative error of the theory's motion that would be rejected; inf if there is none.

    NaN where the theory is rejected as it is.
    """
    if comparison.rejects:
        return np.nan

    def seen(error: float) -> bool:
        return all(
            least_pvalue(grounds, part) * comparison.judged < comparison.false_alarm
            for part in (error, -error)
        )

    low, high = BOUNDS
    if not seen(high):
        return np.inf
    while high > 1.05 * low:
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if seen(middle) else (middle, high)
    return high


def least_pvalue(grounds: Grounds, part: float) -> float:
    """The least p-value of a course if the theory had moved by that part more."""
    found = {
        name: course_pvalues(values - part * grounds.motion[name], grounds.alike[name])
        for name, values in grounds.deviations.items()
    }
    return float(distinct(found, grounds.parameters).min(initial=1.0))


def doubt(comparison: Comparison, grounds: Grounds) -> str:
    """Why the evidence cannot decide, and what would help, a line each; empty if it can."""
    reasons = (few_steps, other_spread, far, sampled, blind, one_time)
    return "\n".join(filter(None, (reason(comparison, grounds) for reason in reasons)))


def few_steps(comparison: Comparison, grounds: Grounds) -> str:
    """The theory is the limit of many small steps."""
    steps, times = grounds.steps, grounds.times
    if steps >= FEWEST_STEPS:
        return ""
    crowded = f", so that most of the {times} stored times coincide" if times > steps + 1 else ""
    points = ", and lower output.points" if crowded else ""
    limit = grounds.limit
    asked = f"(or the {limit.plural} asked for)"
    return (
        f"SGD made only {steps} steps at {limit.at(grounds.coarser)}{crowded}; the theory is the "
        f"limit of many small ones. Take at least {FEWEST_STEPS}: {limit.nearer} {asked}"
        f"{limit.also}{points}."
    )


def other_spread(comparison: Comparison, grounds: Grounds) -> str:
    """The fluctuations are not those near the limit."""
    fall, limit = grounds.scaling, grounds.limit
    if not is_off(fall, limit.power):
        return ""
    return (
        f"The spread over replicas goes as {limit.symbol}^({fall.exponent:z.2f} +- "
        f"{fall.standard_error:.2f}) where {limit.place} has {limit.fall}: the extrapolation in "
        f"{limit.order} fails, and no shorter time has another spread. Take {limit.several}."
    )


def far(comparison: Comparison, grounds: Grounds) -> str:
    """What is left is less than what the extrapolation took away, as the next order is."""
    if not comparison.rejects or grounds.correction <= 1:
        return ""
    limit = grounds.limit
    return (
        f"The deviation of {grounds.worst} is beyond chance, but {grounds.correction:.2g} times "
        f"smaller than the correction of order {limit.order} that was taken out: it can be of "
        f"order {limit.square}. Take {limit.four}."
    )


def sampled(comparison: Comparison, grounds: Grounds) -> str:
    """What is left could be the error of expectations that are sampled."""
    if not (comparison.rejects and grounds.nodes > NODES):
        return ""
    return (
        f"The deviation of {grounds.worst} is beyond chance, but other random nodes of the "
        f"expectations move the theory by {grounds.nodes:.2g} times as much: it can be an error of "
        "sampling. Raise expectation.samples."
    )


def blind(comparison: Comparison, grounds: Grounds) -> str:
    """An error of the theory would not have been seen."""
    least = comparison.resolution
    if comparison.rejects or least <= COARSE:
        return ""
    if least < BOUNDS[1]:
        words = f"Only an error of {least:.0%} of the theory's motion or more would have been seen"
    else:
        words = "Even a theory with ten times the motion would not have been rejected"
    remedies = [grounds.limit.nearer]
    if replicas := enough_replicas(comparison):
        remedies.insert(0, f"raise simulation.replicas (about {replicas} may do)")
    remedies.append("or compare over a time in which the order parameters move more")
    return f"{words}, where {COARSE:.0%} is asked for: {', '.join(remedies)}."


def enough_replicas(comparison: Comparison) -> int:
    """Replicas with which the resolution would suffice, or a start where none can be told; 0 if
    too many."""
    if not comparison.resolution < BOUNDS[1]:
        return 8 if comparison.degrees < 7 else 0
    level = 0.5 * comparison.false_alarm / comparison.judged

    def threshold(replicas: int) -> float:
        return float(-stdtrit(replicas - 1, level) / np.sqrt(replicas))

    replicas = comparison.degrees + 1
    wanted = threshold(replicas) * COARSE / comparison.resolution
    enough = (more for more in range(replicas + 1, MOST_REPLICAS + 1) if threshold(more) < wanted)
    return next(enough, 0)


def one_time(comparison: Comparison, grounds: Grounds) -> str:
    """A time stands out although the courses do not: the two tests contradict each other."""
    if comparison.rejects:
        return ""
    for name, z in comparison.z_score.items():
        worst = float(np.nanmax(np.abs(z), initial=0.0))
        chance = 2 * float(stdtr(comparison.degrees, -worst)) * comparison.judged * grounds.times
        if chance < comparison.false_alarm:
            return (
                f"At one time {name.replace('_', '-')} deviates by {worst:.3g} standard errors, "
                f"which chance does with probability {chance:.1g}, though no whole course does: "
                "fluctuations there are not Gaussian, or the theory fails for a short time. Take "
                f"more replicas, {grounds.limit.more} and fewer stored times (output.points)."
            )
    return ""
