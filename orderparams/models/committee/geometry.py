"""What students can turn to, and what else they could be."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from orderparams.expectations.laws import Mixture
from orderparams.models.committee.parameters import SECOND_LAYER, STUDENT
from orderparams.models.committee.sections import InitialConfig, Problem
from orderparams.models.committee.setup import build
from orderparams.models.vectors.geometry import Direction, Floor, Vectors, eigenspaces

Array = NDArray[np.float64]

PLAIN = 6
"""Random starts near teachers; all others are diverse."""

NOISE = 0.1
"""Standard deviation of what is added to each weight of a start, in units of a teacher's length."""


class StudentGeometry:
    """Students against teachers B (M, d)
    (:class:`~orderparams.models.vectors.geometry.Geometry`)."""

    word, numbers, weights = STUDENT.word, "second layer", SECOND_LAYER.name
    support_words = "teachers"
    floor = Floor("least_risk", "zero", 0.0)

    def __init__(self, problem: Problem) -> None:
        self.problem, self.setup = problem, build(problem)
        network = self.setup.network
        self.teachers, weights = network.teachers, network.second_layer
        self.lengths = np.linalg.norm(self.teachers, axis=1)
        axes = self.teachers / self.lengths[:, None]
        strength = weights[:, None] * self.teachers
        self.directions = eigenspaces(strength.T @ strength, axes)
        self.targets = tuple(
            Direction(str(m + 1), axis[:, None], float((strength[m] ** 2).sum()))
            for m, axis in enumerate(axes)
        )

    @property
    def support(self) -> Mixture:
        """The teachers, each a point."""
        count, size = self.teachers.shape
        none = np.broadcast_to(0.0, (count, size, size))
        return Mixture(np.full(count, 1 / count), self.teachers, none)

    def positions(self, parameters: Mapping[str, Array]) -> Array:
        """m of R = m Bᵀ."""
        m: Array = parameters["overlap"] @ np.linalg.pinv(self.teachers).T
        return m

    def measured(self, positions: Array) -> Array:
        """R = m Bᵀ."""
        r: Array = positions @ self.teachers.T
        return r

    def starts(self) -> Iterator[Vectors]:
        """Students without end: at the teachers' mean, then at teachers in turn, then diverse, each
        with noise.

        Diverse students are shortened by random factors, and a learned second layer, which else is
        as at the problem's start, is off it by standard normals.
        """
        start, learned = self.setup.start, self.problem.network.second_layer == "learned"
        generator = np.random.default_rng(self.problem.initial.seed)
        count, scale = start.count, NOISE * self.lengths.mean()
        for number in itertools.count():
            overlap = np.tile(self.teachers.mean(0), (count, 1))
            numbers = dict(start.numbers)
            if number:
                overlap = self.teachers[in_turn(len(self.teachers), count, generator)]
            if number >= PLAIN:
                overlap = overlap * generator.uniform(0, 1, (count, 1))
                if learned:
                    noise = generator.standard_normal(count)
                    numbers["second_layer"] = numbers["second_layer"] + noise
            overlap = overlap + scale * generator.standard_normal(overlap.shape)
            yield Vectors(overlap, scale * generator.standard_normal((count, count)), numbers)

    def smaller(self) -> None:
        """None."""

    def without(self, vectors: Vectors, removed: tuple[int, ...]) -> Problem:
        """The network without some students.

        A mean becomes the mean over the rest; a given or learned second layer stays as it is.
        """
        network = self.problem.network
        kept = np.delete(np.arange(vectors.count), removed)
        second = tuple(vectors.numbers["second_layer"][kept])
        initial = InitialConfig(
            seed=self.problem.initial.seed,
            second_layer=second if network.second_layer == "learned" else None,
        )
        given = isinstance(network.second_layer, tuple)
        network = dataclasses.replace(
            network,
            students=len(kept),
            second_layer=second if given else network.second_layer,
        )
        return dataclasses.replace(self.problem, network=network, initial=initial)


def in_turn(teachers: int, students: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """A teacher for each student, different ones as long as there are any."""
    rounds = -(-students // teachers)
    return np.concatenate([generator.permutation(teachers) for _ in range(rounds)])[:students]
