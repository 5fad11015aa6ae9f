"""What the rooms are given: a mixture of Gaussians, and a law of sequence lengths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.arrays import Array1, Integers1

Array = NDArray[np.float64]


class Lengths(NamedTuple):
    """Law of a sequence's length L: numbers L − 1 ≥ 1 of other tokens (n,), probabilities (n,)."""

    others: Integers1
    shares: Array1


@dataclass(frozen=True, eq=False)
class Mixture:
    """A finite mixture of C Gaussians in F directions.

    weights (C,) sum to one; means (C, F); covariances (C, F, F), zero for a point mass.
    """

    weights: Array
    means: Array
    covariances: Array

    @property
    def features(self) -> int:
        """Number F of directions."""
        return int(self.means.shape[1])

    @property
    def mean(self) -> Array:
        """E[θ], shape (F,)."""
        mean: Array = self.weights @ self.means
        return mean

    @property
    def second_moment(self) -> Array:
        """E[θ θᵀ], shape (F, F)."""
        outer = self.means[:, :, None] * self.means[:, None, :]
        moment: Array = np.einsum("c,cfg->fg", self.weights, outer + self.covariances)
        return moment

    @property
    def covariance(self) -> Array:
        """Cov θ, shape (F, F)."""
        return self.second_moment - np.outer(self.mean, self.mean)
