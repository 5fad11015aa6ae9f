"""The task: sequence lengths, and the law P_θ of the signal (theory 1)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orderparams import memory
from orderparams.expectations.laws import Lengths, Mixture

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Signal(Mixture):
    """P_θ, a finite mixture of C Gaussians in F feature directions."""


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
    standard deviation Δ of the label noise of the scalar target, signal_noise γ_s that of the token
    with the signal in all directions. The signal is along orthogonal directions; where those of the
    configuration are not, they are the rows of ``frame`` B (F, F)
    (:mod:`~orderparams.models.single_location.correlation`).
    """

    lengths: NDArray[np.int64]
    length_weights: Array
    signal: Signal
    target: str = "token"
    noise: float = 0.0
    signal_noise: float = 1.0
    frame: Array | None = None

    @property
    def signal_variance(self) -> float:
        """γ_s², the variance of the token with the signal in all directions."""
        return self.signal_noise**2

    @property
    def other_tokens(self) -> Lengths:
        """Law of the number of noise tokens, L − 1."""
        return Lengths(self.lengths - 1, self.length_weights)

    @property
    def label_noise(self) -> float:
        """Δ² of the scalar target, the part of the risk that no heads change; else zero."""
        return self.noise**2 if self.target == "scalar" else 0.0
