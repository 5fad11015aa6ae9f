"""Vectors that keep their lengths (theory 10d).

A velocity of m and of W, or of the residual S where there is noise, loses its part along each
vector: with ν_i = (dq_ii/dt) / (2 q_ii) of the free motion, noise included,

    dm_i/dt ← dm_i/dt − ν_i m_i,    dW_i/dt ← dW_i/dt − ν_i W_i,
    dS_ij/dt ← dS_ij/dt − (ν_i + ν_j) S_ij.

No matrix is factored, so that vectors may come into the span of the hidden directions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def tangential(
    overlap: Array, residual: Array, motion: Array, drift: Array, *, stochastic: bool
) -> tuple[Array, Array]:
    """Free velocities of the overlap m (n, d) and of the residual (n, n), S if stochastic, else W,
    without what changes lengths."""
    if stochastic:
        squares = (overlap**2).sum(1) + np.diag(residual)
        stretch = ((overlap * motion).sum(1) + 0.5 * np.diag(drift)) / squares
        drift = drift - np.add.outer(stretch, stretch) * residual
        return motion - stretch[:, None] * overlap, drift
    squares = (overlap**2).sum(1) + (residual**2).sum(1)
    stretch = ((overlap * motion).sum(1) + (residual * drift).sum(1)) / squares
    return motion - stretch[:, None] * overlap, drift - stretch[:, None] * residual
