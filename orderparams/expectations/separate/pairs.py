"""Integrals of two heads: G_hh' of theory 5b and its gradient, in reverse mode.

For one component, with f = K_0 − 1 and derivatives of order p and q in the two logits,

    E[f⁽ᵖ⁾(τ+x) f⁽q⁾(τ'+x')] = Σ_r coefficient_r · row_pr(τ) · row'_qr(τ').

Mehler's formula is the Taylor series in the covariance c: coefficients cʳ/r!, rows p + r and q + r
of the tables of :mod:`smoothing`. Where it converges too slowly (large, strongly correlated logits)
:mod:`splits` takes over, and r runs over nodes of one logit.
"""

from __future__ import annotations

import numpy as np

from orderparams.arrays import Array1, Array2, Array3
from orderparams.compiled import FAST, kernel, part
from orderparams.expectations.lanes import fma, lane_sum, row_vectors, splat
from orderparams.expectations.laws import Lengths
from orderparams.expectations.separate.heads import head_integrals
from orderparams.expectations.separate.laplace import length_powers
from orderparams.expectations.separate.law import (
    Depth,
    Grids,
    Integrated,
    Law,
    Seeds,
    Slopes,
)
from orderparams.expectations.separate.smoothing import add_product, row_bounds
from orderparams.expectations.separate.splits import add_split, contract_split, split

Series = tuple[Array2, Array2, Array1]
"""Tables of both heads, and the coefficients of Mehler's series."""

MOST_TERMS = 96
"""Longest Mehler series; beyond it the split is cheaper."""


@part()
def mehler_terms(covariance: float, first: Array1, second: Array1, accuracy: float) -> int:
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


@kernel(inlined=False)
def table_depth(law: Law, accuracy: float, digits: float) -> Depth:
    """How far Mehler's series have to go for this accuracy, and the tables with them."""
    covariances, deviations = law.covariances, law.deviations
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
    rows = np.full((components, heads), 5, dtype=np.int64)
    most = 0
    for h in range(heads):
        for k in range(h + 1, heads):
            splits = 0
            for c in range(components):
                rows[c, h] = max(rows[c, h], terms[c, h, k] + 3)
                rows[c, k] = max(rows[c, k], terms[c, h, k] + 3)
                splits += terms[c, h, k] == 0
            most = max(most, splits)
    return Depth(rows, terms, most, digits)


@part()
def mehler_coefficients(covariance: float, terms: int) -> Array1:
    """covarianceʳ/r!, shape (terms,)."""
    out = np.empty(terms)
    out[0] = 1.0
    for r in range(1, terms):
        out[r] = out[r - 1] * covariance / r
    return out


@part()
def add_expectation(
    rows: Array2, other_rows: Array2, coefficients: Array1, share: float, out: Array2
) -> None:
    """Adds share · Σ_r coefficient_r · row_r · other_row_r to out (n', n)."""
    terms, size = coefficients.size, rows.shape[1]
    scaled = np.empty((terms, size))
    for r in range(terms):
        factor = share * coefficients[r]
        for i in range(size):
            scaled[r, i] = factor * rows[r, i]
    add_product(other_rows[:terms], scaled, out)


@part()
def contract_series(factors: Series, adjoint: Array3, out: Array1) -> None:
    """Derivatives in both means, both variances and the covariance, out (5,).

    adjoint (2, n', n) belongs to E[f f'] and E[f⁽¹⁾ f'⁽¹⁾]; the marginals of f are left out.
    """
    left, right, coefficients = factors
    terms = coefficients.size
    x = row_vectors(left)
    mean, other_mean, covariance = splat(0.0), splat(0.0), splat(0.0)
    variance, other_variance = splat(0.0), splat(0.0)
    for p in range(2):
        product = np.zeros((terms + 2, left.shape[1]))
        add_product(right[p : p + terms + 2].T, adjoint[p], product)
        y = row_vectors(product)
        for i in range(x.shape[1]):
            for r in range(terms):
                factor = coefficients[r]
                x0, x1, x2 = (
                    factor * x[p + r, i],
                    factor * x[p + r + 1, i],
                    factor * x[p + r + 2, i],
                )
                y0, y1, y2 = y[r, i], y[r + 1, i], y[r + 2, i]
                mean, other_mean = fma(x1, y0, mean), fma(x0, y1, other_mean)
                variance, other_variance = fma(x2, y0, variance), fma(x0, y2, other_variance)
                covariance = fma(x1, y1, covariance)
    out[0], out[1] = lane_sum(mean), lane_sum(other_mean)
    out[2], out[3] = 0.5 * lane_sum(variance), 0.5 * lane_sum(other_variance)
    out[4] = lane_sum(covariance)


@part(fastmath=FAST)
def margins(adjoint: Array2, by_first: Array1, by_second: Array1) -> None:
    """Sums of adjoint (n', n) over the second head's grid, (n,), and over the first's, (n',)."""
    for i in range(by_first.size):
        by_first[i] = 0.0
    for j in range(by_second.size):
        row = 0.0
        for i in range(by_first.size):
            by_first[i] += adjoint[j, i]
            row += adjoint[j, i]
        by_second[j] = row


