"""Gaussian expectations of g(x) = erf(x/√2), all in closed form.

g′(x) = √(2/π) e^{−x²/2} turns one Gaussian into another, and E[g(x) g(y)] is an arc sine (Saad and
Solla 1995, who call these integrals I₂ and I₄).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel

Array = NDArray[np.float64]


@kernel()
def activation(x: float) -> float:
    """g(x)."""
    return math.erf(x / math.sqrt(2.0))


@kernel()
def slope(x: float) -> float:
    """g′(x)."""
    return math.sqrt(2.0 / math.pi) * math.exp(-0.5 * x * x)


@kernel()
def two_point(xx: float, xy: float, yy: float) -> tuple[float, float, float, float]:
    """E[g(x) g(y)] for variances xx, yy and covariance xy, and its derivatives in xx, xy and yy.

    The derivative in xy is E[g′(x) g′(y)].
    """
    determinant = (1.0 + xx) * (1.0 + yy) - xy * xy
    root = math.sqrt(determinant)
    value = 2.0 / math.pi * math.atan2(xy, root)
    factor = -xy / (math.pi * root)
    return value, factor / (1.0 + xx), 2.0 / (math.pi * root), factor / (1.0 + yy)


@kernel()
def four_point(c: Array) -> tuple[float, float]:
    """E[g′(x₀) g′(x₁) g(x₂) g(x₃)] for a covariance c (4, 4), and its error, zero.

    The two slopes leave a Gaussian law of x₂ and x₃ with the covariance
    c_ij − c_iA (1 + c_AA)⁻¹ c_Aj, A = {0, 1}.
    """
    p, q, r = 1.0 + c[0, 0], 1.0 + c[1, 1], c[0, 1]
    determinant = p * q - r * r
    tilted = np.empty((2, 2))
    for i in range(2):
        a, b = c[2 + i, 0], c[2 + i, 1]
        for j in range(2):
            d, e = c[2 + j, 0], c[2 + j, 1]
            tilted[i, j] = (
                c[2 + i, 2 + j] - (q * a * d - r * (a * e + b * d) + p * b * e) / determinant
            )
    value = two_point(tilted[0, 0], tilted[0, 1], tilted[1, 1])[0]
    return 2.0 / (math.pi * math.sqrt(determinant)) * value, 0.0
