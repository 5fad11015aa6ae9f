"""What SGD does between measured times beyond its flow, in units of what it does by chance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.models.interface import State
from orderparams.phases import phase
from orderparams.run.restarts import Look, Restarts, Spread
from orderparams.run.velocities import Velocities

Array = NDArray[np.float64]

CLOSE = 0.1
"""How far replicas may be from their mean, in units of the largest order parameter of a kind, to
share what an interval adds: that is off by the square of it, for it is right to first order."""


class Measured(NamedTuple):
    """In a ``dimension`` D, at times (T+1,), the ends of intervals: order parameters (R, T+1, …) by
    name, the same as X (R, T+1, n), and the size of each kind (n,)."""

    dimension: float
    time: Array
    parameters: State
    x: Array
    scale: Array

    def states(self, index: int) -> list[State]:
        """Of all replicas at one of the times."""
        return [
            {name: values[r, index] for name, values in self.parameters.items()}
            for r in range(len(self.x))
        ]

    def at(self, ends: NDArray[np.int64]) -> Measured:
        """At some of the times alone."""
        parameters = {name: values[:, ends] for name, values in self.parameters.items()}
        return self._replace(time=self.time[ends], parameters=parameters, x=self.x[:, ends])


class Hidden(NamedTuple):
    """What is not measured of a replica when an interval begins: overlaps, of which the
    ``covariance`` (N, N) is known, times D, and what is known of the ``velocities`` of steps with
    memory, None where nothing was measured before."""

    covariance: Array
    velocities: Velocities | None = None


class Whitened(NamedTuple):
    """ε, the motion of the flow (R, n) and its derivatives (R, 3, n) over an interval; where that
    ends in the mean (R, n); what it adds on the average, and what is ``hidden`` at its end, of each
    replica; and over all replicas the mean square ``share`` that errors of expectations add to ε,
    and the ``volume`` log det chol(Q)."""

    innovation: Array
    motion: Array
    slopes: Array
    predicted: Array
    spreads: list[Spread]
    hidden: list[Hidden]
    share: float
    volume: float


def between(
    restarts: Restarts, measured: Measured, chosen: Iterable[int] | None = None
) -> list[Whitened]:
    """What happens in each interval, or in those that are chosen, in their order."""
    found: list[Whitened] = []
    hidden, before = [Hidden(restarts.start)] * len(measured.x), 0
    for i in range(len(measured.time) - 1) if chosen is None else chosen:
        if i > before:
            hidden = [Hidden(one.covariance) for one in hidden]
        looks = looks_at(restarts, measured, i, i + 1, hidden)
        found.append(whitened(restarts, measured, i, i + 1, looks, hidden))
        hidden, before = found[-1].hidden, i + 1
    return found


def slopes_of(found: list[Whitened]) -> Array:
    """Whitened derivatives (R, T, 3, n)."""
    return np.stack([one.slopes for one in found], axis=1)


def looks_at(
    restarts: Restarts, measured: Measured, first: int, last: int, hidden: list[Hidden]
) -> list[Look]:
    """At the interval between two times by their indices, of each replica, with what is hidden of
    it; or one, from their mean, where replicas are close."""
    begin, end = map(float, measured.time[[first, last]])
    states, unseen = origins(measured, first), [one.covariance for one in hidden]
    if len(states) < len(unseen):
        unseen = [np.mean(unseen, axis=0)]
    return [
        restarts.look(state, begin, end, covariance)
        for state, covariance in zip(states, unseen, strict=True)
    ]


def origins(measured: Measured, index: int) -> list[State]:
    """Where one looks at intervals that begin at a time: at the states of all replicas, or at their
    mean where they are close."""
    states, x = measured.states(index), measured.x[:, index]
    if np.abs((x - x.mean(axis=0)) / measured.scale).max() < CLOSE:
        return [{name: np.mean([one[name] for one in states], axis=0) for name in states[0]}]
    return states


def whitened(
    restarts: Restarts,
    measured: Measured,
    first: int,
    last: int,
    looks: list[Look],
    hidden: list[Hidden],
) -> Whitened:
    """An interval between two times by their indices, at which one has looked, with what was hidden
    when it began."""
    begin, end = map(float, measured.time[[first, last]])
    before, after = measured.x[:, first], measured.x[:, last]
    dimension = measured.dimension
    with phase(f"innovations from t = {begin:g} to {end:g}"):
        spreads = [restarts.spread(look) for look in looks]
        if len(looks) < len(before):
            spreads *= len(before)
        flow = np.array([restarts.predicted(state, begin, end) for state in measured.states(first)])
    predicted, both, known, share, volume = [], [], [], 0.0, 0.0
    for r, spread in enumerate(spreads):
        error, velocities = dimension * spread.error, None
        moved = spread.shift / dimension
        off = np.vstack([after[r] - flow[r] - moved, flow[r] - before[r], spread.slopes])
        if spread.remembered is not None:
            start = hidden[r].velocities or spread.remembered.at_start(len(off), dimension)
            plain = off[0]
            off, covariance, velocities = spread.remembered.through(start, off, error, dimension)
            moved = moved + plain - off[0]
            spreads[r] = spread = spread._replace(covariance=covariance - error)
        factor = root(spread.covariance + error, begin, end)
        predicted.append(flow[r] + moved)
        both.append(np.sqrt(dimension) * np.linalg.solve(factor, off.T).T)
        known.append(Hidden(spread.hidden, velocities))
        volume += float(np.log(np.diag(factor)).sum())
        share += float(np.trace(np.linalg.solve(spread.covariance, error)))
    white = np.array(both)
    return Whitened(
        white[:, 0],
        white[:, 1],
        white[:, 2:],
        np.array(predicted),
        spreads,
        known,
        share,
        volume,
    )


def root(covariance: Array, begin: float, end: float) -> Array:
    """The Cholesky factor; :class:`SolverError` if there is none."""
    try:
        return np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    except np.linalg.LinAlgError:
        raise SolverError(
            f"from t = {begin:g} to {end:g} some order parameters do not fluctuate at all, so that "
            "there is no innovation; use the test 'replicas'"
        ) from None
