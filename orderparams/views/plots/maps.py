"""Maps of a scan over two parameters."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.results.comparison import FALSE_ALARM
from orderparams.views.plots.choice import Choice
from orderparams.views.plots.layout import Row, place
from orderparams.views.plots.quantities import LEAST, Quantity, Reference, quantiles
from orderparams.views.plots.style import colour, faint, ink
from orderparams.views.plots.ticks import cell_edges, label_axis, limits, positions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

HEIGHT, WIDTH = 1.85, 2.2
"""Inches of a map."""

LETTERS = 28
"""Those of a line of its title."""


class Map(NamedTuple):
    """A map for each line: title, label of the colours, values (line, over…), and whether they are
    logarithms of p-values."""

    title: str
    label: str
    values: Array
    pvalue: bool = False


def rows_of(choice: Choice, shown: Sequence[Map]) -> list[Row]:
    """A row for each quantity with a map for each line; of a single line, one after the other."""
    if len(choice.lines) == 1:
        return [Row((1.0,) * len(shown), HEIGHT, WIDTH)]
    return [Row((1.0,) * len(choice.lines), HEIGHT, WIDTH)] * len(shown)


def draw_maps(figure: Figure, choice: Choice, shown: Sequence[Map], rows: Sequence[Row]) -> None:
    """All maps; those of the same quantity have one scale."""
    places = [(one, line) for one in shown for line in range(len(choice.lines))]
    spots = [spot for row in place(figure, rows) for spot in row]
    for (one, line), spot in zip(places, spots, strict=True):
        axes = figure.add_subplot(spot)
        values = one.values
        shades = {"vmin": np.nanmin(values), "vmax": np.nanmax(values)}
        image = draw_map(axes, choice, line, values[line], shades)
        title = ", ".join(filter(None, (one.title, choice.lines[line])))
        axes.set_title("\n".join(textwrap.wrap(title, LETTERS)))
        bar = figure.colorbar(image, ax=axes, label=one.label)
        if one.pvalue and shades["vmin"] < np.log10(FALSE_ALARM) < shades["vmax"]:
            bar.ax.axhline(np.log10(FALSE_ALARM), color=ink(), linewidth=1.5)


def maps_of(choice: Choice, found: Sequence[Quantity], reference: Reference) -> list[Map]:
    """The maps that have values."""
    shown = []
    for quantity in found:
        middle = quantiles(quantity.values)[1]
        label = quantity.label
        if quantity.logarithmic:
            middle, label = np.log10(np.maximum(middle, LEAST)), f"log₁₀({label})"
        if quantity.ranks:
            largest = np.fmax.reduce(np.abs(middle), axis=-1)
            shown.append(Map(quantity.title, quantity.largest, largest))
        elif quantity.curves:
            pvalue = quantity.name == "pvalue"
            shown += [
                Map(name, label, middle[..., i], pvalue) for i, name in enumerate(quantity.curves)
            ]
        else:
            shown.append(Map(quantity.title, label, middle[..., 0]))
            if quantity.title == "risk" and reference is not None:
                excess = middle[..., 0] - quantiles(choice.arrays[reference[0]])[1]
                shown.append(Map("excess risk", f"E − {reference[1]}", excess))
    return [one for one in shown if np.isfinite(one.values).any()]


def draw_map(
    axes: Axes, choice: Choice, line: int, values: Array, shades: Mapping[str, Any]
) -> Any:
    """Cells on a grid, or coloured points; crosses where a point did not finish."""
    missing = failures(choice)[line]
    x, y = (positions(parameter) for parameter in choice.over)
    axes.set_facecolor(faint())
    label_axis(axes.xaxis, choice.over[0])
    label_axis(axes.yaxis, choice.over[1])
    if choice.grid:
        edges = (cell_edges(parameter) for parameter in choice.over)
        image: Any = axes.pcolormesh(*edges, values.T, **shades)
        x, y = (grid.ravel() for grid in np.meshgrid(x, y, indexing="ij"))
    else:
        image = axes.scatter(x, y, c=values, s=25, **shades)
        axes.set(xlim=limits(choice.over[0]), ylim=limits(choice.over[1]))
    axes.plot(
        x[missing.ravel()], y[missing.ravel()], "x", color=colour(1), markersize=6,
        label="not finished" if missing.any() else None,
    )  # fmt: skip
    return image


def failures(choice: Choice) -> NDArray[np.bool_]:
    """Points with a sample that did not finish, (line, over…)."""
    ended = choice.arrays["status"]
    return np.asarray(np.isin(ended, ("failed", "missing")).any(axis=1))
