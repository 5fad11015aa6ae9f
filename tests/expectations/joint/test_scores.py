"""The law of a token's score on a lattice, and what is taken back to its logits."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from orderparams.expectations.joint.grids import Grid
from orderparams.expectations.joint.logits import Split
from orderparams.expectations.joint.resolution import Resolution
from orderparams.expectations.joint.scores import (
    Lattice,
    Nodes,
    grid_nodes,
    joined,
    logit_nodes,
    pull,
    spread,
)

Array = NDArray[np.float64]

MEAN = np.array([0.4, -0.7, 0.1])
AXES = np.array([[1.1, 0.2], [-0.4, 0.6], [0.3, -0.9]])


def lattice_of(nodes: Nodes) -> Lattice:
    return Lattice.over(*nodes.extent, 0.05)


def some_nodes(seed: int = 2, token: int = 0, law: int = 0) -> tuple[Nodes, Array, Array]:
    """Fifty nodes, and their logits (50, 3) and weights (50,) as plain arrays."""
    rng = np.random.default_rng(seed)
    logits, weights = rng.standard_normal((50, 3)), rng.random(50)
    return logit_nodes(logits, weights, token, law), logits, weights


@pytest.mark.parametrize("degree", range(8))
def test_polynomials_of_degree_seven_are_summed_exactly(degree: int) -> None:
    nodes, logits, weights = some_nodes()
    lattice = lattice_of(nodes)
    law = np.zeros((1, lattice.size))
    spread(nodes, lattice, law)
    x = lattice.step * (lattice.start + np.arange(lattice.size))
    score = np.logaddexp.reduce(logits, axis=1)
    assert law[0] @ x**degree == pytest.approx(weights @ score**degree, rel=1e-12)


def test_derivatives_are_taken_back_to_the_logits() -> None:
    """Oracle: plain sums of s(x) p_h and t(x) p_h p_h', p_h = e^{χ_h − x}; two tokens and laws."""
    parts = [some_nodes(2, 0, 1), some_nodes(3, 1, 0)]
    nodes = joined([part[0] for part in parts])
    lattice = lattice_of(nodes)
    positions = spread(nodes, lattice, np.zeros((2, lattice.size)))
    x = lattice.step * (lattice.start + np.arange(lattice.size))
    tables = np.array([np.sin(x), x**2]), np.array([np.cos(x), x])
    of_single, of_pair = pull(nodes, positions, *tables, tokens=2)
    expected_pair = np.zeros((3, 3))
    functions = [(np.square, lambda x: x), (np.sin, np.cos)]
    for token, ((_, logits, weights), (single, pair)) in enumerate(
        zip(parts, functions, strict=True)
    ):
        score = np.logaddexp.reduce(logits, axis=1)
        shares = np.exp(logits - score[:, None])
        np.testing.assert_allclose(of_single[token], (weights * single(score)) @ shares, rtol=1e-11)
        expected_pair += np.einsum("n,nh,nk->hk", weights * pair(score), shares, shares)
    np.testing.assert_allclose(of_pair, expected_pair, rtol=1e-11)


def test_a_grid_has_the_moments_of_its_logits() -> None:
    """Oracle: E[e^χ] of normal logits of two tokens, by outer nodes and those of the last axis."""
    split = Split(AXES, 0.0, np.zeros(3))
    grid = Grid.over(split.slopes, Resolution(1e-10), 1e-14, 1e6)
    assert grid is not None
    means, masses = np.array([MEAN, MEAN + 0.3]), np.array([0.3, 0.7])
    nodes = grid_nodes(means, masses, np.array([0, 1]), split, np.zeros(1), grid)
    for token, (mean, mass) in enumerate(zip(means, masses, strict=True)):
        own = np.repeat(nodes.tokens == token, 8)
        weights = np.outer(nodes.weights[own], nodes.last_weights)
        assert weights.sum() == pytest.approx(mass, abs=1e-10)
        factors = np.exp(nodes.shifts[own]) * nodes.factors[:, own]
        found = np.einsum("hn,nk,hk->h", factors, weights, nodes.last_factors)
        np.testing.assert_allclose(found, mass * np.exp(mean + 0.5 * (AXES**2).sum(1)), rtol=1e-9)


def test_scores_are_logarithms_to_rounding() -> None:
    """Positions of single logits between −700 and 700 against the logits themselves."""
    logits = np.concatenate([np.linspace(-700, 700, 83), np.linspace(-1, 1, 77)])
    nodes = logit_nodes(np.log1p(np.exp(-np.abs(logits)))[:, None], np.ones(160))
    nodes = nodes._replace(factors=np.exp(logits)[None], shifts=np.zeros(160))
    lattice = Lattice.over(-700.0, 700.0, 1.0)
    positions = spread(nodes, lattice, np.zeros((1, lattice.size)))[0]
    np.testing.assert_allclose(positions + lattice.start, logits, rtol=3e-16, atol=3e-13)
