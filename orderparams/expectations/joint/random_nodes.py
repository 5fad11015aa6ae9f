"""Nodes of tokens' logits from stretches of a scrambled Sobol' sequence (quasi-Monte Carlo)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.expectations.exponential import exponential
from orderparams.expectations.joint.scores import Nodes, logarithm
from orderparams.expectations.lanes import (
    LANES,
    choose,
    differing_bits,
    fma,
    maximum,
    row_vectors,
    splat,
    square_root,
    vectors,
)

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Vector = Any

BITS = 52
"""Of a coordinate, as many as a number in [1, 2) has."""

DRAWN = 32
"""Of these as many as SciPy's sequences can have where they are wound forward."""

ONE = np.float64(1.0).view(np.int64)

HALF = 2.0 ** -(BITS + 1)
"""Half of a coordinate's least step."""

FARTHEST = 6.6
"""No coordinate of a point is farther from zero; beyond lie 4e-11 of a normal law."""


class Net(NamedTuple):
    """A scrambled sequence: point i is the exclusive or of ``first`` (d,) and the columns (m, d)
    of the bits of i; bits of numbers in [1, 2)."""

    first: Integers
    columns: Integers


@cache
def net(dimension: int, seed: int, log2: int) -> Net:
    """One of up to 2^log2 points."""
    from scipy.stats import qmc  # slow to import, and not needed where quadrature serves

    generator = np.random.default_rng(seed)
    sobol = qmc.Sobol(dimension, rng=generator, bits=DRAWN)
    rest = BITS - DRAWN  # of their bits all points have the same

    def drawn() -> Integers:
        bits: Integers = (sobol.random(1)[0] * 2.0**DRAWN).astype(np.int64)
        return bits << rest

    first = drawn()
    columns, before = np.empty((log2, dimension), dtype=np.int64), np.zeros_like(first)
    for power in range(log2):
        # point 2^k in the order of Gray's code has the bits k and k − 1
        sobol.fast_forward((1 << power) - sobol.num_generated)
        before = columns[power] = drawn() ^ first ^ before
    return Net(first | ONE | generator.integers(1 << rest, size=dimension), columns)


class Stretch(NamedTuple):
    """Points of a sequence, of one token and law: the logits' means (H,), the mass of all, and
    log E Σ_h e^{χ_h} of the law that they share with a tilted one, −∞ if with none."""

    points: slice
    means: Array
    mass: float
    token: int
    law: int
    total: float


def random_nodes(stretches: Sequence[Stretch], axes: Array, seed: int) -> Nodes:
    """Nodes of the logits means + axes·g, axes (H, r), at the points g of the stretches."""
    heads, dimension = axes.shape
    sizes = [one.points.stop - one.points.start for one in stretches]
    last = int(max(one.points.stop for one in stretches))
    sequence = net(dimension, seed, (last - 1).bit_length())
    begins = np.cumsum([0, *sizes])
    shifts, factors = np.empty(begins[-1]), np.empty((heads, begins[-1]))
    weights = np.empty(begins[-1])
    into = shifts, factors, weights
    for one, size, place in zip(stretches, sizes, begins, strict=False):
        points = one.points.start, size
        fill(sequence, points, axes, one.means, one.total, one.mass / size, into, place)
    blocks = np.array(sizes) // LANES
    tokens, laws = (np.repeat([one[k] for one in stretches], blocks) for k in (3, 4))
    no_axis = np.ones((heads, 1)), np.ones(1)
    return Nodes(shifts, factors, weights, tokens, laws, np.ones(len(tokens)), *no_axis, 0.0)


