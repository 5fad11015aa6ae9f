"""What logits share: covariances are kept, and a state that hardly leaves a plane costs little."""

from __future__ import annotations

import numpy as np
import pytest

from orderparams.expectations.joint.logits import Split, cheapest, splits
from orderparams.expectations.joint.resolution import Resolution


@pytest.mark.parametrize("spread", [1.0, 1e-3, 1e-9, 0.0])
@pytest.mark.parametrize("common", [0.0, 2.0])
def test_every_split_has_the_covariance_of_the_loadings(spread: float, common: float) -> None:
    rng = np.random.default_rng(1)
    loadings = spread * rng.standard_normal((4, 6)) + common * np.array([1.0, 0, 0, 0, 0, 0])
    ways = splits(loadings)
    assert not ways[0].tilt.any() or np.abs(ways[0].tilt).max() < 1e-14
    assert ways[-1].common == 0.0
    for split in ways:
        along = split.common + split.tilt
        found = split.axes @ split.axes.T + np.outer(along, along)
        np.testing.assert_allclose(found, loadings @ loadings.T, atol=1e-14)
        assert split.common >= 0.0


def test_orthonormal_heads_share_one_over_the_root_of_their_number() -> None:
    """The perpendicular onto the simplex of H unit vectors is 1/√H long."""
    split = splits(np.eye(5))[0]
    assert split.common == pytest.approx(1.0 / np.sqrt(5.0), abs=1e-15)
    assert split.axes.shape == (5, 4)


def test_opposite_heads_share_nothing() -> None:
    assert splits(np.array([[1.0, 0.3], [-1.0, -0.3]]))[0].common < 1e-15


@pytest.mark.parametrize("tilt", [0.0, 1e-12, 1e-6, 1e-3])
def test_a_direction_in_which_heads_hardly_differ_is_interpolated(tilt: float) -> None:
    """Four heads on the corners of a square, 1.5 from the origin, moved out of its plane a little.

    What they then share exactly vanishes; the grid stays one in two dimensions.
    """
    corners = np.array([[1.6, 1.0], [-1.6, 1.0], [1.6, -1.0], [-1.6, -1.0]])
    height = 1.5 + tilt * np.array([1.0, 0.0, -0.7, 0.4])
    loadings = np.column_stack([corners, height])
    split, smoothing = cheapest(splits(loadings), Resolution(1e-9), 1e-12)
    assert split.common == pytest.approx(1.5, abs=tilt)
    assert (split.slopes > 2.0 * tilt).sum() == 2
    assert 1 <= len(smoothing.weights) <= 6
    assert isinstance(split, Split)
