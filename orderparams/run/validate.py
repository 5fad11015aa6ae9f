"""Theory and simulation from the same starts, closer and closer to the limit, and a verdict."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from orderparams import arguments, interruption
from orderparams.config import Problem
from orderparams.config.plain import plain
from orderparams.config.sections import check_of
from orderparams.config.toml import Settings
from orderparams.config.unused import heed, ruled_out
from orderparams.config.values import choice, sequence
from orderparams.errors import ConfigurationError
from orderparams.models import registry
from orderparams.progress import heard
from orderparams.results.comparison import FALSE_ALARM
from orderparams.results.innovations import Innovations
from orderparams.results.unfinished import Plan, Unfinished
from orderparams.results.validation import Validation, value_of
from orderparams.run.fitting import Choice, check_fluctuating, fitting_test
from orderparams.run.kept import Checkpoint, Kept
from orderparams.run.means import default_values, judged_by_means
from orderparams.run.one_dimension import judged_by_innovations
from orderparams.sources import Source, load

Report = Callable[[float, str], None]


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
    checkpoint: Checkpoint | None = None,
    interval: float = 60.0,
    resume: Unfinished | None = None,
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
        replicas than can be judged in little time, where the fluctuations of SGD are known and as
        long as they are not those of rare sequences, unless several ``dimensions`` or
        ``learning_rates``, or the ``start`` "mean" are given.
    workers
        Threads. The result does not depend on their number.
    risks
        False leaves the population risk of the replicas, which no verdict needs, unknown but at
        the end.
    progress
        True shows how far the work is. A function is called with the fraction done and what is
        being done.
    checkpoint, interval
        A function that is called every ``interval`` seconds of simulation, and before an interrupt
        is raised, with the simulations so far.
    resume
        What a checkpoint got, of the same problem: its validation goes on as it was asked for, to
        the bits of an uninterrupted one.

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
    arguments.function(checkpoint, "checkpoint")
    workers = arguments.count(workers, "workers")
    interval = arguments.seconds(interval, "interval")
    false_alarm = arguments.probability(false_alarm, "false_alarm")
    problem = load(source, settings=settings)
    given = {"dimensions": dimensions, "learning_rates": learning_rates, "rule": rule}
    if resume is not None:
        check_begun(resume, problem, {**given, "test": test})
        rule = resume.problem.training.rule
    check_of("training.rule", type(problem))(rule or "sgd", "rule")
    training = dataclasses.replace(problem.training, rule=rule or "sgd")
    problem = dataclasses.replace(problem, training=training)
    if resume is None:
        resume = Unfinished(problem, planned(problem, given, start, false_alarm, test), {})
    plan = resume.plan
    problem = heed(problem, "validate", not_taken(problem, plan))
    kept = Kept(problem, plan, resume.simulations, checkpoint, interval)
    with heard(progress, lambda line: line) as told, interruption.keeping():
        try:
            if plan.test == "innovations":
                return judged_by_innovations(kept, workers, risks, told)
            return judged_by_means(kept, workers, risks, told)
        except KeyboardInterrupt:
            kept.interrupted()
            raise


def check_given(problem: Problem, given: Mapping[str, object]) -> None:
    """:class:`ConfigurationError` for an argument that has no meaning for a model."""
    limit = registry.limit(problem.model)
    where = f"SGD of model = {problem.model!r} tends to its theory {limit.when}"
    for name, value in given.items():
        if name != "rule" and name != limit.argument and value is not None:
            plural = name.replace("_", " ")
            raise ConfigurationError(f"{plural} are of no use: {where}", limit.argument)
    if given["rule"] is not None and not limit.noise:
        raise ConfigurationError(
            f"a rule of the theory is of no use: {where}, and has no noise term; leave it out"
        )


def planned(
    problem: Problem,
    given: Mapping[str, Any],
    start: str,
    false_alarm: float,
    test: str | Choice | None,
) -> Plan:
    """How a problem is validated; :class:`ConfigurationError` where that has no meaning."""
    check_given(problem, given)
    choice("replica", "mean")(start, "start")
    limit, chosen = registry.limit(problem.model), given[registry.limit(problem.model).argument]
    if test is None:
        test = fitting_test(problem, given["dimensions"], given["learning_rates"], start)
    if not isinstance(test, Choice):
        choice("replicas", "innovations")(test, "test")
        test = Choice(test, "")
    one = test.test == "innovations"
    if one:
        if start != "replica":
            raise ConfigurationError(
                "does not go with innovations, which begin with each replica's own state; leave it "
                "out",
                argument="start",
            )
        check_fluctuating(problem)
    if chosen is not None:
        check = check_of(limit.key, type(problem))
        chosen = sequence(check, f"list of {limit.plural}")(plain(chosen), limit.argument)
    own = [value_of(problem)] if one else default_values(problem)
    values = tuple(limit.approached(chosen or own))
    if one and len(values) != 1:
        raise ConfigurationError(
            f"are {len(values)}, and innovations are judged in one; give one, or use the test "
            "'replicas'",
            argument=limit.argument,
        )
    if chosen and not one and len(values) < 2:
        raise ConfigurationError(
            f"validation takes out the bias of order {limit.order} with two "
            f"{limit.plural}, not one",
            limit.argument,
        )
    if not one and problem.simulation.replicas < 2:
        raise ConfigurationError(
            f"simulation.replicas = {problem.simulation.replicas}: a comparison needs at least 2 "
            "replicas, for there is no spread without them"
        )
    return Plan(*test, values, bool(chosen), start, false_alarm)


def not_taken(problem: Problem, plan: Plan) -> Any:
    """What the values of a plan stand for in a problem."""
    return ruled_out(registry.limit(problem.model), plan.values if plan.chosen else None)


def check_begun(begun: Unfinished, problem: Problem, given: Mapping[str, object]) -> None:
    """:class:`ConfigurationError` unless a validation can go on with this problem, and nothing else
    is asked for."""
    if not isinstance(begun, Unfinished):
        raise ConfigurationError(
            f"resume: expected a validation that was interrupted, as a checkpoint gets it, got "
            f"{begun!r}"
        )
    if several := [name for name, value in given.items() if value is not None]:
        raise ConfigurationError(
            f"{', '.join(several)}: of no use beside resume, which goes on with the validation as "
            "it was begun; leave it out"
        )
    training = dataclasses.replace(problem.training, rule=begun.problem.training.rule)
    if begun.problem != dataclasses.replace(problem, training=training):
        raise ConfigurationError(
            "the validation to resume was begun with another configuration; resume it with its "
            "own, or start a new one"
        )
