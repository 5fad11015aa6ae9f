"""What is varied and which points that makes: specifications, tables, and what is refused."""

import itertools

import numpy as np
import pytest

import orderparams as op
from orderparams.config import parse_toml
from orderparams.errors import ConfigurationError
from orderparams.scans.plan import base_table, make_plan

BASE = base_table("flipped-spikes")


def values(vary, **settings):
    """Values of the points of a plan, in order."""
    return [point.values for point in make_plan(BASE, {"vary": vary} | settings).points]


@pytest.mark.parametrize(
    ("key", "spec", "expected"),
    [
        ("attention.heads", "1,2,4", [1, 2, 4]),
        ("attention.heads", [1, 2, 4], [1, 2, 4]),
        ("attention.heads", np.arange(1, 4), [1, 2, 3]),
        ("attention.heads", "1:16:16", list(range(1, 17))),
        ("attention.heads", "16:1:4", [16, 11, 6, 1]),
        ("training.duration", "1:2:5", [1.0, 1.25, 1.5, 1.75, 2.0]),
        ("training.duration", "log:1:100:3", [1.0, 10.0, 100.0]),
        ("training.duration", "1e-2:1:1", [0.01]),
        ("task.length", "log:2:1000:4", [2, 16, 126, 1000]),
        ("attention.activation", "softmax,softmax-1", ["softmax", "softmax-1"]),
        ("attention.bias", "norm, [0, 1, 0, 1]", ["norm", [0, 1, 0, 1]]),
        ("task.signal.strengths", "[9, 4],[4,1]", [[9, 4], [4, 1]]),
        ("task.signal.strengths[1]", "0:2:3", [0.0, 1.0, 2.0]),
        (
            "task.signal",
            '{kind="spikes", strengths=[1,4]},{kind="gaussian", mean=[0,0], variances=[1,2]}',
            [
                {"kind": "spikes", "strengths": [1, 4]},
                {"kind": "gaussian", "mean": [0, 0], "variances": [1, 2]},
            ],
        ),
    ],
)
def test_specifications(key, spec, expected):
    found = [value for (value,) in values({key: spec})]
    assert found == pytest.approx(expected) if isinstance(found[0], float) else found == expected


def test_a_product_has_every_combination_and_the_last_key_varies_fastest():
    vary = {"attention.heads": [1, 2], "training.duration": "1:3:3", "initial.seed": [5]}
    plan = make_plan(BASE, {"vary": vary})
    assert [point.values for point in plan.points] == list(
        itertools.product([1, 2], [1.0, 2.0, 3.0], [5])
    )
    assert plan.shape == (2, 3, 1)
    assert len({point.hash for point in plan.points}) == 6


def test_a_point_is_the_problem_that_the_same_assignments_give():
    plan = make_plan(
        BASE,
        {"vary": {"attention.heads": [2, 3], "task.signal.strengths[0]": [7]}},
        ["task.length=9"],
    )
    same = op.load(
        "flipped-spikes", ["attention.heads=3", "task.signal.strengths=[7, 4]", "task.length=9"]
    )
    strengths = BASE["task"]["signal"]["strengths"]
    assert op.load(parse_toml(plan.points[1].config)).task.signal.strengths == (7, *strengths[1:])
    assert op.load(parse_toml(plan.points[1].config)).attention == same.attention


def test_paired_values():
    vary = {"attention.heads": "1:3:3", "task.length": "4,8,8"}
    assert values(vary, mode="zip") == [(1, 4), (2, 8), (3, 8)]


def test_random_points_lie_in_their_ranges_and_begin_alike():
    vary = {
        "attention.heads": "1:4",
        "training.duration": "log:1:1000",
        "task.length": "log:2:8",
        "attention.activation": "softmax,softmax-1",
        "training.weight_decay": "0:0.5:2",
    }
    drawn = values(vary, mode="random", points=400, seed=3)
    heads, durations, lengths, activations, decays = zip(*drawn, strict=True)
    assert drawn[:100] == values(vary, mode="random", points=100, seed=3)
    assert drawn[:10] != values(vary, mode="random", points=10, seed=4)
    # All four numbers of heads are equally likely: 100 ± 9 each; five standard deviations.
    assert all(abs(heads.count(h) - 100) < 45 for h in (1, 2, 3, 4))
    assert set(lengths) == set(range(2, 9))
    assert set(activations) == {"softmax", "softmax-1"}
    assert set(decays) == {0.0, 0.5}
    # log of the duration is uniform: its mean is log √1000 ± log 1000/√(12·400).
    assert 1 <= min(durations) < max(durations) <= 1000
    assert abs(np.log(durations).mean() - np.log(1000) / 2) < 5 * np.log(1000) / np.sqrt(4800)


@pytest.mark.parametrize("settings", [{}, {"mode": "zip"}, {"mode": "random", "points": 4}])
def test_a_plan_survives_its_toml_text(settings):
    vary = {"training.duration": "log:1:9:2", "attention.bias": ["norm", [0, 1, 2, 3]]}
    if settings.get("mode") == "random":
        vary["attention.heads"] = "4:4"
        vary["task.length"] = "2:64"
    plan = make_plan(BASE, {"vary": vary} | settings)
    again = make_plan(parse_toml(plan.config))
    assert (again.points, again.fingerprint, again.config) == (
        plan.points,
        plan.fingerprint,
        plan.config,
    )


