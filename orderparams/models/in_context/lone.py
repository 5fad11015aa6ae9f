"""Risk and gradient of a lone head at any strength, by radii in equal steps of their logarithm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.models.in_context.far import FARTHEST_ALONE
from orderparams.models.in_context.found import Found
from orderparams.models.in_context.interpolation import by_rules, interpolated
from orderparams.models.in_context.quadrature import COARSER, summed
from orderparams.models.in_context.radii import even_radii
from orderparams.models.in_context.setup import Prompts

Array = NDArray[np.float64]

OWN = 650.0
"""Largest score Σ_b ω_b r_b² of a query in the softmax, whose exponential must not overflow."""


def by_even_radii(
    prompts: Prompts, key_query: Array, output: Array, digits: float, *, error: bool = False
) -> Found:
    """Risk and gradient of one head at ω (1, B) and μ (1, J), to about e^{−digits}.

    Of several blocks they come from tables, as there are many radii, but with the query in the
    softmax. The error is the difference from coarser rules.

    Raises
    ------
    SolverError
        Where scores are beyond reach.
    """
    sizes, at = prompts.sizes, (prompts, key_query, output)
    largest = float(np.abs(key_query * np.sqrt(prompts.blocks)).max())
    scale = 2.0 ** np.ceil(np.log2(max(largest, 1.0)))
    rule, coarse = (even_radii(sizes, part * digits, scale) for part in (1.0, COARSER))
    check_scores(prompts, key_query, rule[0])
    if len(sizes) > 1 and not prompts.query_in_softmax:
        if error:
            return by_rules(*at, (rule, coarse), beyond=True)
        return interpolated(*at, rule, beyond=True)
    found = summed(*at, digits + 2.0, rule)
    if not error:
        return found
    missed = 2.0 * found.distance(summed(*at, COARSER * digits + 2.0, coarse))
    return replace(found, error=missed + found.error)


def check_scores(prompts: Prompts, key_query: Array, radii: Array) -> None:
    """:class:`SolverError` where the largest scores are beyond reach."""
    keys = key_query * radii
    largest, own = np.linalg.norm(keys, axis=1).max(), (keys * radii).sum(axis=1).max()
    if largest > FARTHEST_ALONE or (prompts.query_in_softmax and own > OWN):
        raise SolverError(f"scores of standard deviation {largest:.4g} are beyond a lone head's")
