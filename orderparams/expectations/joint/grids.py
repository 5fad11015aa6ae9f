"""Points for a standard normal vector: a tensor grid, sparse where variances are small; Sobol'."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from orderparams.expectations.joint.resolution import (
    Resolution,
    Rule,
    axis_rules,
    combination,
    places,
)
from orderparams.expectations.lanes import LANES

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
    other axes, and their families of rules; size: about how many nodes there are.
    """

    large: list[tuple[int, Rule]]
    small: list[int]
    families: Families
    threshold: float
    cut: float

    @classmethod
    def over(cls, slopes: Array, resolution: Resolution, cut: float, largest: float) -> Grid | None:
        """Grid for functions of the given slope along each axis (see :func:`axis_rules`).

        None if it would have many more than ``largest`` nodes.
        """
        grid = _grid_at(tuple(places(slopes).tolist()), resolution, cut)
        return None if grid.size > largest else grid

    @cached_property
    def size(self) -> float:
        """About how many nodes there are: those of a tensor grid fill a ball in its cube."""
        dimension = len(self.large)
        ball = np.pi ** (dimension / 2) / math.gamma(dimension / 2 + 1) / 2**dimension
        tensor = ball * math.prod(len(rule.nodes) for _, rule in self.large)
        return float(tensor * sparse_terms(self.families, self.threshold)[1])

    @cached_property
    def outer(self) -> tuple[list[int], Array, Array]:
        """What :meth:`points_without` gives without the last large axis, in whole LANES."""
        return whole_lanes(*self.points_without(min(len(self.large), 1)))

    def points_without(self, last: int) -> tuple[list[int], Array, Array]:
        """Axes, points (n, r) and weights (n,), by falling size, without ``last`` (0, 1) axes."""
        large = self.large[: len(self.large) - last]
        sparse = sparse_points(self.families, self.threshold, self.cut)
        points, weights = tensor_points([rule for _, rule in large], self.cut)
        points, weights = _product(*sparse, points, weights, self.cut)
        order = np.argsort(-np.abs(weights), kind="stable")
        return self.small + [axis for axis, _ in large], points[order], weights[order]


def whole_lanes(axes: list[int], points: Array, weights: Array) -> tuple[list[int], Array, Array]:
    """Points filled up to a multiple of LANES, by some of weight zero."""
    missing = -len(weights) % LANES
    return axes, np.pad(points, ((0, missing), (0, 0)), mode="edge"), np.pad(weights, (0, missing))


@lru_cache(maxsize=16)
def _grid_at(slopes: tuple[int, ...], resolution: Resolution, cut: float) -> Grid:
    """Grid for slopes at these places."""
    axes = [axis_rules(place, resolution, cut) for place in slopes]
    large = [(axis, rules[0]) for axis, rules in enumerate(axes) if len(rules[0].nodes) > 1]
    small = [axis for axis, rules in enumerate(axes) if len(rules) > 1]
    families = tuple(axes[axis] for axis in small)
    large.sort(key=lambda at: len(at[1].nodes))
    return Grid(large, small, families, resolution.small_enough, cut)


@cache
def sobol_points(count: int, dimension: int, seed: int) -> Array:
    """Scrambled Sobol' points (count, dimension) of the standard normal law."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    sobol = qmc.Sobol(dimension, rng=np.random.default_rng(seed), bits=48)
    points: Array = ndtri(np.clip(sobol.random(count), 1e-15, 1.0 - 1e-15))
    return points
