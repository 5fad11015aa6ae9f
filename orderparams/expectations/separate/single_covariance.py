"""V = E[Σ_ℓ σ_ℓ² g_ℓ²] of a single head with its own normaliser: one integral over τ (theory 4).

With s the share of the signal token and p_n = Σ s_ℓⁿ over the noise tokens, the token target has
V/4u² = Σ_ℓ σ_ℓ² s_ℓ² (σ_ℓ² (u s_ℓ − δ_ℓε) − u Σ σ²s² + σ_ε² s)², a polynomial in u, s and the p_n,
in which σ_ε² has the power 3 − Σ (n − 1). By
1/Zⁿ = ∫ dτ e^{nτ} e^{−Ze^τ}/(n−1)! a product of n shares, of which n_0 belong to the signal token
and n_1 … n_r to different noise tokens, has the expectation (theory 5b)

    ∫ dτ e^{−κe^τ} Ψ_{n_0} Φ_{n_1} … Φ_{n_r} ∂ʳE_L[Φ_0^{L−1}]/∂Φ_0ʳ / (n−1)!
"""

from __future__ import annotations

from math import factorial

import numpy as np
from numpy.typing import NDArray

from orderparams.expectations.laws import Lengths
from orderparams.expectations.separate.laplace import lay_grids, locate
from orderparams.expectations.separate.law import Law
from orderparams.expectations.separate.smoothing import FINITE, gaussian_rule

Array = NDArray[np.float64]

MONOMIALS = [  # coefficient, power of u, power of s, noise moments p_n
    (1, 0, 2, ()),
    (-2, 0, 3, ()),
    (1, 0, 4, ()),
    (1, 0, 2, (2,)),
    (-2, 1, 3, ()),
    (4, 1, 4, ()),
    (-2, 1, 5, ()),
    (2, 1, 2, (2,)),
    (-4, 1, 3, (2,)),
    (2, 1, 1, (3,)),
    (-2, 1, 1, (2, 2)),
    (1, 2, 4, ()),
    (-2, 2, 5, ()),
    (1, 2, 6, ()),
    (1, 2, 0, (4,)),
    (-2, 2, 3, (2,)),
    (-2, 2, 2, (3,)),
    (3, 2, 4, (2,)),
    (3, 2, 2, (2, 2)),
    (-2, 2, 0, (2, 3)),
    (1, 2, 0, (2, 2, 2)),
]

REFINEMENTS = 5

FINEST = 1e-13
"""Accuracy relative to the head weight beyond which rounding dominates."""


def kernel_means(scale: Array, law: Law, component: int, digits: float) -> Array:
    """1 − E[K_0], E[K_1] … E[K_6] of the head's logit at e^τ = scale (n,), shape (7, n)."""
    mean, deviation = law.means[component, 0], law.deviations[component, 0]
    nodes, weights = gaussian_rule(deviation, 4, digits)
    rate = scale[:, None] * np.exp(np.minimum(mean + deviation * nodes, FINITE))
    rate = np.minimum(rate, FINITE)
    values = [-np.expm1(-rate)] + [rate**j * np.exp(-rate) for j in range(1, 7)]
    return np.array([value @ weights for value in values])


def power_derivatives(deficit: Array, lengths: Lengths) -> Array:
    """E_L[Φ^{L−1}] and its first three derivatives in Φ = 1 − deficit, shape (4, n)."""
    out = np.zeros((4, deficit.size))
    logarithm = np.log1p(-np.minimum(deficit, 1.0 - 1e-16))
    for power, share in zip(*lengths, strict=True):
        falling = float(share)
        for order in range(min(4, power + 1)):
            out[order] += falling * np.exp((power - order) * logarithm)
            falling *= float(power - order)
    return out


def noise_moment(
    orders: tuple[int, ...], phi: Array, powers: Array, tokens: tuple[int, ...] = ()
) -> Array:
    """Integrand of E[Π p_n], n in orders: a sum over how the factors share noise tokens.

    tokens are the total orders of the tokens that factors fell on already.
    """
    if not orders:
        product: Array = np.multiply.reduce([*phi[list(tokens)], powers[len(tokens)]], axis=0)
        return product
    first, rest = orders[0], orders[1:]
    total = noise_moment(rest, phi, powers, (*tokens, first))
    for i, order in enumerate(tokens):
        shared = (*tokens[:i], order + first, *tokens[i + 1 :])
        total = total + noise_moment(rest, phi, powers, shared)
    return total


def single_covariance(
    law: Law, lengths: Lengths, kappa: float, head_weight: float, tolerance: float
) -> tuple[float, float]:
    """V and a bound on its error.

    The first rule is fine enough by itself; what the second changes is a check, and grows the bound
    where it is too large.
    """
    heavy = max(1.0, head_weight**2) ** 2 * max(1.0, law.own) ** 3
    accuracy = max(tolerance / heavy, FINEST)
    located = locate(law, lengths, kappa, np.log(1e4 / accuracy))
    digits = np.log(1e4 * lengths.others.max() / accuracy)
    step = 7.0 / np.log(1e5 / accuracy)
    value = integrate(law, lengths, kappa, head_weight, digits, located, step)
    for _ in range(REFINEMENTS):
        digits *= 1.1
        step *= 0.8
        previous = value
        value = integrate(law, lengths, kappa, head_weight, digits, located, step)
        change = 2.0 * abs(value - previous) / heavy
        if change <= 0.9 * accuracy:
            break
    return value, heavy * max(change + 0.1 * accuracy, 0.5 * accuracy)


def integrate(
    law: Law,
    lengths: Lengths,
    kappa: float,
    head_weight: float,
    digits: float,
    located: Array,
    step: float,
) -> float:
    """V by the trapezoid rule of one step."""
    scales, weights, _ = lay_grids(located, kappa, step)
    noise, *tokens = (kernel_means(scales[0], law, c, digits) for c in range(law.shares.size))
    powers = power_derivatives(noise[0], lengths)
    phi, psi = noise, np.tensordot(law.shares[1:], tokens, 1)
    psi[0] = 1.0 - psi[0]
    total = 0.0
    for coefficient, power, order, others in MONOMIALS:
        integrand = weights[0] * psi[order] * noise_moment(others, phi, powers)
        degree = order + sum(others)
        scale = head_weight**power * law.own ** (3 - sum(n - 1 for n in others))
        total += coefficient * scale * integrand.sum() / factorial(degree - 1)
    return float(4.0 * head_weight**2 * total)
