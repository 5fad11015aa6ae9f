"""A model that exists only in tests: its table of order parameters has names of its own."""

import dataclasses
from types import SimpleNamespace

import numpy as np

import orderparams as op
from orderparams.models import registry
from orderparams.models.parameters import Axis, Observable, OrderParameter
from orderparams.models.single_location.config import Problem
from orderparams.results.trajectory import Trajectory

STUDENT, TEACHER = Axis("student", "", "student"), Axis("teacher", "", "teacher")
R = OrderParameter("alignment", "R", "alignment R = w_k . w*_m", (STUDENT, TEACHER))
Q = OrderParameter("gram", "Q", "length Q = w_k . w_l", (STUDENT, STUDENT), symmetric=True)
GAIN = OrderParameter("gain", "gamma", "learned gain gamma_k", (STUDENT,))
OFFSET = OrderParameter("offset", "b", "offset b", ())
SCALE = OrderParameter("scale", "s", "scale s_m", (TEACHER,))
LOAD = Observable("load", "l", "load l_k", (STUDENT,), beyond=0.5, called="busy")
ALL = (R, Q, GAIN, OFFSET, SCALE)

STUDENTS, TEACHERS, TIMES = 3, 2, 6


class Fake(Problem):
    """A problem of the model; of the keys only those that all models have matter."""

    model = "fake"


CONFIGURATION = SimpleNamespace(
    PARAMETERS=ALL,
    OBSERVABLES=(LOAD,),
    RISK="risk",
    REFERENCES={"floor": "noise floor"},
    SYMBOLS={"training.learning_rate": "η", "task.length": "N"},
    DECIDING=(),
    order_parameters=lambda problem: ALL,
    sizes=lambda problem: {"student": STUDENTS, "teacher": TEACHERS},
    describe=lambda problem, rule: {"task": [("task.length", "teachers")]},
)


def install(monkeypatch):
    """Have the registry know the model while a test runs."""
    known = registry.configuration
    monkeypatch.setattr(
        registry, "configuration", lambda name: CONFIGURATION if name == "fake" else known(name)
    )


def problem():
    """A problem of the model."""
    given = op.load("two-stage")
    fields = {field.name: getattr(given, field.name) for field in dataclasses.fields(given)}
    return Fake(**fields | {"title": "Fake"})


def state(*leading):
    """Numbers that tell where they stand, with leading axes along which they grow."""
    rows, columns = np.arange(1, STUDENTS + 1), np.arange(1, TEACHERS + 1)
    values = {
        "alignment": rows[:, None] + columns / 10,
        "gram": np.diag(rows + 0.5),
        "gain": rows / 100,
        "offset": np.array(7.0),
        "scale": -columns / 1000,
    }
    factor = np.arange(1.0, np.prod(leading, dtype=int) + 1).reshape(leading)
    return {name: np.multiply.outer(factor, array) for name, array in values.items()}


def run():
    """A trajectory of the model."""
    time = np.arange(float(TIMES))
    load = np.tile([0.2, 0.6, 0.7], (TIMES, 1))
    known = {"references": {"floor": 0.1}, "observables": {"load": load}}
    return Trajectory(problem(), time, state(TIMES), 1 / (1 + time), **known)
