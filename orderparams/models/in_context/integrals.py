"""Expectations of one and of two softmaxes over N examples, directly, with their derivatives.

s_i = e^{x_i}/Z, Z = κ + Σ e^{x_i}, with centred Gaussian scores x_i; κ is what the query adds, zero
where it is not in the softmax. With 1/Zⁿ = (1/Γ(n)) ∫ dτ e^{nτ} e^{−e^τ Z} the examples factorise
into

    Φ_ij = E[K_i(τ + x) K_j(τ' + x')],   K_j(x) = exp(jx − e^x),   K_j' = j K_j − K_{j+1},

and by Price's theorem a derivative by a covariance is one of Φ of the same family.
"""

from __future__ import annotations

import numpy as np

from orderparams.arrays import Array1, Array2, Array3, Array4
from orderparams.compiled import kernel, part
from orderparams.expectations.separate.smoothing import FINITE, add_product
from orderparams.models.in_context.rules import ROWS, grid_of, law_of, score_rule

VANISHED = 100.0
"""Exponents whose exponential is nothing; products of numbers that are too small take long."""

FAINT = 1e-12
"""y up to which e^{−y} is 1 − y."""

POINTS = 12
"""Of a table that a value is interpolated from."""

PARALLEL = 1e-7
"""Scores this close to one line, relative to their size, are on it."""


@part()
def kernel_rows(scale: Array1, scores: Array1, out: Array3) -> None:
    """K_0 − 1, K_1, … at e^τ = scale and these scores: fills out (ROWS, scores, n)."""
    for g in range(scores.size):
        factor = np.exp(min(scores[g], FINITE))
        for i in range(scale.size):
            y = min(scale[i] * factor, FINITE)
            out[0, g, i] = np.expm1(-y)
            value = np.exp(-y) if y < VANISHED else 0.0
            for j in range(1, ROWS):
                value *= y
                out[j, g, i] = value


@part()
def smoothed(first: float, spacing: float, rest: float, digits: float, out: Array2) -> None:
    """E[K_0 − 1], E[K_1], … at u + rest·h for u = first, first + spacing, …: out (ROWS, n)."""
    nodes, weights = score_rule(rest, digits)
    count = out.shape[1]
    scale, score = np.empty(count), np.empty(1)
    rows = np.empty((ROWS, 1, count))
    out[:] = 0.0
    for k in range(count):
        scale[k] = np.exp(min(first + k * spacing, FINITE))
    for h in range(nodes.size):
        score[0] = rest * nodes[h]
        kernel_rows(scale, score, rows)
        for j in range(ROWS):
            for k in range(count):
                out[j, k] += weights[h] * rows[j, 0, k]


