"""The arithmetic of the sampling engine: sums over samples, ``LANES`` at a time (theory 4, 5a).

A group is ``LANES`` nodes y_ℓ with their images −y_ℓ; the tokens are x_ℓ = ±y_ℓ + δ_ℓ0 (center, 0).
``logits``, ``shares`` s_hℓ and ``slopes`` g_hℓ (2, H, L) hold both, one after the other in the same
place; ``residual`` is r_ℓ = a_ℓ − δ_ℓ0 with the attention a_ℓ = Σ_h u_h s_hℓ. With
c_h = Σ_ℓ r_ℓ s_hℓ, or c = Σ_ℓ r_ℓ a_ℓ for a joint normaliser, g_hℓ = 2 u_h s_hℓ (r_ℓ − c_h).
Where the noise of the first token has another ``variance`` than 1, that of the others, its r_ℓ is
multiplied by it in c_h and g_hℓ, and V is E[Σ_ℓ σ_ℓ² g_hℓ g_h'ℓ].
``mass`` is the weight of the samples.

Products are summed in squares of two by two, so that each number loaded is used twice: H and F are
even here, by heads and features of weight zero. The first ``heads`` are real.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.expectations.exponential import exponential
from orderparams.expectations.lanes import (
    fma,
    maximum,
    splat,
    vectors,
)

Array = NDArray[np.float64]
Vector = Any  # LANES numbers, of LANES samples
Vectors = Any  # array of such


class NodeSet(NamedTuple):
    """tokens (blocks, groups, L, F+H, LANES), centers (blocks, groups, F, LANES) and masses.

    Of a node y with its center c, x_ℓ = ±y_ℓ + δ_ℓ0 (c, 0) are the tokens of two samples: the
    center is the mean of a component of P_θ, and F rounded up to an even number. masses (blocks,
    groups, LANES) are those of each of the two; in a block they sum to 1/2.
    """

    tokens: Array
    centers: Array
    masses: Array


class PaddedHeads(NamedTuple):
    """weights (H, D), bias, head_weights (H,), ones if joint; ``real`` of them are no padding."""

    weights: Array
    bias: Array
    head_weights: Array
    real: int


class Wanted(NamedTuple):
    """κ and kind of the normaliser; what is summed beside the risk: gradients, V; and ``label``:
    Δ² ≥ 0 for the scalar target, else negative; and the variance of the first token's noise."""

    kappa: float
    joint: bool
    gradient: bool
    covariance: bool
    label: float
    variance: float


class Sums(NamedTuple):
    """E[Σ_ℓ g_hℓ x_fℓ] (H, F), Γ and V (H, H) in their lower triangles, rest (H, 3).

    V is one half of it for the scalar target; rest holds ∂E/∂β, ∂E/∂u, and the risk in its first
    row.
    """

    drift: Any
    gamma: Any
    covariance: Any
    rest: Any


class Space(NamedTuple):
    """Work space of a group: shares (2, H, L), weighted shares (H, L), residuals (2, L)."""

    shares: Vectors
    weighted: Vectors
    residual: Vectors


@kernel()
def project(weights: Array, bias: Array, y: Vectors, center: Vectors, logits: Vectors) -> None:
    """Logits K_h·x_ℓ + β_h."""
    heads, directions = weights.shape
    for h in range(0, heads, 2):
        for token in range(logits.shape[2]):
            p0, p1 = splat(0.0), splat(0.0)
            for d in range(directions):
                x = y[token, d]
                p0, p1 = fma(weights[h, d], x, p0), fma(weights[h + 1, d], x, p1)
            logits[0, h, token], logits[1, h, token] = bias[h] + p0, bias[h] - p0
            logits[0, h + 1, token], logits[1, h + 1, token] = bias[h + 1] + p1, bias[h + 1] - p1
    for h in range(heads):
        signal = splat(0.0)
        for f in range(len(center)):
            signal = fma(weights[h, f], center[f], signal)
        logits[0, h, 0] += signal
        logits[1, h, 0] += signal


@kernel()
def normalize(first: Vectors, second: Vectors, kappa: float) -> None:
    """Logits (n,) of node and image to shares e^χ / (κ + Σ e^χ), in place; none overflows."""
    least = splat(0.0 if kappa > 0.0 else -np.inf)
    top0, top1 = least, least
    for n in range(len(first)):
        top0, top1 = maximum(top0, first[n]), maximum(top1, second[n])
    total0, total1 = splat(0.0), splat(0.0)
    if kappa > 0.0:
        total0, total1 = kappa * exponential(0.0 - top0), kappa * exponential(0.0 - top1)
    for n in range(len(first)):
        share0, share1 = exponential(first[n] - top0), exponential(second[n] - top1)
        first[n], second[n] = share0, share1
        total0, total1 = total0 + share0, total1 + share1
    factor0, factor1 = 1.0 / total0, 1.0 / total1
    for n in range(len(first)):
        first[n] *= factor0
        second[n] *= factor1


