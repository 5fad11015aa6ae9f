"""Groups of HDF5 files: trees are written into them, and results read from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from orderparams.storage.attributes import attribute, plain
from orderparams.storage.inspection import axes_of
from orderparams.storage.tree import Tree


def write_tree(group: h5py.Group, tree: Tree) -> None:
    """Write all of a tree into a group."""
    write_variables(group, tree)
    for name, value in tree.attributes.items():
        group.attrs[name] = value
    for name, values in tree.arrays.items():
        group.create_dataset(name, data=values)
    for name in tree.groups:
        if (inner := tree.groups.get(name)) is not None:
            write_tree(group.create_group(name), inner)


def write_variables(group: h5py.Group, tree: Tree) -> None:
    """Datasets with units and long names; every axis is a dimension scale, as xarray wants it."""
    for axis, size in tree.sizes.items():
        about, values = tree.scale(axis, size)
        scale = group.create_dataset(axis, data=storable(values))
        scale.make_scale(axis)
        scale.attrs.update(about.attributes)
    for name, (about, values) in tree.variables.items():
        dataset = group.create_dataset(name, data=storable(values))
        dataset.attrs.update(about.attributes)
        for dimension, axis in zip(dataset.dims, about.axes, strict=True):
            dimension.attach_scale(group[axis])


def storable(values: NDArray[Any]) -> NDArray[Any]:
    """Texts in the form that HDF5 takes; numbers as they are."""
    values = np.asarray(values)
    return values.astype(h5py.string_dtype()) if values.dtype.kind in "OU" else values


def loaded(data: h5py.Dataset) -> NDArray[Any]:
    """The values of a dataset; texts as Python's."""
    texts = h5py.check_string_dtype(data.dtype) is not None
    return np.asarray(data.asstr("utf-8")[()] if texts else data[()])


class Node:
    """A group of an open file, to read from."""

    def __init__(self, group: h5py.Group) -> None:
        self.group = group
        self.place = f"{group.file.filename}: {group.name}"

    def __contains__(self, name: str) -> bool:
        return name in self.group

    def __iter__(self) -> Iterator[str]:
        return iter(self.group)

    def __getitem__(self, name: str) -> Node:
        """A group in it."""
        return Node(self.group[name])

    @property
    def file_name(self) -> str:
        """The path of the file."""
        return str(self.group.file.filename)

    @property
    def attributes(self) -> dict[str, Any]:
        """All attributes as numbers and texts."""
        return plain(self.group.attrs)

    def attribute(self, name: str) -> Any:
        """One attribute; KeyError if it is absent."""
        return attribute(self.group, name)

    def array(self, name: str) -> NDArray[Any]:
        """The values of a dataset; KeyError if it is absent."""
        return loaded(self.group[name])

    def has(self, name: str, what: str) -> bool:
        """Whether a dataset has an attribute."""
        return what in self.group[name].attrs

    def axes(self, name: str) -> tuple[str, ...]:
        """The axes of a dataset."""
        return axes_of(self.group[name])

    def about(self, name: str, what: str) -> Any:
        """An attribute of a dataset."""
        return attribute(self.group[name], what)

    def length(self, axis: str) -> int:
        """The length of an axis; KeyError if it is absent."""
        return int(self.group[axis].size)

    @property
    def variables(self) -> list[str]:
        """Names of the datasets that are no axes."""
        return [name for name, item in self.group.items() if is_variable(item)]

    @property
    def shapes(self) -> dict[str, list[int]]:
        """Shapes of the variables."""
        return {name: list(self.group[name].shape) for name in self.variables}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All datasets in it and in its groups, by their paths; without axes."""
        found: dict[str, NDArray[Any]] = {}

        def add(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if is_variable(item):
                found[name] = item[...]

        self.group.visititems(add)
        return found


def is_variable(item: h5py.Group | h5py.Dataset) -> bool:
    """Whether an item of a group holds numbers or texts over axes."""
    return isinstance(item, h5py.Dataset) and not item.is_scale
