"""The configuration of in-context regression, as the program asks a model for it.

``models/single_location/config.py`` says what each name is.
"""

from collections.abc import Mapping
from typing import Any

from orderparams.models.in_context.consistency import contradictions
from orderparams.models.in_context.parameters import (
    ASYMPTOTIC,
    OBSERVABLES,
    PARAMETERS,
    RECORDED,
    REFERENCES,
    RISK,
    order_parameters,
    sizes,
)
from orderparams.models.in_context.sections import Problem
from orderparams.models.in_context.unused import unused
from orderparams.models.in_context.words import SYMBOLS, describe
from orderparams.models.limit import SMALL_STEPS

__all__ = [
    "ASYMPTOTIC",
    "DECIDING",
    "LIMIT",
    "NO_VECTORS",
    "OBSERVABLES",
    "OWN_ANALYSIS",
    "PARAMETERS",
    "RECORDED",
    "REFERENCES",
    "RISK",
    "SYMBOLS",
    "Problem",
    "contradictions",
    "dependent_defaults",
    "describe",
    "filled",
    "order_parameters",
    "sizes",
    "unused",
]

LIMIT = SMALL_STEPS
"""Where SGD follows the theory."""

OWN_ANALYSIS = True
"""Heads are no vectors against hidden directions: the model says itself what happened in a run."""

NO_VECTORS = (
    "model = 'in-context-regression' has no vectors against hidden directions, which this needs; "
    "the figure plane shows its heads"
)
"""Why it has no portrait."""

DECIDING = ()
"""No default depends on other keys."""


def dependent_defaults(table: Mapping[str, Any]) -> dict[str, Any]:
    """None."""
    return {}


def filled(problem: Problem) -> Problem:
    """Nothing is left to fill in."""
    return problem
