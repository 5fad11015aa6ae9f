"""Every contradiction of shared keys by its message, and settings without effect."""

from __future__ import annotations

import pytest
from shared_bases import table

import orderparams as op
from orderparams.config import parse, parse_toml, to_toml
from orderparams.config.sections import Given
from orderparams.config.unused import ignored
from orderparams.config.words import describe

RANDOM = {"kind": "random", "variance": 0.01, "dimension": 100}

WRONG = {
    "mixing: expected 3 rows (attention.heads) of 2 numbers (attention.shared.bases), got 2 rows": {
        "attention.shared.mixing": [[1.0, 0.0], [0.0, 1.0]]
    },
    "of 3 numbers (attention.shared.bases), got 3 rows of 2": {"attention.shared.bases": 3},
    "row 2 is zero, and head 2 would have no key": {
        "attention.shared.learned": False,
        "attention.shared.mixing": [[1.0, 0.0], [0.0, 0.0], [0.2, 1.0]],
    },
    "column 2 is zero, and no head would use base 2": {
        "attention.shared.learned": False,
        "attention.shared.mixing": [[1.0, 0.0], [0.5, 0.0], [0.2, 0.0]],
    },
    "does not go with attention.value = 'learned'": {
        "attention.value": "learned",
        "task.target": "scalar",
    },
    "served for softmax, softmax-1, bayes-softmax, not for erf": {"attention.activation": "erf"},
    "initial.overlap: attention.keys = 'shared', and heads start where their bases do": {
        "initial.overlap": [[0.1, 0.2], [0.3, 0.1], [0.0, 0.1]]
    },
    "give initial.base_self_overlap instead": {"initial.self_overlap": [[1.0]]},
    "initial.base_overlap is missing": {"initial": {"kind": "explicit"}},
    "base_overlap: expected 2 rows (attention.shared.bases) of 2 numbers (features), got": {
        "initial.base_overlap": [[0.1, 0.2], [0.3, 0.1], [0.0, 0.1]]
    },
    "no base is shorter than its overlaps": {
        "initial.base_self_overlap": [[0.01, 0.0], [0.0, 0.2]]
    },
    "initial.base_self_overlap: expected 2 rows of 2 numbers": {
        "initial.base_self_overlap": [[1.0]]
    },
    "initial.base_overlap and initial.base_self_overlap are given but initial.kind = 'random'": {
        "initial.kind": "random"
    },
    "2 features and 2 bases need at least 4": {"initial": RANDOM | {"dimension": 3}},
    "initial.base_overlap: attention.keys = 'free', heads have keys of their own": {
        "attention.keys": "free",
        "initial.overlap": [[0.1, 0.2], [0.3, 0.1], [0.0, 0.1]],
    },
    "base 1 starts at the origin (initial.base_self_overlap)": {
        "initial.base_overlap": [[0.0, 0.0], [0.1, 0.2]],
        "initial.base_self_overlap": [[0.0, 0.0], [0.0, 0.2]],
        "training.constraint": "sphere",
    },
    "there is one base, and no other to repel it; raise attention.shared.bases": {
        "attention.shared": {"bases": 1},
        "initial": RANDOM,
        "training.repulsion": {"kind": "cosine"},
    },
}


@pytest.mark.parametrize("message", WRONG)
def test_contradictions_are_told(message):
    with pytest.raises(op.ConfigurationError) as told:
        op.load(table(), settings=WRONG[message])
    assert message in str(told.value)


def test_a_learned_mixing_may_begin_with_a_row_of_zeros():
    mixing = [[1.0, 0.0], [0.0, 0.0], [0.2, 1.0]]
    op.evaluate(table(), settings={"attention.shared.mixing": mixing})


@pytest.mark.parametrize(
    ("key", "value", "settings", "words"),
    [
        ("training.mixing_rate", 2.0, {"attention.shared.learned": False}, "no mixing is learned"),
        ("training.mixing_rate", 2.0, {"attention.keys": "free"}, "no mixing is learned"),
        ("attention.shared.seed", 4, {}, "the mixing is given"),
        ("attention.shared", {"bases": 2}, {"attention.keys": "free"}, "keys are free"),
        ("attention.shared", {"bases": 3}, {}, "share nothing but rates"),
    ],
)
def test_settings_without_effect_are_named(key, value, settings, words):
    given = {"initial": RANDOM} | settings | {key: value}
    problem = op.load(table(), settings=given)
    told = ignored(problem, "solve", Given(assigned=frozenset([key])))
    assert any(words in reason for reason in told.values())


@pytest.mark.parametrize(("keys", "kept"), [("free", True), ("shared", False)])
def test_spheres_keep_the_norm_bias_of_free_keys_alone(keys, kept):
    problem = op.load("softmax-1", {"attention.keys": keys, "training.constraint": "sphere"})
    assert ("bias norm, which spheres keep" in describe(problem)["attention"]) == kept


def test_texts_of_before_stay():
    """Free keys are not written; shared ones are, and read again."""
    assert "keys" not in to_toml(op.load("two-stage"))
    problem = op.load(table())
    assert parse(parse_toml(to_toml(problem))) == problem
