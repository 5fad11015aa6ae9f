"""Going on with a run: what it stored, where it stands, and whether it is the same problem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.config.sections import to_table
from orderparams.errors import ConfigurationError, SolverError
from orderparams.models.interface import Flow, State
from orderparams.results.trajectory import Reached, Trajectory

Array = NDArray[np.float64]

FREE = ("title", "training.duration", "output", "integrator.max_steps", "integrator.stop_at_rest")
"""Sections and keys that may change when a run goes on."""


def flat(table: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """A configuration table as dotted keys and values, without those that may change."""
    entries: dict[str, Any] = {}
    for name, value in table.items():
        key = f"{path}{name}"
        if key not in FREE:
            entries |= flat(value, f"{key}.") if isinstance(value, Mapping) else {key: value}
    return entries


def check_same(run: Trajectory, problem: Problem) -> None:
    """:class:`ConfigurationError` unless a problem is that of a run but for what may change."""
    if not isinstance(run, Trajectory):
        raise ConfigurationError(
            f"resume: expected the run to go on with, as open gives it, got {run!r}"
        )
    if run.problem.model != problem.model:
        raise ConfigurationError(
            f"the run to go on with is of model = {run.problem.model!r}, and this problem of "
            f"{problem.model!r}; leave model as it is, or start a new run"
        )
    stored, given = flat(to_table(run.problem)), flat(to_table(problem))
    changed = [key for key in {**stored, **given} if stored.get(key) != given.get(key)]
    if changed:
        raise ConfigurationError(
            "the run to go on with was made with another configuration: "
            + ", ".join(f"{key} = {stored.get(key)}" for key in changed)
            + "; only training.duration, output, integrator.max_steps and integrator.stop_at_rest "
            "may change: leave the rest out, or start a new run"
        )


def start_of(run: Trajectory, flow: Flow) -> Reached:
    """Where a run goes on; from its last stored order parameters where the state is not known."""
    if run.reached is None:
        return Reached(float(run.time[-1]), flow.point(run.state(-1)))
    if run.reached.y.shape != flow.initial_state.shape:
        raise ConfigurationError(
            f"the state of the run has {run.reached.y.size} components, and its flow has "
            f"{flow.initial_state.size}; start a new run"
        )
    return run.reached


def check_left(reached: float, end: float) -> None:
    """:class:`ConfigurationError` for an end that a run has passed already."""
    if end < reached:
        raise ConfigurationError(
            f"training.duration = {end:g}: the run to go on with has reached t = {reached:g}; "
            "give a longer duration"
        )


class Record:
    """What is stored of a run, one row a time; first that of an earlier run, if there is one."""

    def __init__(self, flow: Flow, earlier: Trajectory | None, reached: Reached) -> None:
        self.flow = flow
        self.times: list[float] = []
        self.rows: list[tuple[State, float]] = []
        if earlier is not None:
            kept = len(earlier.time) - reached.extra
            self.times = earlier.time[:kept].tolist()
            self.rows = [(earlier.state(i), float(earlier.risk[i])) for i in range(kept)]

    @property
    def last(self) -> float:
        """The last time that is stored."""
        return self.times[-1] if self.times else -np.inf

    @property
    def risk(self) -> float:
        """The last risk that is known."""
        return self.rows[-1][1] if self.rows else np.nan

    def row(self, y: Array) -> tuple[State, float]:
        """What is stored at y; a :class:`SolverError` if its risk is not finite."""
        state = self.flow.state(y)
        return state, self.flow.risk(state)

    def add(self, time: float, y: Array) -> None:
        """Store a state."""
        self.rows.append(self.row(y))
        self.times.append(time)

    def hold(self, times: Array, y: Array) -> None:
        """Store a state that does not move any more at all of some times."""
        self.rows += [self.row(y)] * len(times)
        self.times += times.tolist()

    def until(self, reached: Reached) -> tuple[dict[str, Any], Reached]:
        """Times, order parameters and risk up to a state, which is stored in any case; and that
        state."""
        times, rows = list(self.times), list(self.rows)
        extra = bool(reached.time > self.last)
        if extra:
            try:
                row = self.row(reached.y)
            except SolverError:
                row = self.flow.state(reached.y), np.nan
            times.append(reached.time)
            rows.append(row)
        states, risks = zip(*rows, strict=True)
        parameters = {name: np.array([state[name] for state in states]) for name in states[0]}
        found = {"time": np.array(times), "parameters": parameters, "risk": np.array(risks)}
        return found, Reached(reached.time, reached.y, reached.step, extra)
