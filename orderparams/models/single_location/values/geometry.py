"""What keys and values can be: starts of a search, and a layer of fewer heads."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from orderparams.models.single_location.geometry import NOISE, HeadGeometry
from orderparams.models.single_location.parameters import HEAD
from orderparams.models.single_location.sections import Problem
from orderparams.models.single_location.setup import Heads
from orderparams.models.single_location.values.heads import Names, ValuedHeads

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
