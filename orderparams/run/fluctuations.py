"""Fluctuations of SGD along a flow: looked at in some states, and propagated between them.

With S the covariance, times D, of the order parameters, and b their mean deviation from the flow,

    dS/dt = J S + S Jᵀ + γC,    db/dt = J b + c − ½γ₀(γ̂ J f + γ̂′ f + γ̂ γ̂′ γ₀ ∂f/∂γ) + ½ S:∂²f,

γ = γ₀γ̂(t) with the share γ̂ of the learning rate that a schedule leaves. The term in γ₀ is that of
a flow followed in steps of equal elapsed times γ₀/D (the modified equation of Euler's method).
Steps with memory are behind a process without: b is that of the process, which has the source J·lag
beside, and the lag. At rest, at time 0, there is none.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from orderparams import memory
from orderparams.models import registry
from orderparams.models.interface import Flow, Fluctuating, Local, Noise, model_of
from orderparams.models.parameters import listed, packed
from orderparams.models.schedule import Schedule, schedule_of
from orderparams.processors import threads
from orderparams.results.fluctuations import Fluctuations
from orderparams.run.path import Path
from orderparams.run.propagation import Coefficients, Pieces, propagate

Array = NDArray[np.float64]

LEAST = 6
"""Knots of a segment."""


@dataclass(frozen=True, eq=False)
class Segment:
    """A stretch of time in which all is smooth: knots (K,), what is found there, h and the
    curvature of the risk (K, N+1)."""

    knots: Array
    found: list[Local]
    bent: Array

    def spline(self, values: Any) -> Callable[[Array], Array]:
        """A cubic in time through what is known at the knots (K, …)."""
        spline: Callable[[Array], Array] = CubicSpline(self.knots, np.array(values))
        return spline

    @property
    def jacobian(self) -> Callable[[Array], Array]:
        """J in time."""
        return self.spline([one.jacobian for one in self.found])

    @property
    def coefficients(self) -> Coefficients:
        """Those of the linear equations."""
        covariance = self.spline([one.covariance for one in self.found])
        return Coefficients(self.jacobian, covariance, self.spline(self.bent[:, :-1]))

    def within(self, times: Array) -> NDArray[np.bool_]:
        """Which times (T,) it has; both ends are its own."""
        inside: NDArray[np.bool_] = (times >= self.knots[0]) & (times <= self.knots[-1])
        return inside


class Linear(NamedTuple):
    """On a grid of times (G,): the pieces between them, S (G, N, N) and b (G, N)."""

    grid: Array
    pieces: Pieces
    covariance: Array
    shift: Array


def fluctuate(
    problem: Any,
    flow: Flow,
    noise: Noise,
    follow: Callable[[Array], Path],
    times: Array,
    pulse: Callable[[float], None],
) -> Fluctuations:
    """The fluctuations at some times, the first of them 0, around a flow.

    ``follow`` follows it from a start to the last of the times; ``pulse`` is called with the time
    that is worked on.
    """
    path = follow(noise.start)
    schedule = schedule_of(problem)
    knots = knots_of(path, times[-1], problem.fluctuations.points, schedule, flow)
    looked = looked_at(problem, noise, path, knots, times, noise.spread, pulse)
    segments, linear = shifted(problem, *looked, times)
    return shown(problem, flow, noise, path, segments, linear, times)


def looked_at(
    problem: Any,
    noise: Noise,
    path: Path,
    knots: list[Array],
    times: Array,
    spread: Array,
    pulse: Callable[[float], None],
    known: Local | None = None,
) -> tuple[list[Segment], Linear]:
    """The linear equations along a path, looked at in knots of each stretch of it, and solved at
    some times from a covariance at the first, without sources of the shift, which is zero there.
    The first knot may be ``known``."""
    schedule = schedule_of(problem)

    def at(t: float, until: float) -> Local:
        if known is not None and t == times[0]:
            return known
        before = min(t, float(np.nextafter(until, 0.0)))
        ends = until == times[-1] and until not in schedule.changes
        return noise.at(t if ends else before, path(t), lambda: pulse(t))

    segments = []
    for own in knots:
        found = [at(t, own[-1]) for t in own]
        segments.append(Segment(own, found, np.zeros((len(own), noise.size + 1))))
    begin = np.zeros(noise.size) if times[0] == 0 else -segments[0].found[0].lag
    return segments, solved(segments, times, spread, begin)


def shifted(
    problem: Any, segments: list[Segment], linear: Linear, times: Array
) -> tuple[list[Segment], Linear]:
    """The same with these sources, if they are asked for."""
    if problem.fluctuations.shifted:
        schedule, rate = schedule_of(problem), problem.training.effective_rate
        segments = [
            bent(one, linear.covariance[np.searchsorted(linear.grid, one.knots)], schedule, rate)
            for one in segments
        ]
        linear = solved(segments, times, linear.covariance[0], linear.shift[0])
    return segments, linear._replace(shift=linear.shift + lagging(segments, linear.grid))


def noise_of(problem: Any, flow: Flow, times: int) -> Noise:
    """What the model of a problem knows of its fluctuations.

    :class:`~orderparams.errors.ConfigurationError` if they do not fit into memory at so many times.
    """
    model = cast(Fluctuating, model_of(problem))
    noise = model.noise(problem, flow, threads() if flow.long_work else 1)
    memory.require(
        8 * noise.size**2 * (8 * times + 12 * problem.fluctuations.points),
        f"fluctuations of {noise.size} order parameters at {times} times",
        "lower output.points, or the number of vectors that learn",
    )
    return noise


def knots_of(path: Path, end: float, points: int, schedule: Schedule, flow: Flow) -> list[Array]:
    """Knots between the times at which the learning rate jumps, or from which the flow rests, each
    of which is one twice."""
    jumps = sorted(t for t in {*schedule.changes, path.times[-1]} if 0 < t < end)
    known = path.knots(points, end, flow.units)
    found = []
    for begin, stop in itertools.pairwise([0.0, *jumps, end]):
        inner = known[(known > begin) & (known < stop)]
        if len(inner) < LEAST - 2:
            inner = np.linspace(begin, stop, LEAST)[1:-1]
        found.append(np.concatenate([[begin], inner, [stop]]))
    return found


def bent(segment: Segment, covariances: Array, schedule: Schedule, rate: float) -> Segment:
    """A segment with the sources of the shift, from S (K, N, N) at its knots."""
    rows = []
    inside = segment.knots.copy()
    inside[-1] = np.nextafter(inside[-1], 0.0)
    for t, one, covariance in zip(inside, segment.found, covariances, strict=True):
        curved = one.curvature(covariance)
        share, slope = schedule.share_at(t), schedule.slope_at(t)
        euler = share * (one.jacobian @ one.velocity + slope * rate * one.by_rate)
        euler += slope * one.velocity
        curved[:-1] += one.drift + one.jacobian @ one.lag - 0.5 * rate * euler
        rows.append(curved)
    return dataclasses.replace(segment, bent=np.array(rows))


def lagging(segments: list[Segment], times: Array) -> Array:
    """The lag (T, N) at some times, none at time 0."""
    found = np.zeros((len(times), len(segments[0].found[0].lag)))
    for one in reversed(segments):
        own = one.within(times)
        found[own] = one.spline([local.lag for local in one.found])(times[own])
    found[times == 0] = 0.0
    return found


def solved(segments: list[Segment], times: Array, start: Array, begin: Array) -> Linear:
    """S and b at some times and at all knots, from those at the start."""
    grid = np.unique(np.concatenate([times, *(one.knots for one in segments)]))
    found = [propagate(one.coefficients, one.knots, grid[one.within(grid)]) for one in segments]
    pieces = Pieces(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
    covariance, shift = [start], [begin]
    for flow, noise, drift in zip(*pieces, strict=True):
        covariance.append(flow @ covariance[-1] @ flow.T + noise)
        shift.append(flow @ shift[-1] + drift)
    return Linear(grid, pieces, np.array(covariance), np.array(shift))


def joined(linear: Linear, times: Array) -> tuple[Array, Array]:
    """Φ and Q (T−1, N, N) between times of the grid."""
    size = linear.covariance.shape[-1]
    flows = np.tile(np.eye(size), (len(times) - 1, 1, 1))
    noises = np.zeros_like(flows)
    owners = np.searchsorted(times, linear.grid[:-1], side="right") - 1
    for i, flow, noise in zip(
        owners, linear.pieces.propagator, linear.pieces.covariance, strict=True
    ):
        flows[i] = flow @ flows[i]
        noises[i] = flow @ noises[i] @ flow.T + noise
    return flows, noises


def shown(
    problem: Any,
    flow: Flow,
    noise: Noise,
    path: Path,
    segments: list[Segment],
    linear: Linear,
    times: Array,
) -> Fluctuations:
    """What was found, of the order parameters."""
    parameters = registry.configuration(problem.model).order_parameters(problem)
    states = [path(t) for t in times]
    views = [noise.view(parameters, y) for y in states]
    free, moving = views[0].free, views[0].moving
    slope = np.array([view.slope for view in views])
    resting = free & ~moving
    slope[:, resting] = 0.0  # else with the rounding of what fluctuates
    place = np.searchsorted(linear.grid, times)
    covariance = linear.covariance[place]
    shift = np.array(
        [
            own @ b + view.bent(s)
            for own, view, b, s in zip(slope, views, linear.shift[place], covariance, strict=True)
        ]
    )
    shift[:, resting] = 0.0
    flows, noises = joined(linear, times)
    across = np.zeros((len(flows), len(free), len(free)))
    across[:, :, free] = slope[1:] @ flows @ np.linalg.pinv(slope[:-1, free])
    growth, variance, moved = np.empty((3, len(times)))
    for one in segments:
        own = one.within(times)
        gradients = one.spline([found.gradient for found in one.found])(times[own])
        own_slope = slope[own][:, moving]
        jacobians = own_slope @ one.jacobian(times[own]) @ np.linalg.pinv(own_slope)
        growth[own] = np.linalg.eigvals(jacobians).real.max(axis=1)
        variance[own] = np.einsum("ti,tij,tj->t", gradients, covariance[own], gradients)
        moved[own] = (gradients * linear.shift[place][own]).sum(1)
        moved[own] += one.spline(one.bent[:, -1])(times[own])
    seen = [flow.state(y) for y in states]
    known = 1.0 if problem.fluctuations.shifted else np.nan
    return Fluctuations(
        problem=problem,
        parameter=np.array([one.label(index) for one, index in listed(parameters, seen[0])]),
        time=times,
        flow=np.array([packed(parameters, state) for state in seen]),
        covariance=symmetric(slope @ covariance @ np.swapaxes(slope, 1, 2)),
        shift=known * shift,
        propagator=across,
        innovation_covariance=symmetric(slope[1:] @ noises @ np.swapaxes(slope[1:], 1, 2)),
        growth_rate=growth,
        risk=np.array([flow.risk(state) for state in seen]),
        risk_variance=variance,
        risk_shift=known * moved,
    )


def symmetric(matrices: Array) -> Array:
    """The symmetric part of matrices (T, n, n), which rounding may have left."""
    part: Array = 0.5 * (matrices + np.swapaxes(matrices, 1, 2))
    return part
