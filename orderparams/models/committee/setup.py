"""What a configuration says, built once: the teachers, and where the students start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.config.values import Numbers
from orderparams.models.committee.network import Network, teacher_factor
from orderparams.models.committee.sections import Problem, TaskConfig
from orderparams.models.vectors.geometry import Vectors, draw_vectors, residual_factor

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Setup:
    """The numerical objects of a problem, which are handed to all that work with it.

    ``start`` has the second layer (K,) among its numbers.
    """

    network: Network
    start: Vectors


def build(problem: Problem) -> Setup:
    """The objects that a problem describes."""
    task = problem.task
    network = Network(
        teachers_of(task),
        second_layer(task.teacher_second_layer, task.count),
        task.noise,
        problem.network.activation == "relu",
    )
    return Setup(network, initial_students(problem, network.teachers))


def teachers_of(task: TaskConfig) -> Array:
    """B (M, d) with B Bᵀ = T."""
    if task.teacher_overlap is None:
        return np.eye(task.count)
    return teacher_factor(np.array(task.teacher_overlap))


def second_layer(choice: str | Numbers, count: int) -> Array:
    """Weights (count,) that add up the units, or what they are given as."""
    if isinstance(choice, tuple):
        return np.array(choice)
    return np.full(count, 1 / count if choice == "mean" else 1.0)


def initial_students(problem: Problem, teachers: Array) -> Vectors:
    """Where the students start; a learned second layer starts as a sum unless it is given."""
    initial, network = problem.initial, problem.network
    count, directions = network.students, teachers.shape[1]
    choice = network.second_layer
    if choice == "learned":
        choice = initial.second_layer or "sum"
    numbers = {"second_layer": second_layer(choice, count)}
    if initial.kind == "random":
        drawn = draw_vectors(initial.seed, initial.variance, initial.dimension, count, directions)
        return Vectors(*drawn, numbers)
    overlap = np.array(initial.overlap) @ np.linalg.pinv(teachers).T
    residual = np.zeros((count, count))
    if initial.self_overlap is not None:
        residual = residual_factor(np.array(initial.self_overlap) - overlap @ overlap.T)
    return Vectors(overlap, residual, numbers)
