"""What momentum adds to the mean of SGD at order 1/D.

With velocities v ← μv + Δ of the vectors w, z = w + r v, r = μ/(1−μ), moves by Δ/(1−μ): z is plain
SGD with learning rate γ_e = γ/(1−μ), whose gradient is taken at w. As |v|²/D is of order 1/D, C and
S are those of plain SGD. In the mean, with κ = γ_e² μ/(B(1−μ²)) and the flow f, w is behind z by

    lag = −r γ_e f − κV,    V in q only,

and as z, w and the gradient are three vectors, the drift of q gains, with the mean change Ā of the
vectors in one step, which is NW outside the hidden directions,

    2 r γ_e Ā Āᵀ + κ (NV + VN).

Numbers may move by Mv, M a function of them, and at once by a part f₀ of f, of which v has no part,
as scores of importances do. Then f − f₀ stands in their lag, and as M turns with every step while
v stays, z gains over γ_e, with C of the numbers and K = μ/(1+μ) C M⁻¹ + r f M⁻¹(f − f₀),

    Σ_ja K_aj ∂_a M_ij.

A step by φ = a + s, s the square in q, moves w by a(1 − μ^m) + s(1 − μ^m)² in m steps, all in units
of what it moves z by. So z is ahead by two parts that fade by μ and μ², with pushes a + 2s and −s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.models.interface import Memory

Array = NDArray[np.float64]


class Turned(NamedTuple):
    """Numbers (k,) by their ``name`` that move by Mv: f₀ (k,), M (k, k) and ∂_a M_ij (k, k, k)."""

    name: str
    at_once: Array
    matrix: Array
    bent: Array


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

    def turning(self, turned: Turned, velocity: Array, covariance: Array) -> Array:
        """What such numbers gain (k,), from their f (k,) and C (k, k)."""
        back = np.linalg.pinv(turned.matrix)
        crossed = self.share / (1 + self.share) * covariance @ back
        mean = self.share / (1 - self.share) * velocity
        crossed += np.outer(mean, back @ (velocity - turned.at_once))
        found: Array = self.rate * np.einsum("ija,aj->i", turned.bent, crossed)
        return found


def pull_of(average: Array, weights: Array, directions: int) -> Array:
    """N (n, n) of Ā (n, d+n) at vectors K with d hidden directions, that are independent outside
    them."""
    found = np.linalg.solve(weights[:, directions:].T, average[:, directions:].T)
    return np.asarray(found.T, dtype=np.float64)
