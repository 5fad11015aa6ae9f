"""The law of one token's score x = log Σ_h e^{χ_h}, spread onto a one-dimensional lattice.

A token enters a joint normaliser only through its score. Its Gaussian logits χ are sampled at the
nodes of a grid along principal axes, or of a quasi-Monte Carlo rule; each node's weight goes to
eight neighbouring lattice points such that polynomials of degree seven are summed exactly. What
follows is one-dimensional (see ``normaliser``); :func:`pull` takes its derivatives back to χ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import FAST, kernel
from orderparams.expectations.joint.resolution import Resolution, Rule, axis_rules, combination

Array = NDArray[np.float64]

SAFE_EXPONENT = 300.0
"""Along the last axis logits vary by no more than this, so that no factor overflows."""

MOST_TERMS = 2000
"""Terms of a sparse grid that is still worth while."""

STENCIL = 8
POINT = Rule(np.zeros(1), np.ones(1), 1.0)
"""One node at the mean."""


class Nodes(NamedTuple):
    """Weighted nodes of H logits: the products of n outer nodes with k nodes of the last axis.

    shifts (n,), factors (H, n) and last_factors (H, k): e^{χ_h} = e^{shift} factor · last_factor;
    weights (n,), sorted by falling size, and last_weights (k,) multiply; nodes of a weight below
    ``cut`` in size are left out.
    """

    shifts: Array
    factors: Array
    weights: Array
    last_factors: Array
    last_weights: Array
    cut: float = 0.0

    @property
    def extent(self) -> tuple[float, float]:
        """Bounds on the score."""
        low = self.shifts + np.log(self.last_factors.min(axis=1) @ self.factors)
        high = self.shifts + np.log(self.last_factors.max(axis=1) @ self.factors)
        return float(low.min()), float(high.max())


def logit_nodes(logits: Array, weights: Array) -> Nodes:
    """Nodes at given logits (n, H) with given weights (n,)."""
    order = np.argsort(-np.abs(weights), kind="stable")
    logits = np.ascontiguousarray(logits[order].T)
    shifts = logits.max(axis=0)
    factors = np.exp(logits - shifts)
    return Nodes(shifts, factors, weights[order], np.ones((len(logits), 1)), np.ones(1))


def tensor_points(rules: Sequence[Rule], cut: float) -> tuple[Array, Array]:
    """Points (n, r) and weights (n,) of the product of r rules.

    Points whose weight, relative to the largest, is below ``cut`` are left out.
    """
    points, weights = np.zeros((1, 0)), np.ones(1)
    for rule in rules:
        points, weights = _product(points, weights, rule.nodes[:, None], rule.weights, cut)
    return points, weights


def _product(
    points: Array, weights: Array, more: Array, more_weights: Array, cut: float
) -> tuple[Array, Array]:
    """Points and weights of the product of two sets, without those of negligible weight."""
    product = np.multiply.outer(weights, more_weights)
    outer, inner = np.nonzero(np.abs(product) >= cut * np.abs(product).max())
    return np.concatenate([points[outer], more[inner]], axis=1), product[outer, inner]


def sparse_points(
    axes: Sequence[Sequence[Rule]], threshold: float, cut: float, largest: float
) -> tuple[Array, Array] | None:
    """Points (n, r) and weights (n,), some negative, of a product of r families of rules.

    The sparse product (see :func:`combination`), or the full one of the last rules if that has
    fewer points; None if both have more than ``largest``.
    """
    full = math.prod(len(rules[-1].nodes) for rules in axes)
    terms = combination(axes, threshold, MOST_TERMS)
    sparse = math.inf
    if terms is not None:  # a rule of level j has j + 1 nodes
        sparse = sum(math.prod(level + 1 for level in choice) for choice in terms)
    if min(full, sparse) > largest:
        return None
    if terms is None or full <= sparse:
        return tensor_points([rules[-1] for rules in axes], cut)
    parts = []
    for choice, coefficient in terms.items():
        rules = [family[level] for family, level in zip(axes, choice, strict=True)]
        points, weights = tensor_points(rules, cut)
        parts.append((points, coefficient * weights))
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def axis_slopes(axes: Array) -> Array:
    """Slopes (r,), as :func:`axis_rules` wants them, of logits with the axes (H, r)."""
    slopes: Array = np.maximum(axes.max(axis=0), 0.0) - np.minimum(axes.min(axis=0), 0.0)
    return slopes


@dataclass(frozen=True, eq=False)
class Grid:
    """Points for a standard normal vector: a tensor grid in some axes, a sparse one in the others.

    large: axis and rule of each axis of the tensor grid, the one with most nodes last; small: the
    other axes; points (n, len(small)) and weights (n,) of their sparse grid; size: about how many
    nodes there are.
    """

    large: list[tuple[int, Rule]]
    small: list[int]
    points: Array
    weights: Array
    cut: float
    size: float

    @classmethod
    def over(cls, slopes: Array, resolution: Resolution, cut: float, largest: float) -> Grid | None:
        """Grid for functions of the given slope along each axis (see :func:`axis_rules`).

        None if it would have many more than ``largest`` nodes; those of a tensor grid fill a ball
        in its cube.
        """
        axes = [axis_rules(float(slope), resolution, cut, largest) for slope in slopes]
        if not all(axes):
            return None
        large = [(axis, rules[0]) for axis, rules in enumerate(axes) if len(rules[0].nodes) > 1]
        small = [axis for axis, rules in enumerate(axes) if len(rules) > 1]
        dimension = len(large)
        ball = np.pi ** (dimension / 2) / math.gamma(dimension / 2 + 1) / 2**dimension
        tensor = ball * math.prod(len(rule.nodes) for _, rule in large)
        families = [axes[axis] for axis in small]
        sparse = sparse_points(families, resolution.small_enough, cut, largest / tensor)
        if sparse is None:
            return None
        size = tensor * len(sparse[0])
        return cls(sorted(large, key=lambda at: len(at[1].nodes)), small, *sparse, cut, size)

    @cached_property
    def outer(self) -> tuple[list[int], Array, Array]:
        """The points without the last large axis."""
        return self.points_without(min(len(self.large), 1))

    def points_without(self, last: int) -> tuple[list[int], Array, Array]:
        """Axes, points and weights of all but the ``last`` (0 or 1) large axes."""
        large = self.large[: len(self.large) - last]
        points, weights = tensor_points([rule for _, rule in large], self.cut)
        points, weights = _product(self.points, self.weights, points, weights, self.cut)
        return self.small + [axis for axis, _ in large], points, weights


def grid_nodes(mean: Array, axes: Array, grid: Grid, mass: float = 1.0) -> Nodes:
    """Nodes for logits χ = mean + axes·g with g standard normal; mean (H,), axes (H, r).

    Their weights sum to ``mass``.
    """
    last_axis, last = grid.large[-1] if grid.large else (0, POINT)
    reach = np.abs(axes[:, last_axis]).max() * np.abs(last.nodes).max()
    if reach > SAFE_EXPONENT:
        others, points, weights = grid.points_without(0)
        return logit_nodes(mean + points @ axes[:, others].T, mass * weights)
    others, points, weights = grid.outer
    outer = logit_nodes(mean + points @ axes[:, others].T, mass * weights)
    return Nodes(
        outer.shifts,
        outer.factors,
        outer.weights,
        np.exp(np.multiply.outer(axes[:, last_axis], last.nodes)),
        last.weights,
        grid.cut * float(np.abs(outer.weights).max() * last.weights.max()),
    )


@cache
def sobol_points(count: int, dimension: int, seed: int) -> Array:
    """Scrambled Sobol' points (count, dimension) of the standard normal law."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    sobol = qmc.Sobol(dimension, rng=np.random.default_rng(seed), bits=48)
    points: Array = ndtri(np.clip(sobol.random(count), 1e-15, 1.0 - 1e-15))
    return points


