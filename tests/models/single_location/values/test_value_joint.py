"""Bayes-softmax with learned values on the manifold, by quadrature.

Oracles: numbers that two grids agree on, the engine of known values, differences of the risk, a
Monte Carlo over logits in NumPy, and the flow by sampling.
"""

import numpy as np
import pytest

import orderparams as op
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.engines import joint
from orderparams.models.single_location.engines.joint import JointQuadrature
from orderparams.models.single_location.task import Signal, Task
from orderparams.models.single_location.values import joint as module
from orderparams.models.single_location.values.joint import JointManifold

SPIKE = Signal(np.ones(1), np.array([[2.0]]), np.zeros((1, 1, 1)))
MIXED = Signal(
    np.array([0.4, 0.6]),
    np.array([[1.5, 0.2], [-0.5, 1.8]]),
    np.array([np.zeros((2, 2)), np.diag([0.4, 0.1])]),
)


def task(signal=MIXED, length=4, noise=0.3):
    return Task(np.array([length]), np.ones(1), signal, "scalar", noise)


def engine(of, heads, kappa=0.0, tolerance=1e-10):
    return JointManifold(of, Activation("bayes-softmax", True, kappa), heads, tolerance=tolerance)


def stacked(keys, alignment, residual, features):
    """T = [M W] of keys (H, F+H) and of values with these parts."""
    heads = len(keys)
    weights = np.zeros((2 * heads, features + 1 + 2 * heads))
    weights[:heads, :features] = keys[:, :features]
    weights[:heads, features + 1 : features + 1 + heads] = keys[:, features:]
    weights[heads:, features] = alignment
    weights[heads:, features + 1 + heads :] = residual
    return weights


def some_heads(heads, seed=0):
    """Keys, alignments and residuals of values, and biases without any symmetry."""
    rng = np.random.default_rng(seed)
    keys = rng.standard_normal((heads, 2 + heads)) * np.r_[1, 1, [0.5] * heads]
    residual = 0.7 * rng.standard_normal((heads, heads))
    return keys, rng.standard_normal(heads), residual, 0.3 * rng.standard_normal(heads)


def test_two_heads_in_numbers():
    keys = np.array([[1.2, 0.5, 0.2], [-0.4, 0.3, 0.6]])
    q, alignment = np.array([[1.0, 0.4], [0.4, 0.7]]), np.array([0.9, 0.6])
    rest = np.linalg.cholesky(q - np.outer(alignment, alignment))
    weights, bias = stacked(keys, alignment, rest, 1), -0.5 * (keys**2).sum(axis=1)
    two = engine(task(SPIKE, 3, 0.0), 2)
    found = two.evaluate(weights, bias, np.ones(2))
    assert found.risk == pytest.approx(0.444899206613, abs=1e-11)
    assert found.engine == "quadrature"
    attended = found.overlap_gradient[2:, 1] / -2
    np.testing.assert_allclose(attended, [0.533913526286, 0.056294726925], rtol=0, atol=1e-11)
    pairs = [[0.402239542123, 0.040388375165], [0.040388375165, 0.055638548547]]
    np.testing.assert_allclose(found.self_overlap_gradient[2:, 2:], pairs, rtol=0, atol=1e-11)
    assert abs(two.risk(weights, bias, np.ones(2)).value - found.risk) < 1e-12


@pytest.mark.parametrize(("heads", "kappa"), [(1, 1.0), (2, 0.0), (3, 0.5)])
def test_values_that_are_all_the_target_are_known(heads, kappa):
    keys, _, _, bias = some_heads(heads)
    of = Task(np.array([3, 6]), np.array([0.3, 0.7]), MIXED, "scalar", 0.3)
    weights = stacked(keys, np.ones(heads), np.zeros((heads, heads)), 2)
    found = engine(of, heads, kappa).evaluate(weights, bias, np.ones(heads))
    activation = Activation("bayes-softmax", True, kappa)
    known = JointQuadrature(of, activation, heads, tolerance=1e-10).evaluate(
        keys, bias, np.ones(heads)
    )
    assert found.risk == pytest.approx(known.risk, abs=1e-12)
    near = {"rtol": 0, "atol": 1e-12}
    np.testing.assert_allclose(found.overlap_gradient[:heads, :2], known.overlap_gradient, **near)
    gamma = found.self_overlap_gradient[:heads, :heads]
    np.testing.assert_allclose(gamma, known.self_overlap_gradient, **near)
    np.testing.assert_allclose(found.bias_gradient, known.bias_gradient, **near)


