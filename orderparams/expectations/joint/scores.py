"""The law of one token's score x = log Σ_h e^{χ_h}, spread onto a one-dimensional lattice.

A token enters a joint normaliser only through its score. A part that all its logits share moves the
score alone: it is left out of the logits, and the law of the rest is convolved with its normal law.
The rest is sampled at the nodes of a grid along principal axes, or of a quasi-Monte Carlo rule;
each node's weight goes to eight neighbouring lattice points such that polynomials of degree seven
are summed exactly. What follows is one-dimensional (see ``normaliser``); :func:`pull` takes its
derivatives back to χ.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import FAST, kernel
from orderparams.expectations.joint.grids import Grid
from orderparams.expectations.joint.resolution import (
    Resolution,
    Rule,
    axis_rules,
    trapezoid_step,
)
from orderparams.expectations.lanes import (
    LANES,
    fma,
    in_octave,
    lane_sum,
    load,
    octave,
    pair_sums,
    row_vectors,
    splat,
    store,
    vectors,
)

Array = NDArray[np.float64]
Vector = Any  # LANES numbers, of LANES nodes or lattice points
Vectors = Any  # array of such

SAFE_EXPONENT = 300.0
"""Along the last axis logits vary by no more than this, so that no factor overflows."""

STENCIL = 8
COPIES = 4
"""Neighbouring nodes add to different copies of a law, so that none waits for the one before."""

POINT = Rule(np.zeros(1), np.ones(1), 1.0)
"""One node at the mean."""


class Logits(NamedTuple):
    """Normal logits χ_h = mean_h + Σ_k axes_hk g_k + common g_0; mean (H,), axes (H, r)."""

    mean: Array
    axes: Array
    common: float

    @classmethod
    def of(cls, mean: Array, loadings: Array) -> Logits:
        """Logits mean + loadings·g, loadings (H, n), along principal axes.

        The rows of the loadings span an affine space; the foot of the perpendicular from the origin
        onto it is the largest part that they share, and the rest is orthogonal to it.
        """
        center = loadings.mean(axis=0)
        differences = loadings - center
        sizes, directions = np.linalg.svd(differences, full_matrices=False)[1:]
        directions = directions[sizes > 1e-14 * np.abs(loadings).max(initial=1e-300)]
        within = directions.T @ (directions @ center)
        rest = differences + within
        directions = np.linalg.svd(rest, full_matrices=False)[2][: len(directions)]
        axes = np.einsum("hj,kj->hk", rest, directions)
        return cls(mean, axes, float(np.linalg.norm(center - within)))

    @property
    def deviations(self) -> Array:
        """Standard deviation of each logit, (H,)."""
        deviations: Array = np.sqrt((self.axes**2).sum(axis=1) + self.common**2)
        return deviations


class Nodes(NamedTuple):
    """Weighted nodes of H logits: the products of n outer nodes with k nodes of the last axis.

    shifts (n,), factors (H, n) and last_factors (H, k): e^{χ_h} = e^{shift} factor · last_factor;
    weights (n,), sorted by falling size, and last_weights (k,) multiply; nodes of a weight below
    ``cut`` in size are left out. n is a multiple of LANES, by nodes of weight zero.
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
    missing = -len(order) % LANES
    order = np.pad(order, (0, missing), mode="edge")
    logits = np.ascontiguousarray(logits[order].T)
    weights = weights[order]
    weights[len(weights) - missing :] = 0.0
    shifts = logits.max(axis=0)
    factors = np.exp(logits - shifts)
    return Nodes(shifts, factors, weights, np.ones((len(logits), 1)), np.ones(1))


def grid_nodes(logits: Logits, grid: Grid, mass: float = 1.0) -> Nodes:
    """Nodes for normal logits without what they have in common; their weights sum to ``mass``."""
    mean, axes, _ = logits
    last_axis, last = grid.large[-1] if grid.large else (0, POINT)
    if not axes.size:
        return logit_nodes(mean[None], np.full(1, mass))
    reach = np.abs(axes[:, last_axis]).max() * np.abs(last.nodes).max()
    if reach > SAFE_EXPONENT:
        others, points, weights = grid.points_without(0)
        return logit_nodes(mean + points @ axes[:, others].T, mass * weights)
    others, points, weights = grid.outer
    outer = logit_nodes(mean + points @ axes[:, others].T, mass * weights)
    return outer._replace(
        last_factors=np.exp(np.multiply.outer(axes[:, last_axis], last.nodes)),
        last_weights=last.weights,
        cut=grid.cut * float(np.abs(outer.weights).max() * last.weights.max()),
    )


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


