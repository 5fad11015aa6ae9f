"""The evidence of a claim: the run and the curves that it was read off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderparams.errors import FileError
from orderparams.results.evidence import Evidence, Panel
from orderparams.views.plots import legends
from orderparams.views.plots.courses import courses_of, draw_courses, plot_courses
from orderparams.views.plots.layout import Row, blank, fitted, height_of, place, width_of
from orderparams.views.plots.request import PLAIN, Request
from orderparams.views.plots.style import MARKERS, faint, heading, line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

PANEL_HEIGHT = 2.6
"""Inches of the curves of a claim."""


def draw_panel(axes: Axes, panel: Panel) -> None:
    """The curves of a panel; points alone where the values have names."""
    for number, (name, values) in enumerate(panel.curves.items()):
        style = line_style(number)
        if panel.ticks:
            style["linestyle"] = "none"
        marker, size = MARKERS[number % len(MARKERS)], max(2.5, 4.5 - 0.5 * number)
        axes.plot(panel.values, values, marker=marker, markersize=size, label=name, **style)
    axes.set(
        xlabel=panel.axis_label,
        ylabel=panel.label,
        xscale=panel.scales[0],
        yscale=panel.scales[1],
    )
    if panel.ticks:
        axes.set_xticks(panel.values, panel.ticks, rotation=20, ha="right")
        axes.axhline(0, color=faint(), linewidth=0.8, zorder=0)
        axes.margins(x=0.1)
    legends.above(axes)


def plot_evidence(evidence: Evidence, request: Request = PLAIN) -> Figure:
    """What a claim was read off: a run above, panels side by side below; either may be missing."""
    panels, run = evidence.panels, evidence.trajectory
    if run is not None and not panels:
        return plot_courses(run, request=request)
    if not panels:
        raise FileError("there is nothing to plot: the claim rests on no run and on no curves")
    below = [Row((1.0,) * len(panels), PANEL_HEIGHT)]
    if run is None:
        figure = blank(below, request)
        part: Figure | SubFigure = figure
        if request.title:
            heading(figure, evidence.problem, title=request.title)
    else:
        drawn = courses_of([run], request)
        figure = blank([*drawn.layout, *below], request)
        width = width_of([*drawn.layout, *below], request)
        heights = [height_of(rows, width) for rows in (drawn.layout, below)]
        upper, part = figure.subfigures(2, 1, height_ratios=heights, squeeze=False)[:, 0]
        draw_courses(upper, drawn)
    for spot, panel in zip(place(part, below)[0], panels, strict=True):
        draw_panel(part.add_subplot(spot), panel)
    return fitted(figure, request)
