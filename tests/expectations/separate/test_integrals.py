"""Seeded sums of separate normalisers for a model whose tokens are all alike.

Regression in context needs E[Σ_ℓ s_hℓ s_h'ℓ] of tokens of which none is special.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import qmc

from orderparams.expectations.laws import Lengths, Mixture
from orderparams.expectations.separate.integrals import Integrals, SeededSum
from orderparams.expectations.separate.law import Seeds

Array = NDArray[np.float64]

ALIKE = Mixture(np.ones(1), np.zeros((1, 1)), np.zeros((1, 1, 1)))
SELF_OVERLAP = np.array([[1.4, 0.5], [0.5, 0.8]])
BIAS = np.array([0.3, -0.4])
SEEDS = Seeds(np.array([0.7, -1.1]), np.array([[0.6, 1.3], [1.3, -0.4]]))


def seeded(
    self_overlap: Array, bias: Array = BIAS, kappa: float = 0.5, seeds: Seeds = SEEDS, **rest: bool
) -> SeededSum:
    """Of two heads and eight tokens that are alike."""
    integrals = Integrals(ALIKE, Lengths(np.array([7]), np.ones(1)), kappa, 1e-11)
    return integrals.sum(np.zeros((2, 1)), self_overlap, bias, seeds, **rest)


def test_without_logits() -> None:
    """s = e^β/(κ + L e^β) for every token."""
    found = seeded(np.zeros((2, 2)))
    share = np.exp(BIAS) / (0.5 + 8 * np.exp(BIAS))
    np.testing.assert_allclose(found.attended, share, rtol=0, atol=1e-11)
    np.testing.assert_allclose(found.overlaps, 8 * np.outer(share, share), rtol=0, atol=1e-11)
    assert found.error <= 1e-11


def test_one_of_tokens_that_are_alike() -> None:
    """A = 1/L without κ, whatever the logits: its gradients vanish."""
    found = seeded(SELF_OVERLAP, kappa=0.0, seeds=Seeds(SEEDS.alpha, np.zeros((2, 2))))
    np.testing.assert_allclose(found.attended, 1 / 8, rtol=0, atol=1e-11)
    assert found.value == pytest.approx(SEEDS.alpha.sum() / 8, abs=1e-11)
    assert found.gradient is not None
    np.testing.assert_allclose(found.gradient.self_overlap, 0.0, atol=1e-11)
    np.testing.assert_allclose(found.gradient.bias, 0.0, atol=1e-11)


def test_shares_of_drawn_sequences() -> None:
    """Oracle: the shares of 2^16 sequences."""
    normals = qmc.MultivariateNormalQMC(np.zeros(16), rng=np.random.default_rng(1)).random(2**16)
    logits = normals.reshape(-1, 8, 2) @ np.linalg.cholesky(SELF_OVERLAP).T + BIAS
    shares = np.exp(logits) / (0.5 + np.exp(logits).sum(axis=1, keepdims=True))
    found = seeded(SELF_OVERLAP)
    np.testing.assert_allclose(found.attended, shares[:, 0].mean(axis=0), atol=1e-4)
    overlaps = np.einsum("nlh,nlk->hk", shares, shares) / len(shares)
    np.testing.assert_allclose(found.overlaps, overlaps, atol=1e-4)
    value = SEEDS.alpha @ found.attended + (SEEDS.gamma * found.overlaps).sum()
    assert found.value == pytest.approx(value, abs=1e-15)


def test_gradient_is_the_derivative_of_the_sum() -> None:
    """Central differences, of seeds that are no product of head weights."""
    gradient, step = seeded(SELF_OVERLAP).gradient, 1e-4
    assert gradient is not None
    for h, k in ((0, 0), (0, 1), (1, 1)):
        change = np.zeros((2, 2))
        change[h, k] = change[k, h] = step
        up, down = (seeded(SELF_OVERLAP + sign * change).value for sign in (1, -1))
        found = gradient.self_overlap[h, k] * (1.0 if h == k else 2.0)
        assert found == pytest.approx((up - down) / (2 * step), abs=1e-7)
    for h in range(2):
        up, down = (
            seeded(SELF_OVERLAP, BIAS + sign * step * np.eye(2)[h]).value for sign in (1, -1)
        )
        assert gradient.bias[h] == pytest.approx((up - down) / (2 * step), abs=1e-7)
    assert np.array_equal(gradient.overlap, np.zeros((2, 1)))


def random_law(rng: np.random.Generator) -> tuple[Integrals, tuple[Array, Array, Array, Seeds]]:
    """A signal, a normaliser and heads, some of them of nearly the same logits."""
    heads, features, components = (int(n) for n in rng.integers(1, 4, 3))
    covariances = rng.choice([0.0, 0.6]) * np.array([np.eye(features)] * components)
    means = 1.5 * rng.standard_normal((components, features))
    signal = Mixture(rng.dirichlet(np.ones(components)), means, covariances)
    lengths = Lengths(np.array([rng.choice([1, 3, 63, 10**6 - 1])]), np.ones(1))
    weights = rng.standard_normal((heads, features + heads))
    weights = weights[:1] + rng.choice([1.0, 1e-2]) * weights
    weights *= rng.choice([0.1, 1.0, 4.0, 8.0]) / np.linalg.norm(weights, axis=1)[:, None]
    u = rng.uniform(-1.0, 1.5, heads)
    at = weights[:, :features], weights @ weights.T, 0.5 * rng.standard_normal(heads)
    kappa, tolerance = rng.choice([0.0, 1.0]), rng.choice([1e-6, 1e-8])
    return Integrals(signal, lengths, kappa, tolerance), (*at, Seeds(-2.0 * u, np.outer(u, u)))


def test_errors_without_gradient_are_honest() -> None:
    """Against the sum at a tolerance of 1e-12, in 60 states, equal large logits among them."""
    reached = 0
    for seed in range(60):
        integrals, at = random_law(np.random.default_rng(seed))
        found = integrals.sum(*at, gradient=False)
        assert found.gradient is None
        exact = Integrals(integrals.signal, integrals.lengths, integrals.kappa, 1e-12).sum(*at)
        assert abs(found.value - exact.value) <= found.error + exact.error
        reached += found.error <= integrals.tolerance
    assert reached == 60
