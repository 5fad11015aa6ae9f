"""What heads are worth: the risk against how many are removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError
from orderparams.views.plots.legends import strip
from orderparams.views.plots.request import Request
from orderparams.views.plots.style import MARKERS, colour, heading, ink, letters
from orderparams.views.story.words import numbered

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from orderparams.results.analysis import Analysis

Array = NDArray[np.float64]

COSTS: dict[float, Any] = {0.01: (0, (1, 1.5)), 0.1: (0, (3, 1.5, 1, 1.5))}
"""Parts of the risk that are spent on removals, and dashes of their lines."""

PANEL = 2.2
"""Inches of its height."""

MOST_NAMED = 6
"""Removals up to which it is written which ones are gone."""

LEAST = 1e-12
"""How far above the least risk a point on the logarithmic axis is at least."""

SEEN = 0.01
"""Part of a panel by which two lines differ that are seen apart."""

WIDE = 10
"""Ratio of the largest and the least from which on there is such an axis."""


def check_removals(analysis: Analysis) -> None:
    """ConfigurationError where there is nothing to remove."""
    if len(analysis.pruning.removals) < 2:
        raise ConfigurationError(f"there is one {analysis.geometry.word}, and none to remove")


def plot_pruning(analysis: Analysis, request: Request) -> Figure:
    """The risk as it is and trained again; where this spans decades, also on a logarithmic axis how
    far it is above the least that can be."""
    from matplotlib.figure import Figure

    check_removals(analysis)
    floor = analysis.optimum.floor
    words = floor.words.removeprefix("the ")
    above = np.concatenate(list(risks_of(analysis).values())) - floor.value
    decades = bool(above.max() > WIDE * max(above.min(), LEAST))
    width, height = request.size or (3.4, None)
    beside = width > 5
    inches = PANEL * (1 if beside else 1 + decades) + letters(1.0)
    figure = Figure(figsize=(width, height or inches), layout="constrained")
    panels = figure.subplots(*((1, 1 + decades) if beside else (1 + decades, 1)), squeeze=False)
    first, *rest = panels.ravel()
    draw_risk(first, analysis)
    first.set_ylabel("risk E")
    if np.isfinite(floor.value):
        where = f" ({'left' if beside else 'upper'} panel)" if decades else ""
        bound = f"lower bound: {words}{where}"
        first.axhline(floor.value, color=ink(), linestyle="--", linewidth=1, label=bound)
    for axes in rest:
        draw_risk(axes, analysis, floor.value, LEAST)
        axes.set(yscale="log", ylabel=f"risk − {words}" if floor.value else "risk E")
    for axes in (first, *rest):
        name_removals(axes, analysis)
    heading(figure, analysis.problem, title=request.title)
    strip(figure)
    return figure


def risks_of(analysis: Analysis) -> dict[str, Array]:
    """The risks by what is done about the rest."""
    removals = analysis.pruning.removals
    return {
        "as it is": np.array([removal.risk for removal in removals]),
        "the rest trained again": np.array([removal.reoptimized_risk for removal in removals]),
    }


def draw_risk(
    axes: Axes, analysis: Analysis, reference: float = 0.0, least: float = -np.inf
) -> None:
    """Curves and the lines of COSTS, above a reference; what is not above the ``least`` is marked
    below. Lines that coincide are one."""
    counts = [len(removal.learners) for removal in analysis.pruning.removals]
    for number, (name, risk) in enumerate(risks_of(analysis).items()):
        style: dict[str, Any] = {
            "marker": MARKERS[number],
            "markersize": 4,
            "linestyle": ("-", "--")[number],
        }
        above = risk - reference
        shown = np.where(above > least, above, np.nan)
        axes.plot(counts, shown, color=colour(2 * number), label=name, **style)
        below = np.asarray(counts)[above <= least]
        if len(below):
            axes.plot(
                below, np.zeros(len(below)), "v", color=colour(2 * number), markersize=5,
                label=f"below the axis: less than {least:g}", clip_on=False,
                transform=axes.get_xaxis_transform(),
            )  # fmt: skip
    levels = {cost: (1 + cost) * analysis.pruning.risk - reference for cost in COSTS}
    if not seen_apart(analysis, [*levels.values()], reference, least):
        levels.pop(max(levels))
    for cost, level in levels.items():
        both = f" to +{100 * max(COSTS):.0f}" if len(levels) < len(COSTS) else ""
        label = f"+{100 * cost:.0f}{both} %"
        if level > least:
            axes.axhline(
                level, color=ink(), linestyle=COSTS[cost], linewidth=0.8, label=label, zorder=0
            )


def seen_apart(analysis: Analysis, levels: Sequence[float], reference: float, least: float) -> bool:
    """Whether the first and the last of levels differ by what can be seen in a panel, which is
    logarithmic where there is a ``least``."""
    risks = np.concatenate([*risks_of(analysis).values()]) - reference
    values = np.array([*levels, *risks[np.isfinite(risks)]])
    if np.isfinite(least):
        values = np.log(np.maximum(values, least))
    extent = float(values.max() - values.min())
    return bool(abs(values[len(levels) - 1] - values[0]) > SEEN * extent)


def name_removals(axes: Axes, analysis: Analysis) -> None:
    """How many are gone, and of a few which."""
    removals, word = analysis.pruning.removals, analysis.geometry.word
    few = len(removals) <= MOST_NAMED
    names = [
        f"{len(one.learners)}" + f"\n{numbered(one.learners).replace(' ', '')}" * few
        for one in removals
    ]
    how = "" if analysis.pruning.exhaustive else ", one by one"
    axes.set_xticks(range(len(removals)), names)
    axes.set_xlabel(f"{word}s removed{', and which' if few else how}")