MIDDLE = (
    (2509.0809287301226727, 5226.495278852854561),
    (33430.575583588128105, 28729.085735721942674),
    (67265.770927008700853, 39307.89580009271061),
    (45921.953931549871457, 21213.794301586595867),
    (13731.693765509461125, 5394.1960214247511077),
    (1971.5909503065514427, 687.1870074920579083),
    (133.14166789178437745, 42.313330701600911252),
    (3.387132872796366608, 1.0),
)
TAIL = (
    (7.7454501427834140764e-4, 1.05075007164441684324e-9),
    (0.0227238449892691845833, 5.475938084995344946e-4),
    (0.24178072517745061177, 0.0151986665636164571966),
    (1.27045825245236838258, 0.14810397642748007459),
    (3.64784832476320460504, 0.68976733498510000455),
    (5.7694972214606914055, 1.6763848301838038494),
    (4.6303378461565452959, 2.05319162663775882187),
    (1.42343711074968357734, 1.0),
)
"""Of Wichura's rational functions (AS 241): coefficients above and below, highest powers first."""


@kernel()
def ratio(coefficients: tuple[tuple[float, float], ...], r: Vector) -> Vector:
    """A rational function at r."""
    above, below = splat(coefficients[0][0]), splat(coefficients[0][1])
    for k in range(1, len(coefficients)):
        above = fma(above, r, coefficients[k][0])
        below = fma(below, r, coefficients[k][1])
    return above / below


@kernel()
def quantile(q: Vector) -> Vector:
    """The standard normal quantile of q + ½, −½ < q < ½, to 1e-15; no farther than FARTHEST."""
    size = maximum(q, 0.0 - q)
    middle = size * ratio(MIDDLE, 0.180625 - q * q)
    far = square_root(0.0 - logarithm(maximum(0.5 - size, 2.1e-11))) - 1.6
    found = choose(size, 0.425, ratio(TAIL, far), middle)
    return choose(0.0, q, 0.0 - found, found)


@kernel()
def fill(
    sequence: Net,
    points: tuple[int, int],
    axes: Array,
    mean: Array,
    total: float,
    weight: float,
    into: tuple[Array, Array, Array],
    place: int,
) -> None:
    """Write shifts (n,), factors (H, n) and weights (n,), see :class:`Nodes`, of the logits
    mean + axes·g at so many points g from the first on, to ``place`` and what follows.

    All numbers of nodes are multiples of LANES. With a finite ``total`` a weight is divided by
    (1 + Σ_h e^{χ_h − total})/2.
    """
    begin, count = points
    first, columns = sequence
    heads, dimension = axes.shape
    low = np.empty((dimension, LANES), dtype=np.int64)
    for j in range(dimension):
        for lane in range(LANES):
            bits = 0
            for k in range(3):
                if lane >> k & 1:
                    bits ^= columns[k, j]
            low[j, lane] = bits
    lows = vectors(low.view(np.float64))
    high = first.copy()
    numbers = high.view(np.float64)
    number = begin >> 3
    for k in range(3, len(columns)):
        if begin >> k & 1:
            for j in range(dimension):
                high[j] ^= columns[k, j]
    normals = vectors(np.empty((dimension, LANES)))
    logits = vectors(np.empty((heads, LANES)))
    shift, factor, mass = row_vectors(into[0]), row_vectors(into[1]), row_vectors(into[2])
    for b in range(place // LANES, (place + count) // LANES):
        for j in range(dimension):
            normals[j] = quantile(differing_bits(splat(numbers[j]), lows[j]) - 1.5 + HALF)
        top = splat(-np.inf)
        for h in range(heads):
            logit = splat(mean[h])
            for j in range(dimension):
                logit = fma(axes[h, j], normals[j], logit)
            logits[h] = logit
            top = maximum(top, logit)
        shift[b] = top
        whole = splat(0.0)
        for h in range(heads):
            share = exponential(logits[h] - top)
            factor[h, b] = share
            whole += share
        if total > -np.inf:
            above = maximum(top - total, 0.0)
            small = exponential(0.0 - above)
            whole = fma(exponential(top - total - above), whole, small)
            mass[b] = 2.0 * weight * small / whole
        else:
            mass[b] = splat(weight)
        k = 0
        while True:  # the bits that change from this number to the next
            if k + 3 < len(columns):
                for j in range(dimension):
                    high[j] ^= columns[k + 3, j]
            if not number >> k & 1:
                break
            k += 1
        number += 1
