"""The law of one token's score x = log Σ_h e^{χ_h}, spread onto a one-dimensional lattice.

A token enters a joint normaliser only through its score. Its logits, without what they share (see
``logits``), are sampled at the nodes of a grid along principal axes, or of a quasi-Monte Carlo
rule; each node's weight goes to eight neighbouring lattice points. What follows is one-dimensional
(see ``normaliser``); :func:`pull` takes its derivatives back to χ.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.expectations.joint.grids import Grid, whole_lanes
from orderparams.expectations.joint.logits import Split
from orderparams.expectations.joint.resolution import Rule
from orderparams.expectations.joint.stencil import LAGRANGE, STENCIL, polynomials_of, stencil
from orderparams.expectations.lanes import (
    LANES,
    fma,
    in_octave,
    load,
    octave,
    pair_sums,
    row_vectors,
    splat,
    store,
    vectors,
)

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Vector = Any  # LANES numbers, of LANES nodes or lattice points
Vectors = Any  # array of such

SAFE_EXPONENT = 300.0
"""Along the last axis logits vary by no more than this, so that no factor overflows."""

COPIES = 4
"""Neighbouring nodes add to different copies of a law, so that none waits for the one before."""

POINT = Rule(np.zeros(1), np.ones(1), 1.0)
"""One node at the mean."""


class Nodes(NamedTuple):
    """Weighted nodes of H logits of several tokens: n outer nodes times k nodes of the last axis.

    shifts (n,), factors (H, n) and last_factors (H, k): e^{χ_h} = e^{shift} factor · last_factor;
    weights (n,) and last_weights (k,) multiply. Every LANES outer nodes are of one token and one
    law: tokens and laws (n/LANES,) are their numbers, bounds (n/LANES,) the sizes of their largest
    weights; they are left out where bound · |last_weight| is below ``cut``.
    """

    shifts: Array
    factors: Array
    weights: Array
    tokens: Integers
    laws: Integers
    bounds: Array
    last_factors: Array
    last_weights: Array
    cut: float

    @property
    def size(self) -> int:
        """Number of nodes, those of negligible weight among them."""
        return len(self.weights) * len(self.last_weights)

    @property
    def extent(self) -> tuple[float, float]:
        """Bounds on the score."""
        low = self.shifts + np.log(self.last_factors.min(axis=1) @ self.factors)
        high = self.shifts + np.log(self.last_factors.max(axis=1) @ self.factors)
        return float(low.min()), float(high.max())


def logit_nodes(logits: Array, weights: Array, token: int = 0, law: int = 0) -> Nodes:
    """Nodes of one token at given logits (n, H) with given weights (n,)."""
    missing = -len(weights) % LANES
    logits = np.pad(logits, ((0, missing), (0, 0)), mode="edge")
    weights = np.pad(weights, (0, missing))
    blocks = len(weights) // LANES
    numbers = np.full(blocks, token), np.full(blocks, law)
    return nodes_of(logits.T, weights, *numbers, np.ones(blocks))


def nodes_of(
    logits: Array, weights: Array, tokens: Integers, laws: Integers, bounds: Array
) -> Nodes:
    """Nodes without a last axis; logits (H, n)."""
    shifts = logits.max(axis=0)
    factors = np.ascontiguousarray(np.exp(logits - shifts))
    no_axis = np.ones((len(logits), 1)), np.ones(1)
    return Nodes(shifts, factors, weights, tokens, laws, bounds, *no_axis, 0.0)


def joined(nodes: Sequence[Nodes]) -> Nodes:
    """Nodes without a last axis, together."""
    columns = zip(*nodes, strict=True)
    shifts, factors, weights, tokens, laws, bounds = (
        np.concatenate(parts, axis=-1) for parts in itertools.islice(columns, 6)
    )
    return Nodes(shifts, factors, weights, tokens, laws, bounds, *nodes[0][6:])


def grid_nodes(
    means: Array,
    masses: Array,
    kinds: Integers,
    split: Split,
    knots: Array,
    grid: Grid,
    apart: bool = False,
) -> Nodes:
    """Nodes for the logits of T tokens of one covariance: means (T, H).

    ``knots`` (J,) are the values of e·g from which the tilt is interpolated. The weights of a token
    sum to its mass for each of them; it belongs to the laws 2j + kind, j = 0 … J−1. Nodes
    ``apart`` have no last axis.
    """
    axes = split.axes
    last_axis, last = grid.large[-1] if grid.large else (-1, POINT)
    safe = not grid.large or np.abs(np.outer(axes[:, last_axis], last.nodes)).max() <= SAFE_EXPONENT
    safe &= not (apart and grid.large)
    others, points, weights = grid.outer if safe else whole_lanes(*grid.points_without(0))
    centers = means[:, None] + knots[:, None] * split.tilt  # (T, J, H)
    logits = centers[..., None] + axes[:, others] @ points.T
    blocks = len(weights) // LANES
    tokens = np.repeat(np.arange(len(means)), len(knots) * blocks)
    laws = np.repeat((kinds[:, None] + 2 * np.arange(len(knots))).ravel(), blocks)
    nodes = nodes_of(
        np.moveaxis(logits, 2, 0).reshape(len(axes), -1),
        np.multiply.outer(np.repeat(masses, len(knots)), weights).ravel(),
        tokens,
        laws,
        np.tile(np.abs(weights[::LANES]), len(means) * len(knots)),
    )
    if not (safe and grid.large):
        return nodes
    return nodes._replace(
        last_factors=np.exp(np.multiply.outer(axes[:, last_axis], last.nodes)),
        last_weights=last.weights,
        cut=grid.cut * float(abs(weights[0]) * last.weights.max()),
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
def _spread(nodes: Nodes, lattice: Lattice, copies: Array, positions: Array) -> None:
    """Add the nodes to ``copies``, flat, of (laws, COPIES, size), and fill ``positions`` (k, n)."""
    shifts, factors, weights, _, laws, bounds, last_factors, last_weights, cut = nodes
    start, size, step = lattice
    per_step = 1.0 / step
    shift, factor, position = row_vectors(shifts), row_vectors(factors), row_vectors(positions)
    polynomials = polynomials_of(vectors(LAGRANGE))
    for k in range(len(last_weights)):
        for b in range(len(bounds)):
            if bounds[b] * abs(last_weights[k]) < cut:
                continue
            total = factor[0, b] * last_factors[0, k]
            for h in range(1, len(factors)):
                total = fma(factor[h, b], last_factors[h, k], total)
            position[k, b] = fma(shift[b] + logarithm(total), per_step, -float(start))
            place = laws[b] * COPIES * size
            for lane in range(LANES):
                at = positions[k, b * LANES + lane]
                first = int(at) - STENCIL // 2 + 1
                here = place + lane % COPIES * size + first
                mass = weights[b * LANES + lane] * last_weights[k]
                near = stencil(at, first, polynomials)
                store(copies, here, fma(near, mass, load(copies, here)))


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
    size: int,
    space: tuple[Array, Array],
    sums: tuple[Array, Array],
) -> None:
    """Add Σ w s(x) p_h to ``sums``, (tokens, H, LANES), and Σ w t(x) p_h p_h' to (H, H, LANES)."""
    _, factors, weights, tokens, laws, bounds, last_factors, last_weights, cut = nodes
    single_tables, pair_tables = tables
    heads = len(factors)
    factor, weight = row_vectors(factors), row_vectors(weights)
    products, shares = vectors(space[0]), vectors(space[1])
    singles, pairs = vectors(sums[0]), vectors(sums[1])
    polynomials = polynomials_of(vectors(LAGRANGE))
    for k in range(len(last_weights)):
        for b in range(len(bounds)):
            if bounds[b] * abs(last_weights[k]) < cut:
                continue
            total = splat(0.0)
            for h in range(heads):
                shares[h] = factor[h, b] * last_factors[h, k]
                total += shares[h]
            for lane in range(LANES):
                at = positions[k, b * LANES + lane]
                first = int(at) - STENCIL // 2 + 1
                near = stencil(at, first, polynomials)
                products[0, lane] = near * load(single_tables, laws[b] * size + first)
                products[1, lane] = near * load(pair_tables, laws[b] * size + first)
            inverse = 1.0 / total
            of_single = weight[b] * last_weights[k] * inverse
            of_pair = of_single * inverse * _sum_lanes(products[1])
            of_single *= _sum_lanes(products[0])
            for h in range(heads):
                singles[tokens[b], h] = fma(of_single, shares[h], singles[tokens[b], h])
                of_head = of_pair * shares[h]
                for other in range(h + 1):
                    pairs[h, other] = fma(of_head, shares[other], pairs[h, other])


