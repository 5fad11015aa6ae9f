"""Result files as groups of arrays that say what they are, read in pieces of bounded size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from orderparams.errors import FileError
from orderparams.storage.attributes import plain
from orderparams.storage.inspection import axes_of

MAIN = ("scan", "comparison", "trajectory", "simulation", "checks", "evaluation")
"""The first of these groups that a file has is what it is about."""

PIECE = 2**15
"""Numbers that are read at a time."""

File = h5py.File
Selection = tuple[int | slice, ...]


@dataclass(frozen=True, eq=False)
class Stored:
    """A dataset of an open file, numbers or texts, over named axes."""

    data: h5py.Dataset

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes; a scale is its own."""
        return axes_of(self.data)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        shape: tuple[int, ...] = self.data.shape
        return shape

    @property
    def text(self) -> bool:
        """Whether it holds texts."""
        return h5py.check_string_dtype(self.data.dtype) is not None

    @property
    def attributes(self) -> dict[str, Any]:
        """What it is: ``units``, ``long_name``, and ``key`` of what is varied."""
        return plain(self.data.attrs)

    @property
    def description(self) -> dict[str, Any]:
        """Its axes and attributes."""
        return {"axes": self.axes, **self.attributes}

    def read(self, selection: Selection = ()) -> NDArray[Any]:
        """A part of the values, texts as Python's; :class:`FileError` if it cannot be read."""
        try:
            return np.asarray((self.data.asstr("utf-8") if self.text else self.data)[selection])
        except (OSError, RuntimeError, UnicodeDecodeError) as error:
            name = f"{self.data.file.filename}: {self.data.name}"
            raise FileError(f"{name} is damaged: {error}") from None

    def pieces(self) -> Iterator[NDArray[Any]]:
        """All values in C order, one flat piece after the other."""
        for selection in selections(self.shape):
            yield self.read(selection).ravel()


@dataclass(frozen=True, eq=False)
class Group:
    """A group of an open file: its path from ``/`` on, the scales of its axes, its variables."""

    path: str
    attributes: Mapping[str, Any]
    scales: Mapping[str, Stored]
    variables: Mapping[str, Stored]

    @property
    def coordinates(self) -> list[str]:
        """Variables that tell where on the axes the others are: varied keys along ``point``."""
        return str(self.attributes.get("coordinates", "")).split()

    @property
    def arrays(self) -> dict[str, Stored]:
        """Scales and variables by their names."""
        return {**self.scales, **self.variables}


def groups(file: h5py.Group) -> Iterator[Group]:
    """A file or group and all groups in it, the main ones first.

    Left out is the state of an unfinished simulation.
    """
    arrays = {name: Stored(item) for name, item in file.items() if isinstance(item, h5py.Dataset)}
    variables = {name: array for name, array in arrays.items() if not array.data.is_scale}
    axes = dict.fromkeys(axis for variable in variables.values() for axis in variable.axes)
    yield Group(file.name, plain(file.attrs), {axis: arrays[axis] for axis in axes}, variables)
    for name in sorted(file.keys() - arrays.keys() - {"checkpoint"}, key=rank):
        yield from groups(file[name])


def rank(name: str) -> tuple[int, str]:
    """Place of a group among those beside it."""
    return MAIN.index(name) if name in MAIN else len(MAIN), name


def rows_at_once(shape: tuple[int, ...]) -> int:
    """How many entries along the first axis make a piece; 0 if one is too much."""
    return PIECE // max(1, math.prod(shape[1:]))


def selections(shape: tuple[int, ...]) -> Iterator[Selection]:
    """Parts of an array in C order, none of more than PIECE numbers."""
    if not shape:
        yield ()
    elif step := rows_at_once(shape):
        yield from ((slice(start, start + step),) for start in range(0, shape[0], step))
    else:
        for i in range(shape[0]):
            yield from ((i, *rest) for rest in selections(shape[1:]))
