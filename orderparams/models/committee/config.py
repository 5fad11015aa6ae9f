"""The configuration of the committee machine, as the program asks a model for it.

``models/single_location/config.py`` says what each name is.
"""

from collections.abc import Mapping
from typing import Any

from orderparams.models.committee.consistency import contradictions
from orderparams.models.committee.parameters import (
    OBSERVABLES,
    PARAMETERS,
    REFERENCES,
    RISK,
    order_parameters,
    sizes,
)
from orderparams.models.committee.sections import Problem
from orderparams.models.committee.unused import unused
from orderparams.models.committee.words import SYMBOLS, describe
from orderparams.models.limit import LARGE_DIMENSION

__all__ = [
    "DECIDING",
    "LIMIT",
    "OBSERVABLES",
    "PARAMETERS",
    "REFERENCES",
    "RISK",
    "SYMBOLS",
    "WEIGHTS",
    "Problem",
    "contradictions",
    "dependent_defaults",
    "describe",
    "filled",
    "order_parameters",
    "sizes",
    "unused",
]

LIMIT = LARGE_DIMENSION
"""Where SGD follows the theory."""

WEIGHTS = ("students", "teachers")
"""What learned vectors and hidden directions are called in data."""

DECIDING = ()
"""No default depends on other keys."""


def dependent_defaults(table: Mapping[str, Any]) -> dict[str, Any]:
    """None."""
    return {}


def filled(problem: Problem) -> Problem:
    """Nothing is left to fill in."""
    return problem
