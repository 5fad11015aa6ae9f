"""The configuration of in-context regression: what it refuses, ignores, and how it is put."""

from pathlib import Path

import numpy as np
import pytest

import orderparams as op
from orderparams.config import parse, to_table
from orderparams.config.sections import known_keys, problem_type
from orderparams.config.words import describe
from orderparams.models.in_context import interpolation, quadrature
from orderparams.models.in_context.flow import Flow
from orderparams.models.in_context.model import remedy
from orderparams.models.in_context.unused import unused

PAGE = Path(__file__).parents[3] / "docs" / "in-context.md"
NAME = "in-context-regression"
TWO = {"length": 40, "blocks": [5, 5]}


def table(**sections):
    return {"model": NAME, "task": {"length": 40, "blocks": [5]}, **sections}


REFUSED = {
    "one example": (
        {"task": {"length": 1, "blocks": [5]}},
        "task.length: expected a whole number from 2 to 1000000, got 1",
    ),
    "a length twice": (
        {"task": {"length": 4, "blocks": [2], "test_lengths": [7, 10, 7]}},
        r"task.test_lengths\[2\]: 7 stands there twice",
    ),
    "no heads": ({"attention": {"heads": 0}}, "attention.heads: expected a whole number from 1"),
    "no coordinates": (
        {"task": {"length": 4, "blocks": [0]}},
        r"task.blocks\[0\]: expected a whole number from 1",
    ),
    "half a coordinate": (
        {"task": {"length": 4, "blocks": [2.5]}},
        r"task.blocks\[0\]: expected a whole number",
    ),
    "many blocks": ({"task": {"length": 4, "blocks": [1] * 4}}, "task.blocks: 4 blocks; at most 3"),
    "negative strength": (
        {"task": {**TWO, "strengths": [[1, -1]]}},
        r"task.strengths\[0\]\[1\]: expected a finite number, at least 0",
    ),
    "strengths of another shape": (
        {"task": {**TWO, "strengths": [[1.0]]}},
        r"task.strengths: expected rows of 2 numbers, one a block \(task.blocks\), got 1",
    ),
    "nothing to learn": (
        {"task": {**TWO, "strengths": [[1, 0], [0, 0]]}},
        r"task.strengths\[1\]: task 2 has no strength on any block",
    ),
    "negative noise": ({"task": {**TWO, "noise": -1}}, "task.noise: expected a finite number, at"),
    "noises": (
        {"task": {**TWO, "noise": [1, 2, 3]}},
        "task.noise: expected one number, or a list of 2, one a task, got 3",
    ),
    "an activation that is not there": (
        {"attention": {"activation": "sofmax"}},
        "attention.activation: expected one of softmax, linear; .* did you mean 'softmax'",
    ),
    "few heads": (
        {"task": TWO, "attention": {"heads": 1}, "initial": {"kind": "allocated"}},
        "attention.heads = 1: initial.kind = 'allocated' needs a head for each of the 2 tasks",
    ),
    "a task on two blocks": (
        {"task": {**TWO, "strengths": [[1, 1]]}, "initial": {"kind": "allocated"}},
        r"task.strengths\[0\]: .* needs every task on a single block, and task 1 is on several",
    ),
    "matrices in another metric": (
        {"simulation": {"backend": "full"}, "training": {"metric": "factored"}},
        "training.metric = 'factored': simulation.backend = 'full' trains whole .*'matrix'",
    ),
    "no start": ({"initial": {"kind": "explicit"}}, "initial.key_query is missing"),
    "a start of another shape": (
        {
            "attention": {"heads": 2},
            "initial": {"kind": "explicit", "key_query": [[1.0]], "output": [[1.0], [1.0]]},
        },
        r"initial.key_query: expected 2 rows \(attention.heads\) of 1 number \(one a block\)",
    ),
    "a start that is not asked for": (
        {"initial": {"output": [[1.0]]}},
        "initial.output is given, but initial.kind = 'random'",
    ),
    "no number": (
        {"initial": {"kind": "explicit", "key_query": [[float("nan")]] * 4, "output": [[1]] * 4}},
        r"initial.key_query\[0\]\[0\]: expected a finite number",
    ),
}


@pytest.mark.parametrize(("sections", "message"), REFUSED.values(), ids=REFUSED)
def test_contradictions_are_refused(sections, message):
    with pytest.raises(op.ConfigurationError, match=message):
        parse(table(**sections))


