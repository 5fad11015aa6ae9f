"""Keys and values: risk, gradient and V, by quadrature and by sampling.

Oracles: sequences drawn with NumPy, differences of the risk, closed forms at K = 0, Wick's theorem
against plain sampling, and numbers that two grids and a Monte Carlo of 2·10⁶ agree on.
"""

import dataclasses

import numpy as np
import pytest

from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.task import Signal, Task
from orderparams.models.single_location.values import quadrature as module
from orderparams.models.single_location.values.engine import Tied
from orderparams.models.single_location.values.manifold import ManifoldQuadrature, Reflected
from orderparams.models.single_location.values.quadrature import FullQuadrature
from orderparams.models.single_location.values.sampling import ValueSampling
from orderparams.models.single_location.values.wick import WickSampling

SOFTMAX, SOFTMAX1 = Activation("softmax", False, 0.0), Activation("softmax-1", False, 1.0)
BAYES = Activation("bayes-softmax", True, 0.0)
MIXED = Signal(np.array([0.7, 0.3]), np.array([[2.0], [-1.0]]), np.array([[[0.0]], [[0.5]]]))
SPIKE = Signal(np.ones(1), np.array([[2.0]]), np.zeros((1, 1, 1)))
K = [[1.2, 0.3, 0.5, 0.0], [-0.4, -0.2, 0.3, 0.6]]
U = [[0.2, 0.9, 0.1, -0.3], [-0.1, 0.4, -0.2, 0.5]]
WEIGHTS = np.array([0.6, 0.5])
ALONG = {"rtol": 0, "atol": 2e-9}


def task(signal=MIXED, length=3, noise=0.4):
    return Task(np.array([length]), np.ones(1), signal, "scalar", noise)


def stacked(keys, values, known=2):
    """T = [M W] with as many residual columns as rows."""
    rows = np.vstack([keys, values]).astype(float)
    blank = np.zeros((len(rows), known + len(rows) - rows.shape[1]))
    return np.hstack([rows, blank])


def gradient(found, weights, known=2):
    """∂E/∂T of moments."""
    slopes = 2 * found.self_overlap_gradient @ weights
    slopes[:, :known] += found.overlap_gradient
    return slopes


def drawn_risk(weights, u, bias, activation, task, count, seed=0):
    """Mean loss of sequences drawn one by one, and its standard error."""
    generator = np.random.default_rng(seed)
    heads, signal = len(u), task.signal
    x = generator.standard_normal((count, int(task.lengths[0]), weights.shape[1]))
    chosen = generator.choice(len(signal.weights), count, p=signal.weights)
    spread = np.sqrt(signal.covariances[chosen, 0, 0])
    x[:, 0, 0] += signal.means[chosen, 0] + spread * generator.standard_normal(count)
    fields = np.einsum("nld,rd->nrl", x, weights)
    rates = np.exp(fields[:, :heads] + bias[:, None])
    total = rates.sum(axis=(1, 2) if activation.joint else 2, keepdims=True) + activation.kappa
    u = np.ones(heads) if activation.joint else u
    error = np.einsum("h,nhl,nhl->n", u, rates / total, fields[:, heads:]) - x[:, 0, 1]
    error += task.noise * generator.standard_normal(count)
    return (error**2).mean(), (error**2).std() / np.sqrt(count)


@pytest.mark.parametrize(
    ("activation", "risk", "keys"),
    [
        (SOFTMAX, 0.8349308583937, [-0.0388656084, 0.1231786210, 0.0489443694, -0.0403724142]),
        (SOFTMAX1, 0.834104133094, [-0.0508033440, 0.1186411915, 0.0457286899, -0.0403055711]),
    ],
    ids=["softmax", "softmax-1"],
)
def test_two_heads_anywhere(activation, risk, keys):
    weights, bias = stacked(K, U), np.zeros(2)
    found = FullQuadrature(task(), activation, 2, 1e-10).evaluate(weights, bias, WEIGHTS)
    assert found.risk == pytest.approx(risk, abs=1e-11)
    np.testing.assert_allclose(gradient(found, weights)[0, :4], keys, **ALONG)
    drawn, error = drawn_risk(weights, WEIGHTS, bias, activation, task(), 200_000)
    assert abs(found.risk - drawn) < 4 * error < 0.03


