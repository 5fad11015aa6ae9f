"""A run along the modes of a stationary point: how far it went, and what moved in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.rests import relative_distance
from orderparams.analysis.stability import near_interval
from orderparams.models.vectors.landscape import Landscape

if TYPE_CHECKING:
    from orderparams.config import Problem
    from orderparams.results.analyzed.rests import Mode, Rest
    from orderparams.results.trajectory import Trajectory

Array = NDArray[np.float64]

OUTSIDE = 0.01
"""Part of a mode outside the hidden directions up to which a run can be followed along it: there
vectors are known up to rotations."""

TINY = 1e-9
"""Deviations below are errors of the integration."""


@dataclass(frozen=True, eq=False)
class Course:
    """A run along a mode: ``parts`` (T, multiplicity) of its deviation from the stationary point,
    and the indices of the times at which it is near."""

    parts: Array
    near: range

    @property
    def amplitude(self) -> Array:
        """Length (T,) of the deviation along the mode."""
        lengths: Array = np.linalg.norm(self.parts, axis=1)
        return lengths


@dataclass(frozen=True, eq=False)
class Shape:
    """One deviation of unit length along a mode, and what changes by it.

    ``measured`` (n, M), of the overlaps; ``outside`` (n,), the length of the change in directions
    other than the hidden ones, None where there are none; ``numbers`` (n,) that are learned beside
    the vectors, in their units.
    """

    measured: Array
    outside: Array | None
    numbers: Mapping[str, Array]


def landscape_around(problem: Problem, x: Array) -> Landscape:
    """The landscape that a point x (N,) is of, by the number of its residual directions."""
    whole = Landscape(problem, residual=0)
    each = x.size // whole.count
    return whole.with_residual(each - whole.directions - len(whole.units))


def followed(mode: Mode) -> bool:
    """Whether a run can be followed along a mode."""
    return mode.residual <= OUTSIDE


def course_along(rest: Rest, mode: Mode, run: Trajectory) -> Course:
    """A run along a mode of a stationary point beside it."""
    landscape = landscape_around(run.problem, rest.point.x)
    states = (run.state(index) for index in range(len(run.time)))
    path = np.array([landscape.point(landscape.flow.vectors_at(state)) for state in states])
    near = near_interval(relative_distance(landscape, run, rest.point))
    return Course((path - rest.point.x) @ mode.vectors.T, near)


def shape_of(rest: Rest, mode: Mode, run: Trajectory) -> Shape | None:
    """What changes along a mode; None where all of it is outside the hidden directions.

    Of a mode with several dimensions the deviation is the one that the run has when it ceases to be
    near, or else the one nearest to the growth of a single weight. The sign follows from the same.
    """
    if not mode.vectors.any():
        return None
    landscape = landscape_around(run.problem, rest.point.x)
    course = course_along(rest, mode, run)
    parts = np.zeros(mode.multiplicity)
    if followed(mode) and course.near:
        parts = course.parts[course.near[-1]]
    if np.linalg.norm(parts) <= TINY:
        parts = mode.vectors[:, int((mode.vectors**2).sum(axis=0).round(9).argmax())]
    deviation = parts @ mode.vectors / np.linalg.norm(parts)
    weights, learned = landscape.split(deviation)
    hidden, outside = np.split(weights, [landscape.directions], axis=1)
    return Shape(
        landscape.geometry.measured(hidden),
        np.linalg.norm(outside, axis=1) if landscape.residual else None,
        dict(zip(landscape.units, learned, strict=True)),
    )
