"""SGD that is simulated in one dimension, be it by one replica, and judged by its innovations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from orderparams.config import Problem
from orderparams.config.plain import plain
from orderparams.config.sections import check_of
from orderparams.config.unused import heed, ruled_out
from orderparams.config.values import sequence
from orderparams.errors import ConfigurationError, SolverError
from orderparams.models import registry
from orderparams.results.innovations import Innovations
from orderparams.results.validation import at_value, value_of
from orderparams.run.innovations import innovations
from orderparams.run.restarts import with_fluctuations
from orderparams.run.simulate import simulate

Report = Callable[[float, str], None]

SHARE = 0.3
"""Of the work that is simulation, about."""


def in_one_dimension(problem: Any, chosen: Sequence[float] | None) -> Problem:
    """The problem in the dimension that is ``chosen``, if one is.

    :class:`ConfigurationError` for several.
    """
    limit = registry.limit(problem.model)
    with_fluctuations(problem)
    if chosen is not None:
        check = check_of(limit.key, type(problem))
        chosen = sequence(check, "list of dimensions")(plain(chosen), "dimensions")
        if len(chosen) != 1:
            raise ConfigurationError(
                f"innovations are judged in one dimension, and these are {len(chosen)}; give one, "
                "or use the test 'replicas'",
                argument="dimensions",
            )
    problem = heed(problem, "validate", ruled_out(limit, chosen), depth=4)
    size = chosen[0] if chosen else value_of(problem)
    simulation = dataclasses.replace(problem.simulation, dimension=size)
    found: Problem = dataclasses.replace(problem, simulation=simulation)
    return found


def judged_by_innovations(
    problem: Any,
    rule: str,
    false_alarm: float,
    workers: int,
    risks: bool,
    told: Report | None,
) -> Innovations:
    """The verdict on replicas that are simulated, in the dimension of the problem.

    :class:`SolverError` where SGD diverges or the theory cannot be solved.
    """

    def simulated(done: int, steps: int) -> None:
        if told is not None:
            told(SHARE * done / steps, "simulation")

    def judged(part: float, what: str) -> None:
        if told is not None:
            told(SHARE + (1 - SHARE) * part, what)

    dimension = problem.simulation.dimension
    run = simulate(at_value(problem, dimension), workers=workers, risks=risks, progress=simulated)
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
    )
    return dataclasses.replace(found, simulation=run)
