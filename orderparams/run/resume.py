"""Going on with a run: where it stands, and whether it is the same problem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.config.sections import to_table
from orderparams.errors import ConfigurationError
from orderparams.models.interface import Flow
from orderparams.models.vectors.fluctuations.consistency import wanted
from orderparams.results.trajectory import Reached, Trajectory

Array = NDArray[np.float64]

FREE = (
    *("title", "training.duration", "output", "fluctuations"),
    *("integrator.max_steps", "integrator.stop_at_rest"),
)
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
            + "; only training.duration, output, fluctuations, integrator.max_steps and "
            "integrator.stop_at_rest may change: leave the rest out, or start a new run"
        )


def has_fluctuations(run: Trajectory, problem: Any) -> bool:
    """Whether a run has the fluctuations that a problem asks for, if any."""
    if not wanted(problem):
        return True
    found: Any = run.fluctuations and run.fluctuations.problem
    return found is not None and found.fluctuations == problem.fluctuations


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
