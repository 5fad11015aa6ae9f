"""The flow of vectors in R^D for a risk that is a polynomial.

Oracles: vectors in R^D that are moved down the gradient of the risk, by central differences.
"""

import dataclasses

import numpy as np
import pytest
from models.vectors.polynomial import (
    CHARGE,
    VECTORS,
    D,
    F,
    N,
    expectations,
    flow_of,
    risk,
    start_of,
    state_of,
)

from orderparams.errors import ConfigurationError, SolverError
from orderparams.models.vectors.flow import Gradient, Rule, VectorFlow
from orderparams.models.vectors.geometry import Vectors, equal_vectors, residual_factor

LEARNED = {"charge": 1.7}
RULES = {
    "flow": Rule(weight_decay=0.3),
    "learned": Rule(weight_decay=0.3, rates=LEARNED),
    "sgd": Rule(stochastic=True, temperature=0.6, weight_decay=0.3, rates=LEARNED),
}


def moved(vectors, charge, rule, step):
    """Vectors and charges after a small step down the gradient, which is taken by differences."""

    def value(k, c):
        return risk(*state_of(k, c).values())

    slopes = np.zeros_like(vectors)
    for place in np.ndindex(vectors.shape):
        shift = np.zeros_like(vectors)
        shift[place] = 1e-4
        slopes[place] = (value(vectors + shift, charge) - value(vectors - shift, charge)) / 2e-4
    eye = 1e-4 * np.eye(N)
    push = np.array([value(vectors, charge + e) - value(vectors, charge - e) for e in eye]) / 2e-4
    rate = rule.rates.get("charge", 0.0)
    return vectors - step * (D * slopes + rule.weight_decay * vectors), charge - step * rate * push


@pytest.mark.parametrize("name", RULES)
def test_order_parameters_move_as_those_of_vectors(name):
    """SGD's noise adds (γ/B) V to dq/dt, and nothing else."""
    rule, step = RULES[name], 1e-5
    flow = flow_of(rule)
    ahead, behind = (state_of(*moved(VECTORS, CHARGE, rule, s)) for s in (step, -step))
    y = flow.initial_state
    velocity = flow.evaluate(y).velocity
    derivative = flow.derivative(0.0, y)
    along = {key: (flow.state(y + step * derivative)[key] - flow.state(y - step * derivative)[key])
             / (2 * step) for key in velocity}  # fmt: skip
    for key, found in velocity.items():
        expected = (ahead[key] - behind[key]) / (2 * step)
        if key == "self_overlap" and rule.stochastic:
            expected += 0.6 * (flow.state(y)[key] + 0.1)
        assert np.abs(expected).max() > 0.1
        np.testing.assert_allclose(found, expected, atol=1e-6)
        np.testing.assert_allclose(along[key], expected, atol=1e-6)
    assert velocity.keys() == flow.state(y).keys()


@pytest.mark.parametrize("name", RULES)
def test_a_state_and_its_point_are_the_same(name):
    flow, expected = flow_of(RULES[name]), state_of(VECTORS[::-1])
    found = flow.state(flow.point(expected))
    for key, values in found.items():
        np.testing.assert_allclose(values, expected[key], atol=1e-13)
    assert flow.risk(expected) == pytest.approx(
        risk(*(expected if name != "flow" else expected | {"charge": CHARGE}).values())
    )
    np.testing.assert_allclose(flow.point(flow.state(flow.initial_state)), flow.initial_state)
    for key, values in start_of(VECTORS).state.items():
        np.testing.assert_allclose(values, state_of(VECTORS)[key], atol=1e-14)


@pytest.mark.parametrize("name", ["flow", "sgd"])
def test_equal_vectors_have_one_copy_and_move_as_all(name):
    """Oracle: the same vectors, told apart by a rounding that is larger than the threshold."""
    rule = RULES[name]
    vectors, charge = VECTORS[[0, 1, 0]], CHARGE[[0, 1, 0]]
    apart = flow_of(rule, vectors, charge + np.array([0, 0, 1e-12]))
    with np.errstate(all="raise"):
        flow = flow_of(rule, vectors, charge)
    y, z = flow.initial_state, apart.initial_state
    n, free = len(rule.rates), 2 * 3 // 2 if rule.stochastic else 2 * N
    assert (len(y), len(z)) == (2 * F + free + 2 * n, N * F + (6 if rule.stochastic else 9) + N * n)
    one, other = flow.evaluate(y), apart.evaluate(z)
    for found, expected in ((flow.state(y), apart.state(z)), (one.velocity, other.velocity)):
        for key, values in found.items():
            np.testing.assert_allclose(values, expected[key], atol=1e-9)
            np.testing.assert_allclose(values[0].sum(), values[2].sum(), atol=1e-13)


def test_an_evaluation_holds_what_the_expectations_say():
    flow, plain = flow_of(RULES["sgd"]), flow_of(RULES["flow"])
    found, other = flow.evaluate(flow.initial_state), plain.evaluate(plain.initial_state)
    expected = expectations(start_of(VECTORS), True)
    assert found.risk == pytest.approx(expected.risk)
    assert (found.error, found.noise_error, found.engine) == (1e-3, 1e-2, "polynomial")
    assert (other.noise, other.noise_error) == (None, None)
    np.testing.assert_allclose(found.noise, expected.covariance, atol=1e-13)
    np.testing.assert_allclose(found.gradient["overlap"], expected.overlap, atol=1e-13)
    np.testing.assert_allclose(found.gradient["self_overlap"], expected.self_overlap, atol=1e-12)
    np.testing.assert_allclose(found.gradient["charge"], expected.numbers["charge"], atol=1e-13)
    assert set(other.gradient) == {"overlap", "self_overlap"}
    bare = Gradient(expected.risk, expected.overlap, expected.self_overlap, {})
    assert (bare.covariance, bare.error, bare.covariance_error, bare.engine) == (None, 0, 0, "")


