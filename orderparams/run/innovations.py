"""Innovations of measured order parameters, and whether they are what SGD adds by chance.

Between two times t_i and t_{i+1} with X_i measured, SGD has the mean and covariance of
:mod:`restarts`. Whitened, what it does beside that,

    ε_i = D^½ chol(Q_i)⁻¹ (X_{i+1} − X̂_{i+1} − r_i/D),

is N(0, 1) in n order parameters, independent from interval to interval and over replicas. As every
interval starts from what was measured, no instability of the flow grows over more than one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams import interruption
from orderparams.config import Problem
from orderparams.errors import ConfigurationError
from orderparams.models import registry
from orderparams.models.interface import State
from orderparams.models.schedule import schedule_of
from orderparams.phases import phase
from orderparams.results.causes import expected
from orderparams.results.comparison import FALSE_ALARM
from orderparams.results.fluctuations import LARGE
from orderparams.results.innovations import Innovations
from orderparams.run.altered import coarsened, with_fluctuations
from orderparams.run.decidable import doubt, inexact
from orderparams.run.explain import explained
from orderparams.run.intervals import FINEST, Plan, parted
from orderparams.run.restarts import Restarts
from orderparams.run.scores import score_tests
from orderparams.run.whiteness import mean_pvalue, resolution, spread_pvalue, waves
from orderparams.run.whitening import Measured, Whitened, slopes_of

Array = NDArray[np.float64]

Recognise = Callable[[Innovations], str]
"""What is said of a rejection; "" where there is nothing to say."""

MOST = 20
"""Intervals, where the flow is not unstable."""

FINER = 4
"""Times the nodes of expectations, once, where their errors could be what is seen."""

MOST_NODES = 2**18

EXCESS = 5.0
"""a: the variance of innovations is off by a relative a/D or less."""


def innovations(
    problem: Problem,
    dimension: int,
    time: Array,
    parameters: State,
    *,
    rule: str = "sgd",
    false_alarm: float = FALSE_ALARM,
    told: Callable[[float, str], None] | None = None,
    intervals: int = MOST,
    stepped: bool = False,
    recognised: Recognise | None = None,
) -> Innovations:
    """Innovations of order parameters (R, T, …), by name, that were measured in dimension D at
    times (T,) which increase from the start of SGD on, and the verdict. Those that are zero in the
    flow, but not in SGD, are judged as well where they were measured.

    ``rule`` is that of the theory; "gradient-flow" leaves V out of the flow, not out of the noise.
    There are so many ``intervals`` or less, and more where the flow is unstable. ``stepped`` says
    that steps in this dimension have told the times. What is wrong, where the theory is rejected,
    is what ``recognised`` says of the verdict, or the likeliest cause if that is "".

    :class:`ConfigurationError` where the fluctuations of SGD are not known, for times that do not
    increase, and for order parameters that are not those of the problem, not finite, or of no
    vectors; :class:`SolverError` where a flow cannot be followed.
    """
    given = (dimension, time, parameters, rule, false_alarm, told, intervals, stepped, recognised)
    found = judgement(problem, *given)
    finer = with_more_nodes(problem)
    if not inexact(found) or finer is problem:
        return found
    with phase("innovations again, with more nodes for the expectations"):
        again = judgement(finer, *given)
    return dataclasses.replace(again, problem=problem)


def with_more_nodes(problem: Any) -> Any:
    """The same problem with FINER times the samples of expectations, unless they are very many."""
    known: Any = getattr(problem, "expectation", None)
    samples = getattr(known, "samples", None)
    if samples is None or FINER * samples > MOST_NODES:
        return problem
    return dataclasses.replace(
        problem, expectation=dataclasses.replace(known, samples=FINER * samples)
    )


def judgement(
    problem: Problem,
    dimension: int,
    time: Array,
    parameters: State,
    rule: str,
    false_alarm: float,
    told: Callable[[float, str], None] | None,
    intervals: int,
    stepped: bool,
    recognised: Recognise | None,
) -> Innovations:
    """The innovations, with the expectations that the problem asks for."""
    asked = with_fluctuations(problem)
    check_measured(asked, time, parameters)
    asked = coarsened(asked, dimension, float(time[-1] - time[0]) / intervals)

    farthest = 0.0

    def pulse(t: float) -> None:
        nonlocal farthest
        interruption.check()
        if told is not None:  # an interval is gone through more than once
            farthest = min(max((t - time[0]) / (time[-1] - time[0]), farthest), 1.0)
            told(farthest, "innovations")

    with phase("the flow between measured times"):
        restarts = Restarts(asked, last_of(parameters), expected("drift", rule), pulse)
    x = restarts.packed(parameters)
    most = limit_of_dof(dimension) / (len(x) * x.shape[2])
    steps = schedule_of(problem).elapsed(time) * dimension / problem.training.effective_rate
    plan = Plan(steps, max(1, min(intervals, int(most))), min(FINEST * intervals, int(most)))
    labels = restarts.labels
    every = Measured(dimension, time, dict(parameters), x, sizes(x, labels))
    ends, found = parted(restarts, every, plan)
    measured = every.at(ends)
    result = judged(problem, measured, labels, found, rule, false_alarm, stepped=stepped)
    if result.verdict != "disagree":
        return result
    with phase("what is wrong"):
        if recognised is not None and (words := recognised(result)):
            return dataclasses.replace(result, explanation=words)
        return explained(result, asked, measured, found, pulse, stepped=stepped)


def last_of(parameters: State) -> State:
    """The last state of the first replica."""
    return {name: values[0, -1] for name, values in parameters.items()}


def check_measured(problem: Any, time: Array, parameters: State) -> None:
    """:class:`ConfigurationError` for what cannot be measured order parameters."""
    known = {one.name for one in registry.configuration(problem.model).order_parameters(problem)}
    if missing := sorted(known - set(parameters)):
        raise ConfigurationError(f"innovations need all order parameters; {missing[0]} is missing")
    if len(time) < 2 or not (np.diff(time) > 0).all() or not np.isfinite(time).all():
        raise ConfigurationError("innovations need two or more times that increase")
    for name in sorted(known):
        if not np.isfinite(parameters[name]).all():
            raise ConfigurationError(f"{name} is not finite: SGD diverged, or was not measured")


def limit_of_dof(dimension: int) -> float:
    """Up to how many squares a relative error a/D of their mean is small beside what chance does:
    0.2 (D/a)²."""
    return 0.2 * (dimension / EXCESS) ** 2


def sizes(x: Array, labels: list[str]) -> Array:
    """Of each order parameter of X (R, T, n), the largest size that its kind has."""
    kinds = np.array([label.partition("_")[0] for label in labels])
    largest = np.abs(x).max(axis=(0, 1))
    scale = np.array([largest[kinds == kind].max() for kind in kinds])
    scale[scale == 0] = 1.0
    return scale


def judged(
    problem: Problem,
    measured: Measured,
    labels: list[str],
    found: list[Whitened],
    rule: str,
    false_alarm: float,
    *,
    stepped: bool,
) -> Innovations:
    """The verdict on the intervals."""
    dimension, time, scale = int(measured.dimension), measured.time, measured.scale
    innovation = np.stack([one.innovation for one in found], axis=1)
    motion = np.stack([one.motion for one in found], axis=1)
    spreads = [one.spreads for one in found]
    growth = [
        max(spread.growth for spread in own) * length
        for own, length in zip(spreads, np.diff(time), strict=True)
    ]
    variances = [[spread.covariance.diagonal() for spread in own] for own in spreads]
    scaled = [spread.covariance / np.outer(scale, scale) for own in spreads for spread in own]
    result = Innovations(
        problem=problem,
        dimension=dimension,
        parameter=np.array(labels),
        time=time,
        measured=measured.x,
        innovation=innovation,
        motion=motion,
        predicted=np.stack([one.predicted for one in found], axis=1),
        standard_deviation=np.sqrt(np.swapaxes(variances, 0, 1) / dimension),
        mean_statistic=waves(innovation),
        pvalue_chi2=spread_pvalue(innovation),
        pvalue_mean=mean_pvalue(innovation),
        false_alarm=false_alarm,
        limit_of_dof=limit_of_dof(dimension),
        growth=max(growth),
        linear_dimension=float(np.linalg.eigvalsh(scaled)[:, -1].max()) / LARGE,
        engine_share=sum(one.share for one in found),
        sequence_share=max(spread.share for own in spreads for spread in own),
        resolution=resolution(innovation, motion, false_alarm),
        scores=tuple(score_tests(innovation, slopes_of(found), rule, stepped=stepped)),
        rule=rule,
    )
    steps = np.diff(schedule_of(problem).elapsed(time)) * dimension
    fewest = float(steps.min()) / problem.training.effective_rate
    return dataclasses.replace(result, doubt=doubt(result, fewest))
