"""Plateaus: intervals in which the risk, or another quantity, rests between faster changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.noise import local_lines, rises
from orderparams.results.analyzed.stages import LEAST_MOVE, NOTHING, Event, Plateau

Array = NDArray[np.float64]

FEWEST = 5
"""Stored times below which nothing is told."""

SLOWER = 4.0
"""A plateau is at least this many times slower at its center than the fastest changes before and
after it. Its ends are where the slope is the geometric mean of both."""

AT_REST = 1e-3
"""Slopes that in the whole run would make less than this part of the series' range are zero."""

LEAVING = 2.0
"""A run that ends so many times faster than it rested has left its last plateau."""

AT_END = 0.1
"""Over a plateau that lasts to the end the series changes by less than this part of its range."""

FALLS = 0.5
"""Over a plateau a series that has a floor loses less than this part of its height above it."""

SHORTEST = 2
"""Steps between stored times that a plateau takes at least: noise makes shorter ones."""

PART = 0.1
"""Of a plateau, the least part without a turn that counts as one."""


def find_plateaus(time: Array, series: Array, floor: float | None = None) -> tuple[Plateau, ...]:
    """Plateaus of a series (T,) in order of time; the first and the last may touch the ends.

    One with a ``floor`` that still falls many times nearer to it does not rest there.
    """
    total = np.ptp(series)
    if len(series) < FEWEST or total == 0:
        return ()
    level, slope, error = local_lines(time, series)
    zero = np.maximum(AT_REST * total / np.ptp(time), 2 * error)
    rest = -np.log(np.maximum(np.abs(slope), zero))
    rest = np.pad(rest, 1, constant_values=rest.min())  # so that the ends can be peaks
    found = rises(rest, np.log(SLOWER))
    valleys = [*(low for low, _ in found), len(rest) - 1]
    plateaus = []
    for (low, high), valley in zip(found, valleys[1:], strict=True):
        after = rest[valley]
        if valley == len(rest) - 1 and rest[high] - rest[high:-1].min() > np.log(LEAVING):
            after = rest[high:-1].min()
        fast = np.flatnonzero(rest < 0.5 * (max(rest[low], after) + rest[high]))
        start, end = fast[fast < high][-1], fast[fast > high][0] - 2  # without the padding
        slowest = np.flatnonzero(rest[start + 1 : end + 2] == rest[high])
        center = start + int(slowest[len(slowest) // 2])
        rests = end < len(series) - 1 or abs(level[end] - level[start]) < AT_END * total
        if floor is not None:
            first, last = level[start] - floor, level[end] - floor
            rests &= abs(first - last) <= max(FALLS * max(first, last), NOTHING)
        if start < end and rests:
            rested = (time[start], time[end], time[center], level[center])
            plateaus.append(Plateau(*map(float, rested)))
    return tuple(plateaus)


def without_turns(
    plateaus: Sequence[Plateau], events: Sequence[Event], time: Array, risk: Array
) -> tuple[Plateau, ...]:
    """What is left of plateaus while no vector turns: parts of at least PART of each, and of
    SHORTEST steps.

    A vector turns from 10 % to 90 % of an event that changes its cosine by LEAST_MOVE.
    """
    turns = [
        (event.start, event.complete)
        for event in events
        if event.cosine_after - event.cosine_before > LEAST_MOVE
    ]
    found = []
    for plateau in plateaus:
        inside = (time >= plateau.start) & (time <= plateau.end)
        for start, end in turns:
            inside &= (time <= start) | (time >= end)
        edges = np.flatnonzero(np.diff(np.pad(inside, 1).astype(int))).reshape(-1, 2)
        for first, last in edges - [0, 1]:
            long_enough = time[last] - time[first] >= PART * (plateau.end - plateau.start)
            if last >= first + SHORTEST and long_enough:
                found.append(part_of(plateau, time[first : last + 1], risk[first : last + 1]))
    return tuple(found)


def part_of(plateau: Plateau, time: Array, risk: Array) -> Plateau:
    """A part of a plateau; where its center is not in it, its middle is the center."""
    start, end = float(time[0]), float(time[-1])
    if start <= plateau.center <= end:
        return dataclasses.replace(plateau, start=start, end=end)
    middle = int(np.abs(time - 0.5 * (start + end)).argmin())
    return Plateau(start, end, float(time[middle]), float(risk[middle]))


def remaining_change(time: Array, series: Array) -> float:
    """Change in the last tenth of a run, relative to the range; 0 if it never moved."""
    total = np.ptp(series)
    if len(series) < FEWEST or total == 0:
        return 0.0
    level = local_lines(time, series)[0]
    earlier = np.interp(time[0] + 0.9 * np.ptp(time), time, level)
    return float(abs(level[-1] - earlier) / total)
