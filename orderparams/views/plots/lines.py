"""Lines in time: of a flow, of replicas, and of both together."""

from __future__ import annotations

import warnings
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config.words import counted
from orderparams.views.plots.copies import Names
from orderparams.views.plots.sources import mean
from orderparams.views.plots.style import STYLES, deep, faint, ink, line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

MOST_REPLICAS = 20
"""Replicas that are drawn one by one."""

THIN, MEAN = 0.4, 2.4
"""Width of a replica's line, and of their mean below the theory, as multiples of others'."""

AMONG = 0.6
"""Width of their mean where it lies over them and must not cover them."""

PALE, SHADE = 0.5, 0.15
"""Opacity of these lines, and of the range."""


class Part(Enum):
    """What else a panel shows: nothing, the theory over replicas, or replicas below a theory."""

    ALONE = 0
    OVER = 1
    BELOW = 2


def width() -> float:
    """The width of lines."""
    import matplotlib

    return float(matplotlib.rcParams["lines.linewidth"])


def on_axis(values: Array, *, log: bool) -> Array:
    """Values as an axis shows them: on a logarithmic one their sizes, without those that vanish."""
    if not log:
        return values
    sizes = np.abs(values)
    return np.where(sizes > 0, sizes, np.nan)


def style_of(number: int | None) -> dict[str, Any]:
    """Colour, dashes and width of a line; of one of many."""
    if number is None:
        return {"color": faint(), "linestyle": STYLES[0], "linewidth": 0.7 * width()}
    return line_style(number)


def draw_lines(
    axes: Axes, time: Array, values: Array, names: Names, part: Part = Part.ALONE
) -> None:
    """A line an entry of values (T, line); of (R, T, line) the replicas, their range and mean."""
    many = {number for number in names.styles if names.styles.count(number) > 1}
    for line, (number, label) in enumerate(zip(names.styles, names.labels, strict=True)):
        style = style_of(number)
        if number in many:
            style["linewidth"] *= 0.7
        draw_line(axes, time, values[..., line], style, label, part)


def draw_line(
    axes: Axes, time: Array, course: Array, style: dict[str, Any], label: str, part: Part
) -> None:
    """One line (T,), or (R, T) of replicas."""
    if course.ndim == 1:
        if part is Part.OVER:
            style |= {"color": deep(style["color"]), "linestyle": STYLES[1], "linewidth": width()}
        axes.plot(time, course, label=None if part is Part.OVER else label or None, **style)
        return
    colour = style["color"]
    thin = {"color": colour, "linewidth": THIN * width(), "alpha": PALE}
    if part is Part.ALONE:
        thin["linestyle"] = style["linestyle"]  # solid ones would fill the gaps of their mean
        style |= {"color": deep(colour), "linewidth": AMONG * width()}
    axes.plot(time, course[:MOST_REPLICAS].T, **thin)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nothing is known: NaN
        low, high = np.nanmin(course, axis=0), np.nanmax(course, axis=0)
    axes.fill_between(time, low, high, color=colour, alpha=SHADE, linewidth=0)
    if part is Part.BELOW:
        style |= {"linestyle": STYLES[0], "linewidth": MEAN * width(), "alpha": PALE, "zorder": 1.5}
    axes.plot(time, mean(course), label=label or None, **style)


def draw_key(axes: Axes, replicas: int, part: Part) -> None:
    """What each kind of line is, for the legend alone."""
    nothing = np.empty(0)
    some = f"{MOST_REPLICAS} of " * (replicas > MOST_REPLICAS)
    bundle = f"{some}{counted(replicas, 'replica')}, range"
    wide: dict[str, Any] = (
        {"linewidth": MEAN * width(), "alpha": PALE}
        if part is Part.BELOW
        else {"linewidth": AMONG * width()}
    )
    axes.plot(nothing, nothing, color=ink(), label="mean of replicas", **wide)
    thin: dict[str, Any] = {"linewidth": THIN * width(), "alpha": PALE}
    axes.plot(nothing, nothing, color=ink(), label=bundle, **thin)
    if part is Part.BELOW:
        axes.plot(nothing, nothing, color=ink(), linestyle=STYLES[1], label="theory")
