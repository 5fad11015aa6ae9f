"""Which lines of a figure are copies of each other, and how they are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse.csgraph import connected_components

Array = NDArray[np.float64]
Groups = Sequence[Sequence[int]]

MOST = 8
"""Lines that are told apart without looking for copies."""

MOST_TOLD = 32
"""Lines that colours and dashes can tell apart."""

SAME, SEEN = 1e-3, 0.02
"""Largest distance of two courses that are one, and that of their ends from which on they are seen
apart, as parts of the range of a panel."""

MOST_RANGES = 5
"""Ranges of numbers that are told; of more there are only the first."""


@dataclass(frozen=True)
class Names:
    """How N lines are drawn: the number of the style of each, None for those that are many, and its
    name, which is empty where another line has said it."""

    styles: tuple[int | None, ...]
    labels: tuple[str, ...]


def plain(word: str, count: int) -> Names:
    """Lines that are all told apart."""
    return named(word, [(i,) for i in range(count)], count)


def names_of(word: str, courses: Array, ends: Callable[[], tuple[Groups, Sequence[int]]]) -> Names:
    """Names of lines with these courses (N, …, T, K), in parts of what panels show: equal ones are
    copies.

    If there are more than MOST others, those are copies that are equal at the end; ``ends`` gives
    groups of them, of which those are parted that are seen apart, and those that are next to
    nothing.
    """
    groups = equal(courses)
    idle: Sequence[int] = ()
    if len(groups) > MOST:
        found, idle = ends()
        last = courses[..., -1, :].reshape(len(courses), -1)
        groups = sorted(part for group in found for part in parted(group, last))
    return named(word, groups, len(courses), idle)


def equal(courses: Array) -> list[tuple[int, ...]]:
    """Groups of lines (N, …) that are the same, by the first of each."""
    lines = courses.reshape(len(courses), -1)
    apart = np.array([np.abs(lines - line).max(axis=1) for line in lines])
    count, labels = connected_components(apart <= SAME, directed=False)
    groups = [tuple(map(int, np.flatnonzero(labels == label))) for label in range(count)]
    return sorted(groups)


def parted(group: Sequence[int], last: Array) -> list[tuple[int, ...]]:
    """A group in parts whose ends (N, K) are nowhere seen apart, be it by many small steps."""
    members = np.asarray(group)
    if len(members) < 2:
        return [tuple(map(int, members))]
    tree = linkage(last[members], "complete", metric="chebyshev")
    labels = fcluster(tree, SEEN, criterion="distance")
    return [tuple(map(int, members[labels == label])) for label in np.unique(labels)]


def in_range(values: Array, *, together: bool) -> Array:
    """Lines (…, line, panel) as parts of the range of each panel, or of all that share an axis."""
    axes = None if together else tuple(range(values.ndim - 1))
    low, high = np.nanmin(values, axis=axes), np.nanmax(values, axis=axes)
    return np.asarray(values / np.where(high > low, high - low, 1.0))


def named(word: str, groups: Groups, count: int, idle: Sequence[int] = ()) -> Names:
    """Styles and names of groups of lines; groups that no style is left for are one in the end."""
    styles: list[int | None] = [None] * count
    labels = [""] * count
    for number, group in enumerate(groups[:MOST_TOLD]):
        for i in group:
            styles[i] = number
        labels[group[0]] = numbers(word, group) + ", copies" * (len(group) > 1)
    rest = [i for group in groups[MOST_TOLD:] for i in group]
    if rest:
        labels[rest[0]] = f"{len(rest)} other {word}s" if len(groups) > 1 else numbers(word, rest)
    if len(idle):
        labels[idle[0]] = f"{numbers(word, idle)}, near zero"
    return Names(tuple(styles), tuple(labels))


def numbers(word: str, group: Sequence[int]) -> str:
    """Some of many things by their numbers, from 1: heads 1–5, 8."""
    if len(group) == 1:
        return f"{word} {group[0] + 1}"
    edges = np.flatnonzero(np.diff(group) > 1) + 1
    parts = np.split(np.asarray(group) + 1, edges)
    texts = [f"{part[0]}–{part[-1]}" if len(part) > 1 else f"{part[0]}" for part in parts]
    if len(texts) > MOST_RANGES:
        texts = [*texts[:MOST_RANGES], "…"]
        return f"{len(group)} {word}s ({', '.join(texts)})"
    return f"{word}s {', '.join(texts)}"
