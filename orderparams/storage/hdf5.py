"""The HDF5 files: writing them whole, and reading those that can be trusted."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py

from orderparams import interruption
from orderparams.config.values import nearest
from orderparams.errors import FileError, OrderparamsError, reason
from orderparams.phases import LOG
from orderparams.recognition import EMPTY, FOLDER, HDF5, TABLE, kind_of, neighbours
from orderparams.shipped import preset_names
from orderparams.storage.attributes import attribute, plain
from orderparams.storage.files import atomic, destination, remove_leftovers
from orderparams.storage.inspection import check_attributes, inspect
from orderparams.storage.nodes import write_tree
from orderparams.storage.schema import PROGRAM, SCHEMA_VERSION, Known
from orderparams.storage.seal import check_seal
from orderparams.storage.suffixes import RESULTS, check_suffix
from orderparams.storage.tree import Tree

Knowing = Callable[[str], Known]
"""From the configuration in a file to what such files hold."""


@contextlib.contextmanager
def create(path: Path, attributes: Mapping[str, Any], *, force: bool) -> Iterator[h5py.File]:
    """A new file with these root attributes; it appears under its name when all is written."""
    check_suffix(path, RESULTS, "a result file")
    # Attributes above 64 KiB (a configuration with many components) need the format of HDF5 1.10.
    with (
        interruption.writing(),
        atomic(path, force=force) as temporary,
        destination(temporary) as written,
        h5py.File(written, "w", libver="v110") as file,
    ):
        file.attrs["schema_version"] = SCHEMA_VERSION
        file.attrs.update({**attributes, "program": PROGRAM})
        remove_leftovers(path)
        yield file


def save_tree(path: Path, tree: Tree, *, force: bool) -> None:
    """A new file with all of a tree; :class:`FileError` if the path cannot be written."""
    with create(path, tree.attributes, force=force) as file:
        write_tree(file, dataclasses.replace(tree, attributes={}))


@contextlib.contextmanager
def read(path: Path, knowing: Knowing) -> Iterator[h5py.File]:
    """An existing file of this program, open for reading; else :class:`FileError`."""
    check_kind(path)
    LOG.info("reading %s", path)
    try:
        check_seal(path)
        file = open_unlocked(path)
    except FileError:
        raise
    except OSError:
        raise FileError(f"{path} is cut short or damaged", "again") from None
    with file:
        try:
            check_origin(file)
            inspect(file, knowing(str(attribute(file, "config"))))
            yield file
        except OrderparamsError:
            raise
        except DAMAGE as error:
            raise FileError(f"{path} is damaged or incomplete: {error}", "again") from None


def check_kind(path: Path) -> None:
    """:class:`FileError` for what cannot be a result file, by its name or what stands in it."""
    try:
        kind = kind_of(path)
    except (FileNotFoundError, NotADirectoryError):
        raise missing(path) from None
    except OSError as error:
        raise FileError(f"{path} could not be read: {reason(error)}") from None
    if kind == FOLDER:
        held = neighbours(path / "in", *RESULTS)
        hint = f" in it, such as {held[0]}" if held else ""
        raise FileError(f"{path} is {FOLDER}; name a result file{hint}")
    if kind != HDF5:
        remedy = {TABLE: "solve", EMPTY: "again"}.get(kind, "result")
        raise FileError(f"{path} is {kind}, not a result file (HDF5)", remedy, source=str(path))


def missing(path: Path) -> FileError:
    """The error for a result file that does not exist, with the one that may be meant."""
    known = neighbours(path, *RESULTS)
    ended = next((name for name in known if name.startswith(f"{path}.")), "")
    if close := ended or nearest(str(path), known):
        return FileError(f"{path} does not exist; did you mean {close!r}?")
    what = "is a preset, not a result file" if str(path) in preset_names() else "does not exist"
    remedy = "solve" if str(path) in preset_names() else "" if path.suffix else "result"
    return FileError(f"{path} {what}", remedy, source=str(path))


class Source(io.FileIO):
    """A file that Python reads for HDF5, which calls it by its path."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __repr__(self) -> str:
        return str(self.path)


def open_unlocked(path: Path) -> h5py.File:
    """Open for reading. Files appear whole under their names: reading needs no lock.

    HDF5 has to be led around its locks where HDF5_USE_FILE_LOCKING asks for them, or where this
    process has the same file open with a lock already.
    """
    try:
        return h5py.File(path, "r", locking=False)
    except OSError:
        source = Source(path)
    try:
        file = h5py.File(source, "r")
    except BaseException:
        source.close()
        raise
    weakref.finalize(file, source.close)
    return file


DAMAGE = (AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What reading raises where something is missing or not what it should be."""


def check_origin(file: h5py.File) -> None:
    """:class:`FileError` for a file of another program, or of a schema that is not known yet."""
    check_attributes(file)
    root = plain(file.attrs)
    if root.get("program") != PROGRAM:
        raise FileError(
            f"{file.filename} is an HDF5 file that was not written by {PROGRAM}", "result"
        )
    found = root.get("schema_version", 0)
    if not 1 <= found <= SCHEMA_VERSION:
        raise FileError(
            f"{file.filename} has schema version {found}; this program reads 1 to "
            f"{SCHEMA_VERSION}: upgrade it"
        )
