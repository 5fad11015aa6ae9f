"""Order parameters at the end of a run, as coloured squares."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orderparams.models.parameters import OrderParameter
from orderparams.views.plots.style import diverging

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

MOST, NOTHING = 2, 1e-8
"""Matrices that are drawn, and size of values below which they are zero."""

MOST_TICKS, MOST_ROWS, MOST_WRITTEN, PLACES = 12, 8, 40, 2
"""Ticks of a matrix along and across, which are rows that have room for their values, entries in
which these are written, of all matrices, and significant places of the largest."""


def matrices(
    crossed: Sequence[OrderParameter], courses: Mapping[str, Array]
) -> tuple[OrderParameter, ...]:
    """The first of those that are more than a single number."""
    return tuple(p for p in crossed if courses[p.name][-1].size > 1)[:MOST]


def draw_matrix(
    axes: Axes, parameter: OrderParameter, values: Array, beside: Sequence[OrderParameter]
) -> None:
    """Values (line, panel) at the end as coloured squares; few of them are written out. Where more
    stand ``beside`` each other, their titles are symbols, and the first has the name of the rows.
    """
    values = parameter.lines(values)
    limit = float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
    limit = limit if limit > NOTHING else 1.0
    image = axes.imshow(values, cmap=diverging(), vmin=-limit, vmax=limit, aspect="auto")
    lines, panels = parameter.axes[0].word, parameter.axes[1].word
    called = parameter.words if len(beside) == 1 else parameter.sign
    axes.set(title=f"{called} at the end", xlabel=panels)
    if parameter is beside[0]:
        axes.set_ylabel(lines)
    for axis, count in zip((axes.yaxis, axes.xaxis), values.shape, strict=True):
        most = MOST_ROWS if axis is axes.yaxis else MOST_TICKS
        shown = range(0, count, -(-count // most))
        axis.set_ticks(shown, [str(number + 1) for number in shown])
    if values.size <= MOST_WRITTEN / len(beside) and len(values) <= MOST_ROWS:
        decimals = max(0, PLACES - 1 - math.floor(math.log10(limit)))
        for (row, column), value in np.ndenumerate(values):
            shade = image.to_rgba(np.array(value))
            dark = np.dot(shade[:3], (0.3, 0.59, 0.11)) < 0.5
            written = f"{value:z.{decimals}f}".replace("-", "−")
            axes.text(
                column, row, written, color="white" if dark else "black",
                ha="center", va="center", fontsize="x-small",
            )  # fmt: skip
    bar = axes.figure.colorbar(image, ax=axes)
    if len(beside) == 1:
        bar.set_label(parameter.sign, rotation="horizontal", va="center")
