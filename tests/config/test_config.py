"""Configuration: round trips, defaults, and one clear message for everything that is wrong."""

import math
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderparams.config import override, parse, parse_toml, to_table, to_toml
from orderparams.config.sections import known_keys, problem_type
from orderparams.errors import ConfigurationError
from orderparams.run.solve import solve
from orderparams.shipped import preset_names
from orderparams.sources import load

SPIKES = {"kind": "spikes", "strengths": [4.0, 1.0]}
TINY = {"task": {"signal": SPIKES}, "attention": {"heads": 2}}


@pytest.mark.parametrize("name", preset_names())
def test_presets_survive_the_round_trip_through_toml(name):
    problem = load(name)
    assert parse(parse_toml(to_toml(problem))) == problem


def test_defaults_of_each_activation():
    def attention(activation):
        return load("two-stage", [f"attention.activation={activation}"]).attention

    assert (attention("softmax").bias, attention("softmax").head_weights) == ("none", "mean")
    assert (attention("softmax-1").bias, attention("softmax-1").head_weights) == ("norm", "sum")
    assert attention("bayes-softmax").bias == "norm"
    assert attention("softmax-1").kappa == 1.0
    assert attention("bayes-softmax").kappa == 0.0


def test_another_activation_for_a_stored_run_takes_its_own_defaults(tmp_path):
    path = tmp_path / "run.h5"
    solve(load("single-head", ["training.duration=1"])).save(path)
    changed = load(path, ["attention.activation=softmax-1"]).attention
    assert (changed.bias, changed.head_weights, changed.kappa) == ("norm", "sum", 1.0)


def test_an_entry_of_a_list_can_be_overridden():
    table = override(TINY, ["task.signal.strengths[1]=2.5"])
    assert table["task"]["signal"]["strengths"] == [4.0, 2.5]
    assert TINY["task"]["signal"]["strengths"] == [4.0, 1.0]


finite = st.floats(-1e3, 1e3)
positive = st.floats(0, 1e3)


@st.composite
def tables(draw):
    """Random valid configurations with every shape of P_θ and most keys."""
    features, heads = draw(st.integers(1, 4)), draw(st.integers(1, 3))

    def numbers(element, size=features):
        return draw(st.lists(element, min_size=size, max_size=size))

    kind = draw(st.sampled_from(["flipped-spikes", "spikes", "hypercube", "gaussian", "mixture"]))
    signal = {"kind": kind}
    if kind == "mixture":
        signal["components"] = [
            {"mean": numbers(finite), "weight": 1.5, "variances": numbers(positive)},
            {"mean": numbers(finite)},
        ]
    elif kind == "gaussian":
        signal |= {"mean": numbers(finite), "variances": numbers(positive)}
    else:
        signal["strengths"] = numbers(positive)
    return {
        "title": draw(st.text(max_size=20)),
        "task": {
            "length": draw(st.one_of(st.integers(2, 10**6), st.just({"values": [2, 9]}))),
            "target": "scalar",
            "noise": draw(positive),
            "signal": signal,
        },
        "attention": {"heads": heads, "activation": "softmax", "bias": numbers(finite, heads)},
        "training": {"duration": draw(st.floats(1e-3, 1e6)), "weight_decay": draw(positive)},
        "expectation": {"tolerance": draw(st.floats(1e-12, 1e-3))},
    }


@settings(max_examples=200, deadline=None)
@given(tables())
def test_round_trip_of_any_configuration(table):
    problem = parse(table)
    assert parse(parse_toml(to_toml(problem))) == problem
    assert parse(to_table(problem)) == problem


def changed(*assignments):
    return parse(override(TINY, assignments))


def test_assignments_take_toml_values_and_bare_words():
    problem = changed(
        "attention.activation=softmax-1", "task.length={ values = [2, 3] }", "title='a = b'"
    )
    assert problem.attention.activation == "softmax-1"
    assert problem.task.length.values == (2, 3)
    assert problem.title == "a = b"
    assert changed("initial.dimension=7").initial.dimension == 7
    assert TINY == {"task": {"signal": SPIKES}, "attention": {"heads": 2}}  # left as it was


