"""A place for a result that cannot be written where it should be."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from orderparams.errors import FileError
from orderparams.storage.files import SHORT, unused


class Save(Protocol):
    """Writes a result to a path."""

    def __call__(self, path: Path, *, force: bool) -> object: ...


def save_somewhere(save: Save, path: Path, *, force: bool) -> None:
    """Save a result that cost work; where that fails, under a like name in another folder.

    :class:`FileError` all the same, which says where the result is.
    """
    try:
        save(path, force=force)
    except OSError as error:
        refuge = rescued(save, path)
        where = ", nor anywhere else" if refuge is None else f"; the result is in {refuge} instead"
        raise FileError(f"{error}{where}") from None


def rescued(save: Save, path: Path) -> Path | None:
    """Where a result could be saved; None if nowhere."""
    for folder in refuges():
        refuge = unused(folder / f"{path.stem[:SHORT]}{path.suffix[:SHORT]}")
        with contextlib.suppress(OSError):
            save(refuge, force=False)
            return refuge
    return None


def refuges() -> Iterator[Path]:
    """The working folder, the home, and the folder for temporary files."""
    for folder in (Path.cwd, Path.home, lambda: Path(tempfile.gettempdir())):
        with contextlib.suppress(OSError, RuntimeError):  # it was removed, or there is none
            yield folder()
