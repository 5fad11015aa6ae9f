"""docs/conventions.md: papers in their own notation, a step of SGD and a trajectory each."""

import numpy as np
import pytest
import saad_solla
from scipy.integrate import solve_ivp
from scipy.special import erf

import orderparams as op
from orderparams.config import parse
from orderparams.models.committee.model import update_rule
from orderparams.models.committee.setup import build
from orderparams.models.committee.sgd import build_model
from orderparams.models.vectors import direct, normals

R = np.array([[0.1, 0.02], [0.05, -0.03], [0.02, 0.08]])
Q = np.array([[0.3, 0.05, 0.0], [0.05, 0.2, -0.02], [0.0, -0.02, 0.25]])
T = np.array([[1.0, 0.2], [0.2, 0.8]])
V, TEACHERS_V = np.array([1.0, 0.7, -0.4]), np.array([1.2, 0.5])


def g(x):
    return erf(x / np.sqrt(2))


def slope(x):
    return np.sqrt(2 / np.pi) * np.exp(-(x**2) / 2)


def problem(learning_rate, time, *, task=None, network=None, **training):
    """The start R, Q with the teachers T, to be solved at the learning rate until the time."""
    return {
        "model": "committee",
        "task": {"teacher_overlap": T, **(task or {})},
        "network": {"students": len(R), **(network or {})},
        "training": {
            "rule": "sgd", "learning_rate": learning_rate, "duration": time, **training
        },
        "initial": {"kind": "explicit", "overlap": R, "self_overlap": Q},
        "integrator": {"rtol": 1e-11, "atol": 1e-13},
        "output": {"points": 6},
    }  # fmt: skip


def step_of_the_program(table, dimension=40):
    """Students w, second layer v and teachers w* before a step, those after it, x and the noise."""
    setup = build(own := parse(table))
    network, rule = setup.network, update_rule(own)
    model = build_model(network.teachers, network.second_layer, network.noise, network.rectified)
    seed = np.random.SeedSequence(0)
    generators = [np.random.Generator(np.random.SFC64(1)) for _ in range(2)]
    begin = (model, rule, setup.start, None, dimension, seed)
    direct.start(*begin, generators[1])
    state = direct.start(*begin, generators[0])
    x, lanes = np.empty(normals.LANES), state.lanes.copy()
    normals.fill(lanes, x)
    before = state.vectors.copy(), state.numbers.second_layer.copy()
    teachers = network.teachers @ state.directions
    direct.advance(model, rule, state, dimension, generators[0], 1)
    after = state.vectors, state.numbers.second_layer
    return *before, teachers, *after, x[:dimension], generators[1].standard_normal()


def test_step_of_saad_and_solla():
    """J ← J − (η/N) δ ξ for vectors whose squares are of order one."""
    w, _, teachers, after, _, xi, _ = step_of_the_program(problem(eta := 0.7, 5.0))
    n = len(xi)
    j, b = w / np.sqrt(n), teachers / np.sqrt(n)
    miss = g(j @ xi).sum() - g(b @ xi).sum()
    j = j - eta / n * miss * slope(j @ xi)[:, None] * xi
    np.testing.assert_allclose(after / np.sqrt(n), j, rtol=0, atol=1e-14)


def goldt(eta_w, eta_v, kappa, sigma, time=5.0):
    """Their learning rates, weight decay and label noise, until t = η_w α."""
    table = problem(
        eta_w,
        time,
        task={"teacher_second_layer": TEACHERS_V, "noise": sigma},
        network={"second_layer": "learned"},
        weight_decay=kappa / eta_w,
        second_layer_rate=eta_v / eta_w,
    )
    table["initial"]["second_layer"] = V
    return table


def test_step_of_goldt():
    eta_w, eta_v, kappa, sigma = 0.6, 0.3, 0.05, 0.2
    found = step_of_the_program(goldt(eta_w, eta_v, kappa, sigma))
    w, v, teachers, after, v_after, x, zeta = found
    n = len(x)
    fields, y = w @ x / np.sqrt(n), TEACHERS_V @ g(teachers @ x / np.sqrt(n)) + sigma * zeta
    miss = v @ g(fields) - y
    w = w - kappa / n * w - eta_w / np.sqrt(n) * miss * (v * slope(fields))[:, None] * x
    np.testing.assert_allclose(after, w, rtol=0, atol=1e-13)
    np.testing.assert_allclose(v_after, v - eta_v / n * miss * g(fields), rtol=0, atol=1e-14)


