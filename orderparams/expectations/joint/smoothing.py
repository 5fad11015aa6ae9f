"""What moves all logits of a token alike, and with them its score, by a normal amount.

A function of the score is then convolved with a normal law, on the lattice of ``scores``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.expectations.joint.resolution import (
    Resolution,
    axis_rules,
    hermite_rule,
    lagrange,
    places,
    trapezoid_step,
)
from orderparams.expectations.joint.stencil import STENCIL, lattice_weights
from orderparams.expectations.lanes import BLOCK, LANES, fma, load, row_vectors

Array = NDArray[np.float64]


class Smoothing(NamedTuple):
    """E[w_j(g) f(x + deviation·g)], g ~ N(0, 1), on a lattice: Σ_k weights_jk f_{i + k·stride}.

    weights (J, 2n+1): k = −n … n.
    """

    stride: int
    weights: Array

    @classmethod
    def of(
        cls, deviation: float, resolution: Resolution, cut: float, nodes: int = 1
    ) -> Smoothing | None:
        """For the Lagrange polynomials w_j of J Gauss–Hermite nodes; one is w = 1.

        Exact for f that are analytic for |Im x| < π, as those of :func:`axis_rules`: the trapezoid
        rule on lattice points. A law too narrow for that has a few nodes that are spread onto them,
        and takes w = 1 alone; else None.
        """
        step = resolution.score_step
        stride = int(deviation * trapezoid_step(deviation, resolution) / step)
        if stride > 0:
            spacing = stride * step / deviation
            count = int(np.sqrt(-2.0 * np.log(cut)) / spacing) + 1
            points = spacing * np.arange(-count, count + 1, dtype=np.float64)
            density = spacing * np.exp(-0.5 * points**2) / np.sqrt(2.0 * np.pi)
            return cls(stride, density * lagrange(hermite_rule(nodes)[0], points))
        if nodes > 1:
            return None
        rule = axis_rules(int(places(np.array(deviation))), resolution, cut)[-1]
        firsts, near = lattice_weights(deviation / step * rule.nodes)
        reach = STENCIL // 2 - int(firsts.min(initial=0))
        weights = np.zeros((1, 2 * reach + 1))
        columns = reach + firsts[:, None] + np.arange(STENCIL)
        np.add.at(weights[0], columns, rule.weights[:, None] * near)
        return cls(1, weights)

    @property
    def reach(self) -> int:
        """Lattice points on either side."""
        return self.stride * int(self.weights.shape[1] // 2)

    def functions(self, values: Array) -> Array:
        """What becomes of functions: (J, n, size) from (n, size), zero beyond the lattice."""
        size = values.shape[1]
        out = np.zeros((len(self.weights), len(values), size + -size % BLOCK))
        padded = self._padded(values)
        for weights, smoothed in zip(self.weights, out, strict=True):
            _smooth(padded, self.stride, weights, smoothed)
        return out[..., :size]

    def laws(self, masses: Array) -> Array:
        """What becomes of laws of x: their sum over j, (n, size) from (J, n, size)."""
        size = masses.shape[2]
        out = np.zeros((masses.shape[1], size + -size % BLOCK))
        for weights, own in zip(self.weights[:, ::-1].copy(), masses, strict=True):
            _smooth(self._padded(own), self.stride, weights, out)
        return out[:, :size]

    def _padded(self, rows: Array) -> Array:
        """Rows with the zeros beyond the lattice, in whole BLOCKs."""
        count, size = rows.shape
        padded = np.zeros((count, size + 2 * self.reach + -size % BLOCK))
        padded[:, self.reach : self.reach + size] = rows
        return padded


@kernel()
def _smooth(padded: Array, stride: int, weights: Array, out: Array) -> None:
    """Add Σ_k weights_k padded_{i + k·stride} of each row to entry i of ``out``, in BLOCKs."""
    values, sums = padded.reshape(-1), row_vectors(out)
    for row in range(len(out)):
        for i in range(0, sums.shape[1], 4):
            place = row * padded.shape[1] + i * LANES
            a, b, c, d = sums[row, i], sums[row, i + 1], sums[row, i + 2], sums[row, i + 3]
            for k in range(len(weights)):
                weight, at = weights[k], place + k * stride
                a = fma(load(values, at), weight, a)
                b = fma(load(values, at + LANES), weight, b)
                c = fma(load(values, at + 2 * LANES), weight, c)
                d = fma(load(values, at + 3 * LANES), weight, d)
            sums[row, i], sums[row, i + 1], sums[row, i + 2], sums[row, i + 3] = a, b, c, d
