"""The least population risk that was found, and what vectors are worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.models.interface import State
from orderparams.models.vectors.geometry import Floor
from orderparams.results.analyzed.rests import StationaryPoint

Array = NDArray[np.float64]

SAME = 1e-5
"""Two descents whose ends differ by less have found the same minimum."""

PROVEN = 1e-8
"""Above the floor by no more, a risk is the floor."""


@dataclass(frozen=True, eq=False)
class Optimum:
    """The lowest minimum found, and the values (ascending) to which all searches led.

    The values are risks; with weight decay kept, those of the objective E + λ|K|²/2.
    """

    point: StationaryPoint
    floor: Floor
    values: tuple[float, ...]

    @property
    def risk(self) -> float:
        """The risk there."""
        return self.point.risk

    @property
    def state(self) -> State:
        """The order parameters there, and what is not learned."""
        return self.point.state

    @property
    def found(self) -> int:
        """How many of the searches led to it."""
        return int((np.array(self.values) < self.values[0] + SAME).sum())

    @property
    def proven(self) -> bool:
        """Whether nothing can be lower: it is the floor."""
        return self.point.objective - self.floor.value <= PROVEN


@dataclass(frozen=True)
class Removal:
    """Vectors removed (counted from 0), the risk of the rest as it is, and trained again.

    Training has the weight decay of the problem, and ends in the minimum below.
    """

    learners: tuple[int, ...]
    risk: float
    reoptimized_risk: float


@dataclass(frozen=True, eq=False)
class Synergy:
    """What vectors are worth while the weights of all others are held: the cost (n,) of losing each
    alone, and the interaction (n, n), how much more it costs to lose two. Zero on the diagonal."""

    cost: Array
    interaction: Array


@dataclass(frozen=True, eq=False)
class Pruning:
    """risk with all n vectors; removals of 0 … n−1, each the cheapest of its size; interaction.

    ``exhaustive``: every subset was tried; otherwise vectors were removed greedily, one by one.
    ``subsets``: the risk of every subset that was tried, by the vectors removed.
    interaction (n, n) is E₋ᵢⱼ − E₋ᵢ − E₋ⱼ + E, how much worse it is to lose both vectors than each:
    positive between copies that stand in for each other. Zero on the diagonal. Weights that are
    means are those over the rest.
    """

    removals: tuple[Removal, ...]
    exhaustive: bool
    subsets: Mapping[tuple[int, ...], float]
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
