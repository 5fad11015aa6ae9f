"""Planes of two directions: what lies in them, and which one is chosen."""

import numpy as np
import pytest

import orderparams as op
from orderparams.analysis.plane import plane_of
from orderparams.errors import ConfigurationError

OBLIQUE = [[1.0, 0.4, 0.0], [0.4, 0.8, 0.2], [0.0, 0.2, 1.5]]
STUDENTS = {
    "model": "committee",
    "task": {"teacher_overlap": OBLIQUE},
    "network": {"students": 2},
    "initial": {
        "kind": "explicit",
        "overlap": [[0.5, 0.3, -0.2], [0.1, 0.6, 0.4]],
        "self_overlap": [[1.5, 0.2], [0.2, 1.4]],
    },
}
HEADS = {
    "task": {
        "length": 3,
        "signal": {
            "kind": "mixture",
            "components": [
                {"weight": 0.5, "mean": [1.0, 2.0, 0.0], "variances": [0.1, 0.2, 3.0]},
                {"weight": 0.5, "mean": [-1.0, 2.0, 0.0], "covariance": np.eye(3).tolist()},
            ],
        },
    },
    "attention": {"heads": 2, "activation": "softmax-1"},
    "expectation": {"tolerance": 1e-6},
    "initial": {
        "kind": "explicit",
        "overlap": [[0.5, 0.3, -0.2], [0.1, 0.6, 0.4]],
        "self_overlap": [[1.5, 0.2], [0.2, 1.4]],
    },
}


def test_teachers_stand_at_their_overlaps():
    """Oracle: the overlap of a student that is a teacher is a row of T."""
    plane = plane_of(op.load(STUDENTS), np.zeros((2, 3)), (3, 1))
    assert plane.entries == (0, 2)
    np.testing.assert_allclose(plane.centers, np.array(OBLIQUE)[:, [0, 2]], atol=1e-12)
    assert not plane.covariances.any()


def test_the_support_of_a_mixture_is_projected():
    plane = plane_of(op.load(HEADS), np.zeros((2, 3)), (2, 3))
    np.testing.assert_allclose(plane.centers, [[2.0, 0.0], [2.0, 0.0]])
    np.testing.assert_allclose(plane.covariances, [np.diag([0.2, 3.0]), np.eye(2)])


def test_the_plane_is_where_most_varies_and_then_where_overlaps_are_largest():
    assert plane_of(op.load(HEADS), np.zeros((2, 3))).entries == (0, 2)
    assert plane_of(op.load("two-stage"), np.ones((4, 3))).entries == (1, 2)
    equal = op.load({"model": "committee", "task": {"teachers": 4}})
    final = np.array([[0.1, -0.9, 0.2, 0.0], [0.0, 0.0, 0.3, 0.1]])
    assert plane_of(equal, final).entries == (1, 2)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ((1, 4), r"plane 1,4: it takes two different directions of 1 to 3, such as 1,2"),
        ((2, 2), r"plane 2,2: it takes two different"),
        ((0, 1), r"plane 0,1"),
        ((1, 2, 3), r"plane 1,2,3"),
    ],
)
def test_no_other_planes(chosen, words):
    with pytest.raises(ConfigurationError, match=words):
        plane_of(op.load(HEADS), np.zeros((2, 3)), chosen)


def test_one_direction_makes_no_plane():
    with pytest.raises(ConfigurationError, match="takes two directions, and this problem has one"):
        plane_of(op.load("single-head"), np.zeros((1, 1)))
