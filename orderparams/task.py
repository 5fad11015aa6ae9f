"""The task: sequence lengths, and the law P_θ of the signal (theory 1)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orderparams import memory

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Signal:
    """P_θ, a finite mixture of C Gaussians in F feature directions.

    weights (C,) sum to one; means (C, F); covariances (C, F, F), zero for a point mass.
    """

    weights: Array
    means: Array
    covariances: Array

    @property
    def features(self) -> int:
        """Number F of signal directions."""
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


def point_masses(points: ArrayLike) -> Signal:
    """Equal weights on the given points (C, F)."""
    means = np.atleast_2d(np.asarray(points, dtype=np.float64))
    count, features = means.shape
    memory.require(
        3 * 8 * count * features**2,
        f"a signal of {count} components in {features} directions",
        "give task.signal fewer directions",
    )
    return Signal(np.full(count, 1 / count), means, np.zeros((count, features, features)))


def spikes(strengths: ArrayLike) -> Signal:
    """The F points +√ν_f e_f with equal weight; strengths ν (F,)."""
    return point_masses(np.diag(np.sqrt(np.asarray(strengths, dtype=np.float64))))


def flipped_spikes(strengths: ArrayLike) -> Signal:
    """The 2F points ±√ν_f e_f with equal weight; strengths ν (F,)."""
    points = np.diag(np.sqrt(np.asarray(strengths, dtype=np.float64)))
    return point_masses(np.concatenate([points, -points]))


def hypercube(mean: ArrayLike, strengths: ArrayLike) -> Signal:
    """mean + Σ_f ±√ν_f e_f over all sign patterns of the directions with ν_f > 0, equal weight."""
    center = np.asarray(mean, dtype=np.float64)
    edges = np.diag(np.sqrt(np.asarray(strengths, dtype=np.float64)))
    edges = edges[edges.any(axis=1)]
    signs = np.array(list(itertools.product([1.0, -1.0], repeat=len(edges))))
    return point_masses(center + signs.reshape(-1, len(edges)) @ edges)


def gaussian(mean: ArrayLike, covariance: ArrayLike) -> Signal:
    """One Gaussian with mean (F,) and covariance (F, F)."""
    center = np.asarray(mean, dtype=np.float64)
    return Signal(np.ones(1), center[None], np.asarray(covariance, dtype=np.float64)[None])


@dataclass(frozen=True, eq=False)
class Task:
    """Single-location regression: law on the number L of tokens, P_θ, and the target.

    lengths (n,) with probabilities length_weights (n,); target "token" or "scalar"; noise is the
    standard deviation Δ of the label noise of the scalar target.
    """

    lengths: NDArray[np.int64]
    length_weights: Array
    signal: Signal
    target: str = "token"
    noise: float = 0.0
