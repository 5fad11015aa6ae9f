"""Integrals of two heads: G_hh' of theory 5b and its gradient, in reverse mode.

For one component, with f = K_0 − 1 and derivatives of order p and q in the two logits,

    E[f⁽ᵖ⁾(τ+x) f⁽q⁾(τ'+x')] = Σ_r coefficient_r · left[p·shift + r, τ] · right[q·shift + r, τ'].

Mehler's formula is the Taylor series in the covariance c: coefficients cʳ/r!, the tables of
:mod:`smoothing`, shift 1. Where it converges too slowly (large, strongly correlated logits) x' is
split into a part fixed by x and an independent rest: r runs over nodes of x, shift is their number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import FAST, kernel
from orderparams.expectations.laplace import Gradients, Integers, Law, Lengths, length_powers
from orderparams.expectations.smoothing import FINITE, add_product, decay, gaussian_rule, row_bounds

Array = NDArray[np.float64]
Factors = tuple[Array, Array, Array]

MOST_TERMS = 96
"""Longest Mehler series; beyond it the split is cheaper."""


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
def derivatives(scale: Array, x: Array) -> Array:
    """f and its first three derivatives at τ + x, shape (4, len(x), n)."""
    count, size = x.size, scale.size
    out, rates = np.empty((4, count, size)), np.empty((count, size))
    for j in range(count):
        factor = np.exp(min(x[j], FINITE))
        for i in range(size):
            rates[j, i] = min(scale[i] * factor, FINITE)
    decay(rates.reshape(-1), out[0].reshape(-1))
    for j in range(count):
        f, d1, d2, d3, y = out[0, j], out[1, j], out[2, j], out[3, j], rates[j]
        for i in range(size):
            d1[i] = -y[i] * (1.0 + f[i])
            d2[i] = d1[i] * (1.0 - y[i])
            d3[i] = d1[i] * (1.0 - y[i] * (3.0 - y[i]))
    return out


@kernel()
def conditional_rows(
    scale: Array, mean: float, slope: float, rest: float, nodes: Array, digits: float
) -> Array:
    """E over e of f⁽ᵖ⁾(τ + mean + slope·g_j + rest·e), p = 0…3, in row p·nodes + j: (rows, n).

    The step in e is made to divide that of slope·g, so that neighbouring g share values of f,
    unless the rest is so small that this takes more of them than nodes of its own.
    """
    count = nodes.size
    inner, weights = gaussian_rule(rest, 4, digits)
    stride, own = inner.size, inner.size
    if rest > 0.0:
        spacing = abs(slope) * (nodes[1] - nodes[0])
        fine = int(np.ceil(spacing / (rest * (inner[1] - inner[0]))))
        if 0 < fine < own:
            stride = fine
            step = spacing / (fine * rest)
            half = int(np.ceil(inner[-1] / step))
            own = 2 * half + 1
            inner, weights = np.empty(own), np.empty(own)
            for e in range(own):
                inner[e] = step * (e - half)
                weights[e] = step / np.sqrt(2.0 * np.pi) * np.exp(-0.5 * inner[e] ** 2)
    x = np.empty(stride * (count - 1) + own)
    for j in range(count):
        for e in range(own):
            shift = inner[e] if slope > 0.0 else -inner[e]
            x[j * stride + e] = mean + slope * nodes[j] + rest * shift
    values = derivatives(scale, x)
    out = np.zeros((4 * count, scale.size))
    for p in range(4):
        for j in range(count):
            first, row = j * stride, p * count + j
            add_product(
                weights.reshape(1, -1).T, values[p, first : first + own], out[row : row + 1]
            )
    return out


@kernel()
def split(
    scales: tuple[Array, Array],
    means: tuple[float, float],
    deviations: tuple[float, float],
    covariance: float,
    digits: float,
) -> Factors:
    """left, right and coefficients by x = mean + deviation·g, x' = mean' + slope·g + rest·e.

    x is the logit of the larger variance; of the larger mean where the variances agree, so that
    the order of the heads does not matter. Four digits more than the tables have, since errors of
    this grid and of that in τ resonate.
    """
    digits += 4.0
    nodes, weights = gaussian_rule(max(deviations[0], deviations[1]), 4, digits)
    if (deviations[0], means[0]) >= (deviations[1], means[1]):
        slope = covariance / deviations[0]
        rest = np.sqrt(max(deviations[1] ** 2 - slope**2, 0.0))
        left = conditional_rows(scales[0], means[0], deviations[0], 0.0, nodes, digits)
        right = conditional_rows(scales[1], means[1], slope, rest, nodes, digits)
    else:
        slope = covariance / deviations[1]
        rest = np.sqrt(max(deviations[0] ** 2 - slope**2, 0.0))
        left = conditional_rows(scales[0], means[0], slope, rest, nodes, digits)
        right = conditional_rows(scales[1], means[1], deviations[1], 0.0, nodes, digits)
    return left, right, weights


@kernel()
def add_expectations(factors: Factors, shift: int, share: float, out: Array) -> None:
    """Adds share·E[f f'] and share·E[f⁽¹⁾ f'⁽¹⁾], without the marginals of f, to out (2, n', n)."""
    left, right, coefficients = factors
    terms, size = coefficients.size, left.shape[1]
    scaled = np.empty((terms, size))
    for p in range(2):
        for r in range(terms):
            factor = share * coefficients[r]
            for i in range(size):
                scaled[r, i] = factor * left[p * shift + r, i]
        add_product(right[p * shift : p * shift + terms], scaled, out[p])


@kernel(fastmath=FAST)
def contract(factors: Factors, shift: int, adjoint: Array, out: Array) -> None:
    """Derivatives in both means, both variances and the covariance, out (5,).

    adjoint (2, n', n) belongs to E[f f'] and E[f⁽¹⁾ f'⁽¹⁾]; the marginals of f are left out.
    """
    left, right, coefficients = factors
    terms, size = coefficients.size, left.shape[1]
    reach = 2 * shift + terms
    product = np.empty((reach, size))
    sums = np.zeros((5, size))
    mean, other_mean, variance, other_variance, covariance = sums
    for p in range(2):
        product[:] = 0.0
        add_product(right[p * shift : p * shift + reach].T, adjoint[p], product)
        for r in range(terms):
            factor = coefficients[r]
            row = p * shift + r
            x0, x1, x2 = left[row], left[row + shift], left[row + 2 * shift]
            y0, y1, y2 = product[r], product[r + shift], product[r + 2 * shift]
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
    shifts = np.empty(components, dtype=np.int64)
    for h in range(heads):
        for k in range(h + 1, heads):
            noise[:] = 0.0
            token[:] = 0.0
            factors = []
            for c in range(components):
                covariance = covariances[c, h, k]
                if terms[c, h, k] > 0:
                    series = mehler_coefficients(covariance, terms[c, h, k])
                    factors.append((tables[h, c], tables[k, c], series))
                    shifts[c] = 1
                else:
                    scale, mean = (scales[h], scales[k]), (means[c, h], means[c, k])
                    deviation = (deviations[c, h], deviations[c, k])
                    factors.append(split(scale, mean, deviation, covariance, digits))
                    shifts[c] = factors[c][2].size
                add_expectations(factors[c], shifts[c], shares[c], noise if c == 0 else token)
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
                contract(factors[c], shifts[c], adjoint, slopes)
                first, second = tables[h, c], tables[k, c]
                for i in range(size):
                    slopes[0] += by_first[i] * first[1, i]
                    slopes[1] += by_second[i] * second[1, i]
                    slopes[2] += 0.5 * by_first[i] * first[2, i]
                    slopes[3] += 0.5 * by_second[i] * second[2, i]
                mean_gradient[c, h] += shares[c] * slopes[0]
                mean_gradient[c, k] += shares[c] * slopes[1]
                covariance_gradient[c, h, h] += shares[c] * slopes[2]
                covariance_gradient[c, k, k] += shares[c] * slopes[3]
                covariance_gradient[c, h, k] += 0.5 * shares[c] * slopes[4]
                covariance_gradient[c, k, h] += 0.5 * shares[c] * slopes[4]
