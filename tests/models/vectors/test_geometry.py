"""Directions among the hidden ones, and how far vectors are from others."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from orderparams.models.vectors.geometry import Direction, distances, eigenspaces

OVERLAPS = SimpleNamespace(positions=lambda parameters: parameters["overlap"])
"""A geometry whose overlaps are those with the hidden directions."""


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def state(overlap, residual):
    return {"overlap": overlap, "self_overlap": overlap @ overlap.T + residual @ residual.T}


def test_the_distance_is_the_least_of_vectors_with_such_order_parameters():
    """Against all rotations and reflections of two residuals in the plane."""
    generator = np.random.default_rng(3)
    overlap, residual = generator.normal(size=(2, 4, 2, 3)), generator.normal(size=(4, 2, 2))
    states = [state(m, w) for m, w in zip(overlap[0], residual, strict=True)]
    run = {name: np.stack([one[name] for one in states]) for name in states[0]}
    there, outside = overlap[1, 0], generator.normal(size=(2, 2))
    found = distances(OVERLAPS, run, state(there, outside))
    for distance, m, w in zip(found, overlap[0], residual, strict=True):
        squared = [
            minimize_scalar(
                lambda angle, turned=w @ mirror: ((turned @ rotation(angle) - outside) ** 2).sum(),
                bracket=(start, start + 0.5),
            ).fun
            for mirror in (np.eye(2), np.diag([1, -1]))
            for start in (0.0, 2.0, 4.0)
        ]
        assert distance**2 == pytest.approx(((m - there) ** 2).sum() + min(squared), rel=1e-9)


def test_vectors_have_no_distance_from_themselves():
    """Whichever way the rounding errors of the Gram matrices fall."""
    for overlap, residual in np.random.default_rng(4).normal(size=(20, 2, 2, 2)):
        own = state(overlap, residual)
        run = {name: values[None] for name, values in own.items()}
        assert distances(OVERLAPS, run, own)[0] == pytest.approx(0.0, abs=1e-6)


def test_a_direction_has_two_sides_and_a_space_has_none():
    line, plane = Direction("2", np.eye(3)[:, [1]], 1.0), Direction("1+3", np.eye(3)[:, ::2], 1.0)
    assert [line.side(sign) for sign in (1.0, -1.0)] == ["+2", "-2"]
    assert [plane.side(sign) for sign in (1.0, -1.0)] == ["1+3"] * 2


def test_eigenspaces_are_named_by_axes_that_span_them():
    """Axes at 60° have their sum and difference as eigenspaces, and name none of them."""
    angle = np.array([0.5, np.sqrt(0.75)])
    axes = np.array([[1.0, 0.0, 0.0], [*angle, 0.0], [0.0, 0.0, 1.0]])
    found = eigenspaces(axes.T @ np.diag([1.0, 1.0, 4.0]) @ axes, axes)
    assert [direction.name for direction in found] == ["3", "p2", "p3"]
    assert [direction.variance for direction in found] == pytest.approx([4, 1.5, 0.5])
    between = found[2].basis[:, 0]
    assert abs(between @ (axes[0] - axes[1])) == pytest.approx(1)
    whole = np.concatenate([direction.basis for direction in found], axis=1)
    np.testing.assert_allclose(whole @ whole.T, np.eye(3), atol=1e-12)
