"""The radii r_b = |x_q^(b)| of a query: r_b²/2 has a Gamma law, and its rule is Gauss's.

What scores do changes with ln r, however large ω: equal steps of it serve where scores are large.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.special import gammaln

Array = NDArray[np.float64]

RADII = {1: 16, 2: 8, 3: 5}
"""Nodes of each radius by number of blocks, if nothing else is said."""

LINES = 48
"""Lines in the complex plane of ln r among which a step is chosen."""

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
    return joined([radius_rule(size, count, origin=origin) for size in blocks], least)


def joined(rules: Sequence[tuple[Array, Array]], least: float) -> tuple[Array, Array, float]:
    """All radii (R, B) and weights (R,) of the rules of each, but those of least weight; and what
    is left out."""
    radii: Array = np.array(list(itertools.product(*(rule[0] for rule in rules))))
    shares = np.array(list(itertools.product(*(rule[1] for rule in rules)))).prod(1)
    sizes = np.abs(shares) * (1.0 + (radii**2).sum(1))
    kept = sizes > least
    return radii[kept], shares[kept], float(sizes[~kept].sum())


@functools.lru_cache(256)
def even_rule(size: int, digits: float, scale: float) -> tuple[Array, Array]:
    """Nodes r in equal steps of ln r and weights (n,), r = 0 first with the weight that is left:
    the trapezoidal rule of f(r) − f(0), to e^{−digits}, for scores of deviation ``scale``·r/√d.

    Where Im ln r = y the density grows by cos(2y)^{−d/2}, and f by about a power of the same: the
    step makes e^{−2πy/step} outweigh that at the best y.
    """
    lines = 0.25 * np.pi * np.arange(1, LINES) / LINES
    growth = -(0.5 * size + 2.0) * np.log(np.cos(2.0 * lines))
    step = float((2.0 * np.pi * lines / (digits + growth)).max())
    low = 0.5 * np.log(size) - (digits + 2.0 * np.log(scale)) / size - 0.5
    high = np.log(np.sqrt(size) + np.sqrt(2.0 * digits) + 1.0)
    places = step * np.arange(np.floor(low / step), np.ceil(high / step) + 1.0)
    square = np.exp(2.0 * places)
    density = (
        np.log(2.0) + size * places - 0.5 * (square + size * np.log(2.0)) - gammaln(0.5 * size)
    )
    shares = step * np.exp(density)
    parts = shares * np.minimum(1.0, scale**2 * square / size) * (1.0 + square / size)
    kept = parts > 0.1 * np.exp(-digits)
    left = 1.0 - shares[kept].sum()
    return np.append(0.0, np.sqrt(square[kept])), np.append(left, shares[kept])


@functools.lru_cache(64)
def even_radii(blocks: tuple[int, ...], digits: float, scale: float) -> tuple[Array, Array, float]:
    """All radii by such rules, as :func:`radii_rule` has them."""
    rules = [even_rule(size, digits, scale) for size in blocks]
    return joined(rules, 0.01 * float(np.exp(-digits)))
