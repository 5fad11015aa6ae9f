"""Everything about a run in one answer: what happened, why, and what could be better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.directions import Direction, principal_directions
from orderparams.analysis.optimum import Optimum, optimum, without_decay
from orderparams.analysis.pruning import Pruning, prune
from orderparams.analysis.stability import Mode, ObservedRate, near_interval, observed_rate, spectrum
from orderparams.analysis.stages import Stages, stages_of
from orderparams.analysis.stationary import (
    StationaryPoint,
    nearest_stationary,
    unspecialized_point,
)
from orderparams.config import Problem
from orderparams.integrate import solve
from orderparams.landscape import Landscape
from orderparams.problem import Heads, initial_heads, residual_factor
from orderparams.trajectory import Trajectory

Array = NDArray[np.float64]

GROWN = 0.1
"""Residuals shorter than this part of the longest head are dropped before a stationary point is
sought; where they can grow, the point is unstable along the residual."""


@dataclass(frozen=True, eq=False)
class Rest:
    """A stationary point that a run comes near, or where it began to specialize.

    ``modes`` of the Hessian, the most unstable first, and beside each the rate at which the run
    moved along it while near, where that can be read off. ``distance`` is the least one of the run
    from the point, relative to the length of all heads at the end, reached at ``time``.
    """

    point: StationaryPoint
    modes: tuple[Mode, ...]
    observed: tuple[ObservedRate | None, ...]
    distance: float
    time: float

    @property
    def unstable(self) -> tuple[Mode, ...]:
        """The modes that grow."""
        scale = max(abs(mode.eigenvalue) for mode in self.modes)
        return tuple(mode for mode in self.modes if mode.eigenvalue < -1e-5 * scale)


@dataclass(frozen=True, eq=False)
class Analysis:
    """The parts of the answer.

    unspecialized: the point with all heads equal; rests: the stationary points behind the plateaus
    before the end; final: the one nearest to the end of the run; directions: eigenspaces of Cov θ,
    by which the modes are labelled.
    """

    trajectory: Trajectory
    stages: Stages
    directions: tuple[Direction, ...]
    unspecialized: Rest
    rests: tuple[Rest, ...]
    final: Rest
    optimum: Optimum
    pruning: Pruning


def state_at(trajectory: Trajectory, index: int) -> Heads:
    """The heads at a stored time."""
    problem = trajectory.problem
    overlap, self_overlap = trajectory.overlap[index], trajectory.self_overlap[index]
    start = initial_heads(problem)
    bias = start.bias if trajectory.bias is None else trajectory.bias[index]
    if problem.attention.bias == "norm":
        bias = -0.5 * np.diag(self_overlap)
    weights = start.head_weights
    if trajectory.head_weight is not None:
        weights = trajectory.head_weight[index]
    return Heads(overlap, residual_factor(self_overlap - overlap @ overlap.T), bias, weights)


def examine(
    landscape: Landscape,
    point: StationaryPoint,
    trajectory: Trajectory,
    directions: tuple[Direction, ...],
) -> Rest:
    """The modes of a stationary point, and how the run moved while it was near."""
    modes = spectrum(landscape, point, directions)
    apart = np.linalg.norm(trajectory.overlap - point.heads.overlap, axis=(1, 2))
    distance = apart / np.linalg.norm(trajectory.overlap[-1])
    near = range(len(apart))[near_interval(distance)]
    path = [landscape.point(state_at(trajectory, i)) for i in near]
    deviation = np.reshape(path, (len(near), -1)) - point.x
    observed = tuple(observed_rate(trajectory.time[near], deviation, mode) for mode in modes)
    closest = int(distance.argmin())
    return Rest(point, modes, observed, float(distance[closest]), float(trajectory.time[closest]))


def rest_near(trajectory: Trajectory, index: int, directions: tuple[Direction, ...]) -> Rest:
    """The stationary point near a stored state, and what it is."""
    heads = state_at(trajectory, index)
    longest = np.sqrt(np.einsum("thh->th", trajectory.self_overlap).max())
    sizes = np.linalg.svd(heads.residual, compute_uv=False)
    landscape = Landscape(trajectory.problem, residual=int((sizes > GROWN * longest).sum()))
    point = nearest_stationary(landscape, landscape.point(heads))
    return examine(landscape, point, trajectory, directions)


def analyze(
    run: Trajectory | Problem, *, progress: Callable[[str], None] = lambda what: None
) -> Analysis:
    """Stages, stability, optimum and pruning of a run; a problem is solved first.

    ``progress`` is called with what is done next.
    """
    if isinstance(run, Problem):
        progress("integrating the flow")
        run = solve(run)
    problem = run.problem
    progress("stationary points and their stability")
    symmetric = Landscape(problem, residual=0)
    directions = principal_directions(symmetric.task.signal)
    stages = stages_of(run)
    inner = [plateau.center for plateau in stages.plateaus if plateau.end < run.time[-1]]
    indices = [int(np.searchsorted(run.time, center)) for center in inner]
    unspecialized = examine(symmetric, unspecialized_point(symmetric), run, directions)
    rests = tuple(rest_near(run, index, directions) for index in indices)
    final = rest_near(run, -1, directions)
    progress("the optimum")
    best = optimum(problem, [state_at(run, -1)])
    progress("pruning")
    pruning = prune(without_decay(problem), state_at(run, -1))
    return Analysis(run, stages, directions, unspecialized, rests, final, best, pruning)
