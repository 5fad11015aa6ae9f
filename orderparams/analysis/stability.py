"""Stability of a stationary point: the Hessian's modes, what they do, what rates they predict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from orderparams.models.vectors.inertia import inertia_of
from orderparams.models.vectors.landscape import STEP, Landscape
from orderparams.results.analyzed.rests import NEAR, Mode, StationaryPoint, growth

Array = NDArray[np.float64]

DEGENERATE = 1e-5
"""Relative difference up to which two eigenvalues are one; above the error of the differences."""


def spectrum(landscape: Landscape, point: StationaryPoint) -> tuple[Mode, ...]:
    """All modes at a stationary point, the most unstable first.

    Directions outside the hidden ones and the residual are equivalent and stand for one.
    """
    directions, count = landscape.geometry.directions, landscape.count
    inertia = inertia_of(landscape.problem)
    eigenvalues, vectors = np.linalg.eigh(landscape.hessian(point.x))
    modes = []
    for space in clusters(eigenvalues):
        block = vectors[:, space].T
        weights, learned = landscape.split(block)
        common = count * ((weights.mean(1) ** 2).sum() + (learned.mean(2) ** 2).sum())
        hidden, outside = np.split(weights, [landscape.directions], axis=2)
        along = [(d.part(hidden) ** 2).sum() for d in directions]
        shares = np.array([common, *along, (outside**2).sum()]) / len(block)
        modes.append(
            Mode(
                float(eigenvalues[space].mean()),
                block,
                float(shares[0]),
                tuple(map(float, shares[1:-1])),
                float(shares[-1]),
                inertia,
            )
        )
    eigenvalues, vectors = np.linalg.eigh(landscape.transverse(point.x))
    for space in clusters(eigenvalues):
        block = vectors[:, space].T
        common = float(count * (block.mean(axis=1) ** 2).sum() / len(block))
        none = np.zeros((len(block), point.x.size))
        shares_along = (0.0,) * len(directions)
        modes.append(
            Mode(float(eigenvalues[space].mean()), none, common, shares_along, 1.0, inertia)
        )
    return tuple(sorted(modes, key=lambda mode: mode.eigenvalue))


def unstable(modes: Sequence[Mode]) -> tuple[Mode, ...]:
    """The modes that grow, of a spectrum; those within the error of zero do not count."""
    scale = max(abs(mode.eigenvalue) for mode in modes)
    return tuple(mode for mode in modes if mode.eigenvalue < -DEGENERATE * scale)


def clusters(eigenvalues: Array) -> list[NDArray[np.int64]]:
    """Indices of ascending eigenvalues that agree."""
    gap = DEGENERATE * float(np.abs(eigenvalues).max())
    breaks = np.flatnonzero(np.diff(eigenvalues) > gap) + 1
    return np.split(np.arange(len(eigenvalues)), breaks)


def near_interval(distance: Array) -> range:
    """Indices of the stored times around the closest approach to a point (relative distances (T,)).

    It ends where the distance is twice the least, and is empty if that is not small.
    """
    closest = int(distance.argmin())
    away = np.flatnonzero(distance > min(NEAR, 2 * distance[closest]))
    before, after = away[away <= closest], away[away >= closest]
    start = int(before[-1]) + 1 if len(before) else 0
    return range(start, int(after[0]) if len(after) else len(distance))


def growth_rate(time: Array, amplitude: Array) -> tuple[float, float] | None:
    """Slope of log amplitude (T,) by linear regression, and its standard error.

    None where it is no clear exponential: fewer than four times, or a correlation below 0.95.
    """
    seen = amplitude > 0
    if seen.sum() < 4:
        return None
    t, y = time[seen] - time[seen].mean(), np.log(amplitude[seen])
    y = y - y.mean()
    slope = float(t @ y / (t @ t))
    unexplained = float(((y - slope * t) ** 2).sum())
    if unexplained > (1 - 0.95**2) * float(y @ y):
        return None
    return slope, float(np.sqrt(unexplained / (len(t) - 2) / (t @ t)))


def rate_along(landscape: Landscape, x: Array, direction: Array) -> float:
    """The growth rate of a small deviation d (n,) from wherever a run is: −dᵀ∇²E(x)d/|d|², and with
    inertia that of its root."""
    unit = direction / np.linalg.norm(direction)
    ahead, behind = landscape.gradient(x + STEP * unit), landscape.gradient(x - STEP * unit)
    curvature = float((ahead - behind) @ unit / (2 * STEP))
    return growth(curvature, inertia_of(landscape.problem))
