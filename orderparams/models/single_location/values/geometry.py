"""What keys and values can be: starts of a search, and a layer of fewer heads."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from orderparams.models.single_location.geometry import NOISE, HeadGeometry
from orderparams.models.single_location.parameters import HEAD
from orderparams.models.single_location.sections import InitialConfig, Problem
from orderparams.models.single_location.setup import Heads
from orderparams.models.single_location.values.heads import (
    Names,
    ValuedHeads,
    initial_valued_heads,
)
from orderparams.models.vectors.geometry import Smaller, Vectors, residual_factor

Array = NDArray[np.float64]


class ValueGeometry(HeadGeometry):
    """Keys against the hidden directions, and beside them values, which learn v*."""

    word, numbers = "key", "values, bias or weights"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.names = Names.of(problem)
        if self.names.system == "tied":
            self.word = HEAD.word
        if self.names.system == "manifold":
            self.names = dataclasses.replace(self.names, system="full")

    def positions(self, parameters: Mapping[str, Array]) -> Array:
        """Overlaps of the keys alone."""
        return super().positions(parameters)

    def measured(self, positions: Array) -> Array:
        """Overlaps of keys, of stacked rows (…, n, F+1) or of their positions (…, F)."""
        features = self.names.features
        if positions.shape[-1] != features:
            positions = positions[..., : self.names.heads, :features]
        return super().measured(positions)

    @property
    def rates(self) -> Array:
        """1 of keys, ρ of values."""
        rates = np.ones(self.names.rows)
        rates[self.names.heads :] = self.problem.training.value_rate
        return rates

    def shares(self, block: Array) -> dict[str, float]:
        """What keys and values take along the directions k*, along v* and outside of both."""
        squared = (block**2).sum(axis=0) / len(block)
        heads, features = self.names.heads, self.names.features
        tied = self.names.system == "tied"
        kinds = {"heads": squared} if tied else {"keys": squared[:heads], "values": squared[heads:]}
        return {
            f"{kind} {where}": float(part.sum())
            for kind, rows in kinds.items()
            for where, part in (
                ("along k*", rows[:, :features]),
                ("along v*", rows[:, features]),
                ("outside of both", rows[:, features + 1 :]),
            )
        }

    def smaller(self) -> Smaller | None:
        """Known values with learned head weights: on the manifold a residual of values only costs,
        and heads of one v* each count as u m^v (theory 11). A joint normaliser has no weights, and
        on spheres values are as long as they are."""
        problem, start = self.problem, initial_valued_heads(self.problem)
        attention = problem.attention
        training = problem.training
        bound = attention.activation == "bayes-softmax" or training.constraint != "none"
        tied = self.names.system == "tied"
        if tied or bound or training.penalties or not start.head_weights.all():
            return None
        learned = attention.bias == "learned"
        known = dataclasses.replace(
            problem,
            attention=dataclasses.replace(
                attention, value="known", head_weights="learned", importance_total=1.0
            ),
            training=dataclasses.replace(training, head_weight_rate=1.0),
            initial=InitialConfig(
                bias=tuple(start.bias) if learned else None, head_weights=(1.0,) * start.heads
            ),
        )

        def lifted(found: Vectors) -> ValuedHeads:
            heads, features = found.overlap.shape
            overlap, residual = np.zeros((2 * heads, features + 1)), np.zeros((2 * heads,) * 2)
            overlap[:heads, :features], residual[:heads, :heads] = found.overlap, found.residual
            overlap[heads:, -1] = found.numbers["head_weight"] / start.head_weights
            more = {name: found.numbers.get(name, of) for name, of in start.more.items()}
            return ValuedHeads(overlap, residual, found.numbers["bias"], start.head_weights, more)

        def lowered(given: Vectors) -> Heads:
            assert isinstance(given, ValuedHeads)
            heads, features = given.heads, self.names.features
            overlap, rest = given.overlap[:heads, :features], given.residual[:heads]
            weights = given.head_weights * given.overlap[heads:, -1]
            residual = residual_factor(rest @ rest.T)
            return Heads(overlap, residual, given.bias, weights, given.more)

        return Smaller(known, lifted, lowered, "values along v*, which count as head weights")

    def starts(self) -> Iterator[Heads]:
        """Keys as of known values, and values near v*; tied ones have a part of it."""
        heads, rows = self.names.heads, self.names.rows
        generator = np.random.default_rng(self.problem.expectation.seed + 1)
        for keys in super().starts():
            overlap = NOISE * generator.standard_normal((rows, self.names.features + 1))
            overlap[:heads, :-1] = keys.overlap
            overlap[rows - heads :, -1] += generator.uniform(0, 1, heads)
            residual = NOISE * generator.standard_normal((rows, rows))
            yield ValuedHeads(overlap, residual, keys.bias, keys.head_weights, keys.more)
