"""The gradient covariance V of a joint normaliser, as integrals over τ (theory 4 and 5b).

With p_hℓ = π_hℓ a_ℓ, π_h the share of head h in its own token, V_hh' = Σ_ℓ E[π_hℓ π_h'ℓ v(a)], v a
polynomial in the attention weights. A monomial of degree n in the a_ℓ = e^{x_ℓ}/Z has Z^{−n}, so
that it is ∫ dτ e^{−κe^τ}/(n−1)! of a product of one-token factors K_j(τ+x), as theory 5b has it for
n = 1 and 2.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.expectations.joint.normaliser import Transforms

Array = NDArray[np.float64]

HIGHEST = 6
"""Largest degree that occurs."""


@dataclass(frozen=True)
class Polynomial:
    """Σ coefficient · a^i a_ε^j N^n by exponents (i, j, n).

    a is the attention weight of the token in question, a_ε that of the signal token if that is
    another one, N = Σ a_ℓ² over all other tokens.
    """

    terms: dict[tuple[int, int, int], float]

    def __add__(self, other: Polynomial) -> Polynomial:
        total: Counter[tuple[int, int, int]] = Counter()
        for terms in (self.terms, other.terms):
            for exponents, coefficient in terms.items():
                total[exponents] += coefficient  # type: ignore[assignment]
        return Polynomial(dict(total))

    def __mul__(self, other: Polynomial) -> Polynomial:
        product = Polynomial({})
        for (i, j, n), first in self.terms.items():
            for (k, m, p), second in other.terms.items():
                product += Polynomial({(i + k, j + m, n + p): first * second})
        return product


def constant(value: float) -> Polynomial:
    """A number as a polynomial."""
    return Polynomial({(0, 0, 0): value})


def token_term(is_signal: bool, scalar: bool, noise: float, variance: float = 1.0) -> Polynomial:
    """v(a) = σ_ℓ² E_z[g_hℓ g_h'ℓ]/(π_hℓ π_h'ℓ) of a signal or a noise token.

    With σ_ε² = ``variance``, 1 for noise, r_ℓ = a_ℓ − δ_ℓε and S = Σ_j σ_j² r_j a_j: g_hℓ =
    2 p_hℓ (σ_ℓ² r_ℓ − S) for the token target. For the scalar target g_hℓ = 2 (Σ_j r_j z_j − Δξ)
    p_hℓ (z_ℓ − Σ_j a_j z_j), whose square averages to 4 p p' [(Σσ²r² + Δ²)(σ_ℓ² − 2 σ_ℓ² a_ℓ +
    Σσ²a²) + 2 (σ_ℓ² r_ℓ − S)²] over z and ξ.
    """
    weight = constant(variance if is_signal else 1.0)
    own = Polynomial({(1, 0, 0): 1.0})
    at_signal = own if is_signal else Polynomial({(0, 1, 0): 1.0})
    squares = weight * own * own + Polynomial({(0, 0, 1): 1.0})
    if not is_signal:
        squares += constant(variance) * at_signal * at_signal
    minus = constant(-1.0)
    residual = own + constant(-1.0) if is_signal else own
    slope = weight * residual + minus * (squares + constant(-variance) * at_signal)
    term = slope * slope
    if scalar:
        loss = constant(variance + noise**2) + constant(-2.0 * variance) * at_signal + squares
        spread = weight + constant(-2.0) * weight * own + squares
        term = loss * spread + constant(2.0) * term
    return constant(4.0) * weight * own * own * term


def term_adjoints(polynomial: Polynomial, transforms: Transforms, is_signal: bool) -> Array:
    """Factors (7, τ) of K_0 … K_6 at the score of the token in question, in the integral over τ.

    If that token is the signal, there is no other factor Ψ_j; if not, a noise token fewer is left.
    """
    noise, others = transforms.noise, transforms.others[0 if is_signal else 1 :]
    signal = np.ones_like(transforms.signal) if is_signal else transforms.signal
    rest = [others[0], noise[2] * others[1], noise[4] * others[1] + noise[2] ** 2 * others[2]]
    adjoints = np.zeros((HIGHEST + 1, noise.shape[1]))
    for (i, j, n), coefficient in polynomial.terms.items():
        scale = coefficient / math.factorial(i + j + 2 * n - 1)
        adjoints[i] += scale * signal[j] * rest[n]
    return adjoints
