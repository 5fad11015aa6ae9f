"""SGD with activations other than the exponential.

Oracles: central differences of the loss of the sequences that a step drew; the flow, by closed
forms, of the mean of one step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from activation_cases import activation, attend
from scipy import stats
from simulation_oracles import FALSE_ALARM, differences, least_pvalue

import orderparams as op
from orderparams.models.single_location.activations.table import TABLE
from orderparams.models.single_location.curved_sgd import CurvedRule, build_curved_model, draw
from orderparams.models.single_location.engines.curved import CurvedSampling
from orderparams.models.single_location.engines.elementwise import Elementwise
from orderparams.models.single_location.importance import Importance
from orderparams.models.single_location.model import simulator
from orderparams.models.single_location.setup import Heads
from orderparams.models.single_location.task import Signal, Task
from orderparams.models.vectors import direct, gram, normals
from orderparams.models.vectors.normals import LANES

SIGNAL = Signal(
    np.array([0.3, 0.7]),
    np.array([[1.5, 0.2], [-0.5, 1.8]]),
    np.array([np.zeros((2, 2)), [[0.4, 0.1], [0.1, 0.2]]]),
)
PLACE = (
    np.array([[0.5, 0.2], [-0.2, 0.6]]),
    np.array([[0.4, 0.0], [0.2, 0.3]]),
    np.array([0.1, -0.2]),
    np.array([0.5, 0.7]),
)
LINE = {"logit_slope": np.array([0.9, 1.2]), "intercept": np.array([0.2, -0.1])}
LEARNED = CurvedRule(1.5, 2, 0.3, 0.7, 0.4, 0.6, 0.9)
COMPETING = LEARNED._replace(head_weight_rate=0.0, importance=Importance(1.2, 0.3, 0.8))


@dataclass(frozen=True)
class Case:
    """An activation, a step of SGD and a task."""

    name: str
    rule: CurvedRule
    lengths: tuple[int, ...] = (3,)
    target: str = "token"
    noise: float = 0.0
    kappa: float = 0.0

    @property
    def heads(self) -> Heads:
        """Where it starts; only element-wise activations have slopes and intercepts."""
        return Heads(*PLACE, LINE if TABLE[self.name].elementwise else None)

    @property
    def task(self) -> Task:
        """The task, with equal weights on the lengths."""
        weights = np.full(len(self.lengths), 1 / len(self.lengths))
        return Task(np.array(self.lengths), weights, SIGNAL, self.target, self.noise)

    @property
    def model(self):
        """Task and activation."""
        return build_curved_model(self.task, activation(self.name, self.kappa))


CASES = {
    "erf, scalar, all learned": Case("erf", LEARNED, target="scalar", noise=0.5),
    "linear, two lengths, all learned": Case("linear", LEARNED, lengths=(2, 4)),
    "softplus, kappa": Case("softplus", LEARNED, kappa=0.5),
    "erf, importances": Case("erf", COMPETING),
    "softplus, scalar": Case("softplus", CurvedRule(2.0), target="scalar", noise=0.4),
}


def after_scores(rule, slopes, weights, dimension):
    """Head weights after a step of the scores, with derivatives of the loss by weights."""
    total, penalty, rate = rule.importance
    p = weights / total
    pull = total * slopes - penalty * (1 + np.log(p))
    scores = np.log(p) - rule.learning_rate / dimension * rate * p * (pull - pull @ p)
    return total * np.exp(scores) / np.exp(scores).sum()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_step_descends_the_gradient_of_the_loss(case):
    """Vectors and all numbers after one step of ``direct``, and the loss of the scalar target."""
    model, rule, heads, dimension = case.model, case.rule, case.heads, 24
    seed = np.random.SeedSequence(5)
    generator, same = (np.random.Generator(np.random.SFC64(seed)) for _ in range(2))
    state = direct.start(model, rule, heads, None, dimension, seed, generator)
    direct.start(model, rule, heads, None, dimension, seed, same)
    k, before = state.vectors.copy(), [values.copy() for values in state.numbers]

    lanes, batch = state.lanes.copy(), []
    shift = np.empty((model.sizes.directions, model.sizes.longest))
    for _ in range(rule.batch_size):
        length, position = draw(model, same, shift)
        drawn = np.empty(-(-length * dimension // LANES) * LANES)
        normals.fill(lanes, drawn)
        x = drawn[: length * dimension].reshape(length, dimension).copy()
        x += shift[:, :length].T @ state.directions / np.sqrt(dimension)
        batch.append((x, position, same.standard_normal() if model.scalar else 0.0))
    direct.advance(model, rule, state, dimension, generator, 1)

    def loss(k, bias, u, s, c) -> float:
        total = 0.0
        for x, position, noise in batch:
            logits = k @ x.T / np.sqrt(dimension) + bias[:, None]
            r = attend(case.name, logits, u * s, float(u @ c), case.kappa)
            r = r - np.eye(len(x))[position]
            value = x @ state.directions[-1] / np.sqrt(dimension)
            total += (r @ value - case.noise * noise) ** 2 if model.scalar else r @ r
        return total / len(batch)

    gradient = differences(lambda k: loss(k, *before), k)
    expected = k - rule.learning_rate * (gradient + rule.weight_decay / dimension * k)
    np.testing.assert_allclose(state.vectors, expected, rtol=0, atol=1e-8)
    rates = rule[3:7]
    for i, (rate, after) in enumerate(zip(rates, state.numbers, strict=True)):

        def of_number(values, i=i) -> float:
            return loss(k, *before[:i], values, *before[i + 1 :])

        slopes = differences(of_number, before[i])
        if i == 1 and rule.importance.total:
            expected = after_scores(rule, slopes, before[i], dimension)
            np.testing.assert_allclose(after, expected, rtol=0, atol=1e-8)
            continue
        step = rule.learning_rate / dimension * rate * slopes
        np.testing.assert_allclose(after, before[i] - step, rtol=0, atol=1e-8)
    if model.scalar:
        np.testing.assert_allclose(state.loss, loss(k, *before), rtol=1e-12)


@pytest.mark.parametrize("target", ["token", "scalar"])
@pytest.mark.parametrize("name", ["linear", "erf", "softplus"])
def test_one_step_is_the_flow(name, target):
    """Mean change of m and q in one step of ``gram`` at D = 10⁹ and γ = B against closed forms, or
    against sampling with a hundredth of the variance. t-test, false alarm 1e-3 in all."""
    batch, dimension = 2000, 10**9
    case = Case(name, CurvedRule(float(batch), batch), target=target, noise=0.3)
    task, act, heads = case.task, activation(name), case.heads
    if target == "token":
        task = Case(name, case.rule).task
    v, offset = heads.head_weights * heads.slope, float(heads.head_weights @ heads.intercept)
    if act.elementwise:
        engine = Elementwise(task, act)
    else:
        engine = CurvedSampling(task, act, 2, samples=2**16, seed=1)
    found = engine.evaluate(heads.weights, heads.bias, v, gradient_covariance=True, offset=offset)
    gamma, m, q = found.self_overlap_gradient, heads.overlap, heads.self_overlap
    velocity = -(found.overlap_gradient + 2 * gamma @ m)
    drift = -found.overlap_gradient @ m.T - 2 * gamma @ q
    flow = np.concatenate([velocity, drift + drift.T + found.gradient_covariance], axis=1)
    model, generator = build_curved_model(task, act), np.random.Generator(np.random.SFC64(3))
    changes = []
    for _ in range(40):
        seed = np.random.SeedSequence(0)
        state = gram.start(model, case.rule, heads, None, dimension, seed, generator)
        gram.advance(model, case.rule, state, dimension, generator, 1)
        after = gram.measure(state, 2)
        changes.append(np.concatenate([after[0] - m, after[1] - q], axis=1).ravel())
    changes = np.array(changes) * dimension / batch
    pvalues = stats.ttest_1samp(changes, flow.ravel()).pvalue
    assert pvalues.min() * pvalues.size > 1e-3


def test_learned_slopes_and_intercepts_are_in_checkpoints():
    """Replicas that were stopped and go on: equal bits."""
    problem = op.load(
        {
            "task": {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0]}},
            "attention": {"activation": "linear", "slope": "learned", "intercept": "learned"},
            "training": {"duration": 1.0, "learning_rate": 0.3},
            "simulation": {"replicas": 2, "dimension": 60},
        }
    )
    time = np.linspace(0.0, 1.0, 5)
    stopped, whole = simulator(problem, time), simulator(problem, time).run()

    def stop(done: float, total: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped.run(1, stop)
    resumed = simulator(problem, time)
    resumed.restore(stopped.state())
    found = resumed.run()
    assert {"logit_slope", "intercept"} <= set(whole.parameters)
    for name, values in whole.parameters.items():
        np.testing.assert_array_equal(found.parameters[name], values)


@pytest.mark.slow
def test_gram_has_the_law_of_direct():
    """Order parameters and loss after four steps in twelve dimensions, 1,500 runs of each."""
    case, outcomes = CASES["erf, scalar, all learned"], []
    rule = case.rule._replace(learning_rate=0.3)
    for backend, root in ((direct, 1), (gram, 2)):
        results = []
        for child in np.random.SeedSequence(root).spawn(1500):
            generator = np.random.Generator(np.random.SFC64(child))
            start = (case.model, rule, case.heads, None, 12, child.spawn(1)[0], generator)
            state = backend.start(*start)
            backend.advance(case.model, rule, state, 12, generator, 4)
            overlap, self_overlap = backend.measure(state, 2)
            parts = [overlap.ravel(), self_overlap[np.tril_indices(2)], state.loss]
            results.append(np.concatenate([*parts, *state.numbers]))
        outcomes.append(np.array(results))
    assert least_pvalue(*outcomes) > FALSE_ALARM
