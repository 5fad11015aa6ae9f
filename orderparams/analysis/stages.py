"""Stages of a run: when vectors move together, when each specializes, what they are at the end.

All is read off order parameters at stored times, by angles and relative lengths, so that noisy runs
of SGD and rescaled tasks are judged alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from orderparams.analysis.events import TOGETHER, find_events, ratio, rms, sides, spread
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
        unspecialized=unspecialized_phase(time, positions, directions),
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


def unspecialized_phase(
    time: Array, positions: Array, directions: Sequence[Direction]
) -> tuple[float, float] | None:
    """The longest interval in which the vectors differ by less than TOGETHER.

    It ends where they begin to part in any direction: where they differ there by more than that
    part of what they ever differ.
    """
    if positions.shape[1] == 1:
        return None
    together = (spread(positions) < TOGETHER) & positions.any(axis=(1, 2))
    longest = rms(positions).max()
    for direction in directions:
        part = direction.part(positions)
        apart = rms(part - part.mean(axis=1, keepdims=True))
        if apart.max() > TOGETHER * longest:
            together &= apart < TOGETHER * apart.max()
    edges = np.flatnonzero(np.diff(np.pad(together, 1).astype(int)))
    intervals = [(float(time[i]), float(time[j - 1])) for i, j in edges.reshape(-1, 2)]
    return max(intervals, key=lambda interval: interval[1] - interval[0], default=None)


def groups_of(positions: Array) -> tuple[tuple[tuple[int, ...], ...], tuple[int, ...]]:
    """Groups of vectors (n, d) of which any two are equal up to TOGETHER, and the dormant ones."""
    sizes = np.linalg.norm(positions, axis=1)
    dormant = sizes <= TOGETHER * sizes.max()
    awake = np.flatnonzero(~dormant)
    apart = np.linalg.norm(positions[awake, None] - positions[awake], axis=2)
    apart /= np.maximum.outer(sizes, sizes)[np.ix_(awake, awake)]
    labels = np.ones(len(awake), int)
    if len(awake) > 1:
        tree = linkage(squareform(apart, checks=False), "complete")
        labels = fcluster(tree, TOGETHER, "distance")
    groups = sorted(tuple(map(int, awake[labels == label])) for label in np.unique(labels))
    return tuple(sorted(groups, key=len, reverse=True)), tuple(map(int, np.flatnonzero(dormant)))


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
            alone = long_enough & apart[origin.name] & (cosine >= ALIGNED)
            led = np.flatnonzero(alone & (side > final))
            if cosine[-1] > 0.5 * ALIGNED or len(led) == 0:
                continue
            peak = int(led[side[led].argmax()])
            if side[peak:].max() > (1 + TOGETHER) * side[peak]:  # it goes on along with another
                continue
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