BAD = [
    ("attention.haeds=3", "did you mean 'attention.heads'"),
    ("heads=3", "did you mean 'attention.heads'"),
    ("qqq=3", "known sections"),
    ("attention.heads", "expected KEY=VALUE"),
    ("attention.heads=", "not TOML"),
    ("attention.heads=[1", "not TOML"),
    ("attention.heads=2\nx=3", "one value"),
    ("attention.heads=0", "whole number from 1"),
    ("attention.heads=2.5", "whole number"),
    ("attention.heads=true", "whole number"),
    ("attention.heads='2'", "whole number"),
    ("attention=3", "expected a table"),
    ("task.length=1", "whole number from 2"),
    ("task.length={values=[2,3],weights=[1]}", "2 values but 1 weight"),
    ("task.length={values=[2,3],weights=[0,0]}", "sum to zero"),
    ("task.length={values=[2,3],weights=[-1,2]}", "at least 0"),
    ("task.length={values=[2,2]}", "stands twice"),
    ("task.length={values=[]}", "non-empty"),
    ("task.length={value=[2]}", "did you mean 'task.length.values'"),
    ("task.noise=1", "set task.target = 'scalar'"),
    ("task.noise=-1", "at least 0"),
    ("task.signal.strengths=[]", "non-empty"),
    ("task.signal.strengths=[-1]", "at least 0"),
    ("task.signal.strengths=[nan]", "finite"),
    ("task.signal.strengths=[inf]", "finite"),
    ("task.signal.strengths=4", "list of strengths"),
    ("task.signal.kind=hypercbe", "did you mean 'hypercube'"),
    ("task.signal.mean=[1,1]", "no meaning for kind = 'spikes'"),
    ("task.signal={kind='spikes'}", "strengths is missing"),
    ("task.signal={kind='gaussian', mean=[1]}", "either variances or covariance"),
    ("task.signal={kind='gaussian', variances=[1,1], covariance=[[1]]}", "either"),
    ("task.signal={kind='gaussian', covariance=[[1,0],[0]]}", "same length"),
    ("task.signal={kind='gaussian', covariance=[[1,2],[2,1]]}", "positive semidefinite"),
    ("task.signal={kind='gaussian', covariance=[[1,2],[0,1]]}", "symmetric"),
    ("task.signal={kind='gaussian', mean=[1], variances=[1,1]}", "same length"),
    ("task.signal={kind='hypercube', strengths=[1,1], mean=[1]}", "same length"),
    (f"task.signal={{kind='hypercube', strengths={[1] * 13}}}", "too large"),
    ("task.signal={kind='mixture', components=[{mean=[1]}, {mean=[1,2]}]}", "same length"),
    ("task.signal={kind='mixture', components=[{mean=[1], weight=0}]}", "sum to zero"),
    ("task.signal={kind='mixture', components=[{weight=1}]}", "mean is missing"),
    ("task.signal={kind='mixture', components=3}", "list of components"),
    ("attention.activation=softmax_1", "did you mean 'softmax-1'"),
    ("attention.bias=nrm", "did you mean 'norm'"),
    ("attention.bias=[1]", "expected 2 numbers"),
    ("attention.head_weights=[1,2,3]", "expected 2 numbers"),
    ("attention.kappa=1", "use attention.activation = 'softmax-1'"),
    ("training.duration=-1", "greater than 0"),
    ("training.duration=0", "greater than 0"),
    ("training.duration=nan", "finite"),
    ("training.duration=inf", "finite"),
    ("training.learning_rate=0", "greater than 0"),
    ("training.batch_size=0", "whole number from 1"),
    ("initial.kind=explicit", "overlap is missing"),
    ("initial.overlap=[[1,1],[1,1]]", "set initial.kind = 'explicit'"),
    ("initial={kind='explicit', overlap=[[1,1]]}", "2 rows"),
    ("initial={kind='explicit', overlap=[[1],[1]]}", "of 2 numbers"),
    ("initial={kind='explicit', overlap=[[1,1],[1]]}", "same length"),
    (
        "initial={kind='explicit', overlap=[[1,0],[0,1]], self_overlap=[[1,2],[2,1]]}",
        "self_overlap: the matrix must be positive semidefinite",
    ),
    (
        "initial={kind='explicit', overlap=[[1,0],[0,1]], self_overlap=[[1,0],[0,0.5]]}",
        "q - m mᵀ must be positive semidefinite",
    ),
    ("initial.dimension=3", "at least 4"),
    ("initial.bias=[0,0]", "set attention.bias = 'learned'"),
    ("initial.seed=-1", "whole number from 0"),
    ("expectation.tolerance=0", "at least 1e-13"),
    ("expectation.samples=1", "whole number from 64"),
    ("integrator.method=lsoda", "did you mean 'LSODA'"),
    ("output.points=1", "whole number from 2"),
]


@pytest.mark.parametrize(("assignment", "words"), BAD)
def test_everything_wrong_is_answered_by_one_message(assignment, words):
    with pytest.raises(ConfigurationError) as caught:
        changed(assignment)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_activation_specific_refusals():
    with pytest.raises(ConfigurationError, match="has no head weights"):
        changed("attention.activation=bayes-softmax", "attention.head_weights=learned")
    with pytest.raises(ConfigurationError, match="kappa is positive"):
        changed("attention.activation=softmax-1", "attention.kappa=0")


def test_missing_and_foreign_sources():
    with pytest.raises(ConfigurationError, match="neither a file nor a preset"):
        load("no-such-preset")
    with pytest.raises(ConfigurationError, match="task is missing"):
        parse({})
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        parse_toml("a = = 3")
    with pytest.raises(ConfigurationError, match="nested too deeply"):
        parse_toml("a = " + "[" * 100_000)


def test_numbers_survive_exactly():
    problem = changed(f"training.duration={math.pi!r}", "training.weight_decay=1e-300")
    again = parse(parse_toml(to_toml(problem)))
    assert again.training.duration == math.pi
    assert again.training.weight_decay == 1e-300


def test_every_key_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text("utf-8")
    for key in known_keys(problem_type("single-location")):
        assert re.search(rf"\b{key.rsplit('.', 1)[-1]}\b", page), key


def test_both_overlaps_of_a_start_are_told_at_once():
    table = {
        "task": {"signal": {"kind": "spikes", "strengths": [4.0]}},
        "attention": {"heads": 3},
        "initial": {"kind": "explicit", "overlap": [[1.0]] * 2, "self_overlap": [[1.0] * 2] * 2},
    }
    with pytest.raises(ConfigurationError) as caught:
        load(table)
    assert "initial.overlap: expected 3 rows" in str(caught.value)
    assert "initial.self_overlap: expected 3 rows" in str(caught.value)
