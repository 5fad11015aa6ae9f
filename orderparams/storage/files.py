"""Files that a reader never sees half written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from orderparams.errors import FileError


def check_target(path: Path, *, force: bool) -> None:
    """Refuse, before any work is done, a path that cannot be written: :class:`FileError`."""
    if path.is_dir():
        raise FileError(f"{path} is a directory; name a file in it")
    if not path.parent.is_dir():
        raise FileError(f"{path}: the directory {path.parent} does not exist; create it first")
    if path.exists() and not force:
        raise FileError(f"{path} exists; use --force to replace it, or -o to name another file")
    if not os.access(path.parent, os.W_OK):
        raise FileError(f"{path}: the directory {path.parent} is not writable")


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
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        if force:
            temporary.replace(path)
        else:
            os.link(temporary, path)
        directory = os.open(path.parent, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)
    except FileExistsError:
        raise FileError(f"{path} was written by another process in the meantime") from None
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"{path} could not be written: {error}") from None
    finally:
        temporary.unlink(missing_ok=True)
