"""Innovations of each order parameter in time, between the lines that chance rarely leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from orderparams.results.innovations import Innovations
from orderparams.views.plots.courses import time_label
from orderparams.views.plots.deviations import VERDICTS
from orderparams.views.plots.legends import BESIDE
from orderparams.views.plots.request import Request
from orderparams.views.plots.style import STYLES, heading, ink, line_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_NAMED = 12
"""Order parameters up to which a legend names each."""

LEVEL = 0.05
"""Of independent normal numbers, the part beyond the lines."""

WIDE_RANGE = 20.0
"""Largest size from which on small innovations could not be seen on a linear axis."""


def plot_innovations(result: Innovations, request: Request) -> Figure:
    """A point for each replica and interval, at its end."""
    from matplotlib.figure import Figure

    width, height = request.size or (6.0, None)
    figure = Figure(figsize=(width, height or 3.4), layout="constrained")
    axes = figure.add_subplot()
    replicas = len(result.innovation)
    ends = np.tile(result.time[1:], replicas)
    for number, name in enumerate(result.parameter):
        label = name if number < MOST_NAMED else None
        values = result.innovation[:, :, number].ravel()
        color = line_style(number)["color"]
        axes.plot(ends, values, "o", markersize=3, color=color, label=label)
    limit = float(-ndtri(LEVEL / 2))
    for side in (1, -1):
        words = f"{LEVEL:.0%} by chance beyond" if side > 0 else None
        axes.axhline(side * limit, color=ink(), linestyle=STYLES[1], linewidth=0.8, label=words)
    if np.abs(result.innovation).max() > WIDE_RANGE:
        axes.set_yscale("symlog", linthresh=1.0)
    axes.set(
        xlabel=time_label(result.problem),
        ylabel="innovation, in standard deviations",
        title=VERDICTS[result.verdict],
    )
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), **BESIDE)
    heading(figure, result.problem, title=request.title)
    return figure
