"""Reading and writing the HDF5 files. Every axis is a dimension scale, as xarray wants it."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from orderparams import interruption
from orderparams.config import Problem, parse, parse_toml
from orderparams.config.values import nearest
from orderparams.errors import ConfigurationError, FileError, OrderparamsError, reason
from orderparams.provenance import provenance
from orderparams.recognition import EMPTY, FOLDER, HDF5, TABLE, kind_of, neighbours
from orderparams.presets import preset_names
from orderparams.storage.attributes import attribute, plain
from orderparams.storage.files import atomic, destination, remove_leftovers
from orderparams.storage.inspection import check_attributes, inspect
from orderparams.storage.schema import AXES, LEARNED, PROGRAM, SCHEMA_VERSION, TRAJECTORY, Variable
from orderparams.storage.seal import check_seal
from orderparams.storage.suffixes import RESULTS, check_suffix
from orderparams.trajectory import State, Trajectory


@contextlib.contextmanager
def create(
    path: Path, problem: Problem, *, status: str, force: bool, command: str
) -> Iterator[h5py.File]:
    """A new file with the root attributes; it appears under its name when all is written."""
    check_suffix(path, RESULTS, "a result file")
    attributes = provenance(problem, command) | {"program": PROGRAM, "status": status}
    # Attributes above 64 KiB (a configuration with many components) need the format of HDF5 1.10.
    with (
        interruption.writing(),
        atomic(path, force=force) as temporary,
        destination(temporary) as written,
        h5py.File(written, "w", libver="v110") as file,
    ):
        file.attrs["schema_version"] = SCHEMA_VERSION
        for name, value in attributes.items():
            file.attrs[name] = value
        remove_leftovers(path)
        yield file


def write_variables(
    group: h5py.Group,
    variables: Mapping[str, tuple[Variable, NDArray[Any]]],
    coordinates: Mapping[str, NDArray[Any]],
    axis_names: Mapping[str, str] = AXES,
) -> None:
    """Datasets with units and long names; ``coordinates`` become the scales of their axes.

    An axis without coordinates is counted from 1; ``axis_names`` are the axes' long names.
    """
    sizes = {
        axis: size
        for variable, values in variables.values()
        for axis, size in zip(variable.axes, values.shape, strict=True)
    }
    for axis, size in sizes.items():
        scale = group.create_dataset(axis, data=coordinates.get(axis, np.arange(1, size + 1)))
        scale.make_scale(axis)
        scale.attrs["units"] = "1"
        scale.attrs["long_name"] = axis_names[axis]
    for name, (variable, values) in variables.items():
        dataset = group.create_dataset(name, data=values)
        dataset.attrs["units"] = variable.units
        dataset.attrs["long_name"] = variable.long_name
        for dimension, axis in zip(dataset.dims, variable.axes, strict=True):
            dimension.attach_scale(group[axis])


def loaded(data: h5py.Dataset) -> NDArray[Any]:
    """The values of a dataset; texts as Python's."""
    texts = h5py.check_string_dtype(data.dtype) is not None
    return np.asarray(data.asstr("utf-8")[()] if texts else data[()])


def save_trajectory(trajectory: Trajectory, path: Path, *, force: bool, command: str) -> None:
    """A file with the group /trajectory; :class:`FileError` if the path cannot be written."""
    with create(
        path, trajectory.problem, status=trajectory.status, force=force, command=command
    ) as file:
        write_trajectory(trajectory, file)
        write_state(trajectory.state, file)


def write_trajectory(trajectory: Trajectory, file: h5py.Group) -> None:
    """Write the group ``trajectory``."""
    group = file.create_group("trajectory")
    arrays = {
        name: (variable, getattr(trajectory, name))
        for name, variable in TRAJECTORY.items()
        if getattr(trajectory, name) is not None
    }
    write_variables(group, arrays, {"time": trajectory.time})
    group.attrs["bayes_risk"] = trajectory.bayes_risk
    group.attrs["engine"] = trajectory.engine
    group.attrs["message"] = trajectory.message
    group.attrs["seconds"] = trajectory.seconds
    for name, value in trajectory.statistics.items():
        group.attrs[name] = value


