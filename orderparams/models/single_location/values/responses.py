"""Sequences of single-location regression and what heads with values answer (theory 11).

As in :mod:`orderparams.models.single_location.responses`, with stacked rows of keys and values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.models.single_location.examples import shares_of
from orderparams.models.single_location.responses import Attention
from orderparams.models.single_location.values.heads import ValuedHeads
from orderparams.models.vectors.fluctuations.responses import Response, Sequences
from orderparams.models.vectors.geometry import Vectors

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ValuedAttention(Attention):
    """Softmax and its relatives with learned or tied values, which learn at a rate of their own,
    weight decay included."""

    value_rate: float
    weight_decay: float

    def respond(self, vectors: Vectors, fields: Array, read: Array, drawn: Sequences) -> Response:
        """Rows of keys and, ρ times, of values; both derivatives in one row where they are tied.

        See :meth:`stacked`.
        """
        assert isinstance(vectors, ValuedHeads)
        heads, joint = vectors.heads, self.activation.joint
        shares = shares_of(self.activation, fields[:, :heads] + vectors.bias[:, None])
        values = fields if self.tied(vectors) else fields[:, heads:]
        values = np.where(np.isfinite(values), values, 0.0)  # tokens that are not there
        weights = np.ones(heads) if joint else vectors.head_weights
        averages = (shares * values).sum(2)
        prediction = averages @ weights
        error = prediction - read[:, 0, 0] - drawn.marks["label_noise"]
        by_values = 2.0 * error[:, None, None] * weights[:, None] * shares
        center = np.broadcast_to(prediction[:, None], averages.shape) if joint else averages
        by_keys = by_values * (values - center[:, :, None])
        by_weights = np.zeros_like(averages) if joint else 2.0 * error[:, None] * averages
        numbers = {"bias": by_keys.sum(2), "head_weight": by_weights}
        return self.stacked(vectors, by_keys, by_values, numbers, error**2)

    def tied(self, vectors: ValuedHeads) -> bool:
        """Whether values are keys."""
        return len(vectors.overlap) == vectors.heads

    def stacked(
        self,
        vectors: ValuedHeads,
        by_keys: Array,
        by_values: Array,
        numbers: dict[str, Array],
        loss: Array,
    ) -> Response:
        """The answer of rows, from derivatives by fields (N, H, L) and by numbers (N, H) of heads,
        which are filled up with zeros."""
        heads, rows = vectors.heads, len(vectors.overlap)
        if self.tied(vectors):
            gradient = by_keys + by_values
        else:
            gradient = np.concatenate([by_keys, self.value_rate * by_values], axis=1)
        radial = np.zeros(gradient.shape[:2])
        if self.norm_bias:
            radial[:, :heads] = numbers["bias"]
        radial[:, heads:] = (1.0 - self.value_rate) * self.weight_decay
        scored = self.scored(vectors.head_weights, numbers)
        filled = {name: np.pad(of, ((0, 0), (0, rows - heads))) for name, of in scored.items()}
        return Response(gradient, radial, filled, loss)
