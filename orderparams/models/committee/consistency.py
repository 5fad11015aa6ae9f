"""What keys of the committee machine must satisfy together: shapes, overlaps, starts."""

from __future__ import annotations

from collections.abc import Iterator

from orderparams.config.matrices import Found, array, check_positive_semidefinite
from orderparams.config.values import Numbers
from orderparams.config.words import counted
from orderparams.errors import ConfigurationError
from orderparams.models.committee.sections import Problem, TaskConfig
from orderparams.models.vectors import learning
from orderparams.models.vectors.fluctuations.consistency import check_fluctuations
from orderparams.models.vectors.starts import Learners, check_no_overlaps

OUTSIDE = 1e-10
"""Relative size up to which what is outside of a range, or below zero, is rounding."""


def contradictions(problem: Problem) -> Iterator[Found]:
    """Every check that involves more than one key."""
    task, network, initial = problem.task, problem.network, problem.initial
    yield check_teachers(task)
    yield check_length(task.teacher_second_layer, task, "task.teacher_second_layer")
    yield check_students(network.second_layer, problem, "network.second_layer")
    yield check_students(initial.second_layer, problem, "initial.second_layer")
    yield check_learned(problem)
    learned = ("network.second_layer = 'learned'",) * (network.second_layer == "learned")
    learners = Learners(network.students, "student", "network.students", initial, beside=learned)
    yield from learning.contradictions(problem.training, learners)
    yield check_random(problem)
    yield check_explicit(problem)
    yield check_origin(problem)
    yield check_fluctuations(problem)


def check_teachers(task: TaskConfig) -> Found:
    overlap = task.teacher_overlap
    if overlap is None:
        if task.teachers is None:
            yield ConfigurationError(
                "task.teachers is missing; say how many there are, such as teachers = 2, or give "
                "their overlaps, such as teacher_overlap = [[1, 0.3], [0.3, 1]]"
            )
        return
    if task.teachers not in (None, len(overlap)):
        yield ConfigurationError(
            f"task.teachers = {task.teachers}, but task.teacher_overlap has {len(overlap)} rows, "
            "one a teacher; leave out task.teachers, or give as many rows"
        )
    unfit = list(check_positive_semidefinite(overlap, len(overlap), "task.teacher_overlap"))
    yield from unfit
    for m, row in enumerate(overlap):
        if not unfit and row[m] <= 0:
            yield ConfigurationError(
                f"task.teacher_overlap[{m}][{m}] = {row[m]:g}: a teacher without length; leave it "
                "out"
            )


def check_length(values: str | Numbers, task: TaskConfig, key: str) -> Found:
    if isinstance(values, tuple) and len(values) != task.count:
        yield ConfigurationError(
            f"{key}: expected {counted(task.count, 'number')}, one a teacher, got {len(values)}"
        )


def check_students(values: str | Numbers | None, problem: Problem, key: str) -> Found:
    students = problem.network.students
    if isinstance(values, tuple) and len(values) != students:
        yield ConfigurationError(
            f"{key}: expected {counted(students, 'number')}, one a student (network.students = "
            f"{students}), got {len(values)}"
        )


def check_learned(problem: Problem) -> Found:
    if problem.initial.second_layer is not None and problem.network.second_layer != "learned":
        yield ConfigurationError(
            "initial.second_layer is where a learned second layer starts; set network.second_layer "
            "= 'learned', or give the numbers as network.second_layer"
        )


def check_random(problem: Problem) -> Found:
    initial = problem.initial
    if initial.kind != "random":
        return
    yield from check_no_overlaps(initial)
    students, teachers = problem.network.students, problem.task.count
    if initial.dimension < students + teachers:
        yield ConfigurationError(
            f"initial.dimension = {initial.dimension} is too small; "
            f"{counted(teachers, 'teacher')} and {counted(students, 'student')} need at least "
            f"{students + teachers}"
        )


def check_explicit(problem: Problem) -> Found:
    initial, students = problem.initial, problem.network.students
    if initial.kind != "explicit":
        return
    if initial.overlap is None:
        yield ConfigurationError(
            "initial.overlap is missing; initial.kind = 'explicit' needs it: a row for each "
            "student, with a number for each teacher"
        )
        return
    shape, teachers = (len(initial.overlap), len(initial.overlap[0])), problem.task.count
    if shape != (students, teachers):
        yield ConfigurationError(
            f"initial.overlap: expected {students} rows (network.students) of {teachers} numbers "
            f"(teachers), got {shape[0]} rows of {shape[1]}",
            "start",
        )
        if initial.self_overlap is not None:
            yield from check_positive_semidefinite(
                initial.self_overlap, students, "initial.self_overlap"
            )
        return
    unfit = list(check_teachers(problem.task))
    if initial.self_overlap is not None:
        key = "initial.self_overlap"
        unfit += (own := list(check_positive_semidefinite(initial.self_overlap, students, key)))
        yield from own
    if not unfit:
        yield from check_residual(problem)


def check_residual(problem: Problem) -> Found:
    """R in the range of T, and Q − R T⁺ Rᵀ, of the parts of students outside the teachers' span."""
    import numpy as np

    initial, task = problem.initial, problem.task
    if initial.overlap is None:
        return
    overlap = array(initial.overlap)
    given = task.teacher_overlap
    teachers = np.eye(task.count) if given is None else array(given)
    inverse = np.linalg.pinv(teachers, rcond=1e-12, hermitian=True)
    missed = abs(overlap - overlap @ inverse @ teachers).max()
    if missed > OUTSIDE * max(1.0, abs(overlap).max()):
        yield ConfigurationError(
            "initial.overlap: the teachers depend on each other (task.teacher_overlap has rank "
            f"{np.linalg.matrix_rank(teachers, 1e-12, hermitian=True)}), and no students have "
            f"these overlaps with them; they are off by {missed:.3g}"
        )
    elif initial.self_overlap is not None:
        residual = array(initial.self_overlap) - overlap @ inverse @ overlap.T
        least = np.linalg.eigvalsh(residual)[0]
        if least < -OUTSIDE * max(1.0, abs(residual).max()):
            yield ConfigurationError(
                "initial.self_overlap: Q - R T⁻¹ Rᵀ must be positive semidefinite, no student is "
                f"shorter than its part along the teachers; its least eigenvalue is {least:.3g}"
            )


def check_origin(problem: Problem) -> Found:
    """ReLU has a kink where a student has no length."""
    initial, students = problem.initial, problem.network.students
    if problem.network.activation != "relu":
        return
    if initial.kind == "random":
        key, lengths = "initial.variance", [initial.variance] * students
    elif initial.self_overlap is not None:
        key = "initial.self_overlap"
        lengths = [row[k] if k < len(row) else 1.0 for k, row in enumerate(initial.self_overlap)]
    else:
        key, lengths = "initial.overlap", [float(any(row)) for row in initial.overlap or ()]
    if 0 in lengths:
        yield ConfigurationError(
            f"{key}: student {lengths.index(0) + 1} starts at the origin, where ReLU has no "
            "derivative; give it a length, or set network.activation = 'erf'"
        )
