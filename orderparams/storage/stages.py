"""The group /stages: one row a specialization event, beside the run it was read off."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from orderparams.analysis.stages import Stages
from orderparams.storage.hdf5 import create, write_state, write_trajectory, write_variables
from orderparams.storage.schema import STAGES
from orderparams.trajectory import Trajectory


def save(trajectory: Trajectory, stages: Stages, path: Path, *, force: bool, command: str) -> None:
    """Write a run and its events; :class:`FileError` if the path cannot be written."""
    with create(
        path, trajectory.problem, status=trajectory.status, force=force, command=command
    ) as file:
        write_trajectory(trajectory, file)
        write_state(trajectory.state, file)
        group = file.create_group("stages")
        features = trajectory.overlap.shape[2]
        columns = {name: [getattr(event, name) for event in stages.events] for name in STAGES}
        columns["head"] = [head + 1 for head in columns["head"]]
        arrays = {name: np.array(column) for name, column in columns.items()}
        arrays["target"] = np.array(columns["target"], dtype=h5py.string_dtype())
        arrays["vector"] = arrays["vector"].reshape(-1, features)
        write_variables(group, {name: (STAGES[name], arrays[name]) for name in STAGES}, {})
