"""Score tests of innovations: along what a theory is wrong, and by how much.

If a parameter θ of SGD is not that of the theory, innovations ε (R, T, n) have a mean, and their
covariance is another one,

    ε ~ N(θ d, e^{pθ}),    d = D^½ chol(Q)⁻¹ ∂X̂/∂θ,    Q ∝ e^{pθ}.

The score Σ d·ε + ½p (|ε|² − N) over the root of its variance Σ|d|² + ½p²N is normal by chance; the
fitted θ has the highest likelihood.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.results.causes import CAUSES, Cause, Score, expected

Array = NDArray[np.float64]

FAR = 7.0
"""|θ| of a factor beyond which none is looked for: a thousand."""


NEAR = 1.0
"""|θ| of a factor up to which a linear fit is told."""


class Fit(NamedTuple):
    """θ of the highest likelihood, its standard error, and twice what the logarithm gains."""

    theta: float
    error: float
    gain: float


def fitted(innovation: Array, derivative: Array, power: int) -> Fit:
    """The linear fit of θ."""
    count = innovation.size
    square, cross, slope = (
        float(np.vdot(a, b))
        for a, b in (
            (innovation, innovation),
            (innovation, derivative),
            (derivative, derivative),
        )
    )

    def twice(theta: Array) -> Array:
        rest = square - 2 * cross * theta + slope * theta**2
        return rest * np.exp(-power * theta) + power * count * theta

    if power == 0:
        theta = cross / slope if slope > 0 else 0.0
    else:
        low, high = -FAR, FAR
        while high - low > 1e-10:
            grid = np.linspace(low, high, 401)
            best = int(np.argmin(twice(grid)))
            low, high = grid[max(best - 1, 0)], grid[min(best + 1, 400)]
        theta = 0.5 * (low + high)
    known = slope * math.exp(-power * theta) + 0.5 * power**2 * count
    error = known**-0.5 if known > 0 else math.inf
    none, here = twice(np.array([0.0, theta]))
    return Fit(theta, error, float(none - here))


def derivative_of(cause: Cause, slopes: Array) -> Array:
    """d (R, T, n) of a cause, from whitened derivatives by log t, γV/B and λ (R, T, 3, n)."""
    found: Array = np.einsum("k,rtkn->rtn", np.array(cause.parts, dtype=float), slopes)
    return found


def scored(
    cause: Cause, innovation: Array, slopes: Array, rule: str, *, stepped: bool = False
) -> Score:
    """The score test of one cause; NaN where it moves nothing, of V in a theory without it, and of
    the dimension where times are not ``stepped``, told by steps."""
    derivative = derivative_of(cause, slopes)
    information = float(np.square(derivative).sum()) + 0.5 * cause.power**2 * innovation.size
    unknown = rule != "sgd" and cause.name in ("gradient", "learning_rate")
    unknown = unknown or (cause.name == "dimension" and not stepped)
    if information <= 0 or unknown:
        return Score(cause.name, math.nan, math.nan, math.nan, math.nan, 0.0)
    score = float(np.vdot(derivative, innovation))
    score += 0.5 * cause.power * (float(np.square(innovation).sum()) - innovation.size)
    z = score / math.sqrt(information)
    fit = fitted(innovation, derivative, cause.power)
    value, error = shown(cause, fit.theta, fit.error, rule)
    if cause.factor and any(cause.parts) and abs(fit.theta) > NEAR:
        value = error = math.nan
    return Score(cause.name, value, error, z, math.erfc(abs(z) / math.sqrt(2)), fit.gain)


def shown(cause: Cause, theta: float, error: float, rule: str) -> tuple[float, float]:
    """A fitted θ and its error as the value of a cause."""
    if cause.factor:
        return math.exp(theta), math.exp(theta) * error
    return expected(cause.name, rule) + theta, error


def score_tests(
    innovation: Array, slopes: Array, rule: str, *, stepped: bool = False
) -> list[Score]:
    """Of every cause, in their order."""
    return [scored(cause, innovation, slopes, rule, stepped=stepped) for cause in CAUSES]
