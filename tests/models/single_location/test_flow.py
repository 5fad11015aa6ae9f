"""The flow: velocities against theory 4 and finite differences, symmetries, and whole runs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import orderparams as op
from orderparams.config.sections import IntegratorConfig
from orderparams.errors import ConfigurationError
from orderparams.models.single_location import model
from orderparams.models.single_location.engines import Moments, Risk
from orderparams.models.single_location.engines.auto import make_engine
from orderparams.models.single_location.flow import Flow
from orderparams.models.single_location.setup import build
from orderparams.models.vectors.geometry import draw_vectors

SIGNAL = {
    "kind": "mixture",
    "components": [
        {"mean": [1.5, 0.2], "weight": 0.4},
        {"mean": [-0.5, 1.8], "weight": 0.6, "variances": [0.4, 0.1]},
    ],
}
OVERLAP = [[0.8, 0.3], [-0.2, 1.1]]
SELF_OVERLAP = [[1.03, 0.27], [0.27, 1.45]]
POINT = {
    "task": {"signal": SIGNAL},
    "attention": {"heads": 2},
    "initial": {"kind": "explicit", "overlap": OVERLAP, "self_overlap": SELF_OVERLAP},
}
ACTIVATIONS = ["softmax", "softmax-1", "bayes-softmax"]


def flow_of(*assignments):
    problem = op.load(POINT, assignments)
    setup = build(problem)
    return Flow(problem, setup, make_engine(problem, setup))


def moments_of(flow, covariance):
    """The expectations at the start, as the engine gives them."""
    start = flow.start
    return flow.engine.evaluate(
        start.weights, start.bias, start.head_weights, gradient_covariance=covariance
    )


@pytest.mark.parametrize("rule", ["gradient-flow", "sgd"])
@pytest.mark.parametrize("bias", ["none", "norm", "learned"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_velocity_is_the_equation_of_theory_4(activation, bias, rule):
    """Oracle: dm/dt and dq/dt written with P, Γ, V as on the theory page, without K or S."""
    flow = flow_of(
        f"attention.activation={activation}",
        f"attention.bias={bias}",
        f"training={{rule='{rule}', learning_rate=0.7, batch_size=2, weight_decay=0.3}}",
    )
    m, q = np.array(OVERLAP), np.array(SELF_OVERLAP)
    moments = moments_of(flow, rule == "sgd")
    P, G = moments.overlap_gradient, moments.self_overlap_gradient
    if bias == "norm":
        G = G - np.diag(moments.bias_gradient) / 2
    dm = -(P + 2 * G @ m) - 0.3 * m
    dq = -(P @ m.T + m @ P.T + 2 * G @ q + 2 * q @ G) - 0.6 * q
    if rule == "sgd":
        dq += 0.35 * moments.gradient_covariance
    velocity = flow.velocity(flow.initial_state, flow.gradient_of(moments))
    np.testing.assert_allclose(velocity["overlap"], dm, atol=1e-13)
    np.testing.assert_allclose(velocity["self_overlap"], dq, atol=1e-12)


@pytest.mark.parametrize("rule", ["gradient-flow", "sgd"])
@pytest.mark.parametrize("learned", ["norm", "learned"])
def test_velocity_is_the_derivative_of_the_state(learned, rule):
    """Oracle: central differences of m, q, β and u along the flow, SGD's without its noise."""
    flow = flow_of(
        "attention.activation=softmax-1",
        f"attention.bias={learned}",
        "attention.head_weights=learned",
        f"training={{rule='{rule}', learning_rate=1e-9, bias_rate=0.4, head_weight_rate=1.7}}",
    )
    y = flow.initial_state
    moments = moments_of(flow, rule == "sgd")
    velocity, step = flow.velocity(y, flow.gradient_of(moments)), 1e-4 * flow.derivative(0.0, y)
    (ahead, _), (behind, _) = flow.unpack(y + step), flow.unpack(y - step)
    for name, derivative in velocity.items():
        difference = (ahead.state[name] - behind.state[name]) / 2e-4
        assert np.abs(difference).max() > 1e-3
        np.testing.assert_allclose(derivative, difference, atol=1e-7)


