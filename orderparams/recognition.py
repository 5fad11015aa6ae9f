"""What a file is, by what stands in it: for messages about files that are not what is needed."""

from __future__ import annotations

import os
from pathlib import Path

EMPTY = "empty"
FOLDER = "a folder"
PIPE = "a pipe or a device"
TABLE = "a configuration"
TEXT = "a text"
HDF5 = "an HDF5 file"

MAGIC = {
    b"\x89HDF\r\n\x1a\n": HDF5,
    b"\x89PNG\r\n\x1a\n": "a PNG picture",
    b"%PDF": "a PDF document",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"PK\x03\x04": "a ZIP archive",
    b"PK\x05\x06": "a ZIP archive",
    b"\x93NUMPY": "a NumPy array",
    b"CDF": "a netCDF file of the classic format",
    b"\x1f\x8b": "a file compressed by gzip",
    b"BZh": "a file compressed by bzip2",
    b"\xfd7zXZ": "a file compressed by xz",
    b"\x28\xb5\x2f\xfd": "a file compressed by zstd",
    b"\x7fELF": "a program",
    b"MATLAB": "a MATLAB file",
    b"\x80\x04\x95": "a Python pickle",
    b"\x80\x05\x95": "a Python pickle",
    b"SQLite format 3": "an SQLite database",
    b"\xff\xfe": "a text in UTF-16",
    b"\xfe\xff": "a text in UTF-16",
}
"""Kinds by the bytes with which their files begin."""

ENDINGS = {".csv": "a CSV table", ".json": "a JSON document", ".py": "a Python program"}
"""Kinds of texts by the ends of their names."""

HEAD = 65536


def kind_of(path: Path) -> str:
    """A file in words that follow "is"; OSError if it cannot be read."""
    if path.is_dir():
        return FOLDER
    if path.exists() and not path.is_file():
        return PIPE  # to look into it could wait forever, and takes away what is seen
    with path.open("rb") as file:
        return kind_of_content(file.read(HEAD), path.suffix.lower())


def kind_of_content(content: bytes, suffix: str) -> str:
    """The same of what a file begins with, and the end of its name."""
    head = content[:HEAD]
    if not head:
        return EMPTY
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            return "an NPZ archive" if kind == "a ZIP archive" and suffix == ".npz" else kind
    if b"\0" in head:
        return "not a text file" if head.strip(b"\0") else "nothing but zeros"
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < HEAD - 4:
            return "not a text file in UTF-8"
        text = head.decode("utf-8-sig", "ignore")
    return kind_of_text(text, suffix)


def kind_of_text(text: str, suffix: str) -> str:
    """The same of a text."""
    import tomllib

    start = text.lstrip()[:200].lower()
    if start.startswith("<"):
        marks = {"<svg": "an SVG picture", "<html": "an HTML page"}
        begins = text[:2000].lower()
        return next((kind for mark, kind in marks.items() if mark in begins), "an XML document")
    if suffix == ".toml":
        return TABLE
    if suffix in ENDINGS:
        return ENDINGS[suffix]
    try:
        tomllib.loads(text)
    except (ValueError, RecursionError):
        return "a JSON document" if start.startswith("{") else TEXT
    return TABLE


def neighbours(path: Path, *suffixes: str) -> list[str]:
    """Files in the folder of a path that have one of these endings, written as the path is."""
    try:
        names = sorted(os.listdir(path.parent))
    except OSError:
        return []
    found = [path.parent / name for name in names if name.endswith(suffixes)]
    return [str(file) for file in found if file.exists()]
