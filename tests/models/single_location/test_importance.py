"""Importances of heads. Oracles: differences, softmax written out, an exact rate, SGD."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import orderparams as op
from orderparams.errors import ConfigurationError
from orderparams.models.single_location import model
from orderparams.models.single_location.importance import (
    Importance,
    by_scores,
    entropy,
    importances,
    learn_importances,
    scores,
    turned,
)
from orderparams.models.vectors.fluctuations.momentum import Momentum
from orderparams.models.vectors.landscape import Landscape
from orderparams.run.simulate import simulate
from orderparams.run.solve import solve

HEADS = {
    "task": {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0, 2.0]}},
    "attention": {"heads": 3, "head_weights": "importance", "importance_total": 1.3},
    "initial": {
        "kind": "explicit",
        "overlap": [[0.8, 0.2], [0.3, -0.4], [-0.2, 0.5]],
        "self_overlap": [[1.0, 0.2, 0.0], [0.2, 0.6, -0.2], [0.0, -0.2, 0.6]],
        "importance": [5, 3, 2],
    },
    "training": {"duration": 3.0, "importance_rate": 2.0, "importance_penalty": 0.15},
    "output": {"points": 4},
    "simulation": {"dimension": 500, "replicas": 24},
}
SGD = ["training.rule='sgd'", "training.learning_rate=0.8"]


def test_derivatives_by_scores_are_those_of_risk_and_penalty():
    """A risk that is linear in u is the oracle, by central differences."""
    slopes, pi = np.array([0.3, -1.1, 0.6, 0.2]), np.array([0.2, -0.5, 1.0, 0.1])
    one, out = Importance(1.7, 0.4), np.empty(4)

    def total(pi):
        p = np.exp(pi) / np.exp(pi).sum()
        return slopes @ (1.7 * p) - 0.4 * (p * np.log(p)).sum()

    by_scores(one, importances(pi), slopes, out)
    numeric = [(total(pi + d) - total(pi - d)) / 2e-5 for d in 1e-5 * np.eye(4)]
    np.testing.assert_allclose(out, numeric, rtol=0, atol=1e-9)
    assert entropy(np.full(4, 0.25)) == pytest.approx(np.log(4))


def test_a_step_is_one_of_the_scores():
    one, slopes = Importance(1.7, 0.4, 3.0), np.array([0.3, -1.1, 0.6])
    p, out = np.array([0.5, 0.2, 0.3]), np.empty(3)
    by_scores(one, p, slopes, out)
    weights = 1.7 * p
    learn_importances(one, 0.1, slopes, weights)
    np.testing.assert_allclose(weights, 1.7 * importances(scores(p) - 0.1 * 3.0 * out), atol=1e-14)
    lost = 1.7 * np.array([1.0, 0.0, 0.0])
    learn_importances(one, 0.1, slopes, lost)
    np.testing.assert_allclose(lost, [1.7, 0, 0], atol=1e-12)


def test_risk_and_penalty_fall_along_the_gradient():
    problem = op.load(HEADS)
    landscape = Landscape(problem)
    x = landscape.point(landscape.flow.start)
    numeric = [
        (
            landscape.risk(x + d)
            + landscape.penalty(x + d)
            - landscape.risk(x - d)
            - landscape.penalty(x - d)
        )
        / 2e-4
        for d in 1e-4 * np.eye(len(x))
    ]
    np.testing.assert_allclose(landscape.gradient(x), numeric, rtol=0, atol=1e-7)
    run = solve(problem)
    assert (np.diff(run.risk + run["penalty"]) < 0).all()
    np.testing.assert_allclose(run["importance"].sum(1), 1, atol=1e-12)


def test_the_velocity_is_that_of_the_run():
    """And the gradient that of the risk, by differences of evaluations at other weights."""
    short = op.load(HEADS, ["training.duration=1e-4", "output.points=2"])
    run, start = solve(short), op.evaluate(short)
    moved = (run["importance"][1] - run["importance"][0]) / 1e-4
    np.testing.assert_allclose(start.velocity["importance"], moved, rtol=0, atol=1e-4)
    weights = 1.3 * np.array([0.5, 0.3, 0.2])
    fixed = {**HEADS, "initial": {k: v for k, v in HEADS["initial"].items() if k != "importance"}}
    fixed |= {"attention": {"heads": 3, "head_weights": "sum"}, "training": {}}
    for h in range(3):
        ends = []
        for sign in (1, -1):
            own = weights + 1.3e-3 * sign * np.eye(3)[h]
            ends.append(op.evaluate(fixed, settings={"attention.head_weights": own.tolist()}).risk)
        slope = (ends[0] - ends[1]) / 2e-3
        assert start.gradient["importance"][h] == pytest.approx(slope, abs=1e-6)


def test_equal_heads_part_at_the_rate_of_the_penalty():
    """δπ grows at the rate ησ/H between heads that are equal but for it."""
    same = {"kind": "explicit", "overlap": [[0.4, 0.1]] * 3, "self_overlap": [[0.3] * 3] * 3}
    start = op.evaluate({**HEADS, "initial": {**same, "importance": [1.0001, 1, 1]}})
    p, velocity = start["importance"], start.velocity["importance"]
    growth = velocity[0] / p[0] - velocity[1] / p[1]
    assert growth == pytest.approx(2.0 * 0.15 / 3 * np.log(p[0] / p[1]), rel=2e-4)


@pytest.mark.parametrize("backend", ["gram", "direct"])
def test_the_flow_follows_sgd(backend):
    """Means of replicas; a theory without the penalty is rejected."""
    short = ["simulation.backend='direct'", "training.duration=0.8", "output.points=2"]
    problem = op.load(HEADS, SGD + short * (backend == "direct"))
    run, flow = simulate(problem), solve(problem)
    free = solve(op.load(problem, ["training.importance_penalty=0"]))

    def largest(flow):
        z = []
        for name in ("overlap", "self_overlap", "importance"):
            moved = (run[name] - flow[name])[:, 1:]
            z.append(np.abs(moved.mean(0) / moved.std(0, ddof=1)).max() * len(moved) ** 0.5)
        return max(z)

    assert largest(flow) < 4.5
    assert largest(free) > 10


def test_one_gradient_is_all_that_evaluate_takes(monkeypatch):
    problem = op.load(HEADS)
    flow, taken = model.flow(problem), []
    evaluate = type(flow.engine).evaluate

    def counted(*given, **options):
        taken.append(given)
        return evaluate(*given, **options)

    monkeypatch.setattr(type(flow.engine), "evaluate", counted)
    found = flow.evaluate(flow.initial_state)
    assert len(taken) == 1
    p = found.state["importance"]
    for h in range(3):
        risks = []
        for step in (1e-4, -1e-4):
            weights = 1.3 * p + 1.3 * step * (np.arange(3) == h)
            attention = {"heads": 3, "head_weights": weights.tolist()}
            initial = {k: v for k, v in HEADS["initial"].items() if k != "importance"}
            free = HEADS | {"attention": attention, "initial": initial, "training": {}}
            risks.append(op.evaluate(free).risk)
        slope = (risks[0] - risks[1]) / 2e-4
        assert found.gradient["importance"][h] == pytest.approx(slope, abs=1e-7)


def test_a_run_goes_on_from_its_importances(tmp_path):
    run = solve(op.load(HEADS))
    run.save(tmp_path / "run.h5")
    again = op.open(tmp_path / "run.h5")
    np.testing.assert_array_equal(again["importance"], run["importance"])
    np.testing.assert_array_equal(again["penalty"], run["penalty"])
    longer = op.load(HEADS, ["training.duration=4", "output.points=5"])
    on, whole = solve(longer, resume=again), solve(longer)
    np.testing.assert_allclose(on["importance"][-1], whole["importance"][-1], rtol=0, atol=1e-6)


def test_a_validation_agrees():
    found = op.validate(op.load(HEADS, [*SGD, "simulation.dimension=400"]))
    assert found.verdict == "agree"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["attention.head_weights='mean'"], "only importances have it"),
        (["initial.importance=[1, 2]"], "expected 3 numbers"),
        (["initial.importance=[1, 0, 2]"], "expected a finite number, greater than 0; got 0"),
        (["attention.activation='bayes-softmax'"], "bayes-softmax has no head weights"),
        (["initial.head_weights=[1, 1, 1]"], "initial.head_weights is where a learned"),
        (["attention.importance_total=0"], "attention.importance_total: expected a finite"),
    ],
)
def test_what_makes_no_sense_is_told(settings, said):
    with pytest.raises(ConfigurationError, match=said):
        op.load(HEADS, settings)


def test_momentum_moves_importances_as_a_higher_rate_does():
    """The penalty too: without its share importances would end 0.08 apart from the flow."""
    settings = {
        "attention.head_weights": "importance",
        "training.momentum": 0.8,
        "training.learning_rate": 0.4,
        "training.duration": 2.0,
        "training.importance_penalty": -2.0,
        "training.importance_rate": 0.7,
        "initial.importance": [0.7, 0.3],
        "output.points": 2,
        "simulation": {"dimension": 500, "replicas": 20},
    }
    flow = op.solve("finite-learning-rate", settings=settings).importance[-1]
    found = op.simulate("finite-learning-rate", settings=settings).parameters["importance"][:, -1]
    error = found.std(axis=0) / np.sqrt(20)
    assert (np.abs(found.mean(axis=0) - flow) < 4 * error + 0.005).all()


PENALISED, AT_FIRST = Importance(1.4, -0.3, 0.7), np.log([0.6, 0.3, 0.1])
PUSH, FACTOR = np.array([0.5, -1.0, 0.3]), np.array([[2.0, 0, 0], [1.0, 1.6, 0], [-0.6, 0.4, 1.2]])


def walk(share, rate, noise):
    """Scores (R, 3) after steps with pushes −ηU ∂E/∂u = PUSH + noise (T, R, 3)."""
    pi, memory = np.tile(AT_FIRST, (noise.shape[1], 1)), 0.0
    for one in noise:
        memory = share * memory + PUSH + one
        p = importances(pi)
        own = memory + PENALISED.rate * PENALISED.penalty * (1 + np.log(p)) / (1 - share)
        pi = pi + rate * p * (own - (p * own).sum(1, keepdims=True))
    return pi


def test_scores_that_remember_gradients_are_turned():
    """The mean of SGD's scores under random pushes of both signs: flow, fluctuations, Euler's step,
    lag, and that the importances turn while memory stays."""
    share, rate, steps, size = 0.7, 0.004, 120, 1e-4
    noise = np.random.default_rng(1).normal(size=(steps, 6000, 3)) @ FACTOR.T
    found = 0.5 * (walk(share, rate, noise) + walk(share, rate, -noise))
    memory, unit = Momentum(share, rate / (1 - share), 1), size * np.eye(3)

    def flow(pi):
        turning = turned(PENALISED, importances(pi))
        return turning.matrix @ PUSH + turning.at_once

    def rates(t, y):
        pi, shift, spread = y[:3], y[3:6], y[6:].reshape(3, 3)
        turning, here = turned(PENALISED, importances(pi)), flow(pi)
        noisy = turning.matrix @ FACTOR @ FACTOR.T @ turning.matrix
        slope = np.array([flow(pi + e) - flow(pi - e) for e in unit]).T / (2 * size)
        ways = np.linalg.cholesky(spread + 1e-15 * np.eye(3)).T / np.sqrt(memory.rate)
        bent = sum(flow(pi + size * w) + flow(pi - size * w) - 2 * here for w in ways)
        more = slope @ (shift + memory.lag(here - turning.at_once, 0) - 0.5 * memory.rate * here)
        more += 0.5 * memory.rate * bent / size**2 + memory.turning(turning, here, noisy)
        widened = slope @ spread + spread @ slope.T + memory.rate * noisy
        return np.concatenate([here, more, widened.ravel()])

    start = np.concatenate([AT_FIRST, np.zeros(12)])
    pi, shift = solve_ivp(rates, (0, steps * memory.rate), start, rtol=1e-8).y[:6, -1].reshape(2, 3)
    shift += memory.lag(flow(pi) - turned(PENALISED, importances(pi)).at_once, 0)
    error = found.std(0) / np.sqrt(len(found))
    np.testing.assert_array_less(
        np.abs(found.mean(0) - pi - shift), 4 * error + 0.01 * np.abs(shift)
    )
    assert (np.abs(shift) > 20 * error).all()
