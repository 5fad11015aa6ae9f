"""Where panels stand: rows that are wrapped to the width of a figure, which is that of a column of
a journal or of its page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from orderparams.errors import ConfigurationError
from orderparams.views.plots.request import Request
from orderparams.views.plots.style import headline

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

WIDTHS = {"column": 3.4, "page": 7.0}
"""Inches."""

SMALLEST, LARGEST = 1.0, 60.0
"""Inches of a figure that is asked for."""

LEAST = 1.6
"""Inches that a panel is wide at least, where there is room for more than one."""

MOST = 4
"""Panels beside each other."""


class Row(NamedTuple):
    """Panels beside each other: their relative widths, the height of each line and the least width
    of a panel in inches."""

    ratios: tuple[float, ...]
    height: float
    least: float = LEAST

    def columns(self, width: float) -> int:
        """Panels in a line of a figure of this width: as even as can be, each wide enough."""
        count = len(self.ratios)
        if len(set(self.ratios)) > 1:
            return count if width * min(self.ratios) / sum(self.ratios) >= self.least else 1
        most = max(1, min(MOST, int(width / self.least)))
        return -(-count // -(-count // most))

    def lines(self, width: float) -> int:
        """Lines that the panels take."""
        return -(-len(self.ratios) // self.columns(width))


def parse_size(text: str) -> tuple[float, float | None]:
    """Width and height in inches of ``column``, ``page`` or ``W,H``; :class:`ConfigurationError`
    for what is none of them."""
    if text in WIDTHS:
        return WIDTHS[text], None
    try:
        width, height = map(float, text.split(","))
        if all(SMALLEST <= side <= LARGEST for side in (width, height)):
            return width, height
    except ValueError:
        pass
    raise ConfigurationError(
        f"{text!r} is no size; it is column ({WIDTHS['column']:g} in wide), page "
        f"({WIDTHS['page']:g} in) or width and height in inches from {SMALLEST:g} to {LARGEST:g}, "
        "such as 5,4"
    )


def width_of(rows: Sequence[Row], request: Request) -> float:
    """The width asked for, or that of a column where no panels stand beside each other, else that
    of a page."""
    if request.size is not None:
        return request.size[0]
    return WIDTHS["page" if any(len(row.ratios) > 1 for row in rows) else "column"]


def height_of(rows: Sequence[Row], width: float) -> float:
    """Inches that the rows need."""
    return sum(row.height * row.lines(width) for row in rows)


def blank(rows: Sequence[Row], request: Request) -> Figure:
    """An empty figure for these rows. It grows by heading and legend where it is :func:`fitted`."""
    from matplotlib.figure import Figure

    width = width_of(rows, request)
    return Figure(figsize=(width, height_of(rows, width)), layout="constrained")


def fitted(figure: Figure, request: Request) -> Figure:
    """A figure as high as was asked for, or as its panels, heading and legend need."""
    width, height = figure.get_size_inches()
    if request.size is not None and request.size[1] is not None:
        height = request.size[1]
    else:
        for part in (figure, *figure.subfigs):
            texts = (*part.legends, headline(part))
            height += sum(text.get_window_extent().height for text in texts if text) / figure.dpi
    figure.set_size_inches(width, height)
    return figure


def place(figure: Figure | SubFigure, rows: Sequence[Row]) -> list[list[Any]]:
    """Where each panel of each row stands, as matplotlib's add_subplot takes it."""
    width = figure.bbox.width / figure.dpi
    lines = [row.lines(width) for row in rows]
    heights = [row.height * count for row, count in zip(rows, lines, strict=True)]
    grid = figure.add_gridspec(len(rows), 1, height_ratios=heights)
    found = []
    for number, (row, count) in enumerate(zip(rows, lines, strict=True)):
        columns = row.columns(width)
        ratios = row.ratios if columns == len(row.ratios) else None
        cells = grid[number].subgridspec(count, columns, width_ratios=ratios)
        found.append([cells[divmod(i, columns)] for i in range(len(row.ratios))])
    return found
