"""The configuration of in-context regression, as the program asks a model for it.

``models/single_location/config.py`` says what each name is.
"""

from collections.abc import Mapping
from typing import Any

from orderparams.models.in_context.consistency import contradictions
from orderparams.models.in_context.parameters import (
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
    "DECIDING",
    "LACKS",
    "LIMIT",
    "OBSERVABLES",
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

LACKS = {
    "analyze": "model = 'in-context-regression' has no analysis yet; solve, evaluate, "
    "simulate, validate, plot, export, report and scan are there",
}
"""Commands that are not there yet, and what is."""

DECIDING = ()
"""No default depends on other keys."""


def dependent_defaults(table: Mapping[str, Any]) -> dict[str, Any]:
    """None."""
    return {}


def filled(problem: Problem) -> Problem:
    """Nothing is left to fill in."""
    return problem
