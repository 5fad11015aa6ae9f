"""Two heads: S_hh' = E[Σ_ℓ s_hℓ ω_hℓ Σ_j s_h'j ω_h'j] over two Laplace variables.

    S_hh' = ∬ dτ dτ' e^{−κ(e^τ + e^τ')} [ D^s Φ^{L−1} + (L−1) D^n Ψ Φ^{L−2}
            + (L−1) (O^s O'^n + O^n O'^s) Φ^{L−2} + (L−1)(L−2) O^n O'^n Ψ Φ^{L−3} ]

with O = E[ω_h K_1 K_0'], O' = E[ω_h' K_0 K_1'], D = E[ω_h ω_h' K_1 K_1'] of one token, noise (n) or
signal (s). All are derivatives of J = E[K_0(τ+χ_h) K_0(τ'+χ_h')]: K_1 = −∂K_0, and by Stein a value
is the operator ω_h → μ + a_h ∂ + a_h' ∂', a_g = Cov(ω_h, χ_g).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from orderparams.expectations.laws import Lengths
from orderparams.expectations.separate.single_covariance import power_derivatives

Array = NDArray[np.float64]

ORDERS = 6
"""Derivatives 0 … 5 in each of the two variables: three of D, two of its derivatives."""


class Law2(Protocol):
    """J of one kind of token as a sum of products of functions of τ and of τ'."""

    def table(self, polynomial: Array) -> Array:
        """Σ_ab polynomial_ab ∂^a ∂'^b J, less one for a = b = 0: (n, n')."""
        ...

    def contract(self, adjoint: Array) -> Array:
        """Σ adjoint · ∂^a ∂'^b J, (ORDERS, ORDERS), for adjoint (n, n')."""
        ...


@dataclass(frozen=True, eq=False)
class Series:
    """Mehler's series: ∂^a ∂'^b J = Σ_r coefficient_r row_{a+r} row'_{b+r}, coefficients (R,), and
    tables (≥ R+5, n) of both heads, the first rows less one."""

    rows: Array
    others: Array
    coefficients: Array

    def table(self, polynomial: Array) -> Array:
        """See :class:`Law2`."""
        terms = np.arange(len(self.coefficients))
        middle = np.zeros((len(self.rows), len(self.others)))
        for a, b in np.argwhere(polynomial):
            middle[a + terms, b + terms] += polynomial[a, b] * self.coefficients
        found: Array = self.rows.T @ (middle @ self.others)
        along, across = polynomial[:, 0], polynomial[0]
        found += (along @ self.rows[:ORDERS])[:, None]
        found += across @ self.others[:ORDERS]
        return found

    def contract(self, adjoint: Array) -> Array:
        """See :class:`Law2`."""
        terms = np.arange(len(self.coefficients))
        middle = self.rows @ adjoint @ self.others.T
        a, b = np.indices((ORDERS, ORDERS))
        shifted = middle[a[..., None] + terms, b[..., None] + terms]
        found: Array = shifted @ self.coefficients
        found[:, 0] += self.rows[:ORDERS] @ adjoint.sum(axis=1)
        found[0] += self.others[:ORDERS] @ adjoint.sum(axis=0)
        found[0, 0] += adjoint.sum()
        return found


@dataclass(frozen=True, eq=False)
class Shared:
    """One logit at nodes of weights (R,): tables (ORDERS, R, n) of both heads given each of them,
    the first rows less one."""

    rows: Array
    others: Array
    weights: Array

    def table(self, polynomial: Array) -> Array:
        """See :class:`Law2`."""
        left = np.tensordot(polynomial.T, self.rows, 1) * self.weights[:, None]
        found: Array = np.tensordot(left, self.others, ((0, 1), (0, 1)))
        found += left[0].sum(axis=0)[:, None]
        found += self.weights @ np.tensordot(polynomial[0], self.others, 1)
        return found

    def contract(self, adjoint: Array) -> Array:
        """See :class:`Law2`."""
        right = (self.others * self.weights[:, None]) @ adjoint.T
        found: Array = np.tensordot(self.rows, right, ((1, 2), (1, 2)))
        found[:, 0] += self.rows @ adjoint.sum(axis=1) @ self.weights
        found[0] += self.others @ adjoint.sum(axis=0) @ self.weights
        found[0, 0] += adjoint.sum()
        return found


