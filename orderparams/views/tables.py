"""Order parameters in tables: a row an entry of their first axis, columns named by symbols."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from orderparams.models.parameters import OrderParameter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from orderparams.results.fluctuations import Fluctuations

    Array = NDArray[np.float64]

T = TypeVar("T")

WIDTH = 80
MOST_ROWS = 24
CELL = 9
"""Columns of the screen that a number takes with the blank before it, at least."""

NOTHING, SMALL = 1e-6, 1e-4
"""Parts of the largest number of a table that are zero beside it, and the least of the largest
numbers in columns that have decimals alone."""

LONG = 1e5
"""Numbers from which on decimals are of no use."""

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def subscript(number: int) -> str:
    """A number as an index."""
    return str(number).translate(SUBSCRIPTS)


@dataclass(frozen=True, eq=False)
class Column:
    """The lines (…, N) of an order parameter in one of its panels, None if it has a single one."""

    parameter: OrderParameter
    panel: int | None
    values: Array

    @property
    def name(self) -> str:
        """As the screen writes it, such as m_1."""
        return self.named(self.parameter.symbol, lambda number: f"_{number}")

    @property
    def sign(self) -> str:
        """As pages write it, such as m₁."""
        return self.named(self.parameter.sign, subscript)

    def named(self, symbol: str, index: Callable[[int], str]) -> str:
        """A symbol with the index of the panel, or the name that the panel has."""
        if self.panel is None:
            return symbol
        names = self.parameter.axes[1].names
        return names[self.panel] if names else symbol + index(self.panel + 1)


def tables(
    parameters: Iterable[OrderParameter], state: Mapping[str, Any]
) -> dict[str, list[list[Column]]]:
    """By what a row is, such as a head: the columns of each order parameter (…, own axes). Single
    numbers stand in one row without a name."""
    found: dict[str, list[list[Column]]] = {}
    for parameter in parameters:
        if parameter.name in state:
            values = parameter.lines(state[parameter.name])
            panels = range(values.shape[-1]) if parameter.crossed else (None,)
            columns = [Column(parameter, panel, values[..., panel or 0]) for panel in panels]
            word = parameter.axes[0].word if parameter.axes else ""
            found.setdefault(word, []).append(columns)
    return found


def state_table(
    parameters: Iterable[OrderParameter],
    state: Mapping[str, Any],
    all_of_it: str = "the file has all",
    along: Mapping[str, Sequence[Any]] = MappingProxyType({}),
    decimals: Mapping[str, int] = MappingProxyType({}),
) -> list[str]:
    """Order parameters for a screen; where not all of them fit, ``all_of_it`` says what has all.
    Rows are counted, or named by the values ``along`` an axis. Those that are not exact have
    ``decimals`` at most."""
    lines = []
    for word, groups in tables(parameters, state).items():
        lines += screen_table(word, groups, all_of_it, along.get(word, ()), decimals)
    return lines


def screen_table(
    word: str,
    groups: Sequence[Sequence[Column]],
    all_of_it: str,
    names: Sequence[Any] = (),
    decimals: Mapping[str, int] = MappingProxyType({}),
) -> list[str]:
    """One table. Of many columns those go first of which an order parameter has most."""
    import numpy as np

    rows = len(groups[0][0].values)
    numbers = [np.array([column.values for column in group]) for group in groups]
    scale = max(map(size, numbers))
    most = [decimals.get(group[0].parameter.name) for group in groups]
    forms = [
        limited(style(values, scale), limit) for values, limit in zip(numbers, most, strict=True)
    ]
    texts = [
        [cells(column, form) for column in group] for group, form in zip(groups, forms, strict=True)
    ]
    longest = max(len(text) for group in texts for column in group for text in column)
    width = max(CELL, longest + 1)
    first = max(len(word), *(len(str(name)) for name in (*names, "")))
    shown = fitting(texts, (WIDTH - 2 - first) // width)
    lines = []
    for i, row in enumerate(zip(*(column for group in shown for column in group), strict=True)):
        label = f"{names[i - 1] if names else i}" if i and word else word
        lines.append(f"  {label:>{first}}" + "".join(f"{text:>{width}}" for text in row))
    missing = [through(f"{word} {MOST_ROWS + 1}", f"{rows}")] if rows > MOST_ROWS else []
    for group, kept in zip(groups, shown, strict=True):
        if len(kept) < len(group):
            missing.append(through(group[len(kept)].name, group[-1].name))
    return [*lines, f"  (without {', '.join(missing)}; {all_of_it})"] if missing else lines


def cells(column: Column, form: str) -> list[str]:
    """A column of a screen with its name."""
    texts = (f"{value:z{form}}" if value or "e" not in form else "0" for value in column.values)
    return [column.name, *itertools.islice(texts, MOST_ROWS)]


def through(first: str, last: str) -> str:
    """A range in words."""
    return first if first.endswith(last) else f"{first} to {last}"


def aligned(
    columns: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[str] = ()
) -> list[str]:
    """Texts in columns of the screen, to the right of each but of those that are named."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    sides = ["<" if column in left else ">" for column in columns]
    return [
        "  " + "  ".join(map(format, row, map("{}{}".format, sides, widths))).rstrip()
        for row in (columns, *rows)
    ]


