"""Specialization events: which vector turns to which direction, when, and at what risk."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.noise import noise_level, rises
from orderparams.models.vectors.geometry import Direction
from orderparams.results.analyzed.stages import LEAST_MOVE, Event

Array = NDArray[np.float64]

NOISE_FACTOR = 10.0
"""A change must also exceed the noise by this factor. The range of some hundred values is 6; one
side of a vector at rest shows only about half of the noise."""

TOGETHER = 0.1
"""Relative spread up to which vectors count as equal."""


def ratio(numerator: Array, denominator: Array) -> Array:
    """Quotient, 0 where the denominator vanishes."""
    return np.divide(
        numerator, denominator, out=np.zeros_like(numerator), where=denominator > 1e-150
    )


def spread(part: Array) -> Array:
    """Relative root-mean-square spread (T,) of vectors (T, n, k)."""
    return ratio(rms(part - part.mean(axis=1, keepdims=True)), rms(part))


def rms(vectors: Array) -> Array:
    """Root-mean-square length (T,) of vectors (T, n, k)."""
    length: Array = np.sqrt((vectors**2).sum(axis=2).mean(axis=1))
    return length


def sizes(positions: Array, direction: Direction) -> list[Array]:
    """Sizes (T,) of positions (T, d) in a direction: one as seen from each side, negative on the
    other, or the norm in a subspace."""
    part = direction.part(positions)
    if part.shape[1] > 1:
        return [np.linalg.norm(part, axis=1)]
    return [part[:, 0], -part[:, 0]]


def sides(positions: Array, direction: Direction) -> list[Array]:
    """The same sizes, zero where they are on the other side."""
    return [np.maximum(size, 0.0) for size in sizes(positions, direction)]


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


def turned(size: Array, first: int, last: int) -> int | None:
    """Where the vector was farthest on the other side of a direction before a rise, if that counts;
    it turns from there."""
    lowest = first + int(size[first : last + 1].argmin())
    least = max(LEAST_MOVE, NOISE_FACTOR * noise_level(size))
    return lowest if size[lowest] <= -least else None


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
    then or at the end, whichever is larger: a cosine, once the vector is as long as it will be. One
    that comes from the other side of a direction turns from where it was farthest there.
    """
    events = []
    for direction in directions:
        apart = spread(direction.part(positions))
        for learner in range(positions.shape[1]):
            own = length[:, learner]
            for size in sizes(positions[:, learner], direction):
                cosine, whole = ratio(size, own), ratio(size, np.maximum(own, own[-1]))
                alignment = np.maximum(whole, 0.0)
                for first, j in moves(alignment, rests):
                    lowest = turned(whole, first, j)
                    i, course = (first, alignment) if lowest is None else (lowest, whole)
                    rise = course[i : j + 1] - course[i]
                    start, half, complete = passages(time[i : j + 1], rise / rise[-1])
                    change = direction.part(positions[j, learner] - positions[i, learner])
                    event = Event(
                        learner=learner,
                        direction=direction,
                        vector=direction.basis @ (change / np.linalg.norm(change)),
                        start=start,
                        half_time=half,
                        complete=complete,
                        cosine_before=float(max(cosine[i], 0.0) if lowest is None else cosine[i]),
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