@kernel()
def attend(shares: Vectors, heads: int, head_weights: Array, residual: Vectors) -> None:
    """Residuals r_ℓ (2, L)."""
    for token in range(shares.shape[2]):
        r0 = splat(-1.0 if token == 0 else 0.0)
        r1 = r0
        for h in range(heads):
            r0 = fma(head_weights[h], shares[0, h, token], r0)
            r1 = fma(head_weights[h], shares[1, h, token], r1)
        residual[0, token], residual[1, token] = r0, r1


@kernel()
def inner(a: Vectors, b: Vectors) -> Vector:
    """Σ a b."""
    total = splat(0.0)
    for n in range(len(a)):
        total = fma(a[n], b[n], total)
    return total


@kernel()
def add_products(left: Vectors, right: Vectors, mass: Vector, products: Vectors) -> None:
    """Adds Σ_ℓ left_hℓ right_h'ℓ (H, H), in its lower triangle at least."""
    for h in range(0, len(left), 2):
        for j in range(0, h + 1, 2):
            p00, p01, p10, p11 = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
            for token in range(left.shape[1]):
                a0, a1 = left[h, token], left[h + 1, token]
                b0, b1 = right[j, token], right[j + 1, token]
                p00, p01 = fma(a0, b0, p00), fma(a0, b1, p01)
                p10, p11 = fma(a1, b0, p10), fma(a1, b1, p11)
            add_square(h, j, p00, p01, p10, p11, mass, products)


@kernel()
def add_square(
    h: int, j: int, p00: Vector, p01: Vector, p10: Vector, p11: Vector, mass: Vector, sums: Vectors
) -> None:
    """Adds mass·p to the square of sums that begins at (h, j)."""
    sums[h, j] = fma(mass, p00, sums[h, j])
    sums[h, j + 1] = fma(mass, p01, sums[h, j + 1])
    sums[h + 1, j] = fma(mass, p10, sums[h + 1, j])
    sums[h + 1, j + 1] = fma(mass, p11, sums[h + 1, j + 1])


@kernel()
def add_drift(slopes: Vectors, y: Vectors, center: Vectors, mass: Vector, drift: Vectors) -> None:
    """Adds Σ_ℓ g_hℓ x_fℓ (H, F) of nodes and images."""
    first, second = slopes[0], slopes[1]
    for h in range(0, drift.shape[0], 2):
        both0, both1 = first[h, 0] + second[h, 0], first[h + 1, 0] + second[h + 1, 0]
        for f in range(0, drift.shape[1], 2):
            p00, p01 = both0 * center[f], both0 * center[f + 1]
            p10, p11 = both1 * center[f], both1 * center[f + 1]
            for token in range(slopes.shape[2]):
                a0 = first[h, token] - second[h, token]
                a1 = first[h + 1, token] - second[h + 1, token]
                b0, b1 = y[token, f], y[token, f + 1]
                p00, p01 = fma(a0, b0, p00), fma(a0, b1, p01)
                p10, p11 = fma(a1, b0, p10), fma(a1, b1, p11)
            add_square(h, f, p00, p01, p10, p11, mass, drift)


@kernel()
def gram(weight: float, s: Vector, q: Vector) -> Vector:
    """u_h u_h' (S + S² − Q), see :func:`add_separate_gram`."""
    return weight * (fma(s, s, s) - q)


@kernel()
def weighed_gram(weight: float, s: Vector, q: Vector, a: Vector, b: Vector, own: float) -> Vector:
    """The same with the variance σ_ℓ² of each token's noise, 1 but for the first with shares a, b.

    It is u_h u_h' Σ_ℓ σ_ℓ² s_hℓ s_h'ℓ (σ_ℓ² (1 − s_hℓ − s_h'ℓ) + Σ_j σ_j² s_hj s_h'j).
    """
    product = a * b
    common, added = fma(own - 1.0, product, s), (own * own - 1.0) * product
    return weight * (fma(common, common, s + added) - fma(added, a + b, q))


