"""Steps of SGD with signal noise, correlated directions, importances, shared keys, and on spheres.

Oracles: single steps on whole vectors in plain NumPy (plain_steps.py), differences of order
parameters, and simulations.
"""

import numpy as np
import plain_steps
import pytest

import orderparams as op
from orderparams.errors import ConfigurationError
from orderparams.models.interface import model_of
from orderparams.models.parameters import packed
from orderparams.run.innovations import innovations

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
    "expectation.samples": 2**14,
    "fluctuations": {"enabled": True, "nodes": 2**15},
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
    changes = np.vstack([plain(found, 12, 40_000, seed) for seed in range(3)])
    mean, error = changes.mean(0), changes.std(0) / np.sqrt(len(changes))
    off = (mean - frame @ local.velocity[:size]) / error
    assert np.abs(off - frame @ local.drift[:size] / 12 / error).max() < 4.5
    assert np.abs(off).max() > 8
    changes = np.vstack([plain(found, 150, 5_000, seed) for seed in range(2)])
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


INERTIA = {
    **SCALAR,
    "training.inertia": {"friction": 0.7, "gain": 0.5},
    "training.weight_decay": 0.3,
}


def test_a_step_with_inertia():
    """Its mean at D = 600, where what is of order 1/D² does not matter, and its covariance."""
    found = problem("plain", **INERTIA)
    noise, _ = at_start(found)
    flow = noise.flow.moving
    speed, crossed = np.array([[0.3, -0.1], [0.2, 0.25]]), np.array([[0.2, -0.1], [0.05, 0.15]])
    own = np.array([[0.5, 0.1], [0.1, 0.4]])
    state = {"velocity_overlap": speed, "key_velocity_overlap": crossed}
    state |= {"velocity_self_overlap": own, **flow.inner.state(flow.inner.initial_state)}
    size, y = noise.seen.size, flow.point(state)
    local = noise.at(0.0, y, lambda: None)
    parameters, velocity = op.evaluate(found).order_parameters, flow.evaluate(y).velocity
    view = noise.view(parameters, y)
    np.testing.assert_allclose(
        packed(parameters, velocity), view.slope @ local.velocity, atol=1e-12
    )
    overlap = np.vstack([state["overlap"], speed])
    square = np.block([[state["self_overlap"], crossed], [crossed.T, own]])
    changes = np.vstack(
        [
            plain_steps.softmax_family(
                found, overlap, square, np.zeros(2), np.full(2, 0.5), 600, 1_500, seed
            )[0]
            for seed in range(4)
        ]
    )
    mean, error = changes.mean(0), changes.std(0) / np.sqrt(len(changes))
    off = (mean - local.velocity[:size]) / error
    assert np.abs(off - local.drift[:size] / 600 / error).max() < 4.5
    assert np.abs(off).max() > 15
    here = local.covariance[:size, :size]
    moves = np.diag(here) > 1e-12
    assert moves.sum() == 11  # all but m, q of the vectors
    assert changes.std(0)[~moves].max() < 0.1
    sizes = np.sqrt(np.diag(here))[moves]
    found = np.cov(changes[:, moves].T) / np.outer(sizes, sizes)
    expected = here[np.ix_(moves, moves)] / np.outer(sizes, sizes)
    assert np.abs(found - expected).max() < 0.15


def shown(name, parts):
    """Order parameters, entry by entry, at m, q and what learns beside."""
    overlap, square, numbers = parts
    lower = np.tril_indices(2)
    if name == "importance":
        p = np.exp(numbers["importance"])
        return np.concatenate([overlap.ravel(), square[lower], p / p.sum()])
    mixing = numbers["mixing"]
    keys = (mixing @ square @ mixing.T)[np.tril_indices(3)]
    own = [overlap.ravel(), square[lower], mixing.ravel()]
    return np.concatenate([(mixing @ overlap).ravel(), keys, *own])


@pytest.mark.parametrize("name", ["importance", "shared"])
def test_order_parameters_are_functions_of_what_learns(name):
    """Their derivatives and second-order means by differences; one importance, and overlaps of
    heads, follow from the rest."""
    found = problem(name, **{"fluctuations.nodes": 64})
    flow = model_of(found).flow(found)
    noise, y = model_of(found).noise(found, flow, 1), flow.initial_state
    view, x = noise.view(op.evaluate(found).order_parameters, y), noise.position(y)
    factor = np.random.default_rng(3).standard_normal((len(x), 2))
    curved, step, here = 0.0, 1e-3, shown(name, noise.seen.unpack(x))
    for axis in factor.T:
        ends = [shown(name, noise.seen.unpack(x + sign * step * axis)) for sign in (1, -1)]
        np.testing.assert_allclose(
            view.slope @ axis, (ends[0] - ends[1]) / (2 * step), rtol=0, atol=2e-5
        )
        curved += 0.5 * (sum(ends) - 2 * here) / step**2
    np.testing.assert_allclose(view.bent(factor @ factor.T), curved, rtol=0, atol=2e-5)
    assert np.abs(curved).max() > 0.1
    following = [-1] if name == "importance" else np.arange(12)
    assert not view.free[following].any()
    assert view.free.sum() == len(view.free) - len(following)
    np.testing.assert_array_equal(view.moving, view.free)


