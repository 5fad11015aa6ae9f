"""Jacobians of flows. Oracles: a matrix that is known, and long runs against short ones."""

import numpy as np
import pytest

import orderparams as op
from orderparams.run.jacobian import Jacobian
from orderparams.run.rest import at_rest


@pytest.mark.parametrize(("time_step", "evaluations"), [(0.0, 4), (np.inf, 7)])
def test_the_jacobian_of_a_velocity(time_step, evaluations):
    matrix = np.array([[-1.0, 2.0, 0.0], [0.5, -3.0, 1.0], [0.0, 0.2, -0.1]])

    def velocity(y):
        return matrix @ y + np.array([y[0] ** 2, 0.0, y[2] ** 3])

    y = np.array([0.3, 0.0, 1e-9])
    jacobian = Jacobian(velocity, np.ones(3), np.array([False, False, True]))
    expected = matrix + np.diag([0.6, 0.0, 0.0])
    error = 2e-4 if time_step == 0 else 1e-8
    np.testing.assert_allclose(jacobian(y, time_step), expected, atol=error)
    assert jacobian.evaluations == evaluations


@pytest.mark.parametrize(
    ("rates", "velocity", "expected"),
    [
        ([-1.0, -0.01], [0.0, 1e-10], True),
        ([-1.0, -1e-4], [0.0, 1e-9], False),  # the stationary point is 1e-5 away
        ([-1.0, 0.01], [0.0, 1e-10], False),  # a saddle
        ([-1.0, 0.0], [0.0, 1e-12], True),  # noise along a direction without force
        ([-1.0, 0.0], [0.0, 1e-9], False),
    ],
)
def test_what_rest_is(rates, velocity, expected):
    jacobian = Jacobian(lambda y: np.array(rates) * y, np.ones(2), np.zeros(2, bool))
    tolerance = np.full(2, 1e-6)
    y = np.zeros(2)
    assert at_rest(y, np.array(velocity), jacobian, 100.0, 1e5, tolerance) == expected


@pytest.mark.parametrize("method", ["LSODA", "BDF", "Radau"])
def test_long_runs_do_not_crawl(method):
    """Few steps to t = 1e6, where the risk is that of a run that is at rest."""
    settings = [f"integrator.method={method}", "output.points=4"]
    long = op.solve(op.load("single-head", [*settings, "training.duration=1e6"]))
    short = op.solve(op.load("single-head", [*settings, "training.duration=5e3"]))
    assert long.status == "finished"
    assert long.statistics["steps"] < short.statistics["steps"] + 60
    assert long.statistics["jacobian_right_hand_sides"] > 0
    assert long.risk[-1] == pytest.approx(short.risk[-1], abs=1e-7)
