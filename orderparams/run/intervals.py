"""Which measured times part the course of SGD into intervals, for the verdict on innovations.

Intervals are of about as many steps each, but shorter where the flow from what was measured is
unstable: linear equations hold over a time in which little grows. The choice rests on the state in
which an interval begins, and on the sizes of order parameters, not on what happens in it, so that
innovations stay what they are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.results.fluctuations import LARGE
from orderparams.run.doubts import FEWEST_STEPS
from orderparams.run.restarts import Look, Restarts
from orderparams.run.whitening import Hidden, Measured, Whitened, looks_at, origins, whitened

Array = NDArray[np.float64]

GROWTH = 2.0
"""Largest growth rate times the length of an interval."""

ROOM = 4.0
"""Times the dimension above which linear theory holds, intervals aim at: its variance is off by a
tenth or less there."""

FINEST = 4
"""Times as many intervals as are meant, at most."""

LONGER = 2.0
"""Times the last interval, where that was cut, the next is at most."""


class Plan(NamedTuple):
    """By the numbers of ``steps`` (T,) at measured times: about so many ``intervals``, and no more
    than ``most``."""

    steps: Array
    intervals: int
    most: int


def parted(
    restarts: Restarts, measured: Measured, plan: Plan
) -> tuple[NDArray[np.int64], list[Whitened]]:
    """Indices of times that part what was measured, the first and the last among them, and what
    happens in between."""
    goals = stops(plan.steps, plan.intervals)
    ends, farthest = [0], np.inf
    found: list[Whitened] = []
    hidden = [Hidden(restarts.start)] * len(measured.x)
    while ends[-1] < goals[-1]:
        first, left = ends[-1], goals[goals > ends[-1]]
        goal = int(left[0])
        spare = plan.most - len(found) - len(left)
        reach = plan.steps[first] + farthest if spare > 0 else np.inf
        last = nearest(plan.steps, first, goal, reach) or goal
        last, looks = within(restarts, measured, plan.steps, first, last, hidden, spare)
        found.append(whitened(restarts, measured, first, last, looks, hidden))
        hidden = found[-1].hidden
        ends.append(last)
        farthest = np.inf if last == goal else LONGER * (plan.steps[last] - plan.steps[first])
    return np.array(ends), found


def within(
    restarts: Restarts,
    measured: Measured,
    steps: Array,
    first: int,
    last: int,
    hidden: list[Hidden],
    spare: int,
) -> tuple[int, list[Look]]:
    """The end of an interval up to a time by its index, or nearer and nearer while it is too long
    and intervals are to ``spare``; and what one sees there."""
    begin = float(measured.time[first])
    growth = max(restarts.growth(state, begin) for state in origins(measured, first))
    while True:
        middle = 0.5 * (steps[first] + steps[last])
        nearer = nearest(steps, first, last, middle) if spare > 0 else None
        if nearer is not None and growth * (measured.time[last] - begin) > GROWTH:
            last = nearer
            continue
        try:
            looks = looks_at(restarts, measured, first, last, hidden)
        except SolverError:
            if nearer is None:
                raise
        else:
            if nearer is None or all(is_short(one, measured) for one in looks):
                return last, looks
        last = nearer


def is_short(look: Look, measured: Measured) -> bool:
    """Whether little grows over an interval."""
    length = float(look.times[1] - look.times[0])
    scaled = look.covariance / np.outer(measured.scale, measured.scale)
    largest = float(np.linalg.eigvalsh(scaled)[-1])
    return look.growth * length <= GROWTH and largest * ROOM <= LARGE * measured.dimension


def nearest(steps: Array, first: int, last: int, target: float) -> int | None:
    """The index of a time between two others that is near a number of steps, and FEWEST_STEPS or
    more from both; None if there is none, or if the target is not between them."""
    inner = np.arange(first + 1, last)
    apart = np.minimum(steps[inner] - steps[first], steps[last] - steps[inner])
    inner = inner[apart >= FEWEST_STEPS - 0.5]
    if not inner.size or target >= steps[last]:
        return None
    return int(inner[np.argmin(np.abs(steps[inner] - target))])


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
