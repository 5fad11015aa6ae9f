"""Stages of a run: when vectors move together, when each specializes, what they are at the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.config.words import counted
from orderparams.models.vectors.geometry import Direction

Array = NDArray[np.float64]

NOTHING = 1e-7
"""Differences of risks below this are errors of the expectations."""

LEAST_MOVE = 0.1
"""Smallest change of an alignment that counts."""


@dataclass(frozen=True)
class Plateau:
    """A quantity rests near ``level`` from ``start`` to ``end``; at ``center`` it is slowest."""

    start: float
    end: float
    center: float
    level: float


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
        single = self.direction.basis.shape[1] == 1
        return self.direction.side(float(self.vector @ self.direction.basis[:, 0]) if single else 0)


@dataclass(frozen=True)
class Excursion:
    """A vector that followed one direction and turned to another, counted from 0 by ``learner``.

    Its overlap with the first was largest, ``peak``, at ``peak_time``; from ``turn_time`` on it no
    longer follows the first. ``source`` and ``target`` are the names of both with their sides: to
    turn from -2 to +2 is an excursion as well.
    """

    learner: int
    origin: Direction
    destination: Direction
    peak: float
    peak_time: float
    turn_time: float
    source: str
    target: str


@dataclass(frozen=True, eq=False)
class Stages:
    """What happened in a run.

    events by half-time; plateaus; ``unspecialized``: first and last time at which all vectors are
    the same but for 10 %, or None; excursions; groups of equal vectors at the end, largest first;
    dormant ones, which have no overlap to speak of then. ``remaining`` is the change of the risk in
    the last tenth of the run relative to its range in all of it. ``directions`` are what vectors
    can specialize on.
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
    def counts(self) -> str:
        """How many events and plateaus, in words."""
        return f"{counted(len(self.events), 'event')}, {counted(len(self.plateaus), 'plateau')}"

    @property
    def specializations(self) -> tuple[Event, ...]:
        """The events that make vectors differ."""
        return tuple(event for event in self.events if not event.common)
