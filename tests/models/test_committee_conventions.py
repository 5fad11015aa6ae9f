"""docs/conventions.md: papers in their own notation, a step of SGD and a trajectory each."""

import numpy as np
import pytest
import saad_solla
from scipy.integrate import solve_ivp
from scipy.special import erf

import orderparams as op

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
    table = problem(
        eta_w,
        eta_w * alphas[-1],
        task={"teacher_second_layer": TEACHERS_V, "noise": sigma},
        network={"second_layer": "learned"},
        weight_decay=kappa / eta_w,
        second_layer_rate=eta_v / eta_w,
    )
    table["initial"]["second_layer"] = V
    run = op.solve(table)
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
    layers = {"teacher_second_layer": "mean", "noise": np.sqrt(noise)}
    table = problem(gamma, gamma * times[-1], task=layers, network={"second_layer": "mean"})
    assert_same(op.solve(table), *veiga(times, gamma, noise))
