"""What moves all logits of a token alike, and with them its score, by a normal amount.

A function of the score is then convolved with a normal law, on the lattice of ``scores``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import FAST, kernel
from orderparams.expectations.joint.resolution import (
    Resolution,
    axis_rules,
    hermite_rule,
    lagrange,
    places,
    trapezoid_step,
)
from orderparams.expectations.joint.stencil import STENCIL, lattice_weights

Array = NDArray[np.float64]


class Smoothing(NamedTuple):
    """E[w(g) f(x + deviation·g)], g ~ N(0, 1), on a lattice: Σ_k weights_k f_{i + k·stride}.

    weights (2n+1,): k = −n … n.
    """

    stride: int
    weights: Array

    @classmethod
    def of(
        cls, deviation: float, resolution: Resolution, cut: float, nodes: int = 1
    ) -> list[Smoothing] | None:
        """One for each of the ``nodes`` Lagrange polynomials w of the Gauss–Hermite nodes.

        For f that are analytic for |Im x| < π, as those of :func:`axis_rules`: the trapezoid rule
        on lattice points. A law too narrow for that has a few nodes that are spread onto them,
        and takes one w alone; else None.
        """
        step = resolution.score_step
        stride = int(deviation * trapezoid_step(deviation, resolution) / step)
        if stride > 0:
            spacing = stride * step / deviation
            count = int(np.sqrt(-2.0 * np.log(cut)) / spacing) + 1
            points = spacing * np.arange(-count, count + 1)
            density = spacing * np.exp(-0.5 * points**2) / np.sqrt(2.0 * np.pi)
            polynomials = lagrange(hermite_rule(nodes)[0], points)
            return [cls(stride, weights) for weights in density * polynomials]
        if nodes > 1:
            return None
        rule = axis_rules(int(places(np.array(deviation))), resolution, cut)[-1]
        firsts, near = lattice_weights(deviation / step * rule.nodes)
        reach = STENCIL // 2 - int(firsts.min(initial=0))
        weights = np.zeros(2 * reach + 1)
        columns = reach + firsts[:, None] + np.arange(STENCIL)
        np.add.at(weights, columns, rule.weights[:, None] * near)
        return [cls(1, weights)]

    @property
    def reach(self) -> int:
        """Lattice points on either side."""
        return self.stride * (len(self.weights) // 2)

    def of_law(self) -> Smoothing:
        """What it does to the law of x, if it does this to functions of x."""
        return self._replace(weights=self.weights[::-1].copy())

    def __call__(self, rows: Array) -> Array:
        """Smoothed rows (n, size), which vanish beyond the lattice."""
        out = np.zeros_like(rows)
        _smooth(rows, self.stride, self.weights, out)
        return out


@kernel(fastmath=FAST)
def _smooth(rows: Array, stride: int, weights: Array, out: Array) -> None:
    """Add Σ_k weights_k values_{i + (k − middle)·stride} of each row to entry i of ``out``."""
    size = rows.shape[1]
    for row in range(len(rows)):
        for k in range(len(weights)):
            shift = (k - len(weights) // 2) * stride
            weight = weights[k]
            for i in range(max(0, -shift), min(size, size - shift)):
                out[row, i] += weight * rows[row, i + shift]
