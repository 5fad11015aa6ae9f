"""Slips of normalisation, by the factor that each leaves in time or in the gradient."""

from __future__ import annotations

from typing import NamedTuple

from orderparams.results.causes import Score

ROOM = 0.05
"""Relative distance of a fitted factor from that of a slip, if its error is less."""

ERRORS = 3.0
"""Standard errors of the fitted factor that do as well, up to a relative BROAD."""

BROAD = 0.25


STRANGE = 10.0
"""A factor of the scatter beyond which no number of SGD is looked for in it."""

STRANGELY = (
    "the data are not a course of this SGD: are rows in the order of time, vectors and directions "
    "in one order in all columns, and the settings those of the data"
)


class Slip(NamedTuple):
    """What a factor other than 1 of a ``cause`` comes from, and what would mend it."""

    cause: str
    factor: float
    words: str


def known(learning_rate: float, batch: int, dimension: int) -> list[Slip]:
    """The slips of SGD at a learning rate, batch size and dimension, those that are most often
    met first; γ = learning_rate, B = batch_size, n counts steps."""
    gamma, root = learning_rate, dimension**0.5
    return [
        Slip("time", gamma, "time is n/D there, and has to be γ n/D: multiply it by learning_rate"),
        Slip("time", 1 / gamma, "time has learning_rate twice: divide it by learning_rate"),
        Slip("time", 1 / batch, "n counts sequences there, and has to count batches of batch_size"),
        Slip("time", batch, "time is divided by batch_size there: multiply it by batch_size"),
        Slip("gradient", 2.0, "the loss lacks a factor 1/2, or the learning rate is doubled"),
        Slip("gradient", 0.5, "the loss has a factor 1/2 too many, or half the learning rate"),
        Slip("gradient", batch, "the loss is summed over the batch there: take its mean"),
        Slip("gradient", 1 / batch, "the loss is divided by batch_size twice"),
        Slip("gradient", root, "the step is larger by √D: the learning rate has to be γ/D · D"),
        Slip("gradient", 1 / root, "the step is smaller by √D: normalise scores by √D once"),
        Slip("time", root, "time is γ n/D^(3/2) there, and has to be γ n/D: multiply it by √D"),
        Slip("time", 1 / root, "time is γ n/√D there, and has to be γ n/D: divide it by √D"),
        Slip("learning_rate", 1 / batch, "batch_size of the data is larger, or is 1 in the theory"),
        Slip("learning_rate", batch, "the data have batches of one: set training.batch_size = 1"),
    ]


def slips(score: Score, learning_rate: float, batch: int, dimension: int) -> list[str]:
    """The words of the slips that have the fitted factor of a score."""
    room = max(ROOM, min(ERRORS * score.error / max(abs(score.value), 1e-300), BROAD))
    found: list[str] = []
    for one in known(learning_rate, batch, dimension):
        trivial = abs(one.factor - 1.0) < ROOM
        if one.cause == score.name and not trivial and abs(score.value / one.factor - 1) < room:
            found.append(one.words)
    return found


def number(score: Score, learning_rate: float, dimension: int, *, stepped: bool) -> str:
    """What a fitted factor makes of the number that it stands beside; "" where there is none."""
    value = score.value
    if not value > 0:
        return ""
    if score.name == "dimension":
        return f"the dimension is {dimension * value:.4g}, not {dimension}"
    if score.name == "gradient":
        return f"the learning rate is {learning_rate * value:.4g}, not {learning_rate:g}"
    if score.name == "time":
        return f"{'step' if stepped else 'time'} has to be multiplied by {value:.4g}"
    if score.name != "noise":
        return ""
    if not 1 / STRANGE < value < STRANGE:
        return STRANGELY
    means = "" if value > 1 else f", or the data are means over {1 / value:.2g} replicas"
    return f"the dimension is {dimension / value:.4g}, not {dimension}, at the right times{means}"
