"""The arithmetic over vectors of samples."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from orderparams.expectations.exponential import exponential
from orderparams.expectations.lanes import LANES, vectors

Array = NDArray[np.float64]


@njit
def each_exponential(x: Array) -> None:
    rows = vectors(x)
    for n in range(len(rows)):
        rows[n] = exponential(rows[n])


def exponentials(x: Array) -> Array:
    rows = np.resize(x, (-(-len(x) // LANES), LANES))
    each_exponential(rows)
    return rows.ravel()[: len(x)]


def test_exponential() -> None:
    """Oracle: NumPy's, below 1 ulp."""
    x = -np.concatenate([np.linspace(0, 1, 999), np.geomspace(1e-12, 700, 999)])
    np.testing.assert_allclose(exponentials(x), np.exp(x), rtol=4e-16, atol=0)
    assert 0 < exponentials(np.array([-np.inf]))[0] < 1e-300
