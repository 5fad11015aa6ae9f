"""Text for a terminal of 80 columns."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator

import click

WIDTH = 80
MOST_INDENT = 30


def show(lines: Iterable[str]) -> None:
    """Print lines, those broken that are too wide."""
    click.echo("\n".join(part for line in lines for part in fitted(line)))


def note(text: str) -> None:
    """Say something beside the result: lines as they are in a log, on a terminal broken between
    words."""
    parts = text.split("\n")
    if on_terminal():
        parts = [part for line in parts for part in fitted(line)]
    click.echo("\n".join(parts), err=True)


def on_terminal() -> bool:
    """Whether somebody reads standard error as it comes."""
    return sys.stderr.isatty()


def columns(text: str) -> int:
    """Columns that a terminal gives to a text."""
    return sum(
        0 if unicodedata.combining(sign) else 1 + (unicodedata.east_asian_width(sign) in "WF")
        for sign in text
    )


def fitted(line: str) -> Iterator[str]:
    """A line in parts of at most WIDTH columns. A path longer than that stays whole, to be copied.

    Parts after the first stand below the text that follows a label. Signs that are not printable
    are written as Python writes them.
    """
    line = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in line)
    if columns(line) <= WIDTH:
        yield line
        return
    label = re.match(r"\s*\S.*?\s{2,}", line)
    blank = len(line) - len(line.lstrip())
    indent = " " * (label.end() if label and label.end() <= MOST_INDENT else blank + 4)
    part, empty = "", True
    for word in re.findall(r"\s*\S+", line):
        alone = "/" in word or columns(indent + word.lstrip()) <= WIDTH
        if alone and not empty and columns(part + word) > WIDTH:
            yield part
            part, word, empty = indent, word.lstrip(), True
        while columns(part + word) > WIDTH and "/" not in word:
            fits = max(i for i in range(len(word)) if columns(part + word[:i]) <= WIDTH)
            yield part + word[:fits]
            part, word = indent, word[fits:]
        part, empty = part + word, False
    yield part
