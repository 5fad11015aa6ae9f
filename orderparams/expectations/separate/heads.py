"""Integrals of one head: A_h and G_hh of theory 5b, their gradient, and two exact identities."""

from __future__ import annotations

import numpy as np

from orderparams.arrays import Array1, Array2, Array3
from orderparams.compiled import part
from orderparams.expectations.lanes import lane_sum, row_vectors, splat
from orderparams.expectations.laws import Lengths
from orderparams.expectations.separate.laplace import length_powers
from orderparams.expectations.separate.law import Depth, Grids, Integrated, Law, Seeds
from orderparams.expectations.separate.smoothing import smooth


@part()
def mix(tables: Array3, shares: Array1, out: Array2) -> None:
    """First rows of the signal token: components c ≥ 1 of tables (C+1, rows, n) by their shares."""
    for k in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[k, i] = 0.0
            for c in range(1, shares.size):
                out[k, i] += shares[c] * tables[c, k, i]


@part()
def integrate_head(
    tables: Array3,
    token: Array2,
    scale: Array1,
    weight: Array1,
    lengths: Lengths,
    kappa: float,
    own: float,
    alpha: float,
    gamma: float,
    mass: Array1,
    adjoints: Array3,
) -> tuple[float, float, float]:
    """A, G and the miss of an identity for one head with tables (C+1, rows, n) and token (3, n).

    The signal token has the weight ``own`` in G. mass (n,) becomes the integrand of αA + γG,
    weights included; adjoints (2, 3, n) its derivatives in rows 0, 1, 2 of the noise and of the
    signal token, with K_1 = −K_0′ and K_2 = K_0″ − K_0′. The identity: −F′ has the integral 1 (see
    :mod:`laplace`).
    """
    size = weight.size
    deficit, powers = np.empty(size), np.empty((3, size))
    for i in range(size):
        deficit[i] = -tables[0, 0, i]
    length_powers(deficit, lengths, powers)
    f, s, g = row_vectors(tables[0]), row_vectors(token), row_vectors(powers)
    scales, weights, masses = row_vectors(scale), row_vectors(weight), row_vectors(mass)
    of_noise, of_token = row_vectors(adjoints[0]), row_vectors(adjoints[1])
    attended, overlap, identity = splat(0.0), splat(0.0), splat(0.0)
    for i in range(len(weights)):
        w, g0, g1, g2 = weights[i], g[0, i], g[1, i], g[2, i]
        psi0, psi1, psi2 = 1.0 + s[0, i], 0.0 - s[1, i], own * (s[2, i] - s[1, i])
        phi1, phi2 = 0.0 - f[1, i], f[2, i] - f[1, i]
        attention = w * psi1 * g0
        concentration = w * (psi2 * g0 + phi2 * psi0 * g1)
        attended += attention
        overlap += concentration
        masses[i] = gamma * concentration + alpha * attention
        identity += w * (psi1 * g0 + phi1 * psi0 * g1 + kappa * scales[i] * psi0 * g0)
        of_token[0, i] = gamma * w * phi2 * g1
        of_token[1, i] = (0.0 - alpha - own * gamma) * w * g0
        of_token[2, i] = own * gamma * w * g0
        of_noise[0, i] = w * (gamma * (psi2 * g1 + phi2 * psi0 * g2) + alpha * psi1 * g1)
        of_noise[1, i] = 0.0 - gamma * w * psi0 * g1
        of_noise[2, i] = gamma * w * psi0 * g1
    return lane_sum(attended), lane_sum(overlap), lane_sum(identity) - 1.0


@part()
def head_integrals(
    grids: Grids,
    law: Law,
    lengths: Lengths,
    kappa: float,
    seeds: Seeds,
    depth: Depth,
    found: Integrated,
) -> tuple[list[Array3], list[Array2], float]:
    """Fills A, G_hh and the part of the integrand; adds to the slopes of Σ α_h A_h + Σ γ_hh' G_hh'.

    Returns for every head its tables (C+1, most rows, n), of which the first rows (C+1, H) are set,
    and those of the signal token (3, n); and the largest miss of the identity.
    """
    scales, weights, sizes = grids
    means, _, deviations, shares, own = law
    alpha, gamma = seeds
    rows, digits = depth.rows, depth.digits
    attended, overlap, masses, (mean_slopes, covariance_slopes) = found
    heads, most = sizes.size, 0
    for of_component in rows:
        for count in of_component:
            most = max(most, count)
    tables = [np.empty((shares.size, most, sizes[h])) for h in range(heads)]
    tokens = [np.empty((3, sizes[h])) for h in range(heads)]
    missed = 0.0
    for h in range(heads):
        size, table = sizes[h], tables[h]
        scale = scales[h, :size]
        for c in range(shares.size):
            smooth(scale, means[c, h], deviations[c, h], digits, table[c, : rows[c, h]])
        mix(table, shares, tokens[h])
        adjoints = np.empty((2, 3, size))
        attended[h], overlap[h, h], miss = integrate_head(
            table,
            tokens[h],
            scale,
            weights[h, :size],
            lengths,
            kappa,
            own,
            alpha[h],
            gamma[h, h],
            masses[h, :size],
            adjoints,
        )
        missed = max(missed, abs(miss))
        for c in range(shares.size):
            slope, curvature = 0.0, 0.0
            for k in range(3):
                adjoint = adjoints[0 if c == 0 else 1, k]
                first, second = table[c, k + 1], table[c, k + 2]
                for i in range(size):
                    slope += adjoint[i] * first[i]
                    curvature += adjoint[i] * second[i]
            mean_slopes[c, h] += shares[c] * slope
            covariance_slopes[c, h, h] += 0.5 * shares[c] * curvature
    return tables, tokens, missed
