"""Tables of several blocks are kept on disk, and are the same bits from there."""

import numpy as np
import pytest

from orderparams.models.in_context import kept, tables

COARSE = (40, 0, False, True)
"""A table of two blocks that is made quickly: far out, up to small scores."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of kernels."""
    monkeypatch.setattr(kept, "cache_root", lambda: tmp_path)
    return tmp_path / kept.FOLDER


def made():
    """The table, from whatever is kept on disk."""
    tables.built.cache_clear()
    found = tables.built(*COARSE)
    return found.coefficients.tobytes() + found.alone.tobytes()


def test_the_same_bits_from_disk(folder, monkeypatch):
    """Oracle: the table as it is made without a folder; damaged files are made anew."""
    monkeypatch.setattr(kept, "cache_root", lambda: None)
    expected = made()
    monkeypatch.setattr(kept, "cache_root", lambda: folder.parent)
    assert made() == expected
    (path,) = folder.iterdir()
    content = path.read_bytes()
    monkeypatch.setattr(tables, "entries", None)  # nothing is made again
    assert made() == expected
    monkeypatch.undo()
    monkeypatch.setattr(kept, "cache_root", lambda: folder.parent)
    for damaged in (content[:-8], content[:-1] + bytes([content[-1] ^ 1]), b""):
        path.write_bytes(damaged)
        assert made() == expected
        assert path.read_bytes() == content
    tables.built.cache_clear()


def test_what_names_a_file(folder, monkeypatch):
    """Arguments, sources and processor."""
    names = {kept.path_of(tables.fill_row, (length, 0.5)) for length in (40, 41)}
    names.add(kept.path_of(tables.fill_row, (40, 0.5)))
    assert len(names) == 2
    monkeypatch.setattr(kept, "source_hash", lambda module: "other")
    names.add(kept.path_of(tables.fill_row, (40, 0.5)))
    monkeypatch.setattr("platform.libc_ver", lambda: ("glibc", "0.0"))
    names.add(kept.path_of(tables.fill_row, (40, 0.5)))
    assert len(names) == 4


def test_the_oldest_go(folder, monkeypatch):
    monkeypatch.setattr(kept, "MOST", 3)
    for length in range(5):
        kept.kept(tables.fill_row, (length,), lambda: np.ones(2))
    assert len(list(folder.iterdir())) == 3


def test_what_cannot_be_written_is_not_kept(folder):
    folder.write_text("a file stands in the way")
    found = kept.kept(tables.fill_row, (1,), lambda: np.ones(2))
    assert found.tolist() == [1.0, 1.0]
