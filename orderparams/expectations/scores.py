"""The law of one token's score x = log Σ_h e^{χ_h}, spread onto a one-dimensional lattice.

A token enters a joint normaliser only through its score. Its Gaussian logits χ are sampled at the
nodes of a tensor grid along principal axes, or of a quasi-Monte Carlo rule; each node's weight goes
to eight neighbouring lattice points such that polynomials of degree seven are summed exactly. What
follows is one-dimensional (see ``normaliser``); :func:`pull` takes its derivatives back to χ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import FAST, kernel
from orderparams.expectations.resolution import Resolution, Rule, axis_rule

Array = NDArray[np.float64]

SAFE_EXPONENT = 300.0
"""Exponentials up to this may be multiplied with each other."""

STENCIL = 8
DENOMINATORS = np.array([-5040.0, 720.0, -240.0, 144.0, -144.0, 240.0, -720.0, 5040.0])


@dataclass(frozen=True, eq=False)
class Nodes:
    """Weighted nodes of H logits: the products of n outer nodes with k nodes of the last axis.

    shifts (n,), factors (n, H) and last_factors (k, H): e^{χ_h} = e^{shift} factor · last_factor;
    weights (n,) and last_weights (k,) multiply; nodes of a weight below ``cut`` are left out.
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
        low = self.shifts + np.log(self.factors @ self.last_factors.min(axis=0))
        high = self.shifts + np.log(self.factors @ self.last_factors.max(axis=0))
        return float(low.min()), float(high.max())


def logit_nodes(logits: Array, weights: Array) -> Nodes:
    """Nodes at given logits (n, H) with given weights (n,)."""
    shifts = logits.max(axis=1)
    factors = np.exp(np.maximum(logits - shifts[:, None], -SAFE_EXPONENT))
    return Nodes(shifts, factors, weights, np.ones((1, logits.shape[1])), np.ones(1))


def tensor_points(rules: Sequence[Rule], cut: float) -> tuple[Array, Array]:
    """Points (n, r) and weights (n,) of the product of r rules.

    Points whose weight, relative to the largest, is below ``cut`` are left out.
    """
    points, weights = np.zeros((1, 0)), np.ones(1)
    for rule in rules:
        product = np.multiply.outer(weights, rule.weights)
        outer, inner = np.nonzero(product >= cut * product.max())
        points = np.column_stack([points[outer], rule.nodes[inner]])
        weights = product[outer, inner]
    return points, weights


def axis_slopes(axes: Array) -> Array:
    """Slopes (r,), as :func:`axis_rule` wants them, of logits with the axes (H, r)."""
    slopes: Array = np.maximum(axes.max(axis=0), 0.0) - np.minimum(axes.min(axis=0), 0.0)
    return slopes


def grid_rules(slopes: Array, resolution: Resolution, cut: float) -> list[Rule]:
    """One rule per axis of the given slope."""
    return [axis_rule(float(slope), resolution, cut) for slope in slopes]


def grid_size(rules: Sequence[Rule]) -> float:
    """About how many nodes of a product of rules lie within its ellipsoid."""
    size, ball = 1.0, 1.0
    for dimension, rule in enumerate(sorted(rules, key=lambda rule: -len(rule.nodes))):
        size *= len(rule.nodes)
        if len(rule.nodes) > 8:  # the volume of a ball relative to that of its cube
            ball = (1.0, 0.785, 0.524, 0.308, 0.164, 0.081)[min(dimension, 5)]
    return size * ball


def grid_nodes(mean: Array, axes: Array, resolution: Resolution, tokens: float) -> Nodes:
    """Nodes for logits χ = mean + axes·g with g standard normal; mean (H,), axes (H, r).

    ``tokens`` is the number of tokens that share this law.
    """
    cut = resolution.cut(tokens)
    rules = grid_rules(axis_slopes(axes), resolution, cut)
    order = sorted(range(len(rules)), key=lambda axis: len(rules[axis].nodes))
    rules, axes = [rules[axis] for axis in order], axes[:, order]
    if not rules or np.abs(axes[:, -1]).max() * np.abs(rules[-1].nodes).max() > SAFE_EXPONENT:
        points, weights = tensor_points(rules, cut)
        return logit_nodes(mean + points @ axes.T, weights)
    points, weights = tensor_points(rules[:-1], cut)
    logits = mean + points @ axes[:, :-1].T
    shifts = logits.max(axis=1)
    return Nodes(
        shifts,
        np.exp(np.maximum(logits - shifts[:, None], -SAFE_EXPONENT)),
        weights,
        np.exp(np.multiply.outer(rules[-1].nodes, axes[:, -1])),
        rules[-1].weights,
        cut * weights.max() * rules[-1].weights.max(),
    )


