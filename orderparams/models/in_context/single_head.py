"""The least risk of a single head, by minimisation of the exact risk over ω and μ."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.models.in_context.found import Found
from orderparams.models.in_context.setup import Prompts

Array = NDArray[np.float64]


At = Callable[[Array, Array], Found]
"""Risk and gradient at ω and μ."""

SLOPE, FLAT = 1e-7, 1e-5
"""Slope at which a search ends; and, in units of the risk without output, that up to which its end
is a minimum."""


def best(at: At, prompts: Prompts, exact: At | None = None) -> tuple[Found, Array, Array]:
    """Where the least risk, summed over tasks, was found: at ω (1, B) and μ (1, J).

    An ``exact`` engine takes the risk where the search by another one ends: what it misses of ω
    and μ matters in second order. :class:`SolverError` where the search ends at the edge of what
    expectations can be had of.
    """
    from scipy.optimize import minimize  # slow to import

    units = np.sqrt(prompts.blocks)
    nothing = prompts.strengths.sum(axis=1)

    def reduced(scaled: Array) -> tuple[float, Array]:
        key_query = (scaled / units)[None]
        try:
            found = at(key_query, outputs(at, key_query, nothing))
        except SolverError:  # the line search turns back
            return 2 * float(nothing.sum()), np.zeros_like(scaled)
        return float(found.risk.sum()), found.key_query[0] / units

    ends = [
        minimize(reduced, start, jac=True, method="BFGS", options={"gtol": SLOPE})
        for start in starts(prompts)
    ]
    lowest = min(ends, key=lambda end: float(end.fun))
    if np.abs(lowest.jac).max() > FLAT * nothing.sum():
        raise SolverError("the best single head is beyond the range of the expectations")
    key_query = (lowest.x / units)[None]
    output = outputs(at, key_query, nothing)
    return (exact or at)(key_query, output), key_query, output


def outputs(at: At, key_query: Array, nothing: Array) -> Array:
    """The best μ (1, J) of a head at ω, from E_j = S_j − 2 μ_j l_j + μ_j² q_j, S_j the risk of
    ``nothing``, at μ = 1."""
    unit = at(key_query, np.ones((1, len(nothing))))
    square = unit.output - (unit.risk - nothing)
    found: Array = (square - unit.output / 2) / square
    return found


def starts(prompts: Prompts) -> Array:
    """√d ω (…, B) of unit length where searches begin: towards each task, what tasks share, and
    all of them together. With the query in the softmax negative ones, which give it less weight:
    the minima at positive ω are higher."""
    drive = prompts.strengths / np.sqrt(prompts.blocks)
    rows = np.concatenate([drive, drive.sum(axis=0)[None], np.linalg.svd(drive)[2]])
    rows /= np.abs(rows).max(axis=1, keepdims=True)  # squares of the least numbers are 0
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows *= np.where(rows[np.arange(len(rows)), np.abs(rows).argmax(1)] < 0, -1, 1)[:, None]
    return np.unique(rows.round(6), axis=0) * (-1.0 if prompts.query_in_softmax else 1.0)
