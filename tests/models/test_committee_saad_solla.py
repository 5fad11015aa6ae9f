"""The committee machine against the equations of Saad and Solla (1995), written out on their own.

Oracle: tests/saad_solla.py, plain NumPy from the published integrals, integrated by DOP853.
"""

import numpy as np
import pytest
import saad_solla

from orderparams.models.committee import erf
from orderparams.models.committee.flow import Network, teacher_factor
from orderparams.models.vectors import Rule, VectorFlow, Vectors, residual_factor


def random_state(seed, students=3, teachers=2):
    """R, Q and T of random vectors in few dimensions, none orthogonal to another."""
    generator = np.random.default_rng(seed)
    w = generator.standard_normal((students + teachers, students + teachers + 1)) / 2
    c = w @ w.T
    return c[:students, students:], c[:students, :students], c[students:, students:]


def flow_from(r, q, t, v, teachers_v, rule, noise=0.0):
    factor = teacher_factor(t)
    m = np.linalg.lstsq(factor, r.T, rcond=None)[0].T
    start = Vectors(m, residual_factor(q - m @ m.T), {"second_layer": v})
    return VectorFlow(start, Network(factor, teachers_v, noise, False), rule), factor


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


@pytest.mark.parametrize("seed", range(4))
def test_velocity(seed):
    """With label noise, weight decay, a learned second layer and teachers that are not orthonormal.

    A unit of the program's time is 1/η of α.
    """
    (r, q, t), eta, sigma, kappa, eta_v = random_state(seed), 0.7, 0.4, 0.2, 0.3
    v, teachers_v = np.array([0.9, -0.4, 1.3]), np.array([1.1, 0.6])
    rule = Rule(True, eta, kappa / eta, {"second_layer": eta_v / eta})
    flow, factor = flow_from(r, q, t, v, teachers_v, rule, sigma)
    gradient = flow.gradient(flow.start, covariance=True)
    velocity = flow.velocity(flow.initial_state, gradient)
    found = velocity.overlap @ factor.T, velocity.self_overlap, velocity.numbers["second_layer"]
    rates = {"eta": eta, "sigma": sigma, "kappa": kappa, "eta_v": eta_v}
    for mine, theirs in zip(found, saad_solla.motion(r, q, t, v, teachers_v, **rates), strict=True):
        np.testing.assert_allclose(eta * mine, theirs, atol=1e-13)
    assert gradient.risk == pytest.approx(saad_solla.error(r, q, t, v, teachers_v), abs=1e-14)
