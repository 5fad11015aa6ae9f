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

__all__ = [
    "DECIDING",
    "OBSERVABLES",
    "PARAMETERS",
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

DECIDING = ()
"""No default depends on other keys."""


def dependent_defaults(table: Mapping[str, Any]) -> dict[str, Any]:
    """None."""
    return {}


def filled(problem: Problem) -> Problem:
    """Nothing is left to fill in."""
    return problem
