"""The velocity that one vector would have elsewhere, all others being where they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.errors import ConfigurationError, SolverError
from orderparams.models.interface import State
from orderparams.models.vectors.landscape import ROUGH, Landscape

Array = NDArray[np.float64]


def velocities(problem: Problem, state: State, learner: int, axes: Array, points: Array) -> Array:
    """Velocities (N, 2) of one vector, counted from 0, at points (N, 2) of a plane.

    ``axes`` (d, 2) takes overlaps with the hidden directions to coordinates in the plane, in which
    the vector is moved the shortest way; directions that ``axes`` say nothing of come last. It has
    the velocity of gradient flow; its residual, its numbers and all other vectors are those of the
    state. NaN where the expectations cannot be had. :class:`ConfigurationError` where what learns
    is made of vectors that others share.
    """
    flow = Landscape(problem, tolerance=ROUGH).flow
    here = flow.vectors_at(state)
    if here.shared:
        raise ConfigurationError(
            f"field {learner + 1}: {here.learners} learners are made of {here.count} vectors that "
            "they share, and none moves by itself; leave it out"
        )
    axes = np.pad(axes, ((0, here.overlap.shape[1] - len(axes)), (0, 0)))
    back = np.linalg.pinv(axes)
    found = np.full(points.shape, np.nan)
    for number, point in enumerate(points):
        overlap = here.overlap.copy()
        overlap[learner] += (point - overlap[learner] @ axes) @ back
        moved = flow.dressed(overlap, here.residual, here.numbers)
        try:
            gradient = flow.gradient(moved, covariance=False)
        except SolverError:
            continue
        found[number] = flow.rates(moved, moved.residual, gradient)[0][learner] @ axes
    return found
