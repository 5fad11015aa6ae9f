"""Attention weights and their derivatives, by the kernels' own Python: nothing is compiled.

Oracles: the definitions in NumPy at extended precision, central differences.
"""

import numpy as np
import pytest

from orderparams.models.single_location import attention as room

HEADS, LENGTH = 3, 4
GENERATOR = np.random.default_rng(0)
LOGITS = GENERATOR.standard_normal((HEADS, LENGTH))
BIAS, WEIGHTS = np.array([0.5, -1.0, 0.2]), np.array([0.7, -0.4, 1.3])
UPSTREAM = GENERATOR.standard_normal(LENGTH)


def attend(logits, bias, weights, kappa, joint):
    shares, attention = np.empty(logits.shape), np.empty(logits.shape[1])
    room.attend.py_func(logits, bias, weights, kappa, joint, shares, attention)
    return shares, attention


def plain(logits, bias, weights, kappa, joint):
    powers = np.exp(np.asarray(logits, dtype=np.longdouble) + bias[:, None])
    totals = kappa + (powers.sum() if joint else powers.sum(axis=1, keepdims=True))
    shares = powers / totals
    return shares, shares.sum(axis=0) if joint else weights @ shares


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("kappa", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("shift", [0.0, -40.0, 3000.0])
def test_weights_are_those_of_their_definition(joint, kappa, shift):
    """Also where κ alone is left, or nothing of it, and where double precision would overflow.
    Large logits are rounded."""
    found = attend(LOGITS + shift, BIAS, WEIGHTS, kappa, joint)
    for values, expected in zip(
        found, plain(LOGITS + shift, BIAS, WEIGHTS, kappa, joint), strict=True
    ):
        np.testing.assert_allclose(
            values, np.asarray(expected, dtype=float), rtol=1e-15 * (10 + abs(shift)), atol=0
        )


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("kappa", [0.0, 1.0])
def test_a_logit_far_below_the_others_or_zero_is_no_danger(joint, kappa):
    """The largest logit is subtracted, and zero where κ is larger than all."""
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        for logits in (LOGITS - 800.0, LOGITS * 300.0, LOGITS * 300.0 - 900.0):
            shares, attention = attend(logits, BIAS, WEIGHTS, kappa, joint)
            assert np.isfinite(shares).all()
            total = shares.sum() if joint else shares.sum(axis=1)
            assert (total <= 1 + 1e-14).all()
            assert kappa or np.allclose(total, 1)
            assert attention == pytest.approx(shares.sum(axis=0) if joint else WEIGHTS @ shares)


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("kappa", [0.0, 1.0])
def test_gradients_are_derivatives(joint, kappa):
    """Of Σ_ℓ c_ℓ a_ℓ, by every logit and every head weight."""
    shares, attention = attend(LOGITS, BIAS, WEIGHTS, kappa, joint)
    slopes, by_weight = np.empty((HEADS, LENGTH)), np.empty(HEADS)
    room.backpropagate.py_func(shares, attention, WEIGHTS, joint, UPSTREAM, slopes, by_weight)

    def value(logits, weights):
        return float(UPSTREAM @ plain(logits, BIAS, weights, kappa, joint)[1])

    for place in np.ndindex(HEADS, LENGTH):
        step = np.zeros((HEADS, LENGTH))
        step[place] = 1e-6
        change = value(LOGITS + step, WEIGHTS) - value(LOGITS - step, WEIGHTS)
        assert slopes[place] == pytest.approx(change / 2e-6, abs=1e-9)
    for head, step in enumerate(1e-6 * np.eye(HEADS)):
        change = value(LOGITS, WEIGHTS + step) - value(LOGITS, WEIGHTS - step)
        assert by_weight[head] == pytest.approx(change / 2e-6, abs=1e-9)