@pytest.mark.parametrize(
    ("keys", "values", "signal", "length", "noise", "kappa", "risk"),
    [
        ([1, 0.2, 0.5, 0], [0.3, 0.8, 0.1, 0.3], 2.0, 3, 0.2, 0.0, 0.838728661610),
        ([1, 0, 0.5, 0], [0, 0.8, 0, 0.3], 2.0, 3, 0.2, 0.0, 0.405190362066),
        ([2, 0.1, 0.5, 0], [0.1, 0.8, 0.1, 0.3], 4.0, 1000, 0.0, 0.0, 0.768372632323),
    ],
)
def test_one_head_anywhere(keys, values, signal, length, noise, kappa, risk):
    spike = Signal(np.ones(1), np.array([[signal]]), np.zeros((1, 1, 1)))
    engine = FullQuadrature(task(spike, length, noise), Activation("", False, kappa), 1, 1e-10)
    found = engine.evaluate(stacked([keys], [values]), np.zeros(1), np.ones(1))
    assert found.risk == pytest.approx(risk, abs=3e-11)
    assert found.error < 1e-10


@pytest.mark.parametrize("activation", [SOFTMAX, SOFTMAX1], ids=["softmax", "softmax-1"])
def test_gradients_are_differences_of_the_risk(activation):
    weights, bias, step = stacked(K, U), np.array([0.2, -0.3]), 1e-4
    engine = FullQuadrature(task(), activation, 2, 1e-12)

    def risk(weights, bias, u):
        return engine.risk(weights, bias, u).value

    found = engine.evaluate(weights, bias, WEIGHTS)
    generator = np.random.default_rng(1)
    for _ in range(2):
        by = generator.standard_normal(weights.shape)
        slope = risk(weights + step * by, bias, WEIGHTS) - risk(weights - step * by, bias, WEIGHTS)
        expected = (gradient(found, weights) * by).sum()
        assert slope / (2 * step) == pytest.approx(expected, abs=1e-6)
    by = generator.standard_normal(2)
    slope = risk(weights, bias + step * by, WEIGHTS) - risk(weights, bias - step * by, WEIGHTS)
    assert slope / (2 * step) == pytest.approx(found.bias_gradient @ by, abs=1e-7)
    slope = risk(weights, bias, WEIGHTS + step * by) - risk(weights, bias, WEIGHTS - step * by)
    assert slope / (2 * step) == pytest.approx(found.head_weight_gradient @ by, abs=1e-7)


def test_where_the_series_is_too_long_the_common_part_is_at_nodes(monkeypatch):
    weights, bias = stacked(K, U), np.zeros(2)
    engine = FullQuadrature(task(), SOFTMAX1, 2, 1e-9)
    series = engine.evaluate(weights, bias, WEIGHTS)
    law_of, kinds = module.joint_law, []

    def unserialised(law, grids, depth, *rest):
        found = law_of(law, grids, depth._replace(terms=0 * depth.terms), *rest)
        kinds.append(type(found).__name__)
        return found

    monkeypatch.setattr(module, "joint_law", unserialised)
    split = engine.evaluate(weights, bias, WEIGHTS)
    assert split.risk == pytest.approx(series.risk, abs=1e-9)
    np.testing.assert_allclose(gradient(split, weights), gradient(series, weights), atol=1e-8)
    assert set(kinds) == {"Shared"}


def test_large_heads_that_are_nearly_one():
    weights = stacked([[3.0, 0.1, 2.0, 0.0], [3.1, 0.1, 2.0, 0.1]], U)
    found = FullQuadrature(task(), SOFTMAX, 2, 1e-8).evaluate(weights, np.zeros(2), WEIGHTS)
    drawn, error = drawn_risk(weights, WEIGHTS, np.zeros(2), SOFTMAX, task(), 200_000)
    assert abs(found.risk - drawn) < 4 * error
    assert found.error < 2e-8


