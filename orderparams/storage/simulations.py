"""The group /simulation, and /checkpoint from which a simulation that did not finish goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.errors import FileError
from orderparams.sgd import Simulation
from orderparams.sgd.run import SimulationRun
from orderparams.storage.attributes import attribute, plain
from orderparams.storage.hdf5 import create, read, read_courses, stored_problem, write_variables
from orderparams.storage.schema import LEARNED, SIMULATION


def write_simulation(run: SimulationRun, file: h5py.File, name: str = "simulation") -> None:
    """Write the records of a run as a group of the file."""
    group = file.create_group(name)
    learned = {
        "bias": run.problem.attention.bias == "learned",
        "head_weight": run.problem.attention.head_weights == "learned",
    }
    arrays = {
        name: (variable, run.risk if name == "risk" else getattr(run.records, name))
        for name, variable in SIMULATION.items()
        if name not in LEARNED or learned[name]
    }
    write_variables(group, arrays, {"time": run.records.time})
    group.attrs["dimension"] = run.problem.simulation.dimension
    group.attrs["steps"] = int(run.records.step[-1])
    group.attrs["seconds"] = run.seconds
    group.attrs["message"] = run.message


def save(run: SimulationRun, path: Path, *, force: bool, command: str) -> None:
    """Write a simulation; of one that did not finish also what it goes on from."""
    with create(path, run.problem, status=run.status, force=force, command=command) as file:
        write_simulation(run, file)
        for name, values in (run.state or {}).items():
            file.create_dataset(f"checkpoint/{name}", data=values)


def open_simulation(path: Path) -> SimulationRun:
    """The simulation in a file; :class:`FileError` if it holds none."""
    with read(path) as file:
        problem = stored_problem(file)
        if "simulation" not in file:
            raise FileError(f"{path} holds no simulation; it has {', '.join(file) or 'no groups'}")
        return read_simulation(file["simulation"], problem, str(attribute(file, "status")))


def read_simulation(group: h5py.Group, problem: Problem, status: str) -> SimulationRun:
    """What :func:`write_simulation` wrote, and the state from which it goes on where there is one.

    ``problem`` is the one that was simulated, in its dimension.
    """
    arrays = read_courses(group, problem, SIMULATION)
    time = arrays.pop("time")
    steps = np.rint(time * problem.simulation.dimension / problem.training.learning_rate)
    absent = np.full(arrays["overlap"].shape[:3], np.nan)
    risk = arrays.pop("risk")
    records = Simulation(
        time=time, step=steps.astype(np.int64), **(dict.fromkeys(LEARNED, absent) | arrays)
    )
    return SimulationRun(
        problem,
        records,
        risk,
        status,
        seconds=float(attribute(group, "seconds")),
        state=read_state(group.parent),
        message=str(plain(group.attrs).get("message", "")),
    )


def read_state(file: h5py.Group) -> dict[str, NDArray[Any]] | None:
    """The checkpoint in a file; None where the simulation finished."""
    state: dict[str, NDArray[Any]] = {}

    def add(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and not item.is_scale:  # xarray adds axes
            state[name] = item[...]

    if "checkpoint" in file:
        file["checkpoint"].visititems(add)
    return state or None
