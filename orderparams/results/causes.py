"""What a theory can be wrong about, and what measured order parameters say of it.

Along each cause a number θ changes the theory's mean and covariance over an interval, and is
fitted. A factor is exp θ, 1 if the theory is right. The weight decay is what the data have more of
it than the theory. The drift is the strength of γV/B in the flow, 1 in that of SGD, 0 in gradient
flow. Nothing tells γ from 1/B.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Cause(NamedTuple):
    """Its ``name``, and ``label`` in words; its parts of the derivatives by log t, γV/B and λ (3,);
    the ``power`` of exp θ by which the covariance of an interval grows; whether its value is a
    ``factor``; and what it says, with {value}."""

    name: str
    label: str
    parts: tuple[float, float, float]
    power: int
    factor: bool
    words: str


CAUSES = (
    Cause(
        "time",
        "scale of time",
        (1, 0, 0),
        1,
        True,
        "the time in the data runs {value} times as fast as that of the theory",
    ),
    Cause(
        "gradient",
        "length of the gradient",
        (1, 1, 0),
        2,
        True,
        "steps along the gradient are {value} times as long as those of the theory",
    ),
    Cause(
        "learning_rate",
        "learning rate / batch size",
        (0, 1, 0),
        1,
        True,
        "learning rate over batch size is {value} times that of the theory, at the right time",
    ),
    Cause(
        "drift",
        "strength of V in the flow",
        (0, 1, 0),
        0,
        False,
        "V moves the data with {value} times its strength at this learning rate, and the theory "
        "has {expected} times that",
    ),
    Cause(
        "noise",
        "variance of the noise",
        (0, 0, 0),
        1,
        True,
        "the data scatter with {value} times the variance of the theory",
    ),
    Cause(
        "weight_decay",
        "more weight decay by",
        (0, 0, 1),
        0,
        False,
        "the data have a weight decay of {value} more than the theory",
    ),
    Cause(
        "dimension",
        "dimension that steps are over",
        (-1, 0, 0),
        -2,
        True,
        "steps are those of a dimension {value} times that of the theory",
    ),
)
"""Of t alone; of t and γ, as by a longer gradient; of γ/B at the right time; of γV/B in the flow
alone; of the scatter alone; of λ; of D where steps tell the time: 1/t, and the scatter."""

NAMES = tuple(cause.name for cause in CAUSES)


class Score(NamedTuple):
    """One cause: its fitted ``value``, the ``error`` of that (a standard deviation), z of the score
    test of the theory as it is (normal by chance) and its two-sided ``pvalue``, and the ``gain``,
    by how much the fit raises twice the log-likelihood.

    Examples
    --------
    >>> few = {"simulation.replicas": 1, "simulation.dimension": 500, "training.duration": 2}
    >>> found = op.validate("finite-learning-rate", settings=few)
    >>> [score.name for score in found.scores][:3]
    ['time', 'gradient', 'learning_rate']
    """

    name: str
    value: float
    error: float
    z: float
    pvalue: float
    gain: float


def expected(name: str, rule: str) -> float:
    """The value of a cause in the theory of a rule."""
    if name == "drift":
        return 1.0 if rule == "sgd" else 0.0
    return 1.0 if CAUSES[NAMES.index(name)].factor else 0.0


def named(name: str) -> str:
    """A cause in words."""
    return CAUSES[NAMES.index(name)].label


def meaning(score: Score, rule: str) -> str:
    """What a fitted value says, in words."""
    cause = CAUSES[NAMES.index(score.name)]
    value = uncertain(score.value, score.error)
    return cause.words.format(value=value, expected=f"{expected(score.name, rule):g}")


def uncertain(value: float, error: float) -> str:
    """Value +- error, the error to two digits and the value as far."""
    if not (np.isfinite(value) and np.isfinite(error)) or error <= 0:
        return f"{value:.3g}"
    digits = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{digits}f} +- {error:.{digits}f}"
