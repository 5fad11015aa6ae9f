"""Chapters as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from orderparams.views.story.blocks import Block, Chapter, Sentence, Table
from orderparams.views.tables import page_tables

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")
"""Signs that Markdown would take for its own."""


def document(title: str, about: Mapping[str, str], chapters: Iterable[Chapter]) -> str:
    """A page with a title, what it is about as a list, and a heading a chapter."""
    parts = [f"# {escaped(title)}"] if title else []
    parts.append("\n".join(f"- {escaped(name)}: {escaped(text)}" for name, text in about.items()))
    for chapter in chapters:
        parts += [f"## {escaped(chapter.title)}"] if chapter.title else []
        parts += [part for block in chapter.blocks for part in written(block)]
    return "\n\n".join(parts)


def written(block: Block) -> list[str]:
    """One block; order parameters may be several tables."""
    if isinstance(block, Sentence):
        return [escaped(block.text)]
    if isinstance(block, Table):
        return [table(block.columns, block.rows, block.left)]
    return [table(columns, rows) for columns, rows in page_tables(block.parameters, block.state)]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[str] = ()) -> str:
    """A table; numbers stand to the right."""
    marks = [":--" if column in left else "--:" for column in columns]
    body = [[escaped(cell) for cell in row] for row in (columns, *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (body[0], marks, *body[1:]))


def escaped(text: str) -> str:
    """A text as it is; line breaks become blanks."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))
