"""Tables of text: a column for each order parameter, or, as ``orderparams export`` writes them, a
row for each number."""

from __future__ import annotations

import csv
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

MOST_SHOWN = 20
"""Characters of a cell in a message."""


def read_table(text: str, place: str) -> Written:
    """The table in a text, whose first line has the names of the columns; :class:`FileError` if
    there is none."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise FileError(f"{place} is empty; data are a table with a line of names above")
    header = lines[0].removeprefix("#").strip()
    delimiter = next((sign for sign in DELIMITERS if sign in header), "")
    rows = (
        list(csv.reader([header, *lines[1:]], delimiter=delimiter))
        if delimiter
        else [line.split() for line in (header, *lines[1:])]
    )
    names = [name.strip() for name in rows[0]]
    if twice := [name for name in names if name and names.count(name) > 1]:
        raise FileError(f"{place} has two columns {twice[0]!r}; leave one out")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(names):
            raise FileError(
                f"{place}: line {number} has {len(row)} cells, and the first line names "
                f"{len(names)} columns"
            )
    cells = np.array(rows[1:], dtype=str).reshape(-1, len(names))
    return of_columns({name: cells[:, i] for i, name in enumerate(names) if name}, place)


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
    raise ConfigurationError(
        f"{place}: {name} has {str(cell)[:MOST_SHOWN]!r} in row {at + 1}, which is no number"
    )


def is_number(cell: object) -> bool:
    """Whether floating point has it."""
    try:
        float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True
