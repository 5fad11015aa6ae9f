"""Scans: lines over one parameter, maps over two."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import FileError
from orderparams.models import registry
from orderparams.models.parameters import OrderParameter
from orderparams.results.scan import Scan
from orderparams.results.schema import table
from orderparams.views.plots.choice import Choice, Parameter, choose
from orderparams.views.plots.courses import MOST_PANELS
from orderparams.views.plots.style import COLOURS, MARKERS, STYLES, heading, line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

PANEL = (4.2, 3.2)
"""Inches of one panel."""

MOST_COLUMNS = 3
MOST_TICKS = 8
LEAST = 1e-300
"""What p-values are drawn as that vanish."""
DECADES = 50
"""Range of a logarithmic axis from which on only powers of ten are labelled."""


@dataclass(frozen=True, eq=False)
class Quantity:
    """What a panel shows: values (line, sample, over…, curve), and curves that have names. A map
    shows the largest size of curves without names, which ``largest`` is the name of.
    """

    title: str
    label: str
    values: Array
    curves: tuple[str, ...] = ()
    logarithmic: bool = False
    largest: str = ""


def quantities(choice: Choice, parameters: Sequence[OrderParameter]) -> list[Quantity]:
    """Risk, order parameters at the end, stage times and p-values, where they are known."""
    arrays, depth = choice.arrays, 2 + (len(choice.over) if choice.grid else 1)

    def known(name: str) -> Array | None:
        """An array, replicas counted as samples."""
        if (replicas := arrays.get(f"replica_{name}")) is not None:
            samples = np.moveaxis(replicas, depth, 2)
            return samples.reshape(len(samples), -1, *samples.shape[3:])
        return arrays.get(name)

    found = []
    if (risk := known("risk")) is not None:
        found.append(Quantity("risk", "risk E", risk[..., None]))
    ends = {p: array for p in parameters if (array := known(p.name)) is not None}
    single = any(not p.crossed and p.prominent and np.isfinite(ends[p]).any() for p in ends)
    for parameter, array in ends.items():
        if parameter.crossed or single:
            found += final(parameter, array)
    if (times := known("stage_time")) is not None and times.shape[-1]:
        names = tuple(f"stage {stage + 1}" for stage in range(times.shape[-1]))
        found.append(Quantity("stages", "time t of specialization", times, names))
    tests = {"least_pvalue": "order parameters", "loss_pvalue": "loss"}
    if pvalues := {words: arrays[name] for name, words in tests.items() if name in arrays}:
        values = np.stack([*pvalues.values()], axis=-1)
        found.append(Quantity("theory and simulation", "p-value", values, tuple(pvalues), True))
    return [quantity for quantity in found if np.isfinite(quantity.values).any()]


def final(parameter: OrderParameter, values: Array) -> list[Quantity]:
    """An order parameter (…, own axes) at the end: a panel each of its panels, in which lines are
    in the order of their values."""
    lines = -np.sort(-parameter.lines(values), axis=-2)
    word = parameter.axes[0].word if parameter.axes else ""
    label = f"{parameter.words} {parameter.sign}" + f" of each {word}" * bool(word)
    largest = f"largest |{parameter.sign}|" + f" of a {word}" * bool(word)
    found = []
    for i in range(min(lines.shape[-1], MOST_PANELS)):
        title = f"final {parameter.words}"
        if parameter.crossed:
            title += f", {parameter.axes[1].word} {i + 1}"
        found.append(Quantity(title, label, lines[..., i], largest=largest))
    return found


def quantiles(values: Array) -> Array:
    """Least, median and largest of the samples (axis 1) that are known, (3, line, …)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no sample is known: NaN
        return np.asarray(np.nanquantile(values, [0, 0.5, 1], axis=1))


def plot_scan(scan: Scan, at: Mapping[str, str] | None = None, over: Sequence[str] = ()) -> Figure:
    """Lines over one varied parameter, maps over two; a line or a map for each of the rest.

    ``at`` fixes parameters, ``over`` names those to draw over. Points that failed are marked.
    :class:`ConfigurationError` where there is a choice to make.
    """
    choice = choose(scan, at or {}, over)
    found = quantities(choice, table(scan.problem.model))
    if not found:
        raise FileError("there is nothing to plot: no point of the scan has finished there")
    known = registry.configuration(scan.problem.model).REFERENCES
    reference = next(
        ((name, words) for name, words in known.items() if name in choice.arrays), None
    )
    draw = draw_lines if len(choice.over) == 1 else draw_maps
    figure = draw(choice, found, reference)
    rule = "sgd" if scan.action in ("simulate", "validate") else None
    heading(figure, scan.problem, rule, tuple(scan.keys.values()), choice.fixed)
    return figure


