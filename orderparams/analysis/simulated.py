"""Replicas of a simulation as trajectories, to be analyzed like those of the theory."""

from __future__ import annotations

from typing import Any

import numpy as np

from orderparams.errors import ConfigurationError
from orderparams.models import registry
from orderparams.models.interface import model_of
from orderparams.results.simulation import SimulationRun
from orderparams.results.trajectory import Trajectory
from orderparams.run.record import stacked
from orderparams.run.simulate import drift, population_risk


def replica_trajectory(run: SimulationRun, replica: int) -> Trajectory:
    """One replica (counted from 0), up to where it is known, at the times that a step reached.

    :class:`ConfigurationError` if there are fewer replicas, or nothing is known beyond the start.
    """
    records, count = run.records, len(run.risk)
    if not 0 <= replica < count:
        raise ConfigurationError(f"there is no replica {replica + 1}; the simulation has {count}")
    risk = run.risk if run.checkpoint is None else population_risk(run.problem, records)[0]
    moving = registry.configuration(run.problem.model).order_parameters(run.problem)
    courses = {one.name: run[one.name][replica] for one in moving}
    known = [
        np.isfinite(course).reshape(len(course), -1).all(axis=1)
        for course in (*courses.values(), risk[replica])
    ]
    end = int(np.logical_and.accumulate(np.all(known, axis=0)).sum())
    stored = np.unique(records.time[:end], return_index=True)[1]
    if len(stored) < 2:
        raise ConfigurationError(f"of replica {replica + 1} nothing is known beyond the start")
    states = [{name: course[i] for name, course in courses.items()} for i in stored]
    problem = run.problem
    initial: Any = getattr(problem, "initial", None)
    sphere = getattr(problem.training, "constraint", "none") == "sphere"
    if sphere and initial.kind == "random":
        problem = model_of(problem).starting_at(problem, states[0])  # it keeps lengths of its own
    flow = drift(problem)
    added = stacked([flow.penalties(state) for state in states])
    return Trajectory(
        problem,
        records.time[stored],
        {name: course[stored] for name, course in courses.items()},
        risk[replica, stored],
        status=run.status,
        message=run.message,
        seconds=run.seconds,
        observables=added,
    )
