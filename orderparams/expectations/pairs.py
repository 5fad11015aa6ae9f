"""Integrals of two heads: G_hh' of theory 5b and its gradient, in reverse mode.

For one component, with f = K_0 − 1 and derivatives of order p and q in the two logits,

    E[f⁽ᵖ⁾(τ+x) f⁽q⁾(τ'+x')] = Σ_r coefficient_r · row_pr(τ) · row'_qr(τ').

Mehler's formula is the Taylor series in the covariance c: coefficients cʳ/r!, rows p + r and q + r
of the tables of :mod:`smoothing`. Where it converges too slowly (large, strongly correlated logits)
x' is split into a part fixed by x and an independent rest, and r runs over nodes of x.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import FAST, kernel
from orderparams.expectations.laplace import Gradients, Integers, Law, Lengths, length_powers
from orderparams.expectations.smoothing import FINITE, add_product, decay, gaussian_rule, row_bounds

Array = NDArray[np.float64]
Series = tuple[Array, Array, Array]
"""Tables of both heads, and the coefficients of Mehler's series."""
Split = tuple[bool, Array, Array, int, Array, Array, tuple[float, float]]
"""Whether x belongs to the first head; rows f⁽ᵖ⁾ of x by node, p < 4; rows of x', p < 2, and which
of them is the first node's; nodes and weights of g; the slopes of x and of x' in g."""

MOST_TERMS = 96
"""Longest Mehler series; beyond it the split is cheaper."""

BLOCK = 512
"""Values that one pass of :func:`correlate` works on, few enough for the nearest cache."""


@kernel()
def mehler_terms(covariance: float, first: Array, second: Array, accuracy: float) -> int:
    """How many terms leave a tail below accuracy, derivatives included; 0 for more than MOST_TERMS.

    first and second bound the rows of the two tables (see :func:`smoothing.row_bounds`).
    """
    factor, before = 1.0, np.inf
    for r in range(1, MOST_TERMS):
        straight = first[r + 1] * second[r + 1]
        term = factor * max(straight, first[r + 2] * second[r], first[r] * second[r + 2])
        if r > 1 and term < 0.9 * before and term * before < accuracy * (before - term):
            return r
        factor *= abs(covariance) / r
        before = term
    return 0


@kernel()
def series_lengths(law: Law, accuracy: float) -> Integers:
    """Terms of Mehler's series for each component and pair h < h', (C+1, H, H); 0 for the split."""
    _, covariances, deviations, _ = law
    components, heads = deviations.shape
    bounds = np.empty((heads, MOST_TERMS + 2))
    terms = np.zeros((components, heads, heads), dtype=np.int64)
    for c in range(components):
        for h in range(heads):
            if c == 0 or deviations[c, h] != deviations[c - 1, h]:
                row_bounds(deviations[c, h], bounds[h])
        for h in range(heads):
            for k in range(h + 1, heads):
                terms[c, h, k] = mehler_terms(covariances[c, h, k], bounds[h], bounds[k], accuracy)
    return terms


@kernel()
def mehler_coefficients(covariance: float, terms: int) -> Array:
    """covarianceʳ/r!, shape (terms,)."""
    out = np.empty(terms)
    out[0] = 1.0
    for r in range(1, terms):
        out[r] = out[r - 1] * covariance / r
    return out


@kernel(fastmath=FAST)
def derivatives(scale: Array, x: Array, out: Array) -> None:
    """f and its first derivatives at τ + x: fills out (2 or 4, len(x), n)."""
    orders, count, size = out.shape
    rates = np.empty((count, size))
    for j in range(count):
        factor = np.exp(min(x[j], FINITE))
        for i in range(size):
            rates[j, i] = min(scale[i] * factor, FINITE)
    decay(rates.reshape(-1), out[0].reshape(-1))
    for j in range(count):
        f, d1, y = out[0, j], out[1, j], rates[j]
        for i in range(size):
            d1[i] = -y[i] * (1.0 + f[i])
        if orders == 4:
            d2, d3 = out[2, j], out[3, j]
            for i in range(size):
                d2[i] = d1[i] * (1.0 - y[i])
                d3[i] = d1[i] * (1.0 - y[i] * (3.0 - y[i]))


