"""Activations other than the exponential, written out in plain NumPy without a look at kernels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, expit

from orderparams.models.single_location.activations.table import TABLE
from orderparams.models.single_location.attention import Activation

Array = NDArray[np.float64]

PLAIN = {
    "linear": lambda x: (x, np.ones_like(x), np.zeros_like(x)),
    "erf": lambda x: (
        erf(x),
        2 / np.sqrt(np.pi) * np.exp(-(x**2)),
        -4 * x / np.sqrt(np.pi) * np.exp(-(x**2)),
    ),
    "softplus": lambda x: (np.log1p(np.exp(x)), expit(x), expit(x) * expit(-x)),
}
"""φ, φ′ and φ″."""


def activation(name: str, kappa: float = 0.0) -> Activation:
    """One of the table."""
    facts = TABLE[name]
    return Activation(name, facts.joint, kappa, facts.curve(), facts.elementwise)


def attend(name: str, logits: Array, v: Array, offset: float = 0.0, kappa: float = 0.0) -> Array:
    """Attention weights a (…, L) of logits (…, H, L)."""
    phi = PLAIN[name](logits)[0]
    if not TABLE[name].elementwise:
        phi = phi / (kappa + phi.sum(-1, keepdims=True))
    attention: Array = offset + np.einsum("h,...hl->...l", v, phi)
    return attention


@dataclass(frozen=True)
class Found:
    """As :class:`~orderparams.models.single_location.engines.Moments`; weights_gradient is
    E[Σ_ℓ g_hℓ x_ℓ], (H, F+H)."""

    risk: float
    self_overlap_gradient: Array
    bias_gradient: Array
    head_weight_gradient: Array
    offset_gradient: float
    gradient_covariance: Array
    weights_gradient: Array


def moments(
    name: str,
    x: Array,
    masses: Array,
    heads: tuple[Array, Array, Array],
    offset: float,
    kappa: float,
    label_noise: float | None,
) -> Found:
    """Weighted means over sequences x (N, L, F+H), the signal in token 0; the scalar target has
    label noise, and V is its mean over z and ξ (theory 4).

    Derivatives of φ_j/(κ + Σφ) by the rule for quotients, without the logarithm of φ.
    """
    weights, bias, v = heads
    length = x.shape[1]
    eye = np.eye(length)
    phi, first, second = PLAIN[name](np.einsum("hd,nld->nhl", weights, x) + bias[:, None])
    if TABLE[name].elementwise:
        shares, once, twice = phi, eye * first[..., None], eye * second[..., None]
    else:
        z = (kappa + phi.sum(-1))[..., None, None]
        f, d, b = phi[..., None], first[:, :, None], second[:, :, None]
        shares = phi / z[..., 0]
        once = eye * d / z - f * d / z**2  # (n, h, j, ℓ) of ∂s_hj/∂χ_hℓ
        twice = eye * (b / z - 2 * d**2 / z**2) - f * b / z**2 + 2 * f * d**2 / z**3
    residual = offset + np.einsum("h,nhl->nl", v, shares) - eye[0]
    jacobian = v[:, None, None] * once
    g = 2 * np.einsum("nj,nhjl->nhl", residual, jacobian)
    gram = np.einsum("nhjl,nkjl->nhkl", jacobian, jacobian)
    bend = np.einsum("nj,h,nhjl->nhl", residual, v, twice)
    gamma = gram.sum(-1) + bend.sum(-1)[:, :, None] * np.eye(len(v))
    loss = (residual**2).sum(1) + (label_noise or 0.0) ** 2
    square = np.einsum("nhl,nkl->nhk", g, g)
    if label_noise is not None:
        square = 2 * square + 4 * loss[:, None, None] * gram.sum(-1)
    return Found(
        float(masses @ loss),
        np.tensordot(masses, gamma, 1),
        masses @ g.sum(-1),
        2 * np.einsum("n,nl,nhl->h", masses, residual, shares),
        float(2 * masses @ residual.sum(1)),
        np.tensordot(masses, square, 1),
        np.einsum("n,nhl,nld->hd", masses, g, x),
    )
