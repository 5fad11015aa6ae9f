"""SGD that is simulated in one dimension, be it by one replica, and judged by its innovations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.models import registry
from orderparams.models.interface import model_of
from orderparams.results.innovations import Innovations
from orderparams.results.unfinished import Plan
from orderparams.run.doubts import FEWEST_STEPS
from orderparams.run.innovations import innovations, limit_of_dof
from orderparams.run.kept import Kept
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


def in_one_dimension(problem: Any, plan: Plan) -> Problem:
    """The problem in the dimension of a plan, with few enough replicas where its test was not asked
    for."""
    simulation = dataclasses.replace(problem.simulation, dimension=plan.values[0])
    found: Problem = dataclasses.replace(problem, simulation=simulation)
    return few_enough(found, entries_of(found)) if plan.why else found


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
    kept: Kept, workers: int, risks: bool, told: Report | None
) -> Innovations:
    """The verdict on replicas that are simulated in the dimension of a plan, until its time.

    :class:`SolverError` where SGD diverges or the theory cannot be solved.
    """

    def simulated(part: float) -> None:
        if told is not None:
            told(SHARE * part, "simulation")

    def judged(part: float, what: str) -> None:
        if told is not None:
            told(SHARE + (1 - SHARE) * part, what)

    plan, problem = kept.plan, in_one_dimension(kept.problem, kept.plan)
    dimension = problem.simulation.dimension
    times = all_times(problem, plan.until)
    run = kept.simulated(dimension, workers, risks, simulated, problem, times)
    _, own = np.unique(run.records.step, return_index=True)
    parameters = {name: values[:, own] for name, values in run.records.parameters.items()}
    found = innovations(
        problem,
        dimension,
        run.time[own],
        parameters,
        rule=problem.training.rule,
        false_alarm=plan.false_alarm,
        told=judged,
        intervals=max(1, min(INTERVALS, problem.output.points - 1)),
    )
    return dataclasses.replace(found, simulation=run)