@pytest.mark.parametrize(("length", "kappa"), [(1, 0.4), (4, 0.0), (1000, 0.7)])
def test_gradients_are_differences_of_the_risk(length, kappa):
    heads, step = 3, 5e-4
    keys, alignment, residual, bias = some_heads(heads, length)
    weights = stacked(keys, alignment, residual, 2)
    some = engine(task(length=length), heads, kappa, 1e-12)
    found = some.evaluate(weights, bias, np.ones(heads))
    slopes = 2 * found.self_overlap_gradient @ weights
    slopes[:, :3] += found.overlap_gradient
    free = stacked(np.ones((heads, 2 + heads)), 1, np.ones((heads, heads)), 2)
    rng = np.random.default_rng(5)
    for _ in range(2):
        by, by_bias = free * rng.standard_normal(free.shape), rng.standard_normal(heads)

        def risk(s, by=by, by_bias=by_bias):
            return some.risk(weights + s * by, bias + s * by_bias, np.ones(heads)).value

        numeric = 8 * (risk(step) - risk(-step)) - (risk(2 * step) - risk(-2 * step))
        along = (slopes * by).sum() + found.bias_gradient @ by_bias
        assert numeric / (12 * step) == pytest.approx(along, abs=2e-9)


def test_sequences_drawn_one_by_one():
    """Given the shares p of all tokens, E[e²] = 1 + Δ² − 2 Σ_h m^v_h p_hε + Σ_ℓ p_ℓᵀ q^v p_ℓ."""
    heads, length, count = 2, 4, 200_000
    keys, alignment, residual, bias = some_heads(heads, 3)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((count, length, 2 + heads))
    chosen = rng.choice(2, count, p=MIXED.weights)
    spread = np.sqrt(MIXED.covariances[chosen].diagonal(axis1=1, axis2=2))
    x[:, 0, :2] += MIXED.means[chosen] + spread * rng.standard_normal((count, 2))
    rates = np.exp(x @ keys.T + bias)
    p = rates / (0.5 + rates.sum(axis=(1, 2), keepdims=True))
    q = np.outer(alignment, alignment) + residual @ residual.T
    losses = 1.09 - 2 * p[:, 0] @ alignment + np.einsum("nlh,hg,nlg->n", p, q, p)
    weights = stacked(keys, alignment, residual, 2)
    found = engine(task(), heads, 0.5).evaluate(weights, bias, np.ones(heads))
    assert abs(found.risk - losses.mean()) < 4 * losses.std() / count**0.5 < 0.02


def test_heads_in_another_order_have_the_same_bits():
    heads, order = 3, np.array([2, 0, 1])
    keys, alignment, residual, bias = some_heads(heads)
    keys[1], bias[1] = keys[0], bias[0]  # values alone tell them apart
    weights, rows = stacked(keys, alignment, residual, 2), np.append(order, heads + order)
    some = engine(task(), heads)
    one = some.evaluate(weights, bias, np.ones(heads))
    other = some.evaluate(weights[rows], bias[order], np.ones(heads))
    assert other.risk == one.risk
    np.testing.assert_array_equal(other.overlap_gradient, one.overlap_gradient[rows])
    expected = one.self_overlap_gradient[np.ix_(rows, rows)]
    np.testing.assert_array_equal(other.self_overlap_gradient, expected)


@pytest.mark.parametrize("heads", [1, 2, 3])
def test_errors_are_within_what_is_said(heads, monkeypatch):
    """On grids of several levels, and where random nodes have to do."""
    keys, alignment, residual, bias = some_heads(heads, 10 + heads)
    weights = stacked(keys, 3 * alignment, residual, 2)
    exact = engine(task(), heads, 0.1, 1e-12).evaluate(weights, bias, np.ones(heads))

    def error(found):
        overlap = np.abs(found.overlap_gradient - exact.overlap_gradient).max()
        gamma = np.abs(found.self_overlap_gradient - exact.self_overlap_gradient).max()
        return max(abs(found.risk - exact.risk), overlap, gamma)

    for tolerance in (1e-3, 1e-5, 1e-7):
        found = engine(task(), heads, 0.1, tolerance).evaluate(weights, bias, np.ones(heads))
        assert error(found) < found.error < tolerance
    monkeypatch.setattr(joint, "LARGEST_GRID", 0)
    found = engine(task(), heads, 0.1).evaluate(weights, bias, np.ones(heads))
    if heads > 1:  # one head shares all of its logit: there is nothing to lay a grid for
        assert found.engine == "quasi-Monte Carlo"
        assert error(found) < found.error < 0.02


