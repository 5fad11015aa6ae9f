"""What is stored of a state beside its risk: risks of tasks, gains, and risks at other lengths."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.testing import assert_allclose

import orderparams as op
from orderparams.cli.main import orderparams as main
from orderparams.models.in_context.risk import by_closed_form, by_quadrature
from orderparams.models.in_context.setup import prompts_of
from orderparams.sources import load

PAIR = {
    "attention.heads": 2,
    "initial.kind": "explicit",
    "initial.key_query": [[0.1132], [-0.1132]],
    "initial.output": [[3.892], [-3.892]],
    "task.test_lengths": [10, 20, 80, 160, 640, 10000],
}


def test_other_lengths():
    """Oracles: risks of another program, and (1 − Σ μω)² for long prompts."""
    found = op.evaluate("in-context-pairs", settings=PAIR)
    risks = found["test_risk"][:, 0]
    assert_allclose(risks, [0.4897, 0.2650, 0.0794, 0.0470, 0.0224, 0.0147], atol=6e-5)
    settings = PAIR | {"task.test_lengths": [10**6]}
    long = op.evaluate("in-context-pairs", settings=settings)["test_risk"]
    assert_allclose(long, (1 - 2 * 0.1132 * 3.892) ** 2, atol=1e-5)


def test_linear_attention_at_other_lengths():
    """Oracle: the closed form for prompts of that length."""
    settings = PAIR | {"attention.activation": "linear"}
    problem = load("in-context-pairs", settings=settings)
    found = op.evaluate(problem)
    for length, risk in zip(PAIR["task.test_lengths"], found["test_risk"], strict=True):
        at = prompts_of(problem)._replace(length=length), found["key_query"], found["output"]
        assert_allclose(risk, by_closed_form(*at).risk, rtol=1e-12)


FEW = {"training.duration": 20, "output.points": 5, "task.test_lengths": [30, 50]}


@pytest.fixture(scope="module")
def run():
    return op.solve("in-context-pairs", settings=FEW)


def test_along_a_run(run):
    """Oracles: sums over heads, the risk, and another engine at the last state."""
    assert run["gain"].shape == (5, 1, 1)
    assert_allclose(run["gain"], np.einsum("thj,thb->tjb", run["output"], run["key_query"]))
    assert_allclose(run["output_sum"], run["output"].sum(1))
    assert_allclose(run["task_risk"].sum(1), run.risk)
    at = prompts_of(run.problem)._replace(length=50), run["key_query"][-1], run["output"][-1]
    assert_allclose(run["test_risk"][1], by_quadrature(*at).risk, rtol=1e-7)


def test_kept_in_files(run, tmp_path):
    path = tmp_path / "run.h5"
    run.save(path)
    read = op.open(path)
    for name in ("gain", "output_sum", "task_risk", "test_risk"):
        assert_allclose(read[name], run[name], rtol=0)
    assert [one.name for one in read.seen] == ["task_risk", "output_sum", "gain", "test_risk"]
    assert read.to_xarray()["length"].values.tolist() == [30, 50]
    assert CliRunner().invoke(main, ["export", str(path), "--to", "csv"]).exit_code == 0
    assert "gain" in path.with_suffix(".csv").read_text()


def test_runs_that_go_on_have_them_all(run):
    """Oracle: the same run without a stop."""
    first = op.solve("in-context-pairs", settings=FEW | {"training.duration": 10})
    assert first["test_risk"].shape == (2, 1)
    times = [0.0, 5.0, 20.0]
    begun = op.solve("in-context-pairs", settings=FEW, times=times, max_seconds=1e-6)
    whole = op.solve("in-context-pairs", settings=FEW, times=times)
    ended = op.solve("in-context-pairs", settings=FEW, times=times, resume=begun)
    for name in ("gain", "task_risk", "test_risk"):
        assert_allclose(ended[name], whole[name], rtol=1e-5)


def test_on_the_screen_and_as_json():
    arguments = ["evaluate", "in-context-pairs", "-s", "task.test_lengths=[10, 640]"]
    screen = CliRunner().invoke(main, arguments).output
    assert "\n  length      E_1\n      10 " in screen
    said = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).output)
    assert_allclose(said["task_risk"], [said["risk"]])
    assert len(said["test_risk"]) == 2
    assert np.shape(said["gain"]) == (1, 1)
