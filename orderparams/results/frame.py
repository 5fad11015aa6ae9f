"""Results as pandas' data frames: a column for every entry, or a row for every number."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from orderparams.errors import ConfigurationError
from orderparams.storage.tree import Tree

if TYPE_CHECKING:
    import pandas

Axes = tuple[str, ...]


def library() -> Any:
    """pandas; :class:`~orderparams.errors.ConfigurationError` without it."""
    try:
        import pandas
    except ImportError:
        raise ConfigurationError(
            "to_dataframe needs pandas, which is not installed; "
            "pip install 'orderparams[pandas]' installs it"
        ) from None
    return pandas


def common_axes(tree: Tree) -> Axes:
    """The axes that all variables of a group begin with."""
    axes = zip(*(variable.axes for variable, _ in tree.variables.values()), strict=False)
    return tuple(same[0] for same in itertools.takewhile(lambda one: len({*one}) == 1, axes))


def scales(tree: Tree) -> dict[str, list[Any]]:
    """The values along each axis."""
    return {axis: tree.scale(axis, size)[1].tolist() for axis, size in tree.sizes.items()}


def wide(tree: Tree, along: Axes) -> pandas.DataFrame:
    """A row for each entry of the axes ``along``, and what runs along them in columns.

    Further axes are told by the names, ``overlap_1_2``: that of the variable and its place.
    """
    pandas, values_of = library(), scales(tree)
    rows = math.prod(len(values_of[axis]) for axis in along)
    columns: dict[str, Any] = {}
    for name, (variable, values) in tree.variables.items():
        if variable.axes[: len(along)] == along:
            places = itertools.product(*(values_of[axis] for axis in variable.axes[len(along) :]))
            names = ["_".join(map(str, (name, *place))) for place in places]
            table = np.asarray(values).reshape(rows, len(names))
            columns |= dict(zip(names, table.T, strict=True))
    index = None
    if along:
        of_axes = [values_of[axis] for axis in along]
        index = pandas.MultiIndex.from_product(of_axes, names=along)
        index = index.get_level_values(0) if len(along) == 1 else index
    return pandas.DataFrame(columns, index=index)


def tidy(tree: Tree) -> pandas.DataFrame:
    """A row for each number: where it stands, its ``variable``, its ``value``.

    Columns and rows are those of the group in a CSV file of ``orderparams export``.
    """
    pandas, places = library(), scales(tree)
    named = str(tree.attributes.get("coordinates", "")).split()
    arrays = {
        name: (variable.axes, np.asarray(values))
        for name, (variable, values) in tree.variables.items()
    }
    labels = {
        name: (axes, values)
        for name, (axes, values) in arrays.items()
        if values.dtype.kind in "OU" or name in named
    }
    numbers = {name: v for name, v in tree.attributes.items() if not isinstance(v, str)}
    parts = [pandas.DataFrame({"variable": list(numbers), "value": list(numbers.values())})]
    for name, (axes, values) in arrays.items():
        if name in labels:
            continue
        where = dict(
            zip(axes, np.indices(values.shape).reshape(len(axes), values.size), strict=True)
        )
        cells = {axis: np.asarray(places[axis])[where[axis]] for axis in axes}
        for label, (own, texts) in labels.items():
            if {*own} <= {*axes}:
                cells[label] = texts[tuple(where[axis] for axis in own)]
        parts.append(pandas.DataFrame(cells | {"variable": name, "value": values.ravel()}))
    found = pandas.concat(parts, ignore_index=True)
    cells = places | {name: texts.tolist() for name, (_, texts) in labels.items()}
    whole = {name: "Int64" for name, known in cells.items() if known and isinstance(known[0], int)}
    return found[[*cells, "variable", "value"]].astype(whole)
