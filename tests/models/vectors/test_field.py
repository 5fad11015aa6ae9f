"""Velocities of one vector elsewhere: those of the flow that starts there."""

import numpy as np
import pytest

import orderparams as op
from orderparams.analysis.plane import plane_of
from orderparams.models.interface import model_of
from orderparams.models.vectors.field import velocities

START = {
    "kind": "explicit",
    "overlap": [[0.5, 0.3, -0.2], [0.1, 0.6, 0.4]],
    "self_overlap": [[1.5, 0.2], [0.2, 1.4]],
}
HEADS = {
    "task": {"length": 3, "signal": {"kind": "gaussian", "variances": [2.0, 1.0, 0.5]}},
    "attention": {"heads": 2, "activation": "softmax-1"},
    "expectation": {"tolerance": 1e-6},
    "initial": START,
}
STUDENTS = {
    "model": "committee",
    "task": {"teacher_overlap": [[1.0, 0.4, 0.0], [0.4, 0.8, 0.2], [0.0, 0.2, 1.5]]},
    "network": {"students": 2},
    "initial": START,
}


def moved_by(problem, state, change):
    """The order parameters when the first vector is moved by this among the hidden directions."""
    geometry = model_of(problem).geometry(problem)
    positions = geometry.positions(state)
    other = positions.copy()
    other[0] += change
    square = state["self_overlap"] - positions @ positions.T + other @ other.T
    return {"overlap": geometry.measured(other), "self_overlap": square}


@pytest.mark.parametrize("table", [HEADS, STUDENTS], ids=["heads", "students"])
def test_velocities_are_those_of_the_flow_with_one_vector_moved(table):
    """Oracle: the flow of a problem that starts at the state with the vector moved by hand."""
    problem = op.load(table)
    state = op.evaluate(problem).parameters
    axes = plane_of(problem, state["overlap"], (1, 3)).axes
    here = state["overlap"][0, [0, 2]]
    points = np.array([here, [0.5, -0.2], [-0.7, 0.9]])
    found = velocities(problem, state, 0, axes, points)
    for point, velocity in zip(points, found, strict=True):
        change = axes @ np.linalg.solve(axes.T @ axes, point - here)
        moved = moved_by(problem, state, change)
        there = op.evaluate(model_of(problem).starting_at(problem, moved))
        np.testing.assert_allclose(velocity, there.velocity["overlap"][0, [0, 2]], atol=2e-6)


def test_where_nothing_can_be_had_there_is_no_velocity():
    problem = op.load(HEADS)
    state = op.evaluate(problem).parameters
    axes = plane_of(problem, np.zeros((2, 3)), (1, 3)).axes
    assert np.isnan(velocities(problem, state, 0, axes, np.array([[1e30, 0.0]]))).all()
