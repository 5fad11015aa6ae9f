"""Chapters for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from orderparams.views.story.blocks import Block, Chapter, Sentence, Table
from orderparams.views.tables import WIDTH, aligned, state_table


def lines(chapters: Iterable[Chapter]) -> list[str]:
    """All chapters, a blank line before each."""
    found: list[str] = []
    for chapter in chapters:
        found += ["", *([chapter.title] if chapter.title else [])]
        before: Block | None = None
        for block in chapter.blocks:
            if before is not None and not (is_text(block) and is_text(before)):
                found.append("")
            found += block_lines(block)
            before = block
    return found


def is_text(block: Block) -> bool:
    """Whether a block is a sentence, which needs no blank line beside another."""
    return isinstance(block, Sentence)


def block_lines(block: Block) -> list[str]:
    """One block."""
    if isinstance(block, Sentence):
        return wrapped(block.text)
    if isinstance(block, Table):
        return aligned(block.columns, block.rows, block.left)
    return state_table(block.parameters, block.state, "--json has all")


def wrapped(text: str) -> list[str]:
    """A sentence in lines, those after the first further in."""
    return textwrap.wrap(
        text, WIDTH - 2, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
    )
