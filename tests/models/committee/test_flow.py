"""The flow of the committee machine against averages of single steps of SGD, and whole runs."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import erf

from orderparams.models.committee.network import Network, teacher_factor
from orderparams.models.vectors.flow import Rule, VectorFlow
from orderparams.models.vectors.geometry import Vectors, residual_factor

OVERLAP = np.array([[0.4, 0.1, -0.2], [-0.1, 0.5, 0.3]])  # R (K, M)
SELF_OVERLAP = np.array([[0.7, 0.1], [0.1, 0.9]])
TEACHERS = np.array([[1.0, 0.3, 0.0], [0.3, 0.8, -0.2], [0.0, -0.2, 1.2]])  # T
SECOND, TEACHERS_SECOND = np.array([0.8, 1.3]), np.array([1.0, -0.7, 0.5])
NOISE, LEARNING_RATE, DECAY, SECOND_RATE = 0.4, 0.6, 0.15, 0.9

ACTIVATIONS = {
    "erf": (lambda x: erf(x / np.sqrt(2)), lambda x: np.sqrt(2 / np.pi) * np.exp(-(x**2) / 2)),
    "relu": (lambda x: np.maximum(x, 0), lambda x: 1.0 * (x > 0)),
}


def students_at(overlap, self_overlap, factor, second):
    m = np.linalg.lstsq(factor, overlap.T, rcond=None)[0].T
    return Vectors(m, residual_factor(self_overlap - m @ m.T), {"second_layer": second})


def flow_of(activation, stochastic=True):
    factor = teacher_factor(TEACHERS)
    network = Network(factor, TEACHERS_SECOND, NOISE, activation == "relu")
    rule = Rule(stochastic, LEARNING_RATE, DECAY, {"second_layer": SECOND_RATE})
    return VectorFlow(students_at(OVERLAP, SELF_OVERLAP, factor, SECOND), network, rule), factor


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_velocity_is_the_mean_step_of_sgd(activation):
    """Oracle: the changes of R, Q and a in one step, averaged over 4·10⁶ samples of the fields.

    dR/dt = −E[δ_k ν] − λR and dQ/dt = −E[δ_k λ_l] − E[δ_l λ_k] − 2λQ + η E[δ_k δ_l] with
    δ_k = (φ − y) a_k g′(λ_k) (Saad and Solla 1995, with a second layer and weight decay).
    """
    flow, factor = flow_of(activation)
    gradient = flow.gradient(flow.start, covariance=True)
    velocity = flow.velocity(flow.initial_state, gradient)
    overlap, self_overlap = velocity["overlap"], velocity["self_overlap"]
    covariance = np.block([[SELF_OVERLAP, OVERLAP], [OVERLAP.T, TEACHERS]])
    generator, samples = np.random.default_rng(0), 4 * 10**6
    fields = np.linalg.cholesky(covariance) @ generator.standard_normal((5, samples))
    g, slope = ACTIVATIONS[activation]
    student, teacher = fields[:2], fields[2:]
    y = TEACHERS_SECOND @ g(teacher) + NOISE * generator.standard_normal(samples)
    miss = SECOND @ g(student) - y
    delta = miss * SECOND[:, None] * slope(student)

    def judge(found, terms, rest=0.0):
        spread = terms.std() / np.sqrt(samples)
        assert abs(found - terms.mean() - rest) < 4.5 * spread

    for k in range(2):
        judge(velocity["second_layer"][k], -SECOND_RATE * miss * g(student[k]))
        for m in range(3):
            judge((overlap @ factor.T)[k, m], -delta[k] * teacher[m], -DECAY * OVERLAP[k, m])
        for j in range(2):
            terms = (
                LEARNING_RATE * delta[k] * delta[j] - delta[k] * student[j] - delta[j] * student[k]
            )
            judge(self_overlap[k, j], terms, -2 * DECAY * SELF_OVERLAP[k, j])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_closed_forms_have_no_error_and_no_noise_that_nobody_asks_for(activation):
    flow, _ = flow_of(activation)
    plain, noisy = (flow.gradient(flow.start, covariance=asked) for asked in (False, True))
    assert (plain.error, plain.covariance, plain.covariance_error) == (0.0, None, 0.0)
    assert plain.engine == "closed forms"
    assert (noisy.covariance_error == 0.0) == (activation == "erf")
    assert 0 <= noisy.covariance_error < 1e-11
    assert ("quadrature" in noisy.engine) == (activation == "relu")


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("stochastic", [False, True])
def test_velocity_is_the_derivative_of_the_state(activation, stochastic):
    """Oracle: central differences of m, q and a along dy/dt, of SGD with half of its noise in q."""
    flow, _ = flow_of(activation, stochastic)
    velocity = flow.velocity(flow.initial_state, flow.gradient(flow.start, covariance=stochastic))
    step = 1e-5 * flow.derivative(0.0, flow.initial_state)
    ahead, behind = flow.state(flow.initial_state + step), flow.state(flow.initial_state - step)
    assert set(velocity) == set(ahead) == {"overlap", "self_overlap", "second_layer"}
    for name, found in velocity.items():
        np.testing.assert_allclose(found, (ahead[name] - behind[name]) / 2e-5, atol=1e-8)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradient_flow_lowers_the_risk_at_the_rate_of_its_gradient(activation):
    """Oracle: dE/dt = −|dK/dt|² − |da/dt|²/rate, without weight decay."""
    factor = teacher_factor(TEACHERS)
    network = Network(factor, TEACHERS_SECOND, NOISE, activation == "relu")
    start = students_at(OVERLAP, SELF_OVERLAP, factor, SECOND)
    flow = VectorFlow(start, network, Rule(rates={"second_layer": SECOND_RATE}))
    slope = flow.derivative(0.0, flow.initial_state)
    risks = [flow.risk(flow.state(flow.initial_state + step * slope)) for step in (1e-5, -1e-5)]
    weights, second = slope[:-2], slope[-2:]
    expected = -(weights @ weights) - second @ second / SECOND_RATE
    assert (risks[0] - risks[1]) / 2e-5 == pytest.approx(expected, rel=1e-7)


def saad_solla(overlap, self_overlap, *, rectified=False, learning_rate=0.5):
    """K = M = 2, T = 1, sums: online learning from explicit overlaps."""
    factor = teacher_factor(np.eye(2))
    network = Network(factor, np.ones(2), 0.0, rectified)
    start = students_at(np.array(overlap), np.array(self_overlap), factor, np.ones(2))
    return VectorFlow(start, network, Rule(True, learning_rate)), factor


def test_two_integrators_agree_on_the_plateau_and_the_escape():
    flow, factor = saad_solla([[0.02, 0.0], [0.0, 0.01]], [[0.2, 0.0], [0.0, 0.3]])
    ends = []
    for method, rtol in (("LSODA", 1e-11), ("DOP853", 1e-11)):
        run = solve_ivp(
            flow.derivative, (0.0, 150.0), flow.initial_state, method=method, rtol=rtol, atol=1e-13,
            t_eval=[10.0, 40.0, 150.0],
        )  # fmt: skip
        ends.append(run.y)
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-9)
    plateau, _, end = (flow.state(y)["overlap"] @ factor.T for y in ends[0].T)
    assert np.ptp(plateau) < 0.1 * plateau.mean()  # no student has chosen a teacher
    assert abs(end[0, 0] - end[0, 1]) > 0.9  # each has
    assert flow.risk(flow.state(ends[0][:, -1])) < 1e-3


def test_equal_students_stay_equal():
    flow, _ = saad_solla([[0.1, 0.2], [0.1, 0.2]], [[0.3, 0.3], [0.3, 0.3]])
    run = solve_ivp(flow.derivative, (0.0, 50.0), flow.initial_state, method="LSODA", rtol=1e-8)
    end = flow.state(run.y[:, -1])
    np.testing.assert_array_equal(end["overlap"][0], end["overlap"][1])
    assert len(flow.initial_state) == 3
