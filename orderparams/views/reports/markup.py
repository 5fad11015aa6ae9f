"""HTML from plain values. Every text is escaped here, and the page needs nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources

NUMBER = re.compile(r"[-−+]?\d+(\.\d+)?(e[-−+]?\d+)?|")
"""Cells of a column of numbers; some may be empty."""


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph; ``kind`` is its class in the stylesheet."""
    return f"<p{attribute('class', kind)}>{escape(text)}</p>"


def attribute(name: str, value: str) -> str:
    """An attribute with a blank before it, or nothing without a value."""
    return f' {name}="{escape(value)}"' if value else ""


def items(texts: Iterable[str]) -> str:
    """A list of short texts; nothing if there are none."""
    rows = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul>{rows}</ul>" if rows else ""


def terms(values: Mapping[str, str], kind: str = "") -> str:
    """Names and their values."""
    rows = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in values.items()
    )
    return f"<dl{attribute('class', kind)}>{rows}</dl>"


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[str] | None = None
) -> str:
    """A table; numbers stand to the right, or all columns but those that are to the ``left``. One
    of many columns scrolls by itself, also by the keyboard; where the screen is too narrow for it,
    a row is a list of its cells, each beside the name of its column."""
    kinds = [
        "number" if is_number(column, [row[number] for row in rows], left) else ""
        for number, column in enumerate(columns)
    ]
    head = "".join(
        f'<th scope="col"{attribute("class", kind)}>{escape(column)}</th>'
        for column, kind in zip(columns, kinds, strict=True)
    )
    body = "".join(f"<tr>{''.join(map(cell, columns, row, kinds))}</tr>" for row in rows)
    kind = attribute("class", "narrow" if width_of(columns, rows) <= NARROW else "")
    content = f"<table{kind}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scrolling" tabindex="0">{content}</div>'


NARROW = 36
"""Signs beside each other that a phone has room for."""


def width_of(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Signs that a table takes, with blanks between its columns."""
    return sum(max(map(len, cells)) + 3 for cells in zip(columns, *rows, strict=True)) - 3


def is_number(column: str, cells: Iterable[str], left: Sequence[str] | None) -> bool:
    """Whether a column stands to the right."""
    return all(map(NUMBER.fullmatch, cells)) if left is None else column not in left


def cell(column: str, text: str, kind: str) -> str:
    """A cell of a table, which knows the name of its column."""
    return f"<td{attribute('class', kind)}{attribute('data-column', column)}>{escape(text)}</td>"


PREAMBLE = re.compile(r"^.*?(?=<svg\b)", re.DOTALL)
"""What stands before the picture in a file: declarations that a page does not take."""

RECORD = re.compile(r"<metadata>.*?</metadata>\s*", re.DOTALL)
"""Who wrote the picture, in a vocabulary that is named by addresses."""

SPACES = re.compile(r"\s(?:xmlns(?::xlink)?|version)=\"[^\"]*\"")
"""Attributes that a picture needs only in a file of its own."""


def figure(wide: bytes, slim: bytes, caption: str) -> str:
    """A picture that is part of the page, and as wide as there is room; another for a phone."""
    pictures = picture(wide, caption, "wide") + picture(slim, caption, "slim")
    return f"<figure>{pictures}<figcaption>{escape(caption)}</figcaption></figure>"


def picture(svg: bytes, caption: str, kind: str) -> str:
    """The SVG of a file as a part of the page."""
    opening, rest = RECORD.sub("", PREAMBLE.sub("", svg.decode("utf-8"))).split(">", 1)
    opening = SPACES.sub("", opening)
    return f'{opening} class="{kind}" role="img"{attribute("aria-label", caption)}>{rest}'


def folded(summary: str, content: str) -> str:
    """Content that is shown when it is asked for."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def part(title: str, content: str) -> str:
    """Content under a small heading."""
    return f"<div><h3>{escape(title)}</h3>{content}</div>"


def columns(parts: Iterable[str]) -> str:
    """Parts side by side where there is room."""
    return f'<div class="columns">{"".join(parts)}</div>'


def section(title: str, *parts: str) -> str:
    """A part of the page under a heading."""
    return f"<section>\n<h2>{escape(title)}</h2>\n" + "\n".join(parts) + "\n</section>"


POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(title: str, kind: str, about: str, sections: Iterable[str], footer: str) -> str:
    """The whole document; it forbids the browser to load anything."""
    style = resources.files("orderparams.views.reports").joinpath("style.css").read_text("utf-8")
    content = "\n".join(sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<header>
{paragraph(kind, "kind")}
<h1>{escape(title)}</h1>
{paragraph(about)}
</header>
<main>
{content}
</main>
<footer>
{paragraph(footer)}
</footer>
</body>
</html>
"""
