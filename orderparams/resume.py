"""Going on with a run: what it stored, where it stands, and whether it is the same problem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.config.sections import to_table
from orderparams.errors import ConfigurationError, SolverError
from orderparams.flow import Flow
from orderparams.models.vectors import residual_factor
from orderparams.trajectory import State, Trajectory

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
    stored, given = flat(to_table(run.problem)), flat(to_table(problem))
    changed = [key for key in {**stored, **given} if stored.get(key) != given.get(key)]
    if changed:
        raise ConfigurationError(
            "the run to go on with was made with another configuration: "
            + ", ".join(f"{key} = {stored.get(key)}" for key in changed)
            + "; only training.duration, output, integrator.max_steps and integrator.stop_at_rest "
            "may change: leave the rest out, or start a new run"
        )


def start_of(run: Trajectory, flow: Flow) -> State:
    """Where a run goes on; from its last stored order parameters where the state is not known."""
    if run.state is not None:
        if run.state.y.shape != flow.initial_state.shape:
            raise ConfigurationError(
                f"the state of the run has {run.state.y.size} components, and its flow has "
                f"{flow.initial_state.size}; start a new run"
            )
        return run.state
    overlap, start = run.overlap[-1], flow.start
    square = run.self_overlap[-1] - overlap @ overlap.T
    residual = square if flow.rule.stochastic else residual_factor(square)
    bias = start.bias if run.bias is None else run.bias[-1]
    weights = start.head_weights if run.head_weight is None else run.head_weight[-1]
    numbers = {"bias": bias, "head_weight": weights}
    return State(float(run.time[-1]), flow.pack(overlap, residual, numbers))


def check_left(reached: float, end: float) -> None:
    """:class:`ConfigurationError` for an end that a run has passed already."""
    if end < reached:
        raise ConfigurationError(
            f"training.duration = {end:g}: the run to go on with has reached t = {reached:g}; "
            "give a longer duration"
        )


class Record:
    """What is stored of a run, one row a time; first that of an earlier run, if there is one."""

    def __init__(self, flow: Flow, earlier: Trajectory | None, state: State) -> None:
        self.flow = flow
        self.times: list[float] = []
        self.rows: list[tuple[Any, ...]] = []
        if earlier is not None:
            kept = slice(len(earlier.time) - state.extra)
            learned = [
                np.zeros((len(earlier.time), 0)) if values is None else values
                for values in (earlier.bias, earlier.head_weight)
            ]
            columns = (earlier.overlap, earlier.self_overlap, earlier.risk, *learned)
            self.times = earlier.time[kept].tolist()
            self.rows = list(zip(*(column[kept] for column in columns), strict=True))

    @property
    def last(self) -> float:
        """The last time that is stored."""
        return self.times[-1] if self.times else -np.inf

    @property
    def risk(self) -> float:
        """The last risk that is known."""
        return float(self.rows[-1][2]) if self.rows else np.nan

    def row(self, y: Array) -> tuple[Any, ...]:
        """What is stored of a state; a :class:`SolverError` if its risk is not finite."""
        heads, _ = self.flow.unpack(y)
        return self._row(y, self.flow.moments(heads).risk)

    def _row(self, y: Array, risk: float) -> tuple[Any, ...]:
        heads, _ = self.flow.unpack(y)
        bias = heads.bias[: self.flow.heads * self.flow.learns_bias]
        weights = heads.head_weights[: self.flow.heads * self.flow.learns_head_weights]
        return heads.overlap, heads.self_overlap, risk, bias, weights

    def add(self, time: float, y: Array) -> None:
        """Store a state."""
        self.rows.append(self.row(y))
        self.times.append(time)

    def hold(self, times: Array, y: Array) -> None:
        """Store a state that does not move any more at all of some times."""
        self.rows += [self.row(y)] * len(times)
        self.times += times.tolist()

    def until(self, state: State) -> tuple[dict[str, Any], State]:
        """The arrays of a trajectory up to a state, which is stored in any case; and the state."""
        times, rows = list(self.times), list(self.rows)
        extra = bool(state.time > self.last)
        if extra:
            try:
                row = self.row(state.y)
            except SolverError:
                row = self._row(state.y, np.nan)
            times.append(state.time)
            rows.append(row)
        names = ("overlap", "self_overlap", "risk", "bias", "head_weight")
        arrays: dict[str, Any] = dict(
            zip(names, map(np.array, zip(*rows, strict=True)), strict=True)
        )
        known = {name: array for name, array in arrays.items() if array.shape[1:] != (0,)}
        arrays = dict.fromkeys(("bias", "head_weight")) | known
        return {"time": np.array(times), **arrays}, State(state.time, state.y, state.step, extra)