def lagrange_polynomials() -> Array:
    """Coefficients (power, node) of Lagrange's polynomials of eight nodes −3.5, −2.5 … 3.5."""
    nodes = [Fraction(2 * k - STENCIL + 1, 2) for k in range(STENCIL)]
    columns = []
    for own in nodes:
        powers = [Fraction(1)]
        for node in nodes:
            if node != own:
                shifted = [Fraction(0), *powers]
                scaled = [*(node * power for power in powers), Fraction(0)]
                powers = [
                    (a - b) / (own - node) for a, b in zip(shifted, scaled, strict=True)
                ]
        columns.append([float(power) for power in powers])
    return np.array(columns).T.copy()


LAGRANGE = lagrange_polynomials()


@kernel()
def stencil(position: float, first: int, polynomials: Vectors) -> Vector:
    """Weights of the eight lattice points from ``first`` on, between whose middle ones we are."""
    u = position - first - 0.5 * (STENCIL - 1)
    weights = polynomials[STENCIL - 1]
    for power in range(STENCIL - 2, -1, -1):
        weights = fma(weights, u, polynomials[power])
    return weights


@kernel()
def logarithm(x: Vector) -> Vector:
    """log x of positive normal numbers: 2 artanh of (m − 1)/(m + 1) = s, x = m 2^n, s² < 0.03."""
    m = in_octave(x)
    s = (m - 1.0) / (m + 1.0)
    square = s * s
    series = splat(1.0 / 21.0)
    for power in range(19, 1, -2):
        series = fma(series, square, 1.0 / power)
    s = s + s
    return fma(octave(x), 0.6931471805599453, fma(s * square, series, s))


@kernel()
def _kept(weights: Array, least: float) -> int:
    """How many weights, sorted by falling size, are at least ``least`` in size: whole LANES."""
    low, high = 0, len(weights)
    while low < high:
        middle = (low + high) // 2
        if abs(weights[middle]) >= least:
            low = middle + 1
        else:
            high = middle
    return (low + LANES - 1) // LANES * LANES


