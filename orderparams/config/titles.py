"""Titles that do not outlive what they describe."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

SILENT = ("title", "expectation", "integrator", "output", "simulation")
"""The sections that a title does not speak of: it speaks of what is learned, and how."""

ALTERED = " (altered)"


def title_of(title: str, varied: Iterable[str]) -> str:
    """A title for a problem of which these keys are varied: marked if it may speak of them."""
    speaks = any(key.partition(".")[0] not in SILENT for key in varied)
    return title.removesuffix(ALTERED) + ALTERED if title and speaks else title


def retitled(
    before: Mapping[str, Any], after: dict[str, Any], assigned: Collection[str]
) -> dict[str, Any]:
    """The table ``after`` keys were assigned in the one ``before``; its title is marked if it was
    given for another problem."""
    title = after.get("title")
    sections = {*before, *after}.difference(SILENT)
    same = all(before.get(name) == after.get(name) for name in sections)
    if same or "title" in assigned or not isinstance(title, str) or not title:
        return after
    return after | {"title": title.removesuffix(ALTERED) + ALTERED}
