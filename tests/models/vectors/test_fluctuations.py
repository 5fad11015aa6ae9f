"""A step of SGD to leading order in 1/D: its mean, covariance and drift, and derivatives of flows.

Oracles: single steps on whole vectors in plain NumPy (plain_steps.py), closed forms at K = 0, and
differences of the flow itself.
"""

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
    "expectation.samples": 2**18,
    "fluctuations": {"enabled": True, "nodes": 2**16},
}
CASES = {
    "softmax": {},
    "softmax-1": {
        "attention.activation": "softmax-1",
        "training.batch_size": 2,
        "training.weight_decay": 0.3,
    },
    "learned": {
        "attention.activation": "softmax-1",
        "attention.bias": "learned",
        "attention.head_weights": "learned",
        "initial.bias": [0.3, -0.2],
        "initial.head_weights": [0.8, 0.4],
        "training.learning_rate": 2.0,
        "training.bias_rate": 0.7,
        "training.head_weight_rate": 1.5,
    },
    "bayes": {"attention.activation": "bayes-softmax"},
    "scalar": {"task.target": "scalar", "task.noise": 0.4, "training.learning_rate": 2.0},
    "lengths": {"task.length": {"values": [2, 4], "weights": [1.0, 2.0]}},
}


def problem(**more):
    return op.load("finite-learning-rate", {**START, **more})


def at_start(found, t=0.0):
    """The flow, what is known of its fluctuations, and these at the start."""
    model = model_of(found)
    flow = model.flow(found)
    noise = model.noise(found, flow, 1)
    y = flow.initial_state
    return flow, noise, noise.at(t, y, lambda: None)


def plain(found, dimension, steps, seed):
    """Changes of all order parameters in single steps, in the program's order."""
    initial, training = found.initial, found.training
    heads = found.attention.heads
    u = np.full(heads, 1.0 if found.attention.activation == "softmax-1" else 1 / heads)
    u = np.array(initial.head_weights or u)
    beta = np.array(initial.bias or np.zeros(heads))
    moved, by_beta, by_u, _ = plain_steps.softmax_family(
        found, initial.overlap, initial.self_overlap, beta, u, dimension, steps, seed
    )
    if found.attention.bias == "learned":
        moved = np.hstack([moved, training.bias_rate * by_beta, training.head_weight_rate * by_u])
    return moved


@pytest.mark.parametrize("name", CASES)
def test_the_mean_of_a_step_is_exact_at_any_dimension(name):
    """Without c the mean of q is off by many standard errors, with it by none."""
    found = problem(**CASES[name])
    _, noise, local = at_start(found)
    size = len(local.velocity) - noise.unseen.size
    changes = np.vstack([plain(found, 12, 50_000, seed) for seed in range(4)])
    mean, error = changes.mean(0), changes.std(0) / np.sqrt(len(changes))
    velocity, drift = local.velocity[:size], local.drift[:size]
    assert np.abs((mean - velocity - drift / 12) / error).max() < 4.5
    assert np.abs((mean - velocity) / error).max() > 12
    np.testing.assert_array_equal(drift[:4], 0)


@pytest.mark.parametrize("name", CASES)
def test_the_covariance_of_a_step(name):
    """Of what is left at D = 150 beside errors of sampling: heavy tails make it more than 1/D."""
    found = problem(**CASES[name])
    _, noise, local = at_start(found)
    size = len(local.velocity) - noise.unseen.size
    changes = np.vstack([plain(found, 150, 6_000, seed) for seed in range(4)])
    here = local.covariance[:size, :size] / found.training.learning_rate
    sizes = np.sqrt(np.diag(here))
    ways = (changes - changes.mean(0)) / sizes
    products = ways[:, :, None] * ways[:, None]
    error = products.mean(0) - here / np.outer(sizes, sizes)
    chance = 4 * products.std(0) / np.sqrt(len(changes))
    assert (np.abs(error) < chance + 15 / 150).all()
    assert np.abs(error).mean() < 0.05


def test_students_step_likewise():
    settings = {
        "task": {"teachers": 2, "noise": 0.3},
        "network": {"second_layer": "learned"},
        "training": {"rule": "sgd", "learning_rate": 1.5, "weight_decay": 0.2},
        "initial": {
            "kind": "explicit",
            "overlap": [[0.5, 0.2], [-0.3, 0.4]],
            "self_overlap": [[0.9, -0.1], [-0.1, 0.8]],
            "second_layer": [0.7, 1.2],
        },
        "fluctuations": {"enabled": True, "nodes": 2**16},
    }
    found = op.load({"model": "committee", **settings})
    initial = found.initial
    _, _, local = at_start(found)
    for dimension, steps in ((12, 200_000), (150, 20_000)):
        moved, by_layer = plain_steps.committee(
            found, initial.overlap, initial.self_overlap, dimension, steps, 1
        )
        changes = np.hstack([moved, by_layer])
        mean, error = changes.mean(0), changes.std(0) / np.sqrt(steps)
        assert np.abs((mean - local.velocity - local.drift / dimension) / error).max() < 4.5
        if dimension == 12:
            assert np.abs((mean - local.velocity) / error).max() > 12
        else:
            here = local.covariance / found.training.learning_rate
            sizes = np.sqrt(np.diag(here))
            assert np.abs((np.cov(changes.T) - here) / np.outer(sizes, sizes)).max() < 0.12