@kernel()
def add_separate_gram(
    shares: Vectors,
    head_weights: Array,
    mass: Vector,
    gamma: Vectors,
    spread: Vector,
    scalar: bool,
    own: float,
    v: Vectors,
) -> None:
    """Adds Σ_ℓ J_hℓ·J_h'ℓ, J_hℓ = ∂a/∂χ_hℓ, for one normaliser a head (lower triangle).

    It is u_h u_h' (S + S² − Q) with S = Σ_ℓ s_hℓ s_h'ℓ and Q = Σ_ℓ s_hℓ s_h'ℓ (s_hℓ + s_h'ℓ). If
    ``scalar``, the same with the weight ``spread`` is added to v.
    """
    for h in range(0, len(shares), 2):
        for j in range(0, h + 1, 2):
            s00, s01, s10, s11 = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
            q00, q01, q10, q11 = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
            for token in range(shares.shape[1]):
                a0, a1 = shares[h, token], shares[h + 1, token]
                b0, b1 = shares[j, token], shares[j + 1, token]
                p00, p01, p10, p11 = a0 * b0, a0 * b1, a1 * b0, a1 * b1
                s00, s01, s10, s11 = s00 + p00, s01 + p01, s10 + p10, s11 + p11
                q00, q01 = fma(p00, a0 + b0, q00), fma(p01, a0 + b1, q01)
                q10, q11 = fma(p10, a1 + b0, q10), fma(p11, a1 + b1, q11)
            u0, u1 = head_weights[h], head_weights[h + 1]
            w0, w1 = head_weights[j], head_weights[j + 1]
            g00, g01 = gram(u0 * w0, s00, q00), gram(u0 * w1, s01, q01)
            g10, g11 = gram(u1 * w0, s10, q10), gram(u1 * w1, s11, q11)
            if own != 1.0:
                a0, a1, b0, b1 = shares[h, 0], shares[h + 1, 0], shares[j, 0], shares[j + 1, 0]
                g00 = weighed_gram(u0 * w0, s00, q00, a0, b0, own)
                g01 = weighed_gram(u0 * w1, s01, q01, a0, b1, own)
                g10 = weighed_gram(u1 * w0, s10, q10, a1, b0, own)
                g11 = weighed_gram(u1 * w1, s11, q11, a1, b1, own)
            add_square(h, j, g00, g01, g10, g11, mass, gamma)
            if scalar:
                add_square(h, j, g00, g01, g10, g11, spread, v)


@kernel()
def weigh_shares(
    shares: Vectors, residual: Vectors, c: Vector, bend: float, own: float, weighted: Vectors
) -> None:
    """Shares p_hℓ of a joint normaliser times what makes Σ_ℓ p_h'ℓ weighted_hℓ the same sum.

    This is 1 − 2a_ℓ + Σ_j a_j². ``bend`` = 1 adds Σ_j r_j ∂²a_j/∂χ_hℓ∂χ_h'ℓ, but for the part
    g_hℓ/2 on the diagonal: −2 (r_ℓ − c). With the variance ``own`` of the first token's noise it is
    σ_ℓ² (σ_ℓ² (1 − 2a_ℓ) + Σ_j σ_j² a_j²), and −2 σ_ℓ² (σ_ℓ² r_ℓ − c).
    """
    square = splat(1.0)
    for token in range(len(residual)):
        a = residual[token] + (1.0 if token == 0 else 0.0)
        square = fma(a, a, square)
    if own != 1.0:
        first = residual[0] + 1.0
        square = fma((own - 1.0) * first, first, square)
    for token in range(len(residual)):
        r = residual[token]
        a = r + (1.0 if token == 0 else 0.0)
        weight = square - 2.0 * (a + bend * (r - c))
        for h in range(len(shares)):
            weighted[h, token] = weight * shares[h, token]
    if own != 1.0:
        r = residual[0]
        weight = (square - 1.0) - own * (1.0 + 2.0 * r) - (2.0 * bend) * (own * r - c)
        for h in range(len(shares)):
            weighted[h, 0] = own * weight * shares[h, 0]


@kernel()
def slope(shares: Vectors, residual: Vectors, c: Vector, factor: float) -> tuple[Vector, Vector]:
    """Shares s_ℓ to slopes g_ℓ of one head (theory 4), in place; returns Σ_ℓ g_ℓ, Σ_ℓ g_ℓ s_ℓ."""
    total, square = splat(0.0), splat(0.0)
    for token in range(len(shares)):
        s = shares[token]
        g = (factor * s) * (residual[token] - c)
        total += g
        square = fma(g, s, square)
        shares[token] = g
    return total, square


