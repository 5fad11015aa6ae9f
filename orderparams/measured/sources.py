"""What data can be: a file, standard input, a table of arrays, a data frame, a simulation."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from orderparams import standard_input
from orderparams.config import parse, parse_toml
from orderparams.config.values import nearest, shown
from orderparams.errors import ConfigurationError, FileError, reason
from orderparams.measured.tables import GROUP, dimension_in, of_columns, read_table
from orderparams.measured.written import Written
from orderparams.models.schedule import schedule_of
from orderparams.phases import LOG
from orderparams.recognition import EMPTY, ENDINGS, FOLDER, HDF5, TEXT, kind_of, neighbours
from orderparams.results.files import open_group, read_attributes
from orderparams.results.simulation import SimulationRun
from orderparams.shipped import preset_names
from orderparams.storage.arrays import read_hdf5, read_npz
from orderparams.storage.schema import PROGRAM

Data: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | SimulationRun | Any
"""The path of a CSV, npz or HDF5 file, ``-`` for CSV from standard input, arrays by name, a data
frame, a dataset, or a simulation."""

LONGEST = 2**30
"""Bytes of the longest text that is read as a table."""

SUFFIXES = (".csv", ".npz", ".h5", ".hdf5", ".nc")
BINARY = {
    ".npz": "npz archive",
    **dict.fromkeys((".h5", ".hdf5", ".hdf", ".nc"), "HDF5 file"),
}
"""What files of such endings are."""

ARCHIVES = ("an NPZ archive", "a ZIP archive")
TEXTS = (TEXT, ENDINGS[".csv"])
FORMS = "data are a CSV table, an npz archive or an HDF5 file"


def read_data(data: Data) -> Written:
    """What somebody has written; :class:`FileError` for a file that cannot be read, and
    :class:`ConfigurationError` for what are no data."""
    if isinstance(data, SimulationRun):
        return of_run(data, "the simulation")
    if isinstance(data, str) and data == standard_input.NAME:
        content = standard_input.content(LONGEST + 1, "a table of data", "CSV", "")
        return of_text(content, standard_input.PLACE)
    if isinstance(data, str | os.PathLike):
        return of_file(Path(data))
    return of_object(data)


def of_file(path: Path) -> Written:
    """The data in a file, by what stands in it."""
    try:
        kind = kind_of(path)
        content = read_text(path) if kind in TEXTS else b""
    except (FileNotFoundError, NotADirectoryError):
        if str(path) in preset_names():
            raise FileError(f"{path} is a preset; data come first, then a configuration") from None
        close = nearest(str(path), neighbours(path, *SUFFIXES))
        hint = f"; did you mean {close!r}?" if close else f"; {FORMS}"
        raise FileError(f"{path} does not exist{hint}") from None
    except OSError as error:
        raise FileError(f"{path} could not be read: {reason(error)}") from None
    LOG.info("reading %s", path)
    if content and path.suffix.lower() in BINARY:
        raise FileError(
            f"{path} is a text, and no {BINARY[path.suffix.lower()]} as its name says; make it "
            "again, or, if it is a table, call it .csv"
        )
    if content:
        return of_text(content, str(path))
    if kind in ARCHIVES:
        arrays = read_npz(path)
        return of_export(arrays, about(arrays), str(path))
    if kind == HDF5:
        return of_hdf5(path)
    if kind == FOLDER:
        raise FileError(f"{path} is {FOLDER}; {FORMS}")
    hint = "with a line of names above" if kind == EMPTY else "save it as one of these"
    raise FileError(f"{path} is {kind}; {FORMS}: {hint}")


def read_text(path: Path) -> bytes:
    """What stands in a file, up to more than is read as a table."""
    with path.open("rb") as file:
        return file.read(LONGEST + 1)


def of_text(content: bytes, place: str) -> Written:
    """The table in a text."""
    if len(content) > LONGEST:
        raise FileError(f"{place} is longer than {LONGEST} bytes; write fewer times, or npz")
    try:
        return read_table(content.decode("utf-8-sig"), place)
    except UnicodeDecodeError:
        raise FileError(f"{place} is not a text in UTF-8; {FORMS}") from None


def of_hdf5(path: Path) -> Written:
    """A result file of this program, what it has exported to netCDF, or somebody else's arrays."""
    arrays, attributes = read_hdf5(path)
    exported = any("/" not in name for name in arrays)
    if attributes.get("program") != PROGRAM or exported:
        return of_export(arrays, attributes, str(path))
    if "simulation" in read_attributes(path):
        return of_run(open_group(path, "simulation"), str(path))
    raise FileError(f"{path} holds no simulation, of which alone there is something to judge")


