"""What is varied and which points that makes: specifications, tables, and what is refused."""

import itertools

import numpy as np
import pytest

import orderparams as op
from orderparams.config import parse, parse_toml, resolve, to_toml
from orderparams.config.toml import assign
from orderparams.errors import ConfigurationError
from orderparams.scans import points
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


@pytest.mark.parametrize(
    ("key", "spec"),
    [
        ("training.duration", "1,1.0"),
        ("training.duration", "1e0,1"),
        ("training.duration", [1, np.float64(1)]),
        ("training.duration", "2:2:3"),
        ("training.weight_decay", "0.0,-0.0"),
        ("attention.heads", "2,2.0"),
        ("attention.activation", "softmax,'softmax'"),
        ("task.signal.strengths", "[1, 2],[1.0, 2]"),
        ("task.signal.strengths[0]", "3,3.0"),
        ("attention.bias", ["none", [1, 2, 3, 4], (1.0, 2, 3, 4)]),
        ("integrator", "{rtol=1e-3},{rtol=0.001}"),
        ("task.length", "{values=[2, 4]},{values=[2.0, 4]}"),
    ],
)
def test_equal_values_are_refused_however_they_are_written(key, spec):
    with pytest.raises(ConfigurationError, match="stands twice; leave one out"):
        make_plan(BASE, {"vary": {key: spec}})


def test_equal_points_are_refused():
    vary = {"integrator": "{rtol=1e-3},{rtol=1e-4}", "integrator.rtol": "1e-5,1e-6"}
    with pytest.raises(ConfigurationError, match="points 1 and 3 have the same configuration"):
        make_plan(BASE, {"vary": vary})
    with pytest.raises(ConfigurationError, match="vary it first"):
        make_plan(BASE, {"vary": dict(reversed(vary.items()))})


def test_values_take_the_form_of_their_key():
    found = values({"training.duration": [1, np.int64(2)], "initial.seed": np.linspace(1, 2, 2)})
    assert found == [(1.0, 1), (1.0, 2), (2.0, 1), (2.0, 2)]
    plan = make_plan(BASE, {"vary": {"attention.heads": np.linspace(1, 4, 4)}})
    assert [type(value) for value in plan.axes[0].values] == [int] * 4


@pytest.mark.parametrize("spec", ["1:8", "log:1:8", "0.5:8e3", "log:1e-3:1"])
def test_a_range_is_told_as_it_was_written(spec):
    key = "attention.heads" if spec in ("1:8", "log:1:8") else "training.duration"
    with pytest.raises(ConfigurationError, match=rf"the range {spec} lacks .* {spec}:16"):
        make_plan(BASE, {"vary": {key: spec}})
    if spec.startswith(("1", "log:1:")):
        drawn = make_plan(BASE, {"vary": {key: spec}, "mode": "random", "points": 2})
        assert f'"{key}" = "{spec}"' in drawn.config


VARIED = [
    {"attention.heads": [1, 2, 3], "initial.seed": [0, 1], "task.length": [4, {"values": [2, 9]}]},
    {"attention.activation": ["softmax", "softmax-1", "bayes-softmax"], "title": ['a\\"θ', "b"]},
    {"task.signal.strengths[1]": [0, 2.5], "training.learning_rate": [1, 0.5]},
    {"task.signal": "{kind='spikes', strengths=[1, 2]},{kind='spikes', strengths=[3]}",
     "task.signal.strengths[0]": [5, 6]},
    {"integrator": "{method='BDF'},{}", "integrator.atol": [1e-9, 1e-6]},
    {"attention.bias": ["none", "learned", [1, 2, 3, 4]], "output.spacing": ["log", "linear"]},
    {"task.target": ["scalar"], "task.noise": [0, 0.5], "training.rule": ["sgd"]},
]  # fmt: skip


@pytest.mark.parametrize("vary", VARIED, ids=lambda vary: " ".join(vary))
def test_the_texts_of_points_are_those_of_their_problems(vary):
    """They are put together from templates; the oracle is to assign, parse and write each."""
    plan = make_plan(BASE, {"vary": vary})
    for point in plan.points:
        table = BASE
        for axis, value in zip(plan.axes, point.values, strict=True):
            table = assign(table, axis.key, value)
        assert point.config == to_toml(parse(table))


@pytest.mark.parametrize(
    ("vary", "words"),
    [
        ({"initial.seed": [0, 1], "attention.heads": [4, 2], "attention.bias": [[0, 0, 0, 0]]},
         "point 2 (initial.seed=0, attention.heads=2, attention.bias=[0.0, 0.0, 0.0, 0.0]): "),
        ({"task.target": ["scalar", "token"], "task.noise": [0, 0.5]}, "point 4 ("),
        ({"initial.seed": [0, 1], "task.length": [4, {"values": [2, 3], "weights": [1]}]},
         "point 2 (initial.seed=0, task.length={"),
        ({"attention.activation": ["softmax", "softmax-1"], "attention.kappa": [0, 1]},
         "point 2 (attention.activation=softmax, attention.kappa=1.0): attention.kappa is zero"),
    ],
)  # fmt: skip
def test_values_that_do_not_go_together_are_refused_point_by_point(vary, words):
    with pytest.raises(ConfigurationError) as refused:
        make_plan(BASE, {"vary": vary})
    assert words in str(refused.value)


def test_all_wrong_values_are_told_at_once():
    vary = {"attention.heads": [0, 1, 999], "task.length": [1, 4]}
    with pytest.raises(ConfigurationError) as refused:
        make_plan(BASE, {"vary": vary})
    places = [line.split(":")[0] for line in str(refused.value).splitlines()[1:]]
    assert places == ["  point 1 (attention.heads=0)", "  point 5 (attention.heads=999)",
                      "  point 1 (task.length=1)"]  # fmt: skip


def test_a_large_plan_is_made_from_few_tables_and_tells_its_progress(monkeypatch):
    """A table is validated for each number of heads, and a few more to learn that this suffices."""
    read, reported = [], []

    def counted(table):
        read.append(1)
        return resolve(table)

    monkeypatch.setattr(points, "resolve", counted)
    vary = {"initial.seed": "1:100:100", "attention.heads": "1:4:4", "training.duration": "1:9:100"}
    plan = make_plan(BASE, {"vary": vary}, report=lambda *done: reported.append(done))
    assert len(plan.points) == 40_000
    assert len({point.hash for point in plan.points}) == 40_000
    assert len(read) < 12
    assert reported[0] == (0, 40_000)
    assert reported[-1] == (40_000, 40_000)
    assert len(reported) > 100
