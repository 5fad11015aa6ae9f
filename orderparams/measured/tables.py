"""Tables of text: a column for each order parameter, or, as ``orderparams export`` writes them, a
row for each number."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError, FileError
from orderparams.measured.written import Written
from orderparams.models import registry
from orderparams.results import schema

Columns = dict[str, NDArray[Any]]

DELIMITERS = ";\t,"
GROUP = "/simulation"
TIDY = {"variable", "value"}
"""Columns of a table that has a row for each number."""

COMMA = re.compile(r"[+-]?[\d,]*\d,\d[\d.]*(e[+-]?\d+)?", re.IGNORECASE)
"""A number with a comma in it."""

MOST_SHOWN = 20
"""Characters of a cell in a message."""


def read_table(text: str, place: str) -> Written:
    """The table in a text, a line with the names of the columns above it; :class:`FileError` if
    there is none. Lines that begin with # are comments, but for the last above a table that has no
    other names."""
    numbered = [(at, line) for at, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not numbered:
        raise FileError(f"{place} is empty; data are a table with a line of names above")
    body = [(at, line) for at, line in numbered if not line.lstrip().startswith("#")]
    above = [line for at, line in numbered if not body or at < body[0][0]]
    if above and (not body or has_numbers(body[0][1])):
        header = above[-1].strip().removeprefix("#").strip()
    else:
        header = body.pop(0)[1].strip()
    if has_numbers(header):
        raise FileError(
            f"{place} begins with numbers, {shortened(header)}: it has no line of names above, "
            "such as step,m_1_1,q_1_1"
        )
    delimiter = delimiter_of(header)
    names = cells_of(header, delimiter)
    if twice := [name for name in names if name and names.count(name) > 1]:
        raise FileError(f"{place} has two columns {twice[0]!r}; leave one out")
    if len(names) == 1:
        raise FileError(
            f"{place} has one column only, {shortened(header)!r}; columns are parted by commas, "
            "semicolons, tabs or blanks"
        )
    if not body:
        raise FileError(f"{place} has a line of names and no numbers below it")
    rows = [(at, cells_of(line, delimiter)) for at, line in body]
    for at, row in rows:
        if len(row) != len(names):
            commas = delimiter == "," and len(row) >= 2 * len(names) - 1
            raise FileError(
                f"{place}: line {at} has {len(row)} cells, and the line of names has {len(names)}"
                + "; decimals are written with a point, not with a comma" * commas
            )
    cells = np.array([row for _, row in rows], dtype=str)
    return of_columns({name: cells[:, i] for i, name in enumerate(names) if name}, place)


def has_numbers(line: str) -> bool:
    """Whether a line has numbers in its cells, and not names."""
    cells = [cell for cell in cells_of(line, delimiter_of(line)) if cell]
    return any(map(str.isdigit, line)) and not any(map(named, cells))


def named(cell: str) -> bool:
    """Whether a cell begins as a name does, and is no number such as nan."""
    return cell[0].isalpha() and not is_number(cell)


def delimiter_of(line: str) -> str:
    """What parts the cells of a line; "" for blanks."""
    return next((sign for sign in DELIMITERS if sign in line), "")


def cells_of(line: str, delimiter: str) -> list[str]:
    """The cells of a line."""
    if not delimiter:
        return line.split()
    (row,) = csv.reader([line], delimiter=delimiter)
    return [cell.strip() for cell in row]


def shortened(text: str) -> str:
    """As much of a text as a message has room for."""
    return text if len(text) <= 2 * MOST_SHOWN else f"{text[: 2 * MOST_SHOWN]}…"


def of_columns(columns: Columns, place: str) -> Written:
    """Columns (N,) of texts or numbers, in either form."""
    if {*columns} >= TIDY:
        return of_numbers(columns, place)
    known = columns.get("dimension")
    return Written(place, columns, None if known is None else dimension_in(known, place))


def dimension_in(cells: NDArray[Any], place: str) -> int:
    """The dimension that data say, once or in every row."""
    values = set(numbers(cells, "dimension", place).ravel().tolist())
    if len(values) != 1 or not (value := values.pop()) >= 1 or value % 1:
        raise ConfigurationError(f"{place}: dimension is to be one whole number from 1 on")
    return int(value)


def of_numbers(columns: Columns, place: str) -> Written:
    """Arrays of replicas in time from a row for each number."""
    if "path" in columns:
        own = columns["path"] == GROUP
        if not own.any():
            held = ", ".join(sorted(set(columns["path"].tolist())))
            raise ConfigurationError(
                f"{place} holds no simulation; it has {held}", "make", command="simulate"
            )
        columns = {name: values[own] for name, values in columns.items()}
    arrays: Columns = {}
    dimension = None
    for variable in dict.fromkeys(columns["variable"].tolist()):
        chosen = columns["variable"] == variable
        rows = {name: values[chosen] for name, values in columns.items()}
        if variable == "dimension":
            dimension = dimension_in(rows["value"], place)
        elif axes := axes_of(variable, rows):
            arrays |= array_of(variable, axes, rows, place)
    return Written(place, arrays, dimension)


def axes_of(variable: str, rows: Mapping[str, NDArray[Any]]) -> Sequence[str]:
    """The axes that replicas have of what is called so in some model, those of the rows."""
    for model in registry.names():
        known = schema.replicas(model).get(variable)
        if known is not None and all(axis in rows and filled(rows[axis]) for axis in known.axes):
            return known.axes
    return ()


def filled(cells: NDArray[Any]) -> bool:
    """Whether there is something in the first cell."""
    return str(cells[0]) not in ("", "nan", "<NA>")


def array_of(
    variable: str, axes: Sequence[str], rows: Mapping[str, NDArray[Any]], place: str
) -> Columns:
    """The array (R, T, …) of a variable, and the times (T,)."""
    where, scales = [], {}
    for axis in axes:
        scales[axis], index = np.unique(numbers(rows[axis], axis, place), return_inverse=True)
        where.append(index)
    found = np.full(tuple(len(scale) for scale in scales.values()), np.nan)
    found[tuple(where)] = numbers(rows["value"], variable, place)
    return {"time": scales["time"], variable: found}


def numbers(cells: NDArray[Any], name: str, place: str) -> NDArray[np.float64]:
    """Cells as numbers; :class:`ConfigurationError` for what is none."""
    if np.asarray(cells).dtype.kind in "cmM":
        raise ConfigurationError(f"{place}: {name} is of the type {cells.dtype}; give real numbers")
    try:
        return np.asarray(cells).astype(np.float64)
    except (TypeError, ValueError):
        at, cell = next((i, cell) for i, cell in enumerate(cells.ravel()) if not is_number(cell))
    if not str(cell).strip():
        raise ConfigurationError(
            f"{place}: {name} has an empty cell in row {at + 1}; leave out times that were not "
            "measured"
        )
    comma = COMMA.fullmatch(str(cell).strip())
    raise ConfigurationError(
        f"{place}: {name} has {str(cell)[:MOST_SHOWN]!r} in row {at + 1}, which is no number"
        + "; decimals are written with a point, and thousands without a comma" * bool(comma)
    )


def is_number(cell: object) -> bool:
    """Whether floating point has it."""
    try:
        float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True
