"""Rows of panels begin at one place; each is laid out by itself, with room for its own labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure


def align(figure: Figure) -> None:
    """Move the left ends of all rows to the one that is farthest to the right; the right ends stay.

    Bars of colours, which have no place in a grid, move with the panels beside them.
    """
    parts: list[Figure | SubFigure] = [figure, *figure.subfigs]
    for part in parts:
        rows = rows_of(part)
        ends = {row: sides(panels) for row, panels in rows.items()}
        start = max((left for left, _ in ends.values()), default=0.0)
        for row, panels in rows.items():
            left, right = ends[row]
            for panel in panels:
                x0, y0, width, height = panel.get_position().bounds
                scale = (right - start) / (right - left)
                panel.set_position((start + scale * (x0 - left), y0, scale * width, height))


def sides(panels: Sequence[Any]) -> tuple[float, float]:
    """Where a row begins and ends."""
    spans = [panel.get_position().intervalx for panel in panels]
    return min(x0 for x0, _ in spans), max(x1 for _, x1 in spans)


def rows_of(part: Figure | SubFigure) -> dict[int, list[Any]]:
    """The panels of each row of the outermost grid."""
    rows: dict[int, list[Any]] = {}
    own = [axes for axes in part.axes if axes.figure is part]
    for axes in own:
        if (spec := axes.get_subplotspec()) is not None:
            rows.setdefault(spec.get_topmost_subplotspec().rowspan.start, []).append(axes)
    for axes in own:
        if axes.get_subplotspec() is None:
            beside = [row for row, panels in rows.items() if level(axes, panels)]
            if len(beside) == 1:
                rows[beside[0]].append(axes)
    return rows


def level(axes: Any, panels: Sequence[Any]) -> bool:
    """Whether some panel stands at the height of these axes, in part."""
    low, high = axes.get_position().intervaly
    heights = [panel.get_position().intervaly for panel in panels]
    return any(low < top and bottom < high for bottom, top in heights)
