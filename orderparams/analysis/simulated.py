"""Replicas of a simulation as trajectories, to be analyzed like those of the theory."""

from __future__ import annotations

import numpy as np

from orderparams.errors import ConfigurationError
from orderparams.sgd.run import SimulationRun, population_risk
from orderparams.trajectory import Trajectory


def replica_trajectory(run: SimulationRun, replica: int) -> Trajectory:
    """One replica (counted from 0), up to where it is known, at the times that a step reached.

    :class:`ConfigurationError` if there are fewer replicas, or nothing is known beyond the start.
    """
    records, attention = run.records, run.problem.attention
    count = len(records.overlap)
    if not 0 <= replica < count:
        raise ConfigurationError(f"there is no replica {replica + 1}; the simulation has {count}")
    risk = run.risk if run.state is None else population_risk(run.problem, records)[0]
    courses = [records.overlap[replica], records.self_overlap[replica], risk[replica]]
    known = [np.isfinite(course).reshape(len(course), -1).all(axis=1) for course in courses]
    end = int(np.logical_and.accumulate(np.all(known, axis=0)).sum())
    stored = np.unique(records.time[:end], return_index=True)[1]
    if len(stored) < 2:
        raise ConfigurationError(f"of replica {replica + 1} nothing is known beyond the start")
    return Trajectory(
        problem=run.problem,
        time=records.time[stored],
        overlap=records.overlap[replica, stored],
        self_overlap=records.self_overlap[replica, stored],
        risk=risk[replica, stored],
        bias=records.bias[replica, stored] if attention.bias == "learned" else None,
        head_weight=(
            records.head_weight[replica, stored] if attention.head_weights == "learned" else None
        ),
        status=run.status,
        message=run.message,
        seconds=run.seconds,
    )
