"""Whether innovations can decide: what they rest on, and what they could have seen."""

from __future__ import annotations

import numpy as np

from orderparams.results.innovations import Innovations
from orderparams.run.doubts import COARSE, FEWEST_STEPS
from orderparams.run.whiteness import BOUNDS

ENGINE = 1.0
"""Mean square that the errors of expectations may add to the statistic of the mean."""


BEYOND = 25.0
"""Times that mean square, an excess is no error of expectations: five standard deviations."""


RARE = 0.5
"""Share of one sequence in what fluctuates, from which on its variance is not known: it would be
another one with other sequences."""


def doubt(found: Innovations, fewest: float) -> str:
    """Why the evidence cannot decide, and what would help, a line each; empty if it can. ``fewest``
    are the steps of the shortest interval."""
    reasons = (
        *(few_steps(fewest), many(found), nonlinear(found)),
        *(inexact(found), rare(found), blind(found)),
    )
    return "\n".join(filter(None, reasons))


def few_steps(fewest: float) -> str:
    """An innovation is the sum of many small ones."""
    if fewest >= FEWEST_STEPS - 0.5:
        return ""
    return (
        f"SGD made only {fewest:.0f} steps in an interval; innovations are normal after many small "
        f"ones. Take at least {FEWEST_STEPS}: a larger dimension or a longer time."
    )


def many(found: Innovations) -> str:
    """More squares see that the theory is the leading order in 1/D."""
    if found.dof <= found.limit_of_dof:
        return ""
    return (
        f"{found.dof} squares of innovations would see the next order in 1/D, which they must not "
        f"at D = {found.dimension} with more than {found.limit_of_dof:.0f}. Take a larger "
        "dimension, or fewer replicas."
    )


def nonlinear(found: Innovations) -> str:
    """Fluctuations that arise in an interval are not small in it."""
    if found.linear_dimension <= found.dimension:
        return ""
    return (
        f"What fluctuates in one interval is small for D above {found.linear_dimension:.3g} only, "
        f"not at D = {found.dimension}. Take a larger dimension, or shorter intervals: more times "
        "that are stored (output.points of a simulation) or a shorter time."
    )


def inexact(found: Innovations) -> str:
    """A deviation could be that of the expectations."""
    if not found.rejects or found.engine_share <= ENGINE:
        return ""
    means = found.mean_statistic
    excesses = (found.chi2 - found.dof, float(np.square(means).sum()) - means.size)
    if max(excesses) > BEYOND * found.engine_share:
        return ""
    return (
        "The innovations are beyond chance, but errors of the theory's own expectations can do "
        f"that: they add about {found.engine_share:.2g} to the squares of means. Raise "
        "expectation.samples, or lower expectation.tolerance."
    )


def rare(found: Innovations) -> str:
    """A deviation could be that of a variance which too few sequences tell."""
    if not found.rejects or found.sequence_share <= RARE:
        return ""
    return (
        "The innovations are beyond chance, but rare sequences make most of what some order "
        f"parameters fluctuate by: {found.sequence_share:.0%} of a variance is that of a single "
        "one of those that were looked at, so that it is not known. Compare means over replicas "
        "(validate --test replicas), or a shorter time."
    )


def blind(found: Innovations) -> str:
    """An error of the theory would not have been seen."""
    least = found.resolution
    if found.rejects or least <= COARSE:
        return ""
    words = "Even a theory with ten times the motion would not have been rejected"
    if least < BOUNDS[1]:
        words = f"Only an error of {least:.0%} of the theory's motion or more would have been seen"
    return (
        f"{words}, where {COARSE:.0%} is asked for: take a larger dimension, more replicas, or a "
        "time in which the order parameters move more."
    )
