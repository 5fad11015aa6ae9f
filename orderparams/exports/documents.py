"""JSON: one document, with an entry for the path of every group."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from orderparams.storage.groups import File, Selection, Stored, groups, rows_at_once

INFINITY = "1e999"
"""A number that every reader rounds to infinity."""


def write_json(file: File, path: Path) -> None:
    """``{"/trajectory": {"attributes": …, "variables": {"risk": {"axes": …, "values": …}}}}``.

    Values are nested lists, a level an axis; numbers are read back to the same bits.
    """
    with path.open("w", encoding="utf-8") as stream:
        for number, group in enumerate(groups(file)):
            stream.write(",\n" if number else "{\n")
            stream.write(f'{json_text(group.path)}: {{"attributes": ')
            stream.write(f'{json_text(group.attributes)}, "variables": {{')
            for count, (name, array) in enumerate(group.arrays.items()):
                entry = json_text(array.description).removesuffix("}")
                stream.write(",\n" if count else "\n")
                stream.write(f'{json_text(name)}: {entry}, "values": ')
                write_values(array, stream)
                stream.write("}")
            stream.write("}}")
        stream.write("\n}\n")


def write_values(array: Stored, stream: TextIO, outer: Selection = ()) -> None:
    """Nested lists of the values, or of those at some ``outer`` indices, piece by piece."""
    shape = array.shape[len(outer) :]
    if not shape:
        stream.write(dumped(array, outer))
        return
    stream.write("[")
    if step := rows_at_once(shape):
        for start in range(0, shape[0], step):
            piece = dumped(array, (*outer, slice(start, start + step)))
            stream.write("," * (start > 0) + piece[1:-1])
    else:
        for i in range(shape[0]):
            stream.write("," * (i > 0))
            write_values(array, stream, (*outer, i))
    stream.write("]")


def dumped(array: Stored, selection: Selection) -> str:
    """A part of the values as JSON."""
    values = json.dumps(array.read(selection).tolist(), separators=(",", ":"))
    return values if array.text else without_nan(values)


def json_text(value: Any) -> str:
    """A text, a number, a tuple of names, or a table of such as JSON."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json_text(k)}: {json_text(v)}" for k, v in value.items()) + "}"
    known = json.dumps(value)
    return known if isinstance(value, str | tuple) else without_nan(known)


def without_nan(numbers: str) -> str:
    """JSON knows only finite numbers: NaN becomes null."""
    return numbers.replace("NaN", "null").replace("Infinity", INFINITY)