def test_closed_forms_where_keys_vanish():
    """E = 1 + Δ² − (2/L) w·e_v* + |w|²/L + wᵀE[θθᵀ]w/L² with w = Σ u_h U_h."""
    values, length = np.array(U), 3
    weights = stacked(np.zeros((2, 4)), values)
    found = FullQuadrature(task(), SOFTMAX, 2, 1e-11).evaluate(weights, np.zeros(2), WEIGHTS)
    mean, second = np.zeros(4), np.zeros((4, 4))
    mean[0], second[0, 0] = 0.7 * 2 - 0.3, 0.7 * 4 + 0.3 * 1.5
    third = 0.7 * 8 - 0.3 * (1 + 3 * 0.5)
    unit, w = np.array([0.0, 1.0, 0.0, 0.0]), WEIGHTS @ values
    risk = 1.16 - 2 / length * w[1] + w @ w / length + w @ second @ w / length**2
    assert found.risk == pytest.approx(risk, abs=1e-10)
    slopes = gradient(found, weights)[:, :4]
    of_values = np.outer(2 * WEIGHTS / length, w + second @ w / length - unit)
    np.testing.assert_allclose(slopes[2:], of_values, atol=1e-10)
    for h in range(2):
        along = values[h] @ mean * unit + values[h, 1] * mean - w @ mean * values[h]
        along[0] -= third * w[0] * values[h, 0] / length
        expected = -2 * WEIGHTS[h] / length * (1 - 1 / length) * along
        np.testing.assert_allclose(slopes[h], expected, atol=1e-10)


def even():
    """Two heads on the manifold."""
    keys = [[1.2, 0, 0.5, 0.2, 0, 0], [-0.4, 0, 0.3, 0.6, 0, 0]]
    values = [[0, 0.9, 0, 0, 0.3, 0], [0, 0.6, 0, 0, -0.2, 0.4]]
    return stacked(keys, values)


@pytest.mark.parametrize("activation", [SOFTMAX, SOFTMAX1], ids=["softmax", "softmax-1"])
def test_on_the_manifold_values_weigh_heads(activation):
    weights, bias = even(), np.array([0.1, -0.2])
    full = FullQuadrature(task(), activation, 2, 1e-10).evaluate(weights, bias, WEIGHTS)
    small = ManifoldQuadrature(task(), activation, 2, 1e-10).evaluate(weights, bias, WEIGHTS)
    assert small.risk == pytest.approx(full.risk, abs=1e-10)
    np.testing.assert_allclose(gradient(small, weights), gradient(full, weights), atol=1e-9)
    for name in ("bias_gradient", "head_weight_gradient"):
        np.testing.assert_allclose(getattr(small, name), getattr(full, name), atol=1e-9)
    crosses = gradient(full, weights)[:2, 1], gradient(full, weights)[2:, 0]
    np.testing.assert_allclose(crosses, 0, atol=1e-12)


@pytest.mark.parametrize("activation", [SOFTMAX1, BAYES], ids=["softmax-1", "bayes-softmax"])
def test_noise_by_wick_is_that_of_sampled_values(activation):
    weights, bias = even(), np.array([0.1, -0.2])
    keys = {"samples": 8192, "seed": 1}
    sampled = ValueSampling(task(), activation, 2, covariance=True, **keys)
    some = Reflected(sampled, 2).evaluate(weights, bias, WEIGHTS, gradient_covariance=True)
    wick = WickSampling(task(), activation, 2, **keys)
    found = wick.evaluate(weights, bias, WEIGHTS, gradient_covariance=True)
    off = np.abs(found.gradient_covariance - some.gradient_covariance).max()
    assert off < 1.5 * some.gradient_covariance_error
    assert found.gradient_covariance_error < some.gradient_covariance_error
    assert abs(found.risk + 0 - some.risk) < 1.5 * some.error