def spread(nodes: Nodes, lattice: Lattice, laws: Array) -> Array:
    """Add the tokens' laws to ``laws`` (n, size): Σ_k law_k f(x_k) ≈ Σ weight · f(score).

    Returns the nodes' coordinates on the lattice, (k, n), for :func:`pull`.
    """
    positions = np.empty((len(nodes.last_weights), len(nodes.weights)))
    copies = np.zeros((len(laws), COPIES, lattice.size))
    _spread(nodes, lattice, copies.reshape(-1), positions)
    laws += copies.sum(axis=1)
    return positions


def pull(
    nodes: Nodes, positions: Array, singles: Array, pairs: Array, tokens: int = 1
) -> tuple[Array, Array]:
    """E[s(x) p_h] of each token (T, H), and E[t(x) p_h p_h'] of all (H, H), p_h = e^{χ_h − x}.

    s and t of each law are given by their values on the lattice: ``singles`` and ``pairs``, both
    (…, size) in the order of the laws.
    """
    heads, size = len(nodes.factors), singles.shape[-1]
    space = np.empty((2, LANES, LANES)), np.empty((heads, LANES))
    sums = np.zeros((tokens, heads, LANES)), np.zeros((heads, heads, LANES))
    _pull(nodes, positions, (singles.reshape(-1), pairs.reshape(-1)), size, space, sums)
    of_single, half = sums[0].sum(axis=2), sums[1].sum(axis=2)
    return of_single, half + np.tril(half, -1).T
