"""The order parameters of n vectors as one vector X: m (n, d), q (lower triangle), and the numbers.

The flow is differentiated in Y = (m, s, numbers), s = q − m mᵀ, where the states of vectors are a
cone of s at any m; in X one may step out of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.models.vectors.flow import Parts

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Of n vectors with d hidden directions; ``rates`` and ``shapes`` are the learning rates of the
    numbers, and what they are arrays of."""

    count: int
    directions: int
    rates: Mapping[str, float]
    shapes: Mapping[str, tuple[int, ...]]

    @property
    def triangle(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and columns of the entries of q."""
        return np.tril_indices(self.count)

    @property
    def overlaps(self) -> int:
        """Entries of m, which stand first."""
        return self.count * self.directions

    @property
    def size(self) -> int:
        """All entries."""
        return self.overlaps + len(self.triangle[0]) + sum(map(math.prod, self.shapes.values()))

    @property
    def still(self) -> dict[str, Array]:
        """Numbers that are zero."""
        return {name: np.zeros(shape) for name, shape in self.shapes.items()}

    def pack(self, overlap: Array, square: Array, numbers: Mapping[str, Array]) -> Array:
        """X or Y (…, N) from m (…, n, d), q or s (…, n, n) and numbers (…)."""
        rows, columns = self.triangle
        leading = overlap.shape[:-2]
        learned = [numbers[name].reshape(*leading, -1) for name in self.shapes]
        parts = [overlap.reshape(*leading, -1), square[..., rows, columns], *learned]
        packed: Array = np.concatenate(parts, axis=-1)
        return packed

    def unpack(self, packed: Array) -> Parts:
        """The parts of one X or Y (N,)."""
        rows, columns = self.triangle
        own = [math.prod(shape) for shape in self.shapes.values()]
        ends = np.cumsum([self.overlaps, len(rows), *own])[:-1]
        overlap, lower, *learned = np.split(packed, ends)
        square = np.zeros((self.count, self.count))
        square[rows, columns] = square[columns, rows] = lower
        numbers = {
            name: of.reshape(shape)
            for (name, shape), of in zip(self.shapes.items(), learned, strict=True)
        }
        return Parts(overlap.reshape(self.count, self.directions), square, numbers)

    def place(self, name: str) -> slice:
        """Where a number stands."""
        sizes = {other: math.prod(shape) for other, shape in self.shapes.items()}
        before = list(sizes).index(name)
        start = self.size - sum(list(sizes.values())[before:])
        return slice(start, start + sizes[name])

    def slopes(self, overlap: Array) -> Array:
        """∂Y/∂X (N, N) at m (n, d): ds = dq − dm mᵀ − m dmᵀ."""
        found = np.eye(self.size)
        rows, columns = self.triangle
        entry = self.overlaps + np.arange(len(rows))
        for f in range(self.directions):
            np.add.at(found, (entry, rows * self.directions + f), -overlap[columns, f])
            np.add.at(found, (entry, columns * self.directions + f), -overlap[rows, f])
        return found

    def spread(self, covariance: Array) -> Array:
        """Σ_f Cov(m_if, m_jf) (n, n) from the covariance (N, N) of X."""
        shape = (self.count, self.directions, self.count, self.directions)
        own = covariance[: self.overlaps, : self.overlaps].reshape(shape)
        spread: Array = np.einsum("ifjf->ij", own)
        return spread

    def random(self, variances: Array) -> Array:
        """D times the covariance (N, N) of X of vectors drawn from N(0, v_i·I_D), v (n,): v_i of
        m_i, v_i v_j (δ_ik δ_jl + δ_il δ_jk) of q_ij with q_kl."""
        rows, columns = self.triangle
        same = np.equal.outer
        pairs = same(rows, rows) & same(columns, columns)
        crossed = same(rows, columns) & same(columns, rows)
        found = np.zeros((self.size, self.size))
        found[: self.overlaps, : self.overlaps] = np.diag(np.repeat(variances, self.directions))
        own = slice(self.overlaps, self.overlaps + len(rows))
        sizes = variances[rows] * variances[columns]
        found[own, own] = sizes[:, None] * (pairs.astype(float) + crossed)
        return found
