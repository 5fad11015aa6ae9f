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

FAINT = 1e-9
"""Of its upper edge, the lower edge of a band that holds zero on a logarithmic axis: below all that
is shown."""

NEAR = 0.5
"""Of its upper edge, a lower edge that is near zero."""

TOLD = 0.01
"""Standard deviations from zero below which no mean is drawn on a logarithmic axis: it may be zero.
"""


def usual(result: Any) -> int:
    """The dimension of the bands that a page shows around a run: that of its simulation; 0 where
    none are known, or linear theory does not hold."""
    run = getattr(result, "trajectory", result)
    if not isinstance(run, Trajectory) or run.fluctuations is None:
        return 0
    problem: Any = run.problem
    dimension = int(problem.simulation.dimension)
    return dimension * bool(shown(run.fluctuations, dimension).any())


def check_bands(results: Sequence[Any], request: Request) -> None:
    """:class:`ConfigurationError` unless the results are one run whose fluctuations are known."""
    if len(results) > 1 or not isinstance(results[0], Trajectory):
        raise ConfigurationError("are of one run of solve; draw it by itself", argument="bands")
    found = results[0].fluctuations
    if found is None:
        raise ConfigurationError(
            "need the fluctuations of the run, which are not known; set fluctuations.enabled = "
            "true and solve it",
            argument="bands",
        )
    if not shown(found, request.bands).any():
        first = {float(found.time[1]): float(found.least_until[1])}
        known = (first | found.linear(2)).items()
        ways = [f"D >= {d:.3g} until t = {t:.4g}" for t, d in known]
        raise ConfigurationError(
            f"{request.bands}: fluctuations in this dimension are too large for linear theory from "
            f"the start; take {', or '.join(ways)}",
            argument="bands",
        )


def shown(found: Fluctuations, dimension: int) -> NDArray[np.bool_]:
    """The times (T,) at which there are bands: those up to which linear theory holds; none where
    they were a single one."""
    until = found.linear_until(dimension)
    within: NDArray[np.bool_] = (found.time <= until) & (until > found.time[0])
    return within


def draw_bands(
    axes: Axes,
    found: Fluctuations,
    panel: Panel,
    dimension: int,
    styles: Sequence[int | None],
    *,
    log: bool,
) -> None:
    """The bands of the lines in a panel of order parameters, on a logarithmic axis of sizes."""
    means = panel.lines(found.by_name(found.center(dimension)))
    deviations = panel.lines(found.by_name(found.deviations(dimension)))
    assert means is not None
    assert deviations is not None
    known = shown(found, dimension)
    for number, mean, deviation in zip(styles, means[known].T, deviations[known].T, strict=True):
        band(axes, found.time[known], mean, deviation, style_of(number)["color"], log=log)


def draw_risk_band(
    axes: Axes, found: Fluctuations, dimension: int, below: float, *, log: bool
) -> None:
    """The band of the risk, minus ``below``; the key to all bands."""
    shift = np.nan_to_num(found.risk_shift)
    mean = found.risk + shift / dimension - below
    deviation = np.sqrt(np.maximum(found.risk_variance, 0.0) / dimension)
    known = shown(found, dimension)
    band(axes, found.time[known], mean[known], deviation[known], ink(), log=log, signed=True)
    nothing = np.empty(0)
    label = f"SGD at D = {dimension}, mean ± {WIDE:g} sd"
    label += "" if known.all() else ", while linear theory holds"
    axes.plot(nothing, nothing, color=ink(), linestyle=STYLES[1], linewidth=width(), label=label)


def band(
    axes: Axes,
    time: Array,
    mean: Array,
    deviation: Array,
    colour: Any,
    *,
    log: bool,
    signed: bool = False,
) -> None:
    """The mean as a broken line, and a shade around it. A logarithmic axis shows their sizes, or
    where they are ``signed`` what is above zero."""
    low, high = mean - WIDE * deviation, mean + WIDE * deviation
    if log and not signed:
        mean, (low, high) = np.abs(mean), sizes(low, high)
    if log:
        mean = np.where(mean > TOLD * deviation, mean, np.nan)
    shade(axes, time, low, high, colour, log=log)
    axes.plot(time, mean, color=deep(colour), linestyle=STYLES[1], linewidth=0.8 * width())


def sizes(low: Array, high: Array) -> tuple[Array, Array]:
    """The least and the largest size of what is between two edges."""
    ends = np.abs([low, high])
    return np.where(low * high > 0, ends.min(axis=0), 0.0), ends.max(axis=0)


def shade(axes: Axes, time: Array, low: Array, high: Array, colour: Any, *, log: bool) -> None:
    """A band between two edges; one that holds zero, or nearly, goes down to where a logarithmic
    axis ends, which lines, upper edges and lower ones that are not NEAR zero decide."""
    style: dict[str, Any] = {"color": colour, "alpha": SHADE, "linewidth": 0}
    if not log:
        axes.fill_between(time, low, high, **style)
        return
    limits, known = axes.dataLim.frozen(), high > 0
    axes.fill_between(time, np.maximum(low, FAINT * high), high, where=known, **style)
    axes.dataLim.set(limits)
    axes.update_datalim(np.column_stack([time, high])[known])
    axes.update_datalim(np.column_stack([time, low])[low > NEAR * high])
