"""Stationary points beside a run: how near it comes, and how it leaves them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.stability import (
    growth_rate,
    near_interval,
    rate_along,
    spectrum,
    unstable,
)
from orderparams.analysis.stationary import nearest_stationary, point_at
from orderparams.errors import SolverError
from orderparams.models.vectors.geometry import Vectors, distances, squares
from orderparams.models.vectors.landscape import Landscape
from orderparams.results.analyzed.rests import Growth, Mode, Rest, StationaryPoint
from orderparams.results.trajectory import Trajectory

Array = NDArray[np.float64]

GROWN = 0.1
"""Residuals shorter than this part of the longest vector are dropped before a stationary point is
sought; where they can grow, the point is unstable along the residual."""

TINY = 1e-12
"""Lengths below which the end of a run is K = 0."""


def vectors_at(trajectory: Trajectory, index: int) -> Vectors:
    """The vectors at a stored time."""
    flow = Landscape(trajectory.problem, residual=0).flow
    return flow.vectors_at(trajectory.state(index))


def relative_distance(
    landscape: Landscape, trajectory: Trajectory, point: StationaryPoint
) -> Array:
    """Distances (T,) of the vectors from those of a point, relative to their lengths at the end."""
    apart = distances(landscape.geometry, trajectory.parameters, point.state)
    length = np.sqrt(squares(trajectory.parameters)[-1].sum())
    distance: Array = apart / max(float(length), TINY)
    return distance


def examine(landscape: Landscape, point: StationaryPoint, trajectory: Trajectory) -> Rest:
    """The modes of a stationary point, and how the run moved while it was near."""
    modes = spectrum(landscape, point)
    distance = relative_distance(landscape, trajectory, point)
    growth = [
        growth_along(landscape, point, mode, trajectory, distance) for mode in unstable(modes)
    ]
    closest = int(distance.argmin())
    nearest, time = float(distance[closest]), float(trajectory.time[closest])
    end = float(distance[-1])
    return Rest(point, modes, tuple(growth), nearest, time, end)


def growth_along(
    landscape: Landscape,
    point: StationaryPoint,
    mode: Mode,
    trajectory: Trajectory,
    distance: Array,
) -> Growth | None:
    """Growth of a run along a mode around its closest approach, as far as there is any.

    None for residual modes, which are defined up to rotations of the residual.
    """
    near = near_interval(distance)
    if mode.residual > 0.01 or len(near) == 0:
        return None
    flow = landscape.flow
    path = np.array([landscape.point(flow.vectors_at(trajectory.state(i))) for i in near])
    parts = (path - point.x) @ mode.vectors.T
    time = trajectory.time[near.start : near.stop]
    fitted = growth_rate(time, np.linalg.norm(parts, axis=1))
    if fitted is None:
        return None
    closest = int(distance.argmin())
    everywhere = landscape.with_residual()
    here = everywhere.point(flow.vectors_at(trajectory.state(closest)))
    moved = landscape.vectors(point.x + parts[closest - near.start] @ mode.vectors)
    moved = moved.with_residual(point.vectors.residual)
    deviation = everywhere.point(moved) - everywhere.point(point.vectors)
    local = rate_along(everywhere, here, deviation)
    return Growth(*fitted, local, float(time[0]), float(time[-1]))


def rest_near(everywhere: Landscape, trajectory: Trajectory, index: int) -> Rest:
    """The stationary point near a stored state, and what it is."""
    landscape, point = point_near(everywhere, trajectory, index, nearest_stationary)
    return examine(landscape, point, trajectory)


def point_near(
    everywhere: Landscape,
    trajectory: Trajectory,
    index: int,
    nearest: Callable[[Landscape, Array], StationaryPoint],
) -> tuple[Landscape, StationaryPoint]:
    """The stationary point near a stored state by a search, and the landscape that it is of; the
    state itself, which is none, where the search leads out of the range of the expectations."""
    vectors = everywhere.flow.vectors_at(trajectory.state(index))
    longest = np.sqrt(squares(trajectory.parameters).max())
    sizes = np.linalg.svd(vectors.residual, compute_uv=False)
    landscape = everywhere.with_residual(int((sizes > GROWN * longest).sum()))
    x = landscape.point(vectors)
    try:
        return landscape, nearest(landscape, x)
    except SolverError:
        return landscape, point_at(landscape, x)
