"""Data that the theory rejects as they are, and that agree with it once a slip is taken back: times
of another scale, axes, vectors or directions in another order, signs, powers of D."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError, SolverError
from orderparams.measured.measure import Measured
from orderparams.measured.scales import BELOW, POWERS, REMEDIES, tabled
from orderparams.models.schedule import CONSTANT, schedule_of
from orderparams.models.vectors.geometry import geometry_of
from orderparams.models.vectors.weights import least_residual
from orderparams.results.innovations import Innovations

Array = NDArray[np.float64]
Judge = Callable[[Measured], Innovations]

ROWS = 5
"""Times at first that a slip has to explain before all are looked at."""

MOST_ORDERED = 3
"""Vectors, or directions, up to which other orders and signs of them are tried."""


class Taken(NamedTuple):
    """Data with a slip taken back, and ``words`` for that, after "if"."""

    words: str
    found: Measured


def recognised(found: Measured, judge: Judge, *, scaled: bool = False) -> str:
    """What is wrong with data that ``judge`` rejects, in a sentence; "" if it is nothing of the
    kind. Other scales of times and powers of D alone are looked for if it ``scaled``."""
    scales = itertools.chain(times(found), powers(found))
    for one in scales if scaled else slips(found):
        if possible(one.found) and agrees(rows(one.found), judge) and agrees(one.found, judge):
            return f"Theory and simulation agree if {one.words}."
    return ""


def agrees(found: Measured, judge: Judge) -> bool:
    """Whether data are not rejected, and could be."""
    try:
        return judge(found).verdict == "agree"
    except (ConfigurationError, SolverError):
        return False


def rows(found: Measured) -> Measured:
    """Data at the first few times."""
    parameters = {name: values[:, :ROWS] for name, values in found.parameters.items()}
    return found._replace(time=found.time[:ROWS], parameters=parameters)


def possible(found: Measured) -> bool:
    """Whether no vector is shorter than its overlaps."""
    _, own = tabled(found.problem)
    scale = max(1.0, float(np.abs(found.parameters[own.name]).max()))
    least = least_residual(geometry_of(found.problem), found.parameters)
    return bool(least.min() >= -BELOW * scale)


def slips(found: Measured) -> Iterator[Taken]:
    """Those of times, of the loss, then of overlaps."""
    yield from times(found)
    yield from losses(found)
    crossed, _ = tabled(found.problem)
    m = found.parameters[crossed.name]
    vectors, directions = m.shape[2:]
    word, hidden = (axis.word for axis in crossed.axes)

    def taken(words: str, overlaps: Array) -> Taken:
        return Taken(words, with_overlaps(found, overlaps))

    if vectors == directions > 1:
        first, second = f"{crossed.symbol}_1_2", f"{crossed.symbol}_2_1"
        yield taken(f"{first} is taken for {second} and so on", np.swapaxes(m, 2, 3))
    if directions <= MOST_ORDERED:
        for signs in itertools.product((1.0, -1.0), repeat=directions):
            turned = [str(f + 1) for f, sign in enumerate(signs) if sign < 0]
            if turned:
                yield taken(f"{hidden} {', '.join(turned)} has the other sign", m * np.array(signs))
    for count, name, axis in ((vectors, word, 2), (directions, hidden, 3)):
        for order in orders(count):
            places = ", ".join(str(i + 1) for i in order)
            yield taken(
                f"{name}s of {crossed.symbol} are put in the order {places}",
                np.take(m, order, axis),
            )


def orders(count: int) -> list[tuple[int, ...]]:
    """Other orders of a few."""
    return list(itertools.permutations(range(count)))[1:] if count <= MOST_ORDERED else []


def times(found: Measured) -> Iterator[Taken]:
    """Times that no steps have told may be steps, with D or the learning rate left out."""
    problem: Any = found.problem
    if found.stepped or schedule_of(problem) is not CONSTANT:
        return
    rate, dimension = problem.training.effective_rate, problem.simulation.dimension
    scales = {
        f"time is multiplied by the learning rate {rate:g} (it looks like step/D)": rate,
        f"time is multiplied by learning rate / D = {rate / dimension:g} (it looks like the step "
        "itself)": rate / dimension,
        f"time is divided by D = {dimension} (it looks like learning rate * step)": 1 / dimension,
    }
    for words, factor in scales.items():
        if factor != 1:
            yield Taken(words, scaled_time(found, factor))


def losses(found: Measured) -> Iterator[Taken]:
    """Losses with another factor c beside a weight decay that has none, which no score tells: SGD
    of the learning rate cγ and the decay λ/c."""
    training: Any = found.problem.training
    decay, batch = getattr(training, "weight_decay", 0.0), training.batch_size
    reasons: dict[float, list[str]] = {}
    for factor, why in (
        (0.5, "it has a factor 1/2 too many"),
        (2.0, "it lacks a factor 1/2"),
        (float(batch), "it is summed over the batch"),
        (1.0 / batch, "it is divided by batch_size twice"),
    ):
        reasons.setdefault(factor, []).append(why)
    for factor, several in reasons.items():
        if decay and factor != 1:
            rate = training.learning_rate * factor
            own = dataclasses.replace(training, learning_rate=rate, weight_decay=decay / factor)
            problem = dataclasses.replace(found.problem, training=own)
            yield Taken(
                f"the loss, and not the weight decay, is multiplied by {1 / factor:g} in the data "
                f"({', or '.join(several)})",
                scaled_time(found._replace(problem=problem), factor),
            )


def scaled_time(found: Measured, factor: float) -> Measured:
    """Data at other times."""
    time = factor * found.time
    training = dataclasses.replace(found.problem.training, duration=float(time[-1]))
    problem = dataclasses.replace(found.problem, training=training)
    return found._replace(problem=problem, time=time)


def powers(found: Measured) -> Iterator[Taken]:
    """Overlaps and self-overlaps that were not divided by D, or too often, those of vectors first
    that are off by a root of it."""
    crossed, own = tabled(found.problem)
    dimension = found.problem.simulation.dimension
    pairs = itertools.product((0.0, *POWERS), repeat=2)
    for one, other in sorted(pairs, key=lambda two: (two[1] != 2 * two[0], sum(map(abs, two)))):
        both = {crossed: one, own: other}
        words = [REMEDIES[power].format(of.symbol) for of, power in both.items() if power]
        if words:
            parameters = {
                of.name: found.parameters[of.name] / dimension**power for of, power in both.items()
            }
            yield Taken(f"you {' and '.join(words)}", with_parameters(found, parameters))


def with_overlaps(found: Measured, overlaps: Array) -> Measured:
    """Data with other overlaps."""
    return with_parameters(found, {tabled(found.problem)[0].name: overlaps})


def with_parameters(found: Measured, parameters: Mapping[str, Array]) -> Measured:
    """Data with other order parameters."""
    return found._replace(parameters={**found.parameters, **parameters})