def page_tables(
    parameters: Iterable[OrderParameter],
    state: Mapping[str, Any],
    along: Mapping[str, Sequence[Any]] = MappingProxyType({}),
    decimals: Mapping[str, int] = MappingProxyType({}),
) -> list[tuple[list[str], list[list[str]]]]:
    """Order parameters for a page: columns and rows of a table for each kind of row, which are
    counted, or named by the values ``along`` an axis. Those that are not exact have ``decimals`` at
    most."""
    found = []
    for word, groups in tables(parameters, state).items():
        columns = [column for group in groups for column in group]
        rows = [
            [f"{along[word][i] if word in along else i + 1}"] * bool(word)
            + [known(float(one.values[i]), decimals.get(one.parameter.name)) for one in columns]
            for i in range(len(columns[0].values))
        ]
        found.append(([word] * bool(word) + [one.sign for one in columns], rows))
    return found


def known(value: float, most: int | None = None) -> str:
    """A number with four decimals, or at most so many; nothing where there is none."""
    return f"{value:z{limited('.4f', most)}}" if math.isfinite(value) else ""


def limited(form: str, most: int | None) -> str:
    """A format with so many decimals at most; one with a power of ten has few as it is."""
    if most is None or not form.endswith("f"):
        return form
    return f".{min(most, int(form[1:-1]))}f"


def fitting(groups: Sequence[Sequence[T]], room: int) -> list[Sequence[T]]:
    """At most so many columns, at least one a group."""
    kept = list(groups)
    while sum(map(len, kept)) > room and max(map(len, kept)) > 1:
        longest = max(range(len(kept)), key=lambda i: len(kept[i]))
        kept[longest] = kept[longest][:-1]
    return kept


def style(values: Array, scale: float) -> str:
    """A format in which the largest of some numbers can be read, and which leaves a blank beside
    it, with a power of ten where decimals would be too many; what is nothing beside the ``scale``
    of the table is zero."""
    largest = size(values)
    if largest <= NOTHING * scale or 0.01 <= largest < 99.99:
        return ".4f"
    if SMALL <= largest < 0.01:
        return ".5f" if largest >= 10 * SMALL else ".6f"
    return ".2f" if 99.99 <= largest < 9999.99 else ".1e"


def size(values: Array) -> float:
    """The largest of the numbers that are finite, without their signs."""
    import numpy as np

    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def decimals(value: float) -> str:
    """The format of a shift or deviation over D, which may be of any size."""
    return ".4f" if abs(value) < LONG else ".3e"


def fluctuation_table(found: Fluctuations) -> list[str]:
    """Mean and standard deviation of SGD around the flow at the end, for a screen."""
    import numpy as np

    width = max(map(len, found.parameter))
    lines = ["  SGD in dimension D: flow, shift and standard deviation at the end"]
    rows = zip(
        found.parameter, found.flow[-1], found.shift[-1], found.deviations(1.0)[-1], strict=True
    )
    for name, flow, shift, deviation in itertools.islice(rows, MOST_ROWS):
        mean = "" if np.isnan(shift) else f" {shift:+9{decimals(shift)}}/D"
        lines.append(f"  {name:>{width}} {flow:9.4f}{mean} ± {deviation:{decimals(deviation)}}/√D")
    if (more := len(found.parameter) - MOST_ROWS) > 0:
        lines.append(f"  and {more} more; the file has all")
    least = found.least_dimension.max()
    return [*lines, f"  linear theory holds to the end for D >= {least:.3g}"]
