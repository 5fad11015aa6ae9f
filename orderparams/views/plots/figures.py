"""Whole figures: of a claim's evidence, and of any file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from orderparams.errors import ConfigurationError
from orderparams.results.evidence import Evidence, Panel, read_panels
from orderparams.results.files import open_group, read
from orderparams.results.trajectory import Trajectory
from orderparams.views.plots.courses import draw_trajectory, plot_courses, width
from orderparams.views.plots.scans import plot_scan
from orderparams.views.plots.style import MARKERS, line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL_WIDTH = 4.2


def draw_panel(axes: Axes, panel: Panel) -> None:
    """The curves of a panel; points alone where the values have names."""
    for number, (name, values) in enumerate(panel.curves.items()):
        style = line_style(number)
        if panel.ticks:
            style["linestyle"] = "none"
        marker = MARKERS[number % len(MARKERS)]
        axes.plot(panel.values, values, marker=marker, markersize=4, label=name, **style)
    axes.set(
        xlabel=panel.axis_label,
        ylabel=panel.label,
        xscale=panel.scales[0],
        yscale=panel.scales[1],
    )
    if panel.ticks:
        axes.set_xticks(panel.values, panel.ticks, rotation=20, ha="right", fontsize=8)
        axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
        axes.margins(x=0.1)
    axes.legend(fontsize=8)


def plot(panels: Sequence[Panel], run: Trajectory | None) -> Figure:
    """A run above, panels side by side below; either may be missing."""
    from matplotlib.figure import Figure

    features = 0 if run is None else run.overlap.shape[2]
    size = max(PANEL_WIDTH * len(panels), width(features) if run is not None else 0.0)
    heights = [5.2] * (run is not None) + [3.4] * bool(panels)
    figure = Figure(figsize=(size, sum(heights)), layout="constrained")
    grid = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)
    rows = grid[:, 0]
    if run is not None:
        draw_trajectory(rows[0], run)
    if panels:
        grid = np.atleast_1d(rows[-1].subplots(1, len(panels)))
        for axes, panel in zip(grid, panels, strict=True):
            draw_panel(axes, panel)
    return figure


def plot_evidence(evidence: Evidence) -> Figure:
    """What a claim was read off."""
    return plot(evidence.panels, evidence.trajectory)


def plot_file(path: Path, at: Mapping[str, str] | None = None, over: Sequence[str] = ()) -> Figure:
    """A result file: a scan, the curves of a claim, or overlaps and risk in time.

    ``at`` and ``over`` choose what is drawn of a scan: :func:`plot_scan`.
    """
    with read(path) as file:
        scanned, panels = "scan" in file, read_panels(file)
        run = open_group(path, "trajectory") if panels and "trajectory" in file else None
    if scanned:
        return plot_scan(open_group(path, "scan"), at, over)
    if at or over:
        raise ConfigurationError(f"values and axes are chosen of a scan, and {path} holds none")
    return plot(panels, run) if panels else plot_courses(path)
