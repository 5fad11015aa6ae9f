"""What vectors are worth: the risk when some of them are removed."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.course import Told, untold
from orderparams.analysis.stationary import descend
from orderparams.config import Problem
from orderparams.models.vectors.geometry import Vectors, geometry_of, with_lengths
from orderparams.models.vectors.landscape import Landscape
from orderparams.ordered import ordered
from orderparams.results.analyzed.optimum import Pruning, Removal

Array = NDArray[np.float64]

ALL_SUBSETS = 6
"""Number of vectors up to which every subset is tried."""

TOLERANCE = 1e-8
"""Of the expectations."""


def left(problem: Problem, vectors: Vectors, removed: tuple[int, ...]) -> tuple[Landscape, Array]:
    """Landscape of what is left when vectors are removed, and where it is."""
    rest = vectors.without(removed)
    geometry = geometry_of(problem)
    smaller = with_lengths(geometry.without(vectors, removed), geometry, rest)
    landscape = Landscape(smaller, tolerance=TOLERANCE)
    return landscape, landscape.point(rest)


def best_of_rest(problem: Problem, vectors: Vectors, removed: tuple[int, ...]) -> float:
    """The risk of what is left at the minimum below it, of the objective if weights decay."""
    landscape, x = left(problem, vectors, removed)
    smaller = landscape.geometry.smaller()
    if smaller is not None:
        start = smaller.lowered(landscape.vectors(x))
        landscape = Landscape(smaller.problem, tolerance=TOLERANCE)
        x = landscape.point(start)
    return landscape.risk(descend(landscape.rough.value_and_gradient, x))


def prune(problem: Problem, vectors: Vectors, *, workers: int = 1, told: Told = untold) -> Pruning:
    """Remove vectors from a state of a problem: all subsets of few, greedily of many.

    It is made by so many threads, which does not change the result; ``told`` is called with the
    part of it that is done, and in words.
    """
    count = vectors.learners
    subsets: dict[tuple[int, ...], float] = {}

    def risk(removed: tuple[int, ...]) -> float:
        landscape, x = left(problem, vectors, removed)
        return landscape.risk(x)

    def learn(candidates: Iterable[tuple[int, ...]]) -> None:
        new = [removed for removed in candidates if removed not in subsets]
        subsets.update(zip(new, ordered(risk, new, workers), strict=True))

    chosen: list[tuple[int, ...]] = []
    for size in range(count):
        candidates = list(combinations(range(count), size))
        if count > ALL_SUBSETS and size > 0:
            candidates = list(extensions(chosen[-1], count))
        learn(candidates)
        chosen.append(min(candidates, key=lambda removed: subsets[removed]))
        told(0.5 * (size + 1) / count, f"{size} of {count} removed")
    removals = []
    again = ordered(functools.partial(best_of_rest, problem, vectors), chosen, workers)
    for removed, lowest in zip(chosen, again, strict=True):
        removals.append(Removal(removed, subsets[removed], lowest))
        told(0.5 + 0.5 * len(removals) / count, f"{len(removed)} of {count} removed, trained again")
    interaction = np.zeros((count, count))
    if count > 2:
        pairs = list(combinations(range(count), 2))
        learn(pairs)
        for g, h in pairs:
            both = subsets[g, h] - subsets[g,] - subsets[h,] + subsets[()]
            interaction[g, h] = interaction[h, g] = both
    return Pruning(tuple(removals), count <= ALL_SUBSETS, subsets, interaction)


def extensions(removed: tuple[int, ...], count: int) -> Iterator[tuple[int, ...]]:
    """The subsets with one vector more."""
    return (tuple(sorted((*removed, one))) for one in range(count) if one not in removed)
