"""One normaliser for all tokens: expectations by the Laplace transform in τ (theory 5b).

With K_j(s) = e^{js − e^s} and scores x, a joint normaliser needs Φ_j(τ) = E_noise[K_j(τ+x)] and
Ψ_j(τ) = E_signal[K_j(τ+x)] on a grid in τ. Both are sums over a lattice in x, and since the kernels
depend on τ + x alone, one table of each serves all pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.expectations.joint.resolution import Resolution
from orderparams.expectations.joint.scores import Lattice
from orderparams.expectations.lanes import BLOCK, LANES, fma, lane_sum, load, row_vectors, splat
from orderparams.expectations.laws import Lengths

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

CHUNK = 512
"""Entries of a table come in so many, so that similar states share it."""

DEAD = 4.0
"""K_j(s) is NEGLIGIBLE for s above this and j ≤ 6."""

NEGLIGIBLE = 1e-20
"""Values of the kernels below this are taken for zero."""


@dataclass(frozen=True)
class TauGrid:
    """τ = step · (start + i), i = 0 … size−1; ``stride`` points of the scores' lattice a step."""

    start: int
    size: int
    step: float
    stride: int

    @classmethod
    def over(cls, low: float, high: float, resolution: Resolution) -> TauGrid:
        """Grid on multiples of the step that covers [low, high]."""
        step = resolution.tau_step
        start = int(np.floor(low / step))
        return cls(start, int(np.ceil(high / step)) - start + 1, step, resolution.scores_per_step)

    @property
    def rates(self) -> Array:
        """e^τ, shape (size,); so large ones that nothing is left are cut off."""
        values = self.step * np.arange(self.start, self.start + self.size, dtype=np.float64)
        return np.exp(np.minimum(values, 700.0))


class Table(NamedTuple):
    """1 − K_0, K_0, K_1 … at every τ + x: entry first + i·stride + k of a row for (τ_i, x_k).

    spans (kernels, 2): the first entry of a row that is not NEGLIGIBLE, and the one after the last.
    """

    values: Array
    spans: Integers
    first: int
    stride: int

    def row(self, at: int) -> Table:
        """The table of one kernel."""
        return self._replace(values=self.values[at : at + 1], spans=self.spans[at : at + 1])


def kernel_table(grid: TauGrid, lattice: Lattice, highest: int, shift: float = 0.0) -> Table:
    """The kernels up to K_highest for a grid and a lattice, at every τ + x + shift."""
    size = (grid.size - 1) * grid.stride + lattice.size
    first = grid.start * grid.stride + lattice.start
    begin, end = first // CHUNK, (first + size + 3 * grid.stride + BLOCK) // CHUNK + 1
    rows = _kernel_values(lattice.step, begin * CHUNK, end * CHUNK, highest, shift)
    return Table(*rows, first - begin * CHUNK, grid.stride)


@lru_cache(maxsize=16)
def _kernel_values(
    step: float, begin: int, end: int, highest: int, shift: float
) -> tuple[Array, Integers]:
    """1 − K_0, K_0, K_1 … K_highest at step · n + shift, n = begin … end−1, and their spans."""
    score = np.minimum(step * np.arange(begin, end) + shift, 50.0)
    rate = np.exp(score)
    powers = np.multiply.outer(np.arange(highest + 1), score)
    values = np.concatenate([-np.expm1(-rate)[None], np.exp(powers - rate)])
    counted = np.greater_equal(values, NEGLIGIBLE)
    ends = values.shape[1] - counted[:, ::-1].argmax(axis=1)
    spans = np.column_stack([counted.argmax(axis=1), ends])
    return values, np.where(counted.any(axis=1)[:, None], spans, 0)


