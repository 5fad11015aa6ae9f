"""Scans on disk: the file of one point, and the collected file of all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import NDArray

from orderparams.errors import FileError
from orderparams.storage.hdf5 import create, plain, read, write_variables
from orderparams.storage.schema import AXES, POINT, PROGRAM, SCAN, SCHEMA_VERSION, Variable

if TYPE_CHECKING:
    from orderparams.scan.actions import Outcome
    from orderparams.scan.collect import Scan


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
    with h5py.File("point", "w", driver="core", backing_store=False, libver="v110") as file:
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
        file.flush()
        image: bytes = file.id.get_file_image()
    return image


def read_point(path: Path) -> Record:
    """The file of a point; :class:`FileError` if it is damaged."""
    with read(path) as file:
        return Record(
            **{name: plain(file.attrs)[name] for name in ("hash", "status", "message", "seconds")},
            values={name: file["point"][name][()] for name in POINT if name in file["point"]},
        )


def copy_group(source: h5py.Group, target: h5py.Group) -> None:
    """Copy a group that :func:`write_variables` wrote. (HDF5's own copy loses the axes.)"""
    scales = {name: data for name, data in source.items() if data.is_scale}
    variables = {
        name: (
            Variable(
                tuple(dimension[0].name.rsplit("/", 1)[-1] for dimension in data.dims),
                data.attrs["long_name"],
                data.attrs["units"],
            ),
            data[()],
        )
        for name, data in source.items()
        if name not in scales
    }
    write_variables(target, variables, {name: data[()] for name, data in scales.items()})
    target.attrs.update(source.attrs)
