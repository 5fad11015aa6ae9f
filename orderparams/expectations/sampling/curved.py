"""Sums over sampled sequences for any function of a logit in place of the exponential (theory 5a).

With f(χ_hℓ) and its derivatives f′, f″ of a curve, and ∂loss/∂f_hℓ = ``pull``, g_hℓ = pull·f′_hℓ:

    element-wise:  a_ℓ = C + Σ_h v_h f_hℓ,               pull = 2 v_h r_ℓ
    normalised:    s_hℓ = e^f_hℓ / (κ + Σ_j e^f_hj),     pull = 2 v_h s_hℓ (r_ℓ − Σ_j r_j s_hj),

f being the logarithm of what is normalised, and a_ℓ = Σ_h v_h s_hℓ. r_ℓ is a_ℓ − δ_ℓ0 times the
variance σ_ℓ² of the token's noise, 1 but for the first; V = E[Σ_ℓ σ_ℓ² g_hℓ g_h'ℓ].
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.expectations.curves import curve
from orderparams.expectations.sampling.kernels import NodeSet

Array = NDArray[np.float64]


class Heads(NamedTuple):
    """weights K (H, F+H), bias β (H,), head weights v (H,), and the constant C."""

    weights: Array
    bias: Array
    head_weights: Array
    offset: float


class Form(NamedTuple):
    """f; whether it is element-wise or normalised with κ; whether V is summed, and ``label``: Δ² ≥
    0 for the scalar target, else negative; and the variance of the first token's noise."""

    curve: Any
    elementwise: bool
    kappa: float
    covariance: bool
    label: float
    variance: float


class CurvedSums(NamedTuple):
    """By block: E[Σ_ℓ g_hℓ x_fℓ] (H, F), Γ and V (H, H) in their lower triangles, ∂E/∂β and ∂E/∂v
    (H, 2), risk and ∂E/∂C (2,)."""

    drift: Array
    gamma: Array
    covariance: Array
    numbers: Array
    rest: Array


@kernel()
def share_out(values: Array, kappa: float, shares: Array) -> None:
    """Shares e^f/(κ + Σ e^f) of each head, (H, L); none overflows."""
    heads, length = values.shape
    for h in range(heads):
        top = 0.0 if kappa > 0.0 else -np.inf
        for token in range(length):
            top = max(top, values[h, token])
        total = kappa * np.exp(-top) if kappa > 0.0 else 0.0
        for token in range(length):
            shares[h, token] = np.exp(values[h, token] - top)
            total += shares[h, token]
        for token in range(length):
            shares[h, token] /= total


@kernel(inlined=False)
def add_sequence(
    x: Array,
    mass: float,
    heads: Heads,
    form: Form,
    space: Array,
    drift: Array,
    gamma: Array,
    covariance: Array,
    numbers: Array,
    rest: Array,
) -> None:
    """Adds the sums over one sequence of tokens x (L, F+H), the signal in the first of them.

    ``space`` is work space, (5, H, L).
    """
    weights, bias, v, offset = heads
    length, directions = x.shape
    count, features = drift.shape
    values, slopes, bends = space[0, :, :length], space[1, :, :length], space[2, :, :length]
    shares, g = space[3, :, :length], space[4, :, :length]
    residual = np.empty(length)
    for h in range(count):
        for token in range(length):
            logit = bias[h]
            for d in range(directions):
                logit += weights[h, d] * x[token, d]
            values[h, token], slopes[h, token], bends[h, token] = curve(form.curve, logit)
    if form.elementwise:
        for h in range(count):
            for token in range(length):
                shares[h, token] = values[h, token]
    else:
        share_out(values, form.kappa, shares)
    loss, total = 0.0, 0.0
    variances = np.ones(length)
    variances[0] = form.variance
    for token in range(length):
        plain = offset - (1.0 if token == 0 else 0.0)
        for h in range(count):
            plain += v[h] * shares[h, token]
        residual[token] = variances[token] * plain
        loss += plain * residual[token]
        total += residual[token]
    rest[0] += mass * loss
    rest[1] += mass * 2.0 * total
    for h in range(count):
        center = 0.0
        for token in range(length):
            center += residual[token] * shares[h, token]
        numbers[h, 1] += mass * 2.0 * center
        pulled, own = 0.0, 0.0
        for token in range(length):
            s, f1 = shares[h, token], slopes[h, token]
            if form.elementwise:
                pull = 2.0 * v[h] * residual[token]
            else:
                pull = 2.0 * v[h] * s * (residual[token] - center)
                own += variances[token] * pull * (1.0 - 2.0 * s) * f1 * f1
            own += variances[token] * pull * bends[h, token]
            g[h, token] = pull * f1
            pulled += g[h, token]
        numbers[h, 0] += mass * pulled
        gamma[h, h] += mass * 0.5 * own
        for f in range(features):
            moved = 0.0
            for token in range(length):
                moved += g[h, token] * x[token, f]
            drift[h, f] += mass * moved
        for k in range(h + 1):
            common = 0.0
            if not form.elementwise:
                for token in range(length):
                    common += variances[token] * shares[h, token] * shares[k, token]
            jacobian, square = 0.0, 0.0
            for token in range(length):
                variance = variances[token]
                product = variance * slopes[h, token] * slopes[k, token]
                if form.elementwise:
                    product *= variance
                else:
                    s, t = shares[h, token], shares[k, token]
                    product *= s * t * (variance * (1.0 - s - t) + common)
                jacobian += product
                square += variance * g[h, token] * g[k, token]
            jacobian *= v[h] * v[k]
            gamma[h, k] += mass * jacobian
            if form.covariance:
                if form.label >= 0.0:
                    square = 2.0 * square + 4.0 * (loss + form.label) * jacobian
                covariance[h, k] += mass * square


@kernel(inlined=False)
def accumulate_curved(
    nodes: NodeSet,
    lengths: NDArray[np.int64],
    length_weights: Array,
    heads: Heads,
    form: Form,
    sums: CurvedSums,
) -> None:
    """Adds the sums over the samples of each block to :class:`CurvedSums` with a leading axis of
    blocks. Shorter lengths use the first tokens."""
    blocks, groups, longest, directions, lanes = nodes.tokens.shape
    count, features = sums.drift.shape[1:]
    x = np.empty((longest, directions))
    space = np.empty((5, count, longest))
    for n in range(lengths.size):
        length = lengths[n]
        for block in range(blocks):
            for group in range(groups):
                for lane in range(lanes):
                    mass = length_weights[n] * nodes.masses[block, group, lane]
                    for image in range(2):
                        sign = 1.0 - 2.0 * image
                        for token in range(length):
                            for d in range(directions):
                                x[token, d] = sign * nodes.tokens[block, group, token, d, lane]
                        for f in range(features):
                            x[0, f] += nodes.centers[block, group, f, lane]
                        add_sequence(
                            x[:length],
                            mass,
                            heads,
                            form,
                            space,
                            sums.drift[block],
                            sums.gamma[block],
                            sums.covariance[block],
                            sums.numbers[block],
                            sums.rest[block],
                        )
