"""What in-context regression does: its flow, its replicas of SGD, risks to compare with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NoReturn

from numpy.typing import ArrayLike

from orderparams.errors import ConfigurationError
from orderparams.models.in_context.config import LACKS
from orderparams.models.in_context.flow import Flow
from orderparams.models.in_context.references import references as known_risks
from orderparams.models.in_context.replicas import Heads
from orderparams.models.in_context.sections import Problem
from orderparams.models.in_context.setup import prompts_of
from orderparams.models.interface import Reference, State


def references(problem: Problem) -> Mapping[str, Reference]:
    """The Bayes risk first, then what heads can do."""
    return known_risks(prompts_of(problem), problem.attention.heads)


def flow(problem: Problem) -> Flow:
    """The flow of a problem."""
    return Flow(problem)


def descent(problem: Problem, tolerance: float) -> NoReturn:
    """Refused: the heads are no vectors in R^D."""
    raise ConfigurationError(LACKS["analyze"])


def geometry(problem: Problem) -> NoReturn:
    """Refused likewise."""
    raise ConfigurationError(LACKS["analyze"])


def simulator(problem: Problem, time: ArrayLike) -> Heads:
    """The replicas of a problem at step zero."""
    return Heads(problem, time)


def examples(problem: Problem, states: Sequence[State]) -> None:
    """None: what heads attend to is not tokens that carry a signal."""


def starting_at(problem: Problem, state: State) -> Problem:
    """The same problem with an explicit start."""
    initial = dataclasses.replace(
        problem.initial,
        kind="explicit",
        key_query=tuple(map(tuple, state["key_query"].tolist())),
        output=tuple(map(tuple, state["output"].tolist())),
    )
    return dataclasses.replace(problem, initial=initial)


def remedy(problem: Problem, *, start: bool = False, sgd: bool = False) -> str:
    """What to change where the start is out of range; a run stays in it for itself."""
    if not start:
        return ""
    key = "initial.key_query" if problem.initial.kind == "explicit" else "initial.scale"
    return f"lower {key}: scores have standard deviation |ω_h| |x_q|, up to |x_q|² ≈ d + 8√d"


def kernel_key(problem: Problem, simulated: bool) -> tuple[object, ...]:
    """What decides which kernels are needed."""
    own = (problem.simulation.backend,) if simulated else ()
    return (problem.attention.activation, *own)
