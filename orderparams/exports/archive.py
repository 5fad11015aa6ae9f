"""NPZ: an array under the name of every dataset, such as ``trajectory/risk``."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.exports.documents import json_text
from orderparams.storage.groups import File, Stored, groups


def write_npz(file: File, path: Path) -> None:
    """What else is known of a group stands beside its arrays, a JSON text called ``metadata``."""
    with zipfile.ZipFile(path, "w") as archive:
        for group in groups(file):
            prefix = group.path.strip("/") + "/" * (group.path != "/")
            about = {name: array.description for name, array in group.arrays.items()}
            metadata = np.array(json_text({"attributes": group.attributes, "variables": about}))
            add(archive, f"{prefix}metadata", metadata.dtype, (), [metadata])
            for name, array in group.arrays.items():
                add(archive, prefix + name, element_type(array), array.shape, array.pieces())


def element_type(array: Stored) -> np.dtype[Any]:
    """Numbers as they are stored; texts as wide as the longest of them."""
    if not array.text:
        stored: np.dtype[Any] = array.data.dtype
        return stored
    width = max((len(text) for piece in array.pieces() for text in piece), default=0)
    return np.dtype(f"U{max(1, width)}")


def add(
    archive: zipfile.ZipFile,
    name: str,
    kind: np.dtype[Any],
    shape: tuple[int, ...],
    pieces: Iterable[NDArray[Any]],
) -> None:
    """One member from its values in C order."""
    with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
        header = {"descr": kind.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_2_0(member, header)
        for piece in pieces:
            member.write(piece.astype(kind).tobytes())
