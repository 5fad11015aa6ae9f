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
from orderparams.run.altered import with_fluctuations, with_strength
from orderparams.run.decidable import RARE
from orderparams.run.fluctuations import noise_of
from orderparams.run.solve import solve

ROUGH = 1e-3
"""Tolerances of the flow along which one looks."""

LOOKS = np.append(0.0, np.geomspace(0.01, 1.0, 10))
"""Parts of the duration at which one looks at what fluctuates."""


class Choice(NamedTuple):
    """A test that was not asked for, why it is taken, and the time ``until`` which SGD is judged by
    it."""

    test: str
    why: str
    until: float = np.inf


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
    until, duration = not_rare(problem), problem.training.duration
    why = "innovations of SGD in one dimension, whose fluctuations are known"
    rare = "rare sequences make most of what some order parameters fluctuate by"
    if until == 0:
        return by_replicas(rare)
    if until == duration:
        return Choice("innovations", why)
    why = f"{why}; until t = {until:.4g} of {duration:g}: later {rare}"
    return Choice("innovations", why, until)


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


def not_rare(problem: Any) -> float:
    """The last time, of those looked at, before the variance of some combination of order
    parameters is on the flow that of a single one of the sequences that are looked at: too few of
    them know it."""
    asked, until = with_fluctuations(problem), 0.0
    duration: float = problem.training.duration
    with phase("what fluctuates along the flow"):
        try:
            run = solve(roughly(with_strength(asked, 1.0)), times=LOOKS * duration)
            flow = flow_of(asked)
            noise = noise_of(asked, flow, 2)
            for index, time in enumerate(run.time):
                if noise.share(time, flow.point(run.state(index))) > RARE:
                    return until
                until = float(time)
        except SolverError:
            pass
    return duration


def roughly(problem: Any) -> Any:
    """The same problem, whose flow is followed less exactly."""
    rtol, atol = (max(ROUGH, one) for one in (problem.integrator.rtol, problem.integrator.atol))
    integrator = dataclasses.replace(problem.integrator, rtol=rtol, atol=atol)
    return dataclasses.replace(problem, integrator=integrator)
