"""Fluctuations with activations other than the exponential. Oracle: single steps on whole vectors
in plain NumPy (plain_steps.py)."""

import numpy as np
import plain_steps
import pytest

import orderparams as op
from orderparams.errors import ConfigurationError
from orderparams.models.interface import model_of

START = {
    "initial.overlap": [[0.5, 0.2], [-0.3, 0.4]],
    "initial.self_overlap": [[0.9, -0.1], [-0.1, 0.8]],
    "task.signal": {"kind": "flipped-spikes", "strengths": [4.0, 2.0]},
    "task.length": {"values": [2, 4], "weights": [1.0, 2.0]},
    "training.learning_rate": 0.8,
    "attention.head_weights": "learned",
    "initial.head_weights": [0.7, 0.4],
    "training.head_weight_rate": 1.5,
    "fluctuations": {"enabled": True, "nodes": 2**16, "bias": False},
}
LINE = {
    "attention.intercept": "learned",
    "initial.intercept": [0.1, 0.2],
    "training.intercept_rate": 0.6,
}
CASES = {
    "erf": {**LINE, "attention.bias": "learned", "initial.bias": [0.3, -0.2]},
    "linear": {
        **LINE,
        "attention.slope": "learned",
        "initial.slope": [0.8, -0.5],
        "training.slope_rate": 0.9,
        "task.target": "scalar",
        "task.noise": 0.4,
        "training.learning_rate": 0.3,
    },
    "softplus": {"attention.bias": [0.3, -0.2], "training.learning_rate": 4.0},
}
IMPORTANT = {
    "attention.head_weights": "importance",
    "attention.importance_total": 1.4,
    "initial.head_weights": None,
    "initial.importance": [0.7, 0.3],
    "training.importance_penalty": -0.3,
    "training.importance_rate": 0.7,
}
CASES |= {f"{name} importances": CASES[name] | IMPORTANT for name in ("erf", "softplus")}


def plain(found, dimension, steps, seed):
    """Changes of all order parameters in single steps, in the program's order."""
    initial, attention, training = found.initial, found.attention, found.training
    beta = initial.bias or attention.bias
    total, p = attention.importance_total, np.array(initial.importance)
    numbers = [
        np.array(beta if isinstance(beta, tuple) else [0.0, 0.0]),
        np.array(initial.head_weights) if initial.head_weights else total * p,
        np.array(initial.slope or [1.0, 1.0]),
        np.array(initial.intercept or [0.0, 0.0]),
    ]
    moved, by_numbers = plain_steps.other_activations(
        found, initial.overlap, initial.self_overlap, numbers, dimension, steps, seed
    )
    learned = [
        rate * by_numbers[:, 2 * i : 2 * i + 2]
        for i, (key, rate) in enumerate(
            {
                "bias": training.bias_rate,
                "head_weights": training.head_weight_rate,
                "slope": training.slope_rate,
                "intercept": training.intercept_rate,
            }.items()
        )
        if getattr(attention, key) == "learned"
    ]
    if initial.importance:
        pull = total * by_numbers[:, 2:4] + training.importance_penalty * (1 + np.log(p))
        learned.append(training.importance_rate * p * (pull - (pull @ p)[:, None]))
    return np.hstack([moved, *learned])


@pytest.mark.parametrize("name", CASES)
def test_a_step_is_so_at_any_dimension(name):
    """Its mean is f + c/D at D = 12, not f; its covariance is C up to 1/D at D = 150."""
    more = {**START, "attention.activation": name.split()[0], **CASES[name]}
    given = {key: value for key, value in more.items() if value is not None}
    found = op.load("finite-learning-rate", given)
    model = model_of(found)
    flow = model.flow(found)
    noise = model.noise(found, flow, 1)
    local = noise.at(0.0, flow.initial_state, lambda: None)
    size = noise.seen.size
    changes = plain(found, 12, 60_000, 0)
    mean, error = changes.mean(0), changes.std(0) / np.sqrt(len(changes))
    velocity, drift = local.velocity[:size], local.drift[:size]
    assert np.abs((mean - velocity - drift / 12) / error).max() < 4.5
    assert np.abs((mean - velocity) / error).max() > 8
    changes = np.vstack([plain(found, 150, 6_000, seed) for seed in range(2)])
    here = local.covariance[:size, :size] / found.training.learning_rate
    sizes = np.sqrt(np.diag(here))
    ways = (changes - changes.mean(0)) / sizes
    products = ways[:, :, None] * ways[:, None]
    error = products.mean(0) - here / np.outer(sizes, sizes)
    chance = 4 * products.std(0) / np.sqrt(len(changes))
    assert (np.abs(error) < chance + 15 / 150).all()
    assert np.abs(error).mean() < 0.05


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"attention.activation": "linear"}, "linear heads"),
        ({"attention.activation": "erf", "attention.intercept": "learned"}, "intercepts"),
    ],
)
def test_what_does_not_scatter_has_no_innovations(more, named):
    """Σ u_h c_h alone acts, and of linear heads Σ u_h k_h."""
    settings = {"training.duration": 0.1, **more}
    with pytest.raises(ConfigurationError, match=named):
        op.validate("finite-learning-rate", settings=settings, test="innovations")
