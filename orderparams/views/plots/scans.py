"""Scans: lines over one parameter, maps over two."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orderparams.models import registry
from orderparams.models.parameters import OrderParameter
from orderparams.results.comparison import FALSE_ALARM
from orderparams.results.scan import Scan
from orderparams.results.schema import table
from orderparams.views.plots import legends
from orderparams.views.plots.choice import Choice, choose, with_logs
from orderparams.views.plots.layout import Row, blank, fitted, place
from orderparams.views.plots.lines import on_axis, width
from orderparams.views.plots.maps import draw_maps, failures, maps_of, rows_of
from orderparams.views.plots.quantities import Quantity, Reference, quantiles, quantities
from orderparams.views.plots.request import PLAIN, Request
from orderparams.views.plots.risk import far_below, spread
from orderparams.views.plots.sources import floor_of
from orderparams.views.plots.style import MARKERS, STYLES, colour, deep, heading, ink, line_style
from orderparams.views.plots.subject import rule_of
from orderparams.views.plots.ticks import label_axis, positions, steady, upright

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

HEIGHT, WIDTH = 1.75, 2.0
"""Inches of a panel; it is wider where there is room."""

FLOOR = "floor"
"""Name of what an excess risk is above in a model that has no risk to compare with."""

FILLINGS = ("full", "none", "left", "right", "top", "bottom")
"""Parts of a marker that are filled."""

RANKED = "ranks in the order of the values of each panel"
LEARNED = "learned"
"""What keys are where an order parameter moves that is fixed otherwise."""

FAINT = 0.2
"""Opacity of a band; a bar has twice of it."""

TRAINED = ("solve", "simulate", "validate")
"""Actions whose points are trained."""

BESIDE = 0.4
"""Distance between the first and the last of the points at one word, which stand beside each
other."""


def plot_scan(
    scan: Scan,
    at: Mapping[str, str] | None = None,
    over: Sequence[str] = (),
    *,
    request: Request = PLAIN,
) -> Figure:
    """Lines over one varied parameter, maps over two; a line or a map for each of the rest.

    ``at`` fixes parameters, ``over`` names those to draw over. Points that failed are marked.
    :class:`ConfigurationError` where there is a choice to make.
    """
    choice = choose(scan, at or {}, over)
    flat = len(choice.over) == 1
    choice = with_logs(choice, request.log.replace("y", "") if flat else request.log)
    known = registry.configuration(scan.problem.model).REFERENCES
    reference = next(
        ((name, words) for name, words in known.items() if name in choice.arrays), None
    )
    if request.excess and reference is None and (floor := floor_of(scan.problem)):
        words, value = floor
        choice = replace(choice, arrays={**choice.arrays, FLOOR: np.array(value)})
        reference = FLOOR, words
    found = quantities(choice, changing(scan, request), reference, request, scan.action)
    if flat:
        choice = replace(choice, single=all(one.values.shape[-1] == 1 for one in found))
        rows = [Row((1.0,) * len(found), HEIGHT, WIDTH)]
        figure = blank(rows, request)
    else:
        shown = maps_of(choice, found, reference)
        rows = rows_of(choice, shown)
        figure = blank(rows, request)
    idle = () if scan.action in TRAINED else ("training",)
    varied = tuple(scan.keys.values())
    heading(figure, scan.problem, rule_of(scan), varied, choice.fixed, request.title, idle)
    if flat:
        draw_panels(figure, choice, found, reference, rows, log=request.log in ("y", "both"))
    else:
        draw_maps(figure, choice, shown, rows)
    ranked = flat and any(quantity.ranks and quantity.curves for quantity in found)
    legends.strip(figure, RANKED if ranked else "")
    return fitted(figure, request)


def changing(scan: Scan, request: Request) -> list[OrderParameter]:
    """Order parameters that move at some point, and those that are asked for."""
    moving = registry.configuration(scan.problem.model).order_parameters(scan.problem)
    learned = any(LEARNED in values for values in scan.parameters.values())
    return [
        one
        for one in table(scan.problem.model)
        if one in moving or learned or one.name in request.quantity
    ]


def draw_panels(
    figure: Figure,
    choice: Choice,
    found: Sequence[Quantity],
    reference: Reference,
    rows: Sequence[Row],
    *,
    log: bool,
) -> None:
    """A panel for each quantity, all over the same parameter."""
    for quantity, spot in zip(found, place(figure, rows)[0], strict=True):
        axes = figure.add_subplot(spot)
        level = choice.arrays[reference[0]] if quantity.title == "risk" and reference else None
        scaled = quantity.logarithmic or log or (level is not None and wide(quantity, level))
        draw_quantity(axes, choice, quantity, log=scaled)
        if quantity.title == "risk":
            draw_reference(axes, choice, reference)
        if quantity.name == "pvalue":
            draw_alarm(axes)
        if choice.over[0].seed and quantity.values.shape[1] == 1:
            draw_medians(axes, choice, quantity, log=scaled)
        if not scaled:
            steady(axes, quantity.values)
        mark_failures(axes, choice)
        label_axis(axes.xaxis, choice.over[0])
        axes.margins(x=0.05 if choice.over[0].numeric else 0.2)
        axes.set(
            title=quantity.title,
            ylabel=f"|{quantity.label}|" if log and quantity.ranks else quantity.label,
        )
        if scaled:
            upright(axes)
        if quantity.curves and not quantity.ranks:
            legends.above(axes)


def wide(quantity: Quantity, level: Array) -> bool:
    """Whether risks and those to compare with, but for those far below them, cover a decade."""
    known = quantity.values[np.isfinite(quantity.values)]
    least = known.min(initial=np.inf)
    near = [one for one in np.ravel(level) if not far_below(one, least)]
    return spread(np.append(known, near))


def draw_quantity(axes: Axes, choice: Choice, quantity: Quantity, *, log: bool) -> None:
    """Lines of the median and bands of the range; what is not known is a gap.

    Colours and markers tell lines apart, and dashes and filling their curves; colours and markers
    too of a single line.
    """
    x = positions(choice.over[0])
    order = np.argsort(x, kind="stable")
    low, middle, high = (on_axis(one, log=log) for one in quantiles(quantity.values)[:, :, order])
    count = len(choice.lines) * middle.shape[-1]
    for number in range(len(choice.lines)):
        for curve in range(middle.shape[-1]):
            style = style_of(choice, quantity, number, curve)
            shift = beside(choice, number * middle.shape[-1] + curve, count)
            values = middle[number, :, curve]
            axes.plot(
                x[order] + shift, values, label=named(choice, quantity, number, curve), **style
            )
            if quantity.values.shape[1] > 1:
                band = (low[number, :, curve], high[number, :, curve])
                draw_range(axes, choice, x[order] + shift, band, style["color"])
    if (samples := quantity.values.shape[1]) > 1:
        name = f"range of {sampled(choice, samples)}, with the median"
        axes.fill_between([], [], [], color=ink(), alpha=FAINT, linewidth=0, label=name)
    if len(choice.lines) > 1:
        for curve, name in enumerate(dict.fromkeys(quantity.curves)):
            style = style_of(choice, quantity, 0, curve) | {"color": ink()}
            axes.plot([], [], label=name, **style)


def draw_medians(axes: Axes, choice: Choice, quantity: Quantity, *, log: bool) -> None:
    """The median and the range over the seeds of the axis, of each curve."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no seed is known: NaN
        spread = np.nanquantile(quantity.values[:, 0], [0, 0.5, 1], axis=1)
    low, middle, high = on_axis(spread, log=log)
    count = len(choice.over[0].values)
    for number, curve in np.ndindex(middle.shape):
        own = style_of(choice, quantity, number, curve)["color"]
        axes.axhspan(low[number, curve], high[number, curve], color=own, alpha=FAINT / 2, zorder=0)
        axes.axhline(middle[number, curve], color=own, linewidth=0.8 * width())
    axes.plot([], [], color=ink(), linewidth=0.8 * width(), label=f"median of {count} seeds")
    axes.fill_between([], [], [], color=ink(), alpha=FAINT / 2, linewidth=0, label="range")


