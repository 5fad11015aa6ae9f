"""Linear attention, φ(x) = x: every expectation is a polynomial."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.expectations.elementwise import Derivatives, Expected

Array = NDArray[np.float64]


class Linear(NamedTuple):
    """φ(x) = x."""

    def expected(self, means: Array, covariances: Array) -> Expected:
        """E[φ], E[φφ′] and their derivatives at logits of a law: see :class:`Expected`."""
        ones, zeros = np.ones_like(means), np.zeros_like(means)
        product = means[:, :, None] * means[:, None, :] + covariances
        first = np.broadcast_to(means[:, None, :], product.shape)
        return Expected(
            means, ones, zeros, product, first, np.zeros_like(product), np.ones_like(product)
        )

    def derivatives(self, means: Array, covariances: Array) -> Derivatives:
        """Of E[φ] and E[φφ′] in the means: see :class:`Derivatives`."""
        found = self.expected(means, covariances)
        alone, together = np.zeros((5, *means.shape)), np.zeros((5, 5, *covariances.shape))
        alone[:2] = found.value, found.slope
        together[0, 0], together[1, 0], together[1, 1] = found.product, found.first, found.cross
        together[0, 1] = found.first.swapaxes(1, 2)
        return Derivatives(alone, together)

    def squares(self, means: Array, covariances: Array, v: Array, away: Array) -> Array:
        """E[(away + Σ_j v_j φ_j)² φ′_h φ′_h'] of each law, (C, H, H); φ′ = 1."""
        count = len(v)
        square = (away + means @ v) ** 2 + (covariances @ v) @ v
        spread: Array = np.broadcast_to(square[:, None, None], (len(away), count, count))
        return spread


CURVE = Linear()


@kernel()
def curve(of: Linear, x: float) -> tuple[float, float, float]:
    """φ and its first two derivatives."""
    return x, 1.0, 0.0
