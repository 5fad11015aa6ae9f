"""Rules along a Gaussian axis: as many nodes as the bound on their error asks for, and no more."""

from __future__ import annotations

import numpy as np
import pytest

from orderparams.expectations.joint.grids import sparse_points, sparse_terms
from orderparams.expectations.joint.resolution import (
    MIDDLE,
    SLOPES,
    Resolution,
    axis_rules,
    axis_sizes,
    places,
    scores_per_step,
    tau_step,
    waves_of_kernel,
)


@pytest.mark.parametrize("slope", [0.0, 1e-3, 0.2, 0.8, 2.0, 30.0])
@pytest.mark.parametrize("error", [1e-4, 1e-9])
def test_rules_integrate_what_is_analytic_in_their_strip(slope: float, error: float) -> None:
    """E[σ(a g)] = ½, E[σ'(a g)] by a fine sum; as many nodes as were counted, symmetric."""
    resolution, place = Resolution(error), int(places(np.array(slope)))
    rule = axis_rules(place, resolution, 1e-3 * error)[-1]
    assert len(rule.nodes) == axis_sizes(resolution, 1e-3 * error)[place]
    np.testing.assert_allclose(rule.nodes, -rule.nodes[::-1], atol=1e-14)
    assert rule.weights.sum() == pytest.approx(1.0, abs=2 * error)
    fine = np.arange(-12.0, 12.0, 0.001)
    density = 0.001 * np.exp(-0.5 * fine**2) / np.sqrt(2.0 * np.pi)

    def steep(g: np.ndarray) -> np.ndarray:
        return np.asarray(0.25 / np.cosh(0.5 * slope * g) ** 2)

    assert rule.weights @ steep(rule.nodes) == pytest.approx(density @ steep(fine), abs=2 * error)


def test_a_slope_takes_the_rules_of_the_next_larger_one() -> None:
    slopes = np.array([0.0, 1e-5, 0.3, 7.0])
    assert (SLOPES[places(slopes)] >= slopes).all()
    assert (SLOPES[places(slopes[1:]) - 1] < slopes[1:]).all()


@pytest.mark.parametrize("error", [0.05, 1e-2, 1e-6, 1e-11])
@pytest.mark.parametrize("order", [4, 6])
def test_the_fewest_points_a_step_whose_interpolation_is_good_enough(
    error: float, order: int
) -> None:
    """The bound on the error of interpolation from eight points, by the spectrum of K_n."""
    frequencies = np.arange(0.05, 80.0, 0.05)
    spectrum = 0.05 / np.pi * waves_of_kernel(frequencies, order)

    def bound(count: int) -> float:
        phases = frequencies * tau_step(error, order) / count
        return float(np.minimum(phases**8 * MIDDLE, 2.0) @ spectrum)

    count = scores_per_step(error, order)
    assert bound(count) <= 2.0 * error
    assert count == 5 or bound(count - 1) > 2.0 * error


def test_a_sparse_product_has_as_many_points_as_are_counted() -> None:
    resolution = Resolution(1e-8)
    axes = tuple(axis_rules(int(places(np.array(0.1))), resolution, 1e-12) for _ in range(5))
    _, size = sparse_terms(axes, resolution.small_enough)
    points, weights = sparse_points(axes, resolution.small_enough, 0.0)
    assert len(points) == len(weights) == size < len(axes[0][-1].nodes) ** 5
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(weights @ points**2, np.ones(5), atol=1e-7)