def draw_range(axes: Axes, choice: Choice, x: Array, band: tuple[Array, Array], own: Any) -> None:
    """A band along a line; of single points a bar for each."""
    if connected(choice):
        axes.fill_between(x, *band, color=own, alpha=FAINT, linewidth=0)
    else:
        axes.vlines(x, *band, color=own, alpha=2 * FAINT, linewidth=2 * width())


def sampled(choice: Choice, samples: int) -> str:
    """What the samples of a point are."""
    seeds = int(choice.arrays["status"].shape[1])
    if samples == seeds:
        return f"{seeds} seeds"
    return f"{samples // seeds} replicas" + f" of {seeds} seeds" * (seeds > 1)


def named(choice: Choice, quantity: Quantity, number: int, curve: int) -> str | None:
    """The name of a line, or of a curve where there is a single line; None where it is said."""
    if len(choice.lines) > 1:
        named_above = quantity.curves and not quantity.ranks
        return None if curve or named_above else choice.lines[number]
    if not quantity.curves or quantity.curves[curve] in quantity.curves[:curve]:
        return None
    return quantity.curves[curve]


def style_of(choice: Choice, quantity: Quantity, number: int, curve: int) -> dict[str, Any]:
    """Colour, dashes, width, marker of one curve of a line; the first are wide and large, so that
    those that coincide with them are seen.

    Of several lines colour and marker tell the line in every panel, dashes and filling its curve,
    or the line too where it is a single curve.
    """
    several = len(choice.lines) > 1
    own = number if several or not quantity.curves else curve
    style = line_style(own)
    if several:
        dashes = number if choice.single else curve if quantity.curves else 0
        style["linestyle"] = STYLES[dashes % len(STYLES)]
    if not connected(choice):
        style["linestyle"] = "none"
    style["marker"] = MARKERS[own % len(MARKERS)]
    style["fillstyle"] = FILLINGS[curve % len(FILLINGS) if several else 0]
    kind = curve if quantity.curves else number
    return style | {"markersize": max(2.5, 4.5 - 0.5 * (kind + number))}


