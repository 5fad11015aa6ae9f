"""What momentum adds to the mean of SGD at order 1/D.

With velocities v ← μv + Δ of the vectors w, z = w + r v, r = μ/(1−μ), moves by Δ/(1−μ): z is plain
SGD with learning rate γ_e = γ/(1−μ), whose gradient is taken at w. As |v|²/D is of order 1/D, C and
S are those of plain SGD. In the mean, with κ = γ_e² μ/(B(1−μ²)) and the flow f, w is behind z by

    lag = −r γ_e f − κV,    V in q only,

and as z, w and the gradient are three vectors, the drift of q gains, with the mean change Ā of the
vectors in one step, which is NW outside the hidden directions,

    2 r γ_e Ā Āᵀ + κ (NV + VN).

A step by φ = a + s, s the square in q, moves w by a(1 − μ^m) + s(1 − μ^m)² in m steps, all in units
of what it moves z by. So z is ahead by two parts that fade by μ and μ², with pushes a + 2s and −s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.models.interface import Memory

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Momentum:
    """Momentum μ of steps with learning rate γ_e and batch size B."""

    share: float
    rate: float
    batch: int

    @property
    def memory(self) -> float:
        """r γ_e."""
        return self.share / (1 - self.share) * self.rate

    @property
    def scatter(self) -> float:
        """κ."""
        return self.rate**2 * self.share / (self.batch * (1 - self.share**2))

    def lag(self, velocity: Array, noise: Array) -> Array:
        """Of order parameters (N,) with velocities f, which V drives so (N,); times D."""
        return -self.memory * velocity - self.scatter * noise

    def ahead(self, velocity: Array, noise: Array, covariance: Array, squares: Array) -> Memory:
        """What z is ahead by, of the same and of C (N, N) and those of squares (2, N, N)."""
        crossed, own = squares
        half = covariance + crossed  # of φ and of a + 2s
        pushes = [
            [covariance, half, -crossed],
            [half.T, half + crossed.T + own, -(crossed + own)],
            [-crossed.T, -(crossed + own).T, own],
        ]
        square = self.rate * noise / self.batch
        mean = self.rate * np.array([velocity + square, -square])
        return Memory(self.share, mean, self.rate**2 * np.array(pushes))

    def drift(self, average: Array, pull: Array, covariance: Array) -> Array:
        """What q gains (n, n), from Ā (n, d+n), N (n, n) and V (n, n)."""
        half = pull @ covariance
        gained: Array = 2 * self.memory * average @ average.T + self.scatter * (half + half.T)
        return gained


def pull_of(average: Array, weights: Array, directions: int) -> Array:
    """N (n, n) of Ā (n, d+n) at vectors K with d hidden directions, that are independent outside
    them."""
    found = np.linalg.solve(weights[:, directions:].T, average[:, directions:].T)
    return np.asarray(found.T, dtype=np.float64)
