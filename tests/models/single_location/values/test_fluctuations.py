"""Fluctuations of keys and values.

Oracles: single steps on whole vectors in plain NumPy (plain_steps.py), differences of the flow, the
symmetry of the manifold, and simulations.
"""

import numpy as np
import plain_steps
import pytest

import orderparams as op
from orderparams.models.interface import model_of
from orderparams.run.innovations import innovations

SGD = {
    "training.rule": "sgd",
    "training.duration": 2.0,
    "fluctuations.enabled": True,
    "output.points": 3,
}
TWO = {
    "attention.heads": 2,
    "initial.overlap": [[0.6], [-0.2]],
    "initial.self_overlap": [[0.9, 0.1], [0.1, 0.7]],
    "initial.key_target_overlap": [0.3, 0.2],
    "initial.value_overlap": [[0.2], [0.4]],
    "initial.value_alignment": [0.7, -0.3],
    "initial.value_self_overlap": [[0.9, 0.1], [0.1, 0.8]],
    "initial.key_value_overlap": [[0.2, -0.1], [0.3, 0.1]],
}
CASES = {
    "softmax-1": {
        **TWO,
        "attention.activation": "softmax-1",
        "training.value_rate": 0.6,
        "training.weight_decay": 0.4,
    },
    "learned": {
        **TWO,
        "attention.bias": "learned",
        "attention.head_weights": "learned",
        "initial.bias": [0.3, -0.2],
        "initial.head_weights": [0.8, 0.4],
    },
    "repulsion": {
        **TWO,
        "attention.activation": "softmax-1",
        "task.signal_noise": 0.7,
        "training.value_rate": 0.6,
        "training.repulsion": {"kind": "cosine", "strength": 0.6},
    },
    "erf": {
        **TWO,
        "attention.activation": "erf",
        "attention.bias": "learned",
        "attention.head_weights": "learned",
        "attention.intercept": "learned",
        "initial.bias": [0.3, -0.2],
        "initial.head_weights": [0.8, 0.4],
        "initial.intercept": [0.2, 0.1],
        "training.intercept_rate": 1.0,
        "training.learning_rate": 0.7,
    },
    "bayes": {**TWO, "attention.activation": "bayes-softmax", "attention.bias": "none"},
    "tied": {
        **{key: TWO[key] for key in list(TWO)[:4]},
        "preset": "tied-values",
        "training.weight_decay": 0.4,
    },
}


def problem(more, **settings):
    chosen = {**SGD, **more, **settings}
    return op.load(chosen.pop("preset", "learned-values"), chosen)


def noise_of(found):
    """A problem's flow, its fluctuations, and y at the start."""
    model = model_of(found)
    flow = model.flow(found)
    return flow, model.noise(found, flow, 1), flow.initial_state


@pytest.mark.parametrize("name", CASES)
def test_a_step_of_whole_vectors(name):
    """The mean is f + c/D at D = 16, and without c is not; the covariance is C to about 1/D."""
    settings = {"fluctuations.nodes": 2**15, "expectation.samples": 2**13}
    found = problem({"training.learning_rate": 1.5, **CASES[name]}, **settings)
    _, noise, y = noise_of(found)
    vectors = noise.differences.vectors(noise.point(y))
    step = noise.step(vectors, np.zeros((vectors.count, 0)), found.training.learning_rate)
    heads, learned = found.attention.heads, found.attention.bias == "learned"
    own = np.r_[: noise.seen.overlaps + len(noise.seen.triangle[0])]
    if learned:
        of_numbers = own.size + np.arange(noise.seen.size - own.size)
        own = np.r_[own, of_numbers.reshape(-1, vectors.count)[:, :heads].ravel()]
    mean, drift = step.mean[own], step.drift[own]
    for dimension, steps, pieces in ((16, 20_000, 10), (150, 4_000, 5)):
        parts = []
        for seed in range(pieces):
            moved, *numbers = plain_steps.keys_and_values(
                found, vectors.overlap, vectors.self_overlap, vectors.bias, vectors.head_weights,
                dimension, steps, seed, vectors.intercept,
            )  # fmt: skip
            parts.append(np.hstack([moved, *numbers]) if learned else moved)
        changes = np.vstack(parts)
        error = changes.std(0) / np.sqrt(len(changes))
        if dimension == 16:
            off = (changes.mean(0) - mean) / error
            assert np.abs(off - drift / dimension / error).max() < 4.5
            assert np.abs(off).max() > 10
    here = step.covariance[np.ix_(own, own)]
    sizes = np.sqrt(np.diag(here))
    ways = (changes - changes.mean(0)) / sizes
    products = ways[:, :, None] * ways[:, None]
    wrong = products.mean(0) - here / np.outer(sizes, sizes)
    chance = 4 * products.std(0) / np.sqrt(len(changes))
    assert (np.abs(wrong) < chance + 15 / 150).all()
    value = noise.differences.value(0.0, noise.point(y))
    np.testing.assert_allclose(value[:-1], step.mean, rtol=0, atol=0.05 * np.abs(mean).max())