def of_export(
    arrays: Mapping[str, NDArray[Any]], attributes: Mapping[str, Any], place: str
) -> Written:
    """Arrays, of several groups those of the simulation alone."""
    prefix = f"{GROUP.strip('/')}/"
    own = {name.removeprefix(prefix): of for name, of in arrays.items() if name.startswith(prefix)}
    found = own or {name: of for name, of in arrays.items() if "/" not in name}
    if arrays and not found:
        raise ConfigurationError(
            f"{place} has its arrays in groups, such as {next(iter(arrays))}, and those at its top "
            "are read: write step, m, q, … there"
        )
    problem = None
    if attributes.get("program") == PROGRAM and "config" in attributes:
        problem = parse(parse_toml(str(attributes["config"])))
    given = attributes.get("dimension", found.get("dimension"))
    dimension = None if given is None else dimension_in(np.asarray(given), place)
    return Written(place, found, dimension, problem)


def about(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """What an npz archive of this program says of the file and its simulation."""
    inner = f"{GROUP.strip('/')}/metadata"
    if not {"metadata", inner} <= arrays.keys():
        return {}
    found: dict[str, Any] = {}
    for name in ("metadata", inner):
        found |= json.loads(str(arrays[name]))["attributes"]
    return found


def of_run(run: SimulationRun, place: str) -> Written:
    """A simulation of this program, each of its steps once."""
    if run.status != "finished":
        raise ConfigurationError(
            f"{place}: the simulation did not finish; one that was interrupted is resumed first"
        )
    _, own = np.unique(run.records.step, return_index=True)
    arrays = {name: values[:, own] for name, values in run.parameters.items()}
    problem: Any = run.problem
    elapsed = schedule_of(problem).elapsed(run.time[own])
    step = np.rint(elapsed / problem.step_time)
    size = getattr(problem.simulation, "dimension", None)
    return Written(place, {**arrays, "step": step}, size, problem)


def of_object(data: Any) -> Written:
    """Arrays by name, a data frame of pandas, a dataset of xarray, or a structured array."""
    if hasattr(data, "data_vars"):
        found = {str(name): np.asarray(data[name]) for name in data.variables}
        return of_export(found, dict(data.attrs), "the dataset")
    if hasattr(data, "columns") and hasattr(data, "reset_index"):
        named = data.reset_index() if any(name is not None for name in data.index.names) else data
        columns = {str(name): np.asarray(named[name]) for name in named.columns}
        return of_columns(columns, "the data frame")
    if isinstance(data, np.ndarray) and data.dtype.names:
        return of_columns({name: data[name] for name in data.dtype.names}, "the array")
    if not isinstance(data, Mapping):
        raise ConfigurationError(
            "expected the path of a CSV, npz or HDF5 file, arrays by name, a data frame or a "
            f"simulation, got {shown(data)}"
        )
    return of_export({str(name): array(of, str(name)) for name, of in data.items()}, {}, "the data")


def array(values: Any, name: str) -> NDArray[Any]:
    """What an array can be made of."""
    try:
        return np.asarray(values)
    except ValueError:
        raise ConfigurationError(
            f"the data: {name} is no array, but {shown(values)}; its rows are of different lengths"
        ) from None
