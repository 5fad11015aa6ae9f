"""Signal directions that do not depend on how P_θ was written down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.models.single_location.task import Signal

Array = NDArray[np.float64]

SAME = 1e-9
"""Relative difference up to which two variances are one."""


@dataclass(frozen=True, eq=False)
class Direction:
    """A subspace of the F hidden directions: basis (F, k), orthonormal columns; ``variance`` is the
    variance of θ in it. k > 1 where P_θ singles no direction out."""

    name: str
    basis: Array
    variance: float

    def part(self, overlap: Array) -> Array:
        """Coordinates (..., k) of overlaps (..., F)."""
        coordinates: Array = overlap @ self.basis
        return coordinates


def hidden_directions(signal: Signal) -> tuple[Direction, ...]:
    """The F hidden directions one by one."""
    variances = np.diag(signal.covariance)
    unit = np.eye(signal.features)
    return tuple(Direction(str(f + 1), unit[:, [f]], variances[f]) for f in range(len(unit)))


def principal_directions(signal: Signal) -> tuple[Direction, ...]:
    """The eigenspaces of Cov θ, strongest first.

    An eigenspace spanned by hidden directions is named by them ("2" or "2+3"), another one by its
    rank ("p1").
    """
    variances, axes = np.linalg.eigh(signal.covariance)
    variances, axes = variances[::-1], axes[:, ::-1]
    starts = np.flatnonzero(np.diff(variances, prepend=np.inf) < -SAME * abs(variances[0]))
    directions: list[Direction] = []
    for space in np.split(np.arange(len(variances)), starts[starts > 0]):
        basis, name = axes[:, space], f"p{len(directions) + 1}"
        inside = np.isclose((basis**2).sum(axis=1), 1.0, rtol=0, atol=1e-12)
        if inside.sum() == len(space):
            basis = np.eye(signal.features)[:, inside]
            name = "+".join(str(f + 1) for f in np.flatnonzero(inside))
        directions.append(Direction(name, basis, float(variances[space].mean())))
    return tuple(directions)


def signal_directions(signal: Signal) -> tuple[Direction, ...]:
    """What heads can specialize on: the hidden directions where P_θ lives on points on these axes,
    the eigenspaces of Cov θ elsewhere."""
    on_axes = (np.count_nonzero(signal.means, axis=1) <= 1).all() and not signal.covariances.any()
    return hidden_directions(signal) if on_axes else principal_directions(signal)
