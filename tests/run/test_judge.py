"""Somebody's own simulation against the theory: replicas of both backends in other forms, SGD by
PyTorch, theories that are wrong; the command. The examples of docs/judge.md have SGD by NumPy.

Oracle: the verdict of ``validate``'s innovations on the same replicas; for PyTorch none but SGD.
"""

import io
import json
from pathlib import Path

import numpy as np
import pytest

import orderparams as op
from orderparams.config import to_toml
from orderparams.errors import ConfigurationError
from orderparams.run.innovations import innovations

ROOT = Path(__file__).parents[2]
PRESET = "finite-learning-rate"
SMALL = {
    "simulation.dimension": 800,
    "simulation.replicas": 1,
    "training.duration": 4.0,
    "output.points": 5,
}


@pytest.fixture(scope="module")
def replica():
    """One replica."""
    return op.simulate(PRESET, settings=SMALL, risks=False)


@pytest.fixture(scope="module")
def table(replica):
    """The same as a table of columns, with the steps in place of times."""
    m, q = replica["overlap"][0], replica["self_overlap"][0]
    columns = [m[:, 0, 0], m[:, 1, 0], q[:, 0, 0], q[:, 1, 0], q[:, 1, 1]]
    names = ["m_1_1", "m_2_1", "q_1_1", "q_2_1", "q_2_2"]
    return {"step": replica.records.step, **dict(zip(names, columns, strict=True))}


def test_a_table_has_the_verdict_of_its_simulation(replica, table):
    found = op.judge(table, PRESET, dimension=800)
    expected = innovations(op.load(PRESET), 800, replica.time, replica.parameters)
    assert found.verdict == "agree", found.reason
    np.testing.assert_allclose(found.innovation, expected.innovation, rtol=1e-9)
    assert found.origin == "the data"
    assert found.problem.training.duration == 4.0
    assert found.problem.simulation.dimension == 800
    again = op.judge(replica)
    np.testing.assert_array_equal(again.innovation, found.innovation)


