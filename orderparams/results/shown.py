"""What results show of themselves: a few short lines, and the same as a table for notebooks."""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import orderparams
from orderparams.config import Problem
from orderparams.config.words import describe
from orderparams.results.appearance import Appearance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_LINES = 12
WIDTH = 100


class Shown(ABC):
    """What came out of a problem, in at most MOST_LINES lines of at most WIDTH characters."""

    problem: Problem

    @abstractmethod
    def facts(self) -> Mapping[str, str]:
        """What there is to say of it beside the problem."""

    def rows(self) -> list[tuple[str, str]]:
        """The problem and the facts in words, each in one line."""
        words = {**describe(self.problem), **self.facts()}
        return [(key, " ".join(text.split())) for key, text in words.items()][: MOST_LINES - 1]

    def heading(self) -> str:
        """What it is of."""
        title = " ".join(self.problem.title.split())
        return f"{type(self).__name__}{f' {title!r}' if title else ''}"

    def plot(
        self,
        path: str | Path | None = None,
        *,
        force: bool = False,
        **appearance: Unpack[Appearance],
    ) -> Figure:
        """Draw it, as :func:`orderparams.plot` does, and write the figure if a path is given."""
        return orderparams.plot(self, path, force=force, **appearance)

    def __repr__(self) -> str:
        rows = [shortened(f"  {key:<12}{text}") for key, text in self.rows()]
        return "\n".join([f"<{shortened(self.heading(), WIDTH - 2)}>", *rows])

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><th style='text-align:left'>{html.escape(key)}</th>\n"
            f"<td style='text-align:left'>{html.escape(shortened(text))}</td></tr>\n"
            for key, text in self.rows()
        )
        return f"<div><b>{html.escape(shortened(self.heading()))}</b><table>{cells}</table></div>"


def shortened(text: str, width: int = WIDTH) -> str:
    """A line of no more than so many characters."""
    return text if len(text) <= width else f"{text[: width - 1]}…"