@kernel(fastmath=FAST)
def correlate(values: Array, taps: Array, out: Array) -> None:
    """Adds Σ_q taps_q values[j + q] to out (nodes, n), for values (≥ nodes + taps − 1, n)."""
    size, whole = out.shape[1], taps.size - taps.size % 4
    source, target = values.reshape(-1), out.reshape(-1)
    for begin in range(0, target.size, BLOCK):
        row = target[begin : begin + BLOCK]
        for q in range(0, whole, 4):
            first = begin + q * size
            b0, b1 = source[first:], source[first + size :]
            b2, b3 = source[first + 2 * size :], source[first + 3 * size :]
            w0, w1, w2, w3 = taps[q], taps[q + 1], taps[q + 2], taps[q + 3]
            for i in range(row.size):
                row[i] += w0 * b0[i] + w1 * b1[i] + w2 * b2[i] + w3 * b3[i]
        for q in range(whole, taps.size):
            b0 = source[begin + q * size :]
            for i in range(row.size):
                row[i] += taps[q] * b0[i]


@kernel()
def conditional_rows(
    scale: Array, spacing: float, rest: float, first: int, count: int, digits: float
) -> Array:
    """E over e of f⁽ᵖ⁾(τ + spacing·n + rest·e), p = 0, 1, n = first, first + 1, …: (2, count, n).

    The step in e is made to divide the spacing, so that neighbouring rows share values of f,
    unless the rest is so small that this takes more of them than nodes of its own.
    """
    out = np.zeros((2, count, scale.size))
    x = spacing * np.arange(first, first + count)
    if rest == 0.0:
        derivatives(scale, x, out)
        return out
    own, _ = gaussian_rule(rest, 4, digits)
    step = rest * (own[1] - own[0])
    stride = int(np.ceil(abs(spacing) / step))
    shared = stride < own.size
    if shared:
        step = abs(spacing) / stride
    half = int(np.ceil(rest * own[-1] / step))
    shifts = np.copysign(step, spacing) * np.arange(-half, half + 1)
    weights = step / (rest * np.sqrt(2.0 * np.pi)) * np.exp(-0.5 * (shifts / rest) ** 2)
    if shared:
        for phase in range(stride):
            taps = weights[phase::stride].copy()
            values = np.empty((2, count + taps.size - 1, scale.size))
            further = np.arange(first, first + count + taps.size - 1)
            derivatives(scale, shifts[phase] + spacing * further, values)
            for p in range(2):
                correlate(values[p], taps, out[p])
    else:
        values = np.empty((2, count, scale.size))
        for e in range(weights.size):
            derivatives(scale, x + shifts[e], values)
            out += weights[e] * values
    return out


@kernel()
def node_range(center: float, step: float, reach: float) -> tuple[int, int]:
    """First n with step·n − center within ±reach, and the number of them."""
    first = int(np.ceil((center - reach) / step))
    return first, int(np.floor((center + reach) / step)) - first + 1


@kernel()
def leads(h: int, k: int, deviations: Array, means: Array) -> bool:
    """Whether x is the logit of head h: the one of larger variance; where they agree, of the larger
    mean in the first component that tells them apart. The order of the heads does not matter."""
    if deviations[h] != deviations[k]:
        return bool(deviations[h] > deviations[k])
    for mean in means:
        if mean[h] != mean[k]:
            return bool(mean[h] > mean[k])
    return True


