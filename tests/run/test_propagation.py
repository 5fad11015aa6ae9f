"""Linear stochastic equations. Oracles: another integrator, and an exponential in closed form."""

import numpy as np
from scipy.integrate import solve_ivp

from orderparams.run.propagation import Coefficients, propagate

DRAW = np.random.default_rng(0)
BASE, WAVE = DRAW.standard_normal((2, 3, 3)) - 2 * np.eye(3)
ROOT, RAY = DRAW.standard_normal((3, 3)), DRAW.standard_normal((3, 1))
PUSH = DRAW.standard_normal((2, 3))

CHANGING = Coefficients(
    lambda t: BASE + np.sin(t)[:, None, None] * WAVE,
    lambda t: ROOT @ ROOT.T + (1 + np.cos(2 * t))[:, None, None] * (RAY @ RAY.T),
    lambda t: PUSH[0] + np.cos(t)[:, None] * PUSH[1],
)


def integrated(end):
    """Φ, Q and r from 0 to an end, by SciPy."""

    def rate(t, y):
        flow, noise, shift = y[:9].reshape(3, 3), y[9:18].reshape(3, 3), y[18:]
        j, c, h = (of(np.array([t]))[0] for of in CHANGING)
        return np.concatenate(
            [(j @ flow).ravel(), (j @ noise + noise @ j.T + c).ravel(), j @ shift + h]
        )

    start = np.concatenate([np.eye(3).ravel(), np.zeros(12)])
    return solve_ivp(rate, (0, end), start, rtol=1e-12, atol=1e-12).y[:, -1]


def test_changing_coefficients_to_fourth_order():
    errors = []
    for count in (5, 9, 17):
        found = propagate(CHANGING, np.linspace(0, 1.7, count), np.array([0, 1.7]))
        whole = np.concatenate([part[0].ravel() for part in found])
        errors.append(np.abs(whole - integrated(1.7)).max())
    assert errors[-1] < 1e-7
    assert errors[0] > 10 * errors[1] > 100 * errors[2]


def test_intervals_make_up_the_whole():
    knots = np.linspace(0, 1.7, 17)
    whole = propagate(CHANGING, knots, np.array([0, 1.7]))
    parts = propagate(CHANGING, knots, np.array([0, 0.3, 1.31, 1.7]))
    flow, noise, shift = np.eye(3), np.zeros((3, 3)), np.zeros(3)
    for one, more, push in zip(*parts, strict=True):
        flow, noise, shift = one @ flow, one @ noise @ one.T + more, one @ shift + push
    for found, of in zip((flow, noise, shift), whole, strict=True):
        np.testing.assert_allclose(found, of[0], rtol=0, atol=1e-6)


def test_stiff_and_slow_directions_together():
    """Constants: Φ = exp(−rt), Q = c (1 − exp(−2rt)) / 2r, also where rt is 10⁵: doubling loses
    as many digits of a slow direction."""
    rates, end = np.array([2e4, 1.0, 1e-3]), 5.0
    stiff = Coefficients(
        lambda t: np.tile(-np.diag(rates), (len(t), 1, 1)),
        lambda t: np.tile(np.eye(3), (len(t), 1, 1)),
        lambda t: np.ones((len(t), 3)),
    )
    found = propagate(stiff, np.linspace(0, end, 5), np.array([0, end]))
    flow = np.exp(-rates * end)
    np.testing.assert_allclose(np.diag(found.propagator[0]), flow, rtol=1e-9, atol=1e-300)
    noise = (1 - flow**2) / (2 * rates)
    np.testing.assert_allclose(np.diag(found.covariance[0]), noise, rtol=1e-9)
    np.testing.assert_allclose(found.drift[0], (1 - flow) / rates, rtol=1e-9)


def test_covariances_are_positive_though_a_cubic_is_not():
    """A cubic through covariances may overshoot; what is added never is negative."""
    below = Coefficients(
        lambda t: np.zeros((len(t), 2, 2)),
        lambda t: (np.sin(t))[:, None, None] * np.diag([1.0, 0.0]),
        lambda t: np.zeros((len(t), 2)),
    )
    found = propagate(below, np.linspace(0, 9, 10), np.linspace(0, 9, 10))
    assert (np.linalg.eigvalsh(found.covariance) >= 0).all()
