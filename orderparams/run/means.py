"""Means over replicas at several values of what leads to the limit, compared with the theory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.errors import ConfigurationError
from orderparams.models import registry
from orderparams.models.limit import PARTS, Value
from orderparams.models.vectors.replicas import ShortDimension
from orderparams.phases import phase
from orderparams.results.comparison import FALSE_ALARM, extremes
from orderparams.results.simulation import SimulationRun
from orderparams.results.trajectory import Trajectory
from orderparams.results.validation import Validation, value_of
from orderparams.run.compare import NEGLIGIBLE, compare, course_pvalue, without_bias
from orderparams.run.doubts import FEWEST_STEPS, Grounds, doubt, resolution
from orderparams.run.from_starts import (
    common_times,
    courses,
    deviations,
    integration_errors,
    loss_deviation,
    mean_over_steps,
    motion,
    resolves,
    theory_of,
)
from orderparams.run.kept import Kept
from orderparams.run.nodes import moved_by_nodes
from orderparams.run.spread import near_the_limit, scaling, until

Array = NDArray[np.float64]
Report = Callable[[float, str], None]

FLOWS = 0.5
"""The work of flows from all starts, as a part of the work of the longest simulation, about."""


def default_values(problem: Problem) -> tuple[Value, Value]:
    """The configuration's value of what leads to the limit, such as D, and a coarser one for the
    bias of order 1/D."""
    limit = registry.limit(problem.model)
    value = value_of(problem)
    return limit.coarser(value), value


def correction(small: Array, size: Value, large: Array, other: Value) -> float:
    """What the extrapolation takes from deviations (R, T) at the larger size, as a ratio to what it
    leaves; both as root mean squares over time of the means over replicas."""
    first, second = small.mean(0), large.mean(0)
    taken = size * (first - second) / (other - size)
    left = float(np.linalg.norm(second - taken))
    return float(np.linalg.norm(taken)) / max(left, NEGLIGIBLE)


def judged(
    problem: Problem,
    simulations: dict[Value, SimulationRun],
    theory: dict[Value, list[Trajectory]],
    false_alarm: float,
) -> Validation:
    """The two simulations nearest to the limit compared, until replicas drift apart where they do,
    and whether they can decide."""
    limit = registry.limit(problem.model)
    parameters = {value: deviations(run, theory[value]) for value, run in simulations.items()}
    coarse, fine = limit.approached(simulations)[-2:]
    steps = simulations[coarse].records.step
    end = near_the_limit(parameters, limit.power, int((steps < FEWEST_STEPS).sum()) + 1)
    parameters = until(end, parameters)
    fall = scaling(parameters)
    small, large = limit.size(coarse), limit.size(fine)
    runs = {value: simulations[value] for value in (coarse, fine)}
    times = common_times(list(runs.values()))
    times = times[times < end]
    moved = until(end, {value: motion(run, theory[value]) for value, run in runs.items()})
    measured = {value: loss_deviation(run, theory[value], times) for value, run in runs.items()}
    told = np.all(
        [resolves(measured[value], theory[value], run.time[times]) for value, run in runs.items()],
        0,
    )
    losses = {value: {"loss": values[:, told]} for value, values in measured.items()}

    def extrapolated(values: dict[Value, dict[str, Array]]) -> dict[str, Array]:
        return without_bias(values[coarse], small, values[fine], large)

    loss_pvalue = course_pvalue(extrapolated(losses)["loss"])
    table = registry.configuration(problem.model).order_parameters(problem)
    amplified = (large + small) / (large - small)
    alike = {name: amplified * error for name, error in integration_errors(theory[fine]).items()}
    found = compare(
        extrapolated(parameters),
        table,
        besides=[loss_pvalue],
        false_alarm=false_alarm,
        alike=alike,
    )
    worst, apart, name = "the measured loss", losses, "loss"
    one: tuple[slice | int, ...] = (slice(None), slice(None))

    def read(flow: Trajectory) -> Array:
        if apart is losses:
            return mean_over_steps(flow, runs[fine].time[times])[told]
        return np.asarray(courses([flow], runs[fine])[name][one][0, :end], dtype=np.float64)

    least = next(iter(extremes(found, table)), None)
    if least is not None and not least.pvalue > loss_pvalue:
        worst, apart, name, one = least.name, parameters, least.parameter, (*one, *least.index)
    first, second = (apart[value][name][one] for value in runs)
    nodes = 0.0
    if found.rejects:
        deviation = extrapolated(apart)[name][one].mean(0)
        nodes = moved_by_nodes(theory[fine][0], read, deviation)
    grounds = Grounds(
        parameters=table,
        deviations=extrapolated(parameters),
        motion=extrapolated(moved),
        alike=alike,
        worst=worst,
        correction=correction(first, small, second, large),
        scaling=fall,
        coarser=coarse,
        steps=int(steps[end - 1]),
        times=end,
        limit=limit,
        nodes=nodes,
    )
    found = dataclasses.replace(found, resolution=resolution(found, grounds))
    doubts = filter(None, (found.doubt, doubt(found, grounds)))
    found = dataclasses.replace(found, doubt="\n".join(doubts))
    return Validation(problem, simulations, theory, found, loss_pvalue, fall)


def judged_by_means(kept: Kept, workers: int, risks: bool, told: Report | None) -> Validation:
    """The verdict on replicas that are simulated at the values of a plan.

    :class:`SolverError` where SGD diverges or the theory cannot be solved.
    """
    problem, plan = kept.problem, kept.plan
    limit = registry.limit(problem.model)
    flows = FLOWS * max(map(limit.size, plan.values))
    total = float(sum(limit.size(value) + flows for value in plan.values))
    simulations: dict[Value, SimulationRun] = {}
    theory: dict[Value, list[Trajectory]] = {}
    finished = 0.0

    def tell(part: float, size: float, what: str) -> None:
        if told is not None:
            told((finished + part * size) / total, what)

    for value in plan.values:
        size, place = limit.size(value), limit.at(value)
        simulated = partial(tell, size=size, what=f"simulation, {place}")
        solved = partial(tell, size=flows, what=f"theory, {place}")
        try:
            simulations[value] = kept.simulated(value, workers, risks, simulated)
        except ConfigurationError as error:
            if isinstance(error, ShortDimension) and not plan.chosen:
                raise error.of_part(PARTS, int(value_of(problem))) from None
            part = not plan.chosen and value != value_of(problem)
            raise error.within(f"validation at {place}{f', {limit.default}' * part}") from None
        finished += size
        solved(0.0)
        with phase(f"theory from the starts at {place}"):
            run, known = simulations[value], theory.values()
            theory[value] = theory_of(problem, run, plan.start, known, solved)
        finished += flows
    with phase("the verdict"):
        return judged(problem, simulations, theory, plan.false_alarm)


def against(problem: Problem, simulations: dict[Value, SimulationRun]) -> Validation:
    """The verdict on simulations that have been made, by what leads to the limit, and the theory of
    a problem's rule from the starts of their replicas."""
    theory: dict[Value, list[Trajectory]] = {}
    for value, run in simulations.items():
        theory[value] = theory_of(problem, run, "replica", theory.values())
    return judged(problem, simulations, theory, FALSE_ALARM)