def test_errors_grow_with_values_and_with_what_a_check_misses(monkeypatch):
    keys, _, _, bias = some_heads(2)
    weights = [stacked(keys, [size, 0.0], np.zeros((2, 2)), 2) for size in (1, 10)]
    some = engine(task(), 2, tolerance=1e-15)  # out of reach: both are at the finest level

    def errors():
        return np.array([some.evaluate(of, bias, np.ones(2)).error for of in weights])

    small, large = errors()
    assert large == pytest.approx(100 * small)
    assert some.risk(weights[1], bias, np.ones(2)).error == pytest.approx(large)
    monkeypatch.setattr(module, "missing_share", lambda *_: 1e-6)
    small, large = errors()
    assert large == pytest.approx(100 * small)
    assert small > 1e-6


RUN = {
    "task": {
        "length": 3,
        "target": "scalar",
        "noise": 0.2,
        "signal": {"kind": "spikes", "strengths": [4.0]},
    },
    "attention": {"heads": 2, "activation": "bayes-softmax", "value": "learned"},
    "training": {"duration": 3.0, "value_rate": 0.5},
    "initial": {
        "kind": "explicit",
        "overlap": [[0.3], [0.1]],
        "self_overlap": [[0.3, 0.0], [0.0, 0.2]],
        "value_alignment": [0.3, -0.2],
        "value_self_overlap": [[0.2, 0.0], [0.0, 0.3]],
    },
    "output": {"points": 4},
}


def test_a_run_is_that_of_sampling():
    run = op.solve(RUN, settings={"expectation.engine": "quadrature"})
    assert run.engine == "quadrature"
    assert set(run) == {"overlap", "self_overlap", "value_alignment", "value_self_overlap"}
    sampled = op.solve(RUN, settings={"expectation.engine": "sampling"})
    for name in run:
        np.testing.assert_allclose(run[name], sampled[name], rtol=0, atol=1e-2)
    np.testing.assert_allclose(run.risk, sampled.risk, rtol=0, atol=2e-3)
    assert (np.diff(run.risk) < 0).all()


def test_values_at_the_target_start_like_known_ones():
    at_target = {"initial.value_alignment": [1, 1], "initial.value_self_overlap": [[1, 1], [1, 1]]}
    learned = op.evaluate(RUN, settings=at_target)
    keys = {name: RUN["initial"][name] for name in ("kind", "overlap", "self_overlap")}
    attention = {"heads": 2, "activation": "bayes-softmax"}
    known = op.evaluate({**RUN, "initial": keys, "attention": attention, "training": {}})
    assert learned.risk == pytest.approx(known.risk, abs=1e-11)
    for name in ("overlap", "self_overlap"):
        np.testing.assert_allclose(learned.velocity[name], known.velocity[name], atol=1e-10)


def test_where_keys_and_values_have_overlaps_is_sampled():
    crossed = {"initial.key_target_overlap": [0.1, 0.0]}
    assert op.evaluate(RUN, settings=crossed).engine == "sampling"
    with pytest.raises(op.ConfigurationError, match="and keys and values have overlaps"):
        op.evaluate(RUN, settings=crossed | {"expectation.engine": "quadrature"})


@pytest.mark.filterwarnings("ignore")
def test_sgd_follows_the_theory():
    own = {"training.rule": "sgd", "training.learning_rate": 2.0, "simulation.dimension": 300,
           "simulation.replicas": 96}  # fmt: skip
    theory = op.solve(RUN, settings=own)
    assert theory.engine == "quadrature, sampling of logits for V"
    run = op.simulate(RUN, settings=own)
    for name in theory:
        error = run[name][:, -1].std(0, ddof=1) / 96**0.5
        assert (np.abs(run[name][:, -1].mean(0) - theory[name][-1]) < 4.5 * error).all()
