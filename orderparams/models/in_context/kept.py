"""Arrays that take long, kept on disk beside the compiled kernels that make them.

A file is named by a hash of all that decides its bits. What is damaged is made anew, what cannot be
written is not kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import cache_root, source_hash
from orderparams.errors import FileError
from orderparams.storage.files import atomic, remove_leftovers

Array = NDArray[np.float64]

FOLDER = "tables"
"""In the folder of kernels."""

MOST = 200
"""Files that are kept, about half a megabyte each; the oldest go."""

CHECKED = hashlib.sha256().digest_size
"""Bytes at the beginning of a file, the hash of all others."""


def kept(kernel: Any, arguments: tuple[object, ...], make: Callable[[], Array]) -> Array:
    """What ``make`` gives by this kernel and the module in which it stands; it depends on these
    arguments, numbers and bytes, alone."""
    path = path_of(kernel, arguments)
    if path is None:
        return make()
    found = read(path)
    if found is None:
        found = make()
        write(path, found)
    return found


def path_of(kernel: Any, arguments: tuple[object, ...]) -> Path | None:
    """The file, None where there is no folder: named by sources, versions, and the processor for
    which kernels are compiled."""
    root = cache_root()
    if root is None:
        return None
    machine = kernel.targetctx.codegen().magic_tuple(), platform.libc_ver()
    made_of = source_hash(kernel.py_func.__module__), machine, arguments
    return root / FOLDER / f"{hashlib.sha256(repr(made_of).encode()).hexdigest()[:32]}.npy"


def read(path: Path) -> Array | None:
    """What a file has, None where there is none or it is damaged."""
    with contextlib.suppress(OSError):
        content = path.read_bytes()
        if hashlib.sha256(content[CHECKED:]).digest() == content[:CHECKED]:
            found: Array = np.load(io.BytesIO(content[CHECKED:]), allow_pickle=False)
            return found
    return None


def write(path: Path, values: Array) -> None:
    """Keep an array, if it can be."""
    content = io.BytesIO()
    np.save(content, values)
    body = content.getvalue()
    with contextlib.suppress(OSError, FileError):
        path.parent.mkdir(exist_ok=True)
        make_room(path.parent)
        remove_leftovers(path)
        with atomic(path, force=True) as temporary:
            temporary.write_bytes(hashlib.sha256(body).digest() + body)


def make_room(folder: Path) -> None:
    """Remove the oldest files but ``MOST`` − 1."""
    files = sorted(folder.glob("*.npy"), key=lambda file: file.stat().st_mtime)
    for file in files[: max(0, len(files) - MOST + 1)]:
        file.unlink(missing_ok=True)
