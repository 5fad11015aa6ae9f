"""SGD over one interval from a measured state: where its flow leads, and how it scatters there.

With X(t_i) given, X(t_{i+1}) has to leading order in 1/D the mean X̂ + r/D and the covariance Q/D,

    X̂ = the flow from X(t_i),    Q = ∫ Φ γC Φᵀ dt,    r the shift that starts at 0,

of the linear equations along that flow (:mod:`fluctuations`). Overlaps that a flow need not know
are not measured: they begin an interval with the covariance with which they ended the one before.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.config.sections import IntegratorConfig
from orderparams.errors import SolverError, with_way
from orderparams.models import registry
from orderparams.models.interface import Flow, Local, State, model_of
from orderparams.models.parameters import listed, packed
from orderparams.models.schedule import schedule_of
from orderparams.results.trajectory import Reached
from orderparams.run.altered import (
    drawn_anew,
    with_coarse_expectations,
    with_decay,
    with_strength,
)
from orderparams.run.fluctuations import (
    Linear,
    Segment,
    joined,
    looked_at,
    noise_of,
    shifted,
    solved,
)
from orderparams.run.path import Path
from orderparams.run.record import Record
from orderparams.run.solve import integrate
from orderparams.run.velocities import Remembered

Array = NDArray[np.float64]

KNOTS = 3
"""States along an interval, or a stretch of it without jumps, at which its flow is differentiated:
over a time in which little grows all is smooth."""

MILD = 25.0
"""Largest eigenvalue of J times an interval up to which an explicit method takes it in few steps.
"""


class Look(NamedTuple):
    """At an interval between two ``times``, along the ``path`` of the flow from a state: the linear
    equations in its knots, without the shift. Q (n, n), times D, and the largest ``growth`` rate of
    the flow."""

    times: Array
    path: Path
    segments: list[Segment]
    linear: Linear
    covariance: Array
    growth: float

    @property
    def share(self) -> float:
        """The largest share of one sequence in what fluctuates."""
        return max(one.share for segment in self.segments for one in segment.found)


class Spread(NamedTuple):
    """What an interval adds, times D: Q (n, n) and r (n,) of n order parameters; the largest
    ``growth`` rate of the flow; the covariance of what is not measured, at the end (N, N); what
    ``error`` of the expectations does to the flow's end, as mean squares (n, n), of which D is no
    part; the ``slopes`` (3, n), derivatives of X̂ by log t, by the strength of γV/B in the flow, and
    by the weight decay; the largest ``share`` of one sequence in what fluctuates; and what steps
    have ``remembered``, if they do."""

    covariance: Array
    shift: Array
    growth: float
    hidden: Array
    error: Array
    slopes: Array
    share: float
    remembered: Remembered | None = None


class Restarts:
    """Of a problem that asks for fluctuations: the flow with V of some ``strength``, 1 that of SGD
    and 0 or less none, and the scatter of SGD.

    ``state`` is one in which no vectors are equal. ``pulse`` is called with the time that is worked
    on. :class:`SolverError` where a flow cannot be followed.
    """

    def __init__(
        self, problem: Any, state: State, strength: float, pulse: Callable[[float], None]
    ) -> None:
        model = model_of(problem)
        self.problem, self.pulse = model.starting_at(problem, state), pulse
        self.flow = self.theory = model.flow(self.problem)
        if strength != 1:
            self.theory = model.flow(with_strength(self.problem, strength))
        self.kept: tuple[tuple[int, bytes, float, float], Path] | None = None
        self.again = model.flow(drawn_anew(self.problem))
        self.decaying = model.flow(with_decay(self.problem, 1.0))
        self.rate = problem.training.effective_rate
        coarse = model.flow(with_coarse_expectations(self.problem))
        self.noise = noise_of(self.problem, self.flow, 2).roughly(coarse)
        self.begins: tuple[float, dict[bytes, Local]] = (np.nan, {})
        self.fastest = np.inf
        known = registry.configuration(problem.model).order_parameters(self.problem)
        self.parameters = tuple(one for one in known if one.name in state)
        view = self.noise.view(self.parameters, self.flow.initial_state)
        self.moving = view.moving
        self.unseen = ~view.slope.any(axis=0)
        self.schedule = schedule_of(problem)
        self.start = np.zeros((self.noise.size, self.noise.size))
        if self.unseen.any() and problem.fluctuations.start == "random":
            self.start = noise_of(problem, model.flow(problem), 2).spread

    def packed(self, state: State) -> Array:
        """The entries of the order parameters that SGD moves, and that are no functions of others,
        in the order of their table, (…, n)."""
        return packed(self.parameters, state)[..., self.moving]

    @property
    def labels(self) -> list[str]:
        """What they are called."""
        entries = listed(self.parameters, self.flow.state(self.flow.initial_state))
        chosen = zip(entries, self.moving, strict=True)
        return [one.label(index) for (one, index), moves in chosen if moves]

    def path(self, flow: Flow, state: State, begin: float, end: float) -> Path:
        """A flow from a state at a time to another; the last one is kept."""
        start = Reached(begin, flow.point(state))
        asked = (id(flow), start.y.tobytes(), begin, end)
        if self.kept is not None and self.kept[0] == asked:
            return self.kept[1]
        path, settings = Path(start.y, begin), self.settings(end - begin)
        with Record(flow, None, start, path) as record:
            ending = integrate(
                flow, start, np.array([end]), settings, record, lambda _: None, self.pulse
            )
        if ending.status == "interrupted":
            raise KeyboardInterrupt
        if ending.status == "failed":
            raise SolverError(
                with_way(
                    SolverError(f"from the state at t = {begin:g}, {ending.message}"),
                    "compare over a shorter time",
                )
            )
        self.kept = asked, path
        return path

    def settings(self, length: float) -> IntegratorConfig:
        """For a flow over an interval of some length, near to where one has looked last."""
        own = self.problem.integrator
        mild = own.method == "LSODA" and self.fastest * length < MILD
        return dataclasses.replace(
            own,
            method="RK45" if mild else own.method,
            stop_at_rest=False,
        )

    def begun(self, state: State, begin: float) -> Local:
        """What there is to know where an interval begins; all that begin at one time are kept."""
        y = self.flow.point(state)
        if self.begins[0] != begin:
            self.begins = (begin, {})
        known = self.begins[1]
        if y.tobytes() not in known:
            known[y.tobytes()] = self.noise.at(begin, y, lambda: self.pulse(begin))
        found = known[y.tobytes()]
        self.fastest = float(np.abs(np.linalg.eigvals(found.jacobian)).max())
        return found

    def growth(self, state: State, begin: float) -> float:
        """The largest growth rate of the flow where an interval begins."""
        local, y = self.begun(state, begin), self.flow.point(state)
        return growth_of([local], self.noise.view(self.parameters, y).slope[self.moving])

    def predicted(self, state: State, begin: float, end: float) -> Array:
        """X̂ (n,)."""
        path = self.path(self.theory, state, begin, end)
        return self.packed(self.theory.state(path(end)))

    def look(self, state: State, begin: float, end: float, hidden: Array) -> Look:
        """At an interval, from the covariance (N, N) of what is not measured."""
        first = self.begun(state, begin)
        path = self.path(self.flow, state, begin, end)
        jumps = [t for t in sorted(self.schedule.changes) if begin < t < end]
        knots = [np.linspace(*ends, KNOTS) for ends in itertools.pairwise([begin, *jumps, end])]
        start = np.where(np.outer(self.unseen, self.unseen), hidden, 0.0)
        times = np.array([begin, end])
        segments, linear = looked_at(
            self.problem, self.noise, path, knots, times, start, self.pulse, first
        )
        view = self.noise.view(self.parameters, path(end))
        slope = view.slope[self.moving]
        growth = growth_of([one for segment in segments for one in segment.found], slope)
        covariance = slope @ linear.covariance[-1] @ slope.T
        covariance = 0.5 * (covariance + covariance.T)
        return Look(times, path, segments, linear, covariance, growth)

    def spread(self, look: Look) -> Spread:
        """What fluctuates over an interval that was looked at."""
        begin, end = look.times
        segments, linear = shifted(self.problem, look.segments, look.linear, look.times)
        view = self.noise.view(self.parameters, look.path(end))
        slope = view.slope[self.moving]
        return Spread(
            look.covariance,
            slope @ linear.shift[-1] + view.bent(linear.covariance[-1])[self.moving],
            look.growth,
            linear.covariance[-1],
            (end - begin) ** 2 * self.error(look.path.states[0]),
            self.slopes(look.path, segments, linear) @ slope.T,
            look.share,
            self.remembered(look, slope),
        )

    def remembered(self, look: Look, slope: Array) -> Remembered | None:
        """What steps with memory have in motion."""
        first, last = (look.segments[i].found[i].memory for i in (0, -1))
        if first is None or last is None:
            return None
        return Remembered(
            joined(look.linear, look.times)[0][0],
            slope,
            first,
            last,
            float(np.diff(self.schedule.elapsed(look.times))[0]) / self.rate,
            bool(look.times[0] == 0),
            look.linear.covariance[-1],
        )

    def slopes(self, path: Path, segments: list[Segment], linear: Linear) -> Array:
        """Derivatives (3, N) of the end of SGD's flow by log t, γV/B and λ.

        X̂ of times c·t moves by tẊ at the end, less Φ tẊ of the start; of λ and V, whose part of the
        velocity is u, by r of the source u.
        """
        first, last = segments[0], segments[-1]
        times = np.array([first.knots[0], last.knots[-1]])
        flow, noises = joined(linear, times)[0][0], []
        for segment in segments:
            inside = segment.knots.copy()
            inside[-1] = np.nextafter(inside[-1], 0.0)
            noises.append(
                [
                    self.rate * self.schedule.share_at(t) * one.by_rate
                    for t, one in zip(inside, segment.found, strict=True)
                ]
            )
        before = first.knots[0] * (flow @ first.found[0].velocity)
        found = [last.knots[-1] * last.found[-1].velocity - before]
        for sources in (noises, [[self.decay(path(t)) for t in one.knots] for one in segments]):
            bent = [
                dataclasses.replace(one, bent=np.pad(own, ((0, 0), (0, 1))))
                for one, own in zip(segments, sources, strict=True)
            ]
            still = np.zeros(self.noise.size)
            found.append(solved(bent, times, linear.covariance[0], still).shift[-1])
        return np.array(found)

    def decay(self, y: Array) -> Array:
        """∂f/∂λ (N,); f is linear in λ."""
        more, less = (self.packed(one.evaluate(y).velocity) for one in (self.decaying, self.flow))
        slope = self.noise.view(self.parameters, y).slope[self.moving]
        found: Array = np.linalg.pinv(slope) @ (more - less)
        return found

    def error(self, y: Array) -> Array:
        """Mean squares (n, n) of the error of the velocity: what other random nodes change, and of
        quadrature what it says of the gradient, on both sides of vectors."""
        found, again = self.flow.evaluate(y), self.again.evaluate(y)
        drawn = self.packed(found.velocity) - self.packed(again.velocity)
        largest = float(np.sqrt(max(np.abs(self.packed(found.state)).max(), 1.0)))
        known = 2 * largest * found.error * np.isfinite(self.flow.tolerance)
        mean_squares: Array = np.outer(drawn, drawn) + known**2 * np.eye(len(drawn))
        return mean_squares


def growth_of(found: list[Local], slope: Array) -> float:
    """The largest growth rate of what is measured, with derivatives ``slope`` (n, N)."""
    back = np.linalg.pinv(slope)
    return max(
        float(np.linalg.eigvals(slope @ local.jacobian @ back).real.max()) for local in found
    )
