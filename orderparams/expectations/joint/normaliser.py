"""One normaliser for all tokens: expectations by the Laplace transform in τ (theory 5b).

With K_j(s) = e^{js − e^s} and scores x, a joint normaliser needs Φ_j(τ) = E_noise[K_j(τ+x)] and
Ψ_j(τ) = E_signal[K_j(τ+x)] on a grid in τ. Both are sums over a lattice in x, and since the kernels
depend on τ + x alone, one table of each serves all pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import FAST, kernel
from orderparams.expectations.joint.resolution import Resolution
from orderparams.expectations.joint.scores import Lattice
from orderparams.expectations.laws import Lengths

Array = NDArray[np.float64]

DEAD = 4.0
"""K_j(s) is below 1e-20 for s above this and j ≤ 6."""


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


def kernel_table(grid: TauGrid, lattice: Lattice, highest: int) -> Array:
    """1 − K_0, K_0, K_1 … K_highest at every τ + x; entry i·stride + k for (τ_i, x_k)."""
    size = (grid.size - 1) * grid.stride + lattice.size
    first = grid.start * grid.stride + lattice.start
    score = np.minimum(lattice.step * np.arange(first, first + size), 50.0)
    rate = np.exp(score)
    powers = np.multiply.outer(np.arange(highest + 1), score)
    return np.concatenate([-np.expm1(-rate)[None], np.exp(powers - rate)])


@kernel(fastmath=FAST)
def to_tau(table: Array, law: Array, stride: int, out: Array) -> None:
    """Σ_k table(τ_i + x_k) law_k for each kernel of the table: fills out (kernels, τ)."""
    for row in range(out.shape[0]):
        for i in range(out.shape[1]):
            values = table[row, i * stride : i * stride + len(law)]
            total = 0.0
            for k in range(len(law)):
                total += values[k] * law[k]
            out[row, i] = total


@kernel(fastmath=FAST)
def to_score(table: Array, adjoints: Array, stride: int, out: Array) -> None:
    """Σ_i Σ_j adjoints_ji table_j(τ_i + x_k): fills out (x,) from adjoints (kernels, τ)."""
    out[:] = 0.0
    for row in range(adjoints.shape[0]):
        for i in range(adjoints.shape[1]):
            adjoint = adjoints[row, i]
            values = table[row, i * stride : i * stride + len(out)]
            for k in range(len(out)):
                out[k] += adjoint * values[k]


def transform(table: Array, law: Array, grid: TauGrid) -> Array:
    """E[kernel(τ + x)] for each kernel, (kernels, τ), x distributed as ``law`` (x,)."""
    out = np.empty((len(table), grid.size))
    to_tau(table, law, grid.stride, out)
    return out


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

    noise, signal: Φ_j and Ψ_j, (n, τ) each; others: see :func:`other_tokens`; measure (τ,): the
    weights step · e^{−κe^τ} of the integral over τ.
    """

    lattice: Lattice
    table: Array
    noise: Array
    signal: Array
    others: Array
    measure: Array
    stride: int

    @classmethod
    def of(
        cls,
        lattice: Lattice,
        noise_law: Array,
        signal_law: Array,
        lengths: Lengths,
        kappa: float,
        resolution: Resolution,
        orders: tuple[int, int],
    ) -> Transforms:
        """From laws (x,) on a lattice; orders: the highest j of Φ_j and Ψ_j, and of any K_j."""
        low, high = lattice.extent
        grid = TauGrid.over(-high - resolution.digits - DEAD, DEAD - low, resolution)
        table = kernel_table(grid, lattice, orders[1])
        deficit, *noise = transform(table[: orders[0] + 2], noise_law, grid)
        signal = transform(table[1 : orders[0] + 2], signal_law, grid)
        others = other_tokens(deficit, lengths, 3)
        measure = grid.step * np.exp(-kappa * grid.rates)
        return cls(lattice, table, np.array(noise), signal, others, measure, grid.stride)

    def on_lattice(self, rows: Array) -> Array:
        """Σ_j ∫ dτ rows_j K_j(τ+x) at every x, (x,); rows (n, τ) belong to K_0 … K_{n−1}."""
        out = np.empty(self.lattice.size)
        to_score(self.table[1:], self.measure * rows, self.stride, out)
        return out