@pytest.mark.parametrize("bias", ["none", "norm", "learned"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_risk_falls_at_the_rate_of_the_squared_velocity(activation, bias):
    """Theory 7: dE/dt = −‖dy/dt‖² in gradient flow. Oracle: central difference of the risk."""
    flow = flow_of(
        f"attention.activation={activation}",
        f"attention.bias={bias}",
        "expectation.tolerance=1e-12",
        *["attention.head_weights=learned"] * (activation != "bayes-softmax"),
    )
    y = flow.initial_state + 0.1 * np.random.default_rng(0).normal(size=flow.initial_state.size)
    velocity = flow.derivative(0.0, y)

    def risk(step):
        return flow.risk(flow.state(y + step * velocity))

    step = 1e-3  # error of the difference: step², times a third derivative of order one
    slope = (risk(step) - risk(-step)) / (2 * step)
    assert slope == pytest.approx(-velocity @ velocity, rel=1e-5)


REFERENCE = {  # two independent routes agree on all digits
    "softmax": (
        0.56033254244,
        [[0.0202403, 0.0579098], [0.0025126, 0.0507442]],
        [0.0078558, 0.0349032, 0.0657369],
    ),
    "softmax-1": (
        0.65041685427,
        [[0.0387705, -0.0656774], [-0.0737779, 0.0186314]],
        [-0.0946822, -0.2339200, -0.0154768],
    ),
    "bayes-softmax": (0.50813926698, None, None),
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_reference_values(activation):
    result = op.evaluate(op.load(POINT, [f"attention.activation={activation}"]))
    risk, overlap, self_overlap = REFERENCE[activation]
    assert result.risk == pytest.approx(risk, abs=1e-9)
    assert result.bayes_risk == pytest.approx(0.43115390854, abs=1e-9)
    if overlap is not None:
        dq = result.velocity["self_overlap"]
        np.testing.assert_allclose(result.velocity["overlap"], overlap, atol=6e-8)
        np.testing.assert_allclose([dq[0, 0], dq[0, 1], dq[1, 1]], self_overlap, atol=6e-8)


def test_unspecialized_start_at_zero():
    """Theory 7: at K = 0, softmax, dm_hf/dt = (2u_h/L)(1 − 1/L) E[θ_f], and E = 1 − 1/L."""
    result = op.evaluate(
        op.load(POINT, ["initial.overlap=[[0,0],[0,0]]", "initial.self_overlap=[[0,0],[0,0]]"])
    )
    mean = 0.4 * np.array([1.5, 0.2]) + 0.6 * np.array([-0.5, 1.8])
    assert result.risk == pytest.approx(0.75, abs=1e-10)
    expected = np.tile(2 * 0.5 / 4 * 0.75 * mean, (2, 1))
    np.testing.assert_allclose(result.velocity["overlap"], expected, atol=1e-9)


def test_growth_of_head_differences_around_zero():
    """Theory 7: with E[θ] = 0 differences between heads grow at (2u(1−1/L)(1−2/L)/L) T."""
    small = 1e-4
    problem = op.load(
        {
            "task": {"length": 5, "signal": {"kind": "flipped-spikes", "strengths": [4.0, 1.0]}},
            "attention": {"heads": 2},
            "initial": {"kind": "explicit", "overlap": [[small, small], [-small, -small]]},
            "expectation": {"tolerance": 1e-12},
        }
    )
    rates = op.evaluate(problem).velocity["overlap"] / small
    second_moment = np.array([2.0, 0.5])  # of ±2 e_1, ±e_2, four points
    expected = 2 * 0.5 * (1 - 1 / 5) / 5 * (1 - 2 / 5) * second_moment
    np.testing.assert_allclose(rates, [expected, -expected], rtol=1e-5)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@settings(max_examples=15, deadline=None)
@given(numbers=st.lists(st.floats(-2, 2), min_size=12, max_size=12))
def test_the_flow_commutes_with_its_symmetries(activation, numbers):
    """Theory 7: permute heads; flip a feature together with θ."""
    flow = flow_of(f"attention.activation={activation}", "expectation.tolerance=1e-6")
    y = np.array(numbers)[: flow.initial_state.size]
    signal = [
        {"mean": [c["mean"][0], -c["mean"][1]], **{k: c[k] for k in c if k != "mean"}}
        for c in SIGNAL["components"]
    ]
    written = str(signal).replace("': ", "' = ")
    flipped = flow_of(
        f"attention.activation={activation}",
        "expectation.tolerance=1e-6",
        f"task.signal={{kind = 'mixture', components = {written}}}",
    )
    derivative = flow.derivative(0.0, y).reshape(2, 2, 2)
    state = y.reshape(2, 2, 2)  # overlap and residual, head, direction
    swapped = np.ascontiguousarray(state[:, ::-1])
    np.testing.assert_allclose(
        flow.derivative(0.0, swapped.ravel()).reshape(2, 2, 2)[:, ::-1], derivative, atol=1e-12
    )
    sign = np.ones((2, 2, 2))
    sign[0, :, 1] = -1
    np.testing.assert_allclose(
        flipped.derivative(0.0, (sign * state).ravel()).reshape(2, 2, 2),
        sign * derivative,
        atol=1e-12,
    )


QUICK = ["training.duration=40", "output.points=30"]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("engine", ["quadrature", "sampling"])
def test_risk_never_rises_in_gradient_flow(activation, engine):
    trajectory = op.solve(
        op.load(
            "two-stage",
            [
                *QUICK,
                f"attention.activation={activation}",
                f"expectation={{engine='{engine}', samples=4096, tolerance=1e-7}}",
            ],
        )
    )
    assert trajectory.status == "finished"
    assert np.diff(trajectory.risk).max() < 1e-6
    assert trajectory.risk[-1] < trajectory.risk[0] - 0.05
    assert trajectory.risk.min() > trajectory.bayes_risk


@pytest.mark.parametrize("rule", ["gradient-flow", "sgd"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_equal_heads_stay_equal_for_the_whole_run(activation, rule):
    """Where a random start would have specialized long since: no rounding drives heads apart."""
    equal = "initial={kind='explicit', overlap=[[0.4, 0.1], [0.4, 0.1], [-0.1, 0.3]]}"
    problem = op.load(
        POINT,
        [
            equal,
            "attention.heads=3",
            f"attention.activation={activation}",
            f"training={{rule='{rule}', learning_rate=0.1, duration=1000}}",
            "expectation={tolerance=1e-6, samples=1024}",
            "output.points=5",
        ],
    )
    trajectory = op.solve(problem)
    np.testing.assert_array_equal(trajectory.overlap[:, 0], trajectory.overlap[:, 1])
    np.testing.assert_allclose(
        trajectory.self_overlap[:, 0], trajectory.self_overlap[:, 1], atol=1e-12
    )
    assert np.abs(trajectory.overlap[-1, 0] - trajectory.overlap[-1, 2]).max() > 0.1


def test_all_integrators_agree():
    runs = {
        method: op.solve(op.load("single-head", [f"integrator.method={method}", *QUICK]))
        for method in ("LSODA", "RK45", "DOP853", "Radau", "BDF", "RK23")
    }
    for run in runs.values():
        assert run.statistics["right_hand_sides"] > 0
        np.testing.assert_allclose(run.overlap, runs["DOP853"].overlap, atol=2e-5)


@pytest.mark.slow
def test_the_tolerance_of_the_expectations_does_not_move_the_default_run():
    """Neither split of the heads may be a matter of errors: both runs fall on the same pixels."""
    coarse, fine = (
        op.solve(op.load("two-stage", [f"expectation.tolerance={tolerance}"]))
        for tolerance in (1e-6, 1e-10)
    )
    assert coarse.status == "finished"
    assert coarse.statistics["right_hand_sides"] < 1000
    np.testing.assert_allclose(coarse.overlap, fine.overlap, rtol=0, atol=1e-4)
    np.testing.assert_allclose(coarse.risk, fine.risk, rtol=0, atol=1e-6)


def test_stored_times_do_not_change_the_path():
    few = op.solve(op.load("two-stage", ["training.duration=40", "output.points=3"]))
    many = op.solve(op.load("two-stage", ["training.duration=40", "output.points=101"]))
    np.testing.assert_array_equal(few.time, many.time[::50])
    np.testing.assert_array_equal(few.overlap, many.overlap[::50])


def test_small_learning_rates_approach_gradient_flow():
    """(m, S) against K: two integrations of different equations, equal to O(γ)."""
    start = (
        "initial={kind='explicit', overlap=[[0.5, 0.1], [0.1, 0.4]], "
        "self_overlap=[[0.4, 0.1], [0.1, 0.5]]}"
    )
    flow = op.solve(op.load(POINT, [*QUICK, start]))
    for rate in (1e-2, 1e-3):
        sgd = op.solve(
            op.load(
                POINT,
                [
                    *QUICK,
                    start,
                    f"training.learning_rate={rate}",
                    "training.rule=sgd",
                    "expectation.samples=1024",
                ],
            )
        )
        assert np.abs(sgd.self_overlap - flow.self_overlap).max() < 10 * rate
        assert np.abs(sgd.self_overlap - flow.self_overlap).max() > 0.01 * rate


class Broken:
    """An engine whose risk turns into NaN after some calls."""

    name = "broken"

    def __init__(self, calls):
        self.left = calls

    def evaluate(self, weights, bias, head_weights, *, gradient_covariance=False):
        heads = len(weights)
        ones = np.ones((heads, heads))
        value = self.risk(weights, bias, head_weights).value
        return Moments(value, np.ones((heads, 3)), ones, ones[0], ones[0], None, 0.0, self.name)

    def risk(self, weights, bias, head_weights):
        self.left -= 1
        return Risk(np.nan if self.left < 0 else 1.0, 0.0, self.name)


@pytest.mark.parametrize("method", ["LSODA", "RK45", "BDF"])
def test_a_nan_stops_the_run_and_keeps_what_it_had(monkeypatch, method):
    monkeypatch.setattr(model, "make_engine", lambda *_: Broken(200))
    trajectory = op.solve(op.load("two-stage", [f"integrator.method={method}"]))
    assert trajectory.status == "failed"
    assert "not finite" in trajectory.message
    assert 0 < len(trajectory.time) < 200
    assert np.isfinite(trajectory.overlap).all()


@pytest.mark.parametrize("spacing", ["linear", "log"])
def test_a_run_ends_at_its_duration(spacing):
    settings = ["training.duration=3.7", f"output={{points=9, spacing='{spacing}'}}"]
    trajectory = op.solve(op.load(POINT, settings))
    np.testing.assert_array_equal(trajectory.time[[0, -1]], [0.0, 3.7])


def test_random_heads_are_gaussian_vectors():
    """Oracle: moments of k·k'/D of i.i.d. N(0, v) vectors: mean v δ, variance v² (1 + δ)/D.

    D is small, so that the F directions that the overlaps take from it count.
    """
    dimension, features, heads, variance, draws = 12, 5, 3, 0.7, 20_000
    squares = []
    for seed in range(draws):
        drawn = draw_vectors(seed, variance, dimension, heads, features)
        weights = np.concatenate(drawn, axis=1)
        squares.append(weights @ weights.T)
    squares, same = np.array(squares), np.eye(heads)
    spread = variance * np.sqrt((1 + same) / dimension)
    np.testing.assert_allclose(
        squares.mean(0), variance * same, atol=4.5 * spread.max() / draws**0.5
    )
    np.testing.assert_allclose(squares.std(0), spread, rtol=0.04)


def test_limits_of_steps_and_time():
    problem = op.load("two-stage", ["integrator.max_steps=2"])
    assert "integrator.max_steps = 2" in op.solve(problem).message
    assert "limit of 1e-09 seconds" in op.solve(op.load("two-stage"), max_seconds=1e-9).message
    assert IntegratorConfig().max_steps == 100_000


@pytest.mark.parametrize("times", [[0.0, 2.0, 1.0], [1.0, 2.0], [0.0], "soon", [0.0, np.inf], []])
def test_times_that_were_asked_for_increase_from_zero(times):
    with pytest.raises(ConfigurationError, match="increasing from 0"):
        op.solve("single-head", times=times)


def test_times_may_be_a_plain_list():
    assert op.solve("single-head", times=[0, 1, 2.5]).time.tolist() == [0.0, 1.0, 2.5]
