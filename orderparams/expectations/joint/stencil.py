"""Eight neighbouring lattice points that stand for one between the middle ones.

Their weights are Lagrange's: polynomials of degree seven are summed exactly.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.expectations.lanes import fma

Array = NDArray[np.float64]
Vector = Any  # LANES numbers, one for each lattice point
Vectors = Any  # array of such

STENCIL = 8


def lagrange_polynomials() -> Array:
    """Coefficients (power, node) of Lagrange's polynomials of eight nodes −3.5, −2.5 … 3.5."""
    nodes = [Fraction(2 * k - STENCIL + 1, 2) for k in range(STENCIL)]
    columns = []
    for own in nodes:
        powers = [Fraction(1)]
        for node in nodes:
            if node != own:
                shifted = [Fraction(0), *powers]
                scaled = [*(node * power for power in powers), Fraction(0)]
                powers = [(a - b) / (own - node) for a, b in zip(shifted, scaled, strict=True)]
        columns.append([float(power) for power in powers])
    return np.array(columns).T.copy()


LAGRANGE = lagrange_polynomials()
"""Coefficients (power, lattice point) of the weights, polynomials of the distance to the middle."""


@kernel()
def stencil(position: float, first: int, polynomials: Vectors) -> Vector:
    """Weights of the eight lattice points from ``first`` on, between whose middle ones we are.

    ``polynomials``: the rows of LAGRANGE, as vectors.
    """
    u = position - first - 0.5 * (STENCIL - 1)
    c0, c1, c2, c3, c4, c5, c6, c7 = polynomials
    square = u * u
    low = fma(fma(c3, u, c2), square, fma(c1, u, c0))
    high = fma(fma(c7, u, c6), square, fma(c5, u, c4))
    return fma(high, square * square, low)


@kernel()
def polynomials_of(rows: Vectors) -> Any:
    """The rows as a tuple, to be kept in registers."""
    return rows[0], rows[1], rows[2], rows[3], rows[4], rows[5], rows[6], rows[7]


def lattice_weights(positions: Array) -> tuple[NDArray[np.int64], Array]:
    """First lattice points (n,) and weights (n, STENCIL) for positions (n,)."""
    firsts = np.floor(positions).astype(np.int64) - STENCIL // 2 + 1
    offsets = positions - firsts - 0.5 * (STENCIL - 1)
    return firsts, np.power.outer(offsets, np.arange(STENCIL)) @ LAGRANGE
