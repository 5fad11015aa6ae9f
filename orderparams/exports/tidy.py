"""CSV, tidy: every number has a row of its own, which says what it is and where it stands."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from orderparams.storage.groups import File, Group, Stored, groups

Rows = tuple[str, list[Any], dict[str, list[Any]]]
"""Name of a variable, some of its values, and the cells of the columns that it has."""


def write_csv(file: File, path: Path) -> None:
    """Columns: ``path`` of the group, its axes and labels, ``variable`` and ``value``.

    Cells of axes that a variable does not have are empty. Numbers among the attributes of a group,
    such as ``bayes_risk``, have a row without axes. What the points of a scan store has the varied
    values of its point in their columns. All numbers are read back to the same bits.
    """
    keys = list(dict.fromkeys(key for group in groups(file) for key in columns(group)))
    points: dict[str, dict[str, Any]] = {}
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["path", *keys, "variable", "value"])
        for group in groups(file):
            if "group" in group.variables:
                points = varied(group)
            constant = points.get(group.path.rsplit("/", 1)[0], {})
            for variable, values, cells in rows(group):
                given = (cells.get(key, repeat(constant.get(key, ""))) for key in keys)
                writer.writerows(
                    zip(repeat(group.path), *given, repeat(variable), values, strict=False)
                )


def varied(scan: Group) -> dict[str, dict[str, Any]]:
    """The values of the varied keys at each point of a scan, by the path of the point's group."""
    paths = scan.variables["group"]
    places = np.unravel_index(np.arange(paths.read().size), paths.shape)
    where = dict(zip(paths.axes, places, strict=True))
    cells = {
        name: array.read()[where[array.axes[0]]].tolist()
        for name, array in scan.arrays.items()
        if "key" in array.attributes
    }
    rows = zip(*cells.values(), strict=True)
    return {
        path: dict(zip(cells, row, strict=True))
        for path, row in zip(paths.read().ravel(), rows, strict=True)
    }


def columns(group: Group) -> dict[str, Stored]:
    """Axes, and labels along them: texts, and the coordinates of points."""
    labels = {
        name: variable
        for name, variable in group.variables.items()
        if variable.text or name in group.coordinates
    }
    return {**group.scales, **labels}


def rows(group: Group) -> Iterator[Rows]:
    """All rows of a group."""
    if group.variables:
        for name, value in group.attributes.items():
            if not isinstance(value, str):
                yield name, [value], {}
    known = {name: (array.axes, array.read()) for name, array in columns(group).items()}
    for name, variable in group.variables.items():
        if name not in known:
            axes = variable.axes
            beside = {key: column for key, column in known.items() if {*column[0]} <= {*axes}}
            first = 0
            for piece in variable.pieces():
                numbers = np.arange(first, first := first + len(piece))
                places = np.unravel_index(numbers, variable.shape or (1,))
                where = dict(zip(axes, places, strict=bool(axes)))
                cells = {
                    key: values[tuple(where[axis] for axis in own)].tolist()
                    for key, (own, values) in beside.items()
                }
                yield name, piece.tolist(), cells
