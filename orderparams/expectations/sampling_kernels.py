"""The arithmetic of the sampling engine: sums over batches of samples (theory 4, 5a).

Samples stand in the last axis of every array, ``LANES`` of them, so that the inner loops run in
vector registers. H heads, F features, L tokens, the signal at token 0 (tokens are exchangeable);
``shares`` s_hℓ (H, L, LANES), ``attention`` a_ℓ (L, LANES), residual r_ℓ = a_ℓ − δ_ℓ0, ``center``
c_h = Σ_ℓ r_ℓ s_hℓ (H, LANES), or Σ_ℓ r_ℓ a_ℓ for a joint normaliser, so that in both cases
g_hℓ = 2 u_h s_hℓ (r_ℓ − c_h); ``mass`` the weights of the samples (LANES,).
"""

from __future__ import annotations

import numpy as np
from numba.core import types
from numba.cpython.unsafe.numbers import viewer
from numpy.typing import NDArray

from orderparams.compiled import FAST, kernel

Array = NDArray[np.float64]

LANES = 64

LOG2_E = 1.4426950408889634
LN2_HIGH = 0.6931471803691238  # log 2 cut to 32 bits: its product with an exponent is exact
LN2_LOW = 1.9082149292705877e-10
ROUND = 6755399441055744.0  # 1.5·2^52: a sum with it keeps the nearest integer in its low bits


@kernel(fastmath={"contract"})
def exponential(x: float) -> float:
    """e^x for x ≤ 0 to 1 ulp (Cody–Waite, degree 11); e^−708 = 3e−308 for everything below.

    Compiled for itself: with reordered sums adding and subtracting ``ROUND`` would cancel.
    """
    x = max(x, -708.0)
    rounded = x * LOG2_E + ROUND
    exponent = rounded - ROUND
    r = (x - exponent * LN2_HIGH) - exponent * LN2_LOW
    p = 1 / 39916800
    p = p * r + 1 / 3628800
    p = p * r + 1 / 362880
    p = p * r + 1 / 40320
    p = p * r + 1 / 5040
    p = p * r + 1 / 720
    p = p * r + 1 / 120
    p = p * r + 1 / 24
    p = p * r + 1 / 6
    p = p * r + 0.5
    p = p * r + 1.0
    power = viewer((viewer(rounded, types.int64) + 1023) << 52, types.float64)
    return power + power * (p * r)  # type: ignore[no-any-return]


@kernel(fastmath=FAST)
def dot(a: Array, b: Array) -> float:
    """Σ a b over the samples of a batch."""
    total = 0.0
    for i in range(LANES):
        total += a[i] * b[i]
    return total


@kernel(fastmath=FAST)
def project(weights: Array, bias: Array, tokens: Array, logits: Array) -> None:
    """Logits K_h·x_ℓ + β_h of tokens x (L, F+H, LANES), four directions at a time."""
    heads, directions = weights.shape
    whole = directions - directions % 4
    for token in range(logits.shape[1]):
        x = tokens[token]
        for h in range(heads):
            row, k = logits[h, token], weights[h]
            row[:] = bias[h]
            for d in range(0, whole, 4):
                x0, x1, x2, x3 = x[d], x[d + 1], x[d + 2], x[d + 3]
                k0, k1, k2, k3 = k[d], k[d + 1], k[d + 2], k[d + 3]
                for i in range(LANES):
                    row[i] += k0 * x0[i] + k1 * x1[i] + k2 * x2[i] + k3 * x3[i]
            for d in range(whole, directions):
                x0, k0 = x[d], k[d]
                for i in range(LANES):
                    row[i] += k0 * x0[i]


