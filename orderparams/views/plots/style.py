"""Colours, lines and formats of all figures.

Colours are those of Okabe and Ito, which colour-blind readers tell apart; lines beyond the eighth
repeat them with other dashes.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from orderparams.config.titles import title_of
from orderparams.config.words import describe
from orderparams.storage.files import atomic
from orderparams.storage.suffixes import FIGURES, check_suffix

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

    from orderparams.config import Problem

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442"]
DIGITS = 6
"""Of places in a figure, as parts of its size."""

STYLES = ["-", "--", ":", "-."]
MARKERS = "os^Dv<>P"
SETTINGS: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "legend.frameon": False,
    "svg.hashsalt": "orderparams",
    "figure.dpi": 150,
}


def line_style(number: int) -> dict[str, Any]:
    """Colour and dashes of a line."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": STYLES[number // len(COLOURS) % len(STYLES)],
        "linewidth": 1.4,
    }


def heading(
    figure: Figure | SubFigure,
    problem: Problem,
    rule: str | None = None,
    varied: Collection[str] = (),
    last: str = "",
) -> None:
    """Title and settings of a problem above a figure, without those that are ``varied``, and a
    ``last`` line."""
    words = describe(problem, rule, varied)
    lines = [line for line in (title_of(problem.title, varied), *words.values(), last) if line]
    figure.suptitle("\n".join(lines), parse_math=False, wrap=True, fontsize=9)


def settle(figure: Figure) -> None:
    """Lay a figure out once and for all, without the last digits of the layout: its solver finds
    others whenever it is asked."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for part in (figure, *figure.subfigs):
        for text in part.texts:
            x, y = text.get_position()
            text.set_position((round(x, DIGITS), round(y, DIGITS)))
    for part in figure.subfigs:
        part.bbox_relative.set_points(np.round(part.bbox_relative.get_points(), DIGITS))
    for axes in figure.axes:
        axes.set_position(np.round(axes.get_position().bounds, DIGITS))


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure; the suffix chooses the format. The bytes depend on the figure alone.

    An existing file is replaced by the whole figure or, with a :class:`FileError`, not at all.
    """
    check_suffix(path, FIGURES, "a figure")
    suffix = path.suffix.lower()
    settle(figure)
    metadata = {".png": {"Software": None}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
    with atomic(path, force=True) as temporary:
        figure.savefig(temporary, format=suffix[1:], metadata=metadata[suffix])
