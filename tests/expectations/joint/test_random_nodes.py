"""Random nodes: points of SciPy's scrambled sequences, and weights of mixtures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import qmc

from orderparams.compiled import kernel
from orderparams.expectations.joint.random_nodes import (
    BITS,
    DRAWN,
    Stretch,
    net,
    quantile,
    random_nodes,
)
from orderparams.expectations.lanes import LANES, row_vectors

REST = BITS - DRAWN


@kernel()
def quantiles(q: np.ndarray, out: np.ndarray) -> None:
    of, found = row_vectors(q), row_vectors(out)
    for i in range(len(of)):
        found[i] = quantile(of[i])


def test_quantile_is_that_of_the_normal_law() -> None:
    """Oracle: SciPy's ndtri, up to where points end."""
    small = np.geomspace(2.2e-11, 0.5, 400)
    q = np.concatenate([small - 0.5, 0.5 - small, [0.425, -0.425, 0.0], np.zeros(5)])
    assert len(q) % LANES == 0
    found = np.empty_like(q)
    quantiles(q, found)
    exact = -np.sign(q) * ndtri(0.5 - np.abs(q))
    np.testing.assert_allclose(found, exact, rtol=2e-13, atol=2e-15)
    quantiles(np.full(LANES, -0.5 + 1e-16), found[:LANES])
    assert -6.7 < found[0] < -6.5


def points_of_scipy(dimension: int, seed: int, count: int) -> np.ndarray:
    """As normal numbers (count, dimension), in the order in which their indices' bits count."""
    sobol = qmc.Sobol(dimension, rng=np.random.default_rng(seed), bits=DRAWN)
    index = np.arange(count)
    uniform = np.empty((count, dimension))
    uniform[index ^ (index >> 1)] = sobol.random(count)  # drawn in the order of Gray's code
    lowest = net(dimension, seed, 4).first & ((1 << REST) - 1)  # the same of all points
    return ndtri(uniform + (lowest + 0.5) * 2.0**-BITS)


def test_nodes_are_points_of_scipys_sequence() -> None:
    axes = np.random.default_rng(0).standard_normal((5, 3))
    means = np.array([0.3, -1.0, 0.0, 2.0, 0.5])
    points = points_of_scipy(3, 7, 4096)
    parts = [slice(0, 2048), slice(3072, 3584), slice(3584, 4096)]
    stretches = [Stretch(part, means, 1.0, k, k % 2, -np.inf) for k, part in enumerate(parts)]
    nodes = random_nodes(stretches, axes, 7)
    logits = (nodes.shifts + np.log(nodes.factors)).T
    expected = np.concatenate([means + points[part] @ axes.T for part in parts])
    np.testing.assert_allclose(logits, expected, atol=2e-14)
    np.testing.assert_array_equal(nodes.weights, np.repeat([1 / 2048, 1 / 512], [2048, 1024]))
    np.testing.assert_array_equal(nodes.tokens, np.repeat([0, 1, 2], [256, 64, 64]))
    np.testing.assert_array_equal(nodes.laws, np.repeat([0, 1, 0], [256, 64, 64]))


@pytest.mark.parametrize("total", [-3.0, 0.7, 40.0])
def test_weights_of_a_law_and_its_tilted_copies(total: float) -> None:
    """2/(1 + Σ_h e^{χ_h − total}), however large the exponents are."""
    axes, means = np.array([[1.0, 0.5], [-0.5, 3.0]]), np.array([0.0, 30.0])
    plain = random_nodes([Stretch(slice(0, 512), means, 0.5, 0, 0, -np.inf)], axes, 1)
    shared = random_nodes([Stretch(slice(0, 512), means, 0.5, 0, 0, total)], axes, 1)
    np.testing.assert_array_equal(shared.factors, plain.factors)
    scores = plain.shifts + np.log(plain.factors.sum(axis=0))
    expected = 2.0 * plain.weights / (1.0 + np.exp(scores - total))
    np.testing.assert_allclose(shared.weights, expected, rtol=1e-13)
