"""Axes of varied parameters: where values stand, and what is written there."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orderparams.views.plots.choice import Parameter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

MOST_TICKS = 8
TICKS_AN_INCH = 2.4
"""Of time, with the names of axes and what stands between panels."""

DECADE, DECADES, MANY = 10, 50, 1e4
"""Ranges of a logarithmic axis from which on some round numbers are labelled, only powers of ten,
and these as powers."""

SAME, AROUND = 1e-6, 0.5
"""Parts of the largest value: by which values are equal, and what is shown around equal ones."""

LETTERS, ROOM = 18, 22
"""Letters of a line of words at an axis; those of all words beside each other that have room."""


def positions(parameter: Parameter) -> NDArray[Any]:
    """Where values stand on an axis: words side by side."""
    if parameter.numeric:
        return parameter.values
    names, places = np.unique(parameter.values, return_inverse=True)
    first = [int(np.flatnonzero(parameter.values == name)[0]) for name in names]
    rank: NDArray[Any] = np.argsort(np.argsort(first))[places]
    return rank


def label_axis(axis: Any, parameter: Parameter) -> None:
    """Name, scale and ticks of an axis; a few values, and words, are all written out."""
    axis.set_label_text(parameter.label)
    if not parameter.numeric:
        texts = [
            "\n".join(textwrap.wrap(text, LETTERS)) for text in dict.fromkeys(parameter.values)
        ]
        axis.set_ticks(range(len(texts)), texts)
        if axis.axis_name == "x" and sum(map(len, texts)) > ROOM:
            for label in axis.get_ticklabels():
                label.set(rotation=25, ha="right", rotation_mode="anchor")
        return
    values = np.unique(parameter.values)
    if parameter.logarithmic:
        to_log(axis, values[0], values[-1])
    if len(values) <= MOST_TICKS:
        axis.set_ticks(values, [f"{value:.3g}" for value in values])
        axis.set_ticks([], minor=True)


def to_log(axis: Any, low: float, high: float) -> None:
    """A logarithmic axis, with a few round numbers between ``low`` and ``high`` written out; many
    powers of ten stand as such."""
    from matplotlib.ticker import MaxNLocator

    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    axis.set_minor_formatter("")
    if high < DECADE * low:
        axis.set_major_locator(MaxNLocator(4))
    elif high < DECADES * low:
        axis.get_major_locator().set_params(subs=(1, 2, 5))
    if high < MANY * low:
        axis.set_major_formatter("{x:g}")


def few(axis: Any, inches: float) -> None:
    """At most as many ticks as have room in a panel of this width; panels that share an axis
    have those of the narrowest."""
    axis.get_major_locator().set_params(nbins=max(2, int(TICKS_AN_INCH * inches)))


def limits(parameter: Parameter) -> tuple[float, float]:
    """What an axis shows: the range of the values and a margin, on its own scale."""
    low, high = positions(parameter).min(), positions(parameter).max()
    if parameter.logarithmic:
        margin = (high / low) ** 0.05
        return low / margin, high * margin
    margin = 0.05 * (high - low)
    return low - margin, high + margin


def cell_edges(parameter: Parameter) -> Array:
    """Edges halfway between the values, on the scale of the axis."""
    values = positions(parameter).astype(float)
    scaled = np.log(values) if parameter.logarithmic else values
    middle = (scaled[1:] + scaled[:-1]) / 2
    edges = np.concatenate([[2 * scaled[0] - middle[0]], middle, [2 * scaled[-1] - middle[-1]]])
    return np.exp(edges) if parameter.logarithmic else edges


def upright(*panels: Axes) -> None:
    """A logarithmic y-axis of panels that share it, if they show a positive number."""
    lines = [np.asarray(line.get_ydata(), float) for axes in panels for line in axes.lines]
    values = np.concatenate([line[line > 0] for line in lines])
    if values.size:
        to_log(panels[0].yaxis, values.min(), values.max())


def steady(axes: Axes, values: Array) -> None:
    """An axis around values that are equal but for errors, as lengths that are kept, on which these
    are not seen."""
    known = values[np.isfinite(values)]
    size = float(np.abs(known).max(initial=0.0))
    if known.size and size > 0 and np.ptp(known) < SAME * size:
        axes.set_ylim(known.min() - AROUND * size, known.max() + AROUND * size)
