"""Scans on disk: the file of one point, and the collected file of all."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from orderparams.config import parse_toml
from orderparams.errors import FileError
from orderparams.scans.result import Scan
from orderparams.sources import load
from orderparams.storage.attributes import attribute, plain
from orderparams.storage.hdf5 import create, loaded, read, write_variables
from orderparams.storage.inspection import axes_of
from orderparams.storage.schema import AXES, POINT, PROGRAM, SCAN, SCHEMA_VERSION, Variable

if TYPE_CHECKING:
    from orderparams.scans.actions import Outcome


@dataclass(frozen=True, eq=False)
class Record:
    """The file of a point: how it ended, in how many seconds, and its values."""

    hash: str
    status: str
    message: str
    seconds: float
    values: Mapping[str, NDArray[np.float64]]


def point_image(outcome: Outcome, config: str, hash: str, seconds: float, *, keep: bool) -> bytes:
    """The bytes of an HDF5 file with /point, and if ``keep`` with what the outcome stores."""
    image = io.BytesIO()
    # Not HDF5's own images in memory: those of its versions before 2.0 have a wrong checksum.
    with h5py.File(image, "w", libver="v110") as file:
        for name, value in {
            "schema_version": SCHEMA_VERSION,
            "program": PROGRAM,
            "config": config,
            "status": outcome.status,
            "message": outcome.message,
            "hash": hash,
            "seconds": seconds,
        }.items():
            file.attrs[name] = value
        values = {name: (POINT[name], np.asarray(value)) for name, value in outcome.values.items()}
        write_variables(file.create_group("point"), values, {})
        if keep and outcome.store is not None:
            outcome.store(file)
    return image.getvalue()


def read_point(path: Path) -> Record:
    """The file of a point; :class:`FileError` if it is damaged."""
    with read(path) as file:
        return record(file)


def read_image(image: bytes) -> Record:
    """The same of the bytes of such a file."""
    with h5py.File(io.BytesIO(image), "r") as file:
        return record(file)


def record(file: h5py.File) -> Record:
    return Record(
        **{name: attribute(file, name) for name in ("hash", "status", "message", "seconds")},
        values={name: file["point"][name][()] for name in POINT if name in file["point"]},
    )


def copy_group(source: h5py.Group, target: h5py.Group) -> None:
    """Copy a group that :func:`write_variables` wrote. (HDF5's own copy loses the axes.)"""
    scales = {name: data for name, data in source.items() if data.is_scale}
    variables = {
        name: (
            Variable(axes_of(data), attribute(data, "long_name"), attribute(data, "units")),
            data[()],
        )
        for name, data in source.items()
        if name not in scales
    }
    write_variables(target, variables, {name: data[()] for name, data in scales.items()})
    target.attrs.update(plain(source.attrs))


def point_name(number: int) -> str:
    """Name of a point's file and group."""
    return f"{number:06d}"


def save_scan(
    scan: Scan, path: Path, *, force: bool = False, command: str = "", folder: Path | None = None
) -> None:
    """Write /scan, and /points/NNNNNN with all that the files of the points in ``folder`` store.

    :class:`FileError` if the path cannot be written.
    """
    status = "failed" if (scan["status"] != "finished").any() else "finished"
    with create(path, scan.problem, status=status, force=force, command=command) as file:
        file.attrs["config"] = scan.config
        group = file.create_group("scan")
        dimensions = tuple(scan.dimensions)
        variables = {
            name: (Variable(dimensions + known.axes, known.long_name, known.units), storable(array))
            for name, known in (SCAN | POINT).items()
            if (array := scan.arrays.get(name)) is not None
        }
        for name, values in scan.parameters.items():
            if name not in dimensions:
                variables[name] = (Variable(dimensions, scan.keys[name]), storable(values))
        scales = {name: storable(values) for name, values in scan.dimensions.items()}
        write_variables(
            group, variables, scales, {**AXES, **scan.keys, "point": SCAN["point"].long_name}
        )
        for name, key in scan.keys.items():
            group[name].attrs["key"] = key
        group.attrs["action"] = scan.action
        # What xarray takes as coordinates although they are not axes.
        group.attrs["coordinates"] = " ".join(scan.parameters.keys() - scan.dimensions.keys())
        if folder is not None:
            for number, status in enumerate(scan["status"].ravel(), 1):
                if status != "missing":
                    with contextlib.suppress(FileError):  # what cannot be read has failed, and why
                        copy_point(folder, file, point_name(number))


def copy_point(folder: Path, file: h5py.File, name: str) -> None:
    """Copy what the file of a point stores into /points."""
    with read(folder / f"{name}.h5") as source:
        target = file.create_group(f"points/{name}")
        target.attrs.update(
            {name: attribute(source, name) for name in ("config", "status", "message")}
        )
        for name in source.keys() - {"point"}:
            copy_group(source[name], target.create_group(name))


def storable(values: NDArray[Any]) -> NDArray[Any]:
    """Texts in the form that HDF5 takes; numbers as they are."""
    return values.astype(h5py.string_dtype()) if values.dtype == object else values


def open_scan(path: str | Path) -> Scan:
    """The collected file of a scan."""
    with read(Path(path)) as file:
        if "scan" not in file:
            raise FileError(f"{path} holds no scan; it has {', '.join(file) or 'no groups'}")
        group, config = file["scan"], str(attribute(file, "config"))
        keys = {
            name: str(attribute(data, "key")) for name, data in group.items() if "key" in data.attrs
        }
        return Scan(
            problem=load(parse_toml(config)),
            config=config,
            action=str(attribute(group, "action")),
            keys=keys,
            dimensions={name: loaded(group[name]) for name in axes_of(group["status"])},
            parameters={name: loaded(group[name]) for name in keys},
            arrays={name: loaded(group[name]) for name in SCAN | POINT if name in group},
        )
