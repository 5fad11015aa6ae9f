"""Oracle: central differences of the loss of the very sequences that a step drew."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from simulation_cases import CASES, Case, ensemble
from simulation_oracles import differences, drawn_sequences

from orderparams.errors import ConfigurationError
from orderparams.models.committee.sgd import Rule
from orderparams.models.single_location import sgd as sequence
from orderparams.models.vectors import direct
from orderparams.models.vectors.step import PLAIN, Step

Array = NDArray[np.float64]


def attention(case: Case, tokens: Array, k: Array, bias: Array, head_weights: Array) -> Array:
    """a (L,) of theory 2, written out."""
    e = np.exp(k @ tokens.T / np.sqrt(k.shape[1]) + bias[:, None])
    if case.activation.joint:
        return e.sum(0) / (case.activation.kappa + e.sum())
    return head_weights @ (e / (case.activation.kappa + e.sum(1, keepdims=True)))


@pytest.mark.parametrize(
    ("name", "dimension"), [*((name, 24) for name in CASES), ("softmax", 171), ("softmax", 256)]
)
def test_step_descends_the_gradient_of_the_loss(name: str, dimension: int):
    """Heads, bias and head weights after one step; the loss that is recorded.

    Also of tokens that take one number more than whole rounds of the generator, or whole rounds.
    """
    case = CASES[name]
    model, rule = sequence.build_model(case.task, case.activation), case.rule
    seed = np.random.SeedSequence(5)
    generator = np.random.Generator(np.random.SFC64(seed))
    start = (model, rule, case.heads, case.variance, dimension, seed)
    state = direct.start(*start, generator)
    k = state.vectors.copy()
    bias, head_weights = (array.copy() for array in state.numbers)

    same = np.random.Generator(np.random.SFC64(seed))
    direct.start(*start, same)
    batch = list(drawn_sequences(model, rule, state, dimension, same))
    direct.advance(model, rule, state, dimension, generator, 1)

    def residuals(k: Array, bias: Array, head_weights: Array) -> list[Array]:
        if rule.norm_bias:
            bias = -0.5 * (k**2).sum(1) / dimension
        return [
            attention(case, tokens, k, bias, head_weights) - np.eye(len(tokens))[position]
            for position, tokens, _ in batch
        ]

    def errors(k: Array, bias: Array, head_weights: Array) -> list[float]:
        value = state.directions[-1] / np.sqrt(dimension)
        pairs = zip(batch, residuals(k, bias, head_weights), strict=True)
        return [r @ (x @ value) - case.noise * noise for (_, x, noise), r in pairs]

    def loss(k: Array, bias: Array, head_weights: Array) -> float:
        """Mean over the batch of Σ r² (token), or of the squared error."""
        if model.scalar:
            return float(np.mean(np.square(errors(k, bias, head_weights))))
        return float(np.mean([r @ r for r in residuals(k, bias, head_weights)]))

    gradient = differences(lambda k: loss(k, bias, head_weights), k)
    decay = rule.weight_decay / dimension
    np.testing.assert_allclose(
        state.vectors, k - rule.learning_rate * (gradient + decay * k), rtol=0, atol=1e-8
    )
    time_step = rule.learning_rate / dimension
    slope = differences(lambda bias: loss(k, bias, head_weights), bias)
    if rule.norm_bias:
        expected = -0.5 * (state.vectors**2).sum(1) / dimension
    else:
        expected = bias - time_step * rule.bias_rate * slope
    np.testing.assert_allclose(state.numbers.bias, expected, rtol=0, atol=1e-8)
    slope = differences(lambda u: loss(k, bias, u), head_weights)
    expected = head_weights - time_step * rule.head_weight_rate * slope
    np.testing.assert_allclose(state.numbers.head_weights, expected, rtol=0, atol=1e-8)

    measured = loss(k, bias, head_weights)
    if not model.scalar:  # ‖y − f(X)‖²/D itself, not its limit
        pairs = zip(batch, residuals(k, bias, head_weights), strict=True)
        measured = np.mean([((r @ x) ** 2).sum() / dimension for (_, x, _), r in pairs])
    np.testing.assert_allclose(state.loss, measured, rtol=1e-12)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_start_realises_the_overlaps(case: Case):
    """Directions orthogonal with squares D; m and q to rounding, for heads that are given."""
    model = sequence.build_model(case.task, case.activation)
    seed = np.random.SeedSequence(0)
    generator = np.random.Generator(np.random.SFC64(seed))
    state = direct.start(model, case.rule, case.heads, None, 40, seed, generator)
    gram = state.directions @ state.directions.T
    np.testing.assert_allclose(gram, 40 * np.eye(model.sizes.directions), atol=1e-12)
    overlap, self_overlap = direct.measure(state, model.features)
    np.testing.assert_allclose(overlap, case.heads.overlap, atol=1e-14)
    np.testing.assert_allclose(self_overlap, case.heads.self_overlap, atol=1e-14)
    if model.scalar:
        np.testing.assert_allclose(state.vectors @ state.directions[-1], 0.0, atol=1e-12)


def test_a_rule_by_itself_is_a_step_down_the_gradient_of_one_sequence():
    """No decay, nothing learned but the vectors."""
    assert sequence.UpdateRule(1.5) == (1.5, 1, 0.0, False, 0.0, 0.0, (0.0, 0.0, 0.0))
    assert Rule(1.5) == (1.5, 1, 0.0, 0.0)


def test_dimension_must_hold_directions_and_heads():
    case = CASES["softmax"]
    options = {"time": [0.0], "replicas": 1, "seed": 0, "backend": "direct"}
    ensemble(case, dimension=4, **options)
    with pytest.raises(ConfigurationError, match=r"simulation\.dimension = 3 .* at least 4"):
        ensemble(case, dimension=3, **options)


@pytest.mark.parametrize("name", ["momentum, norm bias", "two lengths, all learned"])
def test_a_step_with_momentum_repeats_a_part_of_the_last(name: str):
    """Two plain steps from the same draws are the oracle: k₂ = k₁ + Δ(k₁) + μ(k₁ − k₀)."""
    case, dimension = CASES[name], 24
    model = sequence.build_model(case.task, case.activation)
    ways = []
    for step in (PLAIN, Step(keep=0.6)):
        generator = np.random.Generator(np.random.SFC64(3))
        begin = (model, case.rule, case.heads, None, dimension, np.random.SeedSequence(5))
        state = direct.start(*begin, generator, step)
        course = [(state.vectors.copy(), *(values.copy() for values in state.numbers))]
        for _ in range(2):
            direct.advance(model, case.rule, state, dimension, generator, 1, step)
            course.append((state.vectors.copy(), *(values.copy() for values in state.numbers)))
        ways.append(course)
    (before, once, twice), (_, first, second) = ways
    for k0, k1, k2, own1, own2 in zip(before, once, twice, first, second, strict=True):
        np.testing.assert_allclose(own1, k1, rtol=0, atol=1e-12)
        if not (case.rule.norm_bias and k0 is before[1]):  # a bias that follows from the vectors
            np.testing.assert_allclose(own2, k2 + 0.6 * (k1 - k0), rtol=0, atol=1e-12)
