"""When a flow is at rest. Oracles: linear flows, whose stationary point and rates are known."""

import numpy as np
import pytest

from orderparams.run.jacobian import Jacobian
from orderparams.run.rest import at_rest


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


def rest(rates, velocity, *, time=1e-3, left=1e3, **options):
    """Whether a flow with this matrix of rates is at rest; it must not move by 1e-6."""
    return at_rest(
        np.zeros(2), np.array(velocity), lambda y: np.array(rates), time, left,
        np.full(2, 1e-6), **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("distance", "expected"),
    [((0.9, -0.9), True), ((1.1, 0.0), False), ((0.0, -1.1), False), ((0.9, 1.1), False)],
)
def test_no_component_is_far_from_the_stationary_point(distance, expected):
    """The Jacobian is not symmetric: its left and right singular vectors differ."""
    rates = np.array([[-1.0, 50.0], [0.2, -100.0]])
    assert rest(rates, rates @ np.multiply(distance, 1e-6)) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0.5e-5, True), (2e-5, False), (-0.5e-5, True), (-2e-5, False)],
)
def test_a_rate_is_neutral_by_its_part_of_the_largest(size, expected):
    """Of 100: a neutral direction may take all the time, another leads 5e-6 away."""
    assert rest([[-100.0, 0.0], [0.0, size]], [0.0, 1e-10]) == expected


@pytest.mark.parametrize(("rate", "expected"), [(0.5e-5, True), (2e-5, False), (-2e-5, True)])
def test_what_grows_is_no_rest_at_any_velocity(rate, expected):
    assert rest([[-100.0, 0.0], [0.0, rate]], [0.0, 0.0]) == expected


@pytest.mark.parametrize(
    ("drift", "left", "expected"),
    [(0.9e-9, 1e3, True), (1.1e-9, 1e3, False), (0.9e-11, 1e9, True), (1.1e-11, 1e9, False)],
)
def test_without_a_rate_the_time_that_is_left_counts_or_noise(drift, left, expected):
    """Along (0.6, 0.8), to which nothing drives; the bound is that of a component."""
    away, along = np.array([0.8, -0.6]), np.array([0.6, 0.8])
    rates = -100.0 * np.outer(away, away)
    assert rest(rates, along * drift / 0.8, left=left) == expected


@pytest.mark.parametrize(
    ("speed", "error", "looks"),
    [(0.9e-8, 1e-11, True), (1.1e-8, 1e-11, False), (0.9e-7, 1e-7, True), (1.1e-7, 1e-7, False)],
)
def test_the_jacobian_is_taken_where_the_flow_may_be_at_rest(speed, error, looks):
    """Where the velocity leads less than the tolerance away in as long as the run takes so far."""
    taken = []

    def jacobian(y):
        taken.append(y)
        return -np.eye(2)

    bounds = np.full(2, 1e-6)
    found = at_rest(np.zeros(2), np.array([0.0, -speed]), jacobian, 100.0, 1.0, bounds, error)
    assert found == looks == bool(taken)
