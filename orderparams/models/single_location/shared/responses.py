"""Sequences of single-location regression and what heads with shared keys answer (theory 12).

Bases have the fields ψ_jℓ, of which heads make the logits χ = Cψ: the derivative of the loss in a
field of a base is Σ_h C_hj g_hℓ, that in C_hj is Σ_ℓ g_hℓ ψ_jℓ, and the norm bias β_h = −|k_h|²/2D
adds −ρ_h (C q)_hj to it, and draws the bases by Σ_h ρ_h C_hj k_h.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.models.single_location.responses import Attention
from orderparams.models.single_location.shared.bases import BaseKeys
from orderparams.models.vectors.fluctuations.responses import Response, Sequences
from orderparams.models.vectors.geometry import Vectors

Array = NDArray[np.float64]


class SharedAttention(Attention):
    """Softmax and its relatives with known values, of heads that mix bases."""

    def respond(self, vectors: Vectors, fields: Array, read: Array, drawn: Sequences) -> Response:
        """Of bases (J); numbers are those of heads (H), and of the mixing (H, J)."""
        assert isinstance(vectors, BaseKeys)
        mixing, present = vectors.mixing, np.isfinite(fields[:, :1])
        known = np.where(present, fields, 0.0)
        logits = np.where(present, mixing @ known, -np.inf)
        found = super().respond(vectors, logits, read, drawn)
        by_mixing = found.gradient @ np.swapaxes(known, 1, 2)
        by_mixing -= found.radial[:, :, None] * (mixing @ vectors.self_overlap)
        return Response(
            mixing.T @ found.gradient,
            np.einsum("hj,nh,hk->njk", mixing, found.radial, mixing),
            {**found.numbers, "mixing": by_mixing},
            found.loss,
        )
