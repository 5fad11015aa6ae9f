"""Where the vectors of a model of one's own are, against what is hidden."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.models.own.flow import start_of
from orderparams.models.vectors.geometry import Direction, Vectors

Array = NDArray[np.float64]


class OwnGeometry:
    """Vectors against orthonormal hidden directions: of a
    :class:`~orderparams.models.vectors.geometry.Geometry` what needs no second derivatives."""

    def __init__(self, problem: Any, word: str) -> None:
        self.problem, self.word = problem, word
        axes = np.eye(problem.task.hidden)
        self.directions = tuple(
            Direction(str(number), axis[:, None], 1.0) for number, axis in enumerate(axes, 1)
        )

    def positions(self, parameters: Mapping[str, Array]) -> Array:
        """The overlaps themselves."""
        return parameters["overlap"]

    def measured(self, positions: Array) -> Array:
        """The positions themselves."""
        return positions

    def starts(self) -> Iterator[Vectors]:
        """Where the vectors start."""
        yield start_of(self.problem)
