"""Titles that do not outlive what they describe."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from orderparams.errors import ConfigurationError

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
    own = "title" in assigned or not isinstance(title, str) or not title
    if own or not altered(before, after):
        return after
    return after | {"title": str(title).removesuffix(ALTERED) + ALTERED}


def altered(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether two tables differ in what a title may speak of, however it is written."""
    if same(before, after):
        return False
    from orderparams.config import parse, to_table  # whose settings come by here

    try:
        return not same(to_table(parse(before)), to_table(parse(after)))
    except ConfigurationError:  # which is told elsewhere
        return True


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two tables agree in the sections that a title may speak of."""
    sections = {*one, *other}.difference(SILENT)
    return all(one.get(name) == other.get(name) for name in sections)
