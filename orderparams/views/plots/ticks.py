"""Axes of varied parameters: where values stand, and what is written there."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.views.plots.choice import Parameter

Array = NDArray[np.float64]

MOST_TICKS = 8
DECADES = 50
"""Range of a logarithmic axis from which on only powers of ten are labelled."""

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
    if parameter.logarithmic:
        getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    values = np.unique(parameter.values)
    if len(values) <= MOST_TICKS:
        axis.set_ticks(values, [f"{value:.3g}" for value in values])
        axis.set_ticks([], minor=True)
    elif parameter.logarithmic:
        narrow = values[-1] < DECADES * values[0]
        axis.get_major_locator().set_params(subs=(1, 2, 5) if narrow else (1,))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")


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
