"""Jacobians of flows. Oracles: a matrix that is known, and long runs against short ones."""

import threading

import numpy as np
import pytest

import orderparams as op
from orderparams.run.jacobian import Jacobian


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


def visited(y, units, variances):
    """The points at which velocities of 3y are taken for a central Jacobian."""
    seen = []
    jacobian = Jacobian(lambda y: seen.append(y) or 3 * y, units, variances)
    np.testing.assert_allclose(jacobian(y), 3 * np.eye(len(y)), rtol=1e-6)
    return np.array(seen)


def test_steps_fit_the_units_and_no_variance_becomes_negative():
    """A ten-thousandth of the unit to both sides, more where a large y would lose it."""
    units, variances = np.array([2.0, 1e-3, 1.0, 1.0, 1.0]), np.array([0, 0, 0, 1, 1], bool)
    y = np.array([0.5, -0.5, -1e6, 3e-5, 0.0])
    here, *moved = visited(y, units, variances)
    np.testing.assert_array_equal(here, y)
    above, below = np.diagonal(moved[:5]) - y, y - np.diagonal(moved[5:])
    np.testing.assert_allclose(above, [2e-4, 1e-7, 1e-2, 1e-4, 1e-4], rtol=1e-6)
    np.testing.assert_allclose(below, [2e-4, 1e-7, 1e-2, 3e-5, 0.0], rtol=1e-6)
    others = ~np.eye(5, dtype=bool)
    for points in (moved[:5], moved[5:]):
        np.testing.assert_array_equal(np.array(points)[others], np.tile(y, (5, 1))[others])


@pytest.mark.parametrize(("time_step", "evaluations"), [(95.0, 3), (105.0, 5)])
def test_central_differences_begin_where_the_error_could_be_felt(time_step, evaluations):
    """At a time step · largest rate · 1e-4 of 0.03, here of a rate of −3."""
    jacobian = Jacobian(lambda y: np.array([-3.0, 1.0]) * y, np.ones(2), np.zeros(2, bool))
    jacobian(np.zeros(2), time_step)
    assert jacobian.evaluations == evaluations


def test_threads_change_no_bit_and_every_velocity_is_told_here():
    def velocity(y):
        return np.sin(np.outer(np.arange(1, 5), y)).sum(axis=1)

    told = []
    arguments = (velocity, np.ones(4), np.zeros(4, bool))
    threaded = Jacobian(*arguments, workers=3, pulse=lambda: told.append(threading.get_ident()))
    y = np.array([0.1, -0.2, 0.3, 1.0])
    np.testing.assert_array_equal(threaded(y), Jacobian(*arguments)(y))
    assert told == [threading.get_ident()] * threaded.evaluations


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
