"""The radii r_b = |x_q^(b)| of a query: r_b²/2 has a Gamma law, and its rule is Gauss's."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

Array = NDArray[np.float64]

RADII = {1: 16, 2: 8, 3: 5}
"""Nodes of each radius by number of blocks, if nothing else is said."""

LEAST = 1e-11
"""Weight of radii, with their squares, below which they are left out: far ones would ask for scores
that are beyond reach."""


@functools.lru_cache(256)
def radius_rule(size: int, count: int, *, origin: bool = False) -> tuple[Array, Array]:
    """Nodes r and weights (count,) of the radius in ``size`` coordinates (Golub and Welsch); with
    ``origin`` Radau's (count+1,), whose first node is r = 0, exact one degree further."""
    order: Array = np.arange(count + origin, dtype=np.float64)
    shape = size / 2 - 1
    off: Array = np.sqrt(order[1:] * (order[1:] + shape))
    main: Array = 2 * order + shape + 1
    if origin:
        main[-1] = count
    half, vectors = scipy.linalg.eigh_tridiagonal(main, off)
    return np.sqrt(2 * np.maximum(half, 0.0)), vectors[0] ** 2


@functools.lru_cache(64)
def radii_rule(
    blocks: tuple[int, ...], count: int, least: float, *, origin: bool = False
) -> tuple[Array, Array, float]:
    """Nodes (R, B) and weights (R,) of all radii, but those whose weight times (1 + Σ r²) is below
    ``least``; and the sum of this over what is left out."""
    rules = [radius_rule(size, count, origin=origin) for size in blocks]
    radii: Array = np.array(list(itertools.product(*(rule[0] for rule in rules))))
    shares = np.array(list(itertools.product(*(rule[1] for rule in rules)))).prod(1)
    sizes = shares * (1.0 + (radii**2).sum(1))
    kept = sizes > least
    return radii[kept], shares[kept], float(sizes[~kept].sum())