Reference = tuple[str, str] | None
"""Name of the array of a risk to compare with, and what it is called."""


def draw_lines(choice: Choice, found: Sequence[Quantity], reference: Reference) -> Figure:
    """A panel for each quantity, all over the same parameter."""
    columns = best_columns(len(found))
    figure = blank(len(found), columns)
    for number, quantity in enumerate(found, 1):
        axes = figure.add_subplot(-(-len(found) // columns), columns, number)
        draw_quantity(axes, choice, quantity)
        if quantity.title == "risk":
            draw_reference(axes, choice, reference)
        mark_failures(axes, choice)
        label_axis(axes.xaxis, choice.over[0])
        axes.margins(x=0.05 if choice.over[0].numeric else 0.2)
        axes.set(title=quantity.title, ylabel=quantity.label)
        if quantity.logarithmic:
            axes.set_yscale("log")
        if quantity.curves or number == 1:
            legend(axes)
    return figure


def legend(axes: Axes) -> None:
    """A legend where there is something to tell apart."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)


def positions(parameter: Parameter) -> NDArray[Any]:
    """Where values stand on an axis: words side by side."""
    if parameter.numeric:
        return parameter.values
    names, places = np.unique(parameter.values, return_inverse=True)
    first = [int(np.flatnonzero(parameter.values == name)[0]) for name in names]
    rank: NDArray[Any] = np.argsort(np.argsort(first))[places]
    return rank


def draw_quantity(axes: Axes, choice: Choice, quantity: Quantity) -> None:
    """Lines of the median and bands of the range; what is not known is a gap.

    Colours tell lines apart, dashes and markers the curves that have names.
    """
    x = positions(choice.over[0])
    order = np.argsort(x, kind="stable")
    low, middle, high = quantiles(quantity.values)[:, :, order]
    for number, name in enumerate(choice.lines):
        for curve in range(middle.shape[-1]):
            style = line_style(number)
            label, kind = (name if curve == 0 else ""), number
            if quantity.curves:  # which colour is which line, the first panel says
                label, kind = (quantity.curves[curve] if number == 0 else ""), curve
                style["linestyle"] = STYLES[curve % len(STYLES)]
            if not connected(choice):
                style["linestyle"] = "none"
            marker = MARKERS[kind % len(MARKERS)]
            values = middle[number, :, curve]
            axes.plot(x[order], values, marker=marker, markersize=3.5, label=label, **style)
            if quantity.values.shape[1] > 1:
                band = (low[number, :, curve], high[number, :, curve])
                axes.fill_between(x[order], *band, color=style["color"], alpha=0.2, linewidth=0)


def connected(choice: Choice) -> bool:
    """Whether values lie along a line: not those of words, nor of scattered points."""
    return choice.grid and choice.over[0].numeric


def draw_reference(axes: Axes, choice: Choice, reference: Reference) -> None:
    """A dashed line for each line; a single black one where it is the same for all."""
    if reference is None:
        return
    name, words = reference
    x = positions(choice.over[0])
    order = np.argsort(x, kind="stable")
    levels = quantiles(choice.arrays[name])[1][:, order]
    least, common, largest = quantiles(levels[None])[:, 0]
    colours = [line_style(number)["color"] for number in range(len(levels))]
    if not (largest - least > 1e-9).any():
        levels, colours = common[None], ["black"]
    dashes, marker = ("--", "") if connected(choice) else ("none", "_")
    for number, (level, colour) in enumerate(zip(levels, colours, strict=True)):
        label = "" if number else words
        axes.plot(
            x[order], level, color=colour, linewidth=1, linestyle=dashes, marker=marker, label=label
        )


def failures(choice: Choice) -> NDArray[np.bool_]:
    """Points with a sample that did not finish, (line, over…)."""
    ended = choice.arrays["status"]
    return np.asarray(np.isin(ended, ("failed", "missing")).any(axis=1))


def mark_failures(axes: Axes, choice: Choice) -> None:
    """A cross below each gap, in the colour of its line."""
    label = "not finished"
    for number, line in enumerate(failures(choice)):
        x = positions(choice.over[0])[line]
        if x.size:
            axes.plot(
                x, np.zeros(len(x)), "x", color=line_style(number)["color"], label=label,
                markersize=5 + 2 * number, clip_on=False, transform=axes.get_xaxis_transform(),
            )  # fmt: skip
            label = ""


def label_axis(axis: Any, parameter: Parameter) -> None:
    """Name, scale and ticks of an axis; a few values, and words, are all written out."""
    axis.set_label_text(parameter.label)
    if not parameter.numeric:
        texts = list(dict.fromkeys(parameter.values))
        axis.set_ticks(range(len(texts)), texts)
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


def draw_maps(choice: Choice, found: Sequence[Quantity], reference: Reference) -> Figure:
    """A row for each quantity with a map for each line; of a single line, one map after the other.

    Maps of the same quantity have one scale.
    """
    shown = maps(choice, found, reference)
    places = [(panel, line) for panel in shown for line in range(len(choice.lines))]
    columns = len(choice.lines) if len(choice.lines) > 1 else best_columns(len(shown))
    figure = blank(len(places), columns)
    for number, ((title, label, values), line) in enumerate(places, 1):
        axes = figure.add_subplot(-(-len(places) // columns), columns, number)
        shades = {"vmin": np.nanmin(values), "vmax": np.nanmax(values), "cmap": "viridis"}
        image = draw_map(axes, choice, line, values[line], shades)
        axes.set_title(", ".join(filter(None, (title, choice.lines[line]))))
        figure.colorbar(image, ax=axes, label=label)
    return figure


def best_columns(panels: int) -> int:
    """Panels beside each other: two by two look better than three and one."""
    return 2 if panels == 4 else min(MOST_COLUMNS, panels)


def blank(panels: int, columns: int) -> Figure:
    """An empty figure of the size that so many panels need."""
    from matplotlib.figure import Figure

    rows = -(-panels // columns)
    return Figure(figsize=(PANEL[0] * columns, PANEL[1] * rows), layout="constrained")


def maps(
    choice: Choice, found: Sequence[Quantity], reference: Reference
) -> list[tuple[str, str, Array]]:
    """Title, label and values (line, over…) of each column of maps that has values."""
    columns = []
    for quantity in found:
        middle = quantiles(quantity.values)[1]
        if quantity.title == "risk":
            columns.append((quantity.title, quantity.label, middle[..., 0]))
            if reference is not None:
                excess = middle[..., 0] - quantiles(choice.arrays[reference[0]])[1]
                columns.append(("excess risk", f"E − {reference[1]}", excess))
        elif quantity.curves:
            values = np.log10(np.maximum(middle, LEAST)) if quantity.logarithmic else middle
            label = f"log₁₀ {quantity.label}" if quantity.logarithmic else quantity.label
            columns += [(name, label, values[..., i]) for i, name in enumerate(quantity.curves)]
        else:
            largest = np.fmax.reduce(np.abs(middle), axis=-1)
            columns.append((quantity.title, quantity.largest, largest))
    return [column for column in columns if np.isfinite(column[2]).any()]


def draw_map(
    axes: Axes, choice: Choice, line: int, values: Array, shades: Mapping[str, Any]
) -> Any:
    """Cells on a grid, or coloured points; crosses where a point did not finish."""
    missing = failures(choice)[line]
    x, y = (positions(parameter) for parameter in choice.over)
    axes.set_facecolor("0.9")
    label_axis(axes.xaxis, choice.over[0])
    label_axis(axes.yaxis, choice.over[1])
    if choice.grid:
        edges = (cell_edges(parameter) for parameter in choice.over)
        image: Any = axes.pcolormesh(*edges, values.T, **shades)
        x, y = (grid.ravel() for grid in np.meshgrid(x, y, indexing="ij"))
    else:
        image = axes.scatter(x, y, c=values, s=25, **shades)
        axes.set(xlim=limits(choice.over[0]), ylim=limits(choice.over[1]))
    axes.plot(x[missing.ravel()], y[missing.ravel()], "x", color=COLOURS[1], markersize=6)
    return image


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
