"""Stages of a run: when the heads move together, when each specializes, where the risk rests.

Everything is read off arrays of order parameters at stored times, by angles and relative lengths,
so that noisy runs of SGD and rescaled tasks are judged alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from orderparams.analysis.directions import Direction

Array = NDArray[np.float64]

LEAST_MOVE = 0.2
"""Smallest change of an alignment that counts; noise of SGD in dimension D is about 1/√D."""

TOGETHER = 0.1
"""Relative spread up to which heads count as equal."""

SLOWER = 10.0
"""A plateau is this many times slower than the descents before and after it."""


@dataclass(frozen=True, eq=False)
class Event:
    """One head turns to one direction, or grows along it.

    Times at which 10 %, 50 % and 90 % of the change of its alignment are done; ``vector`` (F,) is the
    unit vector of the change. ``common``: the other heads do the same, and nothing specializes.
    ``stage`` counts the groups of simultaneous specializations from 1; 0 for a common event.
    """

    head: int
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
    def sign(self) -> str:
        """Towards the positive or negative side of a single direction; empty for a subspace."""
        if self.direction.basis.shape[1] > 1:
            return ""
        return "+" if self.vector @ self.direction.basis[:, 0] > 0 else "-"


@dataclass(frozen=True)
class Plateau:
    """The risk rests at ``risk`` from ``start`` to ``end``; ``center`` is when it is slowest."""

    start: float
    end: float
    center: float
    risk: float


@dataclass(frozen=True)
class Excursion:
    """A head that turned away from a direction it was aligned with, to another one."""

    head: int
    origin: Direction
    destination: Direction
    peak: float
    peak_time: float
    turn_time: float


@dataclass(frozen=True, eq=False)
class Stages:
    """What happened in a run.

    events in order of their half-times, plateaus, ``unspecialized`` (first and last time at which
    all heads are aligned with one direction) or None, excursions, groups of equal heads at the end,
    dormant heads. ``remaining`` is the change of the risk in the last tenth of the run, relative to
    its change in all.
    """

    directions: tuple[Direction, ...]
    events: tuple[Event, ...]
    plateaus: tuple[Plateau, ...]
    unspecialized: tuple[float, float] | None
    excursions: tuple[Excursion, ...]
    groups: tuple[tuple[int, ...], ...]
    dormant: tuple[int, ...]
    remaining: float

    @property
    def specializations(self) -> tuple[Event, ...]:
        """The events that make heads differ."""
        return tuple(event for event in self.events if not event.common)


def find_stages(
    time: Array,
    overlap: Array,
    self_overlap: Array,
    risk: Array,
    directions: Sequence[Direction],
) -> Stages:
    """Stages from stored times (T,), overlaps (T, H, F), self-overlaps (T, H, H), risk (T,)."""
    lengths = np.sqrt(np.maximum(np.einsum("thh->th", self_overlap), 0.0))
    groups, dormant = head_groups(overlap[-1], lengths[-1])
    return Stages(
        directions=tuple(directions),
        events=find_events(time, overlap, lengths, risk, directions),
        plateaus=find_plateaus(time, risk),
        unspecialized=unspecialized_phase(time, overlap, lengths),
        excursions=find_excursions(time, overlap, lengths, directions),
        groups=groups,
        dormant=dormant,
        remaining=remaining_change(time, risk),
    )


def sides(overlap: Array, direction: Direction) -> list[Array]:
    """Non-negative parts of overlaps (T, F) in a direction: one a side, or the norm in a subspace."""
    part = direction.part(overlap)
    if part.shape[1] > 1:
        return [np.linalg.norm(part, axis=1)]
    return [np.maximum(part[:, 0], 0.0), np.maximum(-part[:, 0], 0.0)]


def ratio(numerator: Array, denominator: Array) -> Array:
    """Quotient, 0 where the denominator vanishes."""
    return np.divide(
        numerator, denominator, out=np.zeros_like(numerator), where=denominator > 1e-150
    )


def spread(part: Array) -> Array:
    """Relative root-mean-square spread (T,) of the heads' vectors (T, H, k)."""
    total = (part**2).sum(axis=(1, 2))
    return np.sqrt(ratio(((part - part.mean(1, keepdims=True)) ** 2).sum(axis=(1, 2)), total))


def rises(series: Array) -> list[tuple[int, int]]:
    """First and last index of every rise by at least LEAST_MOVE.

    A rise ends where the series has fallen by LEAST_MOVE since its maximum: noise below that
    neither makes nor breaks one.
    """
    found: list[tuple[int, int]] = []
    low = high = 0
    for i, value in enumerate(series):
        if value > series[high]:
            high = i
        if series[high] - series[low] >= LEAST_MOVE:
            if series[high] - value >= LEAST_MOVE:
                found.append((low, high))
                low = high = i
        elif value < series[low]:
            low = high = i
    if series[high] - series[low] >= LEAST_MOVE:
        found.append((low, high))
    return found


def crossing(time: Array, series: Array, level: float, last: bool = False) -> float:
    """First (or last) time at which a series passes a level upwards, interpolated."""
    below = series[:-1] < level
    upward = np.flatnonzero(below & (series[1:] >= level))
    i = int(upward[-1 if last else 0])
    share = (level - series[i]) / (series[i + 1] - series[i])
    return float(time[i] + share * (time[i + 1] - time[i]))


def find_events(
    time: Array, overlap: Array, lengths: Array, risk: Array, directions: Sequence[Direction]
) -> tuple[Event, ...]:
    """All events, ordered by half-time, specializations grouped in stages.

    A head's alignment with a direction is its overlap relative to its length at that time or at the
    end, whichever is larger: a cosine, once the head is as long as it will be.
    """
    events = []
    for direction in directions:
        apart = spread(direction.part(overlap))
        for h in range(overlap.shape[1]):
            reference = np.maximum(lengths[:, h], lengths[-1, h])
            for side in sides(overlap[:, h], direction):
                alignment, cosine = ratio(side, reference), ratio(side, lengths[:, h])
                for i, j in rises(alignment):
                    piece, times = alignment[i : j + 1], time[i : j + 1]
                    done = (piece - piece[0]) / (piece[-1] - piece[0])
                    half = crossing(times, done, 0.5)
                    start = crossing(times[times <= half] if False else times, done, 0.1)
                    complete = crossing(times, done, 0.9)
                    change = direction.part(overlap[j, h] - overlap[i, h])
                    events.append(
                        Event(
                            head=h,
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
                    )
    return number_stages(sorted(events, key=lambda event: event.half_time))
