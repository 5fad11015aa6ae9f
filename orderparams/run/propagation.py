"""Linear stochastic equations with coefficients in time: propagators and what noise adds.

For dξ = J ξ dt + noise of covariance C dt and db/dt = J b + h, over each of some intervals

    Φ = the propagator,    Q = ∫ Φ(end, s) C(s) Φ(end, s)ᵀ ds,    r = ∫ Φ(end, s) h(s) ds.

An interval is cut into parts over which the coefficients are replaced by constants, right to fourth
order (Magnus: two Gauss points and their commutator). With constants a part is cut in halves until
Gauss' rule is exact to rounding, and put together by doubling: stiff directions cost nothing, and Q
is a sum of squares, positive semidefinite.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PARTS = 4
"""Parts of the time between two knots."""

SHORT = 0.25
"""|J| times a time step over which series of ORDER and Gauss' rule are exact to rounding."""

ORDER = 10

AT_ONCE = 2**21
"""Numbers that are worked with at a time."""

GAUSS = 0.5 / np.sqrt(3)


class Coefficients(NamedTuple):
    """Functions of times (T,): J (T, n, n), C (T, n, n) ⪰ 0 and h (T, n)."""

    jacobian: Callable[[Array], Array]
    covariance: Callable[[Array], Array]
    drift: Callable[[Array], Array]


class Pieces(NamedTuple):
    """Φ (T, n, n), Q (T, n, n), r (T, n) over T intervals."""

    propagator: Array
    covariance: Array
    drift: Array


def propagate(coefficients: Coefficients, knots: Array, times: Array) -> Pieces:
    """Over the intervals between times (T+1,), of coefficients that bend at knots."""
    grid = np.union1d(times, knots[(knots > times[0]) & (knots < times[-1])])
    place = np.clip(np.searchsorted(knots, grid[:-1], side="right"), 1, len(knots) - 1)
    longest = (knots[place] - knots[place - 1]) / PARTS
    counts = np.maximum(1, np.ceil(np.diff(grid) / longest - 1e-9)).astype(np.int64)
    size = coefficients.jacobian(times[:1]).shape[-1]
    found = Pieces(*(np.zeros((len(times) - 1, *[size] * rank)) for rank in (2, 2, 1)))
    found.propagator[:] = np.eye(size)
    interval = np.searchsorted(times, grid[:-1], side="right") - 1
    starts = np.repeat(grid[:-1], counts)
    lengths = np.repeat(np.diff(grid) / counts, counts)
    starts += lengths * (np.arange(len(starts)) - np.repeat(np.cumsum(counts) - counts, counts))
    owner = np.repeat(interval, counts)
    step = max(1, AT_ONCE // (20 * size**2))
    for first in range(0, len(starts), step):
        some = slice(first, first + step)
        pieces = constant(*frozen(coefficients, starts[some], lengths[some]), lengths[some])
        for own, flow, noise, drift in zip(owner[some], *pieces, strict=True):
            found.propagator[own] = flow @ found.propagator[own]
            found.covariance[own] = flow @ found.covariance[own] @ flow.T + noise
            found.drift[own] = flow @ found.drift[own] + drift
    return found


def frozen(coefficients: Coefficients, start: Array, length: Array) -> tuple[Array, Array, Array]:
    """Constants J, C and h over parts (P,) of the time."""
    middle = start + 0.5 * length
    times = (middle - GAUSS * length, middle + GAUSS * length)
    (j1, j2), (c1, c2), (h1, h2) = ([of(t) for t in times] for of in coefficients)
    half = (np.sqrt(3) / 12 * length)[:, None, None]
    jacobian = 0.5 * (j1 + j2) + half * (j2 @ j1 - j1 @ j2)
    crossed = j2 @ c1 - j1 @ c2
    covariance = 0.5 * (c1 + c2) + half * (crossed + np.swapaxes(crossed, 1, 2))
    drift = 0.5 * (h1 + h2) + half[:, 0] * (times_vector(j2, h1) - times_vector(j1, h2))
    return jacobian, positive(covariance), drift


def times_vector(matrices: Array, vectors: Array) -> Array:
    """Products of matrices (P, n, n) and vectors (P, n)."""
    found: Array = (matrices @ vectors[:, :, None])[:, :, 0]
    return found


def positive(matrices: Array) -> Array:
    """The nearest positive semidefinite matrices (P, n, n) to symmetric ones."""
    sizes, axes = np.linalg.eigh(matrices)
    found: Array = (axes * np.maximum(sizes, 0.0)[:, None]) @ np.swapaxes(axes, 1, 2)
    return found


def constant(jacobian: Array, covariance: Array, drift: Array, length: Array) -> Pieces:
    """Over parts (P,) with constants."""
    norms = np.abs(jacobian).sum(2).max(1) * length
    halvings = np.ceil(np.log2(np.maximum(norms / SHORT, 1.0))).astype(np.int64)
    scaled = (length / 2.0**halvings)[:, None, None]
    generator = jacobian * scaled
    flow = exponential(generator)
    noise, shift = np.zeros_like(covariance), np.zeros_like(drift)
    for node, weight in zip(*np.polynomial.legendre.leggauss(5), strict=True):
        part = exponential(0.5 * (1 + node) * generator)
        share = 0.5 * weight * scaled
        noise += share * (part @ covariance @ np.swapaxes(part, 1, 2))
        shift += share[:, 0] * times_vector(part, drift)
    for done in range(halvings.max(initial=0)):
        on = halvings > done
        noise[on] += flow[on] @ noise[on] @ np.swapaxes(flow[on], 1, 2)
        shift[on] += times_vector(flow[on], shift[on])
        flow[on] = flow[on] @ flow[on]
    return Pieces(flow, noise, shift)


def exponential(generator: Array) -> Array:
    """exp of small matrices (P, n, n) by their series."""
    unit = np.broadcast_to(np.eye(generator.shape[-1]), generator.shape)
    found = unit.copy()
    for order in range(ORDER, 0, -1):
        found = unit + generator @ found / order
    return found
