"""Stability of a stationary point: the Hessian's modes, what they do, and the rates they predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.directions import Direction
from orderparams.analysis.stationary import StationaryPoint
from orderparams.landscape import Landscape

Array = NDArray[np.float64]

DEGENERATE = 1e-5
"""Relative difference up to which two eigenvalues are one; above the error of the differences."""

NEAR = 0.05
"""A run is near a stationary point within this distance, relative to the length of all heads at the
end: linear theory holds there up to corrections of this order."""


@dataclass(frozen=True, eq=False)
class Mode:
    """An eigenspace of the Hessian.

    vectors (multiplicity, n) in the coordinates of the landscape. Of their squared length:
    ``common`` is the part in which all heads do the same; ``directions`` the part along each
    principal direction; ``residual`` outside all of them; the rest moves biases and head weights.
    """

    eigenvalue: float
    vectors: Array
    common: float
    directions: tuple[float, ...]
    residual: float

    @property
    def rate(self) -> float:
        """Growth rate of a small deviation in gradient flow; negative where it decays."""
        return -self.eigenvalue

    @property
    def multiplicity(self) -> int:
        """Dimension of the eigenspace."""
        return len(self.vectors)

    def describe(self, directions: Sequence[Direction]) -> str:
        """In words: what moves, and along which directions."""
        who = "all heads together" if self.common > 0.99 else "between heads"
        if 0.01 < self.common <= 0.99:
            who = f"heads, {self.common:.0%} in common"
        parts = [*self.directions, self.residual]
        names = [f"direction {direction.name}" for direction in directions] + ["residual"]
        parts.append(1.0 - sum(parts))
        names.append("bias or head weights")
        shown = [i for i in np.argsort(parts)[::-1] if parts[i] > 0.02]
        if len(shown) == 1:
            return f"{who}, {names[shown[0]]}"
        return f"{who}, " + ", ".join(f"{names[i]} {parts[i]:.0%}" for i in shown)


def spectrum(
    landscape: Landscape, point: StationaryPoint, directions: Sequence[Direction]
) -> tuple[Mode, ...]:
    """All modes at a stationary point, the most unstable first.

    Directions outside the hidden ones and the heads' residual are equivalent and stand for one.
    """
    eigenvalues, vectors = np.linalg.eigh(landscape.hessian(point.x))
    heads = len(point.heads.bias)
    features = landscape.flow.features
    split = np.prod(landscape.weights_shape)
    modes = []
    for space in clusters(eigenvalues):
        block = vectors[:, space].T
        weights = block[:, :split].reshape(len(block), *landscape.weights_shape)
        learned = block[:, split:].reshape(len(block), -1, heads)
        common = heads * ((weights.mean(1) ** 2).sum() + (learned.mean(2) ** 2).sum())
        along = [(d.part(weights[..., :features]) ** 2).sum() for d in directions]
        shares = np.array([common, *along, (weights[..., features:] ** 2).sum()]) / len(block)
        modes.append(
            Mode(
                float(eigenvalues[space].mean()),
                block,
                float(shares[0]),
                tuple(map(float, shares[1:-1])),
                float(shares[-1]),
            )
        )
    eigenvalues, vectors = np.linalg.eigh(landscape.transverse(point.x))
    for space in clusters(eigenvalues):
        block = vectors[:, space].T
        common = float(heads * (block.mean(axis=1) ** 2).sum() / len(block))
        none = np.zeros((len(block), point.x.size))
        modes.append(
            Mode(float(eigenvalues[space].mean()), none, common, (0.0,) * len(directions), 1.0)
        )
    return tuple(sorted(modes, key=lambda mode: mode.eigenvalue))


def clusters(eigenvalues: Array) -> list[NDArray[np.int64]]:
    """Indices of ascending eigenvalues that agree."""
    gap = DEGENERATE * float(np.abs(eigenvalues).max())
    breaks = np.flatnonzero(np.diff(eigenvalues) > gap) + 1
    return np.split(np.arange(len(eigenvalues)), breaks)


@dataclass(frozen=True)
class ObservedRate:
    """Slope of log |deviation along a mode| between two times, and its standard error."""

    rate: float
    error: float
    start: float
    end: float


def near_interval(distance: Array) -> slice:
    """The stored times around the closest approach at which a run is within NEAR of a point."""
    closest = int(distance.argmin())
    away = np.flatnonzero(distance > NEAR)
    before, after = away[away <= closest], away[away >= closest]
    start = int(before[-1]) + 1 if len(before) else 0
    return slice(start, int(after[0]) if len(after) else len(distance))


def observed_rate(time: Array, deviation: Array, mode: Mode) -> ObservedRate | None:
    """Rate at which a run's deviation along a mode grows, by linear regression of its logarithm.

    time (T,) and deviation (T, n) while the run is near the stationary point. None where the
    deviation is no clear exponential: fewer than four times, or a correlation below 0.95. None for
    residual modes, which are defined up to a rotation.
    """
    if mode.residual > 0.01:
        return None
    amplitude = np.linalg.norm(deviation @ mode.vectors.T, axis=1)
    seen = amplitude > 0
    if seen.sum() < 4:
        return None
    t, y = time[seen], np.log(amplitude[seen])
    t_centered, y_centered = t - t.mean(), y - y.mean()
    slope = float(t_centered @ y_centered / (t_centered @ t_centered))
    noise = y_centered - slope * t_centered
    error = float(np.sqrt(noise @ noise / (len(t) - 2) / (t_centered @ t_centered)))
    if 1 - noise @ noise / max(y_centered @ y_centered, 1e-300) < 0.95**2:
        return None
    return ObservedRate(slope, error, float(t[0]), float(t[-1]))