class Lattice(NamedTuple):
    """Scores x = step · (start + k), k = 0 … size−1."""

    start: int
    size: int
    step: float

    @property
    def extent(self) -> tuple[float, float]:
        """Smallest and largest score."""
        return self.step * self.start, self.step * (self.start + self.size - 1)

    @classmethod
    def over(cls, low: float, high: float, step: float) -> Lattice:
        """Lattice on which scores within [low, high] have their whole stencil."""
        start = int(np.floor(low / step)) - STENCIL
        return cls(start, int(np.floor(high / step)) + STENCIL - start, step)


@kernel(inline="always")
def _stencil(u: float) -> tuple[float, float, float, float, float, float, float, float]:
    """Lagrange coefficients at u of the nodes 0 … 7."""
    d0, d1, d2, d3, d4, d5, d6, d7 = u, u - 1, u - 2, u - 3, u - 4, u - 5, u - 6, u - 7
    d01, d23, d45, d67 = d0 * d1, d2 * d3, d4 * d5, d6 * d7
    left, right = d01 * d23, d45 * d67
    return (
        d1 * d23 * right * (-1 / 5040),
        d0 * d23 * right * (1 / 720),
        d01 * d3 * right * (-1 / 240),
        d01 * d2 * right * (1 / 144),
        left * d5 * d67 * (-1 / 144),
        left * d4 * d67 * (1 / 240),
        left * d45 * d7 * (-1 / 720),
        left * d45 * d6 * (1 / 5040),
    )


