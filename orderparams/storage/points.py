"""The points of a scan on disk: a file each, and their groups in the file of all."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
from numpy.typing import NDArray

from orderparams.storage.attributes import attribute, plain
from orderparams.storage.hdf5 import read
from orderparams.storage.inspection import axes_of
from orderparams.storage.nodes import Node, loaded, write_tree
from orderparams.storage.schema import PROGRAM, SCHEMA_VERSION, Known, Variable
from orderparams.storage.tree import Tree


@dataclass(frozen=True, eq=False)
class Record:
    """The file of a point: how it ended, in how many seconds, and its values."""

    hash: str
    status: str
    message: str
    seconds: float
    values: Mapping[str, NDArray[Any]]


def point_image(values: Tree, groups: Mapping[str, Tree], attributes: Mapping[str, Any]) -> bytes:
    """The bytes of an HDF5 file with /point and other groups."""
    image = io.BytesIO()
    # Not HDF5's own images in memory: those of its versions before 2.0 have a wrong checksum.
    with h5py.File(image, "w", libver="v110") as file:
        own = {"schema_version": SCHEMA_VERSION, "program": PROGRAM, **attributes}
        write_tree(file, Tree(attributes=own, groups={"point": values, **groups}))
    return image.getvalue()


def read_point(path: Path, known: Known) -> Record:
    """The file of a point; :class:`FileError` if it is damaged."""
    with read(path, lambda config: known) as file:
        return record(Node(file))


def read_image(image: bytes) -> Record:
    """The same of the bytes of such a file."""
    with h5py.File(io.BytesIO(image), "r") as file:
        return record(Node(file))


def record(file: Node) -> Record:
    point = file["point"]
    return Record(
        **{name: file.attribute(name) for name in ("hash", "status", "message", "seconds")},
        values={name: point.array(name) for name in point.variables},
    )


def stored_groups(path: Path, known: Known) -> Tree:
    """What the file of a point stores beside its values; :class:`FileError` if it is damaged."""
    with read(path, lambda config: known) as file:
        about = {name: attribute(file, name) for name in ("config", "status", "message")}
        groups = {name: tree_of(group) for name, group in file.items() if name != "point"}
        return Tree(attributes=about, groups=groups)


def tree_of(group: h5py.Group) -> Tree:
    """A group that was written from a tree."""
    scales = {name: data for name, data in group.items() if data.is_scale}
    return Tree(
        variables={
            name: (
                Variable(axes_of(data), attribute(data, "long_name"), attribute(data, "units")),
                loaded(data),
            )
            for name, data in group.items()
            if name not in scales
        },
        coordinates={name: loaded(data) for name, data in scales.items()},
        axis_names={name: attribute(data, "long_name") for name, data in scales.items()},
        attributes=plain(group.attrs),
    )


def point_name(number: int) -> str:
    """Name of a point's file and group."""
    return f"{number:06d}"
