"""The flow of key-query strengths and outputs: growth, metrics, end points."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose

import orderparams as op
from orderparams.models.in_context.flow import Flow
from orderparams.models.in_context.model import flow
from orderparams.sources import load

FEW = {"output.points": 20, "output.spacing": "linear"}


def test_growth_from_the_origin():
    """Oracle: the linearised flow, zero-sum modes at λ₀ = 2(1 − 1/N)/√d along μ = √d ω."""
    start = 1e-4 * np.array([[1.0], [-1.0]])
    settings = FEW | {
        "attention.heads": 2,
        "training.duration": 3.0,
        "initial.kind": "explicit",
        "initial.key_query": start.tolist(),
        "initial.output": (5**0.5 * start).tolist(),
    }
    run = op.solve("in-context-pairs", settings=settings)
    rate = 2 * (1 - 1 / 40) / 5**0.5
    grown = run["key_query"][-1] / start
    assert_allclose(np.log(grown) / 3.0, rate, rtol=1e-4)


def test_two_groups_whose_outputs_sum_to_zero():
    """Oracles: debiased GD, N/(N + D) for Σ μω, |ω| and the risk of another program at t = 10⁴."""
    run = op.solve("in-context-pairs", settings=FEW)
    key_query, output = run["key_query"][-1, :, 0], run["output"][-1, :, 0]
    assert abs(output.sum()) < 1e-3 * abs(output).sum()
    assert np.ptp(abs(key_query)) < 0.02 * abs(key_query).mean()
    assert 0.102 < abs(key_query).mean() < 0.103
    assert_allclose(key_query @ output, 40 / 45.5, rtol=3e-3)
    assert_allclose(run.risk[-1], 0.142860, atol=2e-6)
    assert run.debiased_gd_risk < run.risk[-1]


@pytest.mark.parametrize(("metric", "risk"), [("scalar", 0.1428587), ("factored", 0.1428255)])
def test_other_metrics_go_beyond_the_tables(metric, risk):
    """Oracles: N/(N + D) for Σ μω; the risk of the same end by quadrature alone."""
    run = op.solve("in-context-pairs", settings=FEW | {"training.metric": metric})
    key_query, output = run["key_query"][-1, :, 0], run["output"][-1, :, 0]
    assert abs(output.sum()) < 1e-3 * abs(output).sum()
    assert_allclose(key_query @ output, 40 / 45.5, rtol=3e-3)
    assert_allclose(run.risk[-1], risk, atol=1e-7)
    last = {name: run[name][-1].tolist() for name in ("key_query", "output")}
    start = {"initial": {"kind": "explicit", **last}, "expectation.engine": "quadrature"}
    assert_allclose(op.evaluate("in-context-pairs", settings=start).risk, risk, atol=1e-7)
    assert run.engine.startswith("tables of Laplace integrals, quadrature beyond them (tolerance")


def test_a_run_tells_where_its_engine_missed_the_tolerance(tmp_path):
    """Oracle: the error of the state where it is largest, by the engine itself."""
    run = op.solve("in-context-pairs", settings=FEW | {"training.duration": 20.0})
    (told,) = re.findall(r"errors up to (\S+), at \|omega\| = (\S+);", run.engine)
    states = [(run["key_query"][i], run["output"][i]) for i in range(len(run.time))]
    largest = max(states, key=lambda state: abs(state[0]).max())
    error = Flow(run.problem).at(*largest, error=True).error
    assert 0.3 * error < float(told[0]) < 1.01 * max(error, 3e-7)
    assert float(told[1]) > 0.8 * abs(largest[0]).max()
    op.save(run, tmp_path / "run.h5")
    again = op.open(tmp_path / "run.h5")
    assert again.engine == run.engine
    assert again.known == run.known
    assert again.known["bayes_risk"].error > 1e-6
    easy = op.solve("in-context-pairs", settings=FEW | {"expectation.tolerance": 1e-5})
    assert easy.engine == "tables of Laplace integrals, quadrature beyond them"


def test_tables_alone_end_where_they_do(tmp_path):
    settings = FEW | {"training.metric": "scalar", "expectation.engine": "tables"}
    run = op.solve("in-context-pairs", settings=settings)
    assert run.status == "failed"
    assert "beyond the tables, which reach 4.5; set expectation.engine = 'auto'" in run.message
    assert run.engine == "tables of Laplace integrals"


def test_heads_of_one_sign_are_stuck():
    """Oracle: the best single head of another program."""
    settings = FEW | {
        "attention.heads": 2,
        "training.duration": 300.0,
        "initial.kind": "explicit",
        "initial.key_query": [[0.01], [0.02]],
        "initial.output": [[0.02], [0.03]],
    }
    run = op.solve("in-context-pairs", settings=settings)
    assert_allclose(run.risk[-1], 0.3039631733, atol=1e-6)
    assert_allclose(run["output"][-1].sum(), 1.4970891993, atol=1e-4)


def test_one_task_a_head_is_a_transient():
    """Oracle: risks a task of another program, the second below that of a single head."""
    rough = {"engine": "quadrature", "radii": 3, "tolerance": 1e-4}
    settings = {"expectation": rough, "integrator": {"rtol": 1e-3, "atol": 1e-6}}
    run = op.solve("in-context-superposition", settings=settings, times=[0.0, 6.0, 30.0])
    assert_allclose(run.risk[1:] / 2, [0.2946, 0.2604], atol=2e-4)
    key_query = run["key_query"][1:, 0]
    assert_allclose(key_query[0], [0.551, -0.057], atol=2e-3)
    assert key_query[1, 1] < -0.3 * key_query[1, 0]


@pytest.mark.parametrize("activation", ["softmax", "linear"])
@pytest.mark.parametrize("metric", ["matrix", "scalar", "factored"])
def test_metrics(metric, activation):
    """Oracle: the gradient, and dE/dt by a difference along the flow."""
    settings = {
        "training.metric": metric,
        "attention.activation": activation,
        "initial.scale": 0.2,
        "training.weight_decay": 0.0,
    }
    found = flow(load("in-context-pairs", settings))
    y = found.initial_state
    here = found.evaluate(y)
    key_query, output = found.unpack(y)
    factors = {
        "matrix": (1 / 5, 1.0),
        "scalar": (1.0, 1.0),
        "factored": (2 * abs(key_query), 2 * abs(output)),
    }[metric]
    for name, factor in zip(("key_query", "output"), factors, strict=True):
        assert_allclose(here.velocity[name], -factor * here.gradient[name])
    velocity = found.derivative(0.0, y)
    step = 1e-5 / abs(velocity).max()
    ends = [found.evaluate(y + sign * step * velocity).risk for sign in (1, -1)]
    slope = sum((here.gradient[name] * here.velocity[name]).sum() for name in here.gradient)
    assert_allclose((ends[0] - ends[1]) / (2 * step), slope, rtol=1e-6)


def test_weight_decay():
    """Oracle: without strength to learn from, exp(−λt): the velocity has −λω and −λμ more."""
    with_decay = flow(load("in-context-pairs", {"training.weight_decay": 0.3}))
    y = with_decay.initial_state
    without = flow(load("in-context-pairs")).derivative(0.0, y)
    assert_allclose(with_decay.derivative(0.0, y), without - 0.3 * y)


def test_heads_of_linear_attention_reach_its_optimum():
    settings = FEW | {"attention.activation": "linear", "training.duration": 100.0}
    run = op.solve("in-context-pairs", settings=settings)
    assert_allclose(run.risk[-1], run.linear_gd_risk, atol=1e-7)


def test_symmetries():
    """Permuted heads; another sign of all; a block and its task turned."""
    problem = load("in-context-superposition", {"initial.kind": "random", "initial.scale": 0.2})
    found = flow(problem)
    key_query, output = found.start
    risk = found.at(key_query, output).risk
    for other in (
        (key_query[::-1], output[::-1]),
        (-key_query, -output),
        (key_query * [1, -1], output * [1, -1]),
    ):
        assert_allclose(found.at(*other).risk, risk, atol=1e-9)


def test_files_pictures_and_tables(tmp_path):
    run = op.solve("in-context-pairs", settings=FEW | {"training.duration": 5.0})
    path = tmp_path / "run.h5"
    run.save(path)
    again = op.open(path)
    assert np.array_equal(again["output"], run["output"])
    assert again.debiased_gd_risk == run.debiased_gd_risk
    data = run.to_xarray()
    assert data["key_query"].dims == ("time", "head", "block")
    assert data["time"].attrs["long_name"] == "time t = learning_rate * steps"
    op.plot(path, tmp_path / "run.png")
    op.export(path, tmp_path / "run.csv")
    op.report(path, tmp_path / "run.html")
    found = op.evaluate("in-context-pairs")
    assert set(found.document()["gradient"]) == {"key_query", "output"}


def test_time_has_no_dimension():
    from orderparams.views.plots.courses import time_label

    assert time_label(load("in-context-pairs")) == "time t = γ steps"
    assert time_label(load("two-stage")) == "time t = γ steps / D"
