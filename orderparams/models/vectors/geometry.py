"""Learned vectors in R^D against hidden directions: overlaps, self-overlaps, residuals.

n vectors k_i and d orthonormal directions (times √D) have the overlaps m (n, d), the self-overlaps
q = k_i·k_j/D and the residual S = q − m mᵀ, the Gram matrix of what lies outside the directions;
W with S = W Wᵀ makes the reduced weights K = [m W].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Vectors:
    """overlap m (n, d), residual W (n, n), and further numbers (n,) by name, one a vector."""

    overlap: Array
    residual: Array
    numbers: Mapping[str, Array] = field(default_factory=dict)

    @property
    def weights(self) -> Array:
        """Reduced weights K = [m W], (n, d+n)."""
        return np.concatenate([self.overlap, self.residual], axis=1)

    @property
    def self_overlap(self) -> Array:
        """q = K Kᵀ, (n, n)."""
        weights = self.weights
        q: Array = weights @ weights.T
        return q

    @property
    def state(self) -> dict[str, Array]:
        """Overlap, self-overlap and all numbers by name."""
        return {"overlap": self.overlap, "self_overlap": self.self_overlap, **self.numbers}


def draw_vectors(
    seed: int, variance: float, dimension: int, count: int, directions: int
) -> tuple[Array, Array]:
    """Overlap (n, d) and residual (n, n) of i.i.d. Gaussian vectors in dimension D.

    k_i ~ N(0, variance·I_D) has m_if ~ N(0, variance/D), and the part orthogonal to the hidden
    directions has a Gram matrix that is Wishart with D − d degrees of freedom: Bartlett's factor.
    """
    generator = np.random.default_rng(seed)
    overlap = generator.standard_normal((count, directions))
    factor = np.tril(generator.standard_normal((count, count)), -1)
    degrees = dimension - directions - np.arange(count)
    factor[np.diag_indices(count)] = np.sqrt(generator.chisquare(degrees))
    scale = np.sqrt(variance / dimension)
    return scale * overlap, scale * factor


def residual_factor(covariance: Array) -> Array:
    """The symmetric square root of a residual q − m mᵀ (n, n); rounding below zero is cut off."""
    eigenvalues, axes = np.linalg.eigh(covariance)
    floor = 1e-14 * max(1.0, float(np.abs(eigenvalues).max()))
    roots = np.sqrt(np.where(eigenvalues > floor, eigenvalues, 0.0))
    factor: Array = (axes * roots) @ axes.T
    return factor


def equal_vectors(vectors: Vectors) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the distinct vectors (G,), and for every vector which of them it equals (n,)."""
    rows = np.column_stack([vectors.weights, *vectors.numbers.values()])
    equal = np.abs(rows[:, None] - rows[None]).max(axis=2) <= 1e-14 * max(1.0, np.abs(rows).max())
    first, group = np.unique(equal.argmax(axis=1), return_inverse=True)
    return first, group
