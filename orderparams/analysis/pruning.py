"""What vectors are worth: the risk when some of them are removed."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.course import Told, untold
from orderparams.analysis.stationary import descend
from orderparams.config import Problem
from orderparams.models.vectors.geometry import Vectors, geometry_of, select
from orderparams.models.vectors.landscape import Landscape
from orderparams.ordered import ordered

Array = NDArray[np.float64]

ALL_SUBSETS = 6
"""Number of vectors up to which every subset is tried."""

TOLERANCE = 1e-8
"""Of the expectations."""


@dataclass(frozen=True)
class Removal:
    """Vectors removed (counted from 0), the risk of the rest as it is, and trained again.

    Training has the weight decay of the problem, and ends in the minimum below.
    """

    learners: tuple[int, ...]
    risk: float
    reoptimized_risk: float


@dataclass(frozen=True, eq=False)
class Pruning:
    """risk with all n vectors; removals of 0 … n−1, each the cheapest of its size; interaction.

    ``exhaustive``: every subset was tried; otherwise vectors were removed greedily, one by one.
    ``subsets``: the risk of every subset that was tried, by the vectors removed.
    interaction (n, n) is E₋ᵢⱼ − E₋ᵢ − E₋ⱼ + E, how much worse it is to lose both vectors than each:
    positive between copies that stand in for each other. Zero on the diagonal.
    """

    removals: tuple[Removal, ...]
    exhaustive: bool
    subsets: dict[tuple[int, ...], float]
    interaction: Array

    @property
    def risk(self) -> float:
        """The risk with all vectors."""
        return self.removals[0].risk

    def removable(self, cost: float, *, reoptimized: bool = False) -> int:
        """How many vectors can go while the risk stays below (1 + cost) times that of all."""
        limit = (1 + cost) * self.risk
        counts = [
            len(removal.learners)
            for removal in self.removals
            if (removal.reoptimized_risk if reoptimized else removal.risk) <= limit
        ]
        return max(counts, default=0)


def left(problem: Problem, vectors: Vectors, removed: tuple[int, ...]) -> tuple[Landscape, Array]:
    """Landscape of what is left when vectors are removed, and where it is."""
    rest = select(vectors, np.delete(np.arange(vectors.count), removed))
    smaller = geometry_of(problem).without(vectors, removed)
    landscape = Landscape(smaller, tolerance=TOLERANCE)
    return landscape, landscape.point(rest)


def best_of_rest(problem: Problem, vectors: Vectors, removed: tuple[int, ...]) -> float:
    """The risk of what is left at the minimum below it, of the objective if weights decay."""
    landscape, x = left(problem, vectors, removed)
    return landscape.risk(descend(landscape.rough.value_and_gradient, x))


def prune(problem: Problem, vectors: Vectors, *, workers: int = 1, told: Told = untold) -> Pruning:
    """Remove vectors from a state of a problem: all subsets of few, greedily of many.

    It is made by so many threads, which does not change the result; ``told`` is called with the
    part of it that is done, and in words.
    """
    count = vectors.count
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
