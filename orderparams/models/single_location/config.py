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
    the problem in words, and keys as symbols;
PARAMETERS, order_parameters, sizes
    the table of order parameters, those that move in a problem, and the lengths of their axes;
OBSERVABLES
    what else is stored of a state;
RISK, REFERENCES, ASYMPTOTIC
    what the risk is called, the risks to compare it with, and which of them hold in a limit only;
LIMIT
    where SGD follows the theory, and which setting leads there.

A model may have WEIGHTS, what learned vectors and hidden directions are called where somebody gives
them as they are; RECORDED, what simulations record beside order parameters, in a table like
PARAMETERS; stacked, what the rows of V are where vectors of several kinds learn; ASYMPTOTIC, those
references that hold only in a limit; OWN_ANALYSIS, whether it says itself what happened in a run,
or in the run of a problem; JOINED_ANALYSIS, whether in that problem there are vectors all the same,
of which the rest of the program tells as well; and STAGED, whether runs of that problem have stages
all the same.
"""

from orderparams.models.limit import LARGE_DIMENSION
from orderparams.models.single_location.consistency import contradictions
from orderparams.models.single_location.parameters import (
    ASYMPTOTIC,
    OBSERVABLES,
    PARAMETERS,
    REFERENCES,
    RISK,
    order_parameters,
    sizes,
    stacked,
)
from orderparams.models.single_location.sections import (
    DECIDING,
    Problem,
    dependent_defaults,
    filled,
)
from orderparams.models.single_location.unused import unused
from orderparams.models.single_location.words import SYMBOLS, describe

__all__ = [
    "ASYMPTOTIC",
    "DECIDING",
    "JOINED_ANALYSIS",
    "LIMIT",
    "OBSERVABLES",
    "OWN_ANALYSIS",
    "PARAMETERS",
    "REFERENCES",
    "RISK",
    "STAGED",
    "SYMBOLS",
    "WEIGHTS",
    "Problem",
    "contradictions",
    "dependent_defaults",
    "describe",
    "filled",
    "order_parameters",
    "sizes",
    "stacked",
    "unused",
]

LIMIT = LARGE_DIMENSION
"""Where SGD follows the theory."""

WEIGHTS = ("keys", "directions")
"""What learned vectors and hidden directions are called in data."""


def OWN_ANALYSIS(problem: Problem) -> bool:
    """Values that are not known, and keys that are shared, are told of in chapters of their own."""
    return problem.attention.value != "known" or problem.attention.keys == "shared"


def JOINED_ANALYSIS(problem: Problem) -> bool:
    """They are vectors still, of which stages, optimum and pruning are told."""
    return OWN_ANALYSIS(problem)


STAGED = True
"""Keys turn to directions of the signal whatever values do, and whatever they are made of."""
