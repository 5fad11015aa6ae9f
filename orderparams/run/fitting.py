"""Which test of a validation fits a problem, if none is asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from orderparams.errors import ConfigurationError, SolverError
from orderparams.models.interface import model_of
from orderparams.models.vectors.fluctuations.consistency import ASKED
from orderparams.phases import phase
from orderparams.run.decidable import RARE
from orderparams.run.restarts import Restarts, with_fluctuations, with_strength
from orderparams.run.solve import solve

ROUGH = 1e-3
"""Tolerances of the flow along which one looks."""

LOOKS = (0.0, 0.25, 0.5, 1.0)
"""Parts of the duration at which one looks at what fluctuates."""


class Choice(NamedTuple):
    """A test that was not asked for, and why it is taken."""

    test: str
    why: str


def fitting_test(
    problem: Any,
    dimensions: Sequence[float] | None = None,
    learning_rates: Sequence[float] | None = None,
    start: str = "replica",
) -> Choice:
    """That of innovations where fluctuations are known and can decide, and nothing is asked for
    that needs several dimensions."""
    if learning_rates is not None or (dimensions is not None and np.size(dimensions) != 1):
        return by_replicas("several values were given")
    if start != "replica":
        return by_replicas("the theory starts from the mean")
    try:
        check_fluctuating(problem)
    except ConfigurationError as error:
        return by_replicas(first_reason(error))
    if flow_of(problem).costly:
        return by_replicas("innovations would take longer")
    if is_rare(problem):
        return by_replicas("rare sequences make most of what some order parameters fluctuate by")
    return Choice(
        "innovations", "innovations of SGD in one dimension, whose fluctuations are known"
    )


def first_reason(error: ConfigurationError) -> str:
    """Why fluctuations are not known, without what could be done."""
    whole, *each = str(error).splitlines()
    known = each[0].strip() if each else whole.split(": ", 1)[-1]
    return known.split("; ", 1)[0].replace(ASKED, "what is known of fluctuations")


def by_replicas(why: str) -> Choice:
    """The other test."""
    return Choice("replicas", f"means over replicas, for {why}")


def check_fluctuating(problem: Any) -> None:
    """:class:`ConfigurationError` unless all order parameters fluctuate from the start on, as is
    known."""
    with_fluctuations(problem)
    if flow_of(problem).merged:
        raise ConfigurationError(
            "innovations need order parameters that all scatter: vectors that start equal stay "
            "equal; use the test 'replicas', or another start"
        )


def flow_of(problem: Any) -> Any:
    """The flow of a problem of vectors."""
    return model_of(problem).flow(problem)


def is_rare(problem: Any) -> bool:
    """Whether on the flow the variance of some combination of order parameters is that of a single
    one of the sequences that are looked at: too few of them know it."""
    asked, times = with_fluctuations(problem), np.array(LOOKS) * problem.training.duration
    with phase("what fluctuates along the flow"):
        try:
            run = solve(roughly(with_strength(asked, 1.0)), times=times)
            for index, time in enumerate(run.time):
                restarts = Restarts(asked, run.state(index), 1.0, lambda _: None)
                local = restarts.noise.at(time, restarts.flow.initial_state, lambda: None)
                if local.share > RARE:
                    return True
        except SolverError:
            pass
    return False


def roughly(problem: Any) -> Any:
    """The same problem, whose flow is followed less exactly."""
    rtol, atol = (max(ROUGH, one) for one in (problem.integrator.rtol, problem.integrator.atol))
    integrator = dataclasses.replace(problem.integrator, rtol=rtol, atol=atol)
    return dataclasses.replace(problem, integrator=integrator)
