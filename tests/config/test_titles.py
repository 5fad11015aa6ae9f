"""Titles: marked when what they describe is altered, and settings under them on figures."""

import re

import pytest
from matplotlib.figure import Figure

import orderparams as op
from orderparams.config.words import describe
from orderparams.views.plots import plot_file
from orderparams.views.plots.modes import wrapped
from orderparams.views.plots.style import fold, headline

TABLE = {
    "title": 'say "hi" \\ θ',
    "task": {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0, 1.0]}},
    "attention": {"heads": 2},
    "training": {"duration": 1.0},
    "expectation": {"engine": "sampling", "samples": 256},
    "output": {"points": 3},
    "simulation": {"dimension": 60, "replicas": 2},
}


@pytest.mark.parametrize(
    ("setting", "title"),
    [
        ("attention.heads=3", 'say "hi" \\ θ (altered)'),
        ("task.signal.strengths[0]=5", 'say "hi" \\ θ (altered)'),
        ("training.duration=2", 'say "hi" \\ θ (altered)'),
        ("initial.seed=1", 'say "hi" \\ θ (altered)'),
        ("attention.heads=2", 'say "hi" \\ θ'),
        ("training.duration=1", 'say "hi" \\ θ'),
        ("task.signal.strengths=[4, 1.0]", 'say "hi" \\ θ'),
        ("task.length.values=[3]", 'say "hi" \\ θ (altered)'),
        ("training.rule=gradient-flow", 'say "hi" \\ θ'),
        ("attention.bias=none", 'say "hi" \\ θ'),
        ("initial.seed=0", 'say "hi" \\ θ'),
        ("output.points=4", 'say "hi" \\ θ'),
        ("simulation.replicas=3", 'say "hi" \\ θ'),
    ],
)
def test_a_title_is_marked_where_it_may_lie(setting, title):
    assert op.load(TABLE, [setting]).title == title


def test_a_title_of_its_own_is_not_marked_and_a_mark_stands_once():
    assert op.load(TABLE, ["attention.heads=3", "title=three"]).title == "three"
    marked = TABLE | {"title": "x (altered)"}
    assert op.load(marked, ["attention.heads=3"]).title == "x (altered)"


def heading(path):
    """The title and what is said of each part, in as few lines as have room for them."""
    return re.split("\n|; ", plot_file(path).get_suptitle())


def test_figures_say_title_and_settings(tmp_path):
    op.solve(op.load(TABLE)).save(tmp_path / "run.h5")
    op.simulate(op.load(TABLE)).save(tmp_path / "simulation.h5")
    op.validate(op.load(TABLE), test="replicas").save(tmp_path / "validation.h5")
    task = "spikes signal, F = 2, L = 3, token target"
    both = [TABLE["title"], task, "2 heads, softmax, bias none, weights mean"]
    assert heading(tmp_path / "run.h5") == [*both, "gradient flow, to t = 1"]
    sgd = [*both, "SGD, learning rate 1, batch size 1, to t = 1"]
    assert heading(tmp_path / "simulation.h5") == sgd
    assert heading(tmp_path / "validation.h5") == sgd


def test_a_scan_says_what_its_points_share(tmp_path):
    vary = {"attention.activation": ["softmax", "softmax-1"], "attention.heads": [1, 2]}
    op.scan(TABLE, vary, workers=1).save(tmp_path / "scan.h5")
    title, task, training = heading(tmp_path / "scan.h5")
    assert title == 'say "hi" \\ θ (altered)'
    assert "F = 2" in task
    assert training == "gradient flow, to t = 1"


def test_what_is_varied_is_not_described():
    words = describe(op.load(TABLE), varied=["task.length", "attention.heads", "training.duration"])
    assert words == {
        "task": "spikes signal, F = 2, token target",
        "attention": "softmax, bias none, weights mean",
        "training": "gradient flow",
    }


def test_steps_that_only_simulations_take_are_said_where_they_are_no_defaults():
    steps = {"training.learning_rate": 0.1, "training.batch_size": 1, "training.momentum": 0.5}
    problem = op.load("learned-values", steps)
    told = "learning rate 0.1 in simulations, momentum 0.5 in simulations"
    assert describe(problem)["training"] == f"gradient flow, {told}, to t = 60"
    told = "learning rate 0.1, batch size 1, momentum 0.5"
    assert describe(problem, "sgd")["training"] == f"SGD, {told}, to t = 60"
    assert describe(op.load("in-context-pairs", ["training.batch_size=64"]))["training"] == (
        "gradient flow, to t = 10000"
    )


def test_lines_that_are_too_wide_break_after_commas_and_then_between_words():
    figure = Figure(figsize=(3, 1))
    kept = "a b c, " + "many words, " * 4 + "label noise 0.1"
    figure.suptitle(f"short\n{kept}\n{'word ' * 40}")
    fold(figure)
    short, *lines = figure.get_suptitle().split("\n")
    assert short == "short"
    end = next(i for i, line in enumerate(lines) if line.startswith("word"))
    assert " ".join(lines[:end]) == kept
    assert all(line.endswith(",") for line in lines[: end - 1])
    assert len(lines[:end]) > 1
    assert len(lines[end:]) > 1
    assert " ".join(lines[end:]).split() == ["word"] * 40
    for line in lines:
        figure.suptitle(line)
        assert headline(figure).get_window_extent().width <= figure.bbox.width


def test_no_line_of_a_heading_is_left_nearly_empty():
    figure = Figure(figsize=(3.4, 1))
    figure.suptitle("One head, one spike: softmax attains the Bayes risk (altered twice)")
    fold(figure)
    first, second = figure.get_suptitle().split("\n")
    assert first.startswith("One head, one spike")
    assert second


def test_captions_break_after_commas_and_then_between_words():
    assert wrapped("one two, three four five", 12) == "one two,\nthree four\nfive"
    assert wrapped("one: two three, four five", 14) == "one:\ntwo three,\nfour five"
