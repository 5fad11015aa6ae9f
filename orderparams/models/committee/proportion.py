"""What is out of proportion where a start, or a run, leaves the range of the expectations."""

from __future__ import annotations

from orderparams.models.committee.sections import Problem
from orderparams.models.committee.setup import build
from orderparams.models.vectors.geometry import Vectors

FAR = 1e3
"""Lengths and second layers above it are named."""

FAST = 1e2
"""Rates above it are named."""


def at_start(problem: Problem) -> str:
    """What to change of a start."""
    initial, setup = problem.initial, build(problem)
    random, start = initial.kind == "random", setup.start
    learned = problem.network.second_layer == "learned"
    sizes = {
        "the initial students (initial.variance)": random * float(initial.variance) ** 0.5,
        "initial.overlap and initial.self_overlap": (not random) * length(start),
        ("initial" if learned else "network") + ".second_layer": largest(setup.start),
        "the teachers (task.teacher_overlap)": abs(setup.network.teachers).max(),
        "task.teacher_second_layer": abs(setup.network.second_layer).max(),
    }
    named = [name for name, size in sizes.items() if size > FAR]
    return f"weaken {' or '.join(named or ['the initial students', 'the teachers'])}"


def length(students: Vectors) -> float:
    """The largest component of a student."""
    return float(abs(students.weights).max())


def largest(students: Vectors) -> float:
    """The largest weight of the second layer."""
    return float(abs(students.numbers["second_layer"]).max())


def in_course(problem: Problem, *, sgd: bool) -> str:
    """Rates to lower where a run leaves the range; "" if none is large."""
    training, learned = problem.training, problem.network.second_layer == "learned"
    rates = {
        "training.learning_rate": training.learning_rate * sgd,
        "training.weight_decay": training.weight_decay,
        "training.second_layer_rate": training.second_layer_rate * learned,
    }
    named = [f"{name} = {rate:g}" for name, rate in rates.items() if rate > FAST]
    return f"lower {' or '.join(named)}" if named else ""
