"""netCDF-4 is HDF5 with dimension scales, as the result files are: only the layout changes."""

from __future__ import annotations

from pathlib import Path

import h5py

from orderparams.storage.files import destination
from orderparams.storage.groups import MAIN, File, Stored, groups, selections


def write_netcdf(file: File, path: Path) -> None:
    """All groups; the main one stands at the root, with the attributes of the file.

    ``xarray.open_dataset(path)`` opens it, and ``group=`` the others.
    """
    main = next((f"/{name}" for name in MAIN if name in file), "/")
    with (
        destination(path) as written,
        h5py.File(written, "w", libver="v110", track_order=True) as target,
    ):
        for group in groups(file):
            place = target if group.path == main else target.require_group(group.path)
            place.attrs.update(group.attributes)
            for name, scale in group.scales.items():
                copy(scale, place, name).make_scale(name)
            for name, variable in group.variables.items():
                dimensions = copy(variable, place, name).dims
                for dimension, axis in zip(dimensions, variable.axes, strict=True):
                    dimension.attach_scale(place[axis])


def copy(source: Stored, place: h5py.Group, name: str) -> h5py.Dataset:
    """A dataset with the values and the description of another, piece by piece."""
    data = place.create_dataset(name, shape=source.shape, dtype=source.data.dtype)
    data.attrs.update(source.attributes)
    for selection in selections(source.shape):
        data[selection] = source.read(selection)
    return data
