"""The risk in time: beside the one to compare with, or above it on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError
from orderparams.views.plots.lines import Part, draw_line, width
from orderparams.views.plots.sources import Source
from orderparams.views.plots.style import STYLES, WIDE, colour, deep, ink, line_style, quiet
from orderparams.views.plots.ticks import DECADE, upright

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

DASHES = [*STYLES[2:], STYLES[0], (0, (9, 3)), (0, (4, 1.5, 1, 1.5, 1, 1.5))]
"""Of other risks to compare with; STYLES[1] is that of the first."""

FAR = 1e3
"""Ratio of a risk to one to compare with from which on an axis of both would show neither well."""

REACHED = 0.98
"""Of the risk at the start: what lies higher says nothing of what is learned."""


def check_excess(sources: Sequence[Source]) -> None:
    """:class:`ConfigurationError` where there is nothing to subtract from the risk."""
    for source in sources:
        if source.lowest is None:
            of = f" of {source.label}" if source.label else ""
            raise ConfigurationError(
                f"there is no excess risk{of}: a risk to compare with is not known here", "log risk"
            )


def level(source: Source, *, excess: bool) -> float:
    """What is subtracted from the risk."""
    return source.lowest[1] if excess and source.lowest is not None else 0.0


def label_of(sources: Sequence[Source], *, excess: bool) -> str:
    """What stands at the axis."""
    lowest = sources[0].lowest
    return f"E − {lowest[0]}" if excess and lowest is not None else "risk E"


def draw_risks(
    axes: Axes,
    sources: Sequence[Source],
    parts: Sequence[Part],
    *,
    excess: bool,
    log: bool,
) -> None:
    """E(t) of each, in one colour each if there are several that are not theory over replicas."""
    apart = len(sources) > 1 and Part.ALONE in parts
    for number, (source, part) in enumerate(zip(sources, parts, strict=True)):
        style = line_style(number)
        if not apart:
            style |= {"color": ink(), "linestyle": STYLES[0], "linewidth": WIDE * width()}
        values = source.risk - level(source, excess=excess)
        if log:
            values = np.where(values > 0, values, np.nan)
        label = source.label if apart else "" if source.replicas else "risk"
        draw_line(axes, source.time, values, style, label, part)
    if not any(np.isfinite(np.asarray(line.get_ydata(), float)).any() for line in axes.lines):
        why = "never above the one to compare with" if risen(sources) else "not known"
        axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center")
    if not excess:
        draw_references(axes, sources, apart=apart)
    if len(sources) == 1:
        draw_others(axes, sources[0], level(sources[0], excess=excess))
    if log:
        upright(axes)


def risen(sources: Sequence[Source]) -> bool:
    """Whether a risk is known at some time."""
    return any(np.isfinite(source.risk).any() for source in sources)


def draw_references(axes: Axes, sources: Sequence[Source], *, apart: bool) -> None:
    """The risk to compare with of each source, dashed over the risk: once where it is the same for
    all, else in the colour and with the name of its source."""
    levels: list[tuple[Source, Any, str, float]] = []
    for number, source in enumerate(sources):
        if source.reference is not None:
            levels.append((source, deep(colour(number)), *source.reference))
    shared = all(np.isclose(level[-1], levels[0][-1], rtol=1e-6) for level in levels)
    for source, own, name, value in levels[:1] if shared else levels:
        axes.axhline(
            value,
            color=quiet() if shared else own,
            linestyle=STYLES[1],
            linewidth=0.8 * width(),
            label=name if shared or not apart else f"{name}, {source.label}",
            zorder=3,
        )


def others(source: Source, below: float) -> dict[float, list[str]]:
    """All other risks to compare with that the risk can reach and that are not ``below``, with
    their names; equal ones are one."""
    named: dict[float, list[str]] = {}
    for name, value in list(source.references.items())[1:]:
        if below < value < REACHED * source.risk.flat[0]:
            named.setdefault(float(f"{value:.6g}"), []).append(name)
    return named


def over_decades(sources: Sequence[Source]) -> bool:
    """Whether the risks and those to compare with, which must be positive, cover a decade.

    What is further below all risks than FAR does not count: none comes near it.
    """
    levels = [source.reference[1] for source in sources if source.reference is not None]
    levels += [value for source in sources[:1] for value in others(source, 0.0)]
    if not levels:
        return False
    risks = np.concatenate([source.risk.ravel() for source in sources])
    least = risks[np.isfinite(risks)].min(initial=np.inf)
    near = [value for value in levels if not far_below(value, least)]
    return spread(np.concatenate([near, risks]))


def far_below(level: float, least: float) -> bool:
    """Whether a positive risk to compare with is so far below all risks that none comes near it."""
    return bool(0 < FAR * level < least)


def spread(values: Array) -> bool:
    """Whether numbers, as far as they are known, are positive and cover a decade."""
    known = values[np.isfinite(values)]
    return known.size > 0 and bool(0 < DECADE * known.min() <= known.max())


def draw_others(axes: Axes, source: Source, below: float) -> None:
    """All other risks to compare with, minus ``below``."""
    for number, (value, names) in enumerate(others(source, below).items()):
        axes.axhline(
            value - below,
            color=quiet(),
            linestyle=DASHES[number % len(DASHES)],
            linewidth=0.8 * width(),
            label=", ".join(names),
            zorder=1,
        )


def draw_plateaus(axes: Axes, source: Source, *, excess: bool) -> None:
    """The level of each plateau of the risk, as long as it lasts."""
    stages = source.stages
    for number, plateau in enumerate(stages.plateaus if stages is not None else ()):
        height = plateau.level - level(source, excess=excess)
        axes.plot(
            [plateau.start, plateau.end],
            [height, height],
            color=colour(0),
            linewidth=5,
            alpha=0.35,
            solid_capstyle="butt",
            label=None if number else "plateaus",
        )


def draw_saddles(axes: Axes, saddles: Sequence[tuple[float, float]], below: float) -> None:
    """The risks of saddles minus ``below``, at the times at which a run is next to them."""
    if saddles:
        times, risks = np.array(saddles).T
        axes.plot(times, risks - below, "x", color=ink(), markersize=5, zorder=5, label="saddles")
