"""Where SGD in a finite dimension is: mean and two standard deviations around it, beside a flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError
from orderparams.results.fluctuations import Fluctuations
from orderparams.results.trajectory import Trajectory
from orderparams.views.plots.lines import SHADE, style_of, width
from orderparams.views.plots.panels import Panel
from orderparams.views.plots.request import Request
from orderparams.views.plots.style import STYLES, deep, ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

WIDE = 2.0
"""Standard deviations to each side, which 95 % of replicas are within."""


def check_bands(results: Sequence[Any], request: Request) -> None:
    """:class:`ConfigurationError` unless the results are one run whose fluctuations are known."""
    if len(results) > 1 or not isinstance(results[0], Trajectory):
        raise ConfigurationError("are of one run of solve; draw it by itself", argument="bands")
    if results[0].fluctuations is None:
        raise ConfigurationError(
            "need the fluctuations of the run, which are not known; set fluctuations.enabled = "
            "true and solve it",
            argument="bands",
        )
    if request.log in ("y", "both"):
        raise ConfigurationError("have no place on a logarithmic axis", argument="bands")


def draw_bands(
    axes: Axes, found: Fluctuations, panel: Panel, dimension: int, styles: Sequence[int | None]
) -> None:
    """The bands of the lines in a panel of order parameters."""
    means = panel.lines(found.by_name(found.center(dimension)))
    deviations = panel.lines(found.by_name(found.deviations(dimension)))
    assert means is not None
    assert deviations is not None
    for number, mean, deviation in zip(styles, means.T, deviations.T, strict=True):
        band(axes, found.time, mean, deviation, style_of(number)["color"])


def draw_risk_band(axes: Axes, found: Fluctuations, dimension: int, below: float) -> None:
    """The band of the risk, minus ``below``; the key to all bands."""
    shift = np.nan_to_num(found.risk_shift)
    mean = found.risk + shift / dimension - below
    deviation = np.sqrt(np.maximum(found.risk_variance, 0.0) / dimension)
    band(axes, found.time, mean, deviation, ink())
    nothing = np.empty(0)
    label = f"SGD at D = {dimension}, mean ± {WIDE:g} sd"
    axes.plot(nothing, nothing, color=ink(), linestyle=STYLES[1], linewidth=width(), label=label)


def band(axes: Axes, time: Array, mean: Array, deviation: Array, colour: Any) -> None:
    """The mean as a broken line, and a shade around it; neither where a logarithmic axis ends."""
    log = axes.get_yscale() == "log"
    low, high = mean - WIDE * deviation, mean + WIDE * deviation
    if log:
        mean, low = (np.where(of > 0, of, np.nan) for of in (mean, low))
    axes.fill_between(time, low, high, color=colour, alpha=SHADE, linewidth=0)
    axes.plot(time, mean, color=deep(colour), linestyle=STYLES[1], linewidth=0.8 * width())
