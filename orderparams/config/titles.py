"""Titles that do not outlive what they describe."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

SILENT = ("title", "expectation", "integrator", "output", "fluctuations", "simulation")
"""The sections that a title does not speak of: it speaks of what is learned, and how."""

ALTERED = " (altered)"


def title_of(title: str, varied: Iterable[str]) -> str:
    """A title for a problem of which these keys are varied: marked if it may speak of them."""
    speaks = any(key.partition(".")[0] not in SILENT for key in varied)
    return title.removesuffix(ALTERED) + ALTERED if title and speaks else title


def retitled(table: Mapping[str, Any], assigned: Collection[str]) -> dict[str, Any]:
    """A table that was altered after its title was given, which is marked unless it was assigned
    too."""
    title = table.get("title")
    if "title" in assigned or not isinstance(title, str) or not title:
        return dict(table)
    return {**table, "title": title.removesuffix(ALTERED) + ALTERED}


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two tables agree in the sections that a title may speak of."""
    sections = {*one, *other}.difference(SILENT)
    return all(one.get(name) == other.get(name) for name in sections)
