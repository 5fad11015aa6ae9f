"""Answers of sequences to attention by any function of a logit in place of the exponential."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.expectations.curves import tabulate
from orderparams.models.single_location.responses import Attention
from orderparams.models.single_location.setup import Heads
from orderparams.models.vectors.fluctuations.responses import Response, Sequences
from orderparams.models.vectors.geometry import Vectors

Array = NDArray[np.float64]


class Shares(NamedTuple):
    """φ(χ_hℓ), or s_hℓ with a normaliser, and the slope of the curve at χ_hℓ, (N, H, L); zero for
    tokens that a sequence does not have."""

    shares: Array
    slopes: Array


class CurvedAttention(Attention):
    """a_ℓ = Σ_h u_h (c_h + s_h φ(χ_hℓ + β_h)), or with a normaliser, log φ being the curve,
    a_ℓ = Σ_h u_h s_hℓ."""

    def respond(self, vectors: Vectors, fields: Array, read: Array, drawn: Sequences) -> Response:
        """g_hℓ, and derivatives in bias, head weights, slopes and intercepts."""
        assert isinstance(vectors, Heads)
        present = np.isfinite(fields)
        shares, slopes = self.shared(np.where(present, fields, 0.0), vectors.bias, present)
        weights, steep = vectors.head_weights, vectors.slope
        residual = np.einsum("h,nhl->nl", weights * steep, shares)
        residual += (weights @ vectors.intercept) * present[:, 0]
        residual[:, 0] -= 1.0
        loss, upstream = self.judged(residual, read, drawn)
        center, total = np.einsum("nl,nhl->nh", upstream, shares), upstream.sum(1)[:, None]
        pull = upstream[:, None] * present
        if not self.activation.elementwise:
            pull = shares * (pull - center[:, :, None])
        gradient = (weights * steep)[:, None] * pull * slopes
        numbers = {
            "bias": gradient.sum(2),
            "head_weight": vectors.intercept * total + steep * center,
            "logit_slope": weights * center,
            "intercept": weights * total,
        }
        still = np.zeros(fields.shape[:2])
        return Response(gradient, still, self.scored(weights, numbers), loss)

    def shared(self, fields: Array, bias: Array, present: NDArray[np.bool_]) -> Shares:
        """What heads make of fields (N, H, L), of which some are present."""
        values = np.empty((3, fields.size))
        logits = np.ascontiguousarray(fields + bias[:, None])
        tabulate(self.activation.curve, logits.reshape(-1), values)
        curves, slopes = values[:2].reshape(2, *fields.shape)
        if self.activation.elementwise:
            return Shares(curves * present, slopes * present)
        curves = np.where(present, curves, -np.inf)
        kappa, top = self.activation.kappa, curves.max(axis=2, keepdims=True)
        if kappa > 0:
            top = np.maximum(top, 0.0)
        powers = np.exp(curves - top)
        totals = powers.sum(axis=2, keepdims=True)
        if kappa > 0:
            totals = totals + kappa * np.exp(-top)
        return Shares(powers / totals, slopes * present)
