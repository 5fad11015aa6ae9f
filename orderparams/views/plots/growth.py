"""How a run leaves saddles: its deviation along the unstable modes, and the slope predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.along import Course, course_along, followed
from orderparams.errors import ConfigurationError
from orderparams.views.plots.courses import time_label
from orderparams.views.plots.legends import BESIDE
from orderparams.views.plots.modes import Place, places_of, told
from orderparams.views.plots.request import Request
from orderparams.views.plots.style import faint, heading, ink, line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from orderparams.results.analysis import Analysis
    from orderparams.results.analyzed.rests import Growth, Mode

Array = NDArray[np.float64]

MOST_MODES = 4
"""Of a saddle, the fastest."""

FOLDS = 3.0
"""Shown before and after a run is near a saddle: as long as that takes, and as a deviation along
the fastest mode takes for so many factors of e."""

FEWEST = 4
"""Times after a run is near a saddle that are shown at least, however far apart they are."""

MARKED = 12
"""Times up to which each is marked."""

BEYOND = 1.5
"""How far slopes go on above and below an amplitude, as a factor."""

SLOPE: Any = {"linestyle": (0, (2, 1.5)), "linewidth": 0.9, "zorder": 4}


class Line(NamedTuple):
    """A mode of a saddle, the run along it, and what was read off, if anything."""

    mode: Mode
    course: Course
    growth: Growth | None


def plot_growth(analysis: Analysis, request: Request) -> Figure:
    """A panel for each saddle: amplitudes in time on a logarithmic axis."""
    from matplotlib.figure import Figure

    found = left_saddles(analysis)
    width, height = request.size or (3.4, None)
    columns = min(len(found), max(1, round(width / 3.4)))
    rows = -(-len(found) // columns)
    figure = Figure(figsize=(width, height or 2.9 * rows + 0.6), layout="constrained")
    for number, (place, lines) in enumerate(found, 1):
        draw_saddle(figure.add_subplot(rows, columns, number), place, lines, analysis)
    heading(figure, analysis.problem, title=request.title)
    return figure


def left_saddles(analysis: Analysis) -> list[tuple[Place, list[Line]]]:
    """The saddles that a run leaves along modes; ConfigurationError where there are none."""
    found = [
        (place, lines) for place in places_of(analysis) if (lines := lines_of(place, analysis))
    ]
    if not found:
        raise ConfigurationError(
            "there is no growth to draw: the run comes near no saddle with an unstable mode in the "
            "hidden directions"
        )
    return found


def lines_of(place: Place, analysis: Analysis) -> list[Line]:
    """The unstable modes along which a run can be followed while it is near."""
    rest, run = place.rest, analysis.trajectory
    pairs = list(zip(rest.unstable, rest.growth, strict=True))
    pairs = [(mode, growth) for mode, growth in pairs if followed(mode)][:MOST_MODES]
    lines = [Line(mode, course_along(rest, mode, run), growth) for mode, growth in pairs]
    return [line for line in lines if line.course.amplitude[list(line.course.near)].any()]


def draw_saddle(axes: Axes, place: Place, lines: list[Line], analysis: Analysis) -> None:
    """Amplitudes, dashed the slope of each rate, and shaded the time near the saddle."""
    run, near = analysis.trajectory, lines[0].course.near
    time = run.time
    first, last = time[near[0]], time[near[-1]]
    around = max(last - first, FOLDS / max(line.mode.rate for line in lines))
    start, end = max(time[0], first - around), min(time[-1], last + around)
    end = max(end, time[near[-1] : near[-1] + FEWEST + 1][-1])
    seen = (time >= start) & (time <= end)
    marker = "o" if seen.sum() <= MARKED else None
    axes.axvspan(first, last, color=faint(), alpha=0.35, linewidth=0, label="near the saddle")
    for number, (mode, course, growth) in enumerate(lines):
        style, amplitude = line_style(number), course.amplitude
        shown = seen & (amplitude > 0)
        observed = "" if growth is None else f", observed {growth.rate:.4g}"
        name = f"{mode.describe(analysis.geometry)}:\nrate {mode.rate:.4g}{observed}"
        axes.plot(time[shown], amplitude[shown], label=name, marker=marker, markersize=3, **style)
        slope = predicted(time[shown], time, amplitude, near, mode.rate)
        inside = (slope > amplitude[shown].min() / BEYOND) & (
            slope < amplitude[shown].max() * BEYOND
        )
        axes.plot(time[shown][inside], slope[inside], **SLOPE, color=ink())
    axes.plot([], [], **SLOPE, color=ink(), label="slope of the rate")
    axes.set_yscale("log")
    axes.set_xlim(start, end)
    axes.set(xlabel=time_label(analysis.problem), ylabel="deviation along the mode")
    axes.legend(
        title=told(place), loc="lower left", bbox_to_anchor=(0, 1), alignment="left", **BESIDE
    )


def predicted(at: Array, time: Array, amplitude: Array, near: range, rate: float) -> Array:
    """An exponential of this rate at some times, through the middle of the amplitude (T,) near a
    saddle."""
    t, y = time[near.start : near.stop], amplitude[near.start : near.stop]
    middle = np.exp(np.log(y[y > 0]).mean())
    with np.errstate(over="ignore"):
        course: Array = middle * np.exp(rate * (at - t[y > 0].mean()))
    return course