def veiga_problem(gamma, noise, time=5.0):
    """Means over p students and k teachers, label noise of a variance."""
    task = {"teacher_second_layer": "mean", "noise": np.sqrt(noise)}
    return problem(gamma, time, task=task, network={"second_layer": "mean"})


def test_step_of_veiga():
    gamma, noise = 3.0, 0.04
    w, _, teachers, after, _, x, xi = step_of_the_program(veiga_problem(gamma, noise))
    d, p = len(x), len(w)
    fields = w @ x / np.sqrt(d)
    y = g(teachers @ x / np.sqrt(d)).mean() + np.sqrt(noise) * xi
    w = w + gamma / (p * np.sqrt(d)) * (y - g(fields).mean()) * slope(fields)[:, None] * x
    np.testing.assert_allclose(after, w, rtol=0, atol=1e-13)


def assert_same(run, overlap, self_overlap):
    np.testing.assert_allclose(run["overlap"], overlap, atol=1e-9)
    np.testing.assert_allclose(run["self_overlap"], self_overlap, atol=1e-9)


def test_trajectory_of_saad_and_solla():
    """Sums, α = steps/N."""
    eta, alphas = 0.5, np.linspace(0, 40, 6)
    ones = np.ones(3), np.ones(2)
    overlap, self_overlap, _ = saad_solla.trajectory(alphas, R, Q, T, *ones, eta=eta)
    run = op.solve(problem(eta, eta * alphas[-1]))
    assert_same(run, overlap, self_overlap)
    error = saad_solla.error(overlap[-1], self_overlap[-1], T, *ones)
    assert run.risk[-1] == pytest.approx(error, abs=1e-9)


def test_trajectory_of_goldt():
    """Two learning rates, weight decay and label noise, α = steps/N."""
    eta_w, eta_v, kappa, sigma, alphas = 0.6, 0.3, 0.05, 0.2, np.linspace(0, 30, 6)
    rates = {"eta": eta_w, "eta_v": eta_v, "kappa": kappa, "sigma": sigma}
    found = saad_solla.trajectory(alphas, R, Q, T, V, TEACHERS_V, **rates)
    run = op.solve(goldt(eta_w, eta_v, kappa, sigma, eta_w * alphas[-1]))
    assert_same(run, *found[:2])
    np.testing.assert_allclose(run["second_layer"], found[2], atol=1e-9)


def veiga(times, gamma, noise):
    """M and Q at these times: their equations at δ = κ = 0, with means over p and k."""
    p, k = R.shape

    def velocity(_, y):
        m, q = y[: R.size].reshape(p, k), y[R.size :].reshape(p, p)
        c = saad_solla.covariance(m, q, T)
        fields = np.arange(p + k)
        means = np.concatenate([np.full(p, 1 / p), np.full(k, -1 / k)])

        def drift(j, other):
            return gamma / p * means @ saad_solla.i3(c, j, other, fields)

        dm, dq = np.empty((p, k)), np.empty((p, p))
        for j in range(p):
            dm[j] = [-drift(j, p + r) for r in range(k)]
            for n in range(p):
                square = means @ saad_solla.i4(c, j, n, fields[:, None], fields) @ means
                noisy = square + noise * saad_solla.j2(c, j, n)
                dq[j, n] = -drift(j, n) - drift(n, j) + (gamma / p) ** 2 * noisy
        return np.concatenate([dm.ravel(), dq.ravel()])

    start = np.concatenate([R.ravel(), Q.ravel()])
    run = solve_ivp(
        velocity, (0, times[-1]), start, method="DOP853", rtol=1e-12, atol=1e-14, t_eval=times
    )
    m, q = np.split(run.y.T, [R.size], axis=1)
    return m.reshape(-1, p, k), q.reshape(-1, p, p)


def test_trajectory_of_veiga():
    """Means, the noise by its variance, time = steps/d."""
    gamma, noise, times = 3.0, 0.04, np.linspace(0, 20, 6)
    run = op.solve(veiga_problem(gamma, noise, gamma * times[-1]))
    assert_same(run, *veiga(times, gamma, noise))
