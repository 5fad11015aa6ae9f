"""Gaussian expectations of g(x) = max(x, 0).

Two variables have closed forms, and three, to which four reduce where some are copies. Of four
there is none in general: E[g′(x₀) g′(x₁) g(x₂) g(x₃)] is followed along the correlations R(t) = 1 +
t (R − 1), where Price's theorem gives its derivative, a sum over pairs of variables held at zero,
in closed form (the way of Plackett, Biometrika 41, 351 (1954)). R(t) is regular for t < 1, however
degenerate R is.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel

Array = NDArray[np.float64]

NORMAL = 1.0 / math.sqrt(2.0 * math.pi)
"""Density of a normal variable at zero."""

ACCURACY = 1e-13
"""Difference of two rules that is good enough, in standard deviations of x₂ and x₃."""

SAME = 1e-15
"""1 − r of what a covariance cannot tell from copies: they may be 5e-8 apart, a step of its last
digits."""

ROUNDING = 2e-15
"""Of all that is exact, times the root of the least 1 − |r|, in standard deviations of x₂, x₃."""

NEAR = 1e-4
"""1 − |r| below which the integrand changes within a step of the rules that are not graded."""

PANELS = 24
"""Each a quarter as long as the one before: as close to t = 1 as singularities may come."""


def gauss_legendre(nodes: int) -> tuple[Array, Array]:
    """Nodes and weights on [0, 1]."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    return 0.5 * (x + 1.0), 0.5 * w


def graded(nodes: int) -> tuple[Array, Array]:
    """A rule on [0, 1] for functions with singularities anywhere near 0, outside of (0, 1]."""
    x, w = gauss_legendre(nodes)
    ends = np.append(0.25 ** np.arange(PANELS), 0.0)
    low, width = ends[1:, None], -np.diff(ends)[:, None]
    return (low + width * x).ravel(), (width * w).ravel()


COARSE_X, COARSE_W = gauss_legendre(16)
FINE_X, FINE_W = gauss_legendre(32)
GRADED_X, GRADED_W = graded(16)


@kernel()
def activation(x: float) -> float:
    """g(x)."""
    return max(x, 0.0)


@kernel()
def slope(x: float) -> float:
    """g′(x)."""
    return 1.0 if x > 0.0 else 0.0


@kernel()
def two_point(xx: float, xy: float, yy: float) -> tuple[float, float, float, float]:
    """E[g(x) g(y)] for variances xx, yy and covariance xy, and its derivatives in xx, xy and yy.

    The derivative in xy is E[g′(x) g′(y)] = P(x > 0, y > 0) (Cho and Saul, NIPS 2009).
    """
    sine = math.sqrt(max(0.0, xx * yy - xy * xy))
    angle = math.pi - math.atan2(sine, xy)
    value = (sine + angle * xy) / (2.0 * math.pi)
    by_xx = sine / (4.0 * math.pi * xx) if xx > 0.0 else 0.0
    by_yy = sine / (4.0 * math.pi * yy) if yy > 0.0 else 0.0
    return value, by_xx, angle / (2.0 * math.pi), by_yy


@kernel()
def hold(c: Array, k: int, out: Array) -> None:
    """Covariance of normal variables given that the k-th is zero: fills out (n, n)."""
    for i in range(len(c)):
        for j in range(len(c)):
            out[i, j] = c[i, j] - c[i, k] * c[j, k] / c[k, k]


@kernel()
def quadrant(c: Array, i: int, j: int) -> float:
    """P(x_i > 0, x_j > 0)."""
    sine = math.sqrt(max(0.0, c[i, i] * c[j, j] - c[i, j] * c[i, j]))
    return 0.5 - math.atan2(sine, c[i, j]) / (2.0 * math.pi)


@kernel()
def octant_mean(c: Array, i: int, j: int, k: int, held: Array) -> float:
    """E[g′(x_i) g′(x_j) g(x_k)], by parts; held (4, 4) is working space."""
    total = 0.0
    for zero in (i, j, k):
        hold(c, zero, held)
        first, second = (j if zero == i else i), (j if zero == k else k)
        total += c[k, zero] / math.sqrt(c[zero, zero]) * quadrant(held, first, second)
    return NORMAL * total


