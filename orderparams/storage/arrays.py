"""Arrays in files of any program: npz archives and HDF5."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from orderparams import memory
from orderparams.errors import ConfigurationError, FileError
from orderparams.storage.attributes import plain
from orderparams.storage.hdf5 import DAMAGE, open_unlocked
from orderparams.storage.inspection import check_storage, where

Arrays = dict[str, NDArray[Any]]

TOO_LARGE = "store fewer times, or overlaps in place of vectors"


def read_npz(path: Path) -> Arrays:
    """The arrays of an archive; :class:`FileError` if it is damaged or holds Python objects."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        memory.require(2 * size, str(path), TOO_LARGE)
        with np.load(path, allow_pickle=False) as found:
            return {name: array_in(found, name, path) for name in found.files}
    except (ConfigurationError, FileError):
        raise
    except Exception as error:  # of zipfile, zlib, NumPy, or Python's own parser
        raise FileError(f"{path} cannot be read as an npz archive: {error}", "again") from None


def array_in(archive: Any, name: str, path: Path) -> NDArray[Any]:
    """An array of an archive; :class:`FileError` for one of Python objects, which reading them
    could run."""
    try:
        found: NDArray[Any] = archive[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise FileError(
            f"{path}: {name} is an array of Python objects, which are not read, for they could run "
            "code; write numbers (of one shape, as float), or leave it out"
        ) from None
    return found


def read_hdf5(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """The numbers and texts in a file by their paths, and its root attributes; else
    :class:`FileError`."""
    found: Arrays = {}
    try:
        with open_unlocked(path) as file:
            attributes = plain(file.attrs)
            names: list[str] = []
            file.visititems(lambda name, item: names.append(name) if dataset(item) else None)
            for name in names:
                check_storage(file[name].id, where(file, name))
            size = sum(8 * math.prod(file[name].shape) for name in names)
            memory.require(2 * size, str(path), TOO_LARGE)
            for name in names:
                text = h5py.check_string_dtype(file[name].dtype) is not None
                found[name] = np.asarray(file[name].asstr()[()] if text else file[name][()])
    except (ConfigurationError, FileError):
        raise
    except DAMAGE as error:
        raise FileError(f"{path} is damaged or incomplete: {error}", "again") from None
    return found, attributes


def dataset(item: h5py.Group | h5py.Dataset) -> bool:
    """Whether it holds values in this file: links are not followed."""
    return isinstance(item, h5py.Dataset) and item.shape is not None
