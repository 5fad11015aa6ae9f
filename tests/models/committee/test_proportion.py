"""What is named where a committee machine leaves the range of the expectations."""

import pytest

import orderparams as op
from orderparams.models.interface import model_of

EXPLICIT = {"kind": "explicit", "overlap": [[0.1, 0.2], [0.3, 0.1]]}


def problem(**sections):
    return op.load({"model": "committee", "task": {"teachers": 2}, **sections})


STARTS = {
    "the initial students (initial.variance)": {"initial": {"variance": 1.001e6}},
    "initial.overlap and initial.self_overlap": {
        "initial": {**EXPLICIT, "overlap": [[0.1, -1000.5], [0.3, 0.1]]}
    },
    "initial.second_layer": {
        "network": {"second_layer": "learned"}, "initial": {"second_layer": [1.0, -1000.5]}
    },
    "network.second_layer": {"network": {"second_layer": [1000.5, 1.0]}},
    "the teachers (task.teacher_overlap)": {
        "task": {"teacher_overlap": [[1.001e6, 0], [0, 1]]}
    },
    "task.teacher_second_layer": {"task": {"teachers": 2, "teacher_second_layer": [1, -1000.5]}},
}  # fmt: skip


@pytest.mark.parametrize("name", STARTS)
def test_what_is_large_at_the_start_is_named(name):
    """More than a thousand, of either sign; and nothing else."""
    own = problem(**STARTS[name])
    assert model_of(own).remedy(own, start=True) == f"weaken {name}"


def test_without_anything_large_the_start_is_named_all_the_same():
    words = "weaken the initial students or the teachers"
    small = problem(initial={"variance": 0.999e6}), problem(initial=EXPLICIT)
    for own in small:
        assert model_of(own).remedy(own, start=True) == words


def test_all_that_is_large_is_named():
    own = problem(task={"teachers": 2, "teacher_second_layer": [1e4, 1]}, initial={"variance": 1e8})
    assert model_of(own).remedy(own, start=True) == (
        "weaken the initial students (initial.variance) or task.teacher_second_layer"
    )


@pytest.mark.parametrize(
    ("training", "learned", "sgd", "words"),
    [
        ({"learning_rate": 100.5}, False, True, "lower training.learning_rate = 100.5"),
        ({"learning_rate": 99.5}, False, True, ""),
        ({"learning_rate": 100.5}, False, False, ""),
        ({"weight_decay": 100.5}, False, False, "lower training.weight_decay = 100.5"),
        ({"second_layer_rate": 100.5}, True, False, "lower training.second_layer_rate = 100.5"),
        ({"second_layer_rate": 100.5}, False, False, ""),
        ({"weight_decay": 1e3, "learning_rate": 1e3}, False, True,
         "lower training.learning_rate = 1000 or training.weight_decay = 1000"),
    ],
)  # fmt: skip
def test_rates_above_a_hundred_that_count_are_named_for_a_run(training, learned, sgd, words):
    network = {"second_layer": "learned" if learned else "sum"}
    own = problem(training=training, network=network)
    assert model_of(own).remedy(own, sgd=sgd) == words
