"""Whole figures: of a claim's evidence, and of any file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from orderparams.errors import ConfigurationError, FileError
from orderparams.results.evaluation import Evaluation
from orderparams.results.evidence import Evidence, Panel
from orderparams.results.files import open_result
from orderparams.results.scan import Scan
from orderparams.results.simulation import SimulationRun
from orderparams.results.trajectory import Trajectory
from orderparams.results.validation import Validation
from orderparams.views.plots.courses import draw_trajectory, plot_courses, rows_of, size
from orderparams.views.plots.request import Request
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


@dataclass(frozen=True)
class Kind:
    """A figure with a name: what draws it, of which results, and what can be asked of it.

    ``draw`` takes the results, a single one unless ``several``, and the request; ``takes`` are the
    settings of :class:`Request` that change the figure, beside title and size.
    """

    about: str
    draw: Callable[[Sequence[Any], Request], Figure]
    of: tuple[type, ...]
    takes: frozenset[str] = frozenset()
    several: bool = False


KINDS: dict[str, Kind] = {
    "time": Kind(
        "order parameters and risk in time",
        lambda results, _: plot_courses(results[0]),
        (Trajectory, SimulationRun, Validation),
    ),
    "scan": Kind(
        "risk, final order parameters and stage times over what a scan varies",
        lambda results, request: plot_scan(results[0], request.at, request.over),
        (Scan,),
        frozenset({"at", "over"}),
    ),
    "claim": Kind(
        "the curves that a claim was read off",
        lambda results, _: plot_evidence(results[0]),
        (Evidence,),
    ),
}
"""Figures by their names. Where none is asked for, the first one that shows the result is drawn."""


def figure_of(results: Sequence[Any], request: Request) -> Figure:
    """The figure of these results that is asked for.

    :class:`ConfigurationError` for a kind that there is not or that does not show them, for results
    that do not go together, and for what would change nothing.
    """
    kind = chosen(results[0], request.kind)
    return KINDS[kind].draw(results, request)


def chosen(result: Any, name: str) -> str:
    """The kind of that name, or the first that shows a result."""
    possible = [kind for kind, about in KINDS.items() if isinstance(result, about.of)]
    if name and name not in KINDS:
        raise ConfigurationError(
            f"there is no kind of figure {name!r}; it is one of {listed(KINDS)}"
        )
    if not possible:
        raise FileError(f"there is no figure of {type(result).__name__}, a single point")
    if name and name not in possible:
        raise ConfigurationError(
            f"{name} is no figure of this result, of which there is {listed(possible)}"
        )
    return name or possible[0]


def listed(names: Iterable[str]) -> str:
    """Names for a message."""
    return ", ".join(names)


def plot_file(path: Path, at: Mapping[str, str] | None = None, over: Sequence[str] = ()) -> Figure:
    """A result file: a scan, the curves of a claim, or order parameters and risk in time.

    ``at`` and ``over`` choose what is drawn of a scan: :func:`plot_scan`.
    """
    result = open_result(path)
    if not isinstance(result, Scan) and (at or over):
        raise ConfigurationError(f"values and axes are chosen of a scan, and {path} holds none")
    if isinstance(result, Evaluation):
        raise FileError(f"{path} holds an evaluation, one point; there is nothing to draw it over")
    return figure_of([result], Request(at=at or {}, over=tuple(over)))
