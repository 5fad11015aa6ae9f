"""Fluctuations along a run. Oracles: closed forms, symmetries, differences of whole runs, the
equation of Lyapunov, and simulations."""

import numpy as np
import pytest
from scipy.linalg import solve_continuous_lyapunov

import orderparams as op
from orderparams import memory
from orderparams.errors import ConfigurationError
from orderparams.models.interface import model_of
from orderparams.run.path import Path

QUICK = {"fluctuations.enabled": True, "training.duration": 2.0, "output.points": 3}
FEW = {"fluctuations.nodes": 256, "fluctuations.points": 10, "expectation.samples": 1024}

IDLE = {
    **QUICK,
    **FEW,
    "attention.head_weights": [1.0, 0.0],
    "training.weight_decay": 0.4,
    "training.learning_rate": 3.0,
}
"""The second head has no weight: weight decay alone moves it."""

SECOND = ["m_2,1", "q_2,2"]


def of_second(found):
    """Places of the second head's own order parameters."""
    return [found.parameter.tolist().index(name) for name in SECOND]


def test_a_head_that_only_decays():
    """k ← (1 − γλ/D) k: no fluctuations, and a shift by the finite steps."""
    run = op.solve("finite-learning-rate", settings=IDLE).fluctuations
    rate, decay, own = 3.0, 0.4, of_second(run)
    assert np.abs(run.covariance[:, own][:, :, own]).max() < 1e-15
    t = run.time
    np.testing.assert_allclose(
        run.shift[:, own],
        -np.stack([rate * decay**2 / 2 * t, rate * decay**2 * t], 1) * run.flow[:, own],
        rtol=1e-5,
        atol=1e-9,
    )


def test_a_head_that_decays_under_a_schedule():
    """Σγ_n is not its integral, and Σγ_n² is: log m = Σ log(1 − γ_nλ/D)."""
    schedule = {"training.schedule": {"kind": "inverse", "time": 1.5}}
    run = op.solve("finite-learning-rate", settings=IDLE | schedule).fluctuations
    rate, decay, own = 3.0, 0.4, of_second(run)[0]
    left = 1 - np.exp(-run.time / 1.5)
    expected = -(decay * rate / 2 * left + decay**2 * rate / 2 * 1.5 * left) * run.flow[:, own]
    np.testing.assert_allclose(run.shift[:, own], expected, rtol=1e-4, atol=1e-9)


def test_random_starts_decay_with_their_head():
    start = {"initial": {"kind": "random", "variance": 0.3}, "fluctuations.start": "random"}
    run = op.solve("finite-learning-rate", settings=IDLE | start).fluctuations
    variances = np.diagonal(run.covariance, axis1=1, axis2=2)[:, of_second(run)]
    left = np.exp(-2 * 0.4 * run.time)
    expected = np.stack([0.3 * left, 2 * 0.3**2 * left**2], 1)
    np.testing.assert_allclose(variances, expected, rtol=1e-6)
    np.testing.assert_allclose(run.flow[0], [0, 0, 0.3, 0, 0.3], atol=1e-15)


def test_learning_rate_and_batch_count_as_their_ratio():
    one = op.solve("finite-learning-rate", settings={**QUICK, **FEW}).fluctuations
    both = {"training.learning_rate": 10.0, "training.batch_size": 2}
    two = op.solve("finite-learning-rate", settings={**QUICK, **FEW, **both}).fluctuations
    np.testing.assert_allclose(one.covariance, two.covariance, rtol=1e-9, atol=1e-12)
    assert np.abs(one.shift[-1] - two.shift[-1]).max() > 0.1


def test_heads_can_change_places_and_signs():
    """−k of all heads sees flipped spikes as k does: m changes sign and q does not; γC is a mean
    over nodes, which do not know."""
    more = {**QUICK, "fluctuations.points": 10, "fluctuations.nodes": 2**15}
    one = op.solve("finite-learning-rate", settings=more).fluctuations
    turned = {
        "initial.overlap": [[0.3], [-0.5]],
        "initial.self_overlap": [[0.3, -0.1], [-0.1, 0.4]],
    }
    two = op.solve("finite-learning-rate", settings={**more, **turned}).fluctuations
    order, signs = [1, 0, 4, 3, 2], np.array([-1, -1, 1, 1, 1])
    there = two.covariance[:, order][:, :, order] * np.outer(signs, signs)
    sizes = one.deviations(1)[-1]
    close = np.outer(sizes, sizes) * 0.02
    assert (np.abs(one.covariance[-1] - there[-1]) < close).all()
    np.testing.assert_allclose(one.shift[-1], two.shift[-1][order] * signs, rtol=0.05, atol=0.02)
    np.testing.assert_allclose(one.growth_rate, two.growth_rate, atol=2e-3)


