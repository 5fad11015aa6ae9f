"""Expectations of two softmaxes over N examples at given scores' covariance, by Laplace integrals.

With 1/Zⁿ = (1/Γ(n)) ∫ dτ e^{nτ} exp(−e^τ Z) the N examples factorise: everything is a sum over τ
and τ' of Φ_ij = E[K_i(τ + sg) K_j(τ' + s'g')], K_j(x) = exp(jx − e^x), times powers of Φ_00. The
scores have standard deviations s, s' and correlation ρ; with expansions T_i of K_i(τ + sg) in
Hermite polynomials of g, Φ_ij = Σ_k ρ^k T_ik T'_jk (Mehler).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STEP = 0.45
"""Of τ: the trapezoidal rule on analytic functions."""

LEFT = 27.0
"""Below −log N the integrands fall as e^τ."""

TERMS = 160
"""Of Mehler's sum."""


class Scores(NamedTuple):
    """Scores of one standard deviation: the expansions of 1 − K_0, K_1, K_2, K_3 at each τ
    (4, n, terms), and E p₂."""

    parts: Array
    power: float


def polynomials(at: Array) -> Array:
    """Orthonormal Hermite polynomials times the square root of the Gaussian's density."""
    found = np.zeros((TERMS, len(at)))
    found[0] = np.exp(-(at**2) / 4) / (2 * np.pi) ** 0.25
    found[1] = at * found[0]
    for k in range(2, TERMS):
        found[k] = (at * found[k - 1] - np.sqrt(k - 1) * found[k - 2]) / np.sqrt(k)
    return found


def kernels(length: int, deviation: float, at: Array) -> Array:
    """1 − K_0, K_1, K_2, K_3 at τ + deviation · g for each τ (4, n, g)."""
    low = -np.log(length) - LEFT - deviation**2 / 2
    high = -np.log(length) + 5.0 + deviation * (2.0 + 6.0 / np.sqrt(np.log(length + 1.0)))
    tau = np.arange(low, high, STEP)
    score = tau[:, None] + deviation * at
    size = np.exp(np.minimum(score, 50.0))
    kept = np.exp(-size)
    return np.stack([-np.expm1(-size), *(size**j * kept for j in range(1, 4))])


def scores(length: int, deviation: float) -> Scores:
    """Scores of a standard deviation."""
    step = 0.12 / max(1.0, deviation / 2)
    count = int(np.ceil(13.0 / step))
    at: Array = np.linspace(-step * count, step * count, 2 * count + 1)
    root: Array = step * np.exp(-(at**2) / 4) / (2 * np.pi) ** 0.25
    parts = kernels(length, deviation, at) @ (polynomials(at) * root).T
    inverse, _, squared, _ = parts[:, :, 0]
    fall = np.exp((length - 1) * np.log1p(-np.minimum(inverse, 1 - 1e-16)))
    return Scores(parts, STEP * length * float(squared @ fall))


def pairs(length: int, first: Scores, others: Sequence[Scores], correlation: float) -> Array:
    """G, X, U of a head with each of others (n, 3): of two softmaxes s, t with powers p_n, p'_n

    G = E Σst,   U = E Σ t (s² − s p₂),
    X = E[(1 − p₂)(1 − p'₂)] + E[Σst − Σs²t − Σst² + (Σst)²].

    ρ is the correlation of their scores.
    """
    one, other = first.parts * correlation ** np.arange(TERMS), joined(others)
    alone, alone_other = one[:, :, 0], other[:, :, 0]
    p11, p22, p21, p12, p31 = (
        one[i] @ other[j].T for i, j in ((1, 1), (2, 2), (2, 1), (1, 2), (3, 1))
    )
    p20 = alone[2][:, None] - one[2] @ other[0].T
    p02 = alone_other[2] - one[0] @ other[2].T
    missing = alone[0][:, None] + alone_other[0] - one[0] @ other[0].T
    rest = np.log1p(-np.minimum(missing, 1 - 1e-16))
    area = STEP * STEP * length
    single = area * np.exp((length - 1) * rest)
    double = area * (length - 1.0) * np.exp((length - 2) * rest)

    def total(values: Array) -> Array:
        return np.asarray(values.sum(0).reshape(len(others), -1).sum(1))

    gain, both = total(p11 * single), total(p22 * single)
    left, right = total(p21 * single), total(p12 * single)
    squares, cross = both + total(p20 * p02 * double), both + total(p11**2 * double)
    third = 0.5 * total(p31 * single + p11 * p20 * double)
    power = np.array([scores.power for scores in others])
    x = 1 - first.power - power + squares + gain - left - right + cross
    return np.stack([gain, x, left - third], -1)


def joined(scores: Sequence[Scores]) -> Array:
    """Their expansions one after the other (4, n, terms), of one length each: where a head has no τ
    it adds nothing."""
    most = max(one.parts.shape[1] for one in scores)
    rows = [(0, most - one.parts.shape[1]) for one in scores]
    padded = [
        np.pad(one.parts, ((0, 0), row, (0, 0))) for one, row in zip(scores, rows, strict=True)
    ]
    return np.concatenate(padded, 1)
