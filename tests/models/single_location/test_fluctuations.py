"""Steps of SGD with signal noise, correlated directions, importances, shared keys, and on spheres.

Oracles: single steps on whole vectors in plain NumPy (plain_steps.py), differences of order
parameters, and simulations.
"""

import numpy as np
import plain_steps
import pytest

import orderparams as op
from orderparams.models.interface import model_of

PLAIN = {
    "task": {"length": 3},
    "attention": {"heads": 2},
    "initial": {"kind": "explicit"},
    "training": {"rule": "sgd"},
}
START = {
    "initial.overlap": [[0.5, 0.2], [-0.3, 0.4]],
    "initial.self_overlap": [[0.9, -0.1], [-0.1, 0.8]],
    "task.signal": {"kind": "flipped-spikes", "strengths": [4.0, 2.0]},
    "training.learning_rate": 3.0,
    "expectation.samples": 2**16,
    "fluctuations": {"enabled": True, "nodes": 2**16},
}
BASES = {
    "initial.overlap": None,
    "initial.self_overlap": None,
    "initial.base_overlap": START["initial.overlap"],
    "initial.base_self_overlap": START["initial.self_overlap"],
    "attention.keys": "shared",
    "attention.heads": 3,
}
MIXING = [[1.0, 0.2], [-0.5, 0.8], [0.3, -1.0]]
IMPORTANT = {
    "attention.head_weights": "importance",
    "attention.importance_total": 1.4,
    "training.importance_penalty": -0.3,
    "training.importance_rate": 0.7,
    "initial.importance": [0.7, 0.3],
}
SCALAR = {"task.target": "scalar", "training.batch_size": 2, "training.learning_rate": 1.0}
SPHERE = {"training.constraint": "sphere"}
REPULSION = {"training.repulsion": {"kind": "cosine", "strength": 0.4}}
CASES = {
    "plain": {},
    "noise": {
        "attention.activation": "softmax-1",
        "task.signal_noise": 1.4,
        "training.batch_size": 2,
        "training.learning_rate": 2.0,
    },
    "frame": {
        "task.feature_correlation": [[1.0, 0.6], [0.6, 1.0]],
        "task.signal_noise": 0.6,
        "task.target": "scalar",
        "task.noise": 0.4,
        "training.learning_rate": 1.0,
    },
    "importance": {**IMPORTANT, "training.batch_size": 2},
    "shared": {
        **BASES,
        "attention.activation": "softmax-1",
        "attention.shared": {"bases": 2, "mixing": MIXING, "learned": True},
        "training.mixing_rate": 0.7,
        "training.weight_decay": 0.3,
        "training.learning_rate": 1.5,
    },
    "mixed": {
        **BASES,
        **IMPORTANT,
        "initial.importance": [0.5, 0.2, 0.3],
        "attention.shared": {"bases": 2, "mixing": MIXING},
        "task.length": {"values": [2, 4], "weights": [1.0, 2.0]},
    },
}


def problem(name, **more):
    settings = {**START, **CASES[name], **more}
    left = {key: value for key, value in settings.items() if value is not None}
    return op.load(PLAIN, left)


def at_start(found):
    """What is known of the fluctuations, and these at the start."""
    model = model_of(found)
    flow = model.flow(found)
    noise = model.noise(found, flow, 1)
    return noise, noise.at(0.0, flow.initial_state, lambda: None)


def plain(found, dimension, steps, seed):
    """Changes of m, q and what learns beside in single steps; importances have scores."""
    initial, training, attention = found.initial, found.training, found.attention
    shared, heads = attention.sharing, attention.heads
    prefix = "base_" if shared else ""
    own = (getattr(initial, prefix + name) for name in ("overlap", "self_overlap"))
    total = attention.importance_total or 1.0
    u = np.full(heads, 1.0 if attention.activation == "softmax-1" else 1 / heads)
    p = np.array(initial.importance or u)
    u = total * p if initial.importance else u
    moved, _, by_u, by_mixing = plain_steps.softmax_family(
        found, *own, np.zeros(heads), u, dimension, steps, seed, shared and shared.mixing
    )
    parts = [moved]
    if shared and shared.learned:
        parts.append(training.mixing_rate * by_mixing)
    if initial.importance:
        pull = total * by_u + training.importance_penalty * (1 + np.log(p))
        parts.append(training.importance_rate * p * (pull - (pull @ p)[:, None]))
    return np.hstack(parts)


@pytest.mark.parametrize("name", list(CASES)[1:])
def test_a_step_is_so_at_any_dimension(name):
    """Its mean is f + c/D at D = 12, not f; its covariance is C up to 1/D at D = 150."""
    found = problem(name)
    noise, local = at_start(found)
    size, frame = noise.seen.size, np.eye(noise.seen.size)
    if found.task.feature_correlation:
        state = noise.flow.initial_state
        frame = noise.view(op.evaluate(found).order_parameters, state).slope[:, :size]
    changes = np.vstack([plain(found, 12, 60_000, seed) for seed in range(3)])
    mean, error = changes.mean(0), changes.std(0) / np.sqrt(len(changes))
    off = (mean - frame @ local.velocity[:size]) / error
    assert np.abs(off - frame @ local.drift[:size] / 12 / error).max() < 4.5
    assert np.abs(off).max() > 8
    changes = np.vstack([plain(found, 150, 6_000, seed) for seed in range(2)])
    here = frame @ local.covariance[:size, :size] @ frame.T / found.training.learning_rate
    sizes = np.sqrt(np.diag(here))
    ways = (changes - changes.mean(0)) / sizes
    products = ways[:, :, None] * ways[:, None]
    error = products.mean(0) - here / np.outer(sizes, sizes)
    chance = 4 * products.std(0) / np.sqrt(len(changes))
    assert (np.abs(error) < chance + 15 / 150).all()
    assert np.abs(error).mean() < 0.05


@pytest.mark.parametrize("more", [{}, SCALAR])
def test_a_step_on_spheres(more):
    """Beside the free step along them, sequence by sequence, it has the drift of second order, and
    none of lengths."""
    more = {**REPULSION, **more, "fluctuations.nodes": 2**14}
    on, off = (at_start(problem("plain", **kind, **more))[1] for kind in (SPHERE, {}))
    m, q = (np.array(START[name]) for name in ("initial.overlap", "initial.self_overlap"))
    along = np.eye(7)
    for i, own in enumerate((4, 6)):
        along[2 * i : 2 * i + 2, own] = -m[i] / (2 * q[i, i])
        along[5, own] = -q[0, 1] / (2 * q[i, i])
        along[own, own] = 0.0
    np.testing.assert_allclose(on.velocity[:7], along @ off.velocity[:7], atol=1e-12)
    np.testing.assert_allclose(
        on.covariance[:7, :7], along @ off.covariance[:7, :7] @ along.T, atol=1e-12
    )
    np.testing.assert_array_equal(on.drift[[4, 6]].round(12), 0)
    spherical, free = (
        plain(problem("plain", **kind, **more), 200, 10_000, 0) for kind in (SPHERE, {})
    )
    rest = (spherical - free @ along.T) * 200
    error = rest.std(0) / np.sqrt(len(rest)) + 1e-9
    second = on.drift[:7] - along @ off.drift[:7]
    assert np.abs((rest.mean(0) - second) / error).max() < 4
    assert np.abs(rest.mean(0) / error).max() > 10
