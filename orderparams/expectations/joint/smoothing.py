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
        rule = axis_rules(deviation, resolution, cut, np.inf)[-1]
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

    def function(self, values: Array) -> Array:
        """Smoothed values (size,) of a function, of which nothing beyond the lattice is asked."""
        out = np.zeros_like(values)
        _smooth(values, self.stride, self.weights, out)
        return out

    def law(self, masses: Array) -> Array:
        """Law (size,) of the sum of a score, of the given law, and deviation·g."""
        out = np.zeros_like(masses)
        _smooth(masses, self.stride, self.weights[::-1].copy(), out)
        return out


@kernel(fastmath=FAST)
def _smooth(values: Array, stride: int, weights: Array, out: Array) -> None:
    """Add Σ_k weights_k values_{i + (k − middle)·stride} to every entry i of ``out``."""
    size = len(values)
    for k in range(len(weights)):
        shift = (k - len(weights) // 2) * stride
        weight = weights[k]
        for i in range(max(0, -shift), min(size, size - shift)):
            out[i] += weight * values[i + shift]