def write_state(state: State | None, file: h5py.File) -> None:
    """Write where a run goes on from as the group ``checkpoint``."""
    if state is None:
        return
    group = file.create_group("checkpoint")
    vector = Variable(("component",), "what is integrated: overlaps, residual, and what is learned")
    axes = {"component": "component of the vector, counted from 1"}
    write_variables(group, {"vector": (vector, state.y)}, {}, axes)
    group.attrs.update({"time": state.time, "step": state.step, "extra": int(state.extra)})


def read_state(file: h5py.File) -> State | None:
    """What :func:`write_state` wrote; None in files that do not have it."""
    if "checkpoint" not in file or "vector" not in file["checkpoint"]:
        return None
    group = file["checkpoint"]
    vector = group["vector"][...].astype(np.float64)
    time, step, extra = (float(group.attrs[name]) for name in ("time", "step", "extra"))
    state = State(time, vector, step, bool(extra))
    if not (0 <= time < np.inf and 0 <= step < np.inf and np.isfinite(vector).all()):
        raise ValueError("the state in /checkpoint is not finite")
    return state


@contextlib.contextmanager
def read(path: Path) -> Iterator[h5py.File]:
    """An existing file of this program, open for reading; else :class:`FileError`."""
    check_kind(path)
    try:
        check_seal(path)
        file = open_unlocked(path)
    except FileError:
        raise
    except OSError:
        raise FileError(f"{path} is cut short or damaged", "again") from None
    with file:
        try:
            check_origin(file)
            inspect(file)
            yield file
        except OrderparamsError:
            raise
        except DAMAGE as error:
            raise FileError(f"{path} is damaged or incomplete: {error}", "again") from None


def check_kind(path: Path) -> None:
    """:class:`FileError` for what cannot be a result file, by its name or what stands in it."""
    try:
        kind = kind_of(path)
    except (FileNotFoundError, NotADirectoryError):
        raise missing(path) from None
    except OSError as error:
        raise FileError(f"{path} could not be read: {reason(error)}") from None
    if kind == FOLDER:
        held = neighbours(path / "in", *RESULTS)
        hint = f" in it, such as {held[0]}" if held else ""
        raise FileError(f"{path} is {FOLDER}; name a result file{hint}")
    if kind != HDF5:
        remedy = {TABLE: "solve", EMPTY: "again"}.get(kind, "result")
        raise FileError(f"{path} is {kind}, not a result file (HDF5)", remedy, source=str(path))


def missing(path: Path) -> FileError:
    """The error for a result file that does not exist, with the one that may be meant."""
    known = neighbours(path, *RESULTS)
    ended = next((name for name in known if name.startswith(f"{path}.")), "")
    if close := ended or nearest(str(path), known):
        return FileError(f"{path} does not exist; did you mean {close!r}?")
    what = "is a preset, not a result file" if str(path) in preset_names() else "does not exist"
    remedy = "solve" if str(path) in preset_names() else "" if path.suffix else "result"
    return FileError(f"{path} {what}", remedy, source=str(path))


class Source(io.FileIO):
    """A file that Python reads for HDF5, which calls it by its path."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __repr__(self) -> str:
        return str(self.path)


def open_unlocked(path: Path) -> h5py.File:
    """Open for reading. Files appear whole under their names: reading needs no lock.

    HDF5 has to be led around its locks where HDF5_USE_FILE_LOCKING asks for them, or where this
    process has the same file open with a lock already.
    """
    try:
        return h5py.File(path, "r", locking=False)
    except OSError:
        source = Source(path)
    try:
        file = h5py.File(source, "r")
    except BaseException:
        source.close()
        raise
    weakref.finalize(file, source.close)
    return file


DAMAGE = (AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What reading raises where something is missing or not what it should be."""


