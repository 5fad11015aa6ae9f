"""A token's normal logits: what they share, and principal axes of the rest.

With unit vector e, χ_h = mean_h + (common + tilt_h) e·g + rest_h·g, and rest_h·g is independent of
e·g. The common part moves the score alone, so that it need not be sampled; a small tilt is
interpolated from a few values of e·g; the rest gets a grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.expectations.joint.resolution import (
    Resolution,
    axis_sizes,
    interpolation_sizes,
    places,
)
from orderparams.expectations.joint.smoothing import Smoothing

Array = NDArray[np.float64]


class Split(NamedTuple):
    """Loadings of H logits on a standard normal vector: principal axes (H, r) of the rest,
    the common part's standard deviation, and tilts (H,)."""

    axes: Array
    common: float
    tilt: Array

    @classmethod
    def along(cls, loadings: Array, direction: Array) -> Split:
        """By the component along a direction (n,), zero for none; loadings (H, n)."""
        size = float(np.linalg.norm(direction))
        if size == 0.0:
            return cls(principal_axes(loadings), 0.0, np.zeros(len(loadings)))
        unit = direction / size
        along = np.einsum("hj,j->h", loadings, unit)
        common = 0.5 * (along.max() + along.min())
        if common < 0.0:
            along, unit, common = -along, -unit, -common
        rest = loadings - np.multiply.outer(along, unit)
        return cls(principal_axes(rest), float(common), along - common)

    @property
    def slopes(self) -> Array:
        """Slopes (r,) of the axes as :func:`axis_rules` wants them."""
        high, low = np.maximum(self.axes.max(axis=0), 0.0), np.minimum(self.axes.min(axis=0), 0.0)
        return np.asarray(high - low)

    def interpolated(self, resolution: Resolution) -> float:
        """Nodes that the tilt takes, infinite if they are too many."""
        slope = self.tilt.max() - self.tilt.min()
        return float(interpolation_sizes(resolution)[places(slope)])


def principal_axes(loadings: Array) -> Array:
    """Principal axes (H, r) of logits with the given loadings (H, n); none for what is rounding."""
    sizes, directions = np.linalg.svd(loadings, full_matrices=False)[1:]
    directions = directions[sizes > 1e-15 * sizes.max(initial=0.0)]
    return np.asarray(np.einsum("hj,kj->hk", loadings, directions))


def splits(loadings: Array) -> list[Split]:
    """Ways to split loadings (H, n), the one that leaves no tilt first, the one without last.

    The rows of the loadings span an affine space; the foot of the perpendicular from the origin
    onto it is what they all share. Where they hardly extend in a direction, the perpendicular onto
    what they span without it is longer, at the price of a tilt.
    """
    center = loadings.mean(axis=0)
    sizes, directions = np.linalg.svd(loadings - center, full_matrices=False)[1:]
    within = np.einsum("kj,j->k", directions, center)
    within[sizes <= 1e-14 * np.abs(loadings).max(initial=1e-300)] = 0.0
    foot = center - within @ directions
    feet = [foot]
    for component, direction in zip(within[::-1], directions[::-1], strict=True):
        if abs(component) > 0.3 * np.linalg.norm(foot):  # it is much longer without this
            feet.append(foot + component * direction)
        foot = foot + component * direction
    return [Split.along(loadings, foot) for foot in [*feet, np.zeros_like(center)]]


def cheapest(ways: Sequence[Split], resolution: Resolution, cut: float) -> tuple[Split, Smoothing]:
    """The split that needs the fewest nodes, and how its common part smooths."""
    counts = [split.interpolated(resolution) for split in ways]
    per_axis = axis_sizes(resolution, cut)
    sizes = [
        count * float(np.prod(per_axis[places(split.slopes)]))
        for split, count in zip(ways, counts, strict=True)
    ]
    for which in np.argsort(sizes, kind="stable"):
        smoothing = Smoothing.of(ways[which].common, resolution, cut, int(counts[which]))
        if smoothing is not None:
            return ways[which], smoothing
    raise AssertionError("there is one without a tilt")
