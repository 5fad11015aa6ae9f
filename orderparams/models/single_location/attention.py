"""Attention by exponentials, and the derivative of one sequence's loss (theory 2).

Shapes: H heads, L tokens. ``shares`` are s_hℓ = e^{χ_hℓ+β_h}/Z_h with one normaliser Z_h a head
(softmax, softmax-1), or p_hℓ = e^{χ_hℓ+β_h}/Z with one for all (Bayes-softmax, ``joint``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Activation:
    """How logits become attention weights: joint normaliser or one per head, and κ added to it.

    ``curve`` is φ in place of the exponential (:mod:`orderparams.expectations.curves`); with a
    normaliser, log φ. ``elementwise``: there is no normaliser.
    """

    name: str
    joint: bool
    kappa: float
    curve: Any = None
    elementwise: bool = False


@kernel()
def attend(
    logits: Array,
    bias: Array,
    head_weights: Array,
    kappa: float,
    joint: bool,
    shares: Array,
    attention: Array,
) -> None:
    """Attention weights a_ℓ of one sequence.

    logits (H, L), bias (H,), head_weights (H,) → fills shares (H, L) and attention (L,):
    a_ℓ = Σ_h u_h s_hℓ, or Σ_h p_hℓ if joint (head_weights are then not used). Exponentials are
    taken relative to the largest logit, so that no input overflows.
    """
    heads, length = logits.shape
    top_of_all = -np.inf
    if joint:
        for h in range(heads):
            for token in range(length):
                top_of_all = max(top_of_all, logits[h, token] + bias[h])
    total_of_all = 0.0
    for h in range(heads):
        top = top_of_all
        if not joint:
            for token in range(length):
                top = max(top, logits[h, token] + bias[h])
        if kappa > 0.0:
            top = max(top, 0.0)
        total = 0.0
        for token in range(length):
            shares[h, token] = np.exp(logits[h, token] + bias[h] - top)
            total += shares[h, token]
        if joint:
            total_of_all += total
        else:
            if kappa > 0.0:  # else e^{-top} may be infinite
                total += kappa * np.exp(-top)
            for token in range(length):
                shares[h, token] /= total
    if joint:
        total_of_all += kappa * np.exp(-max(top_of_all, 0.0))
        for h in range(heads):
            for token in range(length):
                shares[h, token] /= total_of_all
    for token in range(length):
        attention[token] = 0.0
        for h in range(heads):
            weight = 1.0 if joint else head_weights[h]
            attention[token] += weight * shares[h, token]


@kernel()
def backpropagate(
    shares: Array,
    attention: Array,
    head_weights: Array,
    joint: bool,
    upstream: Array,
    logit_gradient: Array,
    head_weight_gradient: Array,
) -> None:
    """From c_ℓ = ∂loss/∂a_ℓ (``upstream``, (L,)) to g_hℓ = ∂loss/∂χ_hℓ (H, L) and ∂loss/∂u_h (H,).

    separate: g_hℓ = u_h s_hℓ (c_ℓ − Σ_j c_j s_hj);  joint: g_hℓ = p_hℓ (c_ℓ − Σ_j c_j a_j).
    The token target has c_ℓ = 2 σ_ℓ² r_ℓ, the scalar target c_ℓ = 2 (Σ_j r_j z_j − Δξ) z_ℓ.
    """
    heads, length = shares.shape
    for h in range(heads):
        center = 0.0
        for token in range(length):
            center += upstream[token] * (attention[token] if joint else shares[h, token])
        head_weight_gradient[h] = 0.0 if joint else center
        weight = 1.0 if joint else head_weights[h]
        for token in range(length):
            slope = upstream[token] - center
            logit_gradient[h, token] = weight * shares[h, token] * slope