@kernel()
def split(
    pair: tuple[int, int], law: Law, scales: Array, terms: Integers, digits: float
) -> list[Split]:
    """Components without a series, by x = mean + deviation·g and x' = mean' + slope·g + rest·e.

    Components of one covariance share the rows of x': the nodes of g are shifted so that
    mean' + slope·g is a multiple of the same spacing for all. Four digits more than the tables
    have, since errors of this grid and of that in τ resonate.
    """
    means, covariances, deviations, _ = law
    h, k = pair
    digits += 4.0
    splits = []
    rows, start, last = np.empty((2, 0, 0)), 0, -1
    for c in range(len(means)):
        if terms[c, h, k] > 0:
            continue
        forward = leads(h, k, deviations[c], means)
        x, y = (h, k) if forward else (k, h)
        deviation, slope = deviations[c, x], covariances[c, h, k] / deviations[c, x]
        rule, _ = gaussian_rule(deviation, 4, digits)
        step, reach = rule[1] - rule[0], rule[-1]
        if last < 0 or not same_covariance(covariances[last], covariances[c], pair):
            last, start, end = c, np.iinfo(np.int64).max, np.iinfo(np.int64).min
            for other in range(c, len(means)):
                if same_covariance(covariances[other], covariances[c], pair):
                    first, count = node_range(means[other, y] / slope, step, reach)
                    start, end = min(start, first), max(end, first + count)
            rest = np.sqrt(max(deviations[c, y] ** 2 - slope**2, 0.0))
            rows = conditional_rows(scales[y], slope * step, rest, start, end - start, digits)
        first, count = node_range(means[c, y] / slope, step, reach)
        nodes = step * np.arange(first, first + count) - means[c, y] / slope
        weights = step / np.sqrt(2.0 * np.pi) * np.exp(-0.5 * nodes**2)
        fixed = np.empty((4, count, scales[x].size))
        derivatives(scales[x], means[c, x] + deviation * nodes, fixed)
        splits.append((forward, fixed, rows, first - start, nodes, weights, (deviation, slope)))
    return splits


@kernel()
def same_covariance(one: Array, other: Array, pair: tuple[int, int]) -> bool:
    """Whether two covariances (H, H) agree in the block of a pair."""
    h, k = pair
    return bool(one[h, h] == other[h, h] and one[k, k] == other[k, k] and one[h, k] == other[h, k])


@kernel()
def add_expectation(
    rows: Array, other_rows: Array, coefficients: Array, share: float, out: Array
) -> None:
    """Adds share · Σ_r coefficient_r · row_r · other_row_r to out (n', n)."""
    terms, size = coefficients.size, rows.shape[1]
    scaled = np.empty((terms, size))
    for r in range(terms):
        factor = share * coefficients[r]
        for i in range(size):
            scaled[r, i] = factor * rows[r, i]
    add_product(other_rows[:terms], scaled, out)


@kernel(fastmath=FAST)
def contract_series(factors: Series, adjoint: Array, out: Array) -> None:
    """Derivatives in both means, both variances and the covariance, out (5,).

    adjoint (2, n', n) belongs to E[f f'] and E[f⁽¹⁾ f'⁽¹⁾]; the marginals of f are left out.
    """
    left, right, coefficients = factors
    terms, size = coefficients.size, left.shape[1]
    product = np.empty((terms + 2, size))
    sums = np.zeros((5, size))
    mean, other_mean, variance, other_variance, covariance = sums
    for p in range(2):
        product[:] = 0.0
        add_product(right[p : p + terms + 2].T, adjoint[p], product)
        for r in range(terms):
            factor = coefficients[r]
            x0, x1, x2 = left[p + r], left[p + r + 1], left[p + r + 2]
            y0, y1, y2 = product[r], product[r + 1], product[r + 2]
            for i in range(size):
                x, z = factor * x0[i], factor * x1[i]
                mean[i] += z * y0[i]
                other_mean[i] += x * y1[i]
                variance[i] += 0.5 * factor * x2[i] * y0[i]
                other_variance[i] += 0.5 * x * y2[i]
                covariance[i] += z * y1[i]
    for k in range(5):
        out[k] = 0.0
        for i in range(size):
            out[k] += sums[k, i]