def check_origin(file: h5py.File) -> None:
    """:class:`FileError` for a file of another program, or of a schema that is not known yet."""
    check_attributes(file)
    root = plain(file.attrs)
    if root.get("program") != PROGRAM:
        raise FileError(
            f"{file.filename} is an HDF5 file that was not written by {PROGRAM}", "result"
        )
    found = root.get("schema_version", 0)
    if not 1 <= found <= SCHEMA_VERSION:
        raise FileError(
            f"{file.filename} has schema version {found}; this program reads 1 to "
            f"{SCHEMA_VERSION}: upgrade it"
        )


def read_configuration(path: Path) -> str:
    """The TOML text of the configuration that a file was made from."""
    with read(path) as file:
        return str(attribute(file, "config"))


def read_attributes(path: Path) -> dict[str, Any]:
    """The root attributes of a file, and those of each of its groups under the group's name."""
    with read(path) as file:
        return plain(file.attrs) | {
            name: plain(group.attrs)
            | {
                "variables": {
                    key: list(dataset.shape)
                    for key, dataset in group.items()
                    if isinstance(dataset, h5py.Dataset) and not dataset.is_scale
                }
            }
            for name, group in file.items()
        }


def stored_problem(file: h5py.File) -> Problem:
    """The problem that a file was made from."""
    if "scan" in file:
        raise FileError(f"{file.filename} is a scan, not one run; plot, report and export show it")
    try:
        return parse(parse_toml(str(attribute(file, "config"))))
    except ConfigurationError as error:
        raise FileError(f"{file.filename}: its configuration cannot be read: {error}") from None


def open_trajectory(path: str | Path) -> Trajectory:
    """The trajectory in a file; :class:`FileError` if it cannot be read or holds none."""
    with read(Path(path)) as file:
        problem = stored_problem(file)
        if "trajectory" not in file:
            has = ", ".join(file) or "no groups"
            raise FileError(f"{path} holds no trajectory; it has {has}", "make", command="solve")
        run = read_trajectory(file["trajectory"], problem, str(attribute(file, "status")))
        return dataclasses.replace(run, state=read_state(file))


def read_courses(
    group: h5py.Group, problem: Problem, variables: Mapping[str, Variable]
) -> dict[str, NDArray[np.float64]]:
    """Time and the variables along it, for the heads and features of the problem."""
    heads, features = problem.attention.heads, problem.task.signal.features
    for axis, size in {"head": heads, "head_2": heads, "feature": features}.items():
        if group[axis].size != size:
            raise FileError(
                f"{group.file.filename} is damaged: {group.name}/{axis} has {group[axis].size} "
                f"entries, and by its configuration it should have {size}"
            )
    names = ["time", *(name for name in variables if name not in LEARNED or name in group)]
    arrays = {name: group[name][...] for name in names}
    if not np.isfinite(arrays["time"]).all():
        raise ValueError("its times are not finite")
    return arrays


def check_course(time: NDArray[np.float64], *states: NDArray[np.float64]) -> None:
    """ValueError unless time increases from state to state, and all states are finite."""
    if not time.size or not (np.diff(time) > 0).all():
        raise ValueError("its times do not increase")
    if not all(np.isfinite(state).all() for state in states):
        raise ValueError("its order parameters are not finite")


def read_trajectory(group: h5py.Group, problem: Problem, status: str) -> Trajectory:
    """What :func:`write_trajectory` wrote."""
    arrays: dict[str, Any] = read_courses(group, problem, TRAJECTORY)
    check_course(arrays["time"], arrays["overlap"], arrays["self_overlap"])
    own = {"bayes_risk", "engine", "message", "seconds"}
    attributes = plain(group.attrs)
    return Trajectory(
        problem=problem,
        status=status,
        statistics={name: value for name, value in attributes.items() if name not in own},
        **arrays,
        **{name: attributes[name] for name in own},
    )
