"""Laws of scores from random nodes: every token has its mass, stretches of a sequence are nets."""

from __future__ import annotations

import numpy as np
import pytest

from orderparams.expectations.joint.resolution import Resolution
from orderparams.expectations.joint.tokens import FEWEST, NOISE, Tokens, random_law, shares


def test_stretches_are_powers_of_two_that_begin_at_their_multiples() -> None:
    masses = np.array([0.0, 0.5, 0.1, 0.26, 0.14])
    parts = shares(masses, 2048)
    taken = np.concatenate([np.arange(part.start, part.stop) for part in parts])
    assert len(set(taken)) == len(taken) == taken.max() + 1
    for part, mass in zip(parts, masses, strict=True):
        length = part.stop - part.start
        assert length & (length - 1) == 0
        assert part.start % length == 0
        assert max(2048 * mass, FEWEST) <= length < 2 * max(2048 * mass, FEWEST)


def test_random_nodes_have_the_mass_and_the_mean_of_their_token() -> None:
    """E e^{χ_h} of normal logits, without what all share; half of the noise's nodes are tilted."""
    numbers, masses = np.array([NOISE, 0, 1, 2]), np.array([1.0, 0.2, 0.5, 0.3])
    means = np.array([[0.0, 0.1], [0.3, -0.2], [-0.5, 0.4], [1.0, 0.0]])
    tokens = Tokens(numbers, masses, means, np.array([[0.4, 0.1], [-0.2, 0.3]]))
    law = random_law(tokens, 4096, 0, Resolution(1e-8), 1e-12)
    variances = (tokens.splits[0].axes ** 2).sum(axis=1)
    for token, (mass, mean) in enumerate(zip(masses, means, strict=True)):
        own = np.repeat(law.nodes.tokens == token, 8)
        weights = law.nodes.weights[own]
        assert weights.sum() == pytest.approx(mass, rel=1e-3)
        factors = np.exp(law.nodes.shifts[own]) * law.nodes.factors[:, own]
        expected = mass * np.exp(mean + 0.5 * variances)
        np.testing.assert_allclose(factors @ weights, expected, rtol=2e-3)
    assert set(law.nodes.laws[law.nodes.tokens == 0]) == {0}
    assert set(law.nodes.laws[law.nodes.tokens > 0]) == {1}
