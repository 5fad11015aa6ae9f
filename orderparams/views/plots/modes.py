"""What moves in the modes at stationary points: squares of heads against directions."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.along import Shape, shape_of
from orderparams.models import registry
from orderparams.models.parameters import OrderParameter
from orderparams.views.plots.request import Request
from orderparams.views.plots.style import diverging, heading, letters
from orderparams.views.story.words import instant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from orderparams.results.analysis import Analysis
    from orderparams.results.analyzed.rests import Mode, Rest

Array = NDArray[np.float64]

MOST_UNSTABLE = 3
"""Modes of a stationary point that are drawn, beside the slowest that decays."""

NEUTRAL = 1e-5
"""Rates below this part of the largest are zero."""

SIGNED = 60
"""Squares up to which each has its sign written in it; of those below LEAST none has."""

LEAST = 0.15
PANEL, TITLE = (1.65, 1.0), 0.35
"""Inches of a mode, and of what is said above it and above each stationary point."""

LETTERS, FINE = 15, 17
"""Of a title, and of the words below all, in an inch."""


class Place(NamedTuple):
    """A stationary point, and what it is called."""

    name: str
    rest: Rest


def plot_modes(analysis: Analysis, request: Request) -> Figure:
    """A part for each stationary point: its unstable modes, and the slowest that decays."""
    from matplotlib.figure import Figure

    places = places_of(analysis)
    most = max(len(chosen(place.rest)) for place in places)
    width, height = request.size or (7.0 if most > 2 else 3.4, None)
    large = letters(1.0)
    columns = min(most, max(1, int(width / (PANEL[0] * large))))
    lines = [-(-len(chosen(place.rest)) // columns) for place in places]
    inches = [large * (TITLE + count * (PANEL[1] + TITLE)) for count in lines]
    figure = Figure(figsize=(width, height or sum(inches) + large), layout="constrained")
    parts = figure.subfigures(len(places), 1, height_ratios=inches, squeeze=False)[:, 0]
    several = any(mode.multiplicity > 1 for place in places for mode in chosen(place.rest))
    for part, place, count in zip(parts, places, lines, strict=True):
        part.suptitle(textwrap.fill(told(place), round(LETTERS * width / large)), x=0.01, ha="left")
        grid = part.add_gridspec(count, columns)
        for number, mode in enumerate(chosen(place.rest)):
            axes = part.add_subplot(grid[number // columns, number % columns])
            shape = shape_of(place.rest, mode, analysis.trajectory)
            draw_shape(axes, shape, analysis)
            axes.set_title(
                said(mode, analysis, round(LETTERS * width / columns / large)), fontsize=letters(7)
            )
            if number % columns == 0:
                axes.set_ylabel(analysis.geometry.word)
    heading(figure, analysis.problem, title=request.title)
    main = next(one for one in analysis.order_parameters if one.crossed)
    figure.supxlabel(legend(main, several, round(FINE * width / large)), fontsize=letters(7))
    return figure


def places_of(analysis: Analysis) -> list[Place]:
    """The stationary points in the order of a run."""
    words = f"all {analysis.geometry.word}s equal"
    several = len(analysis.pruning.removals) > 1
    first = [Place(words, analysis.unspecialized)] if several else []
    between = [Place(f"plateau {analysis.plateau_of(rest)}", rest) for rest in analysis.rests]
    end, found = Place("next to the end", analysis.final), [*first, *between]
    if not any(end.rest.is_at(place.rest, analysis.geometry) for place in found):
        found.append(end)
    return [place for place in found if place.rest.point.converged] or found[-1:]


def chosen(rest: Rest) -> list[Mode]:
    """The most unstable modes, and of those that decay the slowest."""
    least = NEUTRAL * max(abs(mode.eigenvalue) for mode in rest.modes)
    slowest = [mode for mode in rest.modes if mode.eigenvalue > least][:1]
    return [*rest.unstable[:MOST_UNSTABLE], *slowest]


def said(mode: Mode, analysis: Analysis, width: int) -> str:
    """The rate of a mode, its multiplicity, and what it is in words."""
    many = f" (×{mode.multiplicity})" if mode.multiplicity > 1 else ""
    words = wrapped(mode.describe(analysis.geometry), max(width, 12))
    return f"rate {mode.rate:+.3g}{many}\n{words}".replace("-", "−")


def told(place: Place) -> str:
    """A stationary point in a few words."""
    rest = place.rest
    text = f"{place.name}: risk {round(rest.point.risk, 10):.4g}, near t = {instant(rest.time)}"
    more = len(rest.unstable) - MOST_UNSTABLE
    return text + (f"; {more} more unstable" if more > 0 else "")


def draw_shape(axes: Axes, shape: Shape | None, analysis: Analysis) -> None:
    """Squares of one mode: a row for each vector, a column for each direction and for what else
    moves."""
    if shape is None:
        axes.text(
            0.5, 0.5, "outside of\nall directions", ha="center", va="center", fontsize=letters(7)
        )
        axes.set(xticks=[], yticks=[])
        return
    values, names = columns_of(shape, analysis)
    values = values / max(float(np.abs(values).max()), 1e-300)
    image = axes.imshow(values, cmap=diverging(), vmin=-1, vmax=1, aspect="auto")
    axes.set_xticks(range(len(names)), names)
    step = -(-len(values) // 8)
    rows = range(0, len(values), step)
    axes.set_yticks(rows, [str(row + 1) for row in rows])
    axes.tick_params(length=0)
    if values.size <= SIGNED:
        for (row, column), value in np.ndenumerate(values):
            if abs(value) >= LEAST:
                sign = "+" if value > 0 else "−"
                colour = against(image.cmap(0.5 + 0.5 * float(value)))
                axes.text(
                    column, row, sign, ha="center", va="center", fontsize=letters(7), color=colour
                )


def against(shade: Any) -> str:
    """Black or white, whichever can be read on a colour."""
    red, green, blue, _ = shade
    return "black" if 0.3 * red + 0.6 * green + 0.1 * blue > 0.5 else "white"


def columns_of(shape: Shape, analysis: Analysis) -> tuple[Array, list[str]]:
    """Values (n, columns), and what stands below each column."""
    known = registry.configuration(analysis.problem.model).PARAMETERS
    signs = {parameter.name: parameter.sign for parameter in known}
    columns = [*shape.measured.T]
    names = [str(number + 1) for number in range(len(columns))]
    if shape.outside is not None:
        columns.append(shape.outside)
        names.append("⊥")
    columns += shape.numbers.values()
    names += [signs[name] for name in shape.numbers]
    return np.column_stack(columns), names


def legend(parameter: OrderParameter, several: bool, width: int) -> str:
    """What the squares are, and what stands for a mode of several dimensions."""
    up, down = ("white", "black") if diverging() == "gray" else ("red", "blue")
    words, word = parameter.words, parameter.axes[1].word
    lines = [f"squares: change of the {words} with each {word}, {up} (+) up, {down} (−) down"]
    if several:
        lines.append(
            "of a mode of several dimensions (×): what the run took of it, or one weight's growth"
        )
    return "\n".join(wrapped(line, width) for line in lines)


def wrapped(text: str, width: int) -> str:
    """Broken after commas and colons, and between words where that is not enough."""
    parts = re.split(r"(?<=[,:]) ", text)
    whole = [
        part.replace(" ", "\N{NO-BREAK SPACE}") if len(part) <= width else part for part in parts
    ]
    return textwrap.fill(" ".join(whole), width).replace("\N{NO-BREAK SPACE}", " ")
