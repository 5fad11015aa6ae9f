"""The configuration of the committee machine: what it refuses, ignores, and how it is put."""

import re
from pathlib import Path

import numpy as np
import pytest

import orderparams as op
from orderparams import memory
from orderparams.config import parse, to_table
from orderparams.config.sections import known_keys, problem_type
from orderparams.config.words import describe

PAGE = Path(__file__).parents[3] / "docs" / "committee.md"
EXPLICIT = {"kind": "explicit", "overlap": [[0.1, 0.0], [0.0, 0.2]]}
DEPENDENT = [[1.0, 1.0], [1.0, 1.0]]


def table(**sections):
    return {"model": "committee", "task": {"teachers": 2}, **sections}


REFUSED = {
    "no teachers": ({"task": {}}, "task.teachers is missing; say how many"),
    "teachers twice": (
        {"task": {"teachers": 3, "teacher_overlap": [[1, 0], [0, 1]]}},
        "task.teachers = 3, but task.teacher_overlap has 2 rows",
    ),
    "negative teachers": (
        {"task": {"teacher_overlap": [[1, 2], [2, 1]]}},
        "task.teacher_overlap: .* must be positive semidefinite; its least eigenvalue is -1",
    ),
    "a teacher without length": (
        {"task": {"teacher_overlap": [[1, 0], [0, 0]]}},
        r"task.teacher_overlap\[1\]\[1\] = 0: a teacher without length",
    ),
    "teachers' second layer": (
        {"task": {"teachers": 2, "teacher_second_layer": [1]}},
        "task.teacher_second_layer: expected 2 numbers, one a teacher, got 1",
    ),
    "students' second layer": (
        {"network": {"second_layer": [1, 2, 3]}},
        "network.second_layer: expected 2 numbers, one a student",
    ),
    "a start of what is not learned": (
        {"initial": {"second_layer": [1, 2]}},
        "set network.second_layer = 'learned'",
    ),
    "overlaps of a random start": (
        {"initial": {"overlap": [[1, 0], [0, 1]]}},
        "set initial.kind = 'explicit'",
    ),
    "few dimensions": ({"initial": {"dimension": 3}}, "2 teachers and 2 students need at least 4"),
    "no overlap": ({"initial": {"kind": "explicit"}}, "initial.overlap is missing"),
    "transposed": (
        {"network": {"students": 3}, "initial": {**EXPLICIT, "overlap": [[0, 0, 0], [0, 0, 0]]}},
        r"expected 3 rows \(network.students\) of 2 numbers \(teachers\), got 2 rows of 3",
    ),
    "an asymmetric Q": (
        {"initial": {**EXPLICIT, "self_overlap": [[1, 0.5], [0.4, 1]]}},
        "initial.self_overlap: the matrix must be symmetric",
    ),
    "a Q shorter than R": (
        {"initial": {**EXPLICIT, "self_overlap": [[0.01, 0], [0, 0.03]]}},
        "no student is shorter than its part along the teachers; its least eigenvalue is -0.01",
    ),
    "R outside of the range of T": (
        {"task": {"teacher_overlap": DEPENDENT}, "initial": EXPLICIT},
        r"rank 1\), and no students have these overlaps with them; they are off by 0.1",
    ),
    "relu at the origin": (
        {"network": {"activation": "relu"}, "initial": {"variance": 0}},
        "initial.variance: student 1 starts at the origin, where ReLU has no derivative",
    ),
    "one student of relu at the origin": (
        {
            "network": {"activation": "relu"},
            "initial": {**EXPLICIT, "overlap": [[0.1, 0], [0, 0]]},
        },
        "initial.overlap: student 2 starts at the origin",
    ),
    "an activation that is not there": (
        {"network": {"activation": "reLu"}},
        "network.activation: expected one of erf, relu; got \"reLu\"; did you mean 'relu'",
    ),
}


@pytest.mark.parametrize(("sections", "message"), REFUSED.values(), ids=REFUSED)
def test_contradictions_are_refused(sections, message):
    with pytest.raises(op.ConfigurationError, match=message):
        parse(table(**sections))


def test_all_errors_are_told_at_once():
    with pytest.raises(op.ConfigurationError) as raised:
        parse(table(network={"second_layer": [1]}, initial={"dimension": 1, "second_layer": [1]}))
    assert len(raised.value.errors) == 4


def test_what_is_written_is_read_again():
    written = table(
        task={"teacher_overlap": DEPENDENT, "noise": 0.1},
        network={"second_layer": "learned", "activation": "relu"},
        initial={**EXPLICIT, "overlap": [[0.1, 0.1], [0.2, 0.2]], "second_layer": [1, 2]},
    )
    problem = parse(written)
    assert parse(to_table(problem)) == problem
    assert to_table(problem)["model"] == "committee"


def test_words():
    problem = parse(table(task={"teacher_overlap": [[1, 0.1], [0.1, 1]], "noise": 0.3}))
    words = describe(problem, "sgd")
    assert words["task"] == "2 teachers, of given overlaps, second layer sum, label noise 0.3"
    assert words["network"] == "2 students, erf, second layer sum"
    assert words["training"] == "SGD, learning rate 1, batch size 1, to t = 200"
    assert describe(problem, "sgd", ["network.students"])["network"] == "erf, second layer sum"


IGNORED = {
    "training.learning_rate": (0.3, {"training": {"rule": "gradient-flow"}}),
    "task.noise": (0.3, {"training": {"rule": "gradient-flow"}}),
    "training.second_layer_rate": (2.0, {"network": {"second_layer": "mean"}}),
    "initial.variance": (0.5, {"initial": EXPLICIT}),
    "initial.seed": (5, {"initial": {"variance": 0.0}}),
    "simulation.replicas": (3, {}),
}


@pytest.mark.parametrize("key", IGNORED)
def test_settings_without_effect_are_named_and_have_none(key):
    value, sections = IGNORED[key]
    with pytest.warns(op.IgnoredSettingWarning, match=key):
        changed = op.evaluate(table(**sections), settings={key: value})
    same = op.evaluate(table(**sections))
    for name in ("overlap", "self_overlap"):
        np.testing.assert_array_equal(changed.velocity[name], same.velocity[name])


def test_every_key_is_documented():
    page = PAGE.read_text("utf-8")
    for key in known_keys(problem_type("committee")):
        section, _, name = key.partition(".")
        if section in ("task", "network", "training", "initial"):
            assert re.search(rf"\b{name or section}\b", page), key


def test_what_does_not_fit_into_memory_names_what_the_model_has(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 2**20)
    with pytest.raises(op.ConfigurationError, match=r"output\.points or the number of students"):
        op.solve(table(), settings={"output.points": 100_000})
