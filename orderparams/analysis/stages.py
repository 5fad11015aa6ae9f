"""Stages of a run: when vectors move together, when each specializes, what they are at the end.

All is read off order parameters at stored times, by angles and relative lengths, so that noisy runs
of SGD and rescaled tasks are judged alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from orderparams.analysis.events import TOGETHER, find_events, ratio, sides, spread
from orderparams.analysis.plateaus import find_plateaus, remaining_change, without_turns
from orderparams.models.vectors.geometry import Direction, geometry_of, squares
from orderparams.results.analyzed.stages import Excursion, Stages
from orderparams.results.trajectory import Trajectory

Array = NDArray[np.float64]

ALIGNED = 0.6
"""Least cosine of a vector with the direction that it is said to follow."""


def find_stages(
    time: Array,
    positions: Array,
    length: Array,
    risk: Array,
    directions: Sequence[Direction],
    floor: float | None = None,
) -> Stages:
    """Stages from stored times (T,), positions (T, n, d), lengths (T, n), risk (T,) and its
    ``floor``."""
    groups, dormant = groups_of(positions[-1])
    plateaus = find_plateaus(time, risk, floor)
    rests = [int(np.searchsorted(time, plateau.center)) for plateau in plateaus]
    events = find_events(time, positions, length, risk, directions, rests)
    return Stages(
        directions=tuple(directions),
        events=events,
        plateaus=without_turns(plateaus, events, time, risk),
        unspecialized=unspecialized_phase(time, positions),
        excursions=find_excursions(time, positions, length, directions),
        groups=groups,
        dormant=dormant,
        remaining=remaining_change(time, risk),
    )


def stages_of(trajectory: Trajectory) -> Stages:
    """Stages of a trajectory."""
    geometry = geometry_of(trajectory.problem)
    return find_stages(
        trajectory.time,
        geometry.positions(trajectory.parameters),
        np.sqrt(squares(trajectory.parameters)),
        trajectory.risk,
        geometry.targets,
        floor=0.0,
    )


def unspecialized_phase(time: Array, positions: Array) -> tuple[float, float] | None:
    """The longest interval in which the vectors differ by less than TOGETHER."""
    if positions.shape[1] == 1:
        return None
    together = (spread(positions) < TOGETHER) & positions.any(axis=(1, 2))
    edges = np.flatnonzero(np.diff(np.pad(together, 1).astype(int)))
    intervals = [(float(time[i]), float(time[j - 1])) for i, j in edges.reshape(-1, 2)]
    return max(intervals, key=lambda interval: interval[1] - interval[0], default=None)


def groups_of(positions: Array) -> tuple[tuple[tuple[int, ...], ...], tuple[int, ...]]:
    """Groups of equal vectors (n, d) up to TOGETHER, and the dormant ones."""
    sizes = np.linalg.norm(positions, axis=1)
    dormant = sizes <= TOGETHER * sizes.max()
    apart = np.linalg.norm(positions[:, None] - positions, axis=2)
    linked = apart <= TOGETHER * np.maximum.outer(sizes, sizes)
    linked[dormant] = linked[:, dormant] = False
    count, labels = connected_components(linked, directed=False)
    groups = [tuple(map(int, np.flatnonzero(labels == label))) for label in range(count)]
    awake = [group for group in groups if not dormant[group[0]]]
    return tuple(sorted(awake, key=len, reverse=True)), tuple(map(int, np.flatnonzero(dormant)))


def find_excursions(
    time: Array, positions: Array, length: Array, directions: Sequence[Direction]
) -> tuple[Excursion, ...]:
    """Vectors that followed a direction that not all had in common, and end along another."""
    apart = {d.name: spread(d.part(positions)) > TOGETHER for d in directions}
    found = []
    for learner in range(positions.shape[1]):
        followed = [
            (d, d.side(sign), side)
            for d in directions
            for sign, side in zip((1, -1), sides(positions[:, learner], d), strict=False)
        ]
        long_enough = length[:, learner] > TOGETHER * length[-1, learner]
        cosines = [ratio(side, length[:, learner]) for *_, side in followed]
        last = int(np.argmax([cosine[-1] for cosine in cosines]))
        destination, target, final = followed[last]
        if cosines[last][-1] < ALIGNED:
            continue
        for (origin, source, side), cosine in zip(followed, cosines, strict=True):
            alone = long_enough & apart[origin.name] & (cosine > ALIGNED)
            led = np.flatnonzero(alone & (side > final))
            if cosine[-1] > 0.5 * ALIGNED or len(led) == 0:
                continue
            peak = int(led[side[led].argmax()])
            times = float(time[peak]), float(time[led[-1] + 1])
            path = Excursion(
                learner, origin, destination, float(side[peak]), *times, source, target
            )
            found.append(path)
    return tuple(found)


def stage_times(run: Trajectory) -> Array:
    """Mean half-time of the specializations of each stage, (S,)."""
    half_times: dict[int, list[float]] = {}
    for event in stages_of(run).specializations:
        half_times.setdefault(event.stage, []).append(event.half_time)
    return np.array([np.mean(half_times[stage]) for stage in sorted(half_times)])
