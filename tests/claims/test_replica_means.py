"""How often means over groups of replicas reject a theory: of normal numbers, at the level."""

import numpy as np

from orderparams.claims.replica_means import DIMENSION, LEVEL, SMALL, means_rejected


def drawn(dimension, seed, shift=0.0):
    """Replicas (R, T, N) of the fluctuations that they have, off by ``shift``."""
    found = np.random.default_rng(seed).normal(size=(4000, 6, 3)) / dimension**0.5
    return shift + found.cumsum(axis=1)


def test_a_right_theory_is_rejected_at_the_level_and_a_wrong_one_always():
    small, large, expected = drawn(SMALL, 1), drawn(DIMENSION, 2), np.zeros((6, 3))
    assert 0.3 * LEVEL < means_rejected(small, large, expected) < 1.7 * LEVEL
    assert means_rejected(small, large, expected + 3.0) == 1.0


def test_a_bias_of_order_one_over_the_dimension_is_none():
    small, large = drawn(SMALL, 1, 20.0 / SMALL), drawn(DIMENSION, 2, 20.0 / DIMENSION)
    assert means_rejected(small, large, np.zeros((6, 3))) < 1.7 * LEVEL