@part()
def smoothed_rows(scale: Array1, scores: Array1, rest: float, digits: float, out: Array3) -> None:
    """The same, averaged over an independent part of the scores of deviation ``rest``.

    They are functions of τ + score alone, and interpolated from equal steps: K_j changes as e^{ju},
    of which a polynomial through POINTS of them misses about (j·step)^POINTS in e^{10}.
    """
    if rest == 0.0:
        kernel_rows(scale, scores, out)
        return
    spacing = np.exp((10.0 - digits) / POINTS) / ROWS
    low = np.log(np.min(scale)) + np.min(scores)
    high = np.log(np.max(scale)) + np.max(scores)
    first = low - (POINTS // 2 - 1) * spacing
    table = np.empty((ROWS, int((high - low) / spacing) + POINTS + 1))
    smoothed(first, spacing, rest, digits, table)
    shares = np.empty(POINTS)
    for g in range(scores.size):
        for i in range(scale.size):
            place = (np.log(scale[i]) + scores[g] - first) / spacing
            start = min(int(place) - POINTS // 2 + 1, table.shape[1] - POINTS)
            lagrange(place - start, shares)
            for j in range(ROWS):
                value = 0.0
                for m in range(POINTS):
                    value += shares[m] * table[j, start + m]
                out[j, g, i] = value


@part()
def lagrange(place: float, out: Array1) -> None:
    """Weights (n,) of values at 0, 1, …, n − 1 for their polynomial at ``place``."""
    for m in range(out.size):
        out[m] = 1.0
        for k in range(out.size):
            if k != m:
                out[m] *= (place - k) / (m - k)


@kernel(inlined=False)
def single(length: int, variance: float, kappa: float, digits: float) -> Array2:
    """E[p_1 − p_2], E p_2 and y of one head (3,), and their derivatives by variance and κ: (3, 3).

    E m_b² = E p_2 + k_b² y, for the mean m_b = Σ_i s_i g_ib where the scores are Σ_b k_b g_ib.
    """
    digits += 3.0  # they come off by derivatives, and here they are cheap
    law = law_of(variance, variance, variance)
    scale, weight = grid_of(0, law, length, kappa, digits)
    nodes, density = score_rule(np.sqrt(variance), digits)
    factor = np.exp(np.minimum(np.sqrt(variance) * nodes, FINITE))
    lower = np.cumsum(density * factor)
    faint = dead = nodes.size  # scores below the first see next to nothing, those from dead on all
    phi, slope = np.empty(ROWS + 1), np.empty(5)
    n, pairs = float(length), float(length) * float(length - 1)
    out = np.zeros((3, 3))
    for i in range(scale.size):
        while faint > 0 and scale[i] * factor[faint - 1] > FAINT:
            faint -= 1
        while dead > 0 and scale[i] * factor[dead - 1] > VANISHED:
            dead -= 1
        for j in range(ROWS + 1):
            phi[j] = 0.0
        if faint > 0:
            phi[0], phi[1] = -scale[i] * lower[faint - 1], scale[i] * lower[faint - 1]
        for g in range(faint, dead):
            y = scale[i] * factor[g]
            value = density[g] * np.exp(-y)
            phi[0] += density[g] * np.expm1(-y)
            for j in range(1, ROWS + 1):
                value *= y
                phi[j] += value
        for g in range(dead, nodes.size):
            phi[0] -= density[g]
        missing = min(-phi[0], 1.0 - 1e-16)
        phi[0] = 1.0 - missing
        for j in range(5):
            slope[j] = 0.5 * (j * j * phi[j] - (2 * j + 1) * phi[j + 1] + phi[j + 2])
        fewer = np.exp((n - 2.0) * np.log1p(-missing))
        least = fewer / phi[0] if length > 2 else 0.0
        less = fewer * phi[0]
        whole = less * phi[0]
        own = kappa * scale[i]
        by_less, by_fewer, by_whole = (
            (n - 1.0) * fewer * slope[0],
            (n - 2.0) * least * slope[0],
            n * less * slope[0],
        )
        p2, d2 = n * phi[2] * less, n * (slope[2] * less + phi[2] * by_less)
        p3, d3 = 0.5 * n * phi[3] * less, 0.5 * n * (slope[3] * less + phi[3] * by_less)
        p22 = (n * phi[4] * less + pairs * phi[2] ** 2 * fewer) / 6.0
        d22 = n * (slope[4] * less + phi[4] * by_less)
        d22 += pairs * (2.0 * phi[2] * slope[2] * fewer + phi[2] ** 2 * by_fewer)
        d22 /= 6.0
        lost, by_lost = own * whole + p2, own * by_whole + d2
        y = p2 - 2.0 * lost + own * own * whole + 2.0 * own * p2 + 6.0 * p22 - 6.0 * p3
        by_y = d2 - 2.0 * by_lost + own * own * by_whole + 2.0 * own * d2 + 6.0 * d22 - 6.0 * d3
        own_y = -2.0 * whole + 2.0 * own * whole + 2.0 * p2
        w = weight[i]
        out[0, 0] -= w * lost
        out[1, 0] += w * p2
        out[2, 0] += w * y
        out[0, 1] -= w * by_lost
        out[1, 1] += w * d2
        out[2, 1] += w * by_y
        out[0, 2] += w * scale[i] * (lost - whole)
        out[1, 2] -= w * scale[i] * p2
        out[2, 2] += w * scale[i] * (own_y - y)
    out[0, 0] += 1.0
    out[2, 0] += 1.0
    return out


@part()
def products(
    first: float, second: float, cross: float, scale: Array1, other: Array1, digits: float
) -> Array4:
    """Φ_ij (ROWS, ROWS, n, n'), i + j ≤ 6, of scores with first ≥ second; Φ_00 − 1 in its place."""
    size = np.sqrt(first)
    along = cross / size if size > 0.0 else 0.0
    rest = np.sqrt(max(second - along * along, 0.0))
    if rest < PARALLEL * np.sqrt(second):
        rest = 0.0
    nodes, density = score_rule(size, digits)
    left = np.empty((ROWS, nodes.size, scale.size))
    right = np.empty((ROWS, nodes.size, other.size))
    kernel_rows(scale, size * nodes, left)
    smoothed_rows(other, along * nodes, rest, digits, right)
    alone, alone_other = np.zeros((ROWS, scale.size)), np.zeros((ROWS, other.size))
    for j in range(ROWS):
        for g in range(nodes.size):
            for i in range(scale.size):
                left[j, g, i] *= density[g]
                alone[j, i] += left[j, g, i]
            for i in range(other.size):
                alone_other[j, i] += density[g] * right[j, g, i]
    out = np.zeros((ROWS, ROWS, scale.size, other.size))
    for i in range(ROWS):
        for j in range(min(ROWS, 7 - i)):
            table = out[i, j]
            for a in range(scale.size):
                for b in range(other.size):
                    if j == 0:
                        table[a, b] += alone[i, a]
                    if i == 0:
                        table[a, b] += alone_other[j, b]
            add_product(left[i], right[j], table)
    return out


@part()
def by_first(phi: Array2, i: int, j: int) -> float:
    """∂Φ_ij/∂q_11."""
    return float(0.5 * (i * i * phi[i, j] - (2 * i + 1) * phi[i + 1, j] + phi[i + 2, j]))


@part()
def by_second(phi: Array2, i: int, j: int) -> float:
    """∂Φ_ij/∂q_22."""
    return float(0.5 * (j * j * phi[i, j] - (2 * j + 1) * phi[i, j + 1] + phi[i, j + 2]))


@part()
def by_cross(phi: Array2, i: int, j: int) -> float:
    """∂Φ_ij/∂q_12."""
    value = i * j * phi[i, j] - i * phi[i, j + 1] - j * phi[i + 1, j] + phi[i + 1, j + 1]
    return float(value)


@part()
def slopes_of(phi: Array2, direction: int, out: Array2) -> None:
    """Derivatives of the Φ_ij that values need, by q_11, q_12 or q_22."""
    for i in range(4):
        for j in range(min(4, 5 - i)):
            if direction == 0:
                out[i, j] = by_first(phi, i, j)
            elif direction == 1:
                out[i, j] = by_cross(phi, i, j)
            else:
                out[i, j] = by_second(phi, i, j)


@kernel(inlined=False)
def pair(
    length: int,
    covariance: Array1,
    kappas: Array1,
    digits: float,
) -> Array2:
    """G, X, W, W' of two heads (4,), and derivatives by q_11, q_12, q_22, κ, κ': (4, 6).

    E m_b m'_b = G + k_b k'_b X + k_b² W + k'_b² W', for covariance (q_11, q_12, q_22):

        G = E Σst,   W = E[(1 − p_1) Σst] − 2 E[Σs²t − p_2 Σst],   W' likewise,
        X = E[(p_1 − p_2)(p'_1 − p'_2)] + E[Σst − Σs²t − Σst² + (Σst)²].
    """
    q11, q12, q22 = covariance[0], covariance[1], covariance[2]
    if q11 < q22:
        turned, swapped = np.empty(3), np.empty(2)
        turned[0], turned[1], turned[2] = q22, q12, q11
        swapped[0], swapped[1] = kappas[1], kappas[0]
        found = ordered(length, turned, swapped, digits)
        out = np.empty((4, 6))
        for row in range(4):
            source = row if row < 2 else 5 - row
            out[row, 0], out[row, 2] = found[source, 0], found[source, 2]
            out[row, 1], out[row, 3] = found[source, 3], found[source, 1]
            out[row, 4], out[row, 5] = found[source, 5], found[source, 4]
        return out
    return ordered(length, covariance, kappas, digits)


@kernel(inlined=False)
def ordered(length: int, covariance: Array1, kappas: Array1, digits: float) -> Array2:
    """:func:`pair` where the first head's scores vary more."""
    q11, q12, q22 = covariance[0], covariance[1], covariance[2]
    law = law_of(q11, q22, q12)
    scale, weight = grid_of(0, law, length, kappas[0], digits)
    other, other_weight = grid_of(1, law, length, kappas[1], digits)
    tables = products(q11, q22, q12, scale, other, digits)
    n, pairs = float(length), float(length) * float(length - 1)
    phi, d = np.zeros((ROWS + 2, ROWS + 2)), np.zeros((4, 4))
    values, out = np.empty(4), np.zeros((4, 6))
    nothing = np.exp(-digits - 7.0)
    for a in range(scale.size):
        for b in range(other.size):
            w = weight[a] * other_weight[b]
            if w == 0.0:
                continue
            missing = min(-tables[0, 0, a, b], 1.0 - 1e-16)
            fewer = np.exp((n - 2.0) * np.log1p(-missing))
            one, two = kappas[0] * scale[a], kappas[1] * other[b]
            least = min(fewer, one + tables[1, 0, a, b], two + tables[0, 1, a, b])
            if n * n * least * w < nothing:
                continue
            for i in range(ROWS):
                for j in range(min(ROWS, 7 - i)):
                    phi[i, j] = tables[i, j, a, b]
            phi[0, 0] = 1.0 - missing
            least = fewer / phi[0, 0] if length > 2 else 0.0
            less = fewer * phi[0, 0]
            whole = less * phi[0, 0]
            p11, p20, p02 = phi[1, 1], phi[2, 0], phi[0, 2]
            gain = n * p11 * less
            left, right = n * phi[2, 1] * less, n * phi[1, 2] * less
            both = n * phi[2, 2] * less
            squares = one * two * whole + n * (one * p02 + two * p20) * less
            squares += both + pairs * p20 * p02 * fewer
            values[0] = gain
            values[1] = squares + gain - left - right + both + pairs * p11 * p11 * fewer
            values[2] = one * gain - 2.0 * left + n * phi[3, 1] * less + pairs * p11 * p20 * fewer
            values[3] = two * gain - 2.0 * right + n * phi[1, 3] * less + pairs * p11 * p02 * fewer
            for row in range(4):
                out[row, 0] += w * values[row]
                out[row, 4] -= w * scale[a] * values[row]
                out[row, 5] -= w * other[b] * values[row]
            out[1, 4] += w * scale[a] * (two * whole + n * p02 * less)
            out[1, 5] += w * other[b] * (one * whole + n * p20 * less)
            out[2, 4] += w * scale[a] * gain
            out[3, 5] += w * other[b] * gain
            for direction in range(3):
                slopes_of(phi, direction, d)
                by_whole, by_less = n * less * d[0, 0], (n - 1.0) * fewer * d[0, 0]
                by_fewer = (n - 2.0) * least * d[0, 0]
                d_gain = n * (d[1, 1] * less + p11 * by_less)
                d_left = n * (d[2, 1] * less + phi[2, 1] * by_less)
                d_right = n * (d[1, 2] * less + phi[1, 2] * by_less)
                d_both = n * (d[2, 2] * less + phi[2, 2] * by_less)
                d_squares = one * two * by_whole + d_both
                d_squares += n * (one * d[0, 2] + two * d[2, 0]) * less
                d_squares += n * (one * p02 + two * p20) * by_less
                d_squares += pairs * (d[2, 0] * p02 + p20 * d[0, 2]) * fewer
                d_squares += pairs * p20 * p02 * by_fewer
                d_crosses = pairs * (2.0 * p11 * d[1, 1] * fewer + p11 * p11 * by_fewer)
                d_third = n * (d[3, 1] * less + phi[3, 1] * by_less)
                d_third += pairs * (d[1, 1] * p20 + p11 * d[2, 0]) * fewer
                d_third += pairs * p11 * p20 * by_fewer
                d_other = n * (d[1, 3] * less + phi[1, 3] * by_less)
                d_other += pairs * (d[1, 1] * p02 + p11 * d[0, 2]) * fewer
                d_other += pairs * p11 * p02 * by_fewer
                out[0, 1 + direction] += w * d_gain
                out[1, 1 + direction] += w * (
                    d_squares + d_gain - d_left - d_right + d_both + d_crosses
                )
                out[2, 1 + direction] += w * (one * d_gain - 2.0 * d_left + d_third)
                out[3, 1 + direction] += w * (two * d_gain - 2.0 * d_right + d_other)
    first = single(length, q11, kappas[0], digits)
    second = single(length, q22, kappas[1], digits)
    out[1, 0] += first[0, 0] + second[0, 0] - 1.0
    out[1, 1] += first[0, 1]
    out[1, 3] += second[0, 1]
    out[1, 4] += first[0, 2]
    out[1, 5] += second[0, 2]
    return out
