"""The laws of the scores of tokens with normal logits, from a grid or from random nodes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.expectations.joint.grids import Grid
from orderparams.expectations.joint.logits import Split, cheapest, splits
from orderparams.expectations.joint.random_nodes import Stretch, random_nodes
from orderparams.expectations.joint.resolution import Resolution, hermite_rule
from orderparams.expectations.joint.scores import Nodes, grid_nodes
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

    @cached_property
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

    Of the noise, ``count`` points follow the law itself, and about as many the law tilted by
    e^{χ_h}, of each head its share, so that those among many tokens that matter are not missed:
    weights are those of the mixture, whose density is at least half of the law's. All components
    together have about ``count`` points, by their masses.
    """
    axes, common, _ = tokens.splits[0]
    covariance = axes @ axes.T
    stretches = []
    is_noise = tokens.numbers == NOISE
    for token in np.flatnonzero(is_noise):
        mean = tokens.means[token]
        heights = mean + 0.5 * np.diag(covariance)
        total = float(np.logaddexp.reduce(heights))
        chances = np.exp(heights - total)
        stretches.append(Stretch(slice(0, count), mean, 0.5, int(token), 0, total))
        for head, part in enumerate(shares(chances, count)):
            tilted, mass = mean + covariance[head], 0.5 * float(chances[head])
            stretches.append(Stretch(part, tilted, mass, int(token), 0, total))
    own = np.flatnonzero(~is_noise)
    for token, part in zip(own, shares(tokens.masses[own], count), strict=True):
        mass = float(tokens.masses[token])
        stretches.append(Stretch(part, tokens.means[token], mass, int(token), 1, -np.inf))
    smoothing = Smoothing.of(common, resolution, cut)
    assert smoothing is not None  # as there are no tilts to interpolate
    return Law(random_nodes(stretches, axes, replica), smoothing)
