"""Moments of a mixture. Oracle: those of its components about the common mean."""

from __future__ import annotations

import numpy as np

from orderparams.expectations.laws import Mixture

WEIGHTS = np.array([0.2, 0.5, 0.3])
MEANS = np.array([[1.5, 0.2], [-0.5, 1.8], [0.4, -0.9]])
COVARIANCES = np.array([[[0.4, 0.1], [0.1, 0.2]], np.zeros((2, 2)), np.diag([0.3, 0.7])])


def test_moments_of_a_mixture() -> None:
    law = Mixture(WEIGHTS, MEANS, COVARIANCES)
    mean = sum(w * m for w, m in zip(WEIGHTS, MEANS, strict=True))
    around = [np.outer(m - mean, m - mean) + c for m, c in zip(MEANS, COVARIANCES, strict=True)]
    covariance = sum(w * c for w, c in zip(WEIGHTS, around, strict=True))
    assert law.features == 2
    np.testing.assert_allclose(law.mean, mean, rtol=1e-14)
    np.testing.assert_allclose(law.covariance, covariance, atol=1e-14)
    np.testing.assert_allclose(law.second_moment, covariance + np.outer(mean, mean), atol=1e-14)
