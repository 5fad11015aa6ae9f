"""What a story is made of: chapters of sentences and tables, whatever they are written on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from orderparams.models.parameters import OrderParameter


@dataclass(frozen=True)
class Sentence:
    """A sentence or two."""

    text: str


@dataclass(frozen=True)
class Table:
    """Rows of texts under columns; those columns stand to the ``left`` that hold words."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Values:
    """Order parameters, a row for each that learns."""

    parameters: Sequence[OrderParameter]
    state: Mapping[str, Any]


Block: TypeAlias = Sentence | Table | Values


@dataclass(frozen=True, eq=False)
class Chapter:
    """Blocks under a title; the first chapter of a story has none."""

    title: str
    blocks: Sequence[Block]


def sentences(*texts: str) -> list[Block]:
    """A block each; empty ones are left out."""
    return [Sentence(text) for text in texts if text]