@kernel(fastmath=FAST)
def _spread(nodes: Nodes, lattice: Lattice, law: Array, positions: Array) -> None:
    """Add the nodes to ``law`` (size,) and fill ``positions`` (k, n), their lattice coordinates."""
    shifts, factors, weights, last_factors, last_weights, cut = nodes
    for k in range(len(last_weights)):
        count = _kept(weights, cut / last_weights[k])
        position = positions[k, :count]
        position[:] = 0.0
        for h in range(len(factors)):
            for n in range(count):
                position[n] += factors[h, n] * last_factors[h, k]
        for n in range(count):
            position[n] = (shifts[n] + np.log(position[n])) / lattice.step - lattice.start
        for n in range(count):
            first = int(position[n]) - STENCIL // 2 + 1
            near = law[first : first + STENCIL]
            c = _stencil(position[n] - first)
            weight = weights[n] * last_weights[k]
            near[0] += weight * c[0]
            near[1] += weight * c[1]
            near[2] += weight * c[2]
            near[3] += weight * c[3]
            near[4] += weight * c[4]
            near[5] += weight * c[5]
            near[6] += weight * c[6]
            near[7] += weight * c[7]


@kernel()
def _kept(weights: Array, least: float) -> int:
    """How many weights, sorted by falling size, are at least ``least`` in size."""
    low, high = 0, len(weights)
    while low < high:
        middle = (low + high) // 2
        if abs(weights[middle]) >= least:
            low = middle + 1
        else:
            high = middle
    return low


@kernel(inline="always")
def _interpolate(
    c: tuple[float, float, float, float, float, float, float, float], near: Array
) -> float:
    """Σ_k c_k near_k."""
    total: float = c[0] * near[0] + c[1] * near[1] + c[2] * near[2] + c[3] * near[3]
    total += c[4] * near[4] + c[5] * near[5] + c[6] * near[6] + c[7] * near[7]
    return total


@kernel(fastmath=FAST)
def _pull(
    nodes: Nodes, positions: Array, tables: tuple[Array, Array], single: Array, pair: Array
) -> None:
    """Fill ``single`` (H,) with Σ w s(x) p_h and ``pair`` (H, H) with Σ w t(x) p_h p_h'."""
    _, factors, weights, last_factors, last_weights, cut = nodes
    single_table, pair_table = tables
    heads = len(factors)
    block = 512
    scratch = np.empty((4, block))
    single[:] = 0.0
    pair[:] = 0.0
    for k in range(len(last_weights)):
        kept = _kept(weights, cut / last_weights[k])
        for begin in range(0, kept, block):
            count = min(block, kept - begin)
            position = positions[k, begin : begin + count]
            totals, of_single = scratch[0, :count], scratch[1, :count]
            of_pair, of_head = scratch[2, :count], scratch[3, :count]
            totals[:] = 0.0
            for h in range(heads):
                factor = factors[h, begin : begin + count]
                for n in range(count):
                    totals[n] += factor[n] * last_factors[h, k]
            for n in range(count):
                first = int(position[n]) - STENCIL // 2 + 1
                c = _stencil(position[n] - first)
                inverse = 1.0 / totals[n]
                weight = weights[begin + n] * last_weights[k] * inverse
                of_single[n] = weight * _interpolate(c, single_table[first : first + STENCIL])
                of_pair[n] = weight * inverse * _interpolate(c, pair_table[first : first + STENCIL])
            for h in range(heads):
                factor = factors[h, begin : begin + count]
                total = 0.0
                for n in range(count):
                    total += of_single[n] * factor[n]
                    of_head[n] = of_pair[n] * factor[n]
                single[h] += last_factors[h, k] * total
                for other in range(h + 1):
                    factor = factors[other, begin : begin + count]
                    total = 0.0
                    for n in range(count):
                        total += of_head[n] * factor[n]
                    pair[h, other] += last_factors[h, k] * last_factors[other, k] * total
    for h in range(heads):
        for other in range(h):
            pair[other, h] = pair[h, other]


def spread(nodes: Nodes, lattice: Lattice, law: Array) -> Array:
    """Add a token's law to ``law`` (size,): Σ_k law_k f(x_k) ≈ Σ weight · f(score).

    Returns the nodes' coordinates on the lattice, (k, n), for :func:`pull`.
    """
    positions = np.empty((len(nodes.last_weights), len(nodes.weights)))
    _spread(nodes, lattice, law, positions)
    return positions


def pull(nodes: Nodes, positions: Array, single: Array, pair: Array) -> tuple[Array, Array]:
    """E[s(x) p_h] (H,) and E[t(x) p_h p_h'] (H, H), p_h = e^{χ_h − x}.

    s and t are given by their values on the lattice: ``single`` and ``pair``, both (size,).
    """
    heads = len(nodes.factors)
    of_single, of_pair = np.empty(heads), np.empty((heads, heads))
    _pull(nodes, positions, (single, pair), of_single, of_pair)
    return of_single, of_pair
