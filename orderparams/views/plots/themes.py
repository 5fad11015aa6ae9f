"""Looks of figures: matplotlib's settings for all of them, those of each theme, and style sheets.

Colours are those of Okabe and Ito, which colour-blind readers tell apart, with a dark red for the
yellow, which is too pale for lines on white. Grey ones are shades that
a grey print keeps; dashes and widths tell lines apart there.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from orderparams.errors import ConfigurationError, FileError, reason

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#882255"]
BRIGHT = ["#56B4E9", "#E69F00", "#2FC79A", "#F0A6CF", "#F0E442", "#4C9AE0", "#FFFFFF", "#FF7F50"]
GREYS = ["#000000", "#707070", "#A8A8A8", "#404040"]


def cycle(colours: list[str]) -> str:
    """The colours of lines as matplotlib's settings take them."""
    return f"cycler('color', {colours})"


SETTINGS: dict[str, Any] = {
    "font.size": 8,
    "figure.titlesize": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycle(COLOURS),
    "grid.color": "#CCCCCC",
    "figure.dpi": 150,
    "svg.hashsalt": "orderparams",
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.fonttype": "path",
}
"""Those of the theme light, and of all others where they say nothing else.

PDF carries its fonts as TrueType, of which texts can be searched and edited; SVG the outlines of
its signs, which look the same where the font is not installed.
"""

SIZE = "font.size"
SIZES = (
    "figure.titlesize",
    "axes.titlesize",
    "axes.labelsize",
    "xtick.labelsize",
    "ytick.labelsize",
    "legend.fontsize",
    "legend.title_fontsize",
)
"""Sizes of texts that follow the first where a style sheet gives it alone."""

NIGHT, CHALK = "#14171A", "#E6E6E6"

THEMES: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {
        **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), NIGHT),
        **dict.fromkeys(
            (
                *("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"),
                "lines.color",
            ),
            CHALK,
        ),
        "axes.prop_cycle": cycle(BRIGHT),
        "grid.color": "#4A4F55",
    },
    "grey": {"axes.prop_cycle": cycle(GREYS), "image.cmap": "gray"},
}
"""By its name what a theme changes."""

POWERLESS = ("backend", "backend_fallback", "interactive", "toolbar", "figure.max_open_warning")
"""Settings of a style sheet that are about windows, and change no figure."""


DEFAULT = "light"


def settings_of(theme: str, style: Path | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """matplotlib's settings in a theme, and those of a style sheet.

    :class:`ConfigurationError` for a theme that there is not and for a bad style sheet;
    :class:`FileError` for one that cannot be read.
    """
    if theme not in THEMES:
        raise ConfigurationError(f"there is no theme {theme!r}; it is one of {', '.join(THEMES)}")
    added = {} if style is None else sheet(style)
    own = SETTINGS | THEMES[theme]
    if SIZE in added:  # sizes of other texts are parts of this one
        own |= {
            name: own[name] * added[SIZE] / own[SIZE]
            for name in own
            if name in SIZES and name not in added
        }
    return own, added


def sheet(path: Path) -> dict[str, Any]:
    """The settings in a style sheet of matplotlib, which tells of bad ones only in its log."""
    import matplotlib

    told = Told()
    logger = logging.getLogger("matplotlib")
    handlers, propagate = logger.handlers[:], logger.propagate
    logger.handlers, logger.propagate = [told], False
    try:
        read: Any = matplotlib.rc_params_from_file
        found: dict[str, Any] = {**read(path, fail_on_error=True, use_default_template=False)}
    except OSError as error:
        raise FileError(f"{path} could not be read: {reason(error)}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is no style sheet of matplotlib: it is no text") from None
    except ValueError as error:
        raise ConfigurationError(f"{path}: {first_line(str(error))}; {EXAMPLE}") from None
    finally:
        logger.handlers, logger.propagate = handlers, propagate
    if told.texts:
        raise ConfigurationError(f"{path}: {first_line(told.texts[0])}; {EXAMPLE}")
    if idle := [name for name in found if name in POWERLESS]:
        raise ConfigurationError(f"{path}: {idle[0]} changes no figure; leave it out")
    return found


EXAMPLE = "a style sheet has lines such as font.size: 9"


class Told(logging.Handler):
    """Keeps what matplotlib says of a file."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def first_line(text: str) -> str:
    """The first line of a message that is not empty, as a part of ours."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return (line[:1].lower() + line[1:]).rstrip(".")
