"""Example sequences: their attention has the definition and the law of the theory."""

from dataclasses import replace

import numpy as np
import pytest

import orderparams as op
from orderparams.errors import ConfigurationError
from orderparams.models.interface import model_of
from orderparams.models.single_location import attention, examples
from orderparams.models.single_location.setup import build

OVERLAP = np.array([[1.5, 0.2], [-0.3, 1.0], [1.4, -0.6]])
RESIDUAL = np.array([[0.3, 0.0, 0.0], [0.1, 0.5, 0.0], [0.0, 0.1, 0.8]])
START = {
    "kind": "explicit",
    "overlap": OVERLAP.tolist(),
    "self_overlap": (OVERLAP @ OVERLAP.T + RESIDUAL @ RESIDUAL.T).tolist(),
}
START_STATE = {name: np.array(START[name]) for name in ("overlap", "self_overlap")}
ACTIVATIONS = ["softmax", "softmax-1", "bayes-softmax"]


def problem(activation, length=4):
    return op.load(
        {
            "task": {
                "length": length,
                "signal": {"kind": "gaussian", "mean": [1.0, 0.5], "variances": [2.0, 1.0]},
            },
            "attention": {"heads": 3, "activation": activation},
            "expectation": {"tolerance": 1e-6},
            "initial": START,
        }
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("shift", [0.0, -900.0, 900.0])
def test_shares_are_those_of_the_kernel(activation, shift):
    """Oracle: the kernel of SGD, by its own Python."""
    setup = build(problem(activation))
    kind, heads = setup.activation, setup.start
    logits = 3 * np.random.default_rng(1).standard_normal((3, 5)) + shift
    shares, layer = np.empty((3, 5)), np.empty(5)
    attention.attend.py_func(
        logits, heads.bias, heads.head_weights, kind.kappa, kind.joint, shares, layer
    )
    found = examples.shares_of(kind, logits + heads.bias[:, None])
    np.testing.assert_allclose(found, shares, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_examples_have_the_law_of_the_order_parameters(activation, monkeypatch):
    """Oracle: the population risk by quadrature, E Σ r², from the attention of many sequences."""
    monkeypatch.setattr(examples, "EXAMPLES", 3000)
    given = problem(activation)
    (found,) = model_of(given).examples(given, [START_STATE])
    marked = np.array([np.arange(4) == one.informative for one in found])
    losses = ((np.array([one.attention for one in found]) - marked) ** 2).sum(axis=1)
    error = losses.std() / len(losses) ** 0.5
    assert losses.mean() == pytest.approx(op.evaluate(given).risk, abs=4 * error)
    assert error < 0.02
    signals = np.array([one.signal for one in found])
    np.testing.assert_allclose(signals.mean(0), [1.0, 0.5], atol=0.1)
    np.testing.assert_allclose(np.cov(signals.T), np.diag([2.0, 1.0]), atol=0.2)


def test_sequences_are_the_same_before_and_after():
    given = problem("softmax")
    blind = {"overlap": 0 * OVERLAP, "self_overlap": np.zeros((3, 3))}
    before, again, after = model_of(given).examples(given, [START_STATE, START_STATE, blind])
    assert len(before) == examples.EXAMPLES
    for one, same, other in zip(before, again, after, strict=True):
        np.testing.assert_array_equal(one.shares, same.shares)
        np.testing.assert_array_equal(one.signal, other.signal)
        assert one.informative == other.informative
        np.testing.assert_allclose(other.attention, 0.25)
    assert len({tuple(one.signal) for one in before}) == len(before)


def test_of_long_sequences_the_rest_is_summed_up():
    given = problem("softmax", 40)
    for one in model_of(given).examples(given, [START_STATE])[0]:
        assert one.shares.shape == (3, examples.SHOWN)
        assert one.others == 40 - examples.SHOWN
        assert one.informative < examples.SHOWN
        np.testing.assert_allclose(one.shares.sum(axis=1) + one.other_shares, 1.0)
        assert one.attention.sum() + one.other_attention == pytest.approx(1.0)


def test_lengths_follow_their_law():
    task = build(problem("softmax", {"values": [2, 5], "weights": [1, 3]})).task
    drawn = examples.draw(task, 3, np.random.default_rng(0))
    lengths = [len(next(drawn).tokens) for _ in range(400)]
    assert set(lengths) == {2, 5}
    assert lengths.count(5) == pytest.approx(300, abs=35)


def test_what_is_too_long_is_refused():
    given = problem("softmax", 10**6)
    with pytest.raises(ConfigurationError, match=r"task.length = 1000000: .* up to 100000"):
        model_of(given).examples(given, [START_STATE])


def test_what_is_learned_beside_the_vectors_counts():
    """The layer's attention is that of the head weights at the state."""
    given = problem("softmax-1")
    given = replace(given, attention=replace(given.attention, head_weights="learned"))
    weights = np.array([0.5, 0.0, -2.0])
    ((one, *_),) = model_of(given).examples(given, [START_STATE | {"head_weight": weights}])
    np.testing.assert_allclose(one.attention, weights @ one.shares)
