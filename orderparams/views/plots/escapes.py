"""When SGD leaves symmetric states: the law of the times in a few dimensions, with replicas where
they were simulated, and how its mean moves with the dimension while its scatter stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from orderparams.analysis.escapes import law_of
from orderparams.errors import ConfigurationError
from orderparams.results.analyzed.escapes import PROBABILITIES, Escape
from orderparams.views.plots import legends
from orderparams.views.plots.courses import time_label
from orderparams.views.plots.layout import Row, blank, fitted, place
from orderparams.views.plots.lines import SHADE, width
from orderparams.views.plots.request import Request
from orderparams.views.plots.style import STYLES, heading, ink, line_style, quiet
from orderparams.views.story.escapes import who
from orderparams.views.story.words import words_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from orderparams.results.analysis import Analysis

Array = NDArray[np.float64]
Laws: TypeAlias = Callable[[int], Escape | None]

HIGH = 2.1
"""Inches of a panel."""

MOST_ESCAPES = 6
"""Escapes that are drawn, the first in time."""

FACTORS = (10, 100)
"""Other dimensions of laws that are drawn where none is asked for, over that of the analysis."""

BELOW, ABOVE, STEPS = -1, 2.5, 8
"""Decades of the dimension around that of the analysis over which the mean is drawn, and points."""

WINDOW = 0.4
"""Width, in standard deviations, over which a density is the probability."""

TIMES = 200
"""Points of a density."""

BARS = 6
"""Of a histogram, those that two standard deviations to each side have at least."""


def plot_escapes(analysis: Analysis, request: Request) -> Figure:
    """A row for each escape: densities of the times, and their mean over the dimension."""
    every = known_escapes(analysis)
    found = every[:MOST_ESCAPES]
    rows = [Row((1.0, 1.0), HIGH, least=2.4)] * len(found)
    figure = blank(rows, request)
    more = len(every) - len(found)
    last = f"the first {len(found)} escapes; {more} more" if more else ""
    heading(figure, analysis.problem, title=request.title, last=last)
    for escape, (left, right) in zip(found, place(figure, rows), strict=True):
        laws = law_of(escape, analysis.trajectory, analysis.directions)
        if request.bands and laws(request.bands) is None:
            raise ConfigurationError(
                f"{request.bands}: so large are fluctuations in this dimension that SGD is beyond "
                "the threshold from the start; take a larger one",
                argument="bands",
            )
        axes = figure.add_subplot(left)
        axes.set(title=title(escape, analysis), ylabel="density of T")
        axes.set_xlabel(time_label(analysis.problem))
        draw_densities(axes, escape, laws, request.bands, analysis.time[-1])
        axes = figure.add_subplot(right)
        draw_means(axes, escape, laws)
        axes.set(xlabel="dimension D", ylabel="time T", title=f"growth rate {escape.rate:.4g}")
    legends.strip(figure)
    return fitted(figure, request)


def known_escapes(analysis: Analysis) -> Sequence[Escape]:
    """All escapes of an analysis; ConfigurationError where there are none."""
    if not analysis.escapes or analysis.trajectory.fluctuations is None:
        raise ConfigurationError(missing(analysis))
    return analysis.escapes


def missing(analysis: Analysis) -> str:
    """Why there is nothing to draw."""
    if analysis.trajectory.fluctuations is None:
        return (
            "there are no laws of escape: they need the fluctuations of the run, which are not "
            "known; set fluctuations.enabled = true and analyze it"
        )
    return "there is no escape to draw: noise brings SGD away from no state that the flow keeps"


def title(escape: Escape, analysis: Analysis) -> str:
    """What leaves."""
    words: Any = words_of(analysis.order_parameters)
    return who(escape, analysis, words) + f" (plateau {escape.plateau})" * bool(escape.plateau)


def draw_densities(axes: Axes, escape: Escape, laws: Laws, asked: int, end: float) -> None:
    """The density of the law in each dimension, a histogram of replicas, and where the run ends if
    the law goes on."""
    for number, dimension in enumerate(dimensions_of(escape, asked)):
        law = escape if dimension == escape.dimension else laws(dimension)
        assert law is not None
        times, density = density_of(law)
        style = line_style(number)
        axes.plot(times, density, label=f"law at D = {dimension}", **style)
        if law is escape and escape.simulated is not None:
            draw_histogram(axes, escape, escape.simulated.time, style["color"])
    axes.set_ylim(bottom=0.0)
    if end < axes.get_xlim()[1]:
        axes.axvline(end, color=quiet(), linestyle=STYLES[3], label="end of the run")


def dimensions_of(escape: Escape, asked: int) -> list[int]:
    """That of the analysis and the one that is asked for, or larger ones in which noise decides."""
    own = escape.dimension
    larger = [own * factor for factor in FACTORS]
    return [own, *({asked} - {own} if asked else [d for d in larger if d < escape.crossover])]


def density_of(law: Escape) -> tuple[Array, Array]:
    """Times (N,) and the density there: the probability within a window, over its width."""
    window, (known, places) = WINDOW * law.deviation, np.unique(law.quantile, return_index=True)
    reached = PchipInterpolator(known, PROBABILITIES[places])
    times = np.linspace(known[0] - 0.5 * window, known[-1] + 0.5 * window, TIMES)
    before, after = (np.clip(times + s * window, known[0], known[-1]) for s in (-0.5, 0.5))
    return times, (reached(after) - reached(before)) / window


def draw_histogram(axes: Axes, escape: Escape, times: Array, colour: Any) -> None:
    """Times of replicas (R,): of all, also of those that had not left by the end."""
    left = times[np.isfinite(times)]
    if not len(left):
        return
    wide = 4 * escape.deviation / (BARS + int(len(times) ** 0.5))
    edges = np.arange(left.min() - 0.5 * wide, left.max() + wide, wide)
    heights = np.histogram(left, edges)[0] / (wide * len(times))
    axes.bar(
        edges[:-1],
        heights,
        wide,
        align="edge",
        color=colour,
        alpha=2 * SHADE,
        linewidth=0,
        label=f"{len(times)} replicas of SGD at D = {escape.dimension}",
    )


def draw_means(axes: Axes, escape: Escape, laws: Laws) -> None:
    """Mean and standard deviation of the law over the dimension, and those of replicas."""
    grid = [int(d) for d in np.geomspace(10.0**BELOW, 10.0**ABOVE, STEPS) * escape.dimension]
    known = [law for law in map(laws, grid) if law is not None]
    dimensions = np.array([law.dimension for law in known], dtype=np.float64)
    mean = np.array([law.mean for law in known])
    deviation = np.array([law.deviation for law in known])
    axes.fill_between(
        dimensions, mean - deviation, mean + deviation, color=ink(), alpha=SHADE, linewidth=0,
        label="± its standard deviation",
    )  # fmt: skip
    axes.plot(dimensions, mean, color=ink(), label="mean of the law")
    if escape.by_noise and escape.steady:
        line = (np.log(dimensions) + escape.constant) / (2 * escape.rate)
        thin: Any = {"linestyle": STYLES[1], "linewidth": 0.8 * width()}
        axes.plot(
            dimensions, line, color=line_style(1)["color"], label="(log D + c)/(2 × rate)", **thin
        )
    if dimensions[0] < escape.crossover < dimensions[-1]:
        axes.axvline(
            escape.crossover, color=quiet(), linestyle=STYLES[2], label="above, the start decides"
        )
    found = escape.simulated
    if found is not None and found.left > 1:
        axes.errorbar(
            escape.dimension, found.mean, found.deviation, fmt="o", markersize=4,
            color=line_style(0)["color"], label="replicas that left: mean, deviation",
        )  # fmt: skip
    axes.set_xscale("log")