def test_a_start_beyond_the_tables():
    start = {"kind": "explicit", "key_query": [[3.0]] * 2, "output": [[1.0]] * 2}
    both = r"set expectation.engine = 'quadrature', or lower initial.key_query \(.*\)$"
    with pytest.raises(op.ConfigurationError, match=rf"start is out of range: scores .*; {both}"):
        op.evaluate(table(attention={"heads": 2}, initial=start))


ENGINES = [
    ("auto", False), ("tables", False), ("quadrature", False), ("auto", True), ("quadrature", True)
]  # fmt: skip


class Nothing:
    """Expectations that are all zero, of any heads, and without work."""

    error = 0.0

    def __init__(self, *_):
        self.shorter = self

    def at(self, keys):
        heads = keys.shape[1]
        pairs = np.zeros((len(keys), heads * (heads - 1) // 2, 4, 6))
        return np.zeros((len(keys), heads, 3, 3)), pairs


@pytest.mark.parametrize(("engine", "inside"), ENGINES)
@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("blocks", [[1], [5], [2, 7], [5, 5], [1, 5, 20]])
def test_the_largest_strengths_that_are_taken(blocks, heads, engine, inside, monkeypatch):
    """What the message says is in range is the most that is, to a thousandth, with its error."""
    strengths = [[1.0] * len(blocks)]
    task = {"length": 40, "blocks": blocks, "strengths": strengths, "query_in_softmax": inside}
    setting = parse(table(task=task, attention={"heads": heads}, expectation={"engine": engine}))
    most = float(remedy(setting, start=True).split("up to ")[1].split()[0])
    monkeypatch.setattr(interpolation, "built", Nothing)
    monkeypatch.setattr(interpolation, "Direct", Nothing)
    monkeypatch.setattr(quadrature, "expected", lambda _, keys, *__, **___: Nothing().at(keys))
    flow = Flow(setting)
    for weights in (np.ones(len(blocks)), -np.ones(len(blocks)) / 2):
        flow.at(most * np.array([weights] * heads), np.ones((heads, 1)), error=True)
    with pytest.raises(op.SolverError, match=r"beyond .* reach"):
        flow.at(np.full((heads, len(blocks)), most + 0.001), np.ones((heads, 1)), error=True)


@pytest.mark.parametrize("value", [1e200, np.nan, np.inf])
def test_a_state_that_diverges(value):
    """Nothing overflows in silence."""
    flow = Flow(parse(table(attention={"heads": 1})))
    for at in ([[value]], [[0.1]]), ([[0.1]], [[value]]):
        with pytest.raises(op.SolverError, match="the state diverges"):
            flow.at(*map(np.array, at))


def test_what_is_written_is_read_again():
    problem = parse(
        table(
            task={**TWO, "strengths": [[1.0, 0.5]], "noise": [0.2]},
            training={"metric": "factored"},
            initial={"output_scale": 0.1},
        )
    )
    assert parse(to_table(problem)) == problem
    assert to_table(problem)["model"] == NAME


def test_words():
    problem = parse(table(task={**TWO, "noise": 0.3}))
    words = describe(problem)
    assert words["task"] == "40 examples a prompt, 2 tasks, 5 + 5 coordinates, label noise 0.3"
    assert words["attention"] == "4 heads, softmax"
    assert describe(parse(table(task={"length": 2, "blocks": [1]})))["task"].endswith(
        "1 coordinate"
    )


def test_what_is_ignored_is_told_and_changes_nothing():
    few = {"training.duration": 1.0, "output.points": 3, "attention.activation": "linear"}
    run = op.solve(table(), settings=few)
    with pytest.warns(op.IgnoredSettingWarning, match="limit of small learning rates"):
        other = op.solve(table(), settings=few | {"training.rule": "sgd"})
    assert np.array_equal(run["key_query"], other["key_query"])


def test_a_file_serves_flow_and_sgd_alike():
    """What stands in it for simulate and validate is not told by solve."""
    problem = parse(table(training={"rule": "sgd", "learning_rate": 0.1, "batch_size": 8}))
    for command in ("solve", "evaluate", "analyze", "simulate", "validate"):
        told = [one for one in unused(problem, command) if not one.elsewhere]
        assert not any(key.startswith("training") for one in told for key in one.keys)


def test_the_page_has_all_keys():
    text = PAGE.read_text("utf-8")
    own = ("task", "attention", "training", "initial", "expectation")
    keys = [key for key in known_keys(problem_type(NAME)) if key.partition(".")[0] in own]
    for key in keys:
        if "." in key:
            assert f"`{key}`" in text, key
