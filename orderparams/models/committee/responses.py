"""Examples of the committee machine and their answers, many at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, ndtri

from orderparams.models.committee.network import Network
from orderparams.models.vectors.fluctuations.responses import Response, Sequences
from orderparams.models.vectors.geometry import Vectors

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Students:
    """A sequence is one token, and all directions of the teachers are read; a
    :class:`~orderparams.models.vectors.fluctuations.responses.Responder`."""

    network: Network

    @property
    def directions(self) -> int:
        """Those in which the teachers lie."""
        return int(self.network.teachers.shape[1])

    @property
    def read(self) -> int:
        """All."""
        return self.directions

    @property
    def longest(self) -> int:
        """One token."""
        return 1

    @property
    def own(self) -> int:
        """For label noise."""
        return 1

    def draw(self, uniform: Array) -> Sequences:
        """Tokens without mean."""
        count = len(uniform)
        return Sequences(
            np.full(count, 1 / count),
            np.ones(count, dtype=np.int64),
            np.zeros((count, 0, self.directions)),
            {"label_noise": self.network.noise * ndtri(uniform[:, 0])},
        )

    def respond(self, vectors: Vectors, fields: Array, read: Array, drawn: Sequences) -> Response:
        """(φ − y) a_k g′(λ_k); the loss is without label noise."""
        second_layer = vectors.numbers["second_layer"]
        values, slopes = self.activate(fields[:, :, 0])
        targets = self.activate(read[:, :, 0] @ self.network.teachers.T)[0]
        misfit = values @ second_layer - targets @ self.network.second_layer
        error = (misfit - drawn.marks["label_noise"])[:, None]
        gradient = (error * second_layer * slopes)[:, :, None]
        still = np.zeros_like(values)
        return Response(gradient, still, {"second_layer": error * values}, 0.5 * misfit**2)

    def activate(self, fields: Array) -> tuple[Array, Array]:
        """g and g′."""
        if self.network.rectified:
            return np.maximum(fields, 0.0), (fields > 0).astype(float)
        return erf(fields / np.sqrt(2)), np.sqrt(2 / np.pi) * np.exp(-0.5 * fields**2)
