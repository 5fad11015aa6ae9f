"""SGD that is simulated in one dimension, be it by one replica, and judged by its innovations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.config.plain import plain
from orderparams.config.sections import check_of
from orderparams.config.unused import heed, ruled_out
from orderparams.config.values import sequence
from orderparams.errors import ConfigurationError, SolverError
from orderparams.models import registry
from orderparams.models.interface import model_of
from orderparams.results.innovations import Innovations
from orderparams.results.validation import at_value, value_of
from orderparams.run.doubts import FEWEST_STEPS
from orderparams.run.fitting import check_fluctuating
from orderparams.run.innovations import innovations, limit_of_dof
from orderparams.run.simulate import run as simulate
from orderparams.run.times import output_times

Array = NDArray[np.float64]
Report = Callable[[float, str], None]

LEAST_INTERVALS = 4
"""For which replicas are left out where they are too many."""

MOST_DRAWN = 1
"""Replicas that begin apart, if the number is not asked for with the test."""

INTERVALS = 10
"""Where the flow is not unstable."""

EARLY = 60
"""Times at which intervals may end that are not stored otherwise."""

SHARE = 0.3
"""Of the work that is simulation, about."""


def few_enough(problem: Any, size: int) -> Problem:
    """The problem with no more replicas than can be judged in its dimension, of ``size`` order
    parameters over LEAST_INTERVALS intervals; and than MOST_DRAWN where each has a start, and so
    fluctuations, of its own."""
    most = int(limit_of_dof(problem.simulation.dimension) / (size * LEAST_INTERVALS))
    if problem.initial.kind == "random":
        most = min(most, MOST_DRAWN)
    replicas = min(problem.simulation.replicas, max(1, most))
    simulation = dataclasses.replace(problem.simulation, replicas=replicas)
    found: Problem = dataclasses.replace(problem, simulation=simulation)
    return found


def in_one_dimension(problem: Any, chosen: Sequence[float] | None, by_default: bool) -> Problem:
    """The problem in the dimension that is ``chosen``, if one is, with few enough replicas where
    the test is taken ``by_default``.

    :class:`ConfigurationError` for several.
    """
    limit = registry.limit(problem.model)
    check_fluctuating(problem)
    if chosen is not None:
        check = check_of(limit.key, type(problem))
        chosen = sequence(check, "list of dimensions")(plain(chosen), "dimensions")
        if len(chosen) != 1:
            raise ConfigurationError(
                f"are {len(chosen)}, and innovations are judged in one; give one, or use the test "
                "'replicas'",
                argument="dimensions",
            )
    problem = heed(problem, "validate", ruled_out(limit, chosen), depth=4)
    size = chosen[0] if chosen else value_of(problem)
    simulation = dataclasses.replace(problem.simulation, dimension=size)
    found: Problem = dataclasses.replace(problem, simulation=simulation)
    return few_enough(found, entries_of(found)) if by_default else found


def entries_of(problem: Any) -> int:
    """How many numbers the order parameters of the start have."""
    start = model_of(problem).flow(problem)
    state = start.state(start.initial_state)
    table = registry.configuration(problem.model).order_parameters(problem)
    return sum(len(list(one.entries(state[one.name].shape))) for one in table)


def all_times(problem: Any, until: float) -> Array:
    """Those of the output ``until`` a time, and EARLY or less in between, closer the earlier: what
    starts from little grows fast at first, or after a time in which it grows slowly."""
    duration = problem.training.duration
    stored = output_times(problem.output, duration)
    end = min(duration, until)
    first = FEWEST_STEPS * problem.training.effective_rate / problem.simulation.dimension
    early = np.geomspace(first, max(end, first), EARLY)
    found: Array = np.union1d(stored[stored <= end], [*early[early < end], end])
    return found


def judged_by_innovations(
    problem: Any,
    until: float,
    rule: str,
    false_alarm: float,
    workers: int,
    risks: bool,
    told: Report | None,
) -> Innovations:
    """The verdict on replicas that are simulated, in the dimension of the problem, ``until`` a
    time.

    :class:`SolverError` where SGD diverges or the theory cannot be solved.
    """

    def simulated(done: int, steps: int) -> None:
        if told is not None:
            told(SHARE * done / steps, "simulation")

    def judged(part: float, what: str) -> None:
        if told is not None:
            told(SHARE + (1 - SHARE) * part, what)

    dimension = problem.simulation.dimension
    run = simulate(
        at_value(problem, dimension),
        workers,
        risks,
        simulated,
        checkpoint=None,
        interval=np.inf,
        resume=None,
        times=all_times(problem, until),
    )
    if run.status == "interrupted":
        raise KeyboardInterrupt
    if run.status == "failed":
        raise SolverError(run.message)
    _, own = np.unique(run.records.step, return_index=True)
    parameters = {name: values[:, own] for name, values in run.records.parameters.items()}
    found = innovations(
        problem,
        dimension,
        run.time[own],
        parameters,
        rule=rule,
        false_alarm=false_alarm,
        told=judged,
        intervals=max(1, min(INTERVALS, problem.output.points - 1)),
    )
    return dataclasses.replace(found, simulation=run)