@kernel()
def to_tau(table: Table, laws: Array, out: Array) -> None:
    """Σ_k table(τ_i + x_k) law_k of both laws: fills out (2, kernels, τ).

    laws (2, x) are filled up with zeros to whole BLOCKs, and out to a multiple of four in τ.
    """
    rows, spans, first, stride = table
    values, length = rows.reshape(-1), rows.shape[1]
    masses = row_vectors(laws)
    for row in range(out.shape[1]):
        for i in range(0, out.shape[2], 4):
            at = first + i * stride
            begin = max(0, (spans[row, 0] - at - 3 * stride) // LANES)
            end = min(masses.shape[1], (spans[row, 1] - at + LANES - 1) // LANES)
            at += row * length + begin * LANES
            a, b, c, d = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
            e, f, g, h = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
            for k in range(begin, end):
                one, other = masses[0, k], masses[1, k]
                value = load(values, at)
                a, e = fma(value, one, a), fma(value, other, e)
                value = load(values, at + stride)
                b, f = fma(value, one, b), fma(value, other, f)
                value = load(values, at + 2 * stride)
                c, g = fma(value, one, c), fma(value, other, g)
                value = load(values, at + 3 * stride)
                d, h = fma(value, one, d), fma(value, other, h)
                at += LANES
            out[0, row, i], out[0, row, i + 1] = lane_sum(a), lane_sum(b)
            out[0, row, i + 2], out[0, row, i + 3] = lane_sum(c), lane_sum(d)
            out[1, row, i], out[1, row, i + 1] = lane_sum(e), lane_sum(f)
            out[1, row, i + 2], out[1, row, i + 3] = lane_sum(g), lane_sum(h)


@kernel()
def to_score(table: Table, adjoints: Array, out: Array) -> None:
    """Add Σ_i Σ_j adjoints_nji K_j(τ_i + x_k) to out (2, x), whole BLOCKs; (2, kernels, τ)."""
    rows, spans, first, stride = table
    values, length = rows.reshape(-1), rows.shape[1]
    sums = row_vectors(out)
    for j in range(adjoints.shape[1]):
        if not adjoints[:, j].any():
            continue
        for k in range(0, sums.shape[1], 4):
            at = first + k * LANES
            begin = max(0, (spans[j + 1, 0] - at - BLOCK) // stride)
            end = min(adjoints.shape[2], (spans[j + 1, 1] - at + stride - 1) // stride)
            at += (j + 1) * length + begin * stride
            a, b, c, d = sums[0, k], sums[0, k + 1], sums[0, k + 2], sums[0, k + 3]
            e, f, g, h = sums[1, k], sums[1, k + 1], sums[1, k + 2], sums[1, k + 3]
            for i in range(begin, end):
                one, other = adjoints[0, j, i], adjoints[1, j, i]
                value = load(values, at)
                a, e = fma(value, one, a), fma(value, other, e)
                value = load(values, at + LANES)
                b, f = fma(value, one, b), fma(value, other, f)
                value = load(values, at + 2 * LANES)
                c, g = fma(value, one, c), fma(value, other, g)
                value = load(values, at + 3 * LANES)
                d, h = fma(value, one, d), fma(value, other, h)
                at += stride
            sums[0, k], sums[0, k + 1], sums[0, k + 2], sums[0, k + 3] = a, b, c, d
            sums[1, k], sums[1, k + 1], sums[1, k + 2], sums[1, k + 3] = e, f, g, h


def transform(table: Table, count: int, laws: Array, size: int) -> Array:
    """E[kernel(τ + x)], (2, count, size), of the first kernels of a table; two laws (2, x) of x."""
    out = np.empty((2, count, size + -size % 4))
    to_tau(table, np.pad(laws, ((0, 0), (0, -laws.shape[1] % BLOCK))), out)
    return out[..., :size]


def other_tokens(deficit: Array, lengths: Lengths, most: int) -> Array:
    """E_L[(L−1)(L−2)…(L−k) Φ_0^{L−1−k}] for k = 0 … most: (most+1, τ), from 1 − Φ_0 (τ,).

    The generating function of the number of noise tokens, its argument given by its small distance
    from one, so that L = 10⁶ loses no digits; k tokens have been singled out.
    """
    logarithm = np.log1p(-np.clip(deficit, 0.0, 1.0 - 1e-16))
    noise_tokens = lengths.others.astype(np.float64)
    out = np.empty((most + 1, len(deficit)))
    factor = lengths.shares.copy()
    for k in range(most + 1):
        left = np.maximum(noise_tokens - k, 0.0)
        out[k] = factor @ np.exp(np.multiply.outer(left, logarithm))
        factor = factor * left
    return out


@dataclass(frozen=True, eq=False)
class Transforms:
    """All that the expectations of one normaliser need of the laws of the scores.

    noise, signal: Φ_j and Ψ_j, (n, τ) each; others: see :func:`other_tokens`; rates (τ,): e^τ;
    measure (τ,): the weights step · e^{−κe^τ} of the integral over τ.
    """

    lattice: Lattice
    table: Table
    noise: Array
    signal: Array
    others: Array
    rates: Array
    measure: Array

    @classmethod
    def of(
        cls,
        lattice: Lattice,
        laws: Array,
        lengths: Lengths,
        kappa: float,
        resolution: Resolution,
        orders: tuple[int, int],
    ) -> Transforms:
        """From laws (2, x) of noise and signal on a lattice.

        orders: the highest j of Φ_j and Ψ_j, and of any K_j.
        """
        low, high = lattice.extent
        grid = TauGrid.over(-high - resolution.digits - DEAD, DEAD - low, resolution)
        table = kernel_table(grid, lattice, orders[1])
        (deficit, *noise), (_, *signal) = transform(table, orders[0] + 2, laws, grid.size)
        others = other_tokens(deficit, lengths, 3)
        rates = grid.rates
        measure = grid.step * np.exp(-kappa * rates)
        return cls(lattice, table, np.array(noise), np.array(signal), others, rates, measure)

    def of_kernel(self, j: int, laws: Array) -> Array:
        """Σ_k K_j(τ + x_k) law_k, (2, τ), of two more laws (2, x) on the lattice, j > 0."""
        return transform(self.table.row(j + 1), 1, laws, len(self.rates))[:, 0]

    def on_lattice(self, rows: Array) -> Array:
        """Σ_j ∫ dτ rows_nj K_j(τ+x) at every x, (2, x); rows (2, kernels, τ)."""
        size = self.lattice.size
        out = np.zeros((2, size + -size % BLOCK))
        to_score(self.table, self.measure * rows, out)
        return out[:, :size]