def sobol_points(count: int, dimension: int, seed: int) -> Array:
    """Scrambled Sobol' points (count, dimension) of the standard normal law."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    sobol = qmc.Sobol(dimension, rng=np.random.default_rng(seed), bits=48)
    points: Array = ndtri(np.clip(sobol.random(count), 1e-15, 1.0 - 1e-15))
    return points


@dataclass(frozen=True)
class Lattice:
    """Scores x = step · (start + k), k = 0 … size−1."""

    start: int
    size: int
    step: float

    @classmethod
    def over(cls, low: float, high: float, step: float) -> Lattice:
        """Lattice on which scores within [low, high] have their whole stencil."""
        start = int(np.floor(low / step)) - STENCIL
        return cls(start, int(np.floor(high / step)) + STENCIL - start, step)


@kernel()
def _stencil(offset: float, denominators: Array, coefficients: Array) -> None:
    """Lagrange coefficients (8,) at ``offset`` for the nodes 0 … 7."""
    product = 1.0
    for node in range(STENCIL):
        coefficients[node] = product / denominators[node]
        product *= offset - node
    product = 1.0
    for node in range(STENCIL - 1, -1, -1):
        coefficients[node] *= product
        product *= offset - node


@kernel(fastmath=FAST)
def _spread(
    shifts: Array,
    factors: Array,
    weights: Array,
    last_factors: Array,
    last_weights: Array,
    cut: float,
    start: int,
    step: float,
    denominators: Array,
    law: Array,
) -> None:
    """Add the nodes to ``law`` (size,)."""
    heads = factors.shape[1]
    coefficients = np.empty(STENCIL)
    for outer in range(len(weights)):
        for inner in range(len(last_weights)):
            weight = weights[outer] * last_weights[inner]
            if weight < cut:
                continue
            total = 0.0
            for h in range(heads):
                total += factors[outer, h] * last_factors[inner, h]
            position = (shifts[outer] + np.log(total)) / step - start
            first = int(position) - STENCIL // 2 + 1
            _stencil(position - first, denominators, coefficients)
            for node in range(STENCIL):
                law[first + node] += weight * coefficients[node]


@kernel(fastmath=FAST)
def _pull(
    shifts: Array,
    factors: Array,
    weights: Array,
    last_factors: Array,
    last_weights: Array,
    cut: float,
    start: int,
    step: float,
    denominators: Array,
    single_table: Array,
    pair_table: Array,
    single: Array,
    pair: Array,
) -> None:
    """Fill ``single`` (H,) with Σ w s(x) p_h and ``pair`` (H, H) with Σ w t(x) p_h p_h'."""
    heads = factors.shape[1]
    coefficients = np.empty(STENCIL)
    shares = np.empty(heads)
    single[:] = 0.0
    pair[:] = 0.0
    for outer in range(len(weights)):
        for inner in range(len(last_weights)):
            weight = weights[outer] * last_weights[inner]
            if weight < cut:
                continue
            total = 0.0
            for h in range(heads):
                shares[h] = factors[outer, h] * last_factors[inner, h]
                total += shares[h]
            position = (shifts[outer] + np.log(total)) / step - start
            first = int(position) - STENCIL // 2 + 1
            _stencil(position - first, denominators, coefficients)
            of_single = 0.0
            of_pair = 0.0
            for node in range(STENCIL):
                of_single += coefficients[node] * single_table[first + node]
                of_pair += coefficients[node] * pair_table[first + node]
            of_single *= weight / total
            of_pair *= weight / total**2
            for h in range(heads):
                single[h] += of_single * shares[h]
                share = of_pair * shares[h]
                for other in range(h + 1):
                    pair[h, other] += share * shares[other]
    for h in range(heads):
        for other in range(h):
            pair[other, h] = pair[h, other]


def spread(nodes: Nodes, lattice: Lattice, law: Array) -> None:
    """Add a token's law to ``law`` (size,): Σ_k law_k f(x_k) ≈ Σ weight · f(score)."""
    _spread(
        nodes.shifts,
        nodes.factors,
        nodes.weights,
        nodes.last_factors,
        nodes.last_weights,
        nodes.cut,
        lattice.start,
        lattice.step,
        DENOMINATORS,
        law,
    )


def pull(nodes: Nodes, lattice: Lattice, single: Array, pair: Array) -> tuple[Array, Array]:
    """E[s(x) p_h] (H,) and E[t(x) p_h p_h'] (H, H), p_h = e^{χ_h − x}.

    s and t are given by their values on the lattice: ``single`` and ``pair``, both (size,).
    """
    heads = nodes.factors.shape[1]
    of_single, of_pair = np.empty(heads), np.empty((heads, heads))
    _pull(
        nodes.shifts,
        nodes.factors,
        nodes.weights,
        nodes.last_factors,
        nodes.last_weights,
        nodes.cut,
        lattice.start,
        lattice.step,
        DENOMINATORS,
        single,
        pair,
        of_single,
        of_pair,
    )
    return of_single, of_pair
