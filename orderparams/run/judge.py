"""Somebody's own simulation, held against the theory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from orderparams import arguments
from orderparams.config import Problem
from orderparams.config.plain import plain
from orderparams.config.sections import check_of
from orderparams.config.toml import Settings
from orderparams.config.unused import heed, warn
from orderparams.config.values import integer
from orderparams.errors import ConfigurationError, SolverError
from orderparams.measured.measure import Measured, measured
from orderparams.measured.scales import elsewhere
from orderparams.measured.sources import Data, read_data
from orderparams.measured.written import Written
from orderparams.phases import phase
from orderparams.progress import heard
from orderparams.results.comparison import FALSE_ALARM
from orderparams.results.innovations import Innovations
from orderparams.run.altered import with_fluctuations
from orderparams.run.innovations import innovations
from orderparams.run.recognised import recognised
from orderparams.sources import Source, load

Report = Callable[[float, str], None]

NOTHING = "-"
"""What is said of a rejection where nobody asks."""

LARGEST = 2**53
"""Of dimensions."""


def judge(
    data: Data,
    source: Source | None = None,
    *,
    settings: Settings | None = None,
    dimension: int | None = None,
    rule: str | None = None,
    false_alarm: float = FALSE_ALARM,
    progress: Report | bool | None = None,
) -> Innovations:
    """Hold order parameters that somebody has measured in SGD against the theory (docs/judge.md).

    Parameters
    ----------
    data
        The path of a CSV, npz or HDF5 file, ``-`` for CSV from standard input, arrays by name, a
        data frame, or a simulation: ``time`` or ``step``, and all order parameters by their
        symbols, entry by entry (``m_1_1``, …) or as arrays (T, …) or (R, T, …); or vectors.
    source, settings
        A problem in any form that :func:`orderparams.load` takes, and changes to it; left out, the
        one that the data say themselves, as files of simulations do.
    dimension
        D in which SGD was run; left out, what the data say themselves.
    rule
        "sgd", also if left out, or "gradient-flow": the theory without the noise term V.
    false_alarm
        Probability with which a right theory is rejected.
    progress
        True shows how far the work is. A function is called with the fraction done and what is
        being done.

    Raises
    ------
    FileError
        Where a file cannot be read.
    ConfigurationError
        For data that cannot be what they claim to be, and where fluctuations are not known.
    SolverError
        Where the theory cannot be solved.

    Examples
    --------
    >>> small = {"simulation.dimension": 500, "simulation.replicas": 1, "training.duration": 4}
    >>> run = op.simulate("finite-learning-rate", settings=small | {"output.points": 5})
    >>> m, q = run["overlap"], run["self_overlap"]
    >>> data = {"time": run.time, "m": m, "q": q}
    >>> op.judge(data, "finite-learning-rate", dimension=500).verdict
    'agree'
    """
    false_alarm = arguments.probability(false_alarm, "false_alarm")
    if dimension is not None:
        dimension = integer(1, LARGEST)(plain(dimension), "dimension")
    with phase("reading the data"):
        written = read_data(data)
    problem = load(configuration(written, source), settings=settings)
    check_of("training.rule", type(problem))(rule or "sgd", "rule")
    problem = heed(by_rule(problem, "sgd"), "judge")
    with heard(progress, lambda line: line) as told:
        found, warnings = judged(written, problem, dimension, rule or "sgd", false_alarm, told)
    warn("; ".join(warnings))
    return found


def configuration(written: Written, source: Source | None) -> Source:
    """The source of a problem; :class:`ConfigurationError` if there is none."""
    if source is not None:
        return source
    if written.problem is None:
        raise ConfigurationError(
            f"{written.place} does not say what was simulated: name a preset or a configuration "
            "as well"
        )
    return written.problem


def judged(
    written: Written,
    problem: Any,
    dimension: int | None,
    rule: str,
    false_alarm: float,
    told: Report | None,
) -> tuple[Innovations, list[str]]:
    """The verdict on data and a problem, and warnings."""
    problem = by_rule(problem, rule)
    with_fluctuations(problem, "compare with orderparams validate, which simulates by itself")
    with phase("the order parameters of the data"):
        found = measured(written, problem, dimension)
    try:
        result = held_against(found, rule, false_alarm, told)
    except SolverError as error:
        if words := recognised(found, lambda one: plainly(one, rule, false_alarm), scaled=True):
            raise SolverError(f"{error}. {words}") from None
        raise
    return dataclasses.replace(result, origin=written.place), found.warnings


def held_against(
    found: Measured, rule: str, false_alarm: float, told: Report | None
) -> Innovations:
    """The verdict on what was measured, and what is wrong."""

    def plain_verdict(other: Measured) -> Innovations:
        return plainly(other, rule, false_alarm)

    def slipped(result: Innovations) -> str:
        return recognised(found, plain_verdict)

    result = compared(found, rule, false_alarm, told, slipped)
    if result.verdict == "disagree":
        begun = elsewhere(found.problem, found.time, found.parameters)
        result = dataclasses.replace(result, explanation=f"{result.explanation} {begun}".strip())
    if result.verdict == "inconclusive" and result.linear_dimension > result.dimension:
        words = recognised(found, plain_verdict, scaled=True)
        result = dataclasses.replace(result, doubt=words or result.doubt)
    return result


def plainly(found: Measured, rule: str, false_alarm: float) -> Innovations:
    """The verdict alone."""
    return compared(found, rule, false_alarm, None, lambda _: NOTHING)


def compared(
    found: Measured,
    rule: str,
    false_alarm: float,
    told: Report | None,
    recognise: Callable[[Innovations], str],
) -> Innovations:
    """The innovations of what was measured."""
    problem: Any = found.problem
    return innovations(
        problem,
        problem.simulation.dimension,
        found.time,
        found.parameters,
        rule=rule,
        false_alarm=false_alarm,
        told=told,
        stepped=found.stepped,
        recognised=recognise,
    )


def by_rule(problem: Any, rule: str) -> Problem:
    """The same problem by another rule of the theory."""
    found: Problem = dataclasses.replace(
        problem, training=dataclasses.replace(problem.training, rule=rule)
    )
    return found
