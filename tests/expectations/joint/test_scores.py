"""The law of a token's score on a lattice, and what is taken back to its logits."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from orderparams.expectations.joint.grids import Grid, axis_slopes
from orderparams.expectations.joint.resolution import Resolution
from orderparams.expectations.joint.scores import (
    Lattice,
    Logits,
    Nodes,
    grid_nodes,
    logit_nodes,
    pull,
    spread,
)

Array = NDArray[np.float64]

MEAN = np.array([0.4, -0.7, 0.1])
AXES = np.array([[1.1, 0.2], [-0.4, 0.6], [0.3, -0.9]])


def lattice_of(nodes: Nodes) -> Lattice:
    return Lattice.over(*nodes.extent, 0.05)


def some_nodes() -> tuple[Nodes, Array, Array]:
    """Fifty nodes, and their logits (50, 3) and weights (50,) as plain arrays."""
    rng = np.random.default_rng(2)
    logits, weights = rng.standard_normal((50, 3)), rng.random(50)
    return logit_nodes(logits, weights), logits, weights


@pytest.mark.parametrize("degree", range(8))
def test_polynomials_of_degree_seven_are_summed_exactly(degree: int) -> None:
    nodes, logits, weights = some_nodes()
    lattice = lattice_of(nodes)
    law = np.zeros(lattice.size)
    spread(nodes, lattice, law)
    x = lattice.step * (lattice.start + np.arange(lattice.size))
    score = np.logaddexp.reduce(logits, axis=1)
    assert law @ x**degree == pytest.approx(weights @ score**degree, rel=1e-12)


def test_derivatives_are_taken_back_to_the_logits() -> None:
    """Oracle: plain sums of s(x) p_h and t(x) p_h p_h' with p_h = e^{χ_h − x}."""
    nodes, logits, weights = some_nodes()
    lattice = lattice_of(nodes)
    positions = spread(nodes, lattice, np.zeros(lattice.size))
    x = lattice.step * (lattice.start + np.arange(lattice.size))
    of_single, of_pair = pull(nodes, positions, np.sin(x), np.cos(x))
    score = np.logaddexp.reduce(logits, axis=1)
    shares = np.exp(logits - score[:, None])
    np.testing.assert_allclose(of_single, (weights * np.sin(score)) @ shares, rtol=1e-11)
    expected = np.einsum("n,nh,nk->hk", weights * np.cos(score), shares, shares)
    np.testing.assert_allclose(of_pair, expected, rtol=1e-11)


def test_a_grid_has_the_moments_of_its_logits() -> None:
    """Oracle: E[e^χ] of normal logits, by the product of outer nodes and those of the last axis."""
    grid = Grid.over(axis_slopes(AXES), Resolution(1e-10), 1e-14, 1e6)
    assert grid is not None
    nodes = grid_nodes(Logits(MEAN, AXES, 0.0), grid, 0.3)
    weights = np.outer(nodes.weights, nodes.last_weights)
    assert weights.sum() == pytest.approx(0.3, abs=1e-10)
    factors = np.exp(nodes.shifts) * nodes.factors
    found = np.einsum("hn,nk,hk->h", factors, weights, nodes.last_factors)
    np.testing.assert_allclose(found, 0.3 * np.exp(MEAN + 0.5 * (AXES**2).sum(1)), rtol=1e-9)
