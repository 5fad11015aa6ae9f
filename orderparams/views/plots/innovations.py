"""Innovations: what was measured beside what the theory makes of the time before, and what is left
over, whitened, between the lines that chance rarely leaves; and scores of what could be wrong,
between the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from orderparams.results.causes import Score, expected, named, uncertain
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

HIGH, HIGHER, LINE, FRAME = 1.75, 2.2, 0.2, 0.3
"""Inches of the panels of order parameters, of that of innovations, of each score in theirs, and of
what is around these."""

WORDY = 2.6
"""Least width of the words of scores."""


def plot_innovations(result: Innovations, request: Request) -> Figure:
    """A panel for each kind of order parameter, below them all innovations, and scores."""
    kinds = np.array([label.rpartition("_")[0] or label for label in result.parameter])
    known = {one.symbol: one for one in result.order_parameters}
    scores = [one for one in result.scores if np.isfinite(one.z)]
    rows = [Row((1.0,) * len(set(kinds)), HIGH), Row((1.0,), HIGHER)]
    rows += [Row((1.0, 1.0), FRAME + LINE * len(scores), WORDY)] * bool(scores)
    figure = blank(rows, request)
    replicas = len(result.innovation)
    points = f"points: the first of {replicas} replicas, pale: others" if replicas > 1 else ""
    heading(figure, result.problem, title=request.title, last=points)
    upper, (lower,), *last = place(figure, rows)
    for kind, spot in zip(dict.fromkeys(kinds), upper, strict=True):
        axes = figure.add_subplot(spot, xlabel=time_label(result.problem))
        axes.set_ylabel(f"{known[kind].words} {known[kind].sign}")
        draw_courses(axes, result, np.flatnonzero(kinds == kind))
    draw_innovations(figure.add_subplot(lower), result)
    for words, spot in last:
        draw_causes(figure.add_subplot(words), scores, result.rule)
        draw_scores(figure.add_subplot(spot), scores)
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


def draw_causes(axes: Axes, scores: list[Score], rule: str) -> None:
    """What could be wrong, in words, with its fitted value and that of the theory."""
    axes.set_axis_off()
    axes.set_ylim(len(scores) - 0.5, -0.5)
    beside = axes.get_yaxis_transform()
    for at, one in enumerate(scores):
        value = "far off" if np.isnan(one.value) else uncertain(one.value, one.error)
        theory = f"{expected(one.name, rule):g}"
        words = f"{named(one.name)}, {theory} in theory"
        axes.text(0.0, at, words, transform=beside, va="center", size="small")
        value = value.replace("+-", "±")
        axes.text(1.0, at, value, transform=beside, va="center", ha="right", size="small")


def draw_scores(axes: Axes, scores: list[Score]) -> None:
    """z of each cause, beside its words."""
    places = np.arange(len(scores))
    z = np.array([one.z for one in scores])
    axes.hlines(places, 0, z, color=ink(), linewidth=0.6 * width())
    axes.plot(z, places, "o", markersize=3, color=ink())
    limit = float(-ndtri(LEVEL / 2))
    axes.axvline(0, color=ink(), linewidth=0.4)
    for side in (1, -1):
        axes.axvline(side * limit, color=ink(), linestyle=STYLES[1], linewidth=0.8)
    if np.abs(z).max() > WIDE_RANGE:
        axes.set_xscale("symlog", linthresh=1.0)
    axes.set_yticks([])
    axes.set_ylim(len(scores) - 0.5, -0.5)
    axes.set_xlabel("score z")


def colour(number: int) -> Any:
    """The colour of an order parameter."""
    return line_style(number)["color"]
