"""Heads with keys and values: stacked rows, and the order parameters that they are named by.

learned: T = [k; v], 2H rows; tied (v = k): H rows. The overlaps M are those with k*_f and v*. On
the *manifold* k·v* = v·k*_f = k·v' = 0 the law of what a head sees does not change when all values
and v* are reflected, and gradient flow stays on it: the crosses are no order parameters there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.models.interface import State
from orderparams.models.single_location.correlation import frame_of, positions, with_target
from orderparams.models.single_location.parameters import system_of
from orderparams.models.single_location.sections import Problem
from orderparams.models.single_location.setup import (
    Heads,
    Setup,
    build,
    initial_numbers,
)
from orderparams.models.vectors.geometry import draw_vectors, residual_factor

Array = NDArray[np.float64]


class ValuedHeads(Heads):
    """n stacked rows: M (n, F+1), residual W (n, n), and of each head bias and weight (H,); the
    numbers by name are filled up with zeros to n entries, so that each belongs to a row."""

    heads: int

    def __init__(
        self,
        overlap: Array,
        residual: Array,
        bias: Array,
        head_weights: Array,
        more: Mapping[str, Array] | None = None,
    ) -> None:
        rest = np.zeros(len(overlap) - len(bias))
        filled = {name: np.append(of, rest) for name, of in (more or {}).items()}
        super().__init__(
            overlap, residual, np.append(bias, rest), np.append(head_weights, rest), filled
        )
        object.__setattr__(self, "heads", len(bias))

    @property
    def bias(self) -> Array:
        """β (H,)."""
        return self.numbers["bias"][: self.heads]

    @property
    def head_weights(self) -> Array:
        """u (H,)."""
        return self.numbers["head_weight"][: self.heads]

    @property
    def more(self) -> dict[str, Array]:
        """Slope and intercept (H,), where there are any."""
        return {name: of[: self.heads] for name, of in super().more.items()}

    @property
    def slope(self) -> Array:
        """s (H,), 1 where it is no setting."""
        return self.more.get("logit_slope", np.ones(self.heads))

    @property
    def intercept(self) -> Array:
        """c (H,)."""
        return self.more.get("intercept", np.zeros(self.heads))

    @property
    def learners(self) -> int:
        """The heads, H."""
        return self.heads

    def without(self, removed: tuple[int, ...]) -> ValuedHeads:
        """The heads that are left, with their keys and values."""
        left = np.delete(np.arange(self.heads), removed)
        rows = np.concatenate([left + start for start in range(0, self.count, self.heads)])
        more = {name: of[left] for name, of in self.more.items()}
        residual = residual_factor(self.residual[rows] @ self.residual[rows].T)
        return ValuedHeads(
            self.overlap[rows], residual, self.bias[left], self.head_weights[left], more
        )

    @property
    def state(self) -> dict[str, Array]:
        """All order parameters by name."""
        rows, columns = self.overlap.shape
        names = Names("tied" if rows == self.heads else "full", self.heads, columns - 1)
        numbers = {"bias": self.bias, "head_weight": self.head_weights, **self.more}
        return {**names.split(self.overlap, self.self_overlap), **numbers}


@dataclass(frozen=True)
class Names:
    """Which blocks of M and Q are which order parameters, of H heads and F directions."""

    system: str
    heads: int
    features: int

    @classmethod
    def of(cls, problem: Problem) -> Names:
        """Those of a problem."""
        system = system_of(problem)
        return cls(system, problem.attention.heads, problem.task.signal.features)

    @property
    def rows(self) -> int:
        """How many rows are stacked."""
        return self.heads * (1 if self.system == "tied" else 2)

    def split(self, overlap: Array, square: Array) -> dict[str, Array]:
        """By name the blocks of M (…, n, F+1) and Q (…, n, n)."""
        keys, values, hidden = slice(self.heads), slice(self.heads, None), slice(self.features)
        found = {
            "overlap": overlap[..., keys, hidden],
            "self_overlap": square[..., keys, keys],
        }
        if self.system != "tied":
            found["value_alignment"] = overlap[..., values, -1]
            found["value_self_overlap"] = square[..., values, values]
        if self.system != "manifold":
            found["key_target_overlap"] = overlap[..., keys, -1]
        if self.system == "full":
            found["value_overlap"] = overlap[..., values, hidden]
            found["key_value_overlap"] = square[..., keys, values]
        return {name: values.copy() for name, values in found.items()}

    def stacked(self, state: State) -> tuple[Array, Array]:
        """M (n, F+1) and Q (n, n) of order parameters; crosses that are not there are zero."""
        heads, features, rows = self.heads, self.features, self.rows
        overlap, square = np.zeros((rows, features + 1)), np.zeros((rows, rows))
        overlap[:heads, :features] = state["overlap"]
        square[:heads, :heads] = state["self_overlap"]
        if "key_target_overlap" in state:
            overlap[:heads, features] = state["key_target_overlap"]
        if self.system == "tied":
            return overlap, square
        overlap[heads:, features] = state["value_alignment"]
        square[heads:, heads:] = state["value_self_overlap"]
        if "value_overlap" in state:
            overlap[heads:, :features] = state["value_overlap"]
        if "key_value_overlap" in state:
            square[:heads, heads:] = state["key_value_overlap"]
            square[heads:, :heads] = state["key_value_overlap"].T
        return overlap, square

    @property
    def kept(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which entries of M (n, F+1) and of the residual (n, n) can be other than zero."""
        overlap = np.ones((self.rows, self.features + 1), dtype=bool)
        residual = np.ones((self.rows, self.rows), dtype=bool)
        if self.system == "manifold":
            overlap[: self.heads, -1] = overlap[self.heads :, :-1] = False
            residual[: self.heads, self.heads :] = residual[self.heads :, : self.heads] = False
        return overlap, residual