def test_the_table_of_a_file_says_the_same(tmp_path):
    text = (
        '[task.signal]\nkind = "spikes"\nstrengths = [4, 1]\n[scan]\naction = "evaluate"\n'
        'mode = "zip"\n[scan.vary]\n"attention.heads" = [2, 3]\n"task.length" = "4:8:2"\n'
    )
    (tmp_path / "my.toml").write_text(text)
    plan = make_plan(base_table(tmp_path / "my.toml"))
    assert plan.settings.action == "evaluate"
    assert [point.values for point in plan.points] == [(2, 4), (3, 8)]
    assert op.load(tmp_path / "my.toml").attention.heads == 4, "the other commands leave it out"


def test_each_activation_takes_its_own_defaults_also_from_a_resolved_problem():
    vary = {"attention.activation": ["softmax", "softmax-1", "bayes-softmax"]}
    as_written = make_plan(BASE, {"vary": vary})
    resolved = make_plan(base_table(op.load("flipped-spikes")), {"vary": vary})
    assert [point.hash for point in as_written.points] == [point.hash for point in resolved.points]
    assert 'bias = "norm"' in as_written.points[1].config
    explicit = make_plan(BASE, {"vary": vary}, ["attention.bias=none"])
    assert all('bias = "none"' in point.config for point in explicit.points)


def test_axes_are_named_by_the_last_part_of_the_key_unless_that_is_taken():
    vary = {
        "initial.seed": [0],
        "expectation.seed": [0],
        "attention.bias": ["none"],
        "attention.heads": [4],
        "task.signal.strengths[0]": [1],
    }
    names = [axis.name for axis in make_plan(BASE, {"vary": vary}).axes]
    assert names == ["initial_seed", "expectation_seed", "attention_bias", "heads", "strengths_0"]


def test_chains_run_along_the_marked_key():
    vary = {"attention.heads": [1, 2], "task.length": [4, 8, 16], "training.weight_decay": [0, 1]}
    plan = make_plan(BASE, {"vary": vary, "action": "optimum", "warm_start": "task.length"})
    assert [[point.values for point in chain] for chain in plan.chains] == [
        [(heads, length, decay) for length in (4, 8, 16)] for heads in (1, 2) for decay in (0, 1)
    ]


REFUSED = [
    ({}, {}, "at least one varied key"),
    ({"attention.haeds": [1]}, {}, "did you mean 'attention.heads'"),
    ({"scan.action": ["solve"]}, {}, "unknown key"),
    ({"attention.heads[": [1]}, {}, "unknown key"),
    ({"task.signal.strengths[9]": [1]}, {}, "no entry [9]"),
    ({"attention.heads[0]": [1]}, {}, "no entry [0]"),
    ({"attention.heads": []}, {}, "non-empty list"),
    ({"attention.heads": ""}, {}, "cannot be read"),
    ({"attention.heads": "1,,2"}, {}, "cannot be read"),
    ({"attention.heads": "1:2:x"}, {}, "cannot be read"),
    ({"attention.heads": "[1, 2"}, {}, "cannot be read"),
    ({"attention.heads": "1:16:0"}, {}, "is empty"),
    ({"attention.heads": "1:16:-3"}, {}, "is empty"),
    ({"attention.heads": "1:16"}, {}, "lacks the number of its values"),
    ({"training.duration": "log:0:10:5"}, {}, "must be positive"),
    ({"training.duration": "log:-1:10:5"}, {}, "must be positive"),
    ({"attention.heads": 3}, {}, "a list a,b,c"),
    ({"attention.heads": "2,2"}, {}, "stands twice"),
    ({"attention.heads": "1.5,2"}, {}, "point 1 (attention.heads=1.5): attention.heads: expected"),
    ({"attention.heads": "1,2,-1"}, {}, "point 3"),
    ({"attention.activation": "softmax,sofmax"}, {}, "did you mean 'softmax'"),
    (
        {"attention.heads": "1:9:3", "task.length": "4,8"},
        {"mode": "zip"},
        "has 3, task.length has 2",
    ),
    ({"initial.seed": "0:1999:2000", "task.length": "2:2001:2000"}, {}, "4000000 points"),
    ({"initial.seed": "0:9:99999999"}, {}, "too long"),
    ({"attention.heads": [1]}, {"action": "slove"}, "did you mean 'solve'"),
    ({"attention.heads": [1]}, {"mode": "random"}, "number of points"),
    ({"attention.heads": [1]}, {"points": 3}, "number of points"),
    ({"attention.heads": [1]}, {"mode": "random", "points": 0}, "whole number from 1"),
    ({"attention.heads": [1]}, {"trajectories": "yes"}, "true or false"),
    ({"attention.heads": [1]}, {"tarjectories": True}, "did you mean 'scan.trajectories'"),
    ({"attention.heads": [1]}, {"warm_start": "task.length", "action": "optimum"}, "varied are"),
    ({"attention.heads": [1]}, {"warm_start": "attention.heads"}, "always starts from its own"),
]


@pytest.mark.parametrize(("vary", "settings", "words"), REFUSED)
def test_what_makes_no_sense_is_refused_with_the_reason(vary, settings, words):
    with pytest.raises(ConfigurationError) as refused:
        make_plan(BASE, {"vary": vary} | settings)
    assert words in str(refused.value)
