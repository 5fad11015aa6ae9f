"""Lines, names and formats of all figures.

Colours are those of the theme, or of a style sheet. Lines differ in dashes as well, so that a grey
print tells them apart, and in width, so that of those that coincide all are seen.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from orderparams.config.titles import title_of
from orderparams.config.words import describe
from orderparams.errors import ConfigurationError
from orderparams.storage.files import atomic
from orderparams.storage.suffixes import FIGURES, check_suffix
from orderparams.views.plots.alignment import align
from orderparams.views.plots.themes import COLOURS, SETTINGS

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

    from orderparams.config import Problem

NARROW, SMALLER = 4.5, 7
"""Inches below which the heading of a figure has smaller letters, and their points."""

DIGITS = 6
"""Of places in a figure, as parts of its size."""

STYLES: list[Any] = ["-", (0, (4, 1.5)), (0, (4, 1.5, 1, 1.5)), (0, (1, 1))]
MARKERS = "os^Dv<>P"
WIDE, NARROWER, WIDTHS = 1.6, 0.88, 8
"""Width of the first line, as a multiple of the usual one, of each further one as a multiple of
that before, and after how many this begins anew."""


def colours() -> list[str]:
    """The colours of lines."""
    import matplotlib

    found: list[str] = matplotlib.rcParams["axes.prop_cycle"].by_key().get("color", COLOURS)
    return found


def colour(number: int) -> str:
    """The colour of a line."""
    known = colours()
    return known[number % len(known)]


def ink() -> Any:
    """The colour of text, and of lines that are no one's."""
    import matplotlib

    return matplotlib.rcParams["text.color"]


def faint() -> Any:
    """The colour of helping lines."""
    import matplotlib

    return matplotlib.rcParams["grid.color"]


def between(one: Any, other: Any) -> tuple[float, float, float]:
    """The colour halfway between two."""
    from matplotlib.colors import to_rgb

    red, green, blue = (np.array(to_rgb(one)) + np.array(to_rgb(other))) / 2
    return float(red), float(green), float(blue)


def deep(own: Any) -> tuple[float, float, float]:
    """A colour halfway to that of text, for a line over another of this colour."""
    return between(own, ink())


def quiet() -> tuple[float, float, float]:
    """The colour of a line that is no one's and lies over one in the colour of text."""
    import matplotlib

    return between(ink(), matplotlib.rcParams["axes.facecolor"])


DARK = 1.0
"""Sum of red, green and blue below which a ground is dark."""


def diverging() -> Any:
    """Colours of numbers with a sign: blue below and red above zero, which is white, or dark where
    panels are; or from black to white."""
    return shades("RdBu_r", "gray", ["#56B4E9", ground(), "#FF6B5B"])


def rising() -> Any:
    """Colours of shares: zero is white, or dark where panels are."""
    return shades("Blues", "Greys", [ground(), "#0072B2", "#BFE3F8"])


def ground() -> Any:
    """The colour of panels."""
    import matplotlib

    return matplotlib.rcParams["axes.facecolor"]


def shades(light: str, grey: str, dark: list[Any]) -> Any:
    """The colours of a matrix that suit the theme, of matplotlib or between those of ``dark``."""
    import matplotlib
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    if sum(to_rgb(ground())) < DARK:
        return LinearSegmentedColormap.from_list("night", dark)
    return grey if matplotlib.rcParams["image.cmap"] in ("gray", "grey") else light


def letters(points: float) -> float:
    """The size of a text that has so many points where the usual one has the default."""
    import matplotlib

    return points * float(matplotlib.rcParams["font.size"]) / float(SETTINGS["font.size"])