def test_a_risk_by_itself_asks_for_no_covariance():
    asked = []

    def noted(vectors, covariance):
        asked.append(covariance)
        return expectations(vectors, covariance)

    flow = VectorFlow(start_of(VECTORS), noted, RULES["sgd"])
    flow.risk(state_of(VECTORS))
    flow.derivative(0.0, flow.initial_state)
    assert asked == [False, True]


def test_without_a_rule_vectors_follow_the_gradient_alone():
    flow, rule = flow_of(Rule()), Rule()
    assert (rule.stochastic, rule.temperature, rule.weight_decay, rule.rates) == (False, 0, 0, {})
    assert flow.evaluate(flow.initial_state).velocity.keys() == {"overlap", "self_overlap"}


def test_units_and_variances_stand_where_their_components_do():
    """y of SGD: m row by row, the lower triangle of S row by row, the charges."""
    flow = flow_of(RULES["sgd"], scales={"overlap": np.array([0.5, 0.2]), "charge": CHARGE})
    units, variances = flow.units, flow.variances
    np.testing.assert_array_equal(units, [0.5, 0.2] * N + [1.0] * 6 + CHARGE.tolist())
    np.testing.assert_array_equal(np.flatnonzero(variances), [6, 8, 11])
    plain = flow_of(RULES["learned"])
    np.testing.assert_array_equal(plain.units, np.ones(N * F + N * N + N))
    assert not plain.variances.any()


@pytest.mark.parametrize("wrong", [{"risk": np.inf}, {"overlap": np.full((N, F), np.nan)}])
def test_what_is_not_finite_is_told(wrong):
    def broken(*arguments):
        return dataclasses.replace(expectations(*arguments), **wrong)

    flow = VectorFlow(start_of(VECTORS), broken, RULES["flow"])
    with pytest.raises(SolverError, match="the expectations are not finite"):
        flow.derivative(0.0, flow.initial_state)
    flow = flow_of(RULES["flow"])
    with pytest.raises(SolverError, match="the state is not finite"):
        flow.derivative(0.0, np.where(np.arange(15) == 4, np.nan, flow.initial_state))
    with pytest.raises(SolverError, match="the overlaps are not finite"):
        flow.risk(state_of(VECTORS) | {"self_overlap": np.full((N, N), np.inf)})


def test_the_worst_error_is_kept():
    errors = iter((0.2, 0.5, 0.1))

    def uncertain(vectors, covariance):
        found = expectations(vectors, covariance)
        return Gradient(found.risk, found.overlap, found.self_overlap, {}, error=next(errors))

    flow = VectorFlow(start_of(VECTORS), uncertain, Rule())
    assert (flow.worst_error, flow.tolerance) == (0.0, np.inf)
    for worst in (0.2, 0.5, 0.5):
        flow.derivative(0.0, flow.initial_state)
        assert flow.worst_error == worst


def test_numbers_that_are_learned_too_fast_are_refused():
    flow = flow_of(RULES["learned"])
    flow.check_rates(10.0, 17.0)
    with pytest.raises(ConfigurationError, match=r"charge_rate = 1\.7, training\.duration = 11"):
        flow.check_rates(11.0, 17.0)


def test_a_residual_is_a_symmetric_square_root_without_rounding_below_zero():
    square = VECTORS @ VECTORS.T
    factor = residual_factor(square)
    np.testing.assert_allclose(factor @ factor, square, atol=1e-12)
    np.testing.assert_allclose(factor, factor.T, atol=1e-13)
    for scale, kept in (
        (0.1, [0, 0, 1, 1, 1]),
        (1.0, [0, 0, 1, 1, 1]),
        (100.0, [0, 0, 0, 0, 1]),
    ):
        values = np.array([-1e-16, 5e-15, 1.5e-14, 5e-13, scale])
        np.testing.assert_array_equal(np.diag(residual_factor(np.diag(values))) > 0, kept)


def test_vectors_are_equal_up_to_rounding_and_with_their_numbers():
    def groups(scale, difference, charges):
        overlap = np.array([[scale, 0.0], [scale + difference, 0.0], [0.0, scale]])
        vectors = Vectors(overlap, np.zeros((3, 3)), {"charge": np.array(charges)})
        first, group = equal_vectors(vectors)
        return first.tolist(), group.tolist()

    assert groups(1.0, 5e-15, [0.0, 0.0, 0.0]) == ([0, 2], [0, 0, 1])
    assert groups(1.0, 1.5e-14, [0.0, 0.0, 0.0]) == ([0, 1, 2], [0, 1, 2])
    assert groups(1.0, 5e-13, [0.0, 0.0, 0.0]) == ([0, 1, 2], [0, 1, 2])
    assert groups(100.0, 5e-13, [0.0, 0.0, 0.0]) == ([0, 2], [0, 0, 1])
    assert groups(0.01, 5e-15, [0.0, 0.0, 0.0]) == ([0, 2], [0, 0, 1])
    assert groups(1.0, 0.0, [0.0, 1e-12, 0.0]) == ([0, 1, 2], [0, 1, 2])