def velocity(flow, names, x):
    """f at all coordinates of stacked M and Q, by the flow's way from order parameters."""
    rows, features = names.rows, names.features
    overlap, square = x[: rows * (features + 1)].reshape(rows, -1), np.zeros((rows, rows))
    lower = np.tril_indices(rows)
    square[lower] = square.T[lower] = x[overlap.size :]
    y = flow.point(names.split(overlap, square))
    moving = flow.velocity(y, flow.gradient(flow.vectors(y), covariance=True))
    overlap, square = names.stacked(moving)
    return np.append(overlap.ravel(), square[lower])


def test_derivatives_on_the_manifold_are_those_of_the_full_flow():
    """J by differences of a flow whose start is off it by nothing that matters, and no part of it
    mixes crosses with the rest."""
    more = {
        "initial": {
            "kind": "explicit",
            "overlap": [[0.6]],
            "self_overlap": [[0.9]],
            "value_alignment": [0.7],
            "value_self_overlap": [[0.8]],
        },
        "expectation.samples": 1024,
        "fluctuations.nodes": 1024,
        "training.learning_rate": 0.1,
    }
    flow, noise, y = noise_of(problem(more))
    assert flow.names.system == "manifold"
    jacobian = noise.differences.slope(0.0, noise.point(y), lambda: None).jacobian
    full = noise.differences.flow
    x, step = noise.position(y), 1e-4
    ways = [
        velocity(full, full.names, x + e) - velocity(full, full.names, x - e)
        for e in step * np.eye(len(x))
    ]
    np.testing.assert_allclose(jacobian, np.array(ways).T / (2 * step), rtol=0, atol=2e-5)
    odd = noise.odd
    np.testing.assert_array_equal(odd, [False, True, True, False, False, True, False])
    assert np.abs(jacobian[np.ix_(odd, odd)]).max() > 0.1
    local = noise.at(0.0, y, lambda: None)
    for matrix in (local.jacobian, local.covariance):
        np.testing.assert_array_equal(matrix[np.ix_(odd, ~odd)], 0)
        np.testing.assert_array_equal(matrix[np.ix_(~odd, odd)], 0)


MANIFOLD = {
    "initial": {
        "kind": "explicit",
        "overlap": [[0.3]],
        "self_overlap": [[0.2]],
        "value_alignment": [0.2],
        "value_self_overlap": [[0.1]],
    },
    "training.value_rate": 0.7,
}
SIMULATED = {
    "momentum": {**MANIFOLD, "training.momentum": 0.6, "training.learning_rate": 0.4},
    "tied": {"preset": "tied-values"},
    "random": {
        "initial": {"kind": "random", "variance": 0.2, "values": "random"},
        "fluctuations.start": "random",
        "training.learning_rate": 0.5,
    },
}


@pytest.mark.parametrize("name", SIMULATED)
def test_simulations_fluctuate_so(name):
    """At D = 400: means are off without b and not with it, and variances are S/D."""
    fast = {"training.learning_rate": 1.0, "fluctuations.points": 8, "integrator.rtol": 1e-6}
    run = op.solve(problem({**fast, **SIMULATED[name]}))
    found, dimension, replicas = run.fluctuations, 400, 800
    simulation = {"dimension": dimension, "replicas": replicas, "seed": 3}
    simulated = op.load(run.problem, {"simulation": simulation})
    values = model_of(simulated).simulator(simulated, found.time).run(workers=1).parameters
    parts = []
    for one in op.evaluate(run.problem).order_parameters:
        entries = one.entries(run[one.name].shape[1:])
        parts += [values[one.name][:, -1, *index] for index in entries]
    x = np.stack(parts, axis=1)
    sizes = found.deviations(dimension)[-1]
    error = (x - found.mean(dimension)[-1]).mean(0) / sizes * np.sqrt(replicas)
    scaled = (x - x.mean(0)) / sizes
    ratio = (scaled[:, :, None] * scaled[:, None]).mean(0)
    expected = found.covariance[-1] / dimension / np.outer(sizes, sizes)
    assert np.abs(error).max() < 3.5
    chance = np.sqrt((1 + expected**2) / replicas)
    assert (np.abs(ratio - expected) < 4 * chance + 0.05).all()
    if name != "random":
        without = (x - found.flow[-1]).mean(0) / sizes * np.sqrt(replicas)
        assert (without**2).sum() > (error**2).sum() + 5


def test_innovations_know_the_crosses_that_a_flow_on_the_manifold_does_not(tmp_path):
    """Replicas leave the manifold by chance, and are followed from where they are; twice the
    learning rate is found out."""
    small = {
        "training.duration": 1.0,
        "simulation": {"dimension": 1000, "replicas": 1},
        "output.points": 3,
    }
    asked = problem({**MANIFOLD, **small, "integrator.rtol": 1e-6})
    plain = op.load(asked, {"fluctuations.enabled": False, "training.learning_rate": 1.0})
    found = op.validate(plain, test="innovations", risks=False)
    assert found.innovation.shape[::2] == (1, 7)
    assert found.least_pvalue > 0.01
    op.save(found, tmp_path / "innovations.h5")
    assert op.open(tmp_path / "innovations.h5").parameter.tolist() == found.parameter.tolist()
    wrong = innovations(
        op.load(plain, {"training.learning_rate": 2.0}),
        1000,
        found.simulation.time,
        found.simulation.records.parameters,
    )
    assert wrong.least_pvalue < 1e-4
