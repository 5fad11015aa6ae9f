"""One head: C = E[Σ_ℓ s_ℓ ω_ℓ z] and S = E[(Σ_ℓ s_ℓ ω_ℓ)²] over one Laplace variable τ.

With K_j(x) = e^{jx − e^x} and one-token expectations E_n of noise, E_s of the signal token (L > 1),

    C = ∫ dτ e^{−κe^τ} [ E_s[ωzK_1] Φ^{L−1} + (L−1) E_n[ωK_1] E_s[zK_0] Φ^{L−2} ],
    S = ∫ dτ e^{−κe^τ} [ E_s[ω²K_2] Φ^{L−1} + (L−1) E_n[ω²K_2] Ψ Φ^{L−2}
        + 2(L−1) E_s[ωK_1] E_n[ωK_1] Φ^{L−2} + (L−1)(L−2) E_n[ωK_1]² Ψ Φ^{L−3} ],

Φ = E_n[K_0], Ψ = E_s[K_0]. A value under the expectation is a differential operator in τ (Stein):
ω → μ + a ∂, z → b ∂, with μ = E[ω], a = Cov(ω, χ), b = Cov(z, χ).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.expectations.laws import Lengths
from orderparams.expectations.separate.single_covariance import power_derivatives

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Token:
    """One kind of token: E[ω], Cov(ω, χ), Var ω, Cov(z, χ) and Cov(ω, z); no z on noise."""

    mean: float
    with_key: float
    variance: float
    key_target: float = 0.0
    value_target: float = 0.0

    def polynomials(self) -> Array:
        """Coefficients (5, 5) of ∂^j K_0 in E[K_0], E[ωK_1], E[ω²K_2], E[zK_0] and E[ωzK_1]."""
        mean, a, b = self.mean, self.with_key, self.key_target
        square, cross = mean**2 + self.variance, 2.0 * mean * a
        return np.array(
            [
                [1.0, 0.0, 0.0, 0.0, 0.0],
                [0.0, -mean, -a, 0.0, 0.0],
                [0.0, -square, square - cross, cross - a * a, a * a],
                [0.0, b, 0.0, 0.0, 0.0],
                [0.0, -self.value_target, -mean * b, -a * b, 0.0],
            ]
        )

    def slopes(self, t: Array) -> tuple[float, float, float, float, float]:
        """Derivatives in the five numbers, of t (5, ≥5): adjoints of the five times ∂^j K_0."""
        mean, a, b = self.mean, self.with_key, self.key_target
        square, cross = t[2, 2] - t[2, 1], t[2, 3] - t[2, 2]
        return (
            -t[1, 1] + 2.0 * mean * square + 2.0 * a * cross - b * t[4, 2],
            -t[1, 2] + 2.0 * mean * cross + 2.0 * a * (t[2, 4] - t[2, 3]) - b * t[4, 3],
            square,
            t[3, 1] - mean * t[4, 2] - a * t[4, 3],
            -t[4, 1],
        )


@dataclass(frozen=True, eq=False)
class HeadSum:
    """αC + γS: C and S, its integrand (n,), and derivatives by kind of token (C+1, …): in the mean
    and the variance of χ, and in the numbers of :class:`Token` (C+1, 5)."""

    linear: float
    square: float
    mass: Array
    means: Array
    variances: Array
    tokens: Array


def head_sum(
    tables: Sequence[Array],
    tokens: list[Token],
    shares: Array,
    weight: Array,
    lengths: Lengths,
    alpha: float,
    gamma: float,
) -> HeadSum:
    """The sum for tables (C+1, ≥7, n) of ∂^j E[K_0(τ+χ)], the first row less one."""
    polynomials = [token.polynomials() for token in tokens]
    found = np.array([p @ table[:5] for p, table in zip(polynomials, tables, strict=True)])
    noise, signal = found[0], np.tensordot(shares[1:], found[1:], 1)
    psi = 1.0 + signal[0]
    g0, g1, g2, g3 = power_derivatives(-noise[0], lengths)
    (_, o, w, _, _), (_, so, sw, sz, soz) = noise, signal
    linear = soz * g0 + o * sz * g1
    square = sw * g0 + (w * psi + 2.0 * so * o) * g1 + o * o * psi * g2
    mass = weight * (alpha * linear + gamma * square)
    of_signal = np.array(
        [
            gamma * (w * g1 + o * o * g2),
            2.0 * gamma * o * g1,
            gamma * g0,
            alpha * o * g1,
            alpha * g0,
        ]
    )
    zero = np.zeros_like(o)
    of_noise = np.array(
        [
            alpha * (soz * g1 + o * sz * g2)
            + gamma * (sw * g1 + (w * psi + 2.0 * so * o) * g2 + o * o * psi * g3),
            alpha * sz * g1 + 2.0 * gamma * (so * g1 + o * psi * g2),
            gamma * psi * g1,
            zero,
            zero,
        ]
    )
    means, variances, numbers = np.empty(len(shares)), np.empty(len(shares)), []
    for c, (token, table, p) in enumerate(zip(tokens, tables, polynomials, strict=True)):
        t = (of_signal if c else of_noise) * weight @ table[:7].T
        means[c] = shares[c] * (p * t[:, 1:6]).sum()
        variances[c] = 0.5 * shares[c] * (p * t[:, 2:7]).sum()
        numbers.append(shares[c] * np.array(token.slopes(t)))
    return HeadSum(
        float(weight @ linear),
        float(weight @ square),
        mass,
        means,
        variances,
        np.array(numbers),
    )
