"""Chapters of a story as sections of a page."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from orderparams.models.parameters import OrderParameter
from orderparams.views.reports.markup import items, paragraph, section, table
from orderparams.views.story.blocks import Block, Chapter, Sentence, Table
from orderparams.views.tables import page_tables

HYPHEN = re.compile(r"(?<![\w.])-(?=[\dp])")
"""A minus before a number or a direction."""


def sections(chapters: Iterable[Chapter]) -> list[str]:
    """A section each; what has no title is what it comes to."""
    found = []
    for chapter in chapters:
        parts = [
            part
            for kind, blocks in itertools.groupby(chapter.blocks, lambda block: type(block))
            for part in (texts(blocks) if kind is Sentence else map_blocks(blocks))
        ]
        if not chapter.title:
            parts = [paragraph(minus(b.text)) for b in chapter.blocks if isinstance(b, Sentence)]
        found.append(section(chapter.title or "In short", *parts))
    return found


def texts(blocks: Iterable[Block]) -> list[str]:
    """Sentences: a paragraph, or a list of several."""
    told = [minus(block.text) for block in blocks if isinstance(block, Sentence)]
    return [items(told)] if len(told) > 1 else [paragraph(text) for text in told]


def map_blocks(blocks: Iterable[Block]) -> list[str]:
    """Tables."""
    found = []
    for block in blocks:
        if isinstance(block, Table):
            rows = [[minus(cell) for cell in row] for row in block.rows]
            found.append(table(block.columns, rows, block.left))
        elif not isinstance(block, Sentence):
            found += state(block.parameters, block.state)
    return found


def state(
    parameters: Iterable[OrderParameter],
    values: Mapping[str, Any],
    along: Mapping[str, Sequence[Any]] = MappingProxyType({}),
    decimals: Mapping[str, int] = MappingProxyType({}),
) -> list[str]:
    """Order parameters in tables, one for each kind of row, by the values ``along`` an axis; with
    ``decimals`` at most of those that are not exact."""
    return [
        table(columns, [[minus(cell) for cell in row] for row in rows])
        for columns, rows in page_tables(parameters, values, along, decimals)
    ]


def minus(text: str) -> str:
    """A text with minus signs instead of hyphens."""
    return HYPHEN.sub("−", text)
