"""Validations that are interrupted and go on: to the same bits, by the same plan.

Oracle: the validation that was never interrupted.
"""

import dataclasses
import functools

import numpy as np
import pytest

import orderparams as op
from orderparams.results.files import open_group
from orderparams.results.unfinished import Plan, number

SHORT = {
    "training.duration": 8,
    "output.points": 6,
    "simulation.dimension": 200,
    "simulation.replicas": 3,
}


def interrupted(after, **asked):
    """What a checkpoint gets last of a validation that a signal ends after so many reports."""
    kept, count = [], 0

    def progress(fraction, words):
        nonlocal count
        count += 1
        if count > after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        op.validate(
            "single-head", settings=SHORT, progress=progress, checkpoint=kept.append, **asked
        )
    return kept[-1]


def in_file(unfinished, path):
    """The same, written and read."""
    unfinished.save(path, force=True)
    return open_group(path, "plan")


ASKED = {
    "innovations": {},
    "replicas": {"test": "replicas", "false_alarm": 0.05},
    "three dimensions": {"dimensions": [50, 100, 200], "start": "mean", "rule": "gradient-flow"},
}


@functools.cache
def uninterrupted(asked):
    return op.validate("single-head", settings=SHORT, **ASKED[asked])


@pytest.mark.parametrize(("asked", "after"), [*zip([*ASKED] * 2, [0, 3, 4, 3, 7, 6], strict=True)])
def test_a_validation_goes_on_to_the_same_bits(asked, after, tmp_path):
    whole = uninterrupted(asked)
    begun = in_file(interrupted(after, **ASKED[asked]), tmp_path / "begun.h5")
    found = op.validate("single-head", settings=SHORT, resume=begun)
    assert type(found) is type(whole)
    assert found.verdict == whole.verdict
    assert found.problem == whole.problem
    if asked == "innovations":
        np.testing.assert_array_equal(found.innovation, whole.innovation)
    else:
        assert list(found.simulations) == list(whole.simulations)
        assert found.comparison.false_alarm == ASKED[asked].get("false_alarm", 0.01)
        for name, values in whole.parameters.items():
            np.testing.assert_array_equal(found.parameters[name], values)


def test_models_of_small_steps_go_on(tmp_path):
    small = {"training.duration": 0.5, "simulation.replicas": 4, "output.points": 6}
    whole = op.validate("in-context-pairs", settings=small, learning_rates=[0.2, 0.1])
    kept = []

    def progress(fraction, words):
        if words == "simulation, learning_rate = 0.1":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        op.validate(
            *["in-context-pairs"],
            settings=small,
            learning_rates=[0.2, 0.1],
            progress=progress,
            checkpoint=kept.append,
        )
    begun = in_file(kept[-1], tmp_path / "begun.h5")
    assert begun.plan._replace(why="") == Plan("replicas", values=(0.2, 0.1), chosen=True)
    assert list(begun.simulations) == [0.2, 0.1]
    found = op.validate("in-context-pairs", settings=small, resume=begun)
    np.testing.assert_array_equal(found["output"], whole["output"])


def test_what_was_simulated_can_be_read_as_it_is(tmp_path):
    path = tmp_path / "begun.h5"
    in_file(interrupted(4, **ASKED["three dimensions"]), path)
    run = op.open(path)
    assert run.status == "interrupted"
    assert run.problem.simulation.dimension in (50, 100, 200)
    assert run["overlap"].shape == (3, 6, 1, 1)


def test_a_checkpoint_is_kept_every_now_and_then():
    kept = []
    op.validate("single-head", settings=SHORT, checkpoint=kept.append, interval=1e-6)
    assert kept
    assert kept[0].ended == "interrupted"


REFUSED = {
    "expected a validation": {"resume": 3},
    "of no use beside resume": {"dimensions": [100, 400]},
    "test: of no use": {"test": "replicas"},
    "another configuration": {"settings": {**SHORT, "training.duration": 21}},
}


@pytest.mark.parametrize("words", REFUSED)
def test_a_validation_goes_on_as_it_was_begun(words):
    begun = interrupted(3)
    with pytest.raises(op.ConfigurationError, match=words):
        op.validate("single-head", **{"settings": SHORT, "resume": begun} | REFUSED[words])


def test_numbers_of_a_plan_are_read_as_they_were():
    for value in (250, 0.02, 0.1 + 0.2, 1e-7):
        assert number(repr(value)) == value
        assert type(number(repr(value))) is type(value)


def test_an_unfinished_validation_tells_how_far_it_came():
    begun = interrupted(3, **ASKED["replicas"])
    assert "D = 50" in repr(begun)
    assert dataclasses.replace(begun, simulations={}).ended == "interrupted"
