"""The chapters of a model that analyzes its runs by itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from orderparams.views.story.blocks import Block, Chapter, Table, sentences
from orderparams.views.tables import WIDTH

if TYPE_CHECKING:
    from orderparams.models.findings import Finding
    from orderparams.results.findings import Findings


def chapters(result: Findings) -> list[Chapter]:
    """A chapter each."""
    return [Chapter(one.title, blocks(one)) for one in result.chapters]


def blocks(found: Finding) -> list[Block]:
    """Sentences, then the table: rows by their texts or numbers, as many tables as columns need;
    a column in which nothing is known is left out."""
    told = sentences(*found.sentences)
    columns: dict[str, list[Any]] = {
        column.head: column.values.tolist() for column in found.columns.values()
    }
    values: list[Any] = next(iter(columns.values()), [])
    if not values:
        return told
    if not isinstance(values[0], str):
        columns = {found.axis: list(range(1, len(values) + 1)), **columns}
    texts = {head: [cell(value) for value in values] for head, values in columns.items()}
    texts = {head: cells for head, cells in texts.items() if any(cells)}
    left = [head for head in texts if isinstance(columns[head][0], str)]
    return [*told, *(Table(heads, rows_of(texts, heads), left) for heads in fitting(texts))]


def rows_of(texts: dict[str, list[str]], heads: list[str]) -> list[tuple[str, ...]]:
    """The rows of some columns."""
    return list(zip(*(texts[head] for head in heads), strict=True))


def fitting(texts: dict[str, list[str]]) -> list[list[str]]:
    """Heads of columns that stand beside one another on a screen, the first of them in each."""
    widths = {head: max(len(head), *map(len, values)) + 2 for head, values in texts.items()}
    first, *others = texts
    found, room = [[first]], WIDTH - widths[first]
    for head in others:
        if widths[head] > room and len(found[-1]) > 1:
            found.append([first])
            room = WIDTH - widths[first]
        found[-1].append(head)
        room -= widths[head]
    return found


def cell(value: Any) -> str:
    """A text or a number; nothing where there is none."""
    if isinstance(value, float):
        return f"{value:z.5g}" if math.isfinite(value) else ""
    return str(value)
