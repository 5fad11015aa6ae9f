"""Names of lines, in a strip of their own where no line can cross them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orderparams.views.plots.style import FULL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

MOST_COLUMNS = 8
BESIDE = {"columnspacing": 1.2, "handlelength": 2.2, "handletextpad": 0.5, "borderpad": 0.2}
"""Distances in a legend, in letters."""


def strip(figure: Figure | SubFigure, title: str = "") -> None:
    """One legend below all panels of a figure, but for those that have their own; what several
    panels name alike stands once."""
    entries: dict[str, Any] = {}
    for axes in (one for one in figure.axes if one.get_legend() is None):
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    if not entries:
        return
    counts = {-(-len(entries) // rows) for rows in range(1, len(entries) + 1)}
    for columns in sorted((count for count in counts if count <= MOST_COLUMNS), reverse=True):
        legend = figure.legend(
            entries.values(),
            entries.keys(),
            loc="outside lower center",
            ncols=columns,
            title=title or None,
            **BESIDE,
        )
        if legend.get_window_extent().width <= FULL * figure.bbox.width or columns == 1:
            return
        legend.remove()


def above(axes: Axes) -> None:
    """The names of a panel whose lines are its own, above it."""
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return
    legend = axes.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=1 if max(map(len, labels)) > SHORT else min(len(labels), 2),
        **BESIDE,
    )
    if title := axes.get_title():
        height = legend.get_window_extent().height * POINTS / axes.figure.dpi
        axes.set_title(title, pad=height + GAP)


POINTS, GAP = 72, 9
"""Points of an inch; those between a legend and the title above it."""

SHORT = 16
"""Letters of names of which two stand beside each other above a panel."""
