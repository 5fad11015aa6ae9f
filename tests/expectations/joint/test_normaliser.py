"""Integrals over the Laplace variable of one normaliser."""

from __future__ import annotations

import numpy as np
import pytest

from orderparams.expectations.joint.normaliser import Transforms, other_tokens
from orderparams.expectations.joint.resolution import Resolution
from orderparams.expectations.joint.scores import Lattice, logit_nodes, spread
from orderparams.expectations.laws import Lengths


@pytest.mark.parametrize("kappa", [0.0, 0.6])
def test_shares_of_fixed_scores(kappa: float) -> None:
    """e^x/(κ + e^x + (L−1) e^y) with x the signal's score and y those of the others; L = 2 or 9."""
    x, y = 0.8, -0.3
    lengths = Lengths(np.array([1, 8]), np.array([0.25, 0.75]))
    resolution = Resolution(1e-11)
    lattice = Lattice.over(y, x, resolution.score_step)
    laws = np.zeros((2, lattice.size))
    for law, score in enumerate((y, x)):
        spread(logit_nodes(np.array([[score]]), np.ones(1), law=law), lattice, laws)
    found = Transforms.of(lattice, laws, lengths, kappa, resolution, (2, 2))
    share = found.measure @ (found.signal[1] * found.others[0])
    totals = kappa + np.exp(x) + lengths.others * np.exp(y)
    assert share == pytest.approx(lengths.shares @ (np.exp(x) / totals), abs=1e-10)


def test_only_negligible_values_of_the_kernels_are_left_out() -> None:
    """Scores from −30 to 30, most values of each kernel zero: against all pairs (τ, x)."""
    lattice = Lattice.over(-30.0, 30.0, Resolution(1e-9).score_step)
    rng = np.random.default_rng(0)
    laws = rng.random((2, lattice.size))
    lengths = Lengths(np.array([3]), np.ones(1))
    found = Transforms.of(lattice, laws, lengths, 0.0, Resolution(1e-9), (2, 4))
    scores = lattice.step * np.arange(lattice.start, lattice.start + lattice.size)
    both = np.add.outer(np.log(found.rates), scores)
    kernels = [np.exp(j * both - np.exp(both)) for j in range(5)]
    for j in range(3):
        np.testing.assert_allclose(found.noise[j], kernels[j] @ laws[0], rtol=1e-13, atol=1e-17)
        np.testing.assert_allclose(found.signal[j], kernels[j] @ laws[1], rtol=1e-13, atol=1e-17)
    rows = rng.standard_normal((2, 5, len(found.rates)))
    expected = sum(found.measure * rows[:, j] @ kernels[j] for j in range(5))
    np.testing.assert_allclose(found.on_lattice(rows), expected, rtol=0, atol=1e-13)


def test_other_tokens_keep_their_digits() -> None:
    """E_L[(L−1)…(L−k) Φ^{L−1−k}] for Φ = 1 − 1e-9 and L = 10⁶, where 1 − Φ^{L−1} is about 1e-3."""
    lengths, deficit = Lengths(np.array([10**6 - 1]), np.ones(1)), 1e-9
    found = other_tokens(np.array([deficit]), lengths, 2)[:, 0]
    n = 10**6 - 1
    expected = [np.exp((n - k) * np.log1p(-deficit)) for k in range(3)]
    np.testing.assert_allclose(found, np.multiply(expected, [1, n, n * (n - 1)]), rtol=1e-15)
