"""What heads with shared keys can be: starts of a search, and a layer of fewer heads."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from orderparams.models.single_location.geometry import HeadGeometry
from orderparams.models.single_location.sections import Problem
from orderparams.models.single_location.setup import Heads
from orderparams.models.single_location.shared.bases import BaseKeys, initial_mixing
from orderparams.models.vectors.geometry import Vectors, residual_factor

Array = NDArray[np.float64]


class SharedGeometry(HeadGeometry):
    """Heads against the hidden directions, whose keys are mixtures of bases."""

    def starts(self) -> Iterator[Heads]:
        """Bases that make keys like those of free heads, as near as they can."""
        problem, sharing = self.problem, self.problem.attention.sharing
        assert sharing is not None
        free = dataclasses.replace(
            problem,
            attention=dataclasses.replace(problem.attention, keys="free", shared=None),
            initial=dataclasses.replace(problem.initial, kind="random"),
        )
        given = None if sharing.learned else initial_mixing(problem)
        for heads in HeadGeometry(free).starts():
            mixing, bases = shared_out(heads.weights, sharing.bases, given)
            overlap, rest = np.split(bases, [self.signal.features], axis=1)
            residual = residual_factor(rest @ rest.T)
            yield BaseKeys(overlap, residual, {**heads.numbers, "mixing": mixing})

    def without(self, vectors: Vectors, removed: tuple[int, ...]) -> Problem:
        """The layer without some heads, as of free keys, and with all bases."""
        smaller, sharing = super().without(vectors, removed), self.problem.attention.sharing
        assert sharing is not None
        rows = np.delete(vectors.numbers["mixing"], removed, axis=0)
        shared = dataclasses.replace(sharing, mixing=tuple(map(tuple, rows.tolist())))
        attention = dataclasses.replace(smaller.attention, shared=shared)
        return dataclasses.replace(smaller, attention=attention)


def shared_out(keys: Array, bases: int, mixing: Array | None) -> tuple[Array, Array]:
    """Mixing C (H, J) and bases T (J, r) whose keys C T are nearest to some keys (H, r).

    T alone where C is given; else both, with CᵀC = T Tᵀ.
    """
    if mixing is not None:
        return mixing, np.linalg.pinv(mixing) @ keys
    left, sizes, right = np.linalg.svd(keys, full_matrices=False)
    count = min(bases, len(sizes))
    roots = np.zeros(bases)
    roots[:count] = np.sqrt(sizes[:count])
    own, turned = np.zeros((len(keys), bases)), np.zeros((bases, keys.shape[1]))
    own[:, :count], turned[:count] = left[:, :count], right[:count]
    return own * roots, roots[:, None] * turned
