"""Replicas of a simulation as trajectories, to be analyzed like those of the theory."""

from __future__ import annotations

import numpy as np

from orderparams.errors import ConfigurationError
from orderparams.sgd.run import SimulationRun, population_risk
from orderparams.trajectory import Trajectory


def replica_trajectory(run: SimulationRun, replica: int) -> Trajectory:
    """One replica (counted from 0), up to where it is known.

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
    if end < 2:
        raise ConfigurationError(f"of replica {replica + 1} nothing is known beyond the start")
    return Trajectory(
        problem=run.problem,
        time=records.time[:end],
        overlap=records.overlap[replica, :end],
        self_overlap=records.self_overlap[replica, :end],
        risk=risk[replica, :end],
        bias=records.bias[replica, :end] if attention.bias == "learned" else None,
        head_weight=(
            records.head_weight[replica, :end] if attention.head_weights == "learned" else None
        ),
        status=run.status,
        message=run.message,
        seconds=run.seconds,
    )
