"""Fluctuations of models of one's own, and what momentum and repulsion make of them.

Oracles: the committee machine that comes with the program; linear regression, whose moments close
at any D.
"""

from pathlib import Path

import numpy as np
import pytest

import orderparams as op
from orderparams.errors import ConfigurationError
from orderparams.models import registry
from orderparams.models.interface import model_of
from orderparams.run.innovations import innovations

HERE = Path(__file__).parent

START = {
    "training": {
        "rule": "sgd",
        "learning_rate": 0.8,
        "weight_decay": 0.1,
        "momentum": 0.4,
        "repulsion": {"kind": "gaussian", "strength": 0.4},
    },
    "initial": {
        "kind": "explicit",
        "overlap": [[0.3, 0.1], [0.05, 0.4]],
        "self_overlap": [[0.5, 0.1], [0.1, 0.6]],
    },
    "fluctuations": {"enabled": True, "nodes": 2048},
}


@pytest.fixture(autouse=True)
def files(monkeypatch):
    """Models of files are known, and forgotten afterwards."""
    for name in ("OWN", "FILES"):
        monkeypatch.setattr(registry, name, getattr(registry, name).copy())
    for name in ("own_committee.py", "own_linear.py", "own_softmax.py"):
        op.register(HERE / name)


def at_start(settings):
    problem = op.load(settings)
    model = model_of(problem)
    flow = model.flow(problem)
    return model.noise(problem, flow, 1).at(0.0, flow.initial_state, lambda: None)


def test_a_step_is_that_of_the_committee_that_comes_with_the_program():
    """Nodes are alike, so that all that is taken at them is the same; f is sampled here."""
    own = at_start({**START, "model": "my-committee", "task": {"noise": 0.2}})
    network = {"students": 2, "activation": "erf"}
    task = {"teachers": 2, "noise": 0.2}
    usual = at_start({**START, "model": "committee", "task": task, "network": network})
    np.testing.assert_allclose(own.covariance, usual.covariance, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(own.by_rate, usual.by_rate, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(own.drift, usual.drift, rtol=1e-9, atol=1e-11)
    for name in ("velocity", "jacobian", "gradient"):
        np.testing.assert_allclose(getattr(own, name), getattr(usual, name), atol=5e-3)


def step_at_start(settings):
    problem = op.load({**START, "fluctuations": {"enabled": True, "nodes": 2**14}, **settings})
    flow = model_of(problem).flow(problem)
    return model_of(problem).noise(problem, flow, 1).step(flow.start, np.zeros((2, 0)), 0.8)


def test_means_of_tokens_are_those_of_the_kernel():
    """Softmax attention with shifted tokens, on nodes of its own."""
    own = step_at_start({"model": "own-softmax"})
    task = {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0, 2.25]}}
    attention = {"heads": 2, "head_weights": "mean"}
    usual = step_at_start({"task": task, "attention": attention})
    sizes = np.sqrt(np.diag(usual.covariance))
    np.testing.assert_allclose(
        (own.covariance - usual.covariance) / np.outer(sizes, sizes), 0, atol=0.02
    )
    np.testing.assert_allclose(own.mean, usual.mean, atol=0.01)
    np.testing.assert_allclose(own.drift, usual.drift, atol=0.02 * np.abs(usual.drift).max())


def regression(dimension, training, noise, jump, until):
    """E of m and q of linear regression from 0.3 and 0.8, after SGD at finite D until a time.

    With e = (k − k*)·x/√D − σr, Δ = −(γ/D)(√D·mean of e x + λk): the moments of k, its velocity v
    and k* close, E|e x|² = (D + 2)|k − k*|²/D + Dσ².
    """
    decay, batch, keep = training["weight_decay"], training["batch_size"], training["momentum"]
    kk, kv, vv, ks, vs, t = 0.8, 0.0, 0.0, 0.3, 0.0, 0.0
    while t < until - 1e-9:
        rate = training["learning_rate"] * (jump[1] if t > jump[0] - 1e-9 else 1.0)
        step, ww, wk = rate / dimension, kk - 2 * ks + 1, kk - ks
        squares = ((dimension + 2) * ww + dimension * noise**2) / batch + (1 - 1 / batch) * ww
        own = step**2 * (squares + 2 * decay * wk + decay**2 * kk)
        of_v = -step * (kv - vs + decay * kv)
        kv = keep * kv - step * (wk + decay * kk)
        vv = keep**2 * vv + 2 * keep * of_v + own
        vs = keep * vs - step * (ks - 1 + decay * ks)
        kk, kv, ks = kk + 2 * kv + vv, kv + vv, ks + vs
        t += step / (1 - keep)
    return np.array([ks, kk])


