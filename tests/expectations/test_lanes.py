"""Vectors in compiled code: each operation rounded once, as NumPy or exact fractions round it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError
from numpy.typing import NDArray

from orderparams.expectations.lanes import (
    LANES,
    choose,
    differing_bits,
    fma,
    in_octave,
    lane_sum,
    load,
    maximum,
    octave,
    pair_sums,
    power_of_two,
    row_vectors,
    splat,
    square_root,
    store,
    vectors,
)

Array = NDArray[np.float64]


@njit
def operate(a: Array, b: Array, number: float, out: Array) -> None:
    x, y, found = vectors(a)[0], vectors(b)[0], vectors(out)
    found[0], found[1], found[2], found[3] = x + y, x - y, x * y, x / y
    found[4], found[5], found[6], found[7] = number - x, x - number, number / x, x / number
    found[8], found[9], found[10] = fma(x, y, number), fma(number, x, y), maximum(x, y)
    found[11], found[12] = maximum(x, number), splat(number)
    x += y
    x -= number
    x *= y
    x /= number
    found[13] = x


@njit
def pick(a: Array, b: Array, out: Array) -> None:
    x, y, found = vectors(a)[0], vectors(b)[0], vectors(out)
    found[0], found[1] = choose(x, y, 1.0, x), choose(0.0, x, y, 2.0)
    found[2], found[3] = square_root(x * x), differing_bits(x, y)


def test_choices_roots_and_bits() -> None:
    x, y = np.random.default_rng(1).standard_normal((2, LANES))
    out = np.empty((4, LANES))
    pick(x[None], y[None], out)
    np.testing.assert_array_equal(out[0], np.where(x > y, 1.0, x))
    np.testing.assert_array_equal(out[1], np.where(x < 0.0, y, 2.0))
    np.testing.assert_array_equal(out[2], np.sqrt(x * x))
    bits = x.view(np.int64) ^ y.view(np.int64)
    np.testing.assert_array_equal(out[3].view(np.int64), bits)


def test_operations() -> None:
    x, y = np.random.default_rng(0).standard_normal((2, LANES))
    c = 0.3
    out = np.empty((14, LANES))
    operate(x[None], y[None], c, out)
    fused = [
        [float(Fraction(a) * Fraction(b) + Fraction(d)) for a, b, d in zip(*rows, strict=True)]
        for rows in ([x, y, np.full(LANES, c)], [np.full(LANES, c), x, y])
    ]
    larger = [np.maximum(x, y), np.maximum(x, c), np.full(LANES, c)]
    arithmetic = [x + y, x - y, x * y, x / y, c - x, x - c, c / x, x / c]
    expected = [*arithmetic, *fused, *larger, (x + y - c) * y / c]
    np.testing.assert_array_equal(out, expected)
    assert np.any(out[8] != x * y + c)


@njit
def scale(values: Array) -> None:
    """Row n of block b times 2^(n − 1), in place."""
    blocks = vectors(values)
    for block in range(blocks.shape[0]):
        rows = blocks[block]
        for n in range(len(rows)):
            rows[n] *= power_of_two(splat(n - 1 + 1.5 * 2.0**52))


def test_views_share_the_data_of_an_array() -> None:
    values = np.random.default_rng(0).standard_normal((2, 3, LANES))
    expected = values * np.array([0.5, 1.0, 2.0])[:, None]
    scale(values)
    np.testing.assert_array_equal(values, expected)


@njit
def total_of_ones(count: int) -> float:
    """Of an array that nothing but its view is left of when the next one is allocated."""
    rows = row_vectors(np.ones((1, count)))
    later = np.full(count, np.nan)
    total = splat(0.0)
    for i in range(rows.shape[1]):
        total += rows[0, i]
    return float(lane_sum(total) + (0.0 if np.isnan(later[0]) else 1.0))


def test_views_keep_their_array() -> None:
    for count in (64, 1024, 2**20):  # the last has pages of its own, which are given back
        assert total_of_ones(count) == count


@njit
def row_totals(values: Array, out: Array) -> None:
    rows = row_vectors(values)
    for n in range(rows.shape[0]):
        sums = splat(0.0)
        for i in range(rows.shape[1]):
            sums += rows[n, i]
        out[n] = lane_sum(sums)


def test_rows_of_vectors() -> None:
    """Oracle: sums in the same order."""
    values = np.random.default_rng(0).standard_normal((3, 4 * LANES))
    out = np.empty(3)
    row_totals(values, out)
    lanes = np.cumsum(values.reshape(3, 4, LANES), axis=1)[:, -1]
    np.testing.assert_array_equal(out, np.cumsum(lanes, axis=1)[:, -1])


def test_only_contiguous_numbers_can_be_viewed() -> None:
    for array in (np.zeros((8, 16))[:, ::2], np.zeros((2, 8), dtype=np.int64)):
        with pytest.raises(TypingError):
            row_totals(array, np.empty(8))


@njit
def octaves_of(values: Array, out: Array) -> None:
    found = vectors(out)
    found[0], found[1] = octave(vectors(values)[0]), in_octave(vectors(values)[0])


def test_octaves() -> None:
    """x = m 2^n with ½ ≤ m² < 2, exactly; from the smallest normal number on."""
    values = np.array([1.0, np.sqrt(2.0), np.sqrt(0.5), 0.7, 2.3e-308, 1e300, 3.0, 1e-5])
    out = np.empty((2, LANES))
    octaves_of(values[None], out)
    count, mantissa = out
    np.testing.assert_array_equal(np.ldexp(mantissa, count.astype(int)), values)
    assert ((mantissa >= np.sqrt(0.5)) & (mantissa < np.sqrt(2.0))).all()


@njit
def shift_and_pair(source: Array, target: Array, pairs: Array) -> None:
    store(target, 3, load(source, 5))
    vectors(pairs)[0] = pair_sums(load(source, 0), load(source, LANES))


def test_places_and_pairs() -> None:
    """LANES numbers are read and written from any place on; neighbours are added."""
    source, target, pairs = np.arange(2.0 * LANES), np.zeros(2 * LANES), np.empty((1, LANES))
    shift_and_pair(source, target, pairs)
    np.testing.assert_array_equal(target[3 : 3 + LANES], source[5 : 5 + LANES])
    assert not target[:3].any()
    assert not target[3 + LANES :].any()
    np.testing.assert_array_equal(pairs[0], source.reshape(-1, 2).sum(axis=1))
