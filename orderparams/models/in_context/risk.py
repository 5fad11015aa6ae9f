"""Population risk of a setting and its gradient, by engines that know nothing of one another.

by_quadrature   directly, to a tolerance, with an error estimate
by_tables       interpolated, for many weights at one length
by_sampling     prompts drawn
by_closed_form  of linear attention
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.models.in_context import linear, softmax
from orderparams.models.in_context.quadrature import by_quadrature
from orderparams.models.in_context.sampling import by_sampling
from orderparams.models.in_context.setting import Found, Setting
from orderparams.models.in_context.setup import Prompts

__all__ = ["Found", "Setting", "by_closed_form", "by_quadrature", "by_sampling", "by_tables"]

Array = NDArray[np.float64]

ENTRY_ERROR = 3e-7
"""Of the entries of the tables, at scores of a standard deviation up to 4.5."""


def prompts_of(setting: Setting) -> Prompts:
    """The same law of prompts by the strengths of the tasks."""
    blocks = setting.blocks.astype(np.float64)
    return Prompts(setting.length, blocks, setting.variances * blocks, setting.noise)


def by_tables(setting: Setting, key_query: Array, output: Array) -> Found:
    """Risk and gradient of softmax heads at ω (H, B) and μ (H, J), interpolated.

    The error is that of the entries and the difference from shorter polynomials.

    Raises
    ------
    SolverError
        Where scores are beyond the tables, or the query is in the softmax.
    """
    if setting.query_in_softmax:
        raise SolverError("the query is in the softmax, of which there are no tables")
    prompts = prompts_of(setting)
    found, shorter = (
        Found(*softmax.risk(prompts, key_query, output, shorter=shorter), error=np.nan)
        for shorter in (False, True)
    )
    size = max(1.0, float((np.abs(output).sum(0) ** 2).max()))
    error = found.distance(shorter) + ENTRY_ERROR * float(prompts.labels.max()) * size
    return Found(found.risk, found.key_query, found.output, error)


def by_closed_form(setting: Setting, key_query: Array, output: Array) -> Found:
    """Risk and gradient of linear attention at ω (H, B) and μ (H, J)."""
    found = linear.risk(prompts_of(setting), key_query, output)
    largest = max(np.abs(part).max() for part in found)
    return Found(found.risk, found.key_query, found.output, 1e-15 * max(1.0, float(largest)))
