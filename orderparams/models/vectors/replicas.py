"""Replicas of SGD on vectors in R^D."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orderparams import memory
from orderparams.compiled import require_distinct
from orderparams.config.words import counted
from orderparams.errors import ConfigurationError
from orderparams.models import replicas as base
from orderparams.models.interface import Records
from orderparams.models.replicas import OVERHEAD, Replicas, State, check_count, whole_steps
from orderparams.models.schedule import CONSTANT, Schedule, schedule_of
from orderparams.models.vectors import direct, gram
from orderparams.models.vectors.sgd import Course, Model, Rule, Start
from orderparams.models.vectors.step import FULL_RATE, PLAIN, Step, step_of

Array = NDArray[np.float64]

BACKENDS: dict[str, ModuleType] = {"gram": gram, "direct": direct}

STORED = {"vectors": "heads"}
"""Names of a backend's arrays in a checkpoint, where they are others."""


NOTHING = np.empty((0, 0))
"""An array of a backend that has no entries; checkpoints do not hold it."""


class ShortDimension(ConfigurationError):
    """A dimension below the ``least`` that a backend needs, by the names of backends; ``parts`` is
    the factor by which it is to be larger still."""

    def __init__(
        self, dimension: int, words: str, backend: str, least: Mapping[str, int], parts: int = 1
    ) -> None:
        self.words, self.backend, self.least = words, backend, least
        others = [name for name, one in least.items() if parts * one <= dimension]
        remedy = f", or set simulation.backend = {others[0]!r}" if others else ""
        why = ", as a quarter of it is simulated too" if parts > 1 else ""
        super().__init__(
            f"simulation.dimension = {dimension} is too small: these {words} need at least "
            f"{parts * least[backend]} in the {backend} backend{why}; raise it{remedy}"
        )

    def of_part(self, parts: int, dimension: int) -> ShortDimension:
        """The same of a whole dimension, of which a part was too small."""
        return ShortDimension(dimension, self.words, self.backend, self.least, parts)


