"""The population risk of softmax heads and its gradient by direct quadrature.

Given the radii r_b = |x_q^(b)| of the query, the scores of head h are k_h·g with k_hb = ω_hb r_b,
and

    E_j = E_r { Σ_b v_jb [r_b² − 2 r_b Σ_h μ_hj E m_hb + Σ_hh' μ_hj μ_h'j C_hh'b]
                + σ_j² Σ_hh' μ_hj μ_h'j G_hh' },
    E m_hb = k_hb E[p_1 − p_2],   C_hh'b = E m_hb m_h'b + (d_b − 1) G_hh'

with the expectations of :mod:`integrals`.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.models.in_context.integrals import pair, single
from orderparams.models.in_context.radii import radii_rule
from orderparams.models.in_context.setting import Found, Setting

Array = NDArray[np.float64]

RADII = {1: 16, 2: 6, 3: 4}
"""Nodes of each radius, by number of blocks, that are tried first."""

MOST_RADII = {1: 64, 2: 24, 3: 10}
"""Nodes of each radius beyond which the error is told as it is."""

COARSER = 0.88
"""Digits of the rules that the error is estimated by, in units of those that are used."""

MOST_DIGITS = 36.0
"""Of the rules over scores and τ: beyond them there is rounding."""


def by_quadrature(
    setting: Setting,
    key_query: Array,
    output: Array,
    tolerance: float = 1e-8,
    radii: int | None = None,
) -> Found:
    """Risk and gradient at ω (H, B) and μ (H, J), to an absolute tolerance.

    The error is the difference from coarser rules, over the radii and over scores and τ. Where it
    stays above the tolerance it is told as it is; with ``radii`` nodes given, these are kept.

    Raises
    ------
    SolverError
        With more than three blocks, or weights that are not finite.
    """
    blocks = len(setting.blocks)
    if blocks > max(RADII):
        raise SolverError(
            f"{blocks} blocks: quadrature over the radii takes at most {max(RADII)}; sample them"
        )
    if not (np.isfinite(key_query).all() and np.isfinite(output).all()):
        raise SolverError("the weights are not finite")
    size = 1.0 + float((np.abs(output).sum(0) ** 2).max())
    digits = min(max((np.log(size / tolerance) + 2.0) / COARSER, 12.0), MOST_DIGITS)
    count = RADII[blocks] if radii is None else radii
    most = MOST_RADII[blocks] if radii is None else radii
    least = 1e-3 * tolerance / size
    while True:
        fewer = max(1, min(count - 1, (3 * count) // 4))
        found = integrated(setting, key_query, output, digits, count, least)
        coarse = integrated(setting, key_query, output, digits, fewer, least)
        missed = found.distance(coarse)
        if missed <= 0.4 * tolerance or count == most:
            break
        count = min(count + max(2, count // 2), most)
    while True:
        coarser = integrated(setting, key_query, output, COARSER * digits, fewer, least)
        blurred = coarse.distance(coarser)
        if blurred <= 0.25 * tolerance or digits == MOST_DIGITS:
            break
        digits = min(1.15 * digits, MOST_DIGITS)
        coarse = integrated(setting, key_query, output, digits, fewer, least)
        found = integrated(setting, key_query, output, digits, count, least)
    if missed > 0.4 * tolerance:  # not where rules converge: the next could differ by more
        missed *= 4.0
    error = missed + 2.0 * blurred + found.error + 2e-15 * size
    return Found(found.risk, found.key_query, found.output, error)


def integrated(
    setting: Setting, key_query: Array, output: Array, digits: float, count: int, least: float
) -> Found:
    """Risk and gradient by one rule; the error is that of the radii that are left out, alone."""
    blocks = tuple(int(size) for size in setting.blocks)
    radii, shares, lost = radii_rule(blocks, count, least)
    keys = key_query * radii[:, None, :]
    own = np.zeros(keys.shape[:2])
    if setting.query_in_softmax:
        own = np.exp((keys * radii[:, None, :]).sum(2))
    labels = (setting.variances * setting.blocks).sum(1) + setting.noise**2
    steps = digits, 10.0 / digits
    risk = (setting.variances * setting.blocks).sum(1)
    by_keys, by_own, by_output = np.zeros(keys.shape), np.zeros(own.shape), np.zeros(output.shape)
    heads = range(len(output))
    for r, share in enumerate(shares):
        k, v = keys[r], setting.variances
        for h in heads:
            one = single(setting.length, float(k[h] @ k[h]), float(own[r, h]), *steps)
            linear = v @ (radii[r] * k[h])
            form = labels * one[1, 0] + v @ k[h] ** 2 * one[2, 0]
            risk += share * (output[h] ** 2 * form - 2 * output[h] * linear * one[0, 0])
            by_output[h] += share * (2 * output[h] * form - 2 * linear * one[0, 0])
            taken, square = output[h] @ v, output[h] ** 2 @ v
            slope = float(output[h] ** 2 @ labels) * one[1, 1:]
            slope += float(square @ k[h] ** 2) * one[2, 1:]
            slope -= 2 * float(output[h] @ linear) * one[0, 1:]
            direct = 2 * square * k[h] * one[2, 0] - 2 * taken * radii[r] * one[0, 0]
            by_keys[r, h] += share * (direct + 2 * k[h] * slope[0])
            by_own[r, h] += share * slope[1]
        for h, g in itertools.combinations(heads, 2):
            covariance = np.array([k[h] @ k[h], k[h] @ k[g], k[g] @ k[g]])
            two = pair(setting.length, covariance, own[r, [h, g]], *steps)
            gain, x, w, other = 2 * share * two[:, 0]
            form = labels * gain + v @ (k[h] * k[g] * x + k[h] ** 2 * w + k[g] ** 2 * other)
            risk += output[h] * output[g] * form
            by_output[h] += output[g] * form
            by_output[g] += output[h] * form
            mixed = (output[h] * output[g]) @ v
            seeds = np.array(
                [
                    (output[h] * output[g]) @ labels,
                    mixed @ (k[h] * k[g]),
                    mixed @ k[h] ** 2,
                    mixed @ k[g] ** 2,
                ]
            )
            slope = 2 * share * (seeds[:, None] * two[:, 1:]).sum(0)
            by_keys[r, h] += mixed * (x * k[g] + 2 * w * k[h])
            by_keys[r, h] += 2 * k[h] * slope[0] + k[g] * slope[1]
            by_keys[r, g] += mixed * (x * k[h] + 2 * other * k[g])
            by_keys[r, g] += 2 * k[g] * slope[2] + k[h] * slope[1]
            by_own[r, h] += slope[3]
            by_own[r, g] += slope[4]
    by_key_query = (by_keys * radii[:, None, :]).sum(0)
    by_key_query += ((by_own * own)[:, :, None] * radii[:, None, :] ** 2).sum(0)
    size = max(1.0, float(np.abs(output).sum(0).max()) ** 2, float(np.abs(keys).max(initial=0.0)))
    return Found(risk, by_key_query, by_output, lost * size * float(labels.max()))