def line_style(number: int) -> dict[str, Any]:
    """Colour, dashes and width of a line: each is narrower than those before, over which it is
    drawn."""
    import matplotlib

    dashes = (number + number // len(colours())) % len(STYLES)
    return {
        "color": colour(number),
        "linestyle": STYLES[dashes],
        "linewidth": matplotlib.rcParams["lines.linewidth"] * WIDE * NARROWER ** (number % WIDTHS),
    }


def heading(
    figure: Figure | SubFigure,
    problem: Problem,
    rule: str | None = None,
    varied: Collection[str] = (),
    last: str = "",
    title: str | None = None,
    idle: Collection[str] = (),
) -> None:
    """Title and settings of a problem above a figure, without those that are ``varied`` and those
    in sections that are ``idle``, and a ``last`` line; or the ``title`` that was asked for."""
    words = about(describe(problem, rule, (*varied, *idle)), describe(problem, rule))
    if title == "":
        return
    size = letters(SMALLER) if figure.bbox.width < NARROW * figure.dpi else None
    figure.suptitle(" ", parse_math=False, fontsize=size)
    lines = [title_of(problem.title, varied), *joined(figure, words), last]
    if title is not None:
        lines = [title]
    headline(figure).set_text("\n".join(line for line in lines if line))
    fold(figure)


def joined(figure: Figure | SubFigure, words: Sequence[str]) -> list[str]:
    """Words about each part in as few lines as have room for them."""
    lines: list[str] = []
    for part in words:
        if lines and fits(figure, f"{lines[-1]}; {part}"):
            lines[-1] += f"; {part}"
        else:
            lines.append(part)
    return lines


def about(words: Mapping[str, str], whole: Mapping[str, str]) -> list[str]:
    """What is left of words about each part of a problem, behind the name of the part where those
    that begin the ``whole`` and say what it is are gone."""
    return [
        text if whole[part].split(", ")[0] == text.split(", ")[0] else f"{part}: {text}"
        for part, text in words.items()
    ]


def headline(figure: Any) -> Any:
    """The text of a heading, which has no public name; None if there is none."""
    return figure._suptitle


def fold(figure: Figure | SubFigure) -> None:
    """Break the lines of a heading that are wider than the figure after commas, and between words
    where that is not enough or leaves less than half a line."""
    heading, lines = headline(figure), []
    for line in heading.get_text().split("\n"):
        kept = ""
        for piece in line.replace(", ", ",\n").split("\n"):
            beside = not kept or fits(figure, f"{kept} {piece}") or not fits(figure, 2 * kept)
            for words in [piece] if beside and fits(figure, piece) else piece.split(" "):
                if kept and not fits(figure, f"{kept} {words}"):
                    lines.append(kept)
                    kept = words
                else:
                    kept = f"{kept} {words}" if kept else words
        lines.append(kept)
    heading.set_text("\n".join(lines))


def fits(figure: Figure | SubFigure, text: str) -> bool:
    """Whether a heading has room for a line."""
    heading = headline(figure)
    heading.set_text(text)
    return bool(heading.get_window_extent().width <= FULL * figure.bbox.width)


CRAMPED = "constrained_layout not applied"
"""How matplotlib's warning begins that there is no room."""

BAR, SMALL = "<colorbar>", 0.3
"""Label that matplotlib gives a bar of colours, and inches of a panel in which nothing is seen."""

LAID_OUT: dict[Any, Any] = {"figure.autolayout": False, "figure.constrained_layout.use": False}
"""Settings, which a style sheet may have otherwise, of figures that are laid out already."""

FULL = 0.96
"""The part of a figure's width that its texts take at most."""


def settle(figure: Figure) -> None:
    """Lay a figure out once and for all, without the last digits of the layout: its solver finds
    others whenever it is asked. :class:`ConfigurationError` where there is no room."""
    import matplotlib

    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=CRAMPED)
        try:
            figure.draw_without_rendering()
        except UserWarning:
            raise no_room(figure) from None
    check_room(figure)
    with matplotlib.rc_context(LAID_OUT):
        figure.set_layout_engine(None)  # "none" leaves one, for which matplotlib draws twice
    align(figure)
    for part in (figure, *figure.subfigs):
        for text in part.texts:
            x, y = text.get_position()
            text.set_position((round(x, DIGITS), round(y, DIGITS)))
    for part in figure.subfigs:
        part.bbox_relative.set_points(np.round(part.bbox_relative.get_points(), DIGITS))
    for axes in figure.axes:
        axes.set_position(np.round(axes.get_position().bounds, DIGITS))


def check_room(figure: Figure) -> None:
    """:class:`ConfigurationError` where some panel is so small that nothing is seen in it."""
    sides = [
        side
        for axes in figure.axes
        if axes.get_label() != BAR
        for side in (axes.bbox.width, axes.bbox.height)
    ]
    if sides and min(sides) < SMALL * figure.dpi:
        raise no_room(figure)


def no_room(figure: Figure) -> ConfigurationError:
    """The error of a figure that is too small for its panels."""
    width, height = figure.get_size_inches()
    return ConfigurationError(
        f"there is no room for its panels in a figure of {width:g},{height:g} inches; give "
        "more, or column or page, whose height the panels decide"
    )


def save_figure(figure: Figure, path: Path, *, force: bool = True) -> None:
    """Write a figure; the suffix chooses the format. The bytes depend on the figure alone.

    An existing file is replaced by the whole figure or, with a :class:`FileError`, not at all.
    """
    check_suffix(path, FIGURES, "a figure")
    suffix = path.suffix.lower()
    settle(figure)
    metadata = {".png": {"Software": None}, ".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
    with atomic(path, force=force) as temporary:
        figure.savefig(temporary, format=suffix[1:], metadata=metadata[suffix])
