"""What in-context regression does: its flow, its replicas of SGD, risks to compare with."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import NoReturn

import numpy as np
from numpy.typing import ArrayLike

from orderparams.errors import ConfigurationError, SolverError
from orderparams.models.findings import Course, Finding
from orderparams.models.in_context.chapters import chapters
from orderparams.models.in_context.config import NO_VECTORS
from orderparams.models.in_context.flow import Flow, engine_of
from orderparams.models.in_context.interpolation import reach_of, rules_of
from orderparams.models.in_context.linear import by_closed_form
from orderparams.models.in_context.lone import LoneHead
from orderparams.models.in_context.minima import Told, least
from orderparams.models.in_context.quadrature import OWN, reach_of_quadrature
from orderparams.models.in_context.radii import RADII
from orderparams.models.in_context.references import references as known_risks
from orderparams.models.in_context.replicas import Heads
from orderparams.models.in_context.sections import MOST_BLOCKS, Problem
from orderparams.models.in_context.setup import prompts_of
from orderparams.models.in_context.single_head import best
from orderparams.models.interface import Reference, State

DIGITS = {1: 14.0, 2: 9.0, 3: 6.0}
"""Digits (natural logarithms) of the search for the best single head, by number of blocks."""


def references(problem: Problem) -> Mapping[str, Reference]:
    """The Bayes risk first, then what heads can do."""
    return {**compared(problem), "single_head_risk": single_head(problem)}


def compared(problem: Problem) -> Mapping[str, Reference]:
    """Those of them that take no search."""
    attention = problem.attention
    return known_risks(prompts_of(problem), attention.heads, attention.activation)


def single_head(problem: Problem) -> Reference:
    """The least risk of one head; NaN where it is out of range."""
    blocks = len(problem.task.blocks)
    if problem.attention.activation == "softmax" and blocks > MOST_BLOCKS:
        why = f"it is searched by quadrature, which takes at most {MOST_BLOCKS} blocks"
        return Reference(np.nan, np.nan, why)
    return searched(Problem(task=problem.task, attention=problem.attention))


@functools.lru_cache(64)
def searched(problem: Problem) -> Reference:
    """The same, once for all runs of a task."""
    prompts = prompts_of(problem)
    try:
        if problem.attention.activation == "linear":
            found, *_ = best(functools.partial(by_closed_form, prompts), prompts)
        else:
            head = LoneHead(prompts, DIGITS[len(prompts.blocks)])
            found, *_ = best(head, prompts, head.with_error)
    except SolverError as error:
        return Reference(np.nan, np.nan, str(error))
    return Reference(float(found.risk.sum()), len(found.risk) * found.error)


def flow(problem: Problem) -> Flow:
    """The flow of a problem."""
    return Flow(problem)


def descent(problem: Problem, tolerance: float) -> NoReturn:
    """Refused: the heads are no vectors in R^D."""
    raise ConfigurationError(NO_VECTORS)


def geometry(problem: Problem) -> NoReturn:
    """Refused likewise."""
    raise ConfigurationError(NO_VECTORS)


def findings(problem: Problem, run: Course, told: Told) -> list[Finding]:
    """Groups of heads, growth from the origin, stages, the end and the optimum."""
    return chapters(problem, run, told)


def optimum(problem: Problem, start: State | None) -> tuple[float, State, float]:
    """The lowest risk found, where, and the largest slope that is left there."""
    return least(problem, start)


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
    return f"lower {key}{bound(problem)}"


def bound(problem: Problem) -> str:
    """How large ω may be on all blocks together, where there is a bound."""
    blocks, engine = problem.task.blocks, engine_of(problem)
    if engine not in ("tables", "quadrature"):
        return ""
    count = problem.expectation.radii or RADII[len(blocks)]
    rules = rules_of(blocks, count)[: 1 if engine == "quadrature" else 2]
    far = max(np.linalg.norm(radii, axis=1).max() for radii, *_ in rules)
    pairs, auto = problem.attention.heads > 1, problem.expectation.engine == "auto"
    if engine == "quadrature":
        reach = reach_of_quadrature(pairs=pairs, quick=auto)
    else:
        reach = reach_of(pairs=pairs, beyond=auto and pairs)
    most = reach / far
    if problem.task.query_in_softmax:
        most = min(most, OWN / far**2)
    return f" (|ω| up to {np.floor(1000 * most) / 1000:g} on every block is in range)"


def kernel_key(problem: Problem, simulated: bool) -> tuple[object, ...]:
    """What decides which kernels are needed."""
    own = (problem.simulation.backend,) if simulated else ()
    return (problem.attention.activation, *own)
