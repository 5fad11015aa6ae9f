"""A committee machine in words, for screens, pages and figures."""

from __future__ import annotations

from orderparams.config.values import Numbers
from orderparams.config.words import Words, counted, of_training
from orderparams.models.committee.sections import Problem


def describe(problem: Problem, rule: str) -> dict[str, Words]:
    """Teachers, students and training in a few words each."""
    return {
        "task": of_teachers(problem),
        "network": of_students(problem),
        "training": of_training(problem, rule),
    }


def layer(choice: str | Numbers) -> str:
    """A second layer in words."""
    return f"second layer {choice if isinstance(choice, str) else 'given'}"


def of_teachers(problem: Problem) -> Words:
    """How many, their overlaps and second layer, the label noise."""
    task = problem.task
    known = "orthonormal" if task.teacher_overlap is None else "of given overlaps"
    pieces = [
        ("task.teachers", counted(task.count, "teacher")),
        ("task.teacher_overlap", known),
        ("task.teacher_second_layer", layer(task.teacher_second_layer)),
    ]
    return pieces + [("task.noise", f"label noise {task.noise:g}")] * bool(task.noise)


def of_students(problem: Problem) -> Words:
    """How many, their activation and second layer."""
    network = problem.network
    return [
        ("network.students", counted(network.students, "student")),
        ("network.activation", network.activation),
        ("network.second_layer", layer(network.second_layer)),
    ]


SYMBOLS = {
    "task.teachers": "M",
    "task.teacher_overlap": "T",
    "task.teacher_second_layer": "b",
    "task.noise": "σ",
    "network.students": "K",
    "network.second_layer": "a",
    "training.learning_rate": "η",
    "training.second_layer_rate": "η_a/η",
}
"""Those of docs/committee.md; others all models have."""
