"""Nodes of quasi-Monte Carlo: exact moments, exact weights of components."""

from __future__ import annotations

import numpy as np
import pytest
from node_sequences import sequences
from scipy.stats import qmc

from orderparams.expectations.laws import Mixture
from orderparams.expectations.sampling.nodes import allot, draw_nodes


def test_nodes_have_exact_moments_and_weights() -> None:
    """Mirrored and orthogonalised: E[x] = 0, E[x xᵀ] = 1, and the weights of P_θ, to rounding."""
    length, heads = 3, 2
    law = Mixture(np.full(2, 0.5), np.diag([1.0, 2.0]), np.zeros((2, 2, 2)))
    masses = draw_nodes(law, length, heads, 2048, seed=1).masses
    np.testing.assert_allclose(masses.sum((1, 2)), 0.5, rtol=1e-14)
    x, weights = sequences(law, length, heads, 2048, seed=1)
    weights /= weights.sum()
    signal = np.zeros_like(x)
    signal[:, 0, :2] = 0.5 * (x + np.roll(x, 1024, axis=0))[:, 0, :2]
    np.testing.assert_allclose(np.sort(np.unique(signal[:, 0, 0].round(12))), [0.0, 1.0])
    assert weights[signal[:, 0, 0].round(12) == 1.0].sum() == pytest.approx(0.5, abs=1e-14)
    noise = (x - signal).reshape(2048, -1)
    np.testing.assert_allclose(weights @ noise, 0.0, atol=1e-15)
    np.testing.assert_allclose((noise.T * weights) @ noise, np.eye(noise.shape[1]), atol=1e-13)


def test_every_component_has_its_weight() -> None:
    weights = np.array([0.9, 0.1 - 1e-9, 1e-9])
    component, mass = allot(weights, np.random.default_rng(0).random(64))
    np.testing.assert_allclose(np.bincount(component, mass), weights, rtol=1e-13)


def test_coordinates_beyond_the_sobol_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Oracle: the moments of a normal law; 4096 independent values of some coordinates."""
    monkeypatch.setattr(qmc.Sobol, "MAXDIM", 5)
    monkeypatch.setattr("orderparams.expectations.sampling.nodes.MATCHING_LIMIT", 0)
    law = Mixture(np.ones(1), np.ones((1, 1)), np.zeros((1, 1, 1)))
    nodes = draw_nodes(law, 3, 2, 8192, seed=1).tokens
    last = nodes[:, :, 2, 2].ravel()
    assert last.std() == pytest.approx(1, abs=0.05)
    assert np.mean(last**4) == pytest.approx(3, abs=0.4)
