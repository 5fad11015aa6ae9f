"""Files that a reader never sees half written."""

from __future__ import annotations

import contextlib
import glob
import io
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from orderparams.errors import FileError, reason
from orderparams.storage.seal import seal

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

ABANDONED = 3600.0
"""Seconds after which nobody goes on writing to a temporary file."""


def check_target(path: Path, *, force: bool) -> None:
    """Refuse, before any work is done, a path that cannot be written: :class:`FileError`."""
    if path.is_dir():
        raise FileError(f"{path} is a directory; name a file in it")
    if not path.parent.is_dir():
        raise FileError(f"{path}: the directory {path.parent} does not exist; create it first")
    if path.exists() and not force:
        raise FileError(f"{path} exists", "replace")
    if not os.access(path.parent, os.W_OK):
        raise FileError(f"{path}: the directory {path.parent} is not writable", "rename")


def unused(path: Path) -> Path:
    """The path, or the first of ``name-2``, ``name-3`` … that does not exist."""
    candidate, count = path, 1
    while candidate.exists():
        count += 1
        candidate = path.with_stem(f"{path.stem}-{count}")
    return candidate


@contextlib.contextmanager
def atomic(path: Path, *, force: bool) -> Iterator[Path]:
    """A temporary path beside ``path`` to write to; on leaving it is synced and takes the name.

    Whatever goes wrong, an existing file stays as it was. Without ``force`` a file that appeared in
    the meantime is not replaced: :class:`FileError`.
    """
    check_target(path, force=force)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        with temporary.open("rb+", buffering=0) as written:
            os.fsync(written.fileno())
        if force:
            temporary.replace(path)
        else:
            place(temporary, path)
        directory = os.open(path.parent, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)
    except FileExistsError:
        raise FileError(
            f"{path} was written by another process in the meantime", "rename"
        ) from None
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"{path} could not be written: {reason(error)}", "rename") from None
    finally:
        temporary.unlink(missing_ok=True)


def place(temporary: Path, path: Path) -> None:
    """Give a file its name; FileExistsError if the name is taken."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: take the name first, then replace what has it
        path.touch(exist_ok=False)
        temporary.replace(path)


class Destination(io.FileIO):
    """A file for HDF5 to write to.

    HDF5 crashes at its end when it could not write, so it is told that all went well; ``error``
    keeps what went wrong first.
    """

    error: OSError | None = None

    def write(self, data: Buffer, /) -> int:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.error = self.error or error
        return memoryview(data).nbytes

    def truncate(self, size: int | None = None, /) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return self.tell()


@contextlib.contextmanager
def destination(path: Path) -> Iterator[Destination]:
    """A new file for HDF5, sealed in the end; on leaving OSError if not all could be written."""
    with Destination(path, "x+") as file:
        try:
            yield file
            seal(file)
        finally:
            if file.error is not None:
                raise file.error


def remove_leftovers(path: Path) -> None:
    """Remove what processes that were killed while they wrote to ``path`` have left beside it."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > ABANDONED:
                part.unlink()