@kernel(fastmath=FAST)
def contract_split(parts: Split, adjoint: Array, out: Array) -> None:
    """The same for a split.

    Derivatives in x' follow from Stein's lemma, E[g v] = E[dv/dg] for the derivative along g,
    deviation·∂_x + slope·∂_x'.
    """
    forward, fixed, other, start, nodes, weights, (deviation, slope) = parts
    if not forward:
        adjoint = adjoint.transpose(0, 2, 1).copy()
    count, size = fixed.shape[1:]
    product = np.empty((count, size))
    mean, variance, first, second, cross = 0.0, 0.0, 0.0, 0.0, 0.0
    for p in range(2):
        product[:] = 0.0
        add_product(other[p][start : start + count].T, adjoint[p], product)
        for j in range(count):
            y, x0, x1, x2 = product[j], fixed[p, j], fixed[p + 1, j], fixed[p + 2, j]
            v0, v1, v2 = 0.0, 0.0, 0.0
            for i in range(size):
                v0 += x0[i] * y[i]
                v1 += x1[i] * y[i]
                v2 += x2[i] * y[i]
            mean += weights[j] * v1
            variance += weights[j] * v2
            first += weights[j] * nodes[j] * v0
            second += weights[j] * (nodes[j] ** 2 - 1.0) * v0
            cross += weights[j] * nodes[j] * v1
    other_mean = (first - deviation * mean) / slope
    covariance = (cross - deviation * variance) / slope
    second -= deviation**2 * variance + 2.0 * deviation * slope * covariance
    x, y = (0, 1) if forward else (1, 0)
    out[x], out[y] = mean, other_mean
    out[2 + x], out[2 + y] = 0.5 * variance, 0.5 * second / slope**2
    out[4] = covariance


@kernel(fastmath=FAST)
def margins(adjoint: Array, by_first: Array, by_second: Array) -> None:
    """Sums of adjoint (n', n) over the second head's grid, (n,), and over the first's, (n',)."""
    for i in range(by_first.size):
        by_first[i] = 0.0
    for j in range(by_second.size):
        total = 0.0
        for i in range(by_first.size):
            by_first[i] += adjoint[j, i]
            total += adjoint[j, i]
        by_second[j] = total


@kernel(fastmath=FAST)
def integrate_pair(
    weights: tuple[Array, Array],
    marginals: tuple[Array, Array, Array, Array],
    factor: float,
    lengths: Lengths,
    noise: Array,
    token: Array,
    mass: Array,
    other_mass: Array,
) -> float:
    """G_hh'; turns the expectations noise and token (2, n', n) into adjoints of factor·G_hh'.

    marginals are E[f] of the two heads for noise, then for the signal token. mass (n,) and
    other_mass (n',) collect the integrand of factor·G_hh' by row and by column.
    """
    weight, other_weight = weights
    f, other_f, s, other_s = marginals
    size = weight.size
    deficit, integrand = np.empty(size), np.empty(size)
    powers = np.empty((3, size))
    g0, g1, g2 = powers[0], powers[1], powers[2]
    total = 0.0
    for j in range(other_weight.size):
        n0, n1, t0, t1 = noise[0, j], noise[1, j], token[0, j], token[1, j]
        for i in range(size):
            deficit[i] = -(f[i] + other_f[j] + n0[i])
        length_powers(deficit, lengths, powers)
        column = 0.0
        for i in range(size):
            w = other_weight[j] * weight[i]
            psi, psi11, phi11 = 1.0 + s[i] + other_s[j] + t0[i], t1[i], n1[i]
            integrand[i] = w * (psi11 * g0[i] + phi11 * psi * g1[i])
            column += integrand[i]
            w *= factor
            n0[i] = w * (psi11 * g1[i] + phi11 * psi * g2[i])
            n1[i] = w * psi * g1[i]
            t0[i] = w * phi11 * g1[i]
            t1[i] = w * g0[i]
        for i in range(size):
            mass[i] += factor * integrand[i]
        other_mass[j] += factor * column
        total += column
    return total


