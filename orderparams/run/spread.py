"""How the spread of replicas falls with D or with the learning rate, and how well so few tell it.

For Gaussian fluctuations with covariance C the squares of a replica, summed over all numbers, are
a mixture of χ² that behaves as one with ν = (R − 1)·n degrees of freedom, n = (tr C)²/tr C² the
effective number of independent numbers (Satterthwaite). Then ln spread has the variance ψ'(ν/2)/4
(ψ' the trigamma function). n follows from how unlike the replicas' deviations are: unbiased
estimates of tr C² and (tr C)² from all dimensions, or learning rates, together, since C ∝ 1/D, or
C ∝ γ, has one shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import polygamma

from orderparams.models.limit import Value
from orderparams.results.comparison import Scaling

Array = NDArray[np.float64]

FEWEST_DEGREES = 4
"""Degrees of freedom, Σ_D (R_D − 1), below which the effective number cannot be told."""

OFF = 0.2
"""How far the exponent may be from −1/2, or 1/2, before the limit counts as too far ..."""

SURE = 3.0
"""... if it is as many standard errors away."""

DOUBTFUL = 2.0
"""Standard errors from which on a shorter stretch of time is judged, if there is one."""

NEAR = 0.1
"""How far it may be at the end of a stretch of time that is judged instead of the whole."""

FEWEST_TIMES = 3
"""Stored times, the start among them, below which there is no course to judge."""

RAISE = 1.25
"""With it the exponent's error is right within about 10 % from 3 replicas on, for one pattern, a
random walk, and independent numbers alike."""


def scaling(deviations: Mapping[Value, Mapping[str, Array]]) -> Scaling:
    """Fit the exponent from deviations name → (R, T, …) at two or more values, such as of D."""
    rows = [centred(values) for values in deviations.values()]
    degrees = np.array([len(row) - 1 for row in rows])
    squares = np.array([(row**2).sum() for row in rows])
    spread = np.sqrt([(row**2).mean(1).sum() for row in rows] / degrees)
    values = np.array(list(deviations))
    x = np.log(values) - np.log(values).mean()
    slope = x / (x @ x)
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = [row / size for row, size in zip(rows, np.sqrt(squares / degrees), strict=True)]
        independent = effective_number(scaled)
        error = 0.5 * np.sqrt(polygamma(1, 0.5 * degrees * independent))
        exponent = float(slope @ np.log(spread))
    return Scaling(values, spread, exponent, float(np.linalg.norm(slope * error)))


def is_off(fall: Scaling, power: float, sure: float = SURE) -> bool:
    """Whether the spread falls otherwise than as D^(power/2): D is too far from the limit."""
    off = abs(fall.exponent - 0.5 * power)
    return bool(off > OFF and off > sure * fall.standard_error)


def near_the_limit(
    deviations: Mapping[Value, Mapping[str, Array]], power: float, least: int
) -> int:
    """How many of the stored times T, from the first on, have a spread that falls as it should.

    T unless the whole falls otherwise, or no shorter stretch of ``least`` times or more falls as it
    should. The spread says nothing of the mean, so that a choice by it leaves p-values as they are.
    """
    times: int = min(values.shape[1] for side in deviations.values() for values in side.values())
    if not is_off(scaling(deviations), power, DOUBTFUL):
        return times
    for end in range(times - 1, max(least, FEWEST_TIMES) - 1, -1):
        if abs(scaling(until(end, deviations)).exponent - 0.5 * power) < NEAR:
            return end
    return times


def until(end: int, values: Mapping[Value, Mapping[str, Array]]) -> dict[Value, dict[str, Array]]:
    """Values name → (R, T, …) at the first times alone."""
    return {
        value: {name: rows[:, :end] for name, rows in side.items()}
        for value, side in values.items()
    }


def centred(values: Mapping[str, Array]) -> Array:
    """All numbers that were measured as rows (R, K), without their mean over replicas."""
    rows = [np.reshape(value, (len(value), -1)) for value in values.values()]
    y = np.concatenate([row[:, ~np.isnan(row).all(0)] for row in rows], axis=1)
    centre: Array = y - y.mean(0)
    return centre


def effective_number(rows: Sequence[Array]) -> float:
    """(tr C)²/tr C² from centred rows (R_D, K) of every dimension, scaled to the trace R_D − 1.

    NaN below FEWEST_DEGREES. The share 1/n of a number is the quotient of two unbiased estimates;
    it is raised for its own scatter, unless all numbers are one and the same: turned over, a
    quantity of k degrees of freedom is k/(k − 2) too large on the average, and a strong pattern
    among weaker ones is easily missed by few replicas. :data:`RAISE` was set by simulation.
    """
    n = sum(len(row) - 1 for row in rows)
    if n < FEWEST_DEGREES:
        return np.nan
    # The trace of the pooled sample covariance is 1; its square is that of the Gram matrix.
    alike = sum(float(((a @ b.T) ** 2).sum()) for a in rows for b in rows) / n**2
    square = n**2 / ((n - 1) * (n + 2)) * (alike - 1 / n)
    share = min(1.0, max(square / (1 - 2 * square / n), 0.0))
    k = (n - 1) * (n + 2) / 2
    raised = share * (1 + (1 - share) * (2 / (k - 2) + RAISE / n))
    return 1 / min(1.0, raised) if raised else np.inf
