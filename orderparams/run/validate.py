"""Theory and simulation from the same starts, closer and closer to the limit, and a verdict."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from orderparams import arguments
from orderparams.config import Problem
from orderparams.config.plain import plain
from orderparams.config.sections import check_of
from orderparams.config.toml import Settings
from orderparams.config.unused import heed, ruled_out
from orderparams.config.values import choice, sequence
from orderparams.errors import ConfigurationError, SolverError
from orderparams.models import registry
from orderparams.models.limit import Limit, Value
from orderparams.phases import phase
from orderparams.progress import heard
from orderparams.results.comparison import FALSE_ALARM, extremes
from orderparams.results.innovations import Innovations
from orderparams.results.simulation import SimulationRun
from orderparams.results.trajectory import Trajectory
from orderparams.results.validation import Validation, at_value, value_of
from orderparams.run.compare import NEGLIGIBLE, compare, course_pvalue, without_bias
from orderparams.run.doubts import FEWEST_STEPS, Grounds, doubt, resolution
from orderparams.run.fitting import Choice, fitting_test
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
from orderparams.run.nodes import moved_by_nodes
from orderparams.run.one_dimension import in_one_dimension, judged_by_innovations
from orderparams.run.simulate import simulate
from orderparams.run.spread import near_the_limit, scaling, until
from orderparams.sources import Source, load

Array = NDArray[np.float64]
Report = Callable[[float, str], None]


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


def validate(
    source: Source,
    *,
    settings: Settings | None = None,
    dimensions: Sequence[int] | None = None,
    learning_rates: Sequence[float] | None = None,
    start: str = "replica",
    rule: str | None = None,
    false_alarm: float = FALSE_ALARM,
    test: str | Choice | None = None,
    workers: int = 1,
    risks: bool = True,
    progress: Report | bool | None = None,
) -> Validation | Innovations:
    """Simulate SGD, solve the theory from the same starts, and judge it.

    By innovations in one dimension, be it of one replica (docs/fluctuations.md), or by means over
    replicas in two or more dimensions (docs/validation.md).

    A model with a few numbers that learn tends to its theory at small learning rates, whatever the
    dimension: it is simulated at two or more learning rates instead.

    Parameters
    ----------
    source
        A problem in any form that :func:`orderparams.load` takes, such as the name of a preset.
    settings
        Changes to it, as :func:`orderparams.load` takes them.
    dimensions
        Where SGD is simulated; left out, ``simulation.dimension`` and a quarter of it.
    learning_rates
        The same of such a model; left out, ``training.learning_rate`` and four times as much.
    start
        "replica": the theory starts from each replica's own state; "mean": from their mean.
    rule
        "sgd", also if left out: the theory has the noise term V of the learning rate, where there
        is one; "gradient-flow": it has not.
    false_alarm
        Probability with which a right theory is rejected.
    test
        "replicas": means over replicas are compared; "innovations": what SGD does between stored
        times, which takes one replica and one dimension. Left out, innovations, of no more
        replicas than can be judged in little time, where the fluctuations of SGD are known and are
        not those of rare sequences, unless several ``dimensions`` or ``learning_rates``, or the
        ``start`` "mean" are given.
    workers
        Threads. The result does not depend on their number.
    risks
        False leaves the population risk of the replicas, which no verdict needs, unknown but at
        the end.
    progress
        True shows how far the work is. A function is called with the fraction done and what is
        being done.

    Raises
    ------
    ConfigurationError
        Where the problem has no meaning, or for fewer than two replicas or dimensions.
    SolverError
        Where the theory cannot be solved.

    Examples
    --------
    >>> small = {"simulation.replicas": 4, "training.duration": 1, "output.points": 4}
    >>> found = op.validate("single-head", settings=small, dimensions=[20, 80])
    >>> found.verdict in ("agree", "disagree", "inconclusive")
    True
    """
    workers = arguments.count(workers, "workers")
    false_alarm = arguments.probability(false_alarm, "false_alarm")
    problem = load(source, settings=settings)
    choice("replica", "mean")(start, "start")
    if test is not None and not isinstance(test, Choice):
        choice("replicas", "innovations")(test, "test")
    limit = registry.limit(problem.model)
    given = {"dimensions": dimensions, "learning_rates": learning_rates}
    check_given(problem, limit, {**given, "rule": rule})
    check_of("training.rule", type(problem))(rule or "sgd", "rule")
    training = dataclasses.replace(problem.training, rule=rule or "sgd")
    problem = dataclasses.replace(problem, training=training)
    if test is None:
        test = fitting_test(problem, dimensions, learning_rates, start)
    by_default, end = isinstance(test, Choice), np.inf
    if isinstance(test, Choice):
        test, _, end = test
    if test == "innovations":
        if start != "replica":
            raise ConfigurationError(
                "does not go with innovations, which begin with each replica's own state; leave it "
                "out",
                argument="start",
            )
        problem = in_one_dimension(problem, dimensions, by_default)
        with heard(progress, lambda line: line) as told:
            return judged_by_innovations(
                problem, end, rule or "sgd", false_alarm, workers, risks, told
            )
    chosen = given[limit.argument]
    if chosen is not None:
        words, check = limit.plural, check_of(limit.key, type(problem))
        chosen = sequence(check, f"list of {words}")(plain(chosen), limit.argument)
    problem = heed(problem, "validate", ruled_out(limit, chosen))
    values = limit.approached(chosen or default_values(problem))
    if len(values) < 2:
        raise ConfigurationError(
            f"validation takes out the bias of order {limit.order} with two "
            f"{limit.plural}, not one",
            limit.argument,
        )
    if problem.simulation.replicas < 2:
        raise ConfigurationError(
            f"simulation.replicas = {problem.simulation.replicas}: a comparison needs at least 2 "
            "replicas, for there is no spread without them"
        )
    with heard(progress, lambda line: line) as told:
        return validated(problem, values, start, false_alarm, workers, risks, told, bool(chosen))


def check_given(problem: Problem, limit: Limit, given: Mapping[str, object]) -> None:
    """:class:`ConfigurationError` for an argument that has no meaning for a model."""
    where = f"SGD of model = {problem.model!r} tends to its theory {limit.when}"
    for name, value in given.items():
        if name != "rule" and name != limit.argument and value is not None:
            plural = name.replace("_", " ")
            raise ConfigurationError(f"{plural} are of no use: {where}", limit.argument)
    if given["rule"] is not None and not limit.noise:
        raise ConfigurationError(
            f"a rule of the theory is of no use: {where}, and has no noise term; leave it out"
        )


def validated(
    problem: Problem,
    values: Sequence[Value],
    start: str,
    false_alarm: float,
    workers: int,
    risks: bool,
    told: Report | None,
    chosen: bool,
) -> Validation:
    """The same of a problem at these values, ``chosen`` unless they are those of its own."""
    limit = registry.limit(problem.model)
    total = float(sum(map(limit.size, values)))
    simulations: dict[Value, SimulationRun] = {}
    theory: dict[Value, list[Trajectory]] = {}
    for value in values:
        size, finished = limit.size(value), sum(map(limit.size, simulations))
        place = limit.at(value)

        def progress(
            done: int, steps: int, size: Value = size, before: Value = finished, place: str = place
        ) -> None:
            if told is not None:
                told((before + size * done / steps) / total, f"simulation, {place}")

        setting = at_value(problem, value)
        try:
            run = simulate(setting, workers=workers, risks=risks, progress=progress)
        except ConfigurationError as error:
            part = not chosen and value != value_of(problem)
            raise error.within(f"validation at {place}{f', {limit.default}' * part}") from None
        if run.status == "interrupted":
            raise KeyboardInterrupt
        if run.status == "failed":
            raise SolverError(run.message)
        simulations[value] = run
        if told is not None:
            told((finished + size) / total, f"theory, {place}")
        with phase(f"theory from the starts at {place}"):
            theory[value] = theory_of(problem, run, start, theory.values())
    with phase("the verdict"):
        return judged(problem, simulations, theory, false_alarm)


def against(problem: Problem, simulations: dict[Value, SimulationRun]) -> Validation:
    """The verdict on simulations that have been made, by what leads to the limit, and the theory of
    a problem's rule from the starts of their replicas."""
    theory: dict[Value, list[Trajectory]] = {}
    for value, run in simulations.items():
        theory[value] = theory_of(problem, run, "replica", theory.values())
    return judged(problem, simulations, theory, FALSE_ALARM)
