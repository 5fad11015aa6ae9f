"""Innovations of measured order parameters, and whether they are what SGD adds by chance.

Between two times t_i and t_{i+1} with X_i measured, SGD has the mean and covariance of
:mod:`restarts`. Whitened, what it does beside that,

    ε_i = D^½ chol(Q_i)⁻¹ (X_{i+1} − X̂_{i+1} − r_i/D),

is N(0, 1) in n order parameters, independent from interval to interval and over replicas. As every
interval starts from what was measured, no instability of the flow grows over more than one.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams import interruption
from orderparams.config import Problem
from orderparams.errors import ConfigurationError, SolverError
from orderparams.models import registry
from orderparams.models.interface import State
from orderparams.models.schedule import schedule_of
from orderparams.phases import phase
from orderparams.results.comparison import FALSE_ALARM
from orderparams.results.fluctuations import LARGE
from orderparams.results.innovations import Innovations
from orderparams.run.decidable import doubt
from orderparams.run.doubts import FEWEST_STEPS
from orderparams.run.restarts import Restarts, Spread, with_fluctuations
from orderparams.run.whiteness import mean_pvalue, resolution, spread_pvalue, waves

Array = NDArray[np.float64]

MOST = 20
"""Intervals."""

EXCESS = 5.0
"""a: the variance of innovations is off by a relative a/D or less."""

CLOSE = 0.1
"""How far replicas may be from their mean, in units of the largest order parameter of a kind, to
share what an interval adds: that is off by the square of it, for it is right to first order."""


class Whitened(NamedTuple):
    """ε and the motion of the flow (R, n) over an interval, where it ends (R, n), what is added
    on the average, and the mean square ``share`` that errors of expectations add to ε, over all
    replicas."""

    innovation: Array
    motion: Array
    predicted: Array
    spreads: list[Spread]
    share: float


def innovations(
    problem: Problem,
    dimension: int,
    time: Array,
    parameters: State,
    *,
    rule: str = "sgd",
    false_alarm: float = FALSE_ALARM,
    told: Callable[[float, str], None] | None = None,
) -> Innovations:
    """Innovations of order parameters (R, T, …), by name, that were measured in dimension D at
    times (T,) which increase from the start of SGD on, and the verdict. Those that are zero in the
    flow, but not in SGD, are judged as well where they were measured.

    ``rule`` is that of the theory; "gradient-flow" leaves V out of the flow, not out of the noise.

    :class:`ConfigurationError` where the fluctuations of SGD are not known, for times that do not
    increase, and for order parameters that are not those of the problem, not finite, or of no
    vectors; :class:`SolverError` where a flow cannot be followed.
    """
    asked = with_fluctuations(problem)
    check_measured(asked, time, parameters)
    last = {name: values[0, -1] for name, values in parameters.items()}

    def pulse(t: float) -> None:
        interruption.check()
        if told is not None:
            told((t - time[0]) / (time[-1] - time[0]), "innovations")

    with phase("the flow between measured times"):
        restarts = Restarts(asked, last, rule, pulse)
    x = restarts.packed(parameters)
    most = limit_of_dof(dimension) / (len(x) * x.shape[2])
    steps = schedule_of(problem).elapsed(time) * dimension / problem.training.effective_rate
    ends = stops(steps, max(1, min(MOST, int(most))))
    labels = restarts.labels
    scale = sizes(x, labels)
    found: list[Whitened] = []
    hidden = [restarts.start] * len(x)
    for i, j in itertools.pairwise(ends):
        states: list[State] = [
            {name: v[r, i] for name, v in parameters.items()} for r in range(len(x))
        ]
        with phase(f"innovations from t = {time[i]:g} to {time[j]:g}"):
            one = whitened(restarts, states, x[:, [i, j]], time[[i, j]], dimension, hidden, scale)
        hidden = [spread.hidden for spread in one.spreads]
        found.append(one)
    return judged(
        problem, dimension, labels, time[ends], x[:, ends], found, scale, rule, false_alarm
    )


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


def stops(steps: Array, most: int) -> NDArray[np.int64]:
    """Indices of measured times that part them into so many intervals, or less, of about as many
    steps each, and FEWEST_STEPS or more; the first and the last among them."""
    chosen = [0]
    for target in np.linspace(steps[0], steps[-1], most + 1)[1:]:
        place = int(np.argmin(np.abs(steps - target)))
        if steps[place] - steps[chosen[-1]] >= FEWEST_STEPS - 0.5:
            chosen.append(place)
    last = len(steps) - 1
    if chosen[-1] != last:
        chosen[max(1, len(chosen) - 1) :] = [last]
    return np.array(chosen)


def sizes(x: Array, labels: list[str]) -> Array:
    """Of each order parameter of X (R, T, n), the largest size that its kind has."""
    kinds = np.array([label.partition("_")[0] for label in labels])
    largest = np.abs(x).max(axis=(0, 1))
    scale = np.array([largest[kinds == kind].max() for kind in kinds])
    scale[scale == 0] = 1.0
    return scale


def whitened(
    restarts: Restarts,
    states: list[State],
    x: Array,
    ends: Array,
    dimension: int,
    hidden: list[Array],
    scale: Array,
) -> Whitened:
    """Of the states of R replicas, X at both ends (R, 2, n), and what is hidden (N, N) of each.

    Where replicas are close, what an interval adds is taken along the flow from their mean.
    """
    begin, end = map(float, ends)
    before, after = x[:, 0], x[:, 1]
    if np.abs((before - before.mean(axis=0)) / scale).max() < CLOSE:
        mean = {name: np.mean([one[name] for one in states], axis=0) for name in states[0]}
        own = restarts.spread(mean, begin, end, np.mean(hidden, axis=0))
        spreads = [own] * len(states)
    else:
        spreads = [
            restarts.spread(state, begin, end, unseen)
            for state, unseen in zip(states, hidden, strict=True)
        ]
    flow = np.array([restarts.predicted(state, begin, end) for state in states])
    predicted = flow + np.array([spread.shift for spread in spreads]) / dimension
    innovation, motion, share = [], [], 0.0
    for r, spread in enumerate(spreads):
        error = dimension * spread.error
        factor = root(spread.covariance + error, begin, end)
        far = np.array([after[r] - flow[r] - spread.shift / dimension, flow[r] - before[r]])
        both = np.sqrt(dimension) * np.linalg.solve(factor, far.T).T
        innovation.append(both[0])
        motion.append(both[1])
        share += float(np.trace(np.linalg.solve(spread.covariance, error)))
    return Whitened(np.array(innovation), np.array(motion), predicted, spreads, share)


def root(covariance: Array, begin: float, end: float) -> Array:
    """The Cholesky factor; :class:`SolverError` if there is none."""
    try:
        return np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    except np.linalg.LinAlgError:
        raise SolverError(
            f"from t = {begin:g} to {end:g} some order parameters do not fluctuate at all, so that "
            "there is no innovation; use the test 'replicas'"
        ) from None


def judged(
    problem: Problem,
    dimension: int,
    labels: list[str],
    time: Array,
    x: Array,
    found: list[Whitened],
    scale: Array,
    rule: str,
    false_alarm: float,
) -> Innovations:
    """The verdict on the intervals between times (T+1,)."""
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
        measured=x,
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
        resolution=resolution(innovation, motion, false_alarm),
        rule=rule,
    )
    steps = np.diff(schedule_of(problem).elapsed(time)) * dimension
    fewest = float(steps.min()) / problem.training.effective_rate
    return dataclasses.replace(result, doubt=doubt(result, fewest))
