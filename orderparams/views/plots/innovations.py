"""Innovations: what was measured beside what the theory makes of the time before, and what is left
over, whitened, between the lines that chance rarely leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from orderparams.results.innovations import Innovations
from orderparams.views.plots import legends
from orderparams.views.plots.bands import WIDE
from orderparams.views.plots.courses import time_label
from orderparams.views.plots.deviations import VERDICTS
from orderparams.views.plots.layout import Row, blank, fitted, place
from orderparams.views.plots.lines import MOST_REPLICAS, PALE, SHADE, THIN, width
from orderparams.views.plots.request import Request
from orderparams.views.plots.style import STYLES, heading, ink, line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NAMED = 12
"""Order parameters up to which a legend names each."""

LEVEL = 0.05
"""Of independent normal numbers, the part beyond the lines."""

WIDE_RANGE = 20.0
"""Largest size from which on small innovations could not be seen on a linear axis."""

HIGH, HIGHER = 1.75, 2.2
"""Inches of the panels of order parameters, and of that of innovations."""


def plot_innovations(result: Innovations, request: Request) -> Figure:
    """A panel for each kind of order parameter, and below them all innovations."""
    kinds = np.array([label.rpartition("_")[0] or label for label in result.parameter])
    known = {one.symbol: one for one in result.order_parameters}
    rows = [Row((1.0,) * len(set(kinds)), HIGH), Row((1.0,), HIGHER)]
    figure = blank(rows, request)
    replicas = len(result.innovation)
    points = f"points: the first of {replicas} replicas, pale: others" if replicas > 1 else ""
    heading(figure, result.problem, title=request.title, last=points)
    upper, (lower,) = place(figure, rows)
    for kind, spot in zip(dict.fromkeys(kinds), upper, strict=True):
        axes = figure.add_subplot(spot, xlabel=time_label(result.problem))
        axes.set_ylabel(f"{known[kind].words} {known[kind].sign}")
        draw_courses(axes, result, np.flatnonzero(kinds == kind))
    draw_innovations(figure.add_subplot(lower), result)
    for axes in figure.axes:
        axes.margins(x=0.02)
    legends.strip(figure)
    return fitted(figure, request)


def draw_courses(axes: Axes, result: Innovations, numbers: NDArray[np.int64]) -> None:
    """What was measured of these order parameters, points of the first replica and pale lines of
    the others, and over each interval what the theory makes of the first."""
    time = result.time
    for number in numbers:
        measured = result.measured[..., number]
        own = colour(number)
        thin: dict[str, Any] = {"color": own, "linewidth": THIN * width(), "alpha": PALE}
        axes.plot(time, measured[1:MOST_REPLICAS].T, **thin)
        axes.plot(time, measured[0], "o", markersize=3, color=own)
        for i, before in enumerate(measured[0, :-1]):
            end = result.predicted[0, i, number]
            far = WIDE * result.standard_deviation[0, i, number]
            ends = time[i : i + 2]
            axes.plot(ends, [before, end], color=own, linewidth=0.6 * width())
            low, high = [before, end - far], [before, end + far]
            axes.fill_between(ends, low, high, color=own, alpha=2 * SHADE, linewidth=0)


def draw_innovations(axes: Axes, result: Innovations) -> None:
    """A point for each replica and interval, at its end; the key to all of the figure."""
    replicas, nothing = len(result.innovation), np.empty(0)
    ends = np.tile(result.time[1:], replicas)
    for number, name in enumerate(result.parameter):
        label = name if number < MOST_NAMED else None
        values = result.innovation[:, :, number].ravel()
        axes.plot(ends, values, "o", markersize=3, color=colour(number), label=label)
    words = f"theory from the point before, ± {WIDE:g} sd"
    axes.plot(nothing, nothing, color=ink(), linewidth=0.6 * width(), label=words)
    limit = float(-ndtri(LEVEL / 2))
    for side in (1, -1):
        chance = f"{LEVEL:.0%} by chance beyond" if side > 0 else None
        axes.axhline(side * limit, color=ink(), linestyle=STYLES[1], linewidth=0.8, label=chance)
    if np.abs(result.innovation).max() > WIDE_RANGE:
        axes.set_yscale("symlog", linthresh=1.0)
    axes.set(
        xlabel=time_label(result.problem),
        ylabel="innovation,\nin standard deviations",
        title=VERDICTS[result.verdict],
    )


def colour(number: int) -> Any:
    """The colour of an order parameter."""
    return line_style(number)["color"]
