"""Stages of a run: when the heads move together, when each specializes, what they are at the end.

All is read off order parameters at stored times, by angles and relative lengths, so that noisy runs
of SGD and rescaled tasks are judged alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from orderparams.analysis.directions import Direction, signal_directions
from orderparams.analysis.events import TOGETHER, Event, find_events, ratio, sides, spread
from orderparams.analysis.plateaus import Plateau, find_plateaus, remaining_change
from orderparams.models.single_location.setup import build_signal
from orderparams.results import schema
from orderparams.results.trajectory import Trajectory
from orderparams.storage.tree import Tree

Array = NDArray[np.float64]

ALIGNED = 0.6
"""Least cosine of a head with the direction that it is said to follow."""


@dataclass(frozen=True)
class Excursion:
    """A head that followed one direction and turned to another; heads are counted from 0.

    Its overlap with the first was largest, ``peak``, at ``peak_time``; from ``turn_time`` on it no
    longer follows the first.
    """

    head: int
    origin: Direction
    destination: Direction
    peak: float
    peak_time: float
    turn_time: float


@dataclass(frozen=True, eq=False)
class Stages:
    """What happened in a run.

    events by half-time; plateaus; ``unspecialized``: first and last time at which all heads are the
    same but for TOGETHER, or None; excursions; groups of equal heads at the end, largest first;
    dormant heads, which have no overlap to speak of at the end. ``remaining`` is the change of the
    risk in the last tenth of the run relative to its range in all of it.
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
    groups, dormant = head_groups(overlap[-1])
    plateaus = find_plateaus(time, risk)
    rests = [int(np.searchsorted(time, plateau.center)) for plateau in plateaus]
    return Stages(
        directions=tuple(directions),
        events=find_events(time, overlap, self_overlap, risk, directions, rests),
        plateaus=plateaus,
        unspecialized=unspecialized_phase(time, overlap),
        excursions=find_excursions(time, overlap, self_overlap, directions),
        groups=groups,
        dormant=dormant,
        remaining=remaining_change(time, risk),
    )


def stages_of(trajectory: Trajectory) -> Stages:
    """Stages of a trajectory."""
    return find_stages(
        trajectory.time,
        trajectory.overlap,
        trajectory.self_overlap,
        trajectory.risk,
        signal_directions(build_signal(trajectory.problem.task.signal)),
    )


def unspecialized_phase(time: Array, overlap: Array) -> tuple[float, float] | None:
    """The longest interval in which the heads' overlaps differ by less than TOGETHER."""
    if overlap.shape[1] == 1:
        return None
    together = (spread(overlap) < TOGETHER) & overlap.any(axis=(1, 2))
    edges = np.flatnonzero(np.diff(np.pad(together, 1).astype(int)))
    intervals = [(float(time[i]), float(time[j - 1])) for i, j in edges.reshape(-1, 2)]
    return max(intervals, key=lambda interval: interval[1] - interval[0], default=None)


def head_groups(overlap: Array) -> tuple[tuple[tuple[int, ...], ...], tuple[int, ...]]:
    """Groups of heads with equal overlaps (H, F) up to TOGETHER, and the dormant heads."""
    sizes = np.linalg.norm(overlap, axis=1)
    dormant = sizes <= TOGETHER * sizes.max()
    apart = np.linalg.norm(overlap[:, None] - overlap, axis=2)
    linked = apart <= TOGETHER * np.maximum.outer(sizes, sizes)
    linked[dormant] = linked[:, dormant] = False
    count, labels = connected_components(linked, directed=False)
    groups = [tuple(map(int, np.flatnonzero(labels == label))) for label in range(count)]
    awake = [group for group in groups if not dormant[group[0]]]
    return tuple(sorted(awake, key=len, reverse=True)), tuple(map(int, np.flatnonzero(dormant)))


def find_excursions(
    time: Array, overlap: Array, self_overlap: Array, directions: Sequence[Direction]
) -> tuple[Excursion, ...]:
    """Heads that followed a direction that not all heads had in common, and end along another."""
    lengths = np.sqrt(np.einsum("thh->th", self_overlap))
    apart = {d.name: spread(d.part(overlap)) > TOGETHER for d in directions}
    found = []
    for head in range(overlap.shape[1]):
        followed = [(d, side) for d in directions for side in sides(overlap[:, head], d)]
        long_enough = lengths[:, head] > TOGETHER * lengths[-1, head]
        cosines = [ratio(side, lengths[:, head]) for _, side in followed]
        last = int(np.argmax([cosine[-1] for cosine in cosines]))
        destination, final = followed[last]
        if cosines[last][-1] < ALIGNED:
            continue
        for (origin, side), cosine in zip(followed, cosines, strict=True):
            alone = long_enough & apart[origin.name] & (cosine > ALIGNED)
            led = np.flatnonzero(alone & (side > final))
            if cosine[-1] > 0.5 * ALIGNED or len(led) == 0:
                continue
            peak = int(led[side[led].argmax()])
            times = float(time[peak]), float(time[led[-1] + 1])
            found.append(Excursion(head, origin, destination, float(side[peak]), *times))
    return tuple(found)


def stage_times(run: Trajectory) -> Array:
    """Mean half-time of the specializations of each stage, (S,)."""
    half_times: dict[int, list[float]] = {}
    for event in stages_of(run).specializations:
        half_times.setdefault(event.stage, []).append(event.half_time)
    return np.array([np.mean(half_times[stage]) for stage in sorted(half_times)])


def stored(run: Trajectory, stages: Stages) -> Tree:
    """The group /stages of a file: one row an event."""
    known, features = schema.stages(run.problem.model), run.overlap.shape[2]
    learner, *names = known
    columns = {name: [getattr(event, name) for event in stages.events] for name in names}
    columns[learner] = [event.head + 1 for event in stages.events]
    arrays = {name: np.array(columns[name]) for name in known}
    arrays["target"] = np.array(columns["target"], dtype=object)
    arrays["vector"] = arrays["vector"].reshape(-1, features)
    return Tree(
        variables={name: (known[name], arrays[name]) for name in known},
        axis_names=schema.axis_names(schema.table(run.problem.model)),
    )
