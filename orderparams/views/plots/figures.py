"""Whole figures: of a claim's evidence, and of any file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from orderparams.errors import ConfigurationError, FileError
from orderparams.results.analysis import Analysis
from orderparams.results.evaluation import Evaluation
from orderparams.results.evidence import Evidence, Panel
from orderparams.results.files import open_result
from orderparams.results.scan import Scan
from orderparams.views.plots.courses import draw_trajectory, plot_courses, rows_of, size
from orderparams.views.plots.scans import plot_scan
from orderparams.views.plots.style import MARKERS, line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL_SIZE = (4.2, 3.4)
"""Inches of the curves of a claim."""


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


def plot_evidence(evidence: Evidence) -> Figure:
    """What a claim was read off: a run above, panels side by side below; either may be missing."""
    from matplotlib.figure import Figure

    panels, run = evidence.panels, evidence.trajectory
    if run is not None and not panels:
        return plot_courses(run)
    if not panels:
        raise FileError("there is nothing to plot: the claim rests on no run and on no curves")
    width, heights = PANEL_SIZE[0] * len(panels), [PANEL_SIZE[1]]
    if run is not None:
        of_run = size(rows_of(run.order_parameters, run.problem))
        width, heights = max(width, of_run[0]), [of_run[1], *heights]
    figure = Figure(figsize=(width, sum(heights)), layout="constrained")
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    if run is not None:
        draw_trajectory(parts[0], run)
    for axes, panel in zip(np.atleast_1d(parts[-1].subplots(1, len(panels))), panels, strict=True):
        draw_panel(axes, panel)
    return figure


def plot_file(path: Path, at: Mapping[str, str] | None = None, over: Sequence[str] = ()) -> Figure:
    """A result file: a scan, the curves of a claim, or order parameters and risk in time.

    ``at`` and ``over`` choose what is drawn of a scan: :func:`plot_scan`.
    """
    result = open_result(path)
    if isinstance(result, Scan):
        return plot_scan(result, at, over)
    if isinstance(result, Analysis):
        result = result.trajectory
    if at or over:
        raise ConfigurationError(f"values and axes are chosen of a scan, and {path} holds none")
    if isinstance(result, Evaluation):
        raise FileError(f"{path} holds an evaluation, one point; there is nothing to draw it over")
    return plot_evidence(result) if isinstance(result, Evidence) else plot_courses(result)