def test_propagators_are_differences_of_runs():
    """Φ from the start to the end; Q as what is left of S."""
    settings = {**QUICK, **FEW, "expectation.tolerance": 1e-11, "integrator.rtol": 1e-11}
    settings |= {"integrator.atol": 1e-12, "fluctuations.bias": False, "fluctuations.points": 30}
    run = op.solve("finite-learning-rate", settings=settings)
    found, plain = run.fluctuations, {**settings, "fluctuations.enabled": False}
    whole = found.propagator[1] @ found.propagator[0]
    rows, columns = np.tril_indices(2)
    step = 1e-3
    ways = []
    for i in range(5):
        ends = []
        for sign in (1, -1):
            x = found.flow[0] + sign * step * np.eye(5)[i]
            q = np.zeros((2, 2))
            q[rows, columns] = q[columns, rows] = x[2:]
            start = {"initial.overlap": x[:2, None].tolist(), "initial.self_overlap": q.tolist()}
            end = op.solve("finite-learning-rate", settings={**plain, **start})
            last = end.state(-1)
            ends.append(np.append(last["overlap"][:, 0], last["self_overlap"][rows, columns]))
        ways.append((ends[0] - ends[1]) / (2 * step))
    np.testing.assert_allclose(whole, np.array(ways).T, rtol=0, atol=3e-5)
    first, last = found.innovation_covariance
    np.testing.assert_allclose(found.covariance[1], first, rtol=1e-9)
    again = found.propagator[1] @ first @ found.propagator[1].T + last
    np.testing.assert_allclose(found.covariance[2], again, rtol=1e-9)
    assert np.isnan(found.shift).all()


def test_a_stationary_state_keeps_lyapunovs_equation():
    """One head held by weight decay, after a long time: J S + S J = −γC with J and C there."""
    settings = {
        "attention.heads": 1,
        "initial.overlap": [[1.2]],
        "initial.self_overlap": [[1.6]],
        "task.signal": {"kind": "spikes", "strengths": [4.0]},
        "training": {"rule": "sgd", "learning_rate": 1.0, "weight_decay": 0.3, "duration": 60.0},
        "fluctuations": {"enabled": True, "nodes": 1024, "points": 12},
    }
    run = op.solve("finite-learning-rate", settings=settings)
    flow = model_of(run.problem).flow(run.problem)
    noise = model_of(run.problem).noise(run.problem, flow, 1)
    local = noise.at(60.0, flow.point(run.state(-1)), lambda: None)
    expected = solve_continuous_lyapunov(local.jacobian, -local.covariance)
    np.testing.assert_allclose(run.fluctuations.covariance[-1], expected, rtol=1e-4)
    rate = np.linalg.eigvals(local.jacobian).real.max()
    assert run.fluctuations.growth_rate[-1] == pytest.approx(rate, rel=1e-6)
    assert rate < 0


def simulated(problem, dimension, replicas, times):
    """Order parameters of replicas (R, T, N) of the program."""
    settings = {"simulation": {"dimension": dimension, "replicas": replicas, "seed": 5}}
    problem = op.load(problem, settings)
    records = model_of(problem).simulator(problem, times).run(workers=2)
    parts = []
    for one in problem_parameters(problem):
        values = records.parameters[one.name]
        entries = one.entries(values.shape[2:])
        parts += [values[:, :, *index] for index in entries]
    return np.stack(parts, axis=2)


def problem_parameters(problem):
    return op.evaluate(problem).order_parameters


SIMULATED = {
    "preset": {"training.duration": 4.0},
    "scalar": {"task.target": "scalar", "task.noise": 0.3, "training.learning_rate": 2.0},
    "jump": {"training.schedule": {"kind": "piecewise", "times": [1.0], "factors": [0.25]}},
    "random": {
        "initial": {"kind": "random", "variance": 0.3},
        "fluctuations.start": "random",
        "training.learning_rate": 2.0,
    },
    "lengths": {
        "task.length": {"values": [2, 4], "weights": [1, 2]},
        "training.batch_size": 2,
        "training.weight_decay": 0.1,
    },
}


