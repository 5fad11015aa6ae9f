"""What SGD does between measured times beyond its flow, in units of what it does by chance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.models.interface import State
from orderparams.phases import phase
from orderparams.run.restarts import Restarts, Spread

Array = NDArray[np.float64]

CLOSE = 0.1
"""How far replicas may be from their mean, in units of the largest order parameter of a kind, to
share what an interval adds: that is off by the square of it, for it is right to first order."""


class Measured(NamedTuple):
    """In a ``dimension`` D, at times (T+1,), the ends of intervals: order parameters (R, T+1, …) by
    name, the same as X (R, T+1, n), and the size of each kind (n,)."""

    dimension: int
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


class Whitened(NamedTuple):
    """ε, the motion of the flow (R, n) and its derivatives (R, 3, n) over an interval; where that
    ends in the mean (R, n); what it adds on the average; and over all replicas the mean square
    ``share`` that errors of expectations add to ε, and the ``volume`` log det chol(Q)."""

    innovation: Array
    motion: Array
    slopes: Array
    predicted: Array
    spreads: list[Spread]
    share: float
    volume: float


def between(
    restarts: Restarts, measured: Measured, chosen: Iterable[int] | None = None
) -> list[Whitened]:
    """What happens in each interval, or in those that are chosen, in their order."""
    found: list[Whitened] = []
    hidden = [restarts.start] * len(measured.x)
    for i in range(len(measured.time) - 1) if chosen is None else chosen:
        states, both = measured.states(i), slice(i, i + 2)
        begin, end = measured.time[both]
        with phase(f"innovations from t = {begin:g} to {end:g}"):
            one = whitened(
                restarts,
                states,
                measured.x[:, both],
                measured.time[both],
                measured.dimension,
                hidden,
                measured.scale,
            )
        hidden = [spread.hidden for spread in one.spreads]
        found.append(one)
    return found


def slopes_of(found: list[Whitened]) -> Array:
    """Whitened derivatives (R, T, 3, n)."""
    return np.stack([one.slopes for one in found], axis=1)


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
    innovation, motion, slopes, share, volume = [], [], [], 0.0, 0.0
    for r, spread in enumerate(spreads):
        error = dimension * spread.error
        factor = root(spread.covariance + error, begin, end)
        far = np.vstack(
            [after[r] - flow[r] - spread.shift / dimension, flow[r] - before[r], spread.slopes]
        )
        both = np.sqrt(dimension) * np.linalg.solve(factor, far.T).T
        innovation.append(both[0])
        motion.append(both[1])
        slopes.append(both[2:])
        volume += float(np.log(np.diag(factor)).sum())
        share += float(np.trace(np.linalg.solve(spread.covariance, error)))
    return Whitened(
        np.array(innovation), np.array(motion), np.array(slopes), predicted, spreads, share, volume
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
