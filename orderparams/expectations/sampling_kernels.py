"""The arithmetic of the sampling engine: sums over batches of samples (theory 4, 5a).

Samples stand in the last axis of every array, ``LANES`` of them, so that the inner loops run in
vector registers (rows are taken by index: iterating over an array keeps LLVM from seeing that).
``shares`` s_hℓ (H, L, LANES), ``attention`` a_ℓ (L, LANES), residual r_ℓ = a_ℓ − δ_ℓ0, ``center``
c_h = Σ_ℓ r_ℓ s_hℓ (H, LANES), or Σ_ℓ r_ℓ a_ℓ for a joint normaliser, so that in both cases
g_hℓ = 2 u_h s_hℓ (r_ℓ − c_h); ``mass`` the weights of the samples (LANES,).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types
from numba.cpython.unsafe.numbers import viewer
from numpy.typing import NDArray

from orderparams.compiled import FAST, kernel

Array = NDArray[np.float64]

LANES = 128

bitcast: Any = viewer  # as compiled code calls it, with one argument fewer than its definition has

LOG2_E = 1.4426950408889634
LN2_HIGH = 0.6931471803691238  # log 2 cut to 32 bits: its product with an exponent is exact
LN2_LOW = 1.9082149292705877e-10
ROUND = 6755399441055744.0  # 1.5·2^52: a sum with it keeps the nearest integer in its low bits


@kernel(fastmath={"contract"})
def exponential(x: float) -> float:
    """e^x for x ≤ 0 to 1 ulp; e^−708 = 3e−308 for everything below.

    Cody–Waite: x = n log 2 + r, and (e^r − 1)/r interpolated at the Chebyshev points of
    |r| ≤ ½ log 2, to 1e−17. With reordered sums (``FAST``), adding and subtracting ROUND would
    cancel.
    """
    x = max(x, -708.0)
    rounded = x * LOG2_E + ROUND
    exponent = rounded - ROUND
    r = (x - exponent * LN2_HIGH) - exponent * LN2_LOW
    p = 2.5105217004720745e-08
    p = p * r + 2.7626371065696354e-07
    p = p * r + 2.7557255400206422e-06
    p = p * r + 2.480150431378554e-05
    p = p * r + 0.00019841269874820627
    p = p * r + 0.001388888893251478
    p = p * r + 0.008333333333326136
    p = p * r + 0.041666666666573066
    p = p * r + 0.1666666666666667
    p = p * r + 0.5000000000000006
    p = p * r + 1.0
    power = bitcast((bitcast(rounded, types.int64) + 1023) << 52, types.float64)
    result: float = power + power * (p * r)
    return result


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
def normalize(shares: Array, kappa: float, space: Array) -> None:
    """Logits (n, LANES) to shares e^χ / (κ + Σ_n e^χ), in place; no logit overflows."""
    top, total = space[0], space[1]
    top[:] = 0.0 if kappa > 0.0 else -np.inf
    for n in range(len(shares)):
        row = shares[n]
        for i in range(LANES):
            top[i] = max(top[i], row[i])
    total[:] = 0.0
    if kappa > 0.0:
        for i in range(LANES):
            total[i] = kappa * exponential(-top[i])
    for n in range(len(shares)):
        row = shares[n]
        for i in range(LANES):
            row[i] = exponential(row[i] - top[i])
            total[i] += row[i]
    for i in range(LANES):
        total[i] = 1.0 / total[i]
    for n in range(len(shares)):
        row = shares[n]
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
    shares: Array,
    attention: Array,
    center: Array,
    head_weights: Array,
    mass: Array,
    token: int,
    g: Array,
    weighted: Array,
) -> None:
    """g_hℓ = ∂loss/∂χ_hℓ of one token (H, LANES) (theory 4), and the same times the masses."""
    a = attention[token]
    hit = 1.0 if token == 0 else 0.0
    for h in range(len(g)):
        row, s, c, u = g[h], shares[h, token], center[h], 2.0 * head_weights[h]
        out = weighted[h]
        for i in range(LANES):
            slope = u * s[i] * (a[i] - hit - c[i])
            row[i] = slope
            out[i] = mass[i] * slope


@kernel(fastmath=FAST)
def add_products(left: Array, right: Array, products: Array) -> None:
    """Adds Σ_samples left_h right_j to products (H, J)."""
    for h in range(len(left)):
        for j in range(products.shape[1]):
            products[h, j] += dot(left[h], right[j])


@kernel(fastmath=FAST)
def add_symmetric(left: Array, right: Array, products: Array) -> None:
    """The lower triangle of the same, where left and right differ by weights of the samples."""
    for h in range(len(left)):
        for j in range(h + 1):
            products[h, j] += dot(left[h], right[j])


@kernel(fastmath=FAST)
def add_separate_gram(
    shares: Array, head_weights: Array, mass: Array, gram: Array, space: Array
) -> None:
    """Adds E[Σ_ℓ J_hℓ·J_h'ℓ], J_hℓ = ∂a/∂χ_hℓ, for one normaliser a head (lower triangle).

    Of one sample it is u_h u_h' (S + S² − Q) with S = Σ_ℓ s_hℓ s_h'ℓ and
    Q = Σ_ℓ s_hℓ s_h'ℓ (s_hℓ + s_h'ℓ).
    """
    heads, length = shares.shape[:2]
    overlap, cubic = space[0], space[1]
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
            gram[h, j] += head_weights[h] * head_weights[j] * dot(mass, overlap)


@kernel(fastmath=FAST)
def add_joint_gram(
    shares: Array,
    attention: Array,
    center: Array,
    mass: Array,
    bend: float,
    gram: Array,
    space: Array,
) -> None:
    """The same for a joint normaliser: Σ_ℓ p_hℓ p_h'ℓ (1 − 2a_ℓ + Σ_j a_j²).

    ``bend`` = 1 adds Σ_j r_j ∂²a_j/∂χ_hℓ∂χ_h'ℓ, but for the part g_hℓ/2 on the diagonal:
    −2 p_hℓ p_h'ℓ (r_ℓ − c).
    """
    heads, length = shares.shape[:2]
    squares, weight, weighted = space[0], space[1], space[2]
    squares[:] = 0.0
    for token in range(length):
        a = attention[token]
        for i in range(LANES):
            squares[i] += a[i] * a[i]
    c = center[0]
    for token in range(length):
        a = attention[token]
        hit = 1.0 if token == 0 else 0.0
        for i in range(LANES):
            curvature = 1.0 - 2.0 * a[i] + squares[i] - 2.0 * bend * (a[i] - hit - c[i])
            weight[i] = mass[i] * curvature
        for h in range(heads):
            p = shares[h, token]
            for i in range(LANES):
                weighted[i] = weight[i] * p[i]
            for j in range(h + 1):
                gram[h, j] += dot(weighted, shares[j, token])


@kernel(fastmath=FAST)
def add_batch(
    x: Array,
    mass: Array,
    length: int,
    weights: Array,
    bias: Array,
    head_weights: Array,
    kappa: float,
    joint: bool,
    covariance: bool,
    label: float,
    space: Array,
    sums: Array,
) -> None:
    """Adds the sums over one batch of sequences x (≥ length, F+H, LANES) to sums (H, F+2H+3)."""
    heads, directions = weights.shape
    features = directions - heads
    drift, gamma = sums[:, :features], sums[:, features:directions]
    v = sums[:, directions : directions + heads]
    shares = space[: heads * length].reshape(heads, length, LANES)
    space = space[heads * length :]
    attention, center = space[:length], space[length : length + heads]
    space = space[length + heads :]
    g, weighted, space = space[:heads], space[heads : 2 * heads], space[2 * heads :]
    loss, spread, space = space[0], space[1], space[2:]
    project(weights, bias, x, shares)
    if joint:
        normalize(shares.reshape(heads * length, LANES), kappa, space)
    else:
        for h in range(heads):
            normalize(shares[h], kappa, space)
    attend(shares, head_weights, joint, attention, center, loss)
    sums[0, -1] += dot(mass, loss)
    for token in range(length):
        slopes(shares, attention, center, head_weights, mass, token, g, weighted)
        add_products(weighted, x[token], drift)
        if covariance:
            add_symmetric(weighted, g, v)
        for h in range(heads):
            total = dot(mass, g[h])
            sums[h, -3] += total
            gamma[h, h] += 0.5 * total
            if not joint:
                gamma[h, h] -= dot(weighted[h], shares[h, token])
    for h in range(heads):
        sums[h, -2] += 2.0 * dot(mass, center[h])
    for i in range(LANES):
        spread[i] = 2.0 * mass[i] * (loss[i] + label)
    if joint:
        add_joint_gram(shares, attention, center, mass, 1.0, gamma, space)
        if covariance and label >= 0.0:
            add_joint_gram(shares, attention, center, spread, 0.0, v, space)
    else:
        add_separate_gram(shares, head_weights, mass, gamma, space)
        if covariance and label >= 0.0:
            add_separate_gram(shares, head_weights, spread, v, space)


@kernel(fastmath=FAST)
def accumulate(
    nodes: Array,
    masses: Array,
    lengths: NDArray[np.int64],
    length_weights: Array,
    weights: Array,
    bias: Array,
    head_weights: Array,
    kappa: float,
    joint: bool,
    covariance: bool,
    label: float,
    space: Array,
    sums: Array,
) -> None:
    """Adds the sums over the samples of each block to ``sums`` (blocks, H, F+2H+3).

    nodes (blocks, batches, L, F+H, LANES): projections x of the tokens; masses (blocks, batches,
    LANES); shorter lengths use the first tokens; head_weights: ones if joint. The columns are
    E[Σ_ℓ g_hℓ x_fℓ] (F), Γ (H) and V (H) in their lower triangles, ∂E/∂β, ∂E/∂u, and the risk in
    the first row of the last. V is left out unless ``covariance``. A ``label`` Δ² ≥ 0 means the
    scalar target, and one half of its V. ``space`` is work space, (H·L + L + 3H + 6, LANES).
    """
    mass, rest = space[0], space[1:]
    for block in range(nodes.shape[0]):
        for n in range(len(lengths)):
            for batch in range(nodes.shape[1]):
                whole = masses[block, batch]
                for i in range(LANES):
                    mass[i] = length_weights[n] * whole[i]
                add_batch(
                    nodes[block, batch],
                    mass,
                    lengths[n],
                    weights,
                    bias,
                    head_weights,
                    kappa,
                    joint,
                    covariance,
                    label,
                    rest,
                    sums[block],
                )


@kernel(fastmath=FAST)
def orthonormalize(columns: Array) -> None:
    """Modified Gram–Schmidt in place: rows of columns (D, N) become orthogonal, of norm √N."""
    count = columns.shape[1]
    for d in range(len(columns)):
        column = columns[d]
        norm = 0.0
        for i in range(count):
            norm += column[i] * column[i]
        factor = np.sqrt(count / norm)
        for i in range(count):
            column[i] *= factor
        for later in range(d + 1, len(columns)):
            other = columns[later]
            overlap = 0.0
            for i in range(count):
                overlap += column[i] * other[i]
            overlap /= count
            for i in range(count):
                other[i] -= overlap * column[i]
