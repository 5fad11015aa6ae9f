"""The risk as a function of what is learned, for a polynomial. Oracles: differences of the risk."""

from types import SimpleNamespace

import numpy as np
import pytest
from models.vectors.polynomial import CHARGE, F, N, expectations, flow_of, risk, start_of

from orderparams.models.vectors import landscape as module
from orderparams.models.vectors.flow import Rule
from orderparams.models.vectors.geometry import Vectors
from orderparams.models.vectors.landscape import Landscape, differentiate

GENERATOR = np.random.default_rng(4)
WEIGHTS = GENERATOR.standard_normal((N, F + N))
LEARNED = Rule(weight_decay=0.3, rates={"charge": 0.6})


@pytest.fixture
def landscape(monkeypatch):
    """A landscape of the polynomial by its rule and the number of directions outside."""

    def make(rule, residual, **options):
        model = SimpleNamespace(
            descent=lambda problem, tolerance: flow_of(rule, tolerance=tolerance)
        )
        monkeypatch.setattr(module, "model_of", lambda problem: model)
        return Landscape(None, residual=residual, **options)

    return make


def value(x, rule, residual):
    """E(x) + λ|K|²/2 written out: K row by row, then the charge over the root of its rate."""
    weights = x[: N * (F + residual)].reshape(N, F + residual)
    charge = x[N * (F + residual) :] * 0.6**0.5 if rule.rates else CHARGE
    return risk(weights[:, :F], weights @ weights.T, charge) + 0.15 * (weights**2).sum()


@pytest.mark.parametrize("residual", [N, 1, 0])
@pytest.mark.parametrize("rule", [LEARNED, Rule(weight_decay=0.3)], ids=["learned", "held"])
def test_value_gradient_and_hessian_are_those_of_the_risk(landscape, rule, residual):
    found = landscape(rule, residual)
    x = GENERATOR.standard_normal(N * (F + residual) + N * len(rule.rates))
    energy, gradient = found.value_and_gradient(x)
    assert energy == pytest.approx(value(x, rule, residual))
    assert energy == pytest.approx(found.risk(x) + found.penalty(x))
    np.testing.assert_array_equal(found.gradient(x), gradient)
    steps = 1e-4 * np.eye(len(x))
    slopes = [(value(x + e, rule, residual) - value(x - e, rule, residual)) / 2e-4 for e in steps]
    np.testing.assert_allclose(gradient, slopes, atol=1e-5)
    hessian = found.hessian(x)
    np.testing.assert_array_equal(hessian, hessian.T)
    rows = [(found.gradient(x + e) - found.gradient(x - e)) / 2e-4 for e in steps]
    np.testing.assert_allclose(hessian, rows, atol=1e-4)


def test_a_direction_outside_of_all_vectors_has_the_transverse_hessian(landscape):
    """Oracle: the Hessian by the components in a direction in which no vector has a part."""
    found = landscape(LEARNED, 2)
    x = GENERATOR.standard_normal(N * (F + 2) + N)
    last = np.arange(N) * (F + 2) + F + 1
    x[last] = 0.0
    np.testing.assert_allclose(found.transverse(x), found.hessian(x)[np.ix_(last, last)], atol=1e-5)


@pytest.mark.parametrize("residual", [N, 1, 0])
def test_points_and_vectors(landscape, residual):
    """Also of a residual with more directions than are kept: the largest of them."""
    found = landscape(LEARNED, residual)
    x = found.point(start_of(GENERATOR.standard_normal((N, 9))))
    vectors = found.vectors(x)
    assert vectors.residual.shape == (N, N)
    np.testing.assert_allclose(vectors.numbers["charge"], CHARGE)
    again = found.point(vectors)
    sizes = [np.linalg.svd(found.vectors(point).residual)[1] for point in (x, again)]
    np.testing.assert_allclose(*sizes, atol=1e-13)
    np.testing.assert_allclose(found.risk(x), expectations(vectors, False).risk)
    whole = Vectors(WEIGHTS[:, :F], WEIGHTS[:, F:], {"charge": CHARGE})
    kept = found.vectors(found.point(whole)).residual
    left, values, right = np.linalg.svd(whole.residual)
    best = (left * np.where(np.arange(N) < residual, values, 0.0)) @ right
    np.testing.assert_allclose(kept @ kept.T, best @ best.T, atol=1e-12)


def test_points_in_a_stack_are_divided_as_each_is(landscape):
    found = landscape(LEARNED, 2)
    stack = GENERATOR.standard_normal((2, 3, N * (F + 2) + N))
    weights, numbers = found.split(stack)
    for place in np.ndindex(2, 3):
        own, learned = found.split(stack[place])
        np.testing.assert_array_equal(weights[place], own)
        np.testing.assert_array_equal(numbers[place], learned)


def test_what_is_not_learned_has_no_unit_and_the_tolerance_is_handed_on(landscape):
    held = landscape(Rule(rates={"charge": 0.0}), N)
    assert held.units == {}
    assert len(held.point(start_of(GENERATOR.standard_normal((N, 9))))) == N * (F + N)
    assert held.flow.tolerance == 1e-10
    assert landscape(LEARNED, N, tolerance=1e-3).flow.tolerance == 1e-3


def test_a_jacobian_is_made_symmetric():
    matrix = np.array([[1.0, 2.0], [4.0, 3.0]])
    np.testing.assert_allclose(differentiate(lambda x: matrix @ x, np.ones(2)), [[1, 3], [3, 3]])


def test_landscapes_of_one_problem_share_their_expectations(monkeypatch):
    """One flow a tolerance, whatever the residual; where there is none to ask for, one for all."""
    made = []

    def descent(problem, tolerance):
        made.append(tolerance)
        return flow_of(LEARNED, tolerance=tolerance if problem == "exact" else np.inf)

    monkeypatch.setattr(module, "model_of", lambda problem: SimpleNamespace(descent=descent))
    for problem, times in (("exact", 2), ("sampled", 1)):
        made.clear()
        landscape = Landscape(problem)
        others = [landscape.with_residual(0), landscape.with_residual(1).rough, landscape.rough]
        assert len(made) == times
        assert [other.residual for other in others] == [0, 1, N]
        assert others[0].flow is landscape.flow
        assert others[1].flow is others[2].flow
    assert landscape.rough.tolerance == module.ROUGH