def initial_valued_heads(problem: Problem) -> ValuedHeads:
    """Where keys and values start."""
    initial, attention, names = problem.initial, problem.attention, Names.of(problem)
    if initial.kind == "random":
        overlap, residual = draw_vectors(
            initial.seed, initial.variance, initial.dimension, names.rows, names.features + 1
        )
        if initial.values == "zero" and names.system != "tied":
            overlap[names.heads :] = residual[names.heads :] = 0.0
        square = overlap @ overlap.T + residual @ residual.T
    else:
        overlap, square = explicit(problem, names)
        residual = residual_of(names, square - overlap @ overlap.T)
    keys = square[: names.heads, : names.heads]
    numbers = initial_numbers(attention, initial, keys)
    bias, head_weights = numbers.pop("bias"), numbers.pop("head_weight")
    return ValuedHeads(overlap, residual, bias, head_weights, numbers)


def residual_of(names: Names, square: Array) -> Array:
    """W with S = W Wᵀ; block by block where keys and values have nothing in common."""
    if names.system != "manifold":
        return residual_factor(square)
    heads, found = names.heads, np.zeros_like(square)
    for block in (slice(heads), slice(heads, None)):
        found[block, block] = residual_factor(square[block, block])
    return found


def explicit(problem: Problem, names: Names) -> tuple[Array, Array]:
    """M and Q of an explicit start: what is left out has no part outside the hidden directions, and
    values that are not said of are zero."""
    overlap, _ = names.stacked(explicit_state(problem))
    overlap = positions(overlap, with_target(frame_of(problem.task.feature_correlation)))
    found = overlap @ overlap.T
    given = problem.initial
    keys, values = slice(names.heads), slice(names.heads, None)
    if given.self_overlap is not None:
        found[keys, keys] = np.array(given.self_overlap)
    if names.system == "tied":
        return overlap, found
    if given.value_self_overlap is not None:
        found[values, values] = np.array(given.value_self_overlap)
    if given.key_value_overlap is not None:
        found[keys, values] = np.array(given.key_value_overlap)
        found[values, keys] = found[keys, values].T
    return overlap, found


def zeros(names: Names) -> dict[str, Array]:
    """All order parameters of heads at the origin."""
    heads, features = names.heads, names.features
    square = np.zeros((heads, heads))
    return {
        "overlap": np.zeros((heads, features)),
        "self_overlap": square,
        "key_target_overlap": np.zeros(heads),
        "value_alignment": np.zeros(heads),
        "value_self_overlap": square,
        "value_overlap": np.zeros((heads, features)),
        "key_value_overlap": square,
    }


def explicit_state(problem: Problem) -> Mapping[str, Array]:
    """What an explicit start gives, zero where it gives nothing."""
    given = zeros(Names.of(problem))
    for name in given:
        values = getattr(problem.initial, name)
        if values is not None:
            given[name] = np.array(values, dtype=float)
    return given


def build_values(problem: Problem) -> Setup:
    """The objects that a problem whose values are not known describes."""
    return dataclasses.replace(build(problem), start=initial_valued_heads(problem))
