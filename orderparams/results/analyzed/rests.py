"""Stationary points with their modes, and how a run moved beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.models.interface import State
from orderparams.models.vectors.geometry import Geometry, Vectors, distances, squares
from orderparams.models.vectors.inertia import Inertia

Array = NDArray[np.float64]

CONVERGED = 1e-7
"""Residual below which a point counts as stationary."""

SAME = 0.01
"""Points are one within this part of their length: along modes that hardly grow or decay they are
known no better."""

NEAR = 0.1
"""A run is near a stationary point within this distance, relative to the length of its vectors at
the end."""


def growth(eigenvalue: float, inertia: Inertia | None) -> float:
    """How fast a small deviation grows along a mode of the Hessian; with inertia the faster of its
    two motions."""
    return -eigenvalue if inertia is None else inertia.rate(eigenvalue)


@dataclass(frozen=True, eq=False)
class StationaryPoint:
    """x of the landscape, the vectors there, their order parameters and all that is not learned as
    ``state``, and the risk; ``residual`` is max |∂E/∂x|.

    ``penalty`` is λ|K|²/2; with weight decay the point is one of the sum, the ``objective``.
    """

    x: Array
    vectors: Vectors
    state: State
    risk: float
    residual: float
    penalty: float = 0.0

    @property
    def objective(self) -> float:
        """What training lowers: the risk, and the penalties of weight decay and repulsion."""
        return self.risk + self.penalty

    @property
    def converged(self) -> bool:
        """Whether the gradient vanishes to the accuracy of the expectations."""
        return self.residual < CONVERGED


@dataclass(frozen=True, eq=False)
class Mode:
    """An eigenspace of the Hessian.

    vectors (multiplicity, n) in the coordinates of the landscape. Of their squared length:
    ``common`` is the part in which all vectors do the same; ``directions`` the part along each
    direction of the geometry; ``residual`` outside all of them; the rest moves learned numbers.
    ``inertia`` is that of the vectors, if they have any.
    """

    eigenvalue: float
    vectors: Array
    common: float
    directions: tuple[float, ...]
    residual: float
    inertia: Inertia | None = None

    @property
    def rate(self) -> float:
        """Growth rate of a small deviation without noise; negative where it decays."""
        return growth(self.eigenvalue, self.inertia)

    @property
    def multiplicity(self) -> int:
        """Dimension of the eigenspace."""
        return len(self.vectors)

    def describe(self, geometry: Geometry) -> str:
        """In a few words: which vectors move, and where to."""
        word = geometry.word
        who = f"all {word}s" if self.common > 0.99 else f"{1 - self.common:.0%} between {word}s"
        if self.common < 0.01:
            who = f"between {word}s"
        directions = [f"direction {direction.name}" for direction in geometry.directions]
        learned = 1.0 - sum(self.directions) - self.residual
        parts = [*self.directions, self.residual, learned]
        where = [*directions, "residual", geometry.numbers]
        largest = np.argsort(parts)[::-1]
        if parts[largest[0]] > 0.98:
            return f"{who}, {where[largest[0]]}"
        shown = [f"{where[i]} {parts[i]:.0%}" for i in largest[:2] if parts[i] > 0.02]
        return f"{who}, {', '.join(shown)}"


@dataclass(frozen=True)
class Growth:
    """How a run moved along a mode while it was near: the slope of the logarithm of its deviation
    from ``start`` to ``end`` with its standard error, and ``local``, the rate that the Hessian
    where the run was closest predicts for it."""

    rate: float
    error: float
    local: float
    start: float
    end: float


@dataclass(frozen=True, eq=False)
class Rest:
    """A stationary point that a run comes near, or where it began to specialize.

    ``modes`` of the Hessian, the most unstable first; ``growth`` beside each of the unstable ones,
    where it can be read off. ``distance`` is the least one of the run's vectors from the point,
    relative to their length at the end, reached at ``time``; ``end`` that of the end of the run.
    """

    point: StationaryPoint
    modes: tuple[Mode, ...]
    growth: tuple[Growth | None, ...]
    distance: float
    time: float
    end: float

    @property
    def unstable(self) -> tuple[Mode, ...]:
        """The modes that grow."""
        return self.modes[: len(self.growth)]

    @property
    def passed(self) -> bool:
        """Whether it is a stationary point, and the run came near it."""
        return self.point.converged and self.distance < NEAR

    def is_at(self, other: Rest, geometry: Geometry) -> bool:
        """Whether both are one point."""
        state, there = self.point.state, other.point.state
        apart = distances(geometry, {name: values[None] for name, values in state.items()}, there)
        return bool(apart[0] <= SAME * np.sqrt(squares(there).sum()))