@kernel()
def _spread(nodes: Nodes, lattice: Lattice, copies: Array, positions: Array) -> None:
    """Add the nodes to ``copies`` (COPIES · size,) and fill ``positions`` (k, n) on the lattice."""
    shifts, factors, weights, last_factors, last_weights, cut = nodes
    start, size, step = lattice
    shift, factor, position = row_vectors(shifts), row_vectors(factors), row_vectors(positions)
    polynomials = vectors(LAGRANGE)
    for k in range(len(last_weights)):
        kept = _kept(weights, cut / last_weights[k])
        for b in range(kept // LANES):
            total = factor[0, b] * last_factors[0, k]
            for h in range(1, len(factors)):
                total = fma(factor[h, b], last_factors[h, k], total)
            position[k, b] = (shift[b] + logarithm(total)) / step - float(start)
        for n in range(kept):
            first = int(positions[k, n]) - STENCIL // 2 + 1
            place = n % COPIES * size + first
            near = stencil(positions[k, n], first, polynomials)
            store(copies, place, fma(near, weights[n] * last_weights[k], load(copies, place)))


@kernel()
def _sum_lanes(x: Vectors) -> Vector:
    """The sums of the lanes of eight vectors."""
    x01, x23 = pair_sums(x[0], x[1]), pair_sums(x[2], x[3])
    x45, x67 = pair_sums(x[4], x[5]), pair_sums(x[6], x[7])
    return pair_sums(pair_sums(x01, x23), pair_sums(x45, x67))


@kernel()
def _pull(
    nodes: Nodes,
    positions: Array,
    tables: tuple[Array, Array],
    space: tuple[Vectors, ...],
    out: tuple[Array, Array],
) -> None:
    """Fill ``out``, (H,) and (H, H), with Σ w s(x) p_h and Σ w t(x) p_h p_h'."""
    _, factors, weights, last_factors, last_weights, cut = nodes
    single_table, pair_table = tables
    heads = len(factors)
    factor, weight = row_vectors(factors), row_vectors(weights)
    polynomials = vectors(LAGRANGE)
    single, pair = out
    products, shares = vectors(space[0]), vectors(space[1])
    singles, pairs = vectors(space[2]), vectors(space[3])
    for k in range(len(last_weights)):
        kept = _kept(weights, cut / last_weights[k])
        for b in range(kept // LANES):
            total = splat(0.0)
            for h in range(heads):
                shares[h] = factor[h, b] * last_factors[h, k]
                total += shares[h]
            for lane in range(LANES):
                at = positions[k, b * LANES + lane]
                first = int(at) - STENCIL // 2 + 1
                near = stencil(at, first, polynomials)
                products[0, lane] = near * load(single_table, first)
                products[1, lane] = near * load(pair_table, first)
            inverse = 1.0 / total
            of_single = weight[b] * last_weights[k] * inverse
            of_pair = of_single * inverse * _sum_lanes(products[1])
            of_single *= _sum_lanes(products[0])
            for h in range(heads):
                singles[h] = fma(of_single, shares[h], singles[h])
                of_head = of_pair * shares[h]
                for other in range(h + 1):
                    pairs[h, other] = fma(of_head, shares[other], pairs[h, other])
    for h in range(heads):
        single[h] = lane_sum(singles[h])
        for other in range(h + 1):
            pair[h, other] = pair[other, h] = lane_sum(pairs[h, other])


def spread(nodes: Nodes, lattice: Lattice, law: Array) -> Array:
    """Add a token's law to ``law`` (size,): Σ_k law_k f(x_k) ≈ Σ weight · f(score).

    Returns the nodes' coordinates on the lattice, (k, n), for :func:`pull`.
    """
    positions = np.empty((len(nodes.last_weights), len(nodes.weights)))
    copies = np.zeros((COPIES, lattice.size))
    _spread(nodes, lattice, copies.reshape(-1), positions)
    law += copies.sum(axis=0)
    return positions


def pull(nodes: Nodes, positions: Array, single: Array, pair: Array) -> tuple[Array, Array]:
    """E[s(x) p_h] (H,) and E[t(x) p_h p_h'] (H, H), p_h = e^{χ_h − x}.

    s and t are given by their values on the lattice: ``single`` and ``pair``, both (size,).
    """
    heads = len(nodes.factors)
    out = np.empty(heads), np.empty((heads, heads))
    shapes = (2, LANES), (heads,), (heads,), (heads, heads)
    space = tuple(np.zeros((*shape, LANES)) for shape in shapes)
    _pull(nodes, positions, (single, pair), space, out)
    return out


class Smoothing(NamedTuple):
    """Convolution with a normal law: weights (2k+1,) of lattice points −k … k strides away."""

    stride: int
    weights: Array

    @classmethod
    def of(cls, deviation: float, resolution: Resolution, cut: float) -> Smoothing:
        """For values that are analytic for |Im x| < π, as those of :func:`axis_rules`.

        The trapezoid rule on lattice points; the nodes of a law too narrow for that are spread.
        """
        step = resolution.score_step
        stride = int(deviation * trapezoid_step(deviation, resolution) / step)
        if stride > 0:
            spacing = stride * step / deviation
            count = int(np.sqrt(-2.0 * np.log(cut)) / spacing)
            nodes = spacing * np.arange(-count, count + 1)
            return cls(stride, spacing * np.exp(-0.5 * nodes**2) / np.sqrt(2.0 * np.pi))
        rule = axis_rules(deviation, resolution, cut, np.inf)[-1]
        positions = deviation / step * rule.nodes
        firsts = np.floor(positions).astype(np.int64) - STENCIL // 2 + 1
        offsets = positions - firsts - 0.5 * (STENCIL - 1)
        reach = STENCIL // 2 - firsts.min(initial=0)
        weights = np.zeros(2 * reach + 1)
        near = np.power.outer(offsets, np.arange(STENCIL)) @ LAGRANGE
        np.add.at(weights, reach + firsts[:, None] + np.arange(STENCIL), rule.weights[:, None] * near)
        return cls(1, weights)

    @property
    def reach(self) -> int:
        """Lattice points on either side."""
        return self.stride * (len(self.weights) // 2)

    def __call__(self, values: Array) -> Array:
        """Smoothed values (size,), of values that vanish beyond the lattice."""
        out = np.zeros_like(values)
        _smooth(values, self.stride, self.weights, out)
        return out


class Law(NamedTuple):
    """The law of a token's score: that of its nodes, smoothed."""

    nodes: Nodes
    smoothing: Smoothing

    def extent(self, step: float) -> tuple[float, float]:
        """Bounds on the score, on a lattice of that step."""
        low, high = self.nodes.extent
        reach = step * self.smoothing.reach
        return low - reach, high + reach


@kernel(fastmath=FAST)
def _smooth(values: Array, stride: int, weights: Array, out: Array) -> None:
    """Add Σ_k weights_k values_{i + (k − middle)·stride} to every entry i of ``out``."""
    size = len(values)
    for k in range(len(weights)):
        shift = (k - len(weights) // 2) * stride
        weight = weights[k]
        for i in range(max(0, -shift), min(size, size - shift)):
            out[i] += weight * values[i + shift]
