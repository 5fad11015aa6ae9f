"""docs/conventions.md: SGD as common codes write it, in plain NumPy, against the theory.

The oracle shares nothing with the package: vectors of norm one, fields without roots of D, the loss
with a factor ½, gradients by the chain rule of its own forward pass.
"""

import numpy as np
import pytest

import orderparams as op

D, LENGTH, STRENGTH, REPLICAS, TIME = 300, 3, 4.0, 64, 1.2
RATE, VALUE_RATE, NOISE = 2.0, 0.8, 0.2  # η and η_v


def code(steps, generator):
    """Overlaps (R, 7) of K, V of norms of order one after so many steps at rates η/D, η_v/D."""
    frame = np.eye(D)[:6]
    key = np.tile(0.3 * frame[0] + 0.1 * frame[1] + 0.4 * frame[2], (REPLICAS, 1))
    value = np.tile(
        0.1 * frame[0] + 0.2 * frame[1] + 0.2 * frame[2] + 0.3 * frame[3], (REPLICAS, 1)
    )
    for _ in range(steps):
        x = generator.standard_normal((REPLICAS, LENGTH, D))
        x[:, 0] += np.sqrt(STRENGTH) * frame[0]
        y = x[:, 0] @ frame[1] + NOISE * generator.standard_normal(REPLICAS)
        logits, values = np.einsum("rld,rd->rl", x, key), np.einsum("rld,rd->rl", x, value)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        f = (shares * values).sum(axis=1)
        error = (f - y)[:, None]
        of_logits = error * shares * (values - f[:, None])
        of_values = error * shares
        key = key - RATE / D * np.einsum("rl,rld->rd", of_logits, x)
        value = value - VALUE_RATE / D * np.einsum("rl,rld->rd", of_values, x)
    return np.stack(
        [key[:, 0], key[:, 1], (key**2).sum(1), value[:, 0], value[:, 1], (value**2).sum(1),
         (key * value).sum(1)], axis=1,
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore")
def test_sgd_of_a_code_with_half_the_square_and_vectors_of_norm_one():
    gamma = RATE / 2
    theory = op.solve(
        {
            "task": {
                "length": LENGTH,
                "target": "scalar",
                "noise": NOISE,
                "signal": {"kind": "spikes", "strengths": [STRENGTH]},
            },
            "attention": {"heads": 1, "value": "learned"},
            "training": {
                "rule": "sgd",
                "learning_rate": gamma,
                "value_rate": VALUE_RATE / RATE,
                "duration": gamma * TIME,
            },
            "initial": {
                "kind": "explicit",
                "overlap": [[0.3]],
                "key_target_overlap": [0.1],
                "self_overlap": [[0.26]],
                "value_overlap": [[0.1]],
                "value_alignment": [0.2],
                "value_self_overlap": [[0.18]],
                "key_value_overlap": [[0.13]],
            },
            "output": {"points": 3},
        }
    )
    names = ("overlap", "key_target_overlap", "self_overlap", "value_overlap", "value_alignment",
             "value_self_overlap", "key_value_overlap")  # fmt: skip
    expected = np.array([theory[name][-1].item() for name in names])
    found = code(round(TIME * D), np.random.default_rng(0))
    error = found.std(axis=0, ddof=1) / np.sqrt(REPLICAS)
    assert (np.abs(found.mean(axis=0) - expected) < 4 * error).all()
    moved = expected - np.array([theory[name][0].item() for name in names])
    assert (np.abs(moved) > 4 * error).sum() >= 6
