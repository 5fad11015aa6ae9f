"""The columns of docs/conventions.md on single-location regression: a paper's numbers here."""

import numpy as np
from scipy.special import erf

import orderparams as op

SIZE, LENGTH, SCALE, COSINE, NOISE = 12, 3, 0.45, 0.3, 0.3
GAMMA = 0.5**0.5


def ours(cosine):
    """One key of length λ that has this cosine with the direction of a spike of strength d/2."""
    return op.evaluate(
        {
            "task": {
                "length": LENGTH,
                "signal": {"kind": "spikes", "strengths": [SIZE / 2]},
                "target": "scalar",
                "noise": NOISE,
                "signal_noise": GAMMA,
            },
            "attention": {"heads": 1, "activation": "erf", "head_weights": "sum"},
            "initial": {
                "kind": "explicit",
                "overlap": [[SCALE * cosine]],
                "self_overlap": [[SCALE**2]],
            },
        }
    )


def test_marion_et_al():
    """Their predictor on 200,000 sequences with unit vectors in R^12: risk, and its gradient in k.

    The part of the gradient along k* is λ(P + 2Γm); with squares, in which k stays free.
    """
    drawn = np.random.default_rng(1)
    axis, value = np.eye(SIZE)[0], np.eye(SIZE)[1]
    key = COSINE * axis + (1 - COSINE**2) ** 0.5 * np.eye(SIZE)[2]
    x = drawn.standard_normal((200_000, LENGTH, SIZE))
    x[:, 0] *= GAMMA
    x[:, 0] += (SIZE / 2) ** 0.5 * axis
    error = (erf(SCALE * x @ key) * (x @ value)).sum(1) - x[:, 0] @ value
    error -= NOISE * drawn.standard_normal(len(x))
    found = ours(COSINE)
    loss = error**2
    assert abs(loss.mean() - found.risk) < 4 * loss.std() / len(x) ** 0.5
    assert loss.std() / len(x) ** 0.5 < 0.02

    density = 2 / np.pi**0.5 * np.exp(-((SCALE * x @ key) ** 2))
    slope = 2 * error * SCALE * (density * (x @ value) * (x @ axis)).sum(1)
    gamma = found.gradient["self_overlap"][0, 0]
    expected = SCALE * (found.gradient["overlap"][0, 0] + 2 * gamma * SCALE * COSINE)
    assert abs(slope.mean() - expected) < 4 * slope.std() / len(x) ** 0.5
    assert slope.std() / len(x) ** 0.5 < 0.05 * abs(expected)


KEY = np.array([0.5, 0.2, 0.6])
VALUE = np.array([0.3, 0.6, 0.1])
"""Their k and v along k*, v* and one direction more; the rest of each unit vector is its own."""


def test_marion_et_al_with_values():
    """Risk and velocities of κ, η, θ, ν and ρ at unit vectors with γ² = ½, on 400,000 sequences."""
    drawn = np.random.default_rng(2)
    key, value = np.zeros(SIZE), np.zeros(SIZE)
    key[:3], value[:3] = KEY, VALUE
    key[3], value[4] = (1 - KEY @ KEY) ** 0.5, (1 - VALUE @ VALUE) ** 0.5
    x = drawn.standard_normal((400_000, LENGTH, SIZE))
    x[:, 0] *= GAMMA
    x[:, 0, 0] += (SIZE / 2) ** 0.5
    values, share = x @ value, erf(SCALE * x @ key)
    error = (share * values).sum(1) - x[:, 0, 1] - NOISE * drawn.standard_normal(len(x))
    density = 2 / np.pi**0.5 * np.exp(-((SCALE * x @ key) ** 2))
    of_key = np.einsum("n,nl,nld->nd", 2 * SCALE * error, density * values, x)
    of_value = np.einsum("n,nl,nld->nd", 2 * error, share, x)
    moved = [-(of - np.outer(of @ unit, unit)) for of, unit in ((of_key, key), (of_value, value))]
    theirs = {
        "overlap": moved[0][:, 0],
        "key_target_overlap": moved[0][:, 1],
        "value_overlap": moved[1][:, 0],
        "value_alignment": moved[1][:, 1],
        "key_value_overlap": moved[0] @ value + moved[1] @ key,
    }
    found = op.evaluate(
        {
            "task": {
                "length": LENGTH,
                "signal": {"kind": "spikes", "strengths": [SIZE / 2]},
                "target": "scalar",
                "noise": NOISE,
                "signal_noise": GAMMA,
            },
            "attention": {
                "heads": 1, "activation": "erf", "head_weights": "sum", "value": "learned"
            },
            "training": {"constraint": "sphere", "value_rate": SCALE**-2},
            "initial": {
                "kind": "explicit",
                "overlap": [[SCALE * KEY[0]]],
                "self_overlap": [[SCALE**2]],
                "key_target_overlap": [SCALE * KEY[1]],
                "value_overlap": [[VALUE[0]]],
                "value_alignment": [VALUE[1]],
                "value_self_overlap": [[1.0]],
                "key_value_overlap": [[SCALE * KEY @ VALUE]],
            },
        }
    )  # fmt: skip
    loss = error**2
    assert abs(loss.mean() - found.risk) < 4 * loss.std() / len(x) ** 0.5 < 0.05
    for name, rates in theirs.items():
        own = SCALE if "key" in name or name == "overlap" else SCALE**2  # of τ = t/λ²
        expected = own * found.velocity[name].item()
        spread = rates.std() / len(x) ** 0.5
        assert abs(rates.mean() - expected) < 4 * spread
        assert spread < 0.15 * max(abs(expected), 0.1)
