"""Answers of sequences to keys and values of attention by any function of a logit (theory 11)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.models.single_location.curved_responses import CurvedAttention
from orderparams.models.single_location.values.heads import ValuedHeads
from orderparams.models.single_location.values.responses import ValuedAttention
from orderparams.models.vectors.fluctuations.responses import Response, Sequences
from orderparams.models.vectors.geometry import Vectors

Array = NDArray[np.float64]


class CurvedValues(ValuedAttention, CurvedAttention):
    """ŷ = Σ_hℓ u_h (c_h + s_h φ(χ_hℓ + β_h)) ω_hℓ, or with a normaliser, log φ being the curve,
    Σ_hℓ u_h s_hℓ ω_hℓ."""

    def respond(self, vectors: Vectors, fields: Array, read: Array, drawn: Sequences) -> Response:
        """Rows of keys and values, and derivatives in bias, head weights, slopes and intercepts."""
        assert isinstance(vectors, ValuedHeads)
        heads, weights, steep = vectors.heads, vectors.head_weights, vectors.slope
        known = np.where(np.isfinite(fields), fields, 0.0)
        present = np.isfinite(fields[:, :heads])
        keys, values = known[:, :heads], known if self.tied(vectors) else known[:, heads:]
        shares, slopes = self.shared(keys, vectors.bias, present)
        line = (steep[:, None] * shares + vectors.intercept[:, None]) * present
        averages, centers = (line * values).sum(2), (shares * values).sum(2)
        error = averages @ weights - read[:, 0, 0] - drawn.marks["label_noise"]
        push = 2.0 * error[:, None] * weights
        pull = values
        if not self.activation.elementwise:
            pull = shares * (values - centers[:, :, None])
        by_keys = (push * steep)[:, :, None] * pull * slopes
        numbers = {
            "bias": by_keys.sum(2),
            "head_weight": 2.0 * error[:, None] * averages,
            "logit_slope": push * centers,
            "intercept": push * values.sum(2),
        }
        return self.stacked(vectors, by_keys, push[:, :, None] * line, numbers, error**2)
