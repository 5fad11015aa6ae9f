"""The laws of the scores of tokens with normal logits, from a grid or from random nodes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from orderparams.expectations.joint.grids import Grid, sobol_points
from orderparams.expectations.joint.logits import Split, cheapest, splits
from orderparams.expectations.joint.resolution import Resolution, hermite_rule
from orderparams.expectations.joint.scores import Nodes, grid_nodes, joined, logit_nodes
from orderparams.expectations.joint.smoothing import Smoothing

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

NOISE = -1
"""Number of the noise token among the components of the signal."""

FEWEST = 256
"""Random nodes that a component has, however small its mass is."""


@dataclass(frozen=True, eq=False)
class Tokens:
    """Tokens whose logits have one covariance: numbers (T,) of components, or NOISE, their weights
    masses (T,), the logits' means (T, H), and loadings (H, n) on a standard normal vector."""

    numbers: Integers
    masses: Array
    means: Array
    loadings: Array

    @cached_property
    def splits(self) -> list[Split]:
        """Ways to split the logits."""
        return splits(self.loadings)

    @property
    def deviations(self) -> Array:
        """Standard deviation of each logit, (H,)."""
        return np.asarray(np.linalg.norm(self.loadings, axis=1))


class Law(NamedTuple):
    """The laws of tokens' scores: those of their nodes, smoothed."""

    nodes: Nodes
    smoothing: Smoothing

    def extent(self, step: float) -> tuple[float, float]:
        """Bounds on the score, on a lattice of that step."""
        low, high = self.nodes.extent
        reach = step * self.smoothing.reach
        return low - reach, high + reach


def grid_law(
    tokens: Tokens, resolution: Resolution, cut: float, largest: float, *, apart: bool = False
) -> Law | None:
    """The laws from the grid with the fewest nodes; None if these are more than ``largest``.

    With ``apart`` there is no last axis: each node stands by itself.
    """
    split, smoothing = cheapest(tokens.splits, resolution, cut)
    interpolated = len(smoothing.weights)
    copies = len(tokens.numbers) * interpolated
    grid = Grid.over(split.slopes, resolution, cut, largest / copies)
    if grid is None:
        return None
    kinds = (tokens.numbers != NOISE).astype(np.int64)
    knots = hermite_rule(interpolated)[0]
    nodes = grid_nodes(tokens.means, tokens.masses, kinds, split, knots, grid, apart)
    return Law(nodes, smoothing)


def shares(masses: Array, count: int) -> list[slice]:
    """Stretches of a Sobol' sequence, of 2^m points each, at least ``count`` · mass and FEWEST.

    Each begins at a multiple of its length: it is a net by itself, and so are all together.
    """
    wanted = np.maximum(count * masses, FEWEST)
    lengths = 2 ** np.ceil(np.log2(wanted)).astype(np.int64)
    begins = np.zeros_like(lengths)
    order = np.argsort(-lengths, kind="stable")
    begins[order[1:]] = np.cumsum(lengths[order])[:-1]
    return [slice(begin, begin + length) for begin, length in zip(begins, lengths, strict=True)]


def random_law(tokens: Tokens, count: int, replica: int, resolution: Resolution, cut: float) -> Law:
    """The laws from one randomisation of a Sobol' sequence.

    ``count`` points for the noise, whose last coordinate selects tilts, and about as many for all
    components together, by their masses.
    """
    axes, common, _ = tokens.splits[0]
    noise = tokens.numbers == NOISE
    parts = shares(np.where(noise, 0.0, tokens.masses), count)
    last = int(max(part.stop for part in parts))
    normals = sobol_points(max(count, 1 << (last - 1).bit_length()), axes.shape[1] + 1, replica)
    points = normals[:, :-1] @ axes.T
    nodes = []
    for token, (mean, mass, part) in enumerate(
        zip(tokens.means, tokens.masses, parts, strict=True)
    ):
        if noise[token]:
            nodes.append(logit_nodes(*tilted(mean, axes, points[:count], normals[:count, -1])))
        else:
            length = part.stop - part.start
            weights = np.full(length, mass / length)
            nodes.append(logit_nodes(mean + points[part], weights, token, 1))
    smoothing = Smoothing.of(common, resolution, cut)
    assert smoothing is not None  # as there are no tilts to interpolate
    return Law(joined(nodes), smoothing)


def tilted(mean: Array, axes: Array, points: Array, selecting: Array) -> tuple[Array, Array]:
    """Random logits (2n, H) of a noise token and their weights, from points (n, H) of the law.

    Half of them follow the law itself, half the law tilted by e^{χ_h} with the h that a normal
    number (n,) selects, so that those among many tokens that matter are not missed. No node's ratio
    of the two densities exceeds two.
    """
    covariance = axes @ axes.T
    tilts = mean + 0.5 * np.diag(covariance)
    total = np.logaddexp.reduce(tilts)
    selected = np.searchsorted(np.cumsum(np.exp(tilts - total))[:-1], ndtr(selecting))
    logits = mean + points
    logits = np.concatenate([logits, logits + covariance[selected]])
    ratio = np.logaddexp(0.0, np.logaddexp.reduce(logits, axis=1) - total)
    return logits, np.exp(-ratio) / len(points)
