"""Specialization events: which vector turns to which direction, when, and at what risk."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.noise import noise_level, rises
from orderparams.models.vectors.geometry import Direction

Array = NDArray[np.float64]

LEAST_MOVE = 0.1
"""Smallest change of an alignment that counts."""

NOISE_FACTOR = 10.0
"""A change must also exceed the noise by this factor. The range of some hundred values is 6; one
side of a vector at rest shows only about half of the noise."""

TOGETHER = 0.1
"""Relative spread up to which vectors count as equal."""


@dataclass(frozen=True, eq=False)
class Event:
    """One vector turns to one direction, or grows along it.

    At ``start``, ``half_time`` and ``complete`` 10 %, 50 % and 90 % of the change of its alignment
    are done; ``vector`` (d,) is the unit vector of the change. ``common``: all vectors do the same,
    and nothing specializes. ``stage`` counts, from 1, the specializations between two plateaus; it
    is 0 for a common event. ``learner`` counts the vectors, whatever they are called, from 0.
    """

    learner: int
    direction: Direction
    vector: Array
    start: float
    half_time: float
    complete: float
    cosine_before: float
    cosine_after: float
    risk_before: float
    risk_after: float
    common: bool
    stage: int = 0

    @property
    def target(self) -> str:
        """The direction's name, with the sign where it is a single one."""
        if self.direction.basis.shape[1] > 1:
            return self.direction.name
        return ("+" if self.vector @ self.direction.basis[:, 0] > 0 else "-") + self.direction.name


def ratio(numerator: Array, denominator: Array) -> Array:
    """Quotient, 0 where the denominator vanishes."""
    return np.divide(
        numerator, denominator, out=np.zeros_like(numerator), where=denominator > 1e-150
    )


def spread(part: Array) -> Array:
    """Relative root-mean-square spread (T,) of vectors (T, n, k)."""
    total = (part**2).sum(axis=(1, 2))
    apart: Array = np.sqrt(
        ratio(((part - part.mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2)), total)
    )
    return apart


def sides(positions: Array, direction: Direction) -> list[Array]:
    """Sizes (T,) ≥ 0 of positions (T, d) in a direction: one a side, or the norm in a subspace."""
    part = direction.part(positions)
    if part.shape[1] > 1:
        return [np.linalg.norm(part, axis=1)]
    return [np.maximum(part[:, 0], 0.0), np.maximum(-part[:, 0], 0.0)]


def moves(series: Array, rests: Sequence[int]) -> list[tuple[int, int]]:
    """The rises that count, divided at the given indices where each part counts by itself."""
    least = max(LEAST_MOVE, NOISE_FACTOR * noise_level(series))
    found = []
    for low, high in rises(series, least):
        for rest in rests:
            before, after = series[rest] - series[low], series[high] - series[rest]
            if low < rest < high and min(before, after) >= least:
                found.append((low, rest))
                low = rest
        found.append((low, high))
    return found


def passages(time: Array, done: Array) -> tuple[float, float, float]:
    """Times at which a rise from 0 to 1 passes 10 %, 50 % and 90 %, interpolated.

    In noise: the first passage of 50 %, the last of 10 % before it, the first of 90 % after it.
    """
    half = int(np.argmax(done >= 0.5))
    start = half - int(np.argmax(done[half::-1] < 0.1)) + 1
    complete = half + int(np.argmax(done[half:] >= 0.9))

    def instant(i: int, level: float) -> float:
        share = (level - done[i - 1]) / (done[i] - done[i - 1])
        return float(time[i - 1] + share * (time[i] - time[i - 1]))

    return instant(start, 0.1), instant(half, 0.5), instant(complete, 0.9)


def find_events(
    time: Array,
    positions: Array,
    length: Array,
    risk: Array,
    directions: Sequence[Direction],
    rests: Sequence[int] = (),
) -> tuple[Event, ...]:
    """All events of a run by half-time, from arrays (T,), (T, n, d), (T, n), (T,).

    ``rests`` are indices of plateaus of the risk: they part the stages, and divide a change that
    goes on afterwards. A vector's alignment is its overlap with a direction relative to its length
    then or at the end, whichever is larger: a cosine, once the vector is as long as it will be.
    """
    events = []
    for direction in directions:
        apart = spread(direction.part(positions))
        for learner in range(positions.shape[1]):
            own = length[:, learner]
            for side in sides(positions[:, learner], direction):
                alignment = ratio(side, np.maximum(own, own[-1]))
                cosine = ratio(side, own)
                for i, j in moves(alignment, rests):
                    rise = alignment[i : j + 1] - alignment[i]
                    start, half, complete = passages(time[i : j + 1], rise / rise[-1])
                    change = direction.part(positions[j, learner] - positions[i, learner])
                    event = Event(
                        learner=learner,
                        direction=direction,
                        vector=direction.basis @ (change / np.linalg.norm(change)),
                        start=start,
                        half_time=half,
                        complete=complete,
                        cosine_before=float(cosine[i]),
                        cosine_after=float(cosine[j]),
                        risk_before=float(np.interp(start, time, risk)),
                        risk_after=float(np.interp(complete, time, risk)),
                        common=bool(np.interp(complete, time, apart) < TOGETHER),
                    )
                    events.append(event)
    return numbered(sorted(events, key=lambda event: event.half_time), time[list(rests)])


def numbered(events: Sequence[Event], rests: Array) -> tuple[Event, ...]:
    """The same events with their stages: a plateau of the risk parts one from the next."""
    passed = {event: int((rests < event.half_time).sum()) for event in events if not event.common}
    order = sorted(set(passed.values()))
    return tuple(
        dataclasses.replace(event, stage=order.index(passed[event]) + 1)
        if event in passed
        else event
        for event in events
    )