class Ensemble(Replicas):
    """Replicas of SGD on a model from one start, recorded at given times.

    time (T,), non-decreasing from zero on, is rounded to steps t·D/γ. ``begin`` is realised
    exactly; with a ``variance`` every replica draws its own vectors from N(0, variance·I_D)
    instead, with a column (n, 1) each from its own. ``step`` is what becomes of a plain step,
    ``schedule`` how the learning rate changes; velocities that are measured have the names
    ``motion`` for m^p, q^kp and q^pp. With a ``frame`` B overlaps are recorded as m Bᵀ.
    :class:`~orderparams.errors.ConfigurationError` if there are no replicas, if D is too
    small, for no step or too many, or for more than fits into memory.
    """

    def __init__(
        self,
        model: Model,
        rule: Rule,
        begin: Start,
        *,
        time: ArrayLike,
        dimension: int,
        replicas: int,
        seed: int,
        backend: str = "gram",
        variance: float | Array | None = None,
        step: Step = PLAIN,
        schedule: Schedule = CONSTANT,
        motion: tuple[str, ...] = (),
        frame: Array | None = None,
    ) -> None:
        require_distinct(type(model))
        self.backend = BACKENDS[backend]
        self.model = model
        self.rule = rule
        self.dimension = dimension
        self.manner, self.schedule, self.frame = step, schedule, frame
        self.motion = motion if step.measured else ()
        count = len(begin.overlap)
        least = {
            name: one.least_dimension(model, rule, count, step) for name, one in BACKENDS.items()
        }
        if dimension < least[backend]:
            raise ShortDimension(dimension, model.words, backend, least)
        rate = rule.learning_rate / (1 - step.momentum)
        marks = whole_steps(
            schedule.elapsed(np.asarray(time)) * dimension / rate,
            "training.duration · simulation.dimension / training.learning_rate",
        )
        check_count(replicas)
        self.numbers = type(model.numbers(rule, begin, np.zeros(count)))
        square = np.zeros((count, count))
        overlap = np.zeros((count, model.features))
        numbers = model.numbers(rule, begin, np.zeros(count))
        still = (overlap, square, square) if self.motion else None
        sample = self._recorded(Course(overlap, square, numbers, np.zeros(1), still))
        shapes = {key: value.shape for key, value in sample.items()}
        recorded = len(marks) * (1 + sum(map(math.prod, shapes.values())))
        held, working = self.backend.size(model, count, dimension, step)
        memory.require(
            2 * replicas * (8 * (held + recorded) + OVERHEAD) + 8 * working,
            f"{counted(replicas, 'replica')} with D = {dimension} and "
            f"{counted(len(marks), 'time')} in the {backend} backend",
            "lower simulation.replicas, simulation.dimension"
            + (", task.length" if model.sizes.longest > 1 else "")
            + " or output.points"
            + (", or set simulation.backend = 'gram'" if backend == "direct" else ""),
        )
        self.begin, self.variance = begin, variance
        first_stride = max(1, base.FIRST // (working * rule.batch_size))
        super().__init__(marks, rate / dimension, shapes, replicas, seed, first_stride)

    def start(self, generator: np.random.Generator, seeds: np.random.SeedSequence) -> State:
        """The arrays of the backend."""
        state = self.backend.start(
            self.model,
            self.rule,
            self.begin,
            self.variance,
            self.dimension,
            seeds,
            generator,
            self.manner,
        )
        arrays = state._asdict()
        arrays |= arrays.pop("numbers")._asdict()
        return {STORED.get(key, key): value for key, value in arrays.items() if value.size}

    def measure(self, replica: State) -> State:
        """The order parameters."""
        state = self._view(replica)
        features = self.model.features
        overlap, self_overlap = self.backend.measure(state, features)
        numbers = self.numbers(*(values[None] for values in state.numbers))
        moving = None
        if self.motion:
            found = self.backend.motion(state, features, self.manner)
            moving = tuple(values[None] for values in found)
        measured = Course(overlap[None], self_overlap[None], numbers, np.zeros(1), moving)
        return self._recorded(measured)

    def course(
        self, replica: State, generator: np.random.Generator, strides: NDArray[np.int64]
    ) -> tuple[State, NDArray[np.float64]]:
        """Steps of the backend."""
        course = self.backend.course(
            self.model,
            self.rule,
            self._view(replica),
            self.dimension,
            generator,
            strides,
            self.manner,
            self._shares(int(replica["step"][0]), int(strides.sum())),
        )
        return self._recorded(course), course.loss

    def result(self) -> Records:
        """What was recorded so far."""
        found = super().result()
        return dataclasses.replace(found, time=self.schedule.time(found.time))

    def _shares(self, begun: int, steps: int) -> Array:
        """Shares of the learning rate of so many steps, the last of which holds on."""
        if self.schedule is CONSTANT:
            return FULL_RATE
        number = np.arange(begun, begun + steps, dtype=np.float64)
        return self.schedule.shares(number * self.step_time)

    def _recorded(self, course: Course) -> State:
        """What is recorded of a course, by the names of the order parameters."""
        found = self._named(course.overlap, course.self_overlap, course.numbers)
        if course.motion is None:
            return found
        speed, crossed, own = course.motion
        # overlaps of velocities are with what those of the vectors are with
        moving = self._named(speed, own, course.numbers)["overlap"], crossed, own
        return {**found, **dict(zip(self.motion, moving, strict=True))}

    def _named(self, overlap: Array, self_overlap: Array, numbers: Any) -> State:
        """Overlaps as they are recorded, and the rest."""
        framed = overlap if self.frame is None else overlap @ self.frame.T
        return self.model.records(framed, self_overlap, numbers)

    def _view(self, replica: State) -> Any:
        """The state of the backend, sharing memory with the replica."""
        kind = self.backend.State
        numbers = self.numbers(*(replica[key] for key in self.numbers._fields))
        arrays = {key: replica.get(STORED.get(key, key), NOTHING) for key in kind._fields}
        return kind(**arrays | {"numbers": numbers})


def replicas_of(
    problem: Any,
    model: Model,
    rule: Rule,
    begin: Start,
    time: ArrayLike,
    shares: float | Array = 1.0,
    motion: tuple[str, ...] = (),
    frame: Array | None = None,
) -> Ensemble:
    """The replicas that a configuration asks for, at step zero.

    An ``explicit`` start is realised exactly; a ``random`` one is drawn anew for every replica, in
    the dimension of the simulation, with these ``shares`` (n, 1) of the variance. ``motion`` are
    names of the order parameters of velocities. ``frame`` is that of the hidden directions, where
    they are not orthogonal.
    :class:`~orderparams.errors.ConfigurationError` as of :class:`Ensemble`.
    """
    settings, initial = problem.simulation, problem.initial
    return Ensemble(
        model,
        rule,
        begin,
        time=time,
        dimension=settings.dimension,
        replicas=settings.replicas,
        seed=settings.seed,
        backend=settings.backend,
        variance=initial.variance * shares if initial.kind == "random" else None,
        step=step_of(problem),
        schedule=schedule_of(problem),
        motion=motion,
        frame=frame,
    )
