"""The committee machine against the equations of Saad and Solla (1995), written out on their own.

Oracle: tests/saad_solla.py, plain NumPy from the published integrals, integrated by DOP853.
"""

import numpy as np
import pytest
import saad_solla

import orderparams as op
from orderparams.models.committee import erf

NAMES = ("overlap", "self_overlap", "second_layer")


def random_state(seed, students=3, teachers=2):
    """R, Q and T of random vectors in few dimensions, none orthogonal to another."""
    generator = np.random.default_rng(seed)
    w = generator.standard_normal((students + teachers, students + teachers + 1)) / 2
    c = w @ w.T
    return c[:students, students:], c[:students, :students], c[students:, students:]


@pytest.mark.parametrize("seed", range(5))
def test_integrals(seed):
    w = np.random.default_rng(seed).standard_normal((4, 4)) * np.array([[0.1], [0.5], [1.0], [3.0]])
    c = w @ w.T
    for i, j in np.ndindex(4, 4):
        value, _, slopes, _ = erf.two_point(c[i, i], c[i, j], c[j, j])
        assert value == pytest.approx(saad_solla.i2(c, i, j), abs=1e-15)
        assert slopes == pytest.approx(saad_solla.j2(c, i, j), abs=1e-15)
        for k in range(4):  # Stein: ⟨g′(u_i) u_j g(u_k)⟩ = c_ij ⟨g″ g⟩ + c_jk ⟨g′ g′⟩
            pair = erf.two_point(c[i, i], c[i, k], c[k, k])
            expected = 2 * c[i, j] * pair[1] + c[j, k] * pair[2]
            assert saad_solla.i3(c, i, j, k) == pytest.approx(expected, abs=1e-14)
    for chosen in np.ndindex(4, 4, 4, 4):
        found = erf.four_point(c[np.ix_(chosen, chosen)])[0]
        assert found == pytest.approx(saad_solla.i4(c, *chosen), abs=1e-13)


def problem(r, q, t, v, teachers_v, *, eta, alpha, sigma=0.0, kappa=0.0, eta_v=0.0, batch=1):
    """What the program needs for the same: a unit of its time is 1/η of α."""
    learned = {"second_layer": v} if eta_v else {}
    return {
        "model": "committee",
        "task": {"teacher_overlap": t, "teacher_second_layer": teachers_v, "noise": sigma},
        "network": {"students": len(r), "second_layer": "learned" if eta_v else v},
        "training": {
            "rule": "sgd",
            "learning_rate": eta,
            "batch_size": batch,
            "weight_decay": kappa / eta,
            "second_layer_rate": eta_v / eta or 1.0,
            "duration": eta * alpha,
        },
        "initial": {"kind": "explicit", "overlap": r, "self_overlap": q, **learned},
        "integrator": {"rtol": 1e-11, "atol": 1e-13},
        "output": {"points": 11},
    }


@pytest.mark.parametrize("seed", range(4))
def test_velocity(seed):
    """With label noise, weight decay, batches, a learned second layer and oblique teachers."""
    start = *random_state(seed), np.array([0.9, -0.4, 1.3]), np.array([1.1, 0.6])
    rates = {"eta": 0.7, "sigma": 0.4, "kappa": 0.2, "eta_v": 0.3, "batch": 2}
    found = op.evaluate(problem(*start, **rates, alpha=1.0))
    for name, expected in zip(NAMES, saad_solla.motion(*start, **rates), strict=True):
        np.testing.assert_allclose(0.7 * found.velocity[name], expected, atol=1e-13)
    assert found.risk == pytest.approx(saad_solla.error(*start), abs=1e-14)


@pytest.mark.parametrize("seed", range(3))
def test_gradient(seed):
    """Oracle: differences of the published error in R, Q (both entries at once) and v."""
    start = *random_state(seed), np.array([0.9, -0.4, 1.3]), np.array([1.1, 0.6])
    found = op.evaluate(problem(*start, eta=0.5, eta_v=0.5, alpha=1.0))
    for place, name in zip((0, 1, 3), NAMES, strict=True):
        for index in np.ndindex(start[place].shape):
            errors = []
            for step in (1e-5, -1e-5):
                moved = [np.array(part) for part in start]
                for entry in (index, index[::-1]) if name == "self_overlap" else (index,):
                    moved[place][entry] += step / (2 if name == "self_overlap" else 1)
                errors.append(saad_solla.error(*moved))
            slope = (errors[0] - errors[1]) / 2e-5
            assert found.gradient[name][index] == pytest.approx(slope, abs=1e-9)


ONES = np.ones(2)
TRAJECTORIES = {
    # K = M = 2, η = 0.5: through the plateau, and the escape
    "plateau": (
        ([[0.02, 0.0], [0.0, 0.01]], np.diag([0.2, 0.3]), np.eye(2), ONES, ONES),
        {"eta": 0.5, "alpha": 300.0},
    ),
    "three students, noise": (
        (
            [[0.1, 0.02], [0.05, -0.03], [0.02, 0.08]],
            np.diag([0.3, 0.2, 0.25]),
            np.eye(2),
            np.ones(3) / 3,
            ONES,
        ),
        {"eta": 2.0, "alpha": 60.0, "sigma": 0.3},
    ),
    "oblique teachers, learned second layer, decay, batch": (
        (*random_state(7), np.array([0.9, -0.4, 1.3]), np.array([1.1, 0.6])),
        {"eta": 0.6, "alpha": 60.0, "sigma": 0.2, "kappa": 0.03, "eta_v": 0.3, "batch": 3},
    ),
    "teachers in a line": (
        ([[0.2, 0.4], [-0.1, -0.2]], np.diag([0.3, 0.2]), [[1.0, 2.0], [2.0, 4.0]], ONES, ONES),
        {"eta": 0.4, "alpha": 60.0},
    ),
}


@pytest.mark.parametrize(("start", "rates"), TRAJECTORIES.values(), ids=TRAJECTORIES)
def test_trajectory(start, rates):
    start = [np.array(part) for part in start]
    run = op.solve(problem(*start, **rates))
    rates = {key: value for key, value in rates.items() if key != "alpha"}
    expected = saad_solla.trajectory(run.time / rates["eta"], *start, **rates)
    for name, course in zip(NAMES, expected, strict=True):
        if name != "second_layer" or "eta_v" in rates:
            np.testing.assert_allclose(run[name], course, rtol=0, atol=1e-9)
    r, q, v = (course[-1] for course in expected)
    assert run.risk[-1] == pytest.approx(saad_solla.error(r, q, start[2], v, start[4]), abs=1e-9)


@pytest.mark.parametrize("students", [2, 3, 5])
def test_symmetric_plateau_of_small_learning_rates(students):
    """Oracle: Saad and Solla's R* = 1/√(K(2K−1)), Q* = 1/(2K−1) and ε* for η → 0."""
    k = students
    ones, r = np.ones(k), np.full((k, k), 1 / np.sqrt(k * (2 * k - 1)))
    start = r, np.full((k, k), 1 / (2 * k - 1)), np.eye(k), ones, ones
    found = op.evaluate(
        problem(*start, eta=0.1, alpha=1.0), settings={"training.rule": "gradient-flow"}
    )
    for velocity in found.velocity.values():
        np.testing.assert_allclose(velocity, 0.0, atol=1e-14)
    plateau = k / np.pi * (np.pi / 6 - k * np.arcsin(1 / (2 * k)))
    assert found.risk == pytest.approx(plateau, abs=1e-14)
