"""Risk, gradient and SGD noise of the committee machine from the covariance of its fields.

The fields λ_k = w_k·x/√D and ν_m = w*_m·x/√D are jointly Gaussian. With e = φ − φ_teacher, a sum of
coefficients c = (a, −b) times g of all fields,

    E = E[e²]/2 = ½ Σ c_i c_j E[g g],    V_kl = a_k a_l (E[e² g′_k g′_l] + σ² E[g′_k g′_l]).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams import interruption
from orderparams.compiled import kernel
from orderparams.models.committee import erf, relu

Array = NDArray[np.float64]


@kernel()
def two_point(
    rectified: bool, xx: float, xy: float, yy: float
) -> tuple[float, float, float, float]:
    """See :func:`erf.two_point`, and of ReLU if ``rectified``."""
    if rectified:
        return relu.two_point(xx, xy, yy)
    return erf.two_point(xx, xy, yy)


@kernel()
def risk_and_gradient(
    rectified: bool, covariance: Array, coefficients: Array, by_covariance: Array, by_second: Array
) -> float:
    """E; fills ∂E/∂covariance (n, n), symmetric with all entries independent, and ∂E/∂c (n,).

    covariance (n, n) of the fields, the coefficients c (n,).
    """
    risk = 0.0
    by_covariance[:] = 0.0
    by_second[:] = 0.0
    for i in range(coefficients.size):
        for j in range(coefficients.size):
            value, by_ii, by_ij, by_jj = two_point(
                rectified, covariance[i, i], covariance[i, j], covariance[j, j]
            )
            factor = 0.5 * coefficients[i] * coefficients[j]
            risk += factor * value
            by_second[i] += coefficients[j] * value
            by_covariance[i, i] += factor * by_ii
            by_covariance[i, j] += factor * by_ij
            by_covariance[j, j] += factor * by_jj
    return risk


@kernel()
def pair_covariance(
    rectified: bool, covariance: Array, coefficients: Array, noise: float, k: int, m: int
) -> tuple[float, float]:
    """V_km of two students, and its error estimate."""
    total = noise**2 * two_point(rectified, covariance[k, k], covariance[k, m], covariance[m, m])[2]
    chosen, c, error = np.empty(4, np.int64), np.empty((4, 4)), 0.0
    for i in range(coefficients.size):
        for j in range(i + 1):
            chosen[0], chosen[1], chosen[2], chosen[3] = k, m, i, j
            for p in range(4):
                for q in range(4):
                    c[p, q] = covariance[chosen[p], chosen[q]]
            if rectified:
                value, missed = relu.four_point(c)
            else:
                value, missed = erf.four_point(c)
            factor = coefficients[i] * coefficients[j] * (1.0 if i == j else 2.0)
            total += factor * value
            error += abs(factor) * missed
    weight = coefficients[k] * coefficients[m]
    return weight * total, abs(weight) * error


def gradient_covariance(
    rectified: bool, covariance: Array, coefficients: Array, noise: float, out: Array
) -> float:
    """Fills V of the students, the first K fields, out (K, K); returns its error estimate."""
    largest = 0.0
    for k in range(len(out)):
        for m in range(k + 1):
            interruption.check()  # a pair of many ReLU takes seconds
            value, error = pair_covariance(rectified, covariance, coefficients, noise, k, m)
            out[k, m] = out[m, k] = value
            largest = max(largest, error)
    return largest