@part(fastmath=FAST)
def integrate_pair(
    weights: tuple[Array1, Array1],
    marginals: tuple[Array1, Array1, Array1, Array1],
    factor: float,
    lengths: Lengths,
    noise: Array3,
    token: Array3,
    mass: Array1,
    other_mass: Array1,
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
    overlap = 0.0
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
        overlap += column
    return overlap


@part()
def weigh(weight: float, table: Array2) -> None:
    """A table times a weight, in place."""
    if weight != 1.0:
        for i in range(table.shape[0]):
            for j in range(table.shape[1]):
                table[i, j] *= weight


@part()
def pair_integrals(
    grids: Grids,
    law: Law,
    lengths: Lengths,
    seeds: Seeds,
    depth: Depth,
    differentiate: bool,
    tables: list[Array3],
    tokens: list[Array2],
    found: Integrated,
) -> None:
    """Fills G_hh', h ≠ h'; adds to the parts of the integrand and, if asked for, to the slopes.

    tables, tokens and the rest of ``found`` as :func:`heads.head_integrals` leaves them.
    """
    scales, weights, sizes = grids
    means, covariances, deviations, shares, own = law
    terms, gamma = depth.terms, seeds.gamma
    _, overlap, masses, (mean_slopes, covariance_slopes) = found
    components, heads = shares.size, sizes.size
    of_pair, of_splits = np.empty(5), np.empty((components, 5))
    for h in range(heads):
        for k in range(h + 1, heads):
            size, other_size = sizes[h], sizes[k]
            by_first, by_second = np.empty(size), np.empty(other_size)
            noise = np.zeros((2, other_size, size))
            token = np.zeros((2, other_size, size))
            splits = split((h, k), law, grids, depth)
            alike = True
            for c in range(components):
                alike &= means[c, h] == means[c, k] and deviations[c, h] == deviations[c, k]
                if terms[c, h, k] > 0:
                    series = mehler_coefficients(covariances[c, h, k], terms[c, h, k])
                    for p in range(2):
                        rows, other_rows = tables[h][c, p:], tables[k][c, p:]
                        out = noise[p] if c == 0 else token[p]
                        add_expectation(rows, other_rows, series, shares[c], out)
            for parts in splits:
                add_split(parts, shares, True, noise)
                add_split(parts, shares, False, token)
            weigh(own, token[1])
            overlap[h, k] = overlap[k, h] = integrate_pair(
                (weights[h, :size], weights[k, :other_size]),
                (tables[h][0, 0], tables[k][0, 0], tokens[h][0], tokens[k][0]),
                2.0 * gamma[h, k],
                lengths,
                noise,
                token,
                masses[h],
                masses[k],
            )
            weigh(own, token[1])
            if not differentiate:
                continue
            for parts in splits:
                leading = h if parts.forward else k
                scale = scales[leading, : sizes[leading]]
                contract_split(parts, scale, True, noise, of_splits)
                contract_split(parts, scale, False, token, of_splits)
            for c in range(components):
                adjoint = noise if c == 0 else token
                if c < 2:
                    margins(adjoint[0], by_first, by_second)
                table, other_table = tables[h][c], tables[k][c]
                if terms[c, h, k] > 0:
                    series = mehler_coefficients(covariances[c, h, k], terms[c, h, k])
                    contract_series((table, other_table, series), adjoint, of_pair)
                else:
                    for i in range(5):
                        of_pair[i] = of_splits[c, i]
                    if alike:
                        of_pair[0] = of_pair[1] = 0.5 * (of_pair[0] + of_pair[1])
                        of_pair[2] = of_pair[3] = 0.5 * (of_pair[2] + of_pair[3])
                for i in range(size):
                    of_pair[0] += by_first[i] * table[1, i]
                    of_pair[2] += 0.5 * by_first[i] * table[2, i]
                for j in range(other_size):
                    of_pair[1] += by_second[j] * other_table[1, j]
                    of_pair[3] += 0.5 * by_second[j] * other_table[2, j]
                mean_slopes[c, h] += shares[c] * of_pair[0]
                mean_slopes[c, k] += shares[c] * of_pair[1]
                covariance_slopes[c, h, h] += shares[c] * of_pair[2]
                covariance_slopes[c, k, k] += shares[c] * of_pair[3]
                covariance_slopes[c, h, k] += 0.5 * shares[c] * of_pair[4]
                covariance_slopes[c, k, h] += 0.5 * shares[c] * of_pair[4]


@part()
def ripple(mass: Array1) -> float:
    """Σ (−1)ⁱ mass_i: by how much the rules of twice the step, on even and on odd nodes, differ."""
    total = 0.0
    for i in range(mass.size):
        total += mass[i] if i % 2 == 0 else -mass[i]
    return total


@kernel(inlined=False)
def seeded_integrals(
    grids: Grids,
    law: Law,
    lengths: Lengths,
    kappa: float,
    seeds: Seeds,
    depth: Depth,
    differentiate: bool,
) -> tuple[Integrated, float, float]:
    """A (H,), G (H, H), derivatives of Σ α_h A_h + Σ γ_hh' G_hh', and what the grids miss.

    These are two identities: −F′ has the integral 1 (see :mod:`laplace`), and a shift of one head's
    τ changes nothing: Σ_c ∂/∂mean_ch = κ ∫ e^τ (the part of the sum that head h enters). The second
    needs the derivatives; without them the largest :func:`ripple` is returned beside, else zero.
    """
    scales, weights, sizes = grids
    components, heads = law.means.shape
    slopes = Slopes(np.zeros((components, heads)), np.zeros((components, heads, heads)))
    found = Integrated(np.empty(heads), np.empty((heads, heads)), np.empty(weights.shape), slopes)
    tables, tokens, missed = head_integrals(grids, law, lengths, kappa, seeds, depth, found)
    pair_integrals(grids, law, lengths, seeds, depth, differentiate, tables, tokens, found)
    rippled = 0.0
    for h in range(heads):
        if not differentiate:
            rippled = max(rippled, abs(ripple(found.masses[h, : sizes[h]])))
            continue
        shifted = 0.0
        for c in range(components):
            shifted += slopes.means[c, h]
        for i in range(sizes[h]):
            shifted -= kappa * scales[h, i] * found.masses[h, i]
        missed = max(missed, abs(shifted))
    return found, missed, rippled
