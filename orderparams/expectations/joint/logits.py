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

    @property
    def slopes(self) -> Array:
        """Slopes (r,) of the axes as :func:`axis_rules` wants them."""
        high, low = np.maximum(self.axes.max(axis=0), 0.0), np.minimum(self.axes.min(axis=0), 0.0)
        return np.asarray(high - low)


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
    return splits_along(loadings, np.array([*feet, np.zeros_like(center)]))


def splits_along(loadings: Array, directions: Array) -> list[Split]:
    """Splits of loadings (H, n) by the components along directions (m, n), zero for none."""
    sizes = np.linalg.norm(directions, axis=1)
    units = directions / np.where(sizes > 0.0, sizes, 1.0)[:, None]
    along = np.einsum("hj,mj->mh", loadings, units)
    common = 0.5 * (along.max(axis=1) + along.min(axis=1))
    rests = loadings - np.einsum("mh,mj->mhj", along, units)
    tilts = np.where(common < 0.0, -1.0, 1.0)[:, None] * (along - common[:, None])
    parts = zip(principal_axes(rests), np.abs(common).tolist(), tilts, strict=True)
    return [Split(*part) for part in parts]


def principal_axes(loadings: Array) -> list[Array]:
    """Principal axes (H, r) of logits, for each of the loadings (m, H, n); none for what is
    rounding."""
    sizes, directions = np.linalg.svd(loadings, full_matrices=False)[1:]
    axes = np.einsum("mhj,mkj->mhk", loadings, directions)
    kept = sizes > 1e-15 * sizes.max(axis=1, initial=0.0)[:, None]
    return [own[:, these] for own, these in zip(axes, kept, strict=True)]


def cheapest(ways: Sequence[Split], resolution: Resolution, cut: float) -> tuple[Split, Smoothing]:
    """The split that needs the fewest nodes, and how its common part smooths."""
    tilts = np.array([split.tilt for split in ways])
    counts = interpolation_sizes(resolution)[places(tilts.max(axis=1) - tilts.min(axis=1))]
    per_axis = axis_sizes(resolution, cut)
    sizes = counts * [np.prod(per_axis[places(split.slopes)]) for split in ways]
    for which in np.argsort(sizes, kind="stable"):
        smoothing = Smoothing.of(ways[which].common, resolution, cut, int(counts[which]))
        if smoothing is not None:
            return ways[which], smoothing
    raise AssertionError("there is one without a tilt")