WRONG = {
    "learning rate": ({"training.learning_rate": 10.0}, "sgd"),
    "V": ({}, "gradient-flow"),
    "activation": ({"attention.activation": "softmax-1", "attention.bias": "none"}, "sgd"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_theory_disagrees(replica, table, name):
    """At the right times: a learning rate twice too large, no noise in the flow, another model."""
    settings, rule = WRONG[name]
    data = {"time": replica.time, **{key: table[key] for key in table if key != "step"}}
    found = op.judge(data, PRESET, settings=settings, dimension=800, rule=rule)
    assert found.verdict == "disagree"
    assert found.least_pvalue < 1e-6


def test_times_that_are_steps_over_d_are_recognised(table):
    data = {"time": table["step"] / 800, **{key: table[key] for key in table if key != "step"}}
    found = op.judge(data, PRESET, dimension=800)
    assert found.verdict == "disagree"
    assert "agree if time is multiplied by the learning rate 5 (it looks like s" in found.reason


def test_the_dimension_is_named_where_steps_are_over_another(table):
    """By its number, and no other cause."""
    found = op.judge(table, PRESET, dimension=400)
    own = found.scores[-1]
    assert own.name == "dimension"
    assert abs(own.value - 2) < 4 * own.error < 0.4
    assert "steps are those of a dimension" in found.explanation
    assert f"the dimension is {400 * own.value:.4g}, not 400" in found.explanation
    assert "do not tell" not in found.explanation


def test_weight_decay_that_the_theory_has_not_disagrees():
    """By whole vectors, of two replicas."""
    settings = {
        **SMALL,
        "simulation.replicas": 2,
        "simulation.backend": "direct",
        "training.learning_rate": 2.0,
        "training.weight_decay": 0.1,
    }
    run = op.simulate(PRESET, settings=settings, risks=False)
    own = {name: of for name, of in settings.items() if not name.startswith("simulation")}
    data = run.to_dataframe()
    found = op.judge(data, PRESET, settings=own, dimension=800)
    assert found.verdict == "agree", found.reason
    without = {**own, "training.weight_decay": 0.0}
    assert op.judge(data, PRESET, settings=without, dimension=800).verdict == "disagree"


def test_sgd_by_pytorch_agrees():
    """The layer's own squared error, in single precision (data/reference/pytorch.py)."""
    path = ROOT / "data" / "reference" / "pytorch.csv"
    found = op.judge(path, PRESET, dimension=1000)
    assert found.verdict == "agree", found.reason
    assert found.innovation.shape == (1, 10, 5)
    assert found.resolution < 0.25


def test_what_is_not_used_is_told(table):
    with pytest.warns(op.IgnoredSettingWarning, match="the data: not used: epoch"):
        op.judge({**table, "epoch": table["step"]}, PRESET, dimension=800)
    with pytest.warns(op.IgnoredSettingWarning, match="output.points .the data have times of"):
        op.judge(table, PRESET, settings={"output.points": 7}, dimension=800)


REFUSED = {
    "the data does not say what was simulated": {"source": None},
    "'dimension' is missing": {"dimension": None},
    "dimension: expected a whole number": {"dimension": 0.5},
    "rule": {"rule": "adam"},
    "false_alarm": {"false_alarm": 2},
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_has_no_meaning_is_refused(table, words):
    given = {"source": PRESET, "dimension": 800, **REFUSED[words]}
    with pytest.raises(ConfigurationError, match=words):
        op.judge(table, given.pop("source"), **given)


def written(table, **more):
    """A table as CSV."""
    columns = {**table, **more}
    rows = [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    return "\n".join([",".join(columns), *rows])


def test_the_command_writes_a_file_that_all_others_show(run, replica, table, tmp_path):
    (tmp_path / "sgd.csv").write_text(written(table, epoch=table["step"]))
    status, out, err = run("judge", "sgd.csv", PRESET, "--dimension", 800)
    assert status == 0, err
    assert err == "orderparams: warning: sgd.csv: not used: epoch\n"
    assert max(map(len, out.splitlines())) <= 80
    for words in ("data       sgd.csv", "simulation agree", "written to sgd-judged.h5"):
        assert words in out
    found = op.open("sgd-judged.h5")
    np.testing.assert_allclose(found.innovation, op.judge(replica).innovation, rtol=1e-9)
    assert "sgd.csv" in repr(found)
    for other in (["info"], ["plot"], ["report"], ["export", "--to", "csv"]):
        assert run(other[0], "sgd-judged.h5", *other[1:])[0] == 0
    assert "sgd.csv" in (tmp_path / "sgd-judged.html").read_text()


def test_the_command_answers_in_json(run, table, monkeypatch):
    text = written(table).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    wrong = ("-s", "training.learning_rate=10", "-s", "output.points=5")
    status, out, err = run("judge", "-", PRESET, "--dimension", 800, *wrong, "--json")
    assert status == 4
    assert "without effect in judge: output.points" in err
    answer = json.loads(out)
    assert (answer["verdict"], answer["origin"]) == ("disagree", "standard input")
    assert answer["file"] == "stdin-judged.h5"
    assert len(answer["warnings"]) == 1
    assert np.shape(answer["innovation"]) == np.shape(answer["predicted"])


def test_a_gradient_flow_has_steps_here(run, tmp_path):
    """A preset of gradient flow, judged as SGD, uses the settings of steps."""
    (tmp_path / "sgd.csv").write_text("step,m_1,q_1_1\n0,0.01,0.011\n300,0.1,0.05\n")
    steps = ("-s", "training.learning_rate=2", "-s", "training.batch_size=2")
    status, out, err = run("judge", "sgd.csv", "single-head", "--dimension", 300, *steps)
    assert status in (0, 4, 7)
    assert err == ""
    assert "SGD, learning rate 2, batch size 2" in out


def test_a_configuration_comes_from_standard_input(run, table, tmp_path, monkeypatch):
    text = op.load(PRESET, {"title": "From a pipe"})
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(to_toml(text).encode())))
    (tmp_path / "sgd.csv").write_text(written(table))
    status, out, err = run("judge", "sgd.csv", "-", "--dimension", 800)
    assert (status, err) == (0, "")
    assert out.startswith("From a pipe\n")


COMMANDS = {
    "standard input is either DATA or CONFIG": (2, ["-", "-"]),
    "sgd.csv does not say what was simulated": (2, ["sgd.csv"]),
    "--dimension is missing: sgd.csv": (2, ["sgd.csv", PRESET]),
    "nothing.csv does not exist": (5, ["nothing.csv", PRESET]),
    "sgd.csv: m_1_2, m_1_3, m_2_2, m_2_3, … are missing": (
        2,
        ["sgd.csv", "two-stage", "--dimension", "800"],
    ),
    "standard input is empty; a table of data": (2, ["-", PRESET]),
    "not known of model": (2, ["sgd.csv", "in-context-pairs", "--dimension", "800"]),
}


@pytest.mark.parametrize("words", COMMANDS)
def test_the_command_refuses_with_one_message(run, table, tmp_path, monkeypatch, words):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    (tmp_path / "sgd.csv").write_text(written(table))
    status, arguments = COMMANDS[words]
    found, out, err = run("judge", *arguments)
    assert (found, out) == (status, "")
    assert err.startswith("orderparams: ")
    assert words in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["sgd.csv"]
