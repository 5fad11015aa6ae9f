"""The flow in X, its Jacobian J = ∂f/∂X, and what fluctuations with covariance S make of its mean.

Differences are taken in Y = (m, s, numbers) (:mod:`coordinates`): in m and numbers at fixed s, and
in s along e_i e_iᵀ and (e_i+e_j)(e_i+e_j)ᵀ, which lead into the cone s ⪰ 0 from wherever one is.
They are central where there is room, else one-sided and of second order, or all one-sided where a
part in a thousand is enough. As s = q − m mᵀ exactly,
the second-order mean of f is

    ½ Σ S_ij ∂²f/∂X_i∂X_j = ½ Σ Z_ij ∂²f/∂Y_i∂Y_j − Σ_ij ∂f/∂s_ij Σ_f Cov(m_if, m_jf),

Z the covariance of Y; the former by second differences along its eigenvectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.models.vectors.flow import VectorFlow
from orderparams.models.vectors.fluctuations.coordinates import Coordinates
from orderparams.models.vectors.geometry import Vectors, residual_factor
from orderparams.ordered import ordered

Array = NDArray[np.float64]

Pulse = Callable[[], None]

STEP, WIDE = 1e-3, 1e-2
"""Steps in units of what matters: of first differences, and of second ones and one-sided ones of
second order."""

ROOM = 4e-3
"""Least eigenvalue of s that leaves room for central differences."""

NONE = 1e-12
"""Of the largest eigenvalue of a covariance: what is none."""


Steps = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Slope:
    """At one Y: f in X and the risk, (N+1,); their derivatives by Y, (N+1, N); the matrix ∂Y/∂X."""

    value: Array
    by_y: Array
    change: Array

    @property
    def jacobian(self) -> Array:
        """J (N, N)."""
        found: Array = self.by_y[:-1] @ self.change
        return found

    @property
    def gradient(self) -> Array:
        """Derivatives of the risk by X, (N,), entries of q that are alike counted as one."""
        found: Array = self.by_y[-1] @ self.change
        return found


class Differences:
    """Derivatives of a flow at times; velocities are taken by so many ``workers``, and a ``pulse``
    is called with each of them. First derivatives are right to a part in a thousand where they are
    ``rough``."""

    rough = False

    def __init__(self, flow: VectorFlow, coordinates: Coordinates, workers: int) -> None:
        self.flow, self.coordinates, self.workers = flow, coordinates, workers
        count = coordinates.count
        ones = np.ones(count)
        overlap = np.outer(ones, flow.scales.get("overlap", np.ones(coordinates.directions)))
        numbers = {name: flow.scales.get(name, 1.0 + of) for name, of in coordinates.still.items()}
        self.units = coordinates.pack(overlap, np.ones((count, count)), numbers)

    def vectors(self, y: Array) -> Vectors:
        """The vectors at Y."""
        overlap, residual, numbers = self.coordinates.unpack(y)
        numbers = {**self.flow.start.numbers, **numbers}
        return self.flow.dressed(overlap, residual_factor(residual), numbers)

    def value(self, t: float, y: Array) -> Array:
        """f in X at Y, and the risk (N+1,)."""
        vectors = self.vectors(y)
        residual = self.coordinates.unpack(y)[1]
        gradient = self.flow.gradient(vectors, covariance=True)
        motion, drift, numbers = self.flow.rates(vectors, residual, gradient, t)
        half = motion @ vectors.overlap.T
        return np.append(
            self.coordinates.pack(motion, drift + half + half.T, numbers), gradient.risk
        )

    def values(self, t: float, points: Iterable[Array], pulse: Pulse) -> Array:
        """The same at many points (…, N+1)."""
        found = []
        for value in ordered(lambda y: self.value(t, y), points, self.workers):
            pulse()
            found.append(value)
        return np.array(found)

    def slope(self, t: float, y: Array, pulse: Pulse) -> Slope:
        """Value and derivatives at Y."""
        coordinates = self.coordinates
        rows, columns = coordinates.triangle
        first, last = coordinates.overlaps, coordinates.overlaps + len(rows)
        smooth = np.delete(np.arange(coordinates.size), np.arange(first, last))
        sides, ways = self.ways(y)
        moves = [self.units[i] * np.eye(len(y))[i] for i in smooth]
        points = [y, *(y + side * move for move in moves for side in sides)]
        points += [y + way * ray for ray in self.cone() for way in ways]
        here, *others = self.values(t, points, pulse)
        found = np.empty((len(here), len(y)))
        free, coned = np.split(np.array(others), [len(sides) * len(smooth)])
        apart = (free[0::2] - free[1::2]) / 2 if len(sides) > 1 else free - here
        found[:, smooth] = (apart / (sides[0] * self.units[smooth, None])).T
        along = sloping(here, coned, ways)
        diagonal = dict(zip(rows[rows == columns], along[rows == columns], strict=True))
        for entry, (i, j, derivative) in enumerate(zip(rows, columns, along, strict=True)):
            rest = 0.0 if i == j else diagonal[i] + diagonal[j]
            found[:, first + entry] = derivative - rest
        return Slope(here, found, coordinates.slopes(coordinates.unpack(y)[0]))

    def ways(self, y: Array) -> tuple[Steps, Steps]:
        """Steps of differences at Y, along what is free and into the cone."""
        if self.rough:
            return (STEP,), (STEP,)
        room = np.linalg.eigvalsh(self.coordinates.unpack(y)[1])[0] > ROOM
        return (STEP, -STEP), (STEP, -STEP) if room else (WIDE, 2 * WIDE)

    def cone(self) -> Array:
        """The rays e_i e_iᵀ and (e_i+e_j)(e_i+e_j)ᵀ of s in Y, one for each entry of s."""
        coordinates = self.coordinates
        rows, columns = coordinates.triangle
        entry = coordinates.overlaps + np.arange(len(rows))
        diagonal = {i: e for i, j, e in zip(rows, columns, entry, strict=True) if i == j}
        rays = np.zeros((len(rows), coordinates.size))
        for ray, i, j, own in zip(rays, rows, columns, entry, strict=True):
            ray[[own, diagonal[i], diagonal[j]]] = 1.0
        return rays

    def curvature(self, t: float, y: Array, slope: Slope, covariance: Array, pulse: Pulse) -> Array:
        """½ Σ S_ij ∂²/∂X_i∂X_j of f and of the risk (N+1,), of a covariance S (N, N) of X."""
        coordinates = self.coordinates
        of_y = slope.change @ covariance @ slope.change.T
        sizes, axes = np.linalg.eigh(0.5 * (of_y + of_y.T))
        kept = sizes > NONE * max(sizes[-1], 0.0)
        steps = [self.length(y, axis) for axis in axes.T[kept]]
        moves = [step * axis for step, axis in zip(steps, axes.T[kept], strict=True)]
        found = np.zeros(len(slope.value))
        if moves:
            points = [y + sign * move for move in moves for sign in (1, -1)]
            values = self.values(t, points, pulse)
            second = values[0::2] + values[1::2] - 2 * slope.value
            found = 0.5 * (sizes[kept] / np.square(steps)) @ second
        spread = coordinates.spread(covariance)
        rows, columns = coordinates.triangle
        own = slice(coordinates.overlaps, coordinates.overlaps + len(rows))
        shift: Array = found - slope.by_y[:, own] @ spread[rows, columns]
        return shift

    def length(self, y: Array, axis: Array) -> float:
        """A step along an axis of Y, to both sides, that is in units of what matters and stays in
        the cone of s."""
        step = WIDE / float(np.abs(axis / self.units).max())
        coordinates = self.coordinates
        residual, move = coordinates.unpack(y)[1], coordinates.unpack(axis)[1]
        sizes, axes = np.linalg.eigh(residual)
        inside = sizes > 1e-14 * max(1.0, sizes[-1])
        half = axes[:, inside] / np.sqrt(sizes[inside])
        if inside.any():
            steepest = float(np.abs(np.linalg.eigvalsh(half.T @ move @ half)).max())
            step = min(step, 0.5 / max(steepest, 1e-300))
        return step


def sloping(here: Array, values: Array, steps: Steps) -> Array:
    """First derivatives (K, …) from what is ``here`` (…), and values (K·S, …) at S steps, one or
    two of them, from there."""
    near, *far = ((values[i :: len(steps)] - here) / step for i, step in enumerate(steps))
    if not far:
        return near
    found: Array = (near * steps[1] - far[0] * steps[0]) / (steps[1] - steps[0])
    return found
