"""Convolution with a normal law on a lattice: closed forms of Gaussian functions."""

from __future__ import annotations

import numpy as np
import pytest

from orderparams.expectations.joint.resolution import Resolution, hermite_rule
from orderparams.expectations.joint.smoothing import Smoothing

RESOLUTION = Resolution(1e-10)
STEP = RESOLUTION.score_step
X = STEP * np.arange(-int(40 / STEP), int(40 / STEP) + 1)
MIDDLE = np.abs(X) < 10.0
WIDTH = 1.3


def smoothed(variance: float) -> np.ndarray:
    """E[e^{−(x+sg)²/2w²}] with s² = variance."""
    total = WIDTH**2 + variance
    return np.sqrt(WIDTH**2 / total) * np.exp(-0.5 * X**2 / total)


@pytest.mark.parametrize("deviation", [0.0, 1e-9, 1e-3, 0.02, 0.1, 0.7, 3.0])
def test_a_gaussian_function_gets_broader(deviation: float) -> None:
    smoothing = Smoothing.of(deviation, RESOLUTION, 1e-14)
    assert smoothing is not None
    found = smoothing.functions(np.array([smoothed(0.0), 2.0 * smoothed(0.0)]))
    np.testing.assert_allclose(found[0, 0][MIDDLE], smoothed(deviation**2)[MIDDLE], atol=3e-11)
    np.testing.assert_array_equal(found[0, 1], 2.0 * found[0, 0])


@pytest.mark.parametrize("deviation", [0.3, 2.0])
def test_interpolated_polynomials_are_exact(deviation: float) -> None:
    """Σ_j s_j E[w_j(g) f(x + d g)] = E[g f(x + d g)] = d ∂_x E[f(x + d g)], s_j the nodes."""
    nodes = hermite_rule(4)[0]
    smoothing = Smoothing.of(deviation, RESOLUTION, 1e-14, nodes=4)
    assert smoothing is not None
    found = nodes @ smoothing.functions(smoothed(0.0)[None])[:, 0]
    slope = -X / (WIDTH**2 + deviation**2) * smoothed(deviation**2)
    np.testing.assert_allclose(found[MIDDLE], deviation * slope[MIDDLE], atol=3e-11)


@pytest.mark.parametrize(("deviation", "nodes"), [(0.01, 1), (0.8, 1), (0.8, 3)])
def test_laws_are_smoothed_as_functions_are(deviation: float, nodes: int) -> None:
    """Σ_j ∫ law_j E[w_j(g) f(x + d g)] is the integral of f with the smoothed laws."""
    rng = np.random.default_rng(0)
    smoothing = Smoothing.of(deviation, RESOLUTION, 1e-14, nodes)
    assert smoothing is not None
    laws, function = np.zeros((nodes, 1, len(X))), np.sin(X) + 0.3 * X
    laws[:, 0, MIDDLE] = rng.random((nodes, MIDDLE.sum()))
    of_functions = (laws[:, 0] * smoothing.functions(function[None])[:, 0]).sum()
    assert smoothing.laws(laws)[0] @ function == pytest.approx(of_functions, rel=1e-12)


def test_a_law_too_narrow_for_the_lattice_takes_no_polynomials() -> None:
    assert Smoothing.of(0.01 * STEP, RESOLUTION, 1e-14, nodes=2) is None
