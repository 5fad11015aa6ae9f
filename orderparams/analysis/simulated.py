"""Replicas of a simulation as trajectories, to be analyzed like those of the theory."""

from __future__ import annotations

from orderparams.errors import ConfigurationError
from orderparams.sgd.run import SimulationRun
from orderparams.trajectory import Trajectory


def replica_trajectory(run: SimulationRun, replica: int) -> Trajectory:
    """One replica (counted from 0); :class:`ConfigurationError` if there are fewer."""
    records, attention = run.records, run.problem.attention
    count = len(records.overlap)
    if replica >= count:
        raise ConfigurationError(f"there is no replica {replica + 1}; the simulation has {count}")
    return Trajectory(
        problem=run.problem,
        time=records.time,
        overlap=records.overlap[replica],
        self_overlap=records.self_overlap[replica],
        risk=run.risk[replica],
        bias=records.bias[replica] if attention.bias == "learned" else None,
        head_weight=records.head_weight[replica] if attention.head_weights == "learned" else None,
        status=run.status,
        seconds=run.seconds,
    )