@kernel(fastmath=FAST)
def normalize(shares: Array, kappa: float) -> None:
    """Logits (n, LANES) to shares e^χ / (κ + Σ_n e^χ), in place; no logit overflows."""
    top = np.full(LANES, 0.0 if kappa > 0.0 else -np.inf)
    for row in shares:
        for i in range(LANES):
            top[i] = max(top[i], row[i])
    total = np.zeros(LANES)
    if kappa > 0.0:
        for i in range(LANES):
            total[i] = kappa * exponential(-top[i])
    for row in shares:
        for i in range(LANES):
            row[i] = exponential(row[i] - top[i])
            total[i] += row[i]
    for i in range(LANES):
        total[i] = 1.0 / total[i]
    for row in shares:
        for i in range(LANES):
            row[i] *= total[i]


@kernel(fastmath=FAST)
def attend(
    shares: Array, head_weights: Array, joint: bool, attention: Array, center: Array, loss: Array
) -> None:
    """Attention a_ℓ = Σ_h u_h s_hℓ, the centers c_h and the loss Σ_ℓ r_ℓ² (LANES,)."""
    heads, length = shares.shape[:2]
    center[:] = 0.0
    loss[:] = 0.0
    for token in range(length):
        a = attention[token]
        a[:] = 0.0
        for h in range(heads):
            u, s = head_weights[h], shares[h, token]
            for i in range(LANES):
                a[i] += u * s[i]
        hit = 1.0 if token == 0 else 0.0
        for i in range(LANES):
            loss[i] += (a[i] - hit) ** 2
        for h in range(heads):
            c, s = center[h], a if joint else shares[h, token]
            for i in range(LANES):
                c[i] += (a[i] - hit) * s[i]


@kernel(fastmath=FAST)
def slopes(
    shares: Array, attention: Array, center: Array, head_weights: Array, token: int, g: Array
) -> None:
    """g_hℓ = ∂loss/∂χ_hℓ of one token (H, LANES) (theory 4)."""
    a = attention[token]
    hit = 1.0 if token == 0 else 0.0
    for h in range(len(g)):
        row, s, c, u = g[h], shares[h, token], center[h], 2.0 * head_weights[h]
        for i in range(LANES):
            row[i] = u * s[i] * (a[i] - hit - c[i])


@kernel(fastmath=FAST)
def add_outer(left: Array, mass: Array, right: Array, product: Array, lower: bool) -> None:
    """Adds Σ_samples mass left_h right_j to product (H, J); only j ≤ h if ``lower``."""
    weighted = np.empty(LANES)
    for h in range(len(left)):
        row = left[h]
        for i in range(LANES):
            weighted[i] = mass[i] * row[i]
        for j in range(h + 1 if lower else len(right)):
            product[h, j] += dot(weighted, right[j])


@kernel(fastmath=FAST)
def add_separate_curvature(
    shares: Array, head_weights: Array, mass: Array, spread: Array, half_hessian: Array, label: Array
) -> None:
    """Adds the Gram matrix Σ_ℓ J_hℓ·J_h'ℓ of ∂a/∂χ_hℓ, for one normaliser a head.

    It is u_h u_h' (S + S² − Q), S = Σ_ℓ s_hℓ s_h'ℓ and Q = Σ_ℓ s_hℓ s_h'ℓ (s_hℓ + s_h'ℓ): with
    weights ``mass`` to ``half_hessian``, with weights ``spread`` to ``label`` (lower triangles).
    """
    heads, length = shares.shape[:2]
    overlap, cubic = np.empty(LANES), np.empty(LANES)
    for h in range(heads):
        for j in range(h + 1):
            overlap[:] = 0.0
            cubic[:] = 0.0
            for token in range(length):
                s, other = shares[h, token], shares[j, token]
                for i in range(LANES):
                    both = s[i] * other[i]
                    overlap[i] += both
                    cubic[i] += both * (s[i] + other[i])
            for i in range(LANES):
                overlap[i] += overlap[i] * overlap[i] - cubic[i]
            u = head_weights[h] * head_weights[j]
            half_hessian[h, j] += u * dot(mass, overlap)
            label[h, j] += u * dot(spread, overlap)
