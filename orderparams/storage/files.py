"""Files that a reader never sees half written."""

from __future__ import annotations

import contextlib
import errno
import glob
import io
import os
import secrets
import stat
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from orderparams import interruption
from orderparams.errors import FileError, reason
from orderparams.phases import phase
from orderparams.storage.seal import seal
from orderparams.storage.suffixes import STREAMS

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

ABANDONED = 3600.0
"""Seconds after which nobody goes on writing to a temporary file."""

SHORT = 50
"""Characters of a name that its temporary files have: with all it could be too long."""

TRIAL = 4096
"""Bytes that are written to see whether files can be."""

WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
UNKNOWN = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
"""How file systems answer that cannot sync, or not what it is asked for."""


def check_target(path: Path, *, force: bool) -> None:
    """Refuse, before any work is done, a path that cannot be written: :class:`FileError`.

    Whatever the final write will need is tried: a file of some size is made beside it.
    """
    place = check_name(path, force=force)
    trial = temporary_path(place)
    try:
        with trial.open("xb") as file:
            file.write(bytes(TRIAL))
    except OSError as error:
        raise FileError(
            f"{path} could not be written: no file can be made in {place.parent} "
            f"({error.strerror or error})"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            trial.unlink()


def check_name(path: Path, *, force: bool) -> Path:
    """Where a path leads, links followed; :class:`FileError` if no file can have that name."""
    try:
        path.name.encode()
        place = path.resolve()
        mode = mode_of(place)
        folder = mode_of(place.parent)
    except UnicodeEncodeError:
        raise FileError(f"{path}: the name is not UTF-8; choose another") from None
    except (OSError, RuntimeError, ValueError) as error:  # too long, a circle of links, a null byte
        reason = error.strerror if isinstance(error, OSError) else error
        raise FileError(f"{path} could not be written: {reason}") from None
    parent = place.parent if path.is_symlink() else path.parent
    if stat.S_ISDIR(mode):
        raise FileError(f"{path} is a directory; name a file in it")
    if not folder:
        raise FileError(f"{path}: the directory {parent} does not exist; create it first")
    if not stat.S_ISDIR(folder):
        raise FileError(f"{path}: {parent} is not a directory")
    if (mode and not stat.S_ISREG(mode)) or str(path.absolute()).startswith(STREAMS):
        raise FileError(
            f"{path} is a device or a pipe; results are written to files only", "rename"
        )
    if mode and not force:
        raise FileError(f"{path} exists", "replace")
    if mode and not mode & WRITABLE:
        raise FileError(f"{path} is read-only; chmod u+w makes it writable", "rename")
    return place


def mode_of(path: Path) -> int:
    """What stands under a name, and its permissions; 0 if nothing does."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0


def unused(path: Path) -> Path:
    """The path, or the first of ``name-2``, ``name-3`` … that does not exist."""
    candidate, count = path, 1
    while os.path.lexists(candidate):
        count += 1
        candidate = path.with_stem(f"{path.stem}-{count}")
    return candidate


def temporary_path(path: Path) -> Path:
    """A new name beside a file, no longer than names can be."""
    return path.with_name(f".{path.name[:SHORT]}.{secrets.token_hex(4)}.part")


@contextlib.contextmanager
def atomic(path: Path, *, force: bool) -> Iterator[Path]:
    """A temporary path beside ``path`` to write to; on leaving it is synced and takes the name.

    Whatever goes wrong, an existing file stays as it was. Without ``force`` a file that appeared in
    the meantime is not replaced: :class:`FileError`. A link stays, and the file it leads to is
    replaced; the new file has the permissions of the old one.
    """
    place = check_name(path, force=force)
    temporary = temporary_path(place)
    leaving = contextlib.ExitStack()
    leaving.enter_context(phase(f"writing {path}"))
    leaving.enter_context(interruption.undoing(partial(temporary.unlink, missing_ok=True)))
    try:
        yield temporary
        with temporary.open("rb+", buffering=0) as written:
            sync(written.fileno())
        if force:
            with contextlib.suppress(OSError):  # there is no old file, or it is another user's
                temporary.chmod(stat.S_IMODE(place.stat().st_mode))
            temporary.replace(place)
        else:
            take_name(temporary, place)
        sync_folder(place.parent)
    except FileExistsError:
        raise FileError(
            f"{path} was written by another process in the meantime", "rename"
        ) from None
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"{path} could not be written: {reason(error)}", "rename") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
        leaving.close()


def sync(file: int) -> None:
    """Let a file reach the disk, on file systems that know of it. A full disk may tell only now."""
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in UNKNOWN:
            raise


def sync_folder(folder: Path) -> None:
    """Let the names in a folder reach the disk. The file is whole already: this may fail."""
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def take_name(temporary: Path, path: Path) -> None:
    """Give a file its name; FileExistsError if the name is taken."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: take the name first, then replace what has it
        path.touch(exist_ok=False)
        try:
            temporary.replace(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


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
    place = path.resolve()
    for part in place.parent.glob(f".{glob.escape(place.name[:SHORT])}.*.part"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > ABANDONED:
                part.unlink()
