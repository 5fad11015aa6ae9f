"""Tests of innovations ε (R, T, n), by chance independent standard normal numbers.

Their sum of squares is χ²(R·T·n) then, and too small a sum is an error, too. Means that change
slowly are tested by cosines (Neyman's smooth test): with c_k(i) = cos(πk(i + ½)/T), k = 0, 1, 2,

    z_k = Σ_{r,i} c_k(i) ε_ri / (R Σ_i c_k(i)²)^½,    Σ_k |z_k|² ~ χ²(3n).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincc

Array = NDArray[np.float64]

WAVES = 3
"""Cosines in time, if there are as many intervals."""

BOUNDS = (1e-4, 10.0)
"""Relative errors of the motion that are told apart; beyond there is none."""


def waves(innovations: Array) -> Array:
    """z (K, n)."""
    replicas, intervals, _ = innovations.shape
    order = np.arange(min(WAVES, intervals))[:, None]
    cosines = np.cos(np.pi * order * (np.arange(intervals) + 0.5) / intervals)
    norms = np.sqrt(replicas * np.square(cosines).sum(axis=1, keepdims=True))
    found: Array = (cosines / norms) @ innovations.sum(axis=0)
    return found


def above(squares: Array) -> float:
    """The probability that a sum of so many squares of normal numbers is larger."""
    return float(gammaincc(0.5 * squares.size, 0.5 * squares.sum()))


def spread_pvalue(innovations: Array) -> float:
    """Of the sum of squares, to both sides."""
    squares = np.square(innovations)
    less = float(gammainc(0.5 * squares.size, 0.5 * squares.sum()))
    return min(1.0, 2 * min(less, above(squares)))


def mean_pvalue(innovations: Array) -> float:
    """Of the means that change slowly."""
    return above(np.square(waves(innovations)))


def pvalue(innovations: Array) -> float:
    """Of both together (Bonferroni)."""
    return min(1.0, 2 * min(spread_pvalue(innovations), mean_pvalue(innovations)))


def resolution(innovations: Array, motion: Array, false_alarm: float) -> float:
    """The least relative error of a theory's ``motion``, whitened as innovations are (R, T, n),
    that would be rejected to both sides; inf if there is none, NaN where the theory is rejected
    as it is.
    """
    if pvalue(innovations) < false_alarm:
        return np.nan

    def seen(error: float) -> bool:
        return all(pvalue(innovations - part * motion) < false_alarm for part in (error, -error))

    return least(seen)


def least(seen: Callable[[float], bool]) -> float:
    """The least error within BOUNDS that is seen, to 5 %."""
    low, high = BOUNDS
    if not seen(high):
        return np.inf
    while high > 1.05 * low:
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if seen(middle) else (middle, high)
    return high