@dataclass(frozen=True, eq=False)
class PairToken:
    """Values of two heads on one kind of token: means (2,), covariances (2, 2) with the two logits,
    a row a value, and their covariance."""

    means: Array
    with_keys: Array
    covariance: float

    def polynomials(self) -> Array:
        """Coefficients (4, ORDERS, ORDERS) of ∂^a ∂'^b J in J, O, O' and D."""
        (mean, other), ((a, b), (c, d)) = self.means, self.with_keys
        found = np.zeros((4, ORDERS, ORDERS))
        found[0, 0, 0] = 1.0
        found[1, 1, 0], found[1, 2, 0], found[1, 1, 1] = -mean, -a, -b
        found[2, 0, 1], found[2, 1, 1], found[2, 0, 2] = -other, -c, -d
        found[3, 1:4, 1:4] = [
            [mean * other + self.covariance, other * b + mean * d, b * d],
            [other * a + mean * c, a * d + b * c, 0.0],
            [a * c, 0.0, 0.0],
        ]
        return found

    def slopes(self, t: Array) -> tuple[Array, Array, float]:
        """Derivatives in means, covariances with the logits, covariance, of t (4, …): the adjoints
        of the four times ∂^a ∂'^b J."""
        (mean, other), ((a, b), (c, d)) = self.means, self.with_keys
        both = t[3, 1:, 1:]
        means = np.array(
            [
                -t[1, 1, 0] + other * both[0, 0] + c * both[1, 0] + d * both[0, 1],
                -t[2, 0, 1] + mean * both[0, 0] + a * both[1, 0] + b * both[0, 1],
            ]
        )
        with_keys = np.array(
            [
                [
                    -t[1, 2, 0] + other * both[1, 0] + c * both[2, 0] + d * both[1, 1],
                    -t[1, 1, 1] + other * both[0, 1] + c * both[1, 1] + d * both[0, 2],
                ],
                [
                    -t[2, 1, 1] + mean * both[1, 0] + a * both[2, 0] + b * both[1, 1],
                    -t[2, 0, 2] + mean * both[0, 1] + a * both[1, 1] + b * both[0, 2],
                ],
            ]
        )
        return means, with_keys, float(both[0, 0])


@dataclass(frozen=True, eq=False)
class PairSum:
    """factor·S_hh': S itself, the integrand by row (n,) and by column (n',), and derivatives by
    kind of token: means of the two logits (C+1, 2), their covariances (C+1, 2, 2); means of the
    values (C+1, 2), their covariances (C+1, 2, 2) with the logits, and with each other (C+1,)."""

    square: float
    masses: tuple[Array, Array]
    means: Array
    covariances: Array
    values: Array
    with_keys: Array
    between: Array


def pair_sum(
    laws: list[Law2],
    tokens: list[PairToken],
    shares: Array,
    weights: Array,
    lengths: Lengths,
    factor: float,
) -> PairSum:
    """The sum for weights (n, n') of the nodes."""
    polynomials = [token.polynomials() for token in tokens]
    noise, *parts = (
        np.array([law.table(one) for one in p]) for law, p in zip(laws, polynomials, strict=True)
    )
    signal = np.tensordot(shares[1:], parts, 1)
    psi = 1.0 + signal[0]
    g = power_derivatives(-noise[0].ravel(), lengths).reshape(4, *psi.shape)
    (_, o, other, d), (_, so, s_other, sd) = noise, signal
    mixed, both = so * other + o * s_other, o * other
    integrand = weights * (sd * g[0] + (d * psi + mixed) * g[1] + both * psi * g[2])
    scaled = factor * weights
    of_signal = scaled * [d * g[1] + both * g[2], other * g[1], o * g[1], g[0]]
    of_noise = scaled * [
        sd * g[1] + (d * psi + mixed) * g[2] + both * psi * g[3],
        s_other * g[1] + other * psi * g[2],
        so * g[1] + o * psi * g[2],
        psi * g[1],
    ]
    count = len(shares)
    means, covariances = np.zeros((count, 2)), np.zeros((count, 2, 2))
    values, with_keys, between = np.zeros((count, 2)), np.zeros((count, 2, 2)), np.zeros(count)
    for c, (law, token, p) in enumerate(zip(laws, tokens, polynomials, strict=True)):
        t = shares[c] * np.array([law.contract(one) for one in (of_signal if c else of_noise)])
        own, reach = p[:, :4, :4], 4
        means[c] = [
            (own * t[:, 1 : 1 + reach, :reach]).sum(),
            (own * t[:, :reach, 1 : 1 + reach]).sum(),
        ]
        across = 0.5 * (own * t[:, 1 : 1 + reach, 1 : 1 + reach]).sum()
        covariances[c] = [
            [0.5 * (own * t[:, 2 : 2 + reach, :reach]).sum(), across],
            [across, 0.5 * (own * t[:, :reach, 2 : 2 + reach]).sum()],
        ]
        values[c], with_keys[c], between[c] = token.slopes(t)
    masses = factor * integrand.sum(axis=1), factor * integrand.sum(axis=0)
    return PairSum(float(integrand.sum()), masses, means, covariances, values, with_keys, between)
