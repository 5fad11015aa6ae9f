"""What a file must satisfy before anything in it is used.

Result files are passed on. One that is damaged, or was made to do harm, is refused: links and data
that lead out of the file, filters that load a plugin, more numbers than are stored, and arrays that
are not what the schema says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import h5py
from h5py import h5l, h5o, h5z

from orderparams.errors import FileError
from orderparams.storage.attributes import attribute
from orderparams.storage.schema import (
    KINDS,
    NUMBER_ATTRIBUTES,
    TEXT_ATTRIBUTES,
    TEXTS,
    Known,
    Variable,
)

FILTERS = {
    *(h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32),
    *(h5z.FILTER_NBIT, h5z.FILTER_SCALEOFFSET, h5z.FILTER_SZIP),
}
"""Filters that HDF5 has built in and ``h5repack`` may have applied; others are plugins."""

DEFLATION = 1100
"""No deflated data are shorter than their length divided by this."""

PACKING = {"scale_factor", "add_offset"}
"""Attributes of netCDF by which stored numbers are not yet those that are meant."""

OBJECTS = {h5o.TYPE_GROUP, h5o.TYPE_DATASET}


def inspect(file: h5py.File, known: Known) -> None:
    """:class:`FileError` for an open file that cannot be trusted or does not keep to the schema."""
    datasets: list[bytes] = []

    def is_link(name: bytes, link: Any) -> bytes | None:
        return name if link.type != h5l.TYPE_HARD else None

    def is_strange(name: bytes, found: Any) -> bytes | None:
        if found.type == h5o.TYPE_DATASET:
            datasets.append(name)
        return name if found.type not in OBJECTS else None

    if (name := file.id.links.visit(is_link, info=True)) is not None:
        raise FileError(f"{where(file, name)} is a link to another place; links are not followed")
    if (name := h5o.visit(file.id, is_strange, info=True)) is not None:
        raise FileError(f"{where(file, name)} is neither a group nor a dataset")
    for name in datasets:
        check_storage(h5py.h5d.open(file.id, name), where(file, name))
    check_attributes(file, known.numbers)
    for name, group in file.items():
        if isinstance(group, h5py.Dataset):
            raise FileError(f"{where(file, name)} is a dataset where a group should be")
        if (kind := name.split("_")[0]) in KINDS:
            check_group(group, known.groups.get(kind, {}), known.numbers)


def where(file: h5py.File, name: bytes | str) -> str:
    """How a message names an object."""
    path = name.decode("utf-8", "replace") if isinstance(name, bytes) else name
    return f"{file.filename}: /{path.strip('/')}"


def check_storage(data: h5py.h5d.DatasetID, name: str) -> None:
    """All numbers of a dataset must stand in this file, behind no filter but those built in."""
    creation = data.get_create_plist()
    if creation.get_layout() == h5py.h5d.VIRTUAL or creation.get_external_count():
        raise FileError(f"{name} keeps its data in another file; such data are not read")
    filters = [creation.get_filter(i)[0] for i in range(creation.get_nfilters())]
    if unknown := set(filters) - FILTERS:
        raise FileError(
            f"{name} needs the HDF5 filter {min(unknown)}, and only those that HDF5 has built in "
            "are read; h5repack -f NONE makes a file without"
        )
    if not data.get_storage_size() and is_bare_dimension(h5py.Dataset(data)):
        return
    claimed = data.get_space().get_select_npoints() * data.get_type().get_size()
    if claimed > (DEFLATION if filters else 1) * data.get_storage_size():
        raise FileError(f"{name} is damaged: it holds less than the {claimed} bytes that it claims")


def is_bare_dimension(data: h5py.Dataset) -> bool:
    """Whether netCDF made this for an axis that has a length and no values."""
    name = attribute(data, "NAME") if data.is_scale and "NAME" in data.attrs else ""
    return str(name).startswith("This is a netCDF dimension but not a netCDF variable")


def place(item: h5py.Group | h5py.Dataset) -> str:
    """How a message names an open object; to ask for its name takes as long as to look into it."""
    return where(item.file, item.name)


def check_attributes(item: h5py.Group | h5py.Dataset, numbers: Iterable[str] = ()) -> None:
    """Attributes that the schema knows are a text or a number; ``numbers`` are more of these."""
    names = set(item.attrs)
    for name in TEXT_ATTRIBUTES & names:
        if not isinstance(attribute(item, name), str):
            raise FileError(f"{place(item)} is damaged: {name} is not a text")
    for name in NUMBER_ATTRIBUTES.union(numbers) & names:
        if type(attribute(item, name)) not in (int, float):
            raise FileError(f"{place(item)} is damaged: {name} is not a number")


def check_group(
    group: h5py.Group, variables: Mapping[str, Variable], numbers: Iterable[str]
) -> None:
    """Numbers or texts over axes of the group; what the schema knows, over the axes it has there.

    In /scan these follow the axes of the scan itself.
    """
    check_attributes(group, numbers)
    members = dict(group.items())
    leading = axes_of(members["status"], members) if "status" in variables else ()
    for name, data in members.items():
        if not isinstance(data, h5py.Dataset):
            raise FileError(f"{place(data)} is a group where a dataset should be")
        check_attributes(data, numbers)
        if packed := PACKING & data.attrs.keys():
            raise FileError(
                f"{place(data)} holds packed numbers, to be scaled by its {min(packed)}; write the "
                "file again without packing"
            )
        text = h5py.check_string_dtype(data.dtype) is not None
        if not text and data.dtype.kind not in "fiu":
            raise FileError(f"{place(data)} is damaged: it holds neither numbers nor texts")
        axes = axes_of(data, members)
        known = None if data.is_scale else variables.get(name)
        if known is None:
            continue
        if text != (name in TEXTS):
            expected = "numbers" if text else "texts"
            raise FileError(f"{place(data)} is damaged: it should hold {expected}")
        if axes != leading + known.axes:
            raise FileError(
                f"{place(data)} is damaged: its axes are ({', '.join(axes)}) where "
                f"({', '.join(leading + known.axes)}) are expected"
            )


def axes_of(data: h5py.Dataset, members: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """Names of the axes of a dataset: scales of its length among the members of its group, which
    may be open already."""
    members = data.parent if members is None else members
    if data.is_scale:
        names: tuple[str, ...] = (data.name.rsplit("/", 1)[-1],)
        if data.ndim != 1:
            raise FileError(f"{place(data)} is damaged: an axis has one dimension, not {data.ndim}")
    else:
        # HDF5's own way to the scales crashes where one was deleted.
        scales = [data.file[one] for along in data.attrs.get("DIMENSION_LIST", ()) for one in along]
        names = tuple(scale_name(scale, members) for scale in scales)
    shape = tuple(size for name in names if name in members for size in members[name].shape)
    if shape != data.shape:
        raise FileError(f"{place(data)} is damaged: its shape {data.shape} is not that of its axes")
    return names


def scale_name(scale: h5py.Dataset, members: Mapping[str, Any]) -> str:
    """Name of an axis: what its scale says, or the dataset's own (netCDF does not always say)."""
    name = str(attribute(scale, "NAME")) if "NAME" in scale.attrs else ""
    return name if name in members else str(scale.name).rsplit("/", 1)[-1]