@kernel()
def pair_integrals(
    scales: Array,
    weights: Array,
    law: Law,
    lengths: Lengths,
    head_weights: Array,
    terms: Integers,
    digits: float,
    tables: Array,
    tokens: Array,
    masses: Array,
    overlap: Array,
    gradients: Gradients,
) -> None:
    """Fills G_hh', h ≠ h', into overlap (H, H); adds to masses and to the gradients.

    terms (C+1, H, H) as in :func:`series_lengths`; the other arrays as in
    :func:`heads.head_integrals`, which comes first.
    """
    means, covariances, deviations, shares = law
    mean_gradient, covariance_gradient = gradients
    components, (heads, size) = shares.size, weights.shape
    noise, token = np.empty((2, size, size)), np.empty((2, size, size))
    slopes, by_first, by_second = np.empty(5), np.empty(size), np.empty(size)
    for h in range(heads):
        for k in range(h + 1, heads):
            noise[:] = 0.0
            token[:] = 0.0
            alike = np.all((means[:, h] == means[:, k]) & (deviations[:, h] == deviations[:, k]))
            splits = split((h, k), law, scales, terms, digits)
            split_of = np.cumsum(terms[:, h, k] == 0) - 1
            for c in range(components):
                out = noise if c == 0 else token
                if terms[c, h, k] > 0:
                    series = mehler_coefficients(covariances[c, h, k], terms[c, h, k])
                    for p in range(2):
                        rows, other_rows = tables[h, c, p:], tables[k, c, p:]
                        add_expectation(rows, other_rows, series, shares[c], out[p])
                else:
                    forward, fixed, other, start, _, weight, _ = splits[split_of[c]]
                    for p in range(2):
                        first, second = fixed[p], other[p][start:]
                        if not forward:
                            first, second = second, first
                        add_expectation(first, second, weight, shares[c], out[p])
            overlap[h, k] = overlap[k, h] = integrate_pair(
                (weights[h], weights[k]),
                (tables[h, 0, 0], tables[k, 0, 0], tokens[h, 0], tokens[k, 0]),
                2.0 * head_weights[h] * head_weights[k],
                lengths,
                noise,
                token,
                masses[h],
                masses[k],
            )
            for c in range(components):
                adjoint = noise if c == 0 else token
                if c < 2:
                    margins(adjoint[0], by_first, by_second)
                if terms[c, h, k] > 0:
                    series = mehler_coefficients(covariances[c, h, k], terms[c, h, k])
                    contract_series((tables[h, c], tables[k, c], series), adjoint, slopes)
                else:
                    contract_split(splits[split_of[c]], adjoint, slopes)
                    if alike:
                        slopes[:2], slopes[2:4] = slopes[:2].mean(), slopes[2:4].mean()
                table, other_table = tables[h, c], tables[k, c]
                for i in range(size):
                    slopes[0] += by_first[i] * table[1, i]
                    slopes[1] += by_second[i] * other_table[1, i]
                    slopes[2] += 0.5 * by_first[i] * table[2, i]
                    slopes[3] += 0.5 * by_second[i] * other_table[2, i]
                mean_gradient[c, h] += shares[c] * slopes[0]
                mean_gradient[c, k] += shares[c] * slopes[1]
                covariance_gradient[c, h, h] += shares[c] * slopes[2]
                covariance_gradient[c, k, k] += shares[c] * slopes[3]
                covariance_gradient[c, h, k] += 0.5 * shares[c] * slopes[4]
                covariance_gradient[c, k, h] += 0.5 * shares[c] * slopes[4]