def beside(choice: Choice, place: int, count: int) -> float:
    """How far a point is put from the word that it belongs to: beside the others."""
    if choice.over[0].numeric or count == 1:
        return 0.0
    return BESIDE * (place / (count - 1) - 0.5)


def connected(choice: Choice) -> bool:
    """Whether values lie along a line: not those of words, seeds, nor scattered points."""
    return choice.grid and choice.over[0].numeric and not choice.over[0].seed


def draw_reference(axes: Axes, choice: Choice, reference: Reference) -> None:
    """A dashed line for each line; a single one where it is the same for all."""
    if reference is None:
        return
    name, words = reference
    x = positions(choice.over[0])
    order = np.argsort(x, kind="stable")
    levels = quantiles(choice.arrays[name])[1][:, order]
    least, common, largest = quantiles(levels[None])[:, 0]
    colours: list[Any] = [deep(colour(number)) for number in range(len(levels))]
    if not (largest - least > 1e-9).any():
        levels, colours = common[None], [ink()]
    dashes, marker = (STYLES[1], "") if connected(choice) else ("none", "_")
    style: dict[str, Any] = {"linestyle": dashes, "marker": marker, "markersize": 14}
    for level, own in zip(levels, colours, strict=True):
        axes.plot(x[order], level, color=own, linewidth=0.8 * width(), **style)
    axes.plot([], [], color=ink(), linewidth=0.8 * width(), label=words, **style)


def draw_alarm(axes: Axes) -> None:
    """The p-value below which theory and simulation disagree."""
    axes.axhline(
        FALSE_ALARM, color=ink(), linestyle=STYLES[3], linewidth=width(),
        label=f"false alarm, {100 * FALSE_ALARM:g} %",
    )  # fmt: skip


def mark_failures(axes: Axes, choice: Choice) -> None:
    """A cross below each gap, in the colour of its line."""
    label: str | None = "not finished"
    for number, line in enumerate(failures(choice)):
        x = positions(choice.over[0])[line]
        if x.size:
            axes.plot(
                x, np.zeros(len(x)), "x", color=line_style(number)["color"], label=label,
                markersize=5 + 2 * number, clip_on=False, transform=axes.get_xaxis_transform(),
            )  # fmt: skip
            label = None