SMALL = {
    "initial.overlap": [[0.5], [-0.3]],
    "task.signal": {"kind": "spikes", "strengths": [4.0]},
    "training.learning_rate": 3.0,
    "training.duration": 1.5,
    "fluctuations": {"enabled": True, "nodes": 2048, "points": 8},
    "integrator.rtol": 1e-6,
    "output.points": 4,
    "expectation.tolerance": 1e-6,
    "expectation.samples": 2**13,
}
RUNS = {
    "importance": {"training.importance_rate": 6.0, "training.importance_penalty": -0.1},
    "shared": {"initial.overlap": None, "initial.base_overlap": [[0.5], [-0.3]]},
}


REMEMBERED = {"training.momentum": 0.6, "training.learning_rate": 1.2}


@pytest.mark.parametrize(("name", "more"), [("importance", REMEMBERED), ("shared", {})])
def test_simulations_fluctuate_so(name, more):
    """At D = 200: means are off without b and not with it, and variances are S/D."""
    run = op.solve(problem(name, **{**SMALL, **RUNS[name], **more}))
    found, dimension, replicas = run.fluctuations, 200, 1500
    simulation = {"dimension": dimension, "replicas": replicas, "seed": 3}
    simulated = op.load(run.problem, {"simulation": simulation})
    records = model_of(simulated).simulator(simulated, found.time).run(workers=1)
    x = packed(found.order_parameters, records.parameters)[:, -1]
    sizes = found.deviations(dimension)[-1]
    off = (x - found.flow[-1]).mean(0) / sizes * np.sqrt(replicas)
    error = (x - found.mean(dimension)[-1]).mean(0) / sizes * np.sqrt(replicas)
    assert np.abs(error).max() < 4
    assert (off**2).sum() > (error**2).sum() + 25
    ratio = np.cov(x.T) / np.outer(sizes, sizes)
    expected = found.covariance[-1] / dimension / np.outer(sizes, sizes)
    chance = np.sqrt((1 + expected**2) / replicas)
    assert (np.abs(ratio - expected) < 4 * chance + 0.07).all()
    last = found.propagator[-1] @ found.covariance[-2] @ found.propagator[-1].T
    np.testing.assert_allclose(
        found.covariance[-1], last + found.innovation_covariance[-1], rtol=0, atol=1e-3
    )


JUDGED = {
    "importance": ({**SPHERE, **RUNS["importance"]}, ["m_1,1", "m_2,1", "q_2,1", "p_1"]),
    "mixed": (
        {**RUNS["shared"], **RUNS["importance"]},
        ["mb_1,1", "mb_2,1", "qb_1,1", "qb_2,1", "qb_2,2", "p_1", "p_2"],
    ),
    "plain": (
        {"training.inertia": {"friction": 0.7, "gain": 0.5}},
        ["m_1,1", "m_2,1", "q_1,1", "q_2,1", "q_2,2", "mp_1,1", "mp_2,1"]
        + [f"qkp_{i},{j}" for i in (1, 2) for j in (1, 2)]
        + ["qpp_1,1", "qpp_2,1", "qpp_2,2"],
    ),
}


def test_lengths_on_spheres_have_no_rounding_of_the_rest():
    """However large fluctuations of the rest become, of them alone."""
    found = op.solve(problem("plain", **{**SMALL, **SPHERE, "training.learning_rate": 30.0}))
    assert found.fluctuations is not None
    rests = np.isin(found.fluctuations.parameter, ["q_1,1", "q_2,2"])
    assert rests.sum() == 2
    assert not found.fluctuations.covariance[:, rests].any()
    assert not found.fluctuations.shift[:, rests].any()
    assert found.fluctuations.covariance[-1].any()


@pytest.mark.parametrize("name", JUDGED)
def test_innovations_are_those_of_what_moves_by_itself(name):
    """One replica at D = 1000 agrees, and does not with twice the learning rate."""
    settings, parameters = JUDGED[name]
    asked = problem(name, **{**SMALL, **settings})
    plain = op.load(asked, {"simulation": {"dimension": 1000, "replicas": 1}})
    found = op.validate(plain, test="innovations", risks=False)
    assert found.parameter.tolist() == parameters
    assert found.least_pvalue > 0.01
    wrong = innovations(
        op.load(plain, {"training.learning_rate": 6.0}),
        1000,
        found.simulation.time,
        found.simulation.records.parameters,
    )
    assert wrong.least_pvalue < 1e-4


def test_a_mixing_that_is_learned_has_no_innovations():
    with pytest.raises(ConfigurationError, match="CᵀC/η_C − TTᵀ"):
        op.validate(problem("shared", **{"fluctuations.enabled": False}), test="innovations")