@kernel()
def add_first_products(slopes: Vectors, mass: Vector, products: Vectors) -> None:
    """Adds g_h0 g_h'0 (H, H) of the first token."""
    for h in range(0, len(slopes), 2):
        for j in range(0, h + 1, 2):
            a0, a1, b0, b1 = slopes[h, 0], slopes[h + 1, 0], slopes[j, 0], slopes[j + 1, 0]
            add_square(h, j, a0 * b0, a0 * b1, a1 * b0, a1 * b1, mass, products)


@kernel()
def add_group(
    y: Vectors,
    center: Vectors,
    mass: Vector,
    padded: PaddedHeads,
    wanted: Wanted,
    space: Space,
    sums: Sums,
) -> None:
    """Adds the sums over one group."""
    weights, bias, head_weights, heads = padded
    kappa, joint, gradient, covariance, label, own = wanted
    shares, weighted, residual = space
    drift, gamma, v, rest = sums
    size = heads * shares.shape[2]
    scalar = covariance and label >= 0.0
    project(weights, bias, y, center, shares)
    if joint:
        normalize(shares[0, :heads].reshape(size), shares[1, :heads].reshape(size), kappa)
    else:
        for h in range(heads):
            normalize(shares[0, h], shares[1, h], kappa)
    attend(shares, heads, head_weights, residual)
    for image in range(2):
        s, r = shares[image], residual[image]
        loss = inner(r, r)
        if own != 1.0:
            loss = fma((own - 1.0) * r[0], r[0], loss)
        rest[0, 2] = fma(mass, loss, rest[0, 2])
        if not gradient:
            continue
        spread = (2.0 * mass) * (loss + label)
        c = loss + own * r[0]
        if joint:
            weigh_shares(s, r, c, 1.0, own, weighted)
            add_products(weighted, s, mass, gamma)
            if scalar:
                weigh_shares(s, r, c, 0.0, own, weighted)
                add_products(weighted, s, spread, v)
        else:
            add_separate_gram(s, head_weights, mass, gamma, spread, scalar, own, v)
        r[0] = own * r[0]
        for h in range(heads):
            if not joint:
                c = inner(r, s[h])
            first = s[h, 0]
            total, square = slope(s[h], r, c, 2.0 * head_weights[h])
            rest[h, 0] = fma(mass, total, rest[h, 0])
            rest[h, 1] = fma(2.0 * mass, c, rest[h, 1])
            bend = 0.5 * total if joint else 0.5 * total - square
            if own != 1.0:
                share = splat(0.5) if joint else 0.5 - first
                bend = fma((own - 1.0) * share, s[h, 0], bend)
            gamma[h, h] = fma(mass, bend, gamma[h, h])
        if covariance:
            add_products(s, s, mass, v)
            if own != 1.0:
                add_first_products(s, (own - 1.0) * mass, v)
    if gradient:
        add_drift(shares, y, center, mass, drift)


@kernel()
def accumulate(
    nodes: NodeSet,
    lengths: NDArray[np.int64],
    length_weights: Array,
    padded: PaddedHeads,
    wanted: Wanted,
    space: Array,
    sums: Array,
) -> None:
    """Adds the sums over the samples of each block to ``sums`` (blocks, H (F+2H+3), LANES).

    Shorter lengths use the first tokens. The sums are those of :class:`Sums`, one behind the other.
    ``space`` is work space, ((3H + 2)·L, LANES).
    """
    ys, cs, whole = vectors(nodes.tokens), vectors(nodes.centers), vectors(nodes.masses)
    totals = vectors(sums)
    count, features = len(padded.weights), cs.shape[2]
    ends = count * np.array([features, features + count, features + 2 * count])
    for n in range(len(lengths)):
        length = lengths[n]
        size = count * length
        work = vectors(space)
        room = Space(
            work[: 2 * size].reshape(2, count, length),
            work[2 * size : 3 * size].reshape(count, length),
            work[3 * size : 3 * size + 2 * length].reshape(2, length),
        )
        for block in range(len(totals)):
            total = totals[block]
            added = Sums(
                total[: ends[0]].reshape(count, features),
                total[ends[0] : ends[1]].reshape(count, count),
                total[ends[1] : ends[2]].reshape(count, count),
                total[ends[2] :].reshape(count, 3),
            )
            for group in range(nodes.tokens.shape[1]):
                mass = length_weights[n] * whole[block, group]
                add_group(ys[block, group], cs[block, group], mass, padded, wanted, room, added)
