"""The time t = γ·steps/D of data, which have the time, the steps, or both."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.errors import ConfigurationError
from orderparams.models.schedule import CONSTANT, schedule_of, steps_at

Array = NDArray[np.float64]

WHOLE = 1e-6
"""How far whole numbers may be off."""

FRACTION = 0.05
"""From where on a number of steps is not whole, even if a time was rounded."""

ROUNDED = 1e-3
"""Relative difference up to which a time is that of its step."""

CLOCKLIKE = {
    *("t", "times", "n", "steps", "iteration", "iterations", "iter", "it", "i", "k"),
    *("epoch", "epochs", "samples", "examples", "update", "updates", "tau", "alpha"),
}
"""What steps and times may be called elsewhere."""

ALIKE = 0.01
"""Relative difference up to which a ratio has a name."""


def time_of(
    time: Array | None,
    step: Array | None,
    problem: Problem,
    place: str,
    others: Iterable[str] = (),
) -> Array:
    """Times (T,) of a problem in its dimension; steps say more than times, which may be rounded.
    ``others`` are names in the data that nothing is made of.

    :class:`ConfigurationError` where both are missing or disagree, steps are not whole numbers, or
    times look like another scale.
    """
    if step is not None:
        if not whole(step):
            odd = step[np.argmax(np.abs(step - np.rint(step)))]
            raise ConfigurationError(f"{place}: step is {odd:g}; steps are whole numbers from 0 on")
        found: Array = schedule_of(problem).time(np.rint(step) * problem.step_time)
        if time is not None:
            check_both(time, found, problem, place)
        return found
    if time is None:
        raise ConfigurationError(
            f"{place}: neither time nor step is there; time is learning rate * steps / D, and step "
            "counts the steps" + meant(others)
        )
    check_scale(time, problem, place)
    return time


def meant(others: Iterable[str]) -> str:
    """Which of some names may be that of time or step."""
    close = next((name for name in others if name.strip().lower() in CLOCKLIKE), None)
    return "" if close is None else f"; if {close!r} is one of the two, call it so"


def whole(values: Array) -> bool:
    """Whether all are whole numbers, as well as floating point has them."""
    return bool((np.abs(values - np.rint(values)) <= WHOLE * np.maximum(1.0, values)).all())


def check_both(time: Array, expected: Array, problem: Any, place: str) -> None:
    """:class:`ConfigurationError` for times that are not those of the steps beside them."""
    if (np.abs(time - expected) <= 1.5 * problem.step_time + ROUNDED * expected).all():
        return
    ratio = float(time @ expected / (expected @ expected))
    training, dimension = problem.training, problem.simulation.dimension
    rate, batch = training.effective_rate, training.batch_size
    slips = {
        1 / rate: "time looks like step/D",
        dimension / rate: "time looks like the step itself",
        float(dimension): "time looks like learning rate * step",
        1 / batch: "step seems to count sequences, not batches",
        float(batch): "time seems to count sequences, not batches",
    }
    slip = next((slips[of] for of in slips if of != 1 and abs(ratio / of - 1) < ALIKE), "")
    steady = np.allclose(time, ratio * expected, rtol=ALIKE)
    raise ConfigurationError(
        f"{place}: time is {ratio:.4g} times learning rate * step / D (learning rate {rate:g}, "
        f"D = {dimension})"
        + ("" if steady else " on the average")
        + f"; {slip}" * bool(slip and steady)
        + "; leave time out, or mend it, the learning rate or the dimension"
    )


def check_scale(time: Array, problem: Any, place: str) -> None:
    """:class:`ConfigurationError` for times that fall between steps and could be steps over D."""
    dimension = problem.simulation.dimension
    if schedule_of(problem) is not CONSTANT or not whole(time * dimension):
        return
    steps = steps_at(problem, time)
    rest = np.abs(steps - np.rint(steps))
    if (rest > FRACTION).any():
        odd, rate = int(np.argmax(rest)), problem.training.effective_rate
        raise ConfigurationError(
            f"{place}: time {time[odd]:g} would be after {steps[odd]:g} steps of the learning rate "
            f"{rate:g} at D = {dimension}, no whole number. If it is step/D, multiply it by "
            f"{rate:g}, for the program's time is learning rate * step / D; else the learning rate "
            "or the dimension is another"
        )
