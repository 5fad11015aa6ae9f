"""What heads are worth: the risk when some of them are removed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.optimum import ROUGH, select
from orderparams.analysis.stationary import descend
from orderparams.config import Problem
from orderparams.models.single_location.sections import InitialConfig
from orderparams.models.single_location.setup import Heads
from orderparams.models.vectors.landscape import Landscape

Array = NDArray[np.float64]

ALL_SUBSETS = 6
"""Number of heads up to which every subset is tried."""

TOLERANCE = 1e-8
"""Of the expectations."""


@dataclass(frozen=True)
class Removal:
    """Heads removed (counted from 0), the risk of the rest as it is, and trained again.

    Training has the weight decay of the problem, and ends in the minimum below.
    """

    heads: tuple[int, ...]
    risk: float
    reoptimized_risk: float


@dataclass(frozen=True, eq=False)
class Pruning:
    """risk with all heads; removals of 0 … H−1 heads, each the cheapest of its size; interaction.

    ``exhaustive``: every subset was tried; otherwise heads were removed greedily, one by one.
    ``subsets``: the risk of every subset that was tried, by the heads removed.
    interaction (H, H) is E₋ₕₕ' − E₋ₕ − E₋ₕ' + E, how much worse it is to lose both heads than each:
    positive between copies that stand in for each other. Zero on the diagonal.
    """

    removals: tuple[Removal, ...]
    exhaustive: bool
    subsets: dict[tuple[int, ...], float]
    interaction: Array

    @property
    def risk(self) -> float:
        """The risk with all heads."""
        return self.removals[0].risk

    def removable(self, cost: float, *, reoptimized: bool = False) -> int:
        """How many heads can go while the risk stays below (1 + cost) times that of all."""
        limit = (1 + cost) * self.risk
        counts = [
            len(removal.heads)
            for removal in self.removals
            if (removal.reoptimized_risk if reoptimized else removal.risk) <= limit
        ]
        return max(counts, default=0)


def without(problem: Problem, heads: Heads, removed: tuple[int, ...]) -> tuple[Problem, Heads]:
    """The layer that is left when heads are removed.

    Mean head weights become the mean over the rest, a joint normaliser counts the rest only;
    given or learned biases and head weights stay as they are.
    """
    kept = np.delete(np.arange(len(heads.bias)), removed)
    rest = select(heads, kept)
    bias, head_weights = problem.attention.bias, problem.attention.head_weights
    attention = dataclasses.replace(
        problem.attention,
        heads=len(kept),
        bias=tuple(rest.bias) if isinstance(bias, tuple) else bias,
        head_weights=tuple(rest.head_weights) if isinstance(head_weights, tuple) else head_weights,
    )
    initial = InitialConfig(
        bias=tuple(rest.bias) if bias == "learned" else None,
        head_weights=tuple(rest.head_weights) if head_weights == "learned" else None,
    )
    return dataclasses.replace(problem, attention=attention, initial=initial), rest


def layer(problem: Problem, heads: Heads, removed: tuple[int, ...]) -> tuple[Landscape, Array]:
    """Landscape of what is left, and where it is."""
    left, rest = without(problem, heads, removed)
    landscape = Landscape(left, residual=left.attention.heads, tolerance=TOLERANCE)
    return landscape, landscape.point(rest)


def best_of_rest(problem: Problem, heads: Heads, removed: tuple[int, ...]) -> float:
    """The risk of what is left at the minimum below it, of the objective if weights decay."""
    landscape, x = layer(problem, heads, removed)
    rough = Landscape(landscape.problem, residual=landscape.residual, tolerance=ROUGH)
    return landscape.risk(descend(rough.value_and_gradient, x))


def prune(problem: Problem, heads: Heads) -> Pruning:
    """Remove heads from a state of a problem: all subsets of few heads, greedily of many."""
    count = len(heads.bias)
    subsets: dict[tuple[int, ...], float] = {}

    def risk(removed: tuple[int, ...]) -> float:
        if removed not in subsets:
            landscape, x = layer(problem, heads, removed)
            subsets[removed] = landscape.risk(x)
        return subsets[removed]

    removals = []
    cheapest: tuple[int, ...] = ()
    for size in range(count):
        candidates: Iterable[tuple[int, ...]] = combinations(range(count), size)
        if count > ALL_SUBSETS and size > 0:
            candidates = extensions(cheapest, count)
        cheapest = min(candidates, key=risk)
        removals.append(Removal(cheapest, risk(cheapest), best_of_rest(problem, heads, cheapest)))
    interaction = np.zeros((count, count))
    if count > 2:
        for g, h in combinations(range(count), 2):
            both = risk((g, h)) - risk((g,)) - risk((h,)) + risk(())
            interaction[g, h] = interaction[h, g] = both
    return Pruning(tuple(removals), count <= ALL_SUBSETS, subsets, interaction)


def extensions(removed: tuple[int, ...], count: int) -> Iterator[tuple[int, ...]]:
    """The subsets with one head more."""
    return (tuple(sorted((*removed, head))) for head in range(count) if head not in removed)