def test_closed_forms_without_heads():
    """K = 0: attention is uniform, and only the overlaps with what is drawn fluctuate."""
    zero = {"initial.overlap": [[0.0, 0.0]] * 2, "initial.self_overlap": [[0.0, 0.0]] * 2}
    u, length, gamma = np.array([0.7, 0.3]), 3, 5.0
    signal = {"kind": "gaussian", "mean": [1.5, 0.5], "variances": [2.0, 1.0]}
    found = problem(**zero, **{"attention.head_weights": u.tolist(), "task.signal": signal})
    _, _, local = at_start(found)
    part = 1 - 1 / length
    weights = 4 * np.outer(u, u) / length**2 * part
    theta = np.eye(2) + part * np.diag([2.0, 1.0])
    np.testing.assert_allclose(
        local.covariance[:4, :4], gamma * np.kron(weights, theta), rtol=0, atol=1e-3
    )
    np.testing.assert_allclose(local.covariance[4:], 0, atol=1e-12)
    second = 1.5**2 + 0.5**2 + 3.0
    expected = gamma * weights * part * second
    rows, columns = np.tril_indices(2)
    np.testing.assert_allclose(local.drift[4:], expected[rows, columns], rtol=1e-3)


def velocity(flow, x, features):
    """f and the risk at X, by the flow's own way from order parameters to velocities."""
    rows, columns = np.tril_indices(2)
    count = 2 * features
    q = np.zeros((2, 2))
    q[rows, columns] = q[columns, rows] = x[count : count + 3]
    state = {"overlap": x[:count].reshape(2, features), "self_overlap": q}
    if len(x) > count + 3:
        state |= {"bias": x[count + 3 : count + 5], "head_weight": x[count + 5 :]}
    y = flow.point(state)
    gradient = flow.gradient(flow.vectors(y), covariance=True)
    moving = flow.velocity(y, gradient)
    parts = [moving["overlap"].ravel(), moving["self_overlap"][rows, columns]]
    parts += [moving[name] for name in ("bias", "head_weight") if name in state]
    return np.concatenate([*parts, [gradient.risk]])


@pytest.mark.parametrize("name", ["softmax-1", "learned"])
def test_derivatives_are_those_of_the_flow(name):
    """Jacobian, gradient and curvature against central differences in X, well inside the cone."""
    more = {"expectation.tolerance": 1e-11, "expectation.samples": 4096}
    found = problem(**CASES[name], **more, **{"fluctuations.nodes": 64})
    flow, noise, local = at_start(found)
    x = noise.position(flow.initial_state)
    step = 1e-3
    units = step * np.eye(len(x))
    ways = [velocity(flow, x + e, 2) - velocity(flow, x - e, 2) for e in units]
    jacobian = np.array(ways).T / (2 * step)
    np.testing.assert_allclose(local.jacobian, jacobian[:-1], rtol=0, atol=2e-5)
    np.testing.assert_allclose(local.gradient, jacobian[-1], rtol=0, atol=2e-5)
    factor = np.random.default_rng(3).standard_normal((len(x), 2))
    curved = np.zeros(len(x) + 1)
    here = velocity(flow, x, 2)
    for axis in factor.T:
        wide = 3e-3 * axis
        ends = velocity(flow, x + wide, 2) + velocity(flow, x - wide, 2)
        curved += 0.5 * (ends - 2 * here) / 3e-3**2
    found = local.curvature(factor @ factor.T)
    np.testing.assert_allclose(found, curved, rtol=1e-3, atol=1e-3)


def test_derivatives_at_the_edge():
    """Heads inside the span of the signals, s = 0: differences lead inside, as those of a state
    nearby do that has room to both sides."""
    more = {"expectation.tolerance": 1e-11, "fluctuations.nodes": 64}
    flat = [[0.5, 0.2], [-0.3, 0.4]]
    square = (np.array(flat) @ np.array(flat).T).tolist()
    _, _, edge = at_start(problem(**more, **{"initial.self_overlap": square}))
    jacobians = []
    for room in (2e-3, 4e-3):
        q = (np.array(square) + room * np.eye(2)).tolist()
        found = problem(**more, **{"initial.self_overlap": q})
        flow, noise, _ = at_start(found)
        x = noise.position(flow.initial_state)
        units = 1e-4 * np.eye(len(x))
        ways = [velocity(flow, x + e, 2) - velocity(flow, x - e, 2) for e in units]
        jacobians.append(np.array(ways).T[:-1] / 2e-4)
    np.testing.assert_allclose(edge.jacobian, 2 * jacobians[0] - jacobians[1], atol=1e-2)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"training.rule": "gradient-flow"}, "training.rule = 'sgd'"),
        ({"fluctuations.start": "random"}, "initial.kind = 'random'"),
        ({"training.constraint": "sphere", "training.momentum": 0.5}, "momentum on spheres"),
    ],
)
def test_what_is_not_served_is_refused(more, named):
    with pytest.raises(ConfigurationError, match=r"fluctuations\.") as error:
        problem(**more)
    assert named in str(error.value)


def test_nodes_that_are_too_few_for_the_task():
    signal = {"kind": "hypercube", "strengths": [1.0] * 7}
    start = {"initial.overlap": [[0.1] * 7] * 2}
    with pytest.raises(ConfigurationError, match=r"fluctuations\.nodes must be at least 256"):
        at_start(problem(**{"task.signal": signal, **start, "fluctuations.nodes": 64}))