@kernel()
def integrate(r: Array, x: Array, w: Array) -> float:
    """The expectation of :func:`four_point` for correlations r (4, 4), by a rule on [0, 1].

    t = cos(xπ/2) takes the square roots of 1 − t out of the integrand. The pair (2, 3) contributes
    r₂₃ ∫ P dt, P the probability that all are positive; by parts it is r₂₃ (P(0) + ∫ (1−t) dP).
    """
    c, one, two = np.empty((4, 4)), np.empty((4, 4)), np.empty((4, 4))
    total = NORMAL**2 / 4.0 + r[2, 3] / 16.0
    for node in range(x.size):
        angle = 0.5 * math.pi * x[node]
        t, change = math.cos(angle), 0.0
        left = 2.0 * math.sin(0.5 * angle) ** 2
        for i in range(4):
            for j in range(4):
                c[i, j] = 1.0 if i == j else t * r[i, j]
        for i in range(3):
            hold(c, i, one)
            for j in range(i + 1, 4):
                hold(one, j, two)
                a = 0 if i > 0 else (1 if j > 1 else 2)
                b = 6 - i - j - a
                density = NORMAL**2 / math.sqrt(one[j, j])
                orthant = density * quadrant(two, a, b)
                change += r[2, 3] * left * r[i, j] * orthant
                if j == 1:
                    change += r[0, 1] * density * two_point(two[2, 2], two[2, 3], two[3, 3])[0]
                elif i < 2:
                    change += r[i, j] * NORMAL * octant_mean(one, 1 - i, j, 5 - j, two)
        total += w[node] * 0.5 * math.pi * math.sin(angle) * change
    return float(total)


@kernel()
def octant_moment(r: Array, i: int, j: int) -> float:
    """E[x_i x_j] where all of n ≤ 3 variables are positive, for correlations r (n, n).

    By parts in x_i: r_ij P(all positive), and for every other variable than x_j the mean of x_j
    where that one is zero and the rest is positive. P of three is a sum over pairs.
    """
    count = len(r)
    probability = 0.5 if count == 1 else quadrant(r, 0, 1)
    if count == 3:
        probability = 0.5 * (probability + quadrant(r, 0, 2) + quadrant(r, 1, 2)) - 0.25
    total = r[i, j] * probability
    held = np.empty((count, count))
    for zero in range(count):
        if zero != j:
            hold(r, zero, held)
            mean = math.sqrt(held[j, j])
            if count == 3:
                other = 3 - zero - j
                mean = 0.5 * (mean + held[j, other] / math.sqrt(held[other, other]))
            total += NORMAL**2 * r[i, zero] * mean
    return float(total)


@kernel()
def distinct(r: Array, kept: NDArray[np.int64], place: NDArray[np.int64]) -> int:
    """How many of four variables are no copies, by their correlations r (4, 4).

    Fills which these are, and for each variable which of them it is.
    """
    count = 0
    for p in range(4):
        place[p] = count
        for k in range(count):
            if r[p, kept[k]] > 1.0 - SAME:
                place[p] = k
        if place[p] == count:
            kept[count] = p
            count += 1
    return count


@kernel()
def four_point(c: Array) -> tuple[float, float]:
    """E[g′(x₀) g′(x₁) g(x₂) g(x₃)] for a covariance c (4, 4), and an estimate of its error.

    A variable without variance counts as positive half of the time.
    """
    r, scale, nearest = np.eye(4), math.sqrt(c[2, 2] * c[3, 3]), 1.0
    for i in range(4):
        for j in range(i):
            size = math.sqrt(c[i, i] * c[j, j])
            if size > 0.0:
                r[i, j] = r[j, i] = min(1.0, max(-1.0, c[i, j] / size))
            if not c[i, i] == c[i, j] == c[j, j]:  # of a field with itself nothing is unknown
                nearest = min(nearest, 1.0 - abs(r[i, j]))
            if r[i, j] < SAME - 1.0:
                return 0.0, 0.0  # one of them is negative
    rounding = ROUNDING / math.sqrt(max(nearest, SAME))
    kept, place = np.empty(4, np.int64), np.empty(4, np.int64)
    count = distinct(r, kept, place)
    if count < 4:
        reduced = np.empty((count, count))
        for i in range(count):
            for j in range(count):
                reduced[i, j] = r[kept[i], kept[j]]
        value = octant_moment(reduced, place[2], place[3])
        return scale * value, scale * rounding
    value = integrate(r, FINE_X, FINE_W)
    error = abs(value - integrate(r, COARSE_X, COARSE_W))
    if error > ACCURACY or nearest < NEAR:
        value, error = integrate(r, GRADED_X, GRADED_W), ACCURACY
    return scale * value, scale * (error + rounding)