@pytest.mark.parametrize(
    ("keep", "batch", "decay", "factor"),
    [(0.6, 2, 0.3, 0.25), (-0.4, 1, 0.2, 1.0)],
)
def test_the_mean_with_momentum(keep, batch, decay, factor):
    """b from D = 4000 and 8000, up to errors of nodes, in q alone."""
    training = {"learning_rate": 0.8 * (1 - keep), "momentum": keep, "batch_size": batch}
    training |= {"weight_decay": decay}
    jump = (0.5, factor)
    schedule = {"kind": "piecewise", "times": [jump[0]], "factors": [factor]}
    settings = {
        "model": "linear-regression",
        "training": {**training, "rule": "sgd", "duration": 1.0, "schedule": schedule},
        "initial": {"kind": "explicit", "overlap": [[0.3]], "self_overlap": [[0.8]]},
        "output": {"points": 3},
        "integrator": {"rtol": 1e-10, "atol": 1e-12},
        "fluctuations": {"enabled": True, "nodes": 2**15, "points": 8},
    }
    found = op.solve(settings).fluctuations
    for t, flow, shift in zip(found.time[1:], found.flow[1:], found.shift[1:], strict=True):
        near, far = (d * (regression(d, training, 0.5, jump, t) - flow) for d in (4000, 8000))
        expected = 2 * far - near
        assert shift[0] == pytest.approx(expected[0], abs=1e-5)
        assert shift[1] == pytest.approx(expected[1], rel=6e-3)
    assert found.shift[0].tolist() == [0.0, 0.0]


def test_replicas_in_one_dimension_are_judged():
    """Twice the learning rate that replicas had is rejected, at the same times."""
    rule = {"rule": "sgd", "learning_rate": 0.5, "momentum": 0.5, "duration": 2.0}
    start = {"kind": "explicit", "overlap": [[0.3]], "self_overlap": [[0.8]]}
    settings = {"model": "linear-regression", "training": rule, "initial": start}
    simulation = {"dimension": 1000, "replicas": 4, "seed": 4}
    problem = op.load(settings, {"simulation": simulation})
    times = np.linspace(0, 2, 6)
    measured = model_of(problem).simulator(problem, times).run().parameters
    assert innovations(problem, 1000, times, measured).verdict == "agree"
    wrong = op.load(settings, {"training.learning_rate": 1.0})
    assert innovations(wrong, 1000, times, measured).verdict == "disagree"


def own_sgd(dimension, rate, steps, every):
    """Steps, vectors (T, 1, D) and the hidden direction of linear regression by SGD on whole
    vectors, with labels of noise 1/2."""
    generator = np.random.default_rng(2)
    hidden, outside = np.linalg.qr(generator.standard_normal((dimension, 2)))[0].T * dimension**0.5
    vector, kept = 0.3 * hidden + 0.71**0.5 * outside, []
    for step in range(steps + 1):
        if step % every == 0:
            kept.append(vector.copy())
        x = generator.standard_normal(dimension)
        error = (vector - hidden) @ x / dimension**0.5 - 0.5 * generator.standard_normal()
        vector -= rate * error * x / dimension**0.5
    return np.arange(0, steps + 1, every), np.array(kept)[:, None], hidden[None]


def test_data_of_somebody_elses_code_are_judged():
    """By vectors and columns alike; not what no vectors can be."""
    step, vectors, hidden = own_sgd(600, 0.5, 2400, 400)
    settings = {"model": "linear-regression", "training": {"learning_rate": 0.5}}
    found = op.judge({"step": step, "vectors": vectors, "directions": hidden}, settings)
    assert found.verdict == "agree", found.reason
    m, q = vectors[:, 0] @ hidden[0] / 600, np.square(vectors[:, 0]).sum(axis=1) / 600
    data = {"step": step, "m_1_1": m, "q_1_1": q}
    again = op.judge(data, settings, dimension=600)
    np.testing.assert_allclose(again.innovation, found.innovation, rtol=1e-6)
    with pytest.raises(ConfigurationError, match="no vector is shorter than its overlaps"):
        op.judge({**data, "q_1_1": 0.5 * m**2}, settings, dimension=600)
