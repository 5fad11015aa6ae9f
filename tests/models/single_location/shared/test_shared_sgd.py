"""SGD of shared keys: differences of the loss of drawn sequences; theory by `validate`."""

from __future__ import annotations

import numpy as np
import pytest
from shared_bases import SOFTMAX_1 as WEIGHTED
from shared_bases import table
from simulation_cases import SIGNAL, SOFTMAX, SOFTMAX_1
from simulation_oracles import differences, drawn_sequences

import orderparams as op
from orderparams.models.single_location.sgd import UpdateRule, build_model
from orderparams.models.single_location.shared.bases import BaseKeys
from orderparams.models.single_location.shared.sgd import SharedModel
from orderparams.models.single_location.task import Task
from orderparams.models.vectors import direct

BASES = BaseKeys(
    np.array([[0.8, 0.3], [-0.2, 1.1]]),
    np.array([[0.5, 0.0], [0.2, 0.4]]),
    {
        "bias": np.array([0.1, -0.2, 0.3]),
        "head_weight": np.array([0.5, 0.7, 0.4]),
        "mixing": np.array([[1.0, 0.2], [-0.5, 0.8], [0.3, -1.0]]),
    },
)
RULES = {
    "norm bias": (SOFTMAX_1, UpdateRule(1.5, batch_size=2, weight_decay=0.2, norm_bias=True), 0.7),
    "all learned": (SOFTMAX_1, UpdateRule(2.0, bias_rate=0.7, head_weight_rate=0.4), 0.3),
    "fixed mixing": (SOFTMAX, UpdateRule(1.0), 0.0),
}


@pytest.mark.parametrize("target", ["token", "scalar"])
@pytest.mark.parametrize("name", RULES)
def test_a_step_descends_the_gradient_of_the_loss(name, target):
    """Bases, mixing, bias and head weights after one step, and the loss."""
    activation, rule, mixing_rate = RULES[name]
    dimension = 24
    task = Task(np.array([3]), np.array([1.0]), SIGNAL, target, 0.3 * (target == "scalar"))
    plain = build_model(task, activation)
    model = SharedModel(plain.sizes, plain, mixing_rate, rule.norm_bias)
    seed = np.random.SeedSequence(5)
    generator = np.random.Generator(np.random.SFC64(seed))
    state = direct.start(model, rule, BASES, None, dimension, seed, generator)
    before = state.vectors.copy()
    bias, weights, mixing = (array.copy() for array in state.numbers)
    same = np.random.Generator(np.random.SFC64(seed))
    direct.start(model, rule, BASES, None, dimension, seed, same)
    batch = list(drawn_sequences(plain, rule, state, dimension, same))
    direct.advance(model, rule, state, dimension, generator, 1)

    def loss(kappa, c, beta, u):
        """Written out for keys C κ."""
        keys = c.reshape(3, 2) @ kappa
        if rule.norm_bias:
            beta = -0.5 * (keys**2).sum(1) / dimension
        found = []
        for position, tokens, xi in batch:
            e = np.exp(keys @ tokens.T / np.sqrt(dimension) + beta[:, None])
            r = u @ (e / (activation.kappa + e.sum(1, keepdims=True))) - np.eye(3)[position]
            value = r @ (tokens @ state.directions[-1]) / np.sqrt(dimension) - 0.3 * xi
            found.append(value**2 if target == "scalar" else r @ r)
        return float(np.mean(found))

    at = (before, mixing, bias, weights)
    slope = differences(lambda k: loss(k, *at[1:]), before) + rule.weight_decay * before / dimension
    expected = before - rule.learning_rate * slope
    np.testing.assert_allclose(state.vectors, expected, rtol=0, atol=1e-8)
    step = rule.learning_rate / dimension
    slope = differences(lambda c: loss(before, c, bias, weights), mixing)
    expected = mixing - step * mixing_rate * slope
    np.testing.assert_allclose(state.numbers.mixing, expected, rtol=0, atol=1e-8)
    slope = differences(lambda u: loss(before, mixing, bias, u), weights)
    expected = weights - step * rule.head_weight_rate * slope
    np.testing.assert_allclose(state.numbers.head_weights, expected, rtol=0, atol=1e-8)
    if not rule.norm_bias:
        slope = differences(lambda b: loss(before, mixing, b, weights), bias)
        expected = bias - step * rule.bias_rate * slope
        np.testing.assert_allclose(state.numbers.bias, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("backend", "attention", "training"),
    [
        ("gram", WEIGHTED, {}),
        ("gram", {"head_weights": "importance"}, {"momentum": 0.3, "mixing_rate": 0.5}),
        ("direct", WEIGHTED, {}),
        ("direct", {}, {"constraint": "sphere", "learning_rate": 3.0}),
    ],
)
def test_theory_and_simulation_agree_with_noise_and_not_without(backend, attention, training):
    problem = table(
        attention,
        training={"duration": 3.0, "learning_rate": 2.0, "rule": "sgd", **training},
        simulation={"backend": backend, "replicas": 32},
        output={"points": 7},
        integrator={"rtol": 1e-9, "atol": 1e-11},  # lengths on spheres do not vary
    )
    problem["expectation"] = {"tolerance": 1e-6, "samples": 4096}
    verdicts = [
        op.validate(problem, dimensions=[100, 400], rule=rule, risks=False).verdict
        for rule in ("sgd", "gradient-flow")
    ]
    assert verdicts == ["agree", "disagree"]


def test_records_are_those_of_heads_and_bases():
    """m = C m^b, q = C q^b Cᵀ at all times; bases of a random start are drawn anew."""
    run = op.simulate(
        "shared-keys",
        settings={
            "training.duration": 2.0,
            "output.points": 3,
            "simulation": {"dimension": 50, "replicas": 2},
        },
    )
    mixing = run["mixing"]
    np.testing.assert_allclose(run["overlap"], mixing @ run["base_overlap"], rtol=0, atol=1e-12)
    square = mixing @ run["base_self_overlap"] @ np.swapaxes(mixing, -1, -2)
    np.testing.assert_allclose(run["self_overlap"], square, rtol=0, atol=1e-12)
    assert np.array_equal(mixing[0, 0], mixing[1, 0])
    assert not np.allclose(run["base_overlap"][0, 0], run["base_overlap"][1, 0])
