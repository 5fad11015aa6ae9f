"""V of erf attention with values, from the logits of one token.

Oracles: the closed form of known values, and a fine rule over the logit of one head.
"""

import dataclasses

import numpy as np
import pytest
from activation_cases import activation
from scipy.special import erf

from orderparams.models.single_location.engines.elementwise import Elementwise
from orderparams.models.single_location.task import Signal, Task
from orderparams.models.single_location.values.elementwise_noise import ElementwiseNoise

MIXED = Signal(np.array([0.6, 0.4]), np.array([[2.0], [-1.0]]), np.array([[[0.0]], [[0.3]]]))
TASK = Task(np.array([4]), np.ones(1), MIXED, "scalar", 0.1, 0.7**0.5)
RANDOM = dataclasses.replace(
    TASK, lengths=np.array([1, 2, 5]), length_weights=np.array([0.2, 0.3, 0.5])
)
K = np.array([[0.9, 0.3, 0.0], [-0.5, 0.2, 0.4]])
WEIGHTS, CONSTANTS = np.array([1.0, 0.7]), np.array([0.2, -0.3])
BIAS = np.array([0.2, -0.3])
BOTH = np.concatenate([WEIGHTS, CONSTANTS])


@pytest.mark.parametrize("size", [0.2, 1.0, 1e3])
def test_noise_of_erf_at_large_keys(size):
    """Against the closed form of known values, at random lengths; of heads that are one as well."""
    rows = np.zeros((4, 6))
    rows[:2, [0, 2, 3]] = size * K
    rows[2:, 1] = along = np.array([0.8, 0.5])
    keys, law = np.ascontiguousarray(rows[:2, [0, 2, 3]]), activation("erf")
    for same in (False, True):
        if same:
            rows[1], keys[1] = rows[0], keys[0]
        known = Elementwise(RANDOM, law).evaluate(
            keys, BIAS, WEIGHTS * along, offset=float(CONSTANTS @ along), gradient_covariance=True
        )
        found = ElementwiseNoise(RANDOM, law, 2, samples=2**12, seed=0).evaluate(rows, BIAS, BOTH)
        assert abs(found.risk - known.risk) < min(found.error, 5e-3)
        of_keys = found.gradient_covariance[:2, :2]
        expected = known.gradient_covariance
        np.testing.assert_allclose(of_keys, expected, rtol=2e-3)
        assert np.abs(of_keys - expected).max() < found.gradient_covariance_error


@pytest.mark.parametrize("size", [1.0, 30.0])
def test_noise_of_one_erf_head_by_quadrature(size):
    """Keys, values and v* with overlaps; over a logit by a fine rule in place of samples."""
    rows = np.zeros((2, 4))
    rows[0], rows[1] = size * np.array([0.9, 0.2, 0.3, 0.0]), [0.1, 0.8, 0.2, 0.3]
    task = dataclasses.replace(
        TASK, signal=Signal(np.ones(1), np.array([[2.0]]), np.zeros((1, 1, 1)))
    )
    w, d, beta = 0.9, 0.2, 0.3
    step = 1e-3 / size
    x = np.arange(-9, 9, step)
    mass = np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi) * step

    def token(variance, theta, target):
        """E q, E q², and of g and g gᵀ with 1, q, q²: given the logit all are Gaussian."""
        q = variance * (rows @ rows.T)
        deviation = q[0, 0] ** 0.5
        chi = beta + theta * rows[0, 0] + deviation * x
        z = variance * rows[:, 1] * target
        along = np.array([q[1, 0], z[0]]) / deviation
        rest = np.array([[q[1, 1], z[1]], [z[1], variance * target]]) - np.outer(along, along)
        omega, away = theta * rows[1, 0] + along[0] * x, along[1] * x
        a, slope = d + w * erf(chi), w * 2 / np.pi**0.5 * np.exp(-(chi**2))
        error = a * omega - away
        spread = a**2 * rest[0, 0] - 2 * a * rest[0, 1] + rest[1, 1]
        shared = a * rest[0, 0] - rest[0, 1]
        first, second = spread + error**2, omega**2 + rest[0, 0]
        g = [
            [slope**2 * second, slope * a * omega],
            [slope * a * omega, a**2],
        ]
        gq = [
            [
                slope**2 * (error * second + 2 * shared * omega),
                slope * a * (error * omega + shared),
            ],
            [slope * a * (error * omega + shared), a**2 * error],
        ]
        cross = slope * a * (first * omega + 2 * error * shared)
        gqq = [
            [slope**2 * (first * second + 4 * error * shared * omega + 2 * shared**2), cross],
            [cross, a**2 * first],
        ]
        return [np.array(part) @ mass for part in (error, first, g, gq, gqq)]

    n1, n2, n, nq, nqq = token(1.0, 0.0, 0.0)
    s1, s2, s, sq, sqq = token(0.7, 2.0, 1.0)
    count, label = 3, 0.01
    of_rest = count * n2 + count * (count - 1) * n1**2 + label
    own = sqq + 2 * count * n1 * sq + of_rest * s
    mean = s1 + (count - 1) * n1
    of_rest = s2 + 2 * (count - 1) * s1 * n1 + (count - 1) * n2
    of_rest += (count - 1) * (count - 2) * n1**2 + label
    expected = 4 * (0.7 * own + count * (nqq + 2 * mean * nq + of_rest * n))
    engine = ElementwiseNoise(task, activation("erf"), 1, samples=2**14, seed=0)
    found = engine.evaluate(rows, np.array([beta]), np.array([w, d])).gradient_covariance
    np.testing.assert_allclose(found, expected, rtol=2e-4)
