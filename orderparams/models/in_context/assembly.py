"""Risk and gradient from expectations of single heads and of pairs of heads.

Given the radii r_b = |x_q^(b)| of the query, the scores of head h are k_h·g with k_hb = ω_hb r_b,
and

    E_j = E_r { Σ_b v_jb [r_b² − 2 r_b Σ_h μ_hj E m_hb + Σ_hh' μ_hj μ_h'j C_hh'b]
                + σ_j² Σ_hh' μ_hj μ_h'j G_hh' },
    E m_hb = k_hb E[p_1 − p_2],   C_hh'b = E m_hb m_h'b + (d_b − 1) G_hh'.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.arrays import Array1, Array2, Array3, Array4
from orderparams.compiled import kernel
from orderparams.models.in_context.found import Found
from orderparams.models.in_context.setup import Prompts

Array = NDArray[np.float64]


def pairs_of(heads: int) -> int:
    """Number of pairs of different heads; they come in the order (0, 1), (0, 2), …, (1, 2), …"""
    return heads * (heads - 1) // 2


def assembled(
    prompts: Prompts,
    rule: tuple[Array, Array],
    key_query: Array,
    output: Array,
    expectations: tuple[Array, Array],
) -> Found:
    """Risk and gradient at ω (H, B) and μ (H, J).

    ``rule`` has radii (R, B) and weights (R,); ``expectations`` those of :mod:`integrals` of heads
    (R, H, 3, 3) and of pairs (R, P, 4, 6).
    """
    risk = prompts.strengths.sum(1)
    by_key_query, by_output = np.zeros(key_query.shape), np.zeros(output.shape)
    keys = key_query * rule[0][:, None, :]
    own = queries(prompts, rule[0], keys)
    law = prompts.variances, prompts.labels
    add_heads(*rule, keys, own, *law, output, expectations[0], risk, by_key_query, by_output)
    add_pairs(*rule, keys, own, *law, output, expectations[1], risk, by_key_query, by_output)
    return Found(risk, by_key_query, by_output)


def queries(prompts: Prompts, radii: Array, keys: Array) -> Array:
    """What the query adds to the normaliser of each head (R, H): e^{Σ_b ω_hb r_b²}, or nothing."""
    if not prompts.query_in_softmax:
        return np.zeros(keys.shape[:2])
    found: Array = np.exp((keys * radii[:, None, :]).sum(2))
    return found


@kernel(inlined=False)
def add_heads(
    radii: Array2,
    shares: Array1,
    keys: Array3,
    own: Array2,
    variances: Array2,
    labels: Array1,
    output: Array2,
    singles: Array4,
    risk: Array1,
    by_key_query: Array2,
    by_output: Array2,
) -> None:
    """Add what each head does with itself, and with the target."""
    heads, tasks = output.shape
    blocks = radii.shape[1]
    for r in range(shares.size):
        share = shares[r]
        for h in range(heads):
            one = singles[r, h]
            slope, own_slope = 0.0, 0.0
            for j in range(tasks):
                mu, linear, square = output[h, j], 0.0, 0.0
                for b in range(blocks):
                    linear += variances[j, b] * radii[r, b] * keys[r, h, b]
                    square += variances[j, b] * keys[r, h, b] ** 2
                form = labels[j] * one[1, 0] + square * one[2, 0]
                risk[j] += share * (mu * mu * form - 2.0 * mu * linear * one[0, 0])
                by_output[h, j] += 2.0 * share * (mu * form - linear * one[0, 0])
                slope += mu * mu * (labels[j] * one[1, 1] + square * one[2, 1])
                slope -= 2.0 * mu * linear * one[0, 1]
                own_slope += mu * mu * (labels[j] * one[1, 2] + square * one[2, 2])
                own_slope -= 2.0 * mu * linear * one[0, 2]
            for b in range(blocks):
                taken, square = 0.0, 0.0
                for j in range(tasks):
                    taken += output[h, j] * variances[j, b]
                    square += output[h, j] ** 2 * variances[j, b]
                by_key = 2.0 * keys[r, h, b] * (square * one[2, 0] + slope)
                by_key -= 2.0 * taken * radii[r, b] * one[0, 0]
                by_key += own_slope * own[r, h] * radii[r, b]
                by_key_query[h, b] += share * radii[r, b] * by_key


@kernel(inlined=False)
def add_pairs(
    radii: Array2,
    shares: Array1,
    keys: Array3,
    own: Array2,
    variances: Array2,
    labels: Array1,
    output: Array2,
    pairs: Array4,
    risk: Array1,
    by_key_query: Array2,
    by_output: Array2,
) -> None:
    """Add what different heads do together."""
    heads, tasks = output.shape
    blocks = radii.shape[1]
    slopes, mixed = np.empty(5), np.empty(blocks)
    for r in range(shares.size):
        share = 2.0 * shares[r]
        p = 0
        for h in range(heads):
            k = keys[r, h]
            for g in range(h + 1, heads):
                other, two = keys[r, g], pairs[r, p]
                p += 1
                noise = 0.0
                for b in range(blocks):
                    mixed[b] = 0.0
                for j in range(tasks):
                    form = labels[j] * two[0, 0]
                    both = output[h, j] * output[g, j]
                    noise += both * labels[j]
                    for b in range(blocks):
                        mixed[b] += both * variances[j, b]
                        moment = k[b] * other[b] * two[1, 0]
                        moment += k[b] ** 2 * two[2, 0] + other[b] ** 2 * two[3, 0]
                        form += variances[j, b] * moment
                    risk[j] += share * both * form
                    by_output[h, j] += share * output[g, j] * form
                    by_output[g, j] += share * output[h, j] * form
                cross, first, second = 0.0, 0.0, 0.0
                for b in range(blocks):
                    cross += mixed[b] * k[b] * other[b]
                    first += mixed[b] * k[b] ** 2
                    second += mixed[b] * other[b] ** 2
                for i in range(5):
                    slopes[i] = noise * two[0, i + 1] + cross * two[1, i + 1]
                    slopes[i] += first * two[2, i + 1] + second * two[3, i + 1]
                for b in range(blocks):
                    one = mixed[b] * (two[1, 0] * other[b] + 2.0 * two[2, 0] * k[b])
                    one += 2.0 * k[b] * slopes[0] + other[b] * slopes[1]
                    one += slopes[3] * own[r, h] * radii[r, b]
                    by_key_query[h, b] += share * radii[r, b] * one
                    one = mixed[b] * (two[1, 0] * k[b] + 2.0 * two[3, 0] * other[b])
                    one += 2.0 * other[b] * slopes[2] + k[b] * slopes[1]
                    one += slopes[4] * own[r, g] * radii[r, b]
                    by_key_query[g, b] += share * radii[r, b] * one
