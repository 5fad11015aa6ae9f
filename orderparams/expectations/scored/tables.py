"""Laplace kernels of a score, K_j(τ + f(χ)) with K_j(x) = exp(jx − eˣ), and derivatives in χ.

Since K_j' = jK_j − K_{j+1}, derivatives in the score f stay among the K_j; those in χ follow by
the chain rule from f′ and f″.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.arrays import Array1, Array2, Array4
from orderparams.compiled import FAST, kernel
from orderparams.expectations.curves import tabulate
from orderparams.expectations.separate.smoothing import FINITE

Array = NDArray[np.float64]

HIGHEST = 4


class Scores(NamedTuple):
    """e^f, f′ and f″ at some logits, arrays of one shape."""

    factor: Array
    first: Array
    second: Array


def scores(curve: Any, logits: Array) -> Scores:
    """The score at logits of any shape."""
    out = np.empty((3, logits.size))
    tabulate(curve, np.ascontiguousarray(logits).reshape(-1), out)
    out[0] = np.exp(np.minimum(out[0], FINITE))
    return Scores(*out.reshape(3, *logits.shape))


def kernels(scale: Array, factor: Array) -> Array:
    """K_0 − 1, K_1 … K_4 at e^τ = scale (n,) and e^f = factor (g,): (5, n, g)."""
    y = np.minimum(scale[:, None] * factor, FINITE)
    out = np.empty((HIGHEST + 1, *y.shape))
    out[0] = np.expm1(-y)
    out[1] = y * np.exp(-y)
    for j in range(2, HIGHEST + 1):
        out[j] = y * out[j - 1]
    return out


def in_score(table: Array, j: int, order: int) -> Array:
    """The first or second derivative of K_j in the score, from its table."""
    found: Array = -table[j + 1] if order == 1 else table[j + 2] - (2 * j + 1) * table[j + 1]
    return found + j**order * table[j] if j else found


@kernel(inlined=False, fastmath=FAST)
def smooth_scores(
    scale: Array1, factor: Array2, first: Array2, second: Array2, weights: Array1, out: Array4
) -> None:
    """K_0 − 1 and K_1 of scores (g, e), and their first and second derivatives in χ, summed over e
    with weights: fills out (2, 3, n, g)."""
    for i in range(scale.size):
        for g in range(factor.shape[0]):
            p0, p1, p2, q0, q1, q2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for e in range(weights.size):
                y = min(scale[i] * factor[g, e], 700.0)
                d1, d2 = first[g, e], second[g, e]
                alive = weights[e] * np.exp(-y)
                k1 = y * alive
                k2 = y * k1
                k3 = y * k2
                p0 -= weights[e] - alive if y > 1e-2 else weights[e] * small_decay(y)
                p1 -= d1 * k1
                p2 += d1 * d1 * (k2 - k1) - d2 * k1
                q0 += k1
                q1 += d1 * (k1 - k2)
                q2 += d1 * d1 * (k1 - 3.0 * k2 + k3) + d2 * (k1 - k2)
            out[0, 0, i, g], out[0, 1, i, g], out[0, 2, i, g] = p0, p1, p2
            out[1, 0, i, g], out[1, 1, i, g], out[1, 2, i, g] = q0, q1, q2


@kernel(fastmath=FAST)
def small_decay(y: float) -> float:
    """1 − e^{−y} for 0 ≤ y ≤ 0.01, to its last digits."""
    x = 1.0 / 720.0 - y / 5040.0
    x = 1.0 / 120.0 - y * x
    x = 1.0 / 24.0 - y * x
    x = 1.0 / 6.0 - y * x
    x = 0.5 - y * x
    return y * (1.0 - y * x)
