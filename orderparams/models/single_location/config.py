"""The configuration of single-location regression, as the program asks a model for it.

Problem
    the dataclass of a problem;
filled, DECIDING, dependent_defaults
    what was left out and depends on other keys;
contradictions
    what keys must satisfy together;
unused
    which settings a command does not use;
describe, SYMBOLS
    the problem in words, and keys as symbols.
"""

from orderparams.models.single_location.consistency import contradictions
from orderparams.models.single_location.sections import (
    DECIDING,
    Problem,
    dependent_defaults,
    filled,
)
from orderparams.models.single_location.unused import unused
from orderparams.models.single_location.words import SYMBOLS, describe

__all__ = [
    "DECIDING",
    "SYMBOLS",
    "Problem",
    "contradictions",
    "dependent_defaults",
    "describe",
    "filled",
    "unused",
]
