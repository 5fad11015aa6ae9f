"""An independent, slow evaluation of all moments on given draws, by plain einsum.

The shares of all heads and tokens are one long vector p, index i = (h, ℓ), in which groups have a
common normaliser: one group a head, or one group in all (joint). Then
∂p_i/∂χ_k = p_i (δ_ik − G_ik p_k), G_ik = 1 within a group, and everything else is the chain rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.models.single_location.attention import Activation

Array = NDArray[np.float64]


@dataclass(frozen=True)
class OracleMoments:
    """As :class:`~orderparams.models.single_location.engines.Moments`; overlap_gradient is
    E[g_hε θ_f] and weights_gradient E[Σ_ℓ g_hℓ x_ℓ], (H, F+H)."""

    risk: float
    overlap_gradient: Array
    self_overlap_gradient: Array
    bias_gradient: Array
    head_weight_gradient: Array
    gradient_covariance: Array
    weights_gradient: Array


def oracle_moments(
    noise: Array,
    signal: Array,
    masses: Array,
    weights: Array,
    bias: Array,
    head_weights: Array,
    activation: Activation,
    target: str = "token",
    label_noise: float = 0.0,
) -> OracleMoments:
    """Weighted means over N draws: noise (N, L, F+H), signal θ (N, F) at token 0, masses (N,).

    The scalar target's V is the mean over z and the label noise, by Isserlis' theorem.
    """
    samples, length = noise.shape[:2]
    heads, features = len(weights), signal.shape[1]
    x = noise.copy()
    x[:, 0, :features] += signal
    logits = np.einsum("hd,nld->nhl", weights, x) + bias[:, None]
    summed = (1, 2) if activation.joint else (2,)
    top = np.maximum(logits.max(summed, keepdims=True), 0.0 if activation.kappa else -np.inf)
    exponentials = np.exp(logits - top)
    normaliser = activation.kappa * np.exp(-np.maximum(top, 0.0)) + exponentials.sum(
        summed, keepdims=True
    )
    p = (exponentials / normaliser).reshape(samples, -1)

    head, token = np.divmod(np.arange(heads * length), length)
    mixing = np.ones(heads) if activation.joint else head_weights
    to_attention = mixing[head] * (token == np.arange(length)[:, None])  # a_j = Σ_i (j, i) p_i
    same = np.eye(heads * length)
    group = np.ones_like(same) if activation.joint else (head[:, None] == head).astype(float)

    step = same - group * p[:, None, :]  # (n, i, k): δ_ik − G_ik p_k
    first = p[:, :, None] * step
    second = np.einsum("nik,nim->nikm", first, step)
    second -= np.einsum("ni,ik,nkm->nikm", p, group, first)
    jacobian = np.einsum("ji,nik->njk", to_attention, first)
    residual = p @ to_attention.T - (np.arange(length) == 0)
    slope = 2 * np.einsum("nj,njk->nk", residual, jacobian)
    gram = np.einsum("njk,njm->nkm", jacobian, jacobian)
    hessian = 2 * gram + 2 * np.einsum("nj,ji,nikm->nkm", residual, to_attention, second)

    def per_token(square: Array) -> Array:
        """Σ_ℓ of the entries (hℓ, h'ℓ), mean over draws."""
        shape = (samples, heads, length, heads, length)
        mean: Array = np.einsum("n,nhlkl->hk", masses, square.reshape(shape))
        return mean

    loss = (residual**2).sum(1)
    covariance = slope[:, :, None] * slope[:, None, :]
    if target == "scalar":
        loss = loss + label_noise**2
        covariance = 2 * covariance + 4 * loss[:, None, None] * gram
    g = slope.reshape(samples, heads, length)
    shares = p.reshape(samples, heads, length)
    upstream = (
        np.zeros(heads)
        if activation.joint
        else 2 * np.einsum("n,nl,nhl->h", masses, residual, shares)
    )
    return OracleMoments(
        risk=float(masses @ loss),
        overlap_gradient=np.einsum("n,nh,nf->hf", masses, g[:, :, 0], signal),
        self_overlap_gradient=0.5 * per_token(hessian),
        bias_gradient=np.einsum("n,nhl->h", masses, g),
        head_weight_gradient=upstream,
        gradient_covariance=per_token(covariance),
        weights_gradient=np.einsum("n,nhl,nld->hd", masses, g, x),
    )
