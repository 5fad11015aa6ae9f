"""The mass that heads put on nothing."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import orderparams as op
from orderparams.expectations.laws import Lengths, Mixture
from orderparams.expectations.separate.integrals import Integrals

SIGNAL = Mixture(
    np.array([0.5, 0.5]),
    np.array([[1.5, 0.0], [0.0, 2.0]]),
    np.array([np.zeros((2, 2)), np.diag([0.3, 0.0])]),
)
WEIGHTS = np.array([[1.0, 0.2, 0.4, 0.0], [-0.3, 0.9, 0.0, 0.5]])
SELF = WEIGHTS @ WEIGHTS.T
NORM = -0.5 * np.diag(SELF)


def lengths(*values):
    return Lengths(np.array(values) - 1, np.full(len(values), 1 / len(values)))


def left(kappa, law, bias=NORM, tolerance=1e-10, scale=1.0):
    integrals = Integrals(SIGNAL, law, kappa, tolerance)
    return integrals.nothing(scale * WEIGHTS[:, :2], scale**2 * SELF, bias)


def test_numbers_of_another_program():
    expected = [[0.168566704875, 0.266834715953], [0.230120486760, 0.147540785295]]
    assert_allclose(left(1.0, lengths(4)), expected, atol=1e-11)


@pytest.mark.parametrize("kappa", [0.3, 5.0])
def test_sequences_drawn(kappa):
    """Oracle: κ/Z of sequences of random length."""
    drawn, count = np.random.default_rng(3), 200_000
    found = left(kappa, lengths(2, 5))
    for c in range(2):
        tokens = drawn.standard_normal((count, 5, 4))
        theta = SIGNAL.means[c] + drawn.standard_normal((count, 2)) * np.sqrt(
            np.diag(SIGNAL.covariances[c])
        )
        tokens[:, 0, :2] += theta
        scores = np.exp(tokens @ WEIGHTS.T + NORM)
        scores[: count // 2, 2:] = 0
        share = kappa / (kappa + scores.sum(1))
        assert (np.abs(share.mean(0) - found[c]) < 4 * share.std(0) / count**0.5).all()


def test_zero_heads_and_dead_ones():
    """Theory: κ/(κ + L e^β) without scores; all where the bias is low."""
    assert_allclose(left(2.0, lengths(4), np.zeros(2), scale=0.0), 2 / (2 + 4), atol=1e-12)
    assert_allclose(left(1.0, lengths(4), np.full(2, -60.0)), 1, atol=1e-12)


@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0])
def test_a_tolerance_is_kept(scale):
    """Oracle: a finer rule."""
    rough, fine = (left(1.0, lengths(1000), scale=scale, tolerance=t) for t in (1e-6, 1e-12))
    assert_allclose(rough, fine, atol=1e-7)
    assert ((fine > 0) & (fine < 1)).all()


def test_what_a_run_says():
    """By component it averages to the whole; softmax has none of it."""
    found = op.evaluate("softmax-1")
    weights = np.full(4, 0.25)
    assert_allclose(found["nothing"], found["nothing_by_component"] @ weights, rtol=1e-12)
    assert "nothing" not in op.evaluate("two-stage").observables
    joint = op.evaluate("bayes-softmax", settings={"attention.kappa": 1.0})
    assert "nothing" not in joint.observables


def test_beyond_quadrature_it_is_not_known():
    """Sampling goes on where logits are too broad."""
    settings = {
        "expectation": {"engine": "sampling", "samples": 1024},
        "initial": {"kind": "explicit", "overlap": [[40.0] * 3] * 4},
    }
    found = op.evaluate("softmax-1", settings=settings)
    assert np.isfinite(found.risk)
    assert np.isnan(found["nothing"]).all()
