"""Attributes as plain values, whoever wrote the file last.

netCDF libraries keep each number and text as an array of one, other tools keep texts as bytes of a
fixed length, and an empty text as nothing at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

BINDING = {
    *("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST"),
    *("_Netcdf4Coordinates", "_Netcdf4Dimid", "_NCProperties", "_FillValue"),
}
"""Attributes by which HDF5 and netCDF tie axes to variables; they say nothing about the result."""


def single(value: Any) -> Any:
    """What was meant by a stored value: a number or a text; other values as they are.

    ValueError for a text that is not UTF-8.
    """
    if isinstance(value, h5py.Empty):
        return ""
    if isinstance(value, np.ndarray) and value.shape == (1,):
        value = value[0]
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        value.encode()  # h5py hides bytes that are not UTF-8 in what cannot be encoded
    return value


def attribute(item: h5py.Group | h5py.Dataset, name: str) -> Any:
    """One attribute; KeyError if it is absent."""
    return single(item.attrs[name])


def plain(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """All attributes but BINDING; what is neither a number nor a text as a text."""
    values = {name: single(value) for name, value in attributes.items() if name not in BINDING}
    return {
        name: value if isinstance(value, bool | int | float | str) else str(value)
        for name, value in values.items()
    }
