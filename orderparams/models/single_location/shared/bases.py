"""Heads with shared keys: base keys, and the mixing that makes keys of them (theory 12).

The keys of H heads are mixtures of J base keys κ, k_h = Σ_j C_hj κ_j. In reduced weights K = C T, T
(J, F+J) those of the bases. The vectors that learn are the bases; C is a further number of theirs,
which learns without noise as head weights do, or is fixed.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from orderparams.models.single_location.sections import Problem
from orderparams.models.single_location.setup import (
    Heads,
    Setup,
    build_activation,
    build_task,
    initial_heads,
    initial_numbers,
)
from orderparams.models.vectors.geometry import draw_vectors, residual_factor

Array = NDArray[np.float64]


class BaseKeys(Heads):
    """J bases: overlap (J, F) and residual (J, J) are theirs, the numbers those of H heads; among
    them the mixing C (H, J)."""

    def __init__(self, overlap: Array, residual: Array, numbers: Mapping[str, Array]) -> None:
        known = dict(numbers)
        super().__init__(overlap, residual, known.pop("bias"), known.pop("head_weight"), known)

    @property
    def mixing(self) -> Array:
        """C (H, J)."""
        return self.numbers["mixing"]

    @property
    def heads(self) -> Heads:
        """The H heads: overlap C m, and a residual (H, H) with the same Gram matrix as C W."""
        overlap, residual = self.mixing @ self.overlap, self.mixing @ self.residual
        heads, bases = residual.shape
        if bases > heads:
            residual = np.linalg.qr(residual.T)[1].T
        square = np.zeros((heads, heads))
        square[:, : residual.shape[1]] = residual
        return Heads(overlap, square, self.bias, self.head_weights, self.more)

    @property
    def learners(self) -> int:
        """The heads, H."""
        return len(self.mixing)

    @property
    def shared(self) -> bool:
        """They are mixtures of the bases."""
        return True

    def without(self, removed: tuple[int, ...]) -> BaseKeys:
        """The same bases for the heads that are left."""
        left = {name: np.delete(of, removed, axis=0) for name, of in self.numbers.items()}
        return BaseKeys(self.overlap, self.residual, left)

    @property
    def state(self) -> dict[str, Array]:
        """The order parameters of heads and of bases, and all numbers by name."""
        own = {"base_overlap": self.overlap, "base_self_overlap": self.self_overlap}
        return {**self.heads.state, **own, "mixing": self.mixing}


def initial_mixing(problem: Problem) -> Array:
    """C (H, J) at the start: as given, or normal numbers of variance 1/J."""
    sharing = problem.attention.sharing
    assert sharing is not None
    if sharing.mixing is not None:
        return np.array(sharing.mixing)
    generator = np.random.default_rng(sharing.seed)
    drawn = generator.standard_normal((problem.attention.heads, sharing.bases))
    mixing: Array = drawn / np.sqrt(sharing.bases)
    return mixing


def initial_bases(problem: Problem) -> BaseKeys:
    """Where the flow starts."""
    initial, mixing = problem.initial, initial_mixing(problem)
    bases = mixing.shape[1]
    if initial.kind == "random":
        features = problem.task.signal.features
        overlap, residual = draw_vectors(
            initial.seed, initial.variance, initial.dimension, bases, features
        )
    else:
        overlap, residual = np.array(initial.base_overlap), np.zeros((bases, bases))
        if initial.base_self_overlap is not None:
            residual = residual_factor(np.array(initial.base_self_overlap) - overlap @ overlap.T)
    keys = mixing @ np.hstack([overlap, residual])
    numbers = initial_numbers(problem.attention, initial, keys @ keys.T)
    return BaseKeys(overlap, residual, {**numbers, "mixing": mixing})


def build_shared(problem: Problem) -> Setup:
    """The objects that a problem of shared keys describes."""
    activation = build_activation(problem.attention)
    return Setup(build_task(problem.task), activation, initial_bases(problem))


def heads_of(problem: Problem) -> Heads:
    """The heads at the start of any problem."""
    shared = problem.attention.keys == "shared"
    return initial_bases(problem).heads if shared else initial_heads(problem)
