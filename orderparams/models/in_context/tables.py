"""G, X and U of pairs of heads, interpolated: at given N they depend on two or three numbers alone.

With one block the scores of all heads are collinear, and the signed standard deviations decide; the
table is a polynomial in both. With more it is one in (s, s', ρ). Derivatives are those of the
polynomial, so that risk and gradient belong together.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.models.in_context.pairs import pairs, scores

Array = NDArray[np.float64]

COLLINEAR_RANGE, COLLINEAR_NODES = 4.5, 60
RANGE, NODES, CORRELATIONS = 4.0, 18, 12
"""Largest standard deviation of the scores in the tables, and nodes an axis."""


def points(count: int) -> Array:
    """Chebyshev nodes in (−1, 1)."""
    return np.cos(np.pi * (np.arange(count) + 0.5) / count)


def coefficients(values: Array) -> Array:
    """Of values (…) on Chebyshev nodes of every axis but the last, which has the functions."""
    for axis in range(values.ndim - 1):
        count = values.shape[axis]
        transform = 2.0 / count * chebyshev.chebvander(points(count), count - 1).T
        transform[0] *= 0.5
        values = np.moveaxis(np.tensordot(transform, values, (1, axis)), 0, axis)
    return values


def basis(at: Array, scale: float, shift: float, count: int) -> tuple[Array, Array]:
    """Polynomials (…, count) of scale · at − shift, and their derivatives by ``at``."""
    x = scale * at - shift
    values: Array = np.asarray(chebyshev.chebvander(x, count - 1), np.float64)
    second = np.zeros_like(values)  # U_{k-1}, of which k times is the derivative
    for k in range(1, count):
        second[..., k] = 1.0 if k == 1 else 2 * x * second[..., k - 1] - second[..., k - 2]
    slopes: Array = scale * second * np.arange(count)
    return values, slopes


@dataclass(frozen=True, eq=False)
class Found:
    """G, X, U (…, 3) and their derivatives by s, s' and, where it is a variable, ρ."""

    values: Array
    derivatives: tuple[Array, ...]


@dataclass(frozen=True, eq=False)
class Collinear:
    """The table of one block: polynomials in the signed s and s' of two heads."""

    table: Array

    def __call__(self, first: Array, second: Array) -> Found:
        """All pairs of heads at some radii, (R, H) each → (R, H, H, 3)."""
        bounded(max(np.abs(first).max(), np.abs(second).max()), COLLINEAR_RANGE)
        count = len(self.table)
        one, one_slope = basis(first, 1 / COLLINEAR_RANGE, 0.0, count)
        other, other_slope = basis(second, 1 / COLLINEAR_RANGE, 0.0, count)
        half = np.einsum("rhi,ijf->rhjf", one, self.table, optimize=True)
        slope = np.einsum("rhi,ijf->rhjf", one_slope, self.table, optimize=True)
        return Found(
            np.einsum("rhjf,rgj->rhgf", half, other, optimize=True),
            (
                np.einsum("rhjf,rgj->rhgf", slope, other, optimize=True),
                np.einsum("rhjf,rgj->rhgf", half, other_slope, optimize=True),
            ),
        )


@dataclass(frozen=True, eq=False)
class Correlated:
    """The table of several blocks: polynomials in s, s' and ρ."""

    table: Array

    def __call__(self, size: Array, correlation: Array) -> Found:
        """All pairs of heads at some radii, (R, H) and (R, H, H) → (R, H, H, 3)."""
        bounded(size.max(), RANGE)
        count, _, turns, _ = self.table.shape
        values, slopes = basis(size, 2 / RANGE, 1.0, count)
        turned, turned_slope = basis(correlation, 1.0, 0.0, turns)

        def along(one: Array, other: Array, third: Array) -> Array:
            rows = np.einsum("rhi,ijkf->rhjkf", one, self.table, optimize=True)
            pairs = np.einsum("rhjkf,rgj->rhgkf", rows, other, optimize=True)
            return np.asarray(np.einsum("rhgkf,rhgk->rhgf", pairs, third, optimize=True))

        return Found(
            along(values, values, turned),
            (
                along(slopes, values, turned),
                along(values, slopes, turned),
                along(values, values, turned_slope),
            ),
        )


def shortened(table: Array) -> Array:
    """Coefficients without the last of every axis: what they add is more than what is missing."""
    kept = tuple(slice(count - max(1, count // 10)) for count in table.shape[:-1])
    return table[kept]


def bounded(size: float, bound: float) -> None:
    """:class:`SolverError` beyond the table."""
    if not size <= bound:
        raise SolverError(
            f"scores of standard deviation {size:.4g} are beyond the tables, which reach {bound:g}"
        )


@functools.lru_cache(8)
def collinear(length: int) -> Collinear:
    """The table of one block at a length."""
    sizes = COLLINEAR_RANGE * points(COLLINEAR_NODES)
    count = COLLINEAR_NODES // 2
    known = [scores(length, float(size)) for size in sizes[:count]]
    values = np.empty((COLLINEAR_NODES, COLLINEAR_NODES, 3))
    for i in range(count):
        values[i, :count] = pairs(length, known[i], known, 1.0)
        values[i, count:] = pairs(length, known[i], known[::-1], -1.0)
    values[count:] = values[:count][::-1, ::-1]
    return Collinear(coefficients(values))


@functools.lru_cache(4)
def correlated(length: int) -> Correlated:
    """The table of several blocks at a length."""
    known = [scores(length, 0.5 * RANGE * (1 + x)) for x in points(NODES)]
    correlations = points(CORRELATIONS)
    values = np.empty((NODES, NODES, CORRELATIONS, 3))
    for i, one in enumerate(known):
        for k, correlation in enumerate(correlations):
            values[i, :, k] = pairs(length, one, known, float(correlation))
    return Correlated(coefficients(values))