@pytest.mark.parametrize("name", SIMULATED)
def test_simulations_fluctuate_so(name):
    """At D = 250: means are off without b and not with it, and variances are S/D."""
    more = {**QUICK, "output.points": 2, **SIMULATED[name]}
    run = op.solve("finite-learning-rate", settings=more)
    found, dimension, replicas = run.fluctuations, 250, 600
    x = simulated(run.problem, dimension, replicas, found.time)[:, -1]
    sizes = found.deviations(dimension)[-1]
    error = (x - found.mean(dimension)[-1]).mean(0) / sizes * np.sqrt(replicas)
    assert np.abs(error).max() < 3.5
    scaled = (x - x.mean(0)) / sizes
    found_ratio = (scaled[:, :, None] * scaled[:, None]).mean(0)
    expected = found.covariance[-1] / dimension / np.outer(sizes, sizes)
    chance = np.sqrt((1 + expected**2) / replicas)
    assert (np.abs(found_ratio - expected) < 4 * chance + 0.05).all()
    if name == "preset":
        without = (x - found.flow[-1]).mean(0) / sizes * np.sqrt(replicas)
        assert (without**2).sum() > (error**2).sum() + 5


def test_a_run_gains_fluctuations_by_going_on(tmp_path):
    whole = op.solve("finite-learning-rate", settings={**QUICK, **FEW})
    plain = {**QUICK, **FEW, "fluctuations.enabled": False}
    bare = op.solve("finite-learning-rate", settings=plain)
    assert bare.fluctuations is None
    bare.save(tmp_path / "run.h5")
    stored = op.open(tmp_path / "run.h5")
    gained = op.solve("finite-learning-rate", settings={**QUICK, **FEW}, resume=stored)
    for name in ("covariance", "shift", "propagator", "growth_rate", "risk_variance"):
        np.testing.assert_array_equal(
            getattr(gained.fluctuations, name), getattr(whole.fluctuations, name)
        )
    assert gained.status == "finished"
    gained.save(tmp_path / "gained.h5")
    again = op.open(tmp_path / "gained.h5").fluctuations
    np.testing.assert_array_equal(again.covariance, whole.fluctuations.covariance)
    assert again.parameter.tolist() == ["m_1,1", "m_2,1", "q_1,1", "q_2,1", "q_2,2"]
    assert op.solve("finite-learning-rate", settings={**QUICK, **FEW}, resume=gained) is gained


def test_a_run_is_kept_whose_fluctuations_are_stopped():
    calls = []

    def stop(fraction, risk):
        calls.append(fraction)
        if calls.count(1.0) > 20 or (len(calls) > 150 and fraction < 0.3):
            raise KeyboardInterrupt

    run = op.solve("finite-learning-rate", settings={**QUICK, **FEW}, progress=stop)
    assert run.status == "interrupted"
    assert run.message == "in its fluctuations"
    assert run.fluctuations is None
    assert run.time[-1] == 2.0


def test_too_many_order_parameters_are_refused_before_the_run(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 2**20 * 40)
    settings = {**QUICK, "attention.heads": 60, "initial": {"kind": "random"}, **FEW}
    with pytest.raises(ConfigurationError, match="memory"):
        op.solve("finite-learning-rate", settings=settings)


def test_the_least_dimension_is_of_relative_variances():
    found = op.solve("finite-learning-rate", settings={**QUICK, **FEW}).fluctuations
    sizes = np.abs(found.flow).max(axis=0)
    scale = np.array([sizes[:2].max()] * 2 + [sizes[2:].max()] * 3)
    largest = np.linalg.eigvalsh(found.covariance / np.outer(scale, scale))[:, -1]
    np.testing.assert_allclose(found.least_dimension, largest / 0.1, atol=1e-12)


def test_a_path_rests_at_its_end_and_has_knots_where_much_happens():
    path = Path(np.array([0.0]))
    path.times, path.states = [0.0, 1.0, 2.0], [np.array([float(x)]) for x in (0, 3, 3)]
    path.pieces = [lambda t: np.array([3 * t]), lambda t: np.array([3.0])]
    assert path(0.5) == 1.5
    assert path(7.0) == 3.0
    knots = path.knots(31, 8.0, np.ones(1))
    assert (knots[0], knots[-1]) == (0.0, 8.0)
    assert (np.diff(knots) > 0).all()
    assert (knots <= 1).sum() > 12
