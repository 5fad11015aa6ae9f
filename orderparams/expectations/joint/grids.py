"""Points for a standard normal vector: a tensor grid, sparse where variances are small; Sobol'."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from orderparams.expectations.joint.resolution import Resolution, Rule, axis_rules, combination

Array = NDArray[np.float64]

MOST_TERMS = 2000
"""Terms of a sparse grid that is still worth while."""


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


Families = tuple[tuple[Rule, ...], ...]


@lru_cache(maxsize=64)
def sparse_terms(axes: Families, threshold: float) -> tuple[dict[tuple[int, ...], int], int]:
    """Coefficients of the terms of a product of r families of rules, and its number of points.

    The sparse product (see :func:`combination`), or the full one of the last rules if that has
    fewer points.
    """
    full = math.prod(len(rules[-1].nodes) for rules in axes)
    terms = combination(axes, threshold, MOST_TERMS)
    if terms is not None:  # a rule of level j has j + 1 nodes
        size = sum(math.prod(level + 1 for level in choice) for choice in terms)
        if size < full:
            return terms, size
    return {tuple(len(rules) - 1 for rules in axes): 1}, full


@lru_cache(maxsize=64)
def sparse_points(axes: Families, threshold: float, cut: float) -> tuple[Array, Array]:
    """Points (n, r) and weights (n,), some negative, of the terms of :func:`sparse_terms`."""
    terms, _ = sparse_terms(axes, threshold)
    parts = []
    for choice, coefficient in terms.items():
        rules = [family[level] for family, level in zip(axes, choice, strict=True)]
        points, weights = tensor_points(rules, cut)
        parts.append((points, coefficient * weights))
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


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
        families = tuple(axes[axis] for axis in small)
        size = tensor * sparse_terms(families, resolution.small_enough)[1]
        if size > largest:
            return None
        sparse = sparse_points(families, resolution.small_enough, cut)
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


@cache
def sobol_points(count: int, dimension: int, seed: int) -> Array:
    """Scrambled Sobol' points (count, dimension) of the standard normal law."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    sobol = qmc.Sobol(dimension, rng=np.random.default_rng(seed), bits=48)
    points: Array = ndtri(np.clip(sobol.random(count), 1e-15, 1.0 - 1e-15))
    return points
