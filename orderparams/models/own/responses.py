"""Sequences of a model of one's own and their answers, many at once."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from orderparams.models.vectors.fluctuations.responses import Response, Sequences
from orderparams.models.vectors.geometry import Vectors

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Answering:
    """``model`` as ``kernels`` see it; all hidden directions are read. A
    :class:`~orderparams.models.vectors.fluctuations.responses.Responder`."""

    kernels: ModuleType
    model: Any

    @property
    def directions(self) -> int:
        """d."""
        return int(self.model.sizes.directions)

    @property
    def read(self) -> int:
        """All."""
        return self.directions

    @property
    def longest(self) -> int:
        """L, of every sequence."""
        return int(self.model.sizes.longest)

    @property
    def own(self) -> int:
        """The random numbers of a sequence."""
        return int(self.model.random)

    def draw(self, uniform: Array) -> Sequences:
        """Random numbers, and the means of tokens that follow from them."""
        count = len(uniform)
        random = np.ascontiguousarray(ndtri(uniform))
        shift = np.zeros((count, self.directions, self.longest))
        self.kernels.shift_all(self.model, random, shift)
        return Sequences(
            np.full(count, 1 / count),
            np.full(count, self.longest),
            np.swapaxes(shift, 1, 2),
            {"random": random},
        )

    def respond(self, vectors: Vectors, fields: Array, read: Array, drawn: Sequences) -> Response:
        """g and the loss; nothing is learned beside the vectors."""
        gradient, losses = np.zeros_like(fields), np.empty(len(fields))
        known = np.ascontiguousarray(read)
        self.kernels.answer_all(self.model, fields, known, drawn.marks["random"], gradient, losses)
        return Response(gradient, np.zeros(fields.shape[:2]), {}, losses)
