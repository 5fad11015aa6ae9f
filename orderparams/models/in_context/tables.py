"""Expectations of heads and pairs of heads, interpolated: at given N they depend on the standard
deviations s, s' of two heads' scores and their correlation ρ alone.

A change of the signs of s and ρ leaves them as they are. So they are sums of T_k(ρ) T_i(x) T_j(x')
with i + k and j + k even, where s = A sinh(βx)/sinh β; with one block, where ρ = ±1, k is 0 or 1.
Derivatives by the covariances are interpolated as the values are.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from orderparams.arrays import Array1, Array2, Array3, Array4
from orderparams.compiled import kernel, part
from orderparams.models.in_context.assembly import pairs_of
from orderparams.models.in_context.integrals import pair, single
from orderparams.models.in_context.kept import kept
from orderparams.ordered import ordered
from orderparams.processors import threads

Array = NDArray[np.float64]

RANGES = (1.5, 3.0, 4.5, 12.0, 72.0)
"""Largest standard deviation of the scores in each table; every radius takes the first that
reaches."""

PAIRED = 3
"""How many of them hold pairs of heads, which take the longer the farther they reach."""

STRETCH = (2.0, 2.5, 3.0, 4.0, 5.5)
"""β of each: polynomials have more of their nodes at small s than without it."""

ENTRIES = {True: (2e-10, 1e-9, 1e-8, 1e-7, 1e-7), False: (1e-8, 1e-7, 1e-6, 1e-6, 1e-6)}
"""Errors that their entries aim at, of one block and of several."""

COARSE, LIGHT = 1e-5, {True: 1e-4, False: 1e-3}
"""The same where the weight of all radii that take a table is below LIGHT: of those far out."""

NODES = (12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 64, 80, 96, 128)
"""Numbers of nodes in (−A, A) that are tried."""

CORRELATIONS = (4, 6, 8, 10, 12, 14, 16, 18, 20)
"""Nodes in ρ that are tried with several blocks."""

FUNCTIONS = 10
"""G, X, W; ∂G by q_11, q_12; ∂X by q_11, q_12; ∂W by q_11, q_12, q_22. The others are these with
heads exchanged."""


@dataclass(frozen=True, eq=False)
class Table:
    """Coefficients (k, i, FUNCTIONS, j) of pairs and (6, i) of heads alone, up to s = ``range``.

    ``error`` is what their entries aim at; of heads alone there are no k.
    """

    range: float
    stretch: float
    error: float
    coefficients: Array
    alone: Array

    @property
    def shorter(self) -> Table:
        """Without the last terms: what they add is more than what is missing."""
        turns = len(self.coefficients)
        kept = np.ascontiguousarray(self.coefficients[: max(turns - 2, 2), :-1, :, :-1])
        alone = self.alone[:, :-1].copy()
        return replace(self, coefficients=kept, alone=alone)

    def at(self, keys: Array) -> tuple[Array, Array]:
        """Expectations of heads (R, H, 3, 3) and of pairs (R, P, 4, 6) at keys (R, H, B)."""
        heads = keys.shape[1]
        singles = np.zeros((len(keys), heads, 3, 3))
        pairs = np.zeros((len(keys), pairs_of(heads), 4, 6))
        look_up(keys, self.range, self.stretch, self.coefficients, self.alone, singles, pairs)
        return singles, pairs


@functools.lru_cache(16)
def built(length: int, rung: int, line: bool, coarse: bool, pairs: bool = True) -> Table:
    """A table of a length, of one block or of several; of heads alone without ``pairs``."""
    largest, stretch = RANGES[rung], STRETCH[rung]
    error = COARSE if coarse else ENTRIES[line][rung]
    digits = 2.0 - float(np.log(error))
    alone, count = alone_at(length, (largest, stretch), error, digits)
    half = count // 2
    if not pairs:
        return Table(largest, stretch, error, np.zeros((0, half, FUNCTIONS, half)), alone)
    sizes = scores_at(nodes(count)[:half], largest, stretch)
    if line:
        values = entries(length, sizes, np.array([1.0, -1.0]), digits)
    else:
        given = length, largest, error, digits, sizes.tobytes()

        def turned() -> Array:
            cosines = nodes(turns_at(length, largest, error, digits))
            return entries(length, sizes, cosines, digits)

        values = kept(fill_row, given, turned)
    turns = np.array([[0.5, 0.5], [0.5, -0.5]]) if line else transform(len(values))
    values = np.tensordot(turns, values, 1)
    coefficients = np.empty((len(values), half, FUNCTIONS, half))
    full = 2.0 * transform(count)[:, :half]
    for k in range(len(values)):
        side = full[k % 2 :: 2]
        coefficients[k] = np.einsum("ai,bj,ijf->afb", side, side, values[k], optimize=True)
    return Table(largest, stretch, error, coefficients, alone)


def entries(length: int, sizes: Array, cosines: Array, digits: float) -> Array:
    """FUNCTIONS of pairs of these correlations (K,) and scores (n,): (K, n, n, FUNCTIONS)."""
    values = np.empty((len(cosines), len(sizes), len(sizes), FUNCTIONS))

    def fill(task: tuple[int, int]) -> None:
        c, i = task
        fill_row(length, sizes, i, float(cosines[c]), digits, values[c])

    rows = itertools.product(range(len(cosines)), range(len(sizes)))
    for _ in ordered(fill, rows, threads()):
        pass
    return values


def alone_at(
    length: int, scale: tuple[float, float], error: float, digits: float
) -> tuple[Array, int]:
    """Coefficients (6, i) of heads alone, and the number of nodes in (−A, A) that they need, given
    A and β."""
    for count in NODES:
        half = count // 2
        sizes = scores_at(nodes(count)[:half], *scale)
        values = np.array([single(length, float(s * s), 0.0, digits)[:, :2].T for s in sizes])
        side = 2.0 * transform(count)[::2, :half]
        found: Array = np.ascontiguousarray((side @ values.reshape(half, 6)).T)
        if np.abs(found[:, -2:]).max() < 3.0 * error:
            break
    return found, count


def turns_at(length: int, largest: float, error: float, digits: float) -> int:
    """Nodes in ρ that pairs need whose scores vary about as most do."""
    square = (0.6 * largest) ** 2
    for count in CORRELATIONS:
        values = [
            pair(length, np.array([square, square * x, square]), np.zeros(2), digits)[
                :3, :3
            ].ravel()
            for x in nodes(count)
        ]
        if np.abs((transform(count) @ values)[-1]).max() < error:
            break
    return count


def nodes(count: int) -> Array:
    """Chebyshev nodes in (−1, 1), falling."""
    found: Array = np.cos(np.pi * (np.arange(count, dtype=np.float64) + 0.5) / count)
    return found


def transform(count: int) -> Array:
    """From values on the nodes to coefficients."""
    found = 2.0 / count * np.asarray(chebyshev.chebvander(nodes(count), count - 1), np.float64).T
    found[0] *= 0.5
    return found


def scores_at(x: Array, largest: float, stretch: float) -> Array:
    """s at x."""
    found: Array = largest * np.sinh(stretch * x) / np.sinh(stretch)
    return found


@kernel(inlined=False)
def fill_row(
    length: int, sizes: Array1, row: int, cosine: float, digits: float, out: Array3
) -> None:
    """Entries of head ``row`` with itself and all heads that vary less, in both orders."""
    covariance, kappas = np.empty(3), np.zeros(2)
    for j in range(row, sizes.size):
        covariance[0], covariance[2] = sizes[row] ** 2, sizes[j] ** 2
        covariance[1] = sizes[row] * sizes[j] * cosine
        found = pair(length, covariance, kappas, digits)
        for order in range(2):
            entry = out[row, j] if order == 0 else out[j, row]
            own, first, last = (2, 1, 3) if order == 0 else (3, 3, 1)
            entry[0], entry[1], entry[2] = found[0, 0], found[1, 0], found[own, 0]
            entry[3], entry[4] = found[0, first], found[0, 2]
            entry[5], entry[6] = found[1, first], found[1, 2]
            entry[7], entry[8], entry[9] = found[own, first], found[own, 2], found[own, last]


@part()
def exchanged(one: Array1, other: Array1, out: Array2) -> None:
    """Expectations of a pair (4, 6) from the FUNCTIONS of its heads in both orders."""
    out[0, 0], out[1, 0], out[2, 0], out[3, 0] = one[0], one[1], one[2], other[2]
    out[0, 1], out[0, 2], out[0, 3] = one[3], one[4], other[3]
    out[1, 1], out[1, 2], out[1, 3] = one[5], one[6], other[5]
    out[2, 1], out[2, 2], out[2, 3] = one[7], one[8], one[9]
    out[3, 1], out[3, 2], out[3, 3] = other[9], other[8], other[7]


@part()
def polynomials(x: float, out: Array1) -> None:
    """T_0, T_1, … at x."""
    out[0] = 1.0
    if out.size > 1:
        out[1] = x
    for k in range(2, out.size):
        out[k] = 2.0 * x * out[k - 1] - out[k - 2]


@kernel(inlined=False)
def look_up(
    keys: Array3,
    largest: float,
    stretch: float,
    coefficients: Array4,
    alone: Array2,
    singles: Array4,
    pairs: Array4,
) -> None:
    """Fill singles and pairs at keys (R, H, B)."""
    radii, heads, blocks = keys.shape
    turns, half, functions, _ = coefficients.shape
    sizes, basis = np.empty(heads), np.empty((heads, 2, half))
    every, turned = np.empty(2 * half), np.empty(turns)
    halves = np.empty((heads, turns, functions, half))
    joined = np.empty((2, functions, half))
    found = np.empty((heads, heads, functions))
    widest = np.sinh(stretch) / largest
    for r in range(radii):
        for h in range(heads):
            square = 0.0
            for b in range(blocks):
                square += keys[r, h, b] ** 2
            sizes[h] = np.sqrt(square)
            polynomials(np.arcsinh(sizes[h] * widest) / stretch, every)
            for i in range(half):
                basis[h, 0, i], basis[h, 1, i] = every[2 * i], every[2 * i + 1]
            for row in range(3):
                for column in range(2):
                    value = 0.0
                    for i in range(alone.shape[1]):
                        value += alone[3 * column + row, i] * basis[h, 0, i]
                    singles[r, h, row, column] = value
            for k in range(turns):
                weights = basis[h, k % 2]
                for f in range(functions):
                    for j in range(half):
                        halves[h, k, f, j] = 0.0
                for i in range(half):
                    for f in range(functions):
                        for j in range(half):
                            halves[h, k, f, j] += weights[i] * coefficients[k, i, f, j]
        for h in range(heads):
            for g in range(heads):
                if g == h:
                    continue
                cosine = 0.0
                for b in range(blocks):
                    cosine += keys[r, h, b] * keys[r, g, b]
                scale = sizes[h] * sizes[g]
                cosine = min(max(cosine / scale, -1.0), 1.0) if scale > 0.0 else 0.0
                polynomials(cosine, turned)
                for f in range(functions):
                    for j in range(half):
                        joined[0, f, j], joined[1, f, j] = 0.0, 0.0
                for k in range(turns):
                    for f in range(functions):
                        for j in range(half):
                            joined[k % 2, f, j] += turned[k] * halves[h, k, f, j]
                for f in range(functions):
                    value = 0.0
                    for j in range(half):
                        value += joined[0, f, j] * basis[g, 0, j]
                        value += joined[1, f, j] * basis[g, 1, j]
                    found[h, g, f] = value
        p = 0
        for h in range(heads):
            for g in range(h + 1, heads):
                exchanged(found[h, g], found[g, h], pairs[r, p])
                p += 1
