"""Which settings of the committee machine a command does not use, and why."""

from __future__ import annotations

from collections.abc import Iterator

from orderparams.config.unused import Unused
from orderparams.models.committee.sections import Problem
from orderparams.models.unused import (
    NO_STEPS,
    by_command,
    drawn_anew,
    fluctuating,
    repelling,
    starting,
)


def unused(problem: Problem, command: str) -> Iterator[Unused]:
    """All that a command does not use of a configuration; what settings rule out comes first.

    Of a validation ``training.rule`` is that of its own option.
    """
    yield from repelling(problem.training)
    yield from fluctuating(problem.fluctuations)
    if problem.network.second_layer != "learned":
        reason = "no second layer is learned; set network.second_layer = 'learned'"
        yield Unused(("training.second_layer_rate",), reason)
    if command not in ("simulate", "validate") and problem.training.rule != "sgd":
        yield NO_STEPS
        reason = "the mean gradient has no label noise in it; set training.rule = 'sgd'"
        yield Unused(("task.noise",), reason)
    if command != "optimum":
        yield from starting(problem.initial, "students")
    yield from by_command(problem, command)
    yield from drawn_anew(command)