@pytest.mark.parametrize(
    "activation", [SOFTMAX, SOFTMAX1, BAYES], ids=["softmax", "softmax-1", "bayes-softmax"]
)
def test_sampling_anywhere(activation):
    weights, bias = stacked(K, U), np.array([0.2, -0.1])
    engine = ValueSampling(task(), activation, 2, samples=8192, seed=3)
    found = engine.evaluate(weights, bias, WEIGHTS, gradient_covariance=True)
    assert engine.risk(weights, bias, WEIGHTS).value == found.risk
    if not activation.joint:
        exact = FullQuadrature(task(), activation, 2, 1e-9).evaluate(weights, bias, WEIGHTS)
        off = np.abs(gradient(found, weights) - gradient(exact, weights)).max()
        assert max(off, abs(found.risk - exact.risk)) < 2 * found.error
        assert np.abs(found.bias_gradient - exact.bias_gradient).max() < found.error
        return
    drawn, error = drawn_risk(weights, WEIGHTS, bias, activation, task(), 200_000)
    assert abs(found.risk - drawn) < 4 * error + found.error
    step, by = 1e-4, np.random.default_rng(2).standard_normal(weights.shape)
    risks = [engine.risk(weights + s * by, bias, WEIGHTS).value for s in (step, -step)]
    along = (gradient(found, weights) * by).sum()
    assert (risks[0] - risks[1]) / (2 * step) == pytest.approx(along, abs=0.05)


def test_few_nodes_say_that_the_tail_of_the_noise_is_heavy():
    weights, bias = stacked(K, U), np.zeros(2)

    def noise(samples, seed):
        engine = ValueSampling(task(), SOFTMAX, 2, samples=samples, seed=seed)
        found = engine.evaluate(weights, bias, WEIGHTS, gradient_covariance=True)
        return found.gradient_covariance, found.gradient_covariance_error

    many, _ = noise(2**15, 0)
    for seed in range(4):
        few, error = noise(256, seed)
        assert np.abs(few - many).max() < error


def test_bayes_softmax_on_the_manifold():
    keys = [[1.2, 0, 0.5, 0.2], [-0.4, 0, 0.3, 0.6]]
    q = np.array([[1.0, 0.4], [0.4, 0.7]])
    alignment = np.array([0.9, 0.6])
    rest = np.linalg.cholesky(q - np.outer(alignment, alignment))
    weights = np.zeros((4, 6))
    weights[:2, :4], weights[2:, 1], weights[2:, 4:] = keys, alignment, rest
    bias = -0.5 * (weights[:2] ** 2).sum(axis=1)
    engine = WickSampling(task(SPIKE, noise=0.0), BAYES, 2, samples=2**15, seed=0)
    found = engine.risk(weights, bias, np.ones(2))
    assert abs(found.value - 0.444899206613) < found.error < 2e-3


def test_tied_values_are_keys():
    engine = Tied(FullQuadrature(task(SPIKE, noise=0.0), SOFTMAX, 1, 1e-10))
    weights = np.array([[0.8, 0.6, 0.3]])
    found = engine.evaluate(weights, np.zeros(1), np.ones(1))
    assert found.risk == pytest.approx(3.020929152383, abs=1e-9)
    step, by = 1e-4, np.array([[0.3, -0.5, 0.7]])
    risks = [engine.risk(weights + s * by, np.zeros(1), np.ones(1)).value for s in (step, -step)]
    slope = (gradient(found, weights) * by).sum()
    assert (risks[0] - risks[1]) / (2 * step) == pytest.approx(slope, abs=1e-6)


def test_lengths_are_averaged():
    weights, bias = stacked(K, U), np.zeros(2)
    both = dataclasses.replace(
        task(), lengths=np.array([2, 5]), length_weights=np.array([0.4, 0.6])
    )
    found = FullQuadrature(both, SOFTMAX1, 2, 1e-9).evaluate(weights, bias, WEIGHTS)
    apart = [
        FullQuadrature(task(length=length), SOFTMAX1, 2, 1e-9).risk(weights, bias, WEIGHTS).value
        for length in (2, 5)
    ]
    assert found.risk == pytest.approx(0.4 * apart[0] + 0.6 * apart[1], abs=1e-8)
