"""What is most likely wrong with a theory that innovations reject: one cause, fitted.

Causes whose linear fit gains much are fitted again, along flows with the fitted value, in some
intervals of some replicas; the likeliest is then tried on all that was measured.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.results.causes import CAUSES, NAMES, Cause, Score, expected, meaning
from orderparams.results.innovations import Innovations
from orderparams.run.altered import with_decay
from orderparams.run.restarts import Restarts
from orderparams.run.scores import derivative_of, fitted, shown
from orderparams.run.slips import known, number, slips
from orderparams.run.whiteness import pvalue
from orderparams.run.whitening import Measured, Whitened, between, slopes_of

Array = NDArray[np.float64]

LEAST = 0.5
"""Part of the largest gain of linear fits, from which on a cause is tried."""

LINEAR = ("noise",)
"""Those whose linear fit is exact."""

ROUNDS = 4
"""Flows of a cause."""

FEW = 3
"""Intervals, and replicas, along which they are."""

FIRST = 0.7
"""|θ| of a factor at first, where the linear fit is not told."""

DOUBLED = ("time", "gradient", "learning_rate", "dimension")
"""Causes that are tried at twice and half as well ..."""

FARTHEST_START = 4.0
"""... and |log| of a factor up to which any is."""

FARTHEST = 1.2
"""By how much θ changes at most from one flow to the next."""

MOST = 0.5
"""Part of the excess that the likeliest cause takes away, if it is named as the cause."""

MOST_ALIKE = 3
"""Causes that are fitted to all that was measured."""

ALL = 0.9995
"""The same, from where on it is nearly all."""

ALIKE = 6.0
"""Twice the logarithm of a likelihood below which two causes are not told apart."""


class Tried(NamedTuple):
    """A cause at θ: ε (R, T, n), its derivative by θ, and minus twice the log-likelihood, less a
    constant."""

    cause: Cause
    theta: float
    innovation: Array
    derivative: Array
    deviance: float


Try = Callable[[Cause, float, bool], Tried]
"""A cause at θ, in all that was measured or in some of it."""


def explained(
    result: Innovations,
    problem: Any,
    measured: Measured,
    found: list[Whitened],
    pulse: Callable[[float], None],
    *,
    stepped: bool = False,
) -> Innovations:
    """The innovations of a problem that asks for fluctuations, with the cause that is most likely
    and in words; ``found`` is what its theory leaves."""
    last = {name: values[0, -1] for name, values in measured.parameters.items()}
    some = np.unique(np.linspace(0, len(found) - 1, FEW).astype(int))
    plain = dataclasses.replace(problem, fluctuations=problem.fluctuations.unshifted)

    def attempt(cause: Cause, theta: float, everything: bool) -> Tried:
        other, factor = altered(problem if everything else plain, cause, theta)
        own = measured._replace(time=factor * measured.time)
        if cause.name == "dimension":
            own = own._replace(dimension=measured.dimension * math.exp(theta))
        if not everything:
            first = {name: values[:FEW] for name, values in own.parameters.items()}
            own = own._replace(parameters=first, x=own.x[:FEW])
        strength = expected("drift", result.rule) + (theta if cause.name == "drift" else 0.0)
        restarts = Restarts(other, last, strength, lambda t: pulse(t / factor))
        return tried(cause, theta, between(restarts, own, None if everything else some))

    few = [part(found[i]) for i in some]
    most = max(score.gain for score in result.scores)
    fits = []
    for score in (one for one in result.scores if one.gain > LEAST * most):
        cause = CAUSES[NAMES.index(score.name)]
        fits.append(refined(tried(cause, 0.0, few), start_of(score, cause, result.rule), attempt))
    moved_by = [one for one in fits if one.cause.name not in LINEAR]
    if all(pvalue(one.innovation) < result.false_alarm for one in moved_by):
        fits += farther(result, few, attempt)
    fits.sort(key=lambda one: one.deviance)
    return told_of(result, fits, attempt, found, stepped=stepped)


def farther(result: Innovations, few: list[Whitened], attempt: Try) -> list[Tried]:
    """The fit from the best of the factors that slips have, to which linear fits need not lead."""
    training = result.problem.training
    asked = {score.name for score in result.scores if not math.isnan(score.z)}
    slips_known = known(training.learning_rate, training.batch_size, result.dimension)
    factors = [(slip.cause, math.log(slip.factor)) for slip in slips_known]
    factors += [(name, side * math.log(2)) for name in DOUBLED for side in (1, -1)]
    best = None
    for name, theta in dict.fromkeys(one for one in factors if one[0] in asked):
        if abs(theta) > FARTHEST_START:
            continue
        try:
            here = attempt(CAUSES[NAMES.index(name)], theta, False)
        except SolverError:
            continue
        if best is None or here.deviance < best.deviance:
            best = here
    if best is None or best.theta == 0:
        return []
    return [refined(tried(best.cause, 0.0, few), best.theta, attempt)]


def part(found: Whitened) -> Whitened:
    """Some replicas of an interval, whose volumes are much alike."""
    share = min(FEW, len(found.innovation)) / len(found.innovation)
    return found._replace(
        innovation=found.innovation[:FEW],
        slopes=found.slopes[:FEW],
        volume=found.volume * share,
    )


def start_of(score: Score, cause: Cause, rule: str) -> float:
    """θ of the linear fit, or on its side where it is far."""
    if math.isnan(score.value):
        return math.copysign(FIRST, score.z)
    return math.log(score.value) if cause.factor else score.value - expected(cause.name, rule)


def altered(problem: Any, cause: Cause, theta: float) -> tuple[Any, float]:
    """The problem of SGD that is so much off, and the factor of all times.

    V in the flow alone, and noise alone, are not altered.
    """
    factor = math.exp(theta) if cause.factor else 1.0
    if cause.name in ("gradient", "learning_rate"):
        rate = problem.training.learning_rate * factor
        training = dataclasses.replace(problem.training, learning_rate=rate)
        problem = dataclasses.replace(problem, training=training)
    if cause.name == "weight_decay":
        problem = with_decay(problem, theta)
    if cause.name == "dimension":
        return problem, 1 / factor
    return problem, factor if cause.name in ("gradient", "time") else 1.0


def tried(cause: Cause, theta: float, found: list[Whitened]) -> Tried:
    """What is left at θ."""
    innovation = np.stack([one.innovation for one in found], axis=1)
    derivative = derivative_of(cause, slopes_of(found))
    volume = sum(one.volume for one in found)
    deviance = float(np.square(innovation).sum()) + 2 * volume
    if cause.name == "dimension":  # of the covariance over D
        deviance -= theta * innovation.size
    return Tried(cause, theta, innovation, derivative, deviance)


def refined(best: Tried, theta: float, attempt: Try) -> Tried:
    """The least deviance, from the theory as it is on; a step that raises it is halved."""
    if best.cause.name in LINEAR:
        return moved(best, theta)
    for _ in range(ROUNDS):
        try:
            here = attempt(best.cause, theta, False)
        except SolverError:
            here = best
        if not here.deviance < best.deviance:
            theta = 0.5 * (theta + best.theta)
            continue
        best = here
        step, error = step_from(best)
        theta = best.theta + step
        if abs(step) < error:
            break
    return best


def moved(here: Tried, step: float) -> Tried:
    """The same at a θ that differs by a step, to first order."""
    power = here.cause.power
    left = (here.innovation - step * here.derivative) * math.exp(-0.5 * power * step)
    before = float(np.square(here.innovation).sum())
    deviance = here.deviance - before + float(np.square(left).sum()) + power * step * left.size
    derivative = here.derivative * math.exp(-0.5 * power * step)
    return Tried(here.cause, here.theta + step, left, derivative, deviance)


def step_from(here: Tried) -> tuple[float, float]:
    """By how much θ changes in a linear fit from here, and its standard error."""
    fit = fitted(here.innovation, here.derivative, here.cause.power)
    step = float(np.clip(fit.theta, -FARTHEST, FARTHEST))
    if not here.cause.factor or here.cause.name in LINEAR:
        step = fit.theta
    return step, fit.error


def told_of(
    result: Innovations,
    fits: list[Tried],
    attempt: Try,
    found: list[Whitened],
    *,
    stepped: bool,
) -> Innovations:
    """The innovations with the first of some fits, on all that was measured, in words."""
    alike = [one for one in fits if one.deviance - fits[0].deviance < ALIKE][:MOST_ALIKE]
    whole = sorted((on_all(one, attempt, found) for one in alike), key=lambda one: one.deviance)
    first, after = whole[0].cause, whole[0]
    before = tried(first, 0.0, found)
    error = fitted(after.innovation, after.derivative, first.power).error
    value, error = shown(first, after.theta, error, result.rule)
    own = next(one for one in result.scores if one.name == first.name)
    own = own._replace(value=value, error=error, gain=before.deviance - after.deviance)
    scores = tuple(own if one.name == own.name else one for one in result.scores)
    volume = after.deviance - float(np.square(after.innovation).sum())
    excess = before.deviance - volume - after.innovation.size
    rest = pvalue(after.innovation)
    near = [one for one in whole[1:] if one.deviance - after.deviance < ALIKE]
    others = [as_likely(result, one, stepped=stepped) for one in near]
    words = in_words(result, own, own.gain / excess, rest, others, stepped=stepped)
    return dataclasses.replace(result, scores=scores, explanation=words)


def on_all(one: Tried, attempt: Try, found: list[Whitened]) -> Tried:
    """A fit on all that was measured."""
    if not one.theta or one.cause.name in LINEAR:
        whole = tried(one.cause, 0.0, found)
    else:
        whole = attempt(one.cause, one.theta, True)
    return moved(whole, step_from(whole)[0])


def as_likely(result: Innovations, one: Tried, *, stepped: bool) -> str:
    """What a cause says at the value that was fitted."""
    error = fitted(one.innovation, one.derivative, one.cause.power).error
    value, error = shown(one.cause, one.theta, error, result.rule)
    score = Score(one.cause.name, value, error, 0.0, 0.0, 0.0)
    rate = result.problem.training.learning_rate
    what = number(score, rate, result.dimension, stepped=stepped)
    return meaning(score, result.rule) + f" ({what})" * bool(what)


def in_words(
    result: Innovations,
    score: Score,
    part: float,
    rest: float,
    alike: list[str],
    *,
    stepped: bool,
) -> str:
    """What is most likely wrong, whether anything remains, and what would mend it."""
    within = rest >= result.false_alarm
    cause = meaning(score, result.rule)
    if not within and part < MOST:
        return (
            f"No single cause explains it; the nearest is that {cause}, with {part:.0%} of the "
            "excess."
        )
    lines = [f"Most likely {cause}."]
    if within:
        lines.append(f"What remains is within chance (p = {rest:.2g}).")
    else:
        most = f"{part:.1%}" if part < ALL else "nearly all"
        lines.append(
            f"That takes away {most} of the excess; what remains is beyond chance "
            f"(p = {rest:.2g}): something else is wrong, too."
        )
    training = result.problem.training
    told = slips(score, training.learning_rate, training.batch_size, result.dimension)
    told.append(number(score, training.learning_rate, result.dimension, stepped=stepped))
    if told := list(filter(None, told)):
        lines.append(f"Perhaps {', or '.join(told)}.")
    if alike:
        lines.append(f"These data do not tell this from other causes: {'; '.join(alike)}.")
    return " ".join(lines)
