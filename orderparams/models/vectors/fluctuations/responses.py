"""What a model of vectors in R^D must give for its fluctuations.

A sequence answers through the fields of the learned vectors, χ_iℓ = w_i·X_ℓ/√D, and those z of the
hidden directions that its loss reads. Shapes: N sequences, n vectors, L tokens, r directions that
are read, d hidden directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from orderparams.models.vectors.geometry import Vectors

Array = NDArray[np.float64]


class Sequences(NamedTuple):
    """What is drawn of N sequences beside the normals of their tokens.

    mass (N,), probabilities with sum 1; length (N,); shift (N, s, d), means of the first s tokens
    along hidden directions, times √D; ``marks`` (N,) each, whatever the loss asks for beside;
    ``noise``, the standard deviation of these s tokens in all directions, 1 of all others.
    """

    mass: Array
    length: NDArray[np.int64]
    shift: Array
    marks: Mapping[str, Array]
    noise: float = 1.0


class Response(NamedTuple):
    """The answer of N sequences: g (N, n, L), the derivatives of the loss by the fields, zero for
    tokens that a sequence does not have; ρ (N, n), minus those by |w_i|²/2D at given fields, or
    (N, n, n) by w_i·w_j/2D; those by the numbers (N, …), by name; the loss (N,)."""

    gradient: Array
    radial: Array
    numbers: Mapping[str, Array]
    loss: Array


class Responder(Protocol):
    """Sequences of a model, and what its loss makes of fields."""

    @property
    def directions(self) -> int:
        """Hidden directions d, of which the last ``read`` are read."""
        ...

    @property
    def read(self) -> int: ...

    @property
    def longest(self) -> int:
        """Tokens L of the longest sequence."""
        ...

    @property
    def own(self) -> int:
        """Uniform numbers that a sequence takes beside those of its tokens."""
        ...

    def draw(self, uniform: Array) -> Sequences:
        """Sequences from uniform numbers (N, own)."""
        ...

    def respond(self, vectors: Vectors, fields: Array, read: Array, drawn: Sequences) -> Response:
        """The answer to fields χ (N, n, L) of vectors, with their numbers, and z (N, r, L)."""
        ...


def part(drawn: Sequences, chosen: slice) -> Sequences:
    """Some of the sequences."""
    marks: dict[str, Any] = {name: values[chosen] for name, values in drawn.marks.items()}
    return Sequences(
        drawn.mass[chosen], drawn.length[chosen], drawn.shift[chosen], marks, drawn.noise
    )
