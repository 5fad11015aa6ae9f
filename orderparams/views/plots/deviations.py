"""How far replicas deviate from theory, in standard errors, and from where on that is too far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

from orderparams.results.validation import Validation
from orderparams.views.plots.lines import width
from orderparams.views.plots.style import STYLES, ink, line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VERDICTS = {
    "agree": "theory and simulation agree",
    "disagree": "theory and simulation disagree",
    "inconclusive": "inconclusive: the evidence cannot decide",
}

BEYOND = 1.2
"""Where deviations are drawn that are without bound, as a multiple of the largest others."""

WIDE_RANGE = 20.0
"""Threshold from which on small deviations could not be seen on a linear axis."""


def threshold(result: Validation) -> float:
    """The size of z from which on a deviation at a single time would be a disagreement: beyond it
    Student's t is with the probability of a false alarm, shared by all that is judged."""
    comparison = result.comparison
    chance = comparison.false_alarm / comparison.judged
    return float(-stdtrit(comparison.degrees, chance / 2))


def draw_deviations(axes: Axes, result: Validation, first: int = 0) -> None:
    """z(t) of every number, a colour for each order parameter, from the ``first`` that means
    nothing else in the figure, between the thresholds."""
    comparison = result.comparison
    time = result.time
    limit = threshold(result)
    finite = [z[np.isfinite(z)] for z in comparison.z_score.values()]
    largest = max(limit, *(float(np.abs(z).max(initial=0.0)) for z in finite))
    for number, parameter in enumerate(result.order_parameters, first):
        z = comparison.z_score[parameter.name]
        style = line_style(number) | {"linewidth": 0.6 * width(), "linestyle": STYLES[0]}
        for i, index in enumerate(parameter.entries(z.shape[1:])):
            at: Any = (slice(None), *index)
            course = np.clip(z[at], -BEYOND * largest, BEYOND * largest)
            label = None if i else f"z of {parameter.sign}"
            axes.plot(time, course, label=label, **style)
    chance = f"false alarms {100 * comparison.false_alarm:g} %"
    for side in (1, -1):
        axes.axhline(
            side * limit,
            color=ink(),
            linestyle=STYLES[1],
            linewidth=0.8 * width(),
            label=f"threshold ({chance})" if side > 0 else None,
        )
    until = f", until t = {time[-1]:.4g}" if result.stretch else ""
    axes.set(ylabel="deviation z,\nin errors", title=f"{VERDICTS[result.verdict]}{until}")
    if limit > WIDE_RANGE:
        axes.set_yscale("symlog", linthresh=1.0)
