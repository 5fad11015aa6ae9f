"""The parts of which claims are made, against what is known otherwise."""

import dataclasses
import types

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import erf

import orderparams as op
from orderparams.claims import (
    bayes_optimality,
    elementwise_attention,
    excursion,
    in_context_heads,
    in_context_length,
    in_context_tasks,
    linear_attention,
    long_sequences,
    noise_floor,
    redundancy,
    select,
    sgd,
    specialization,
)
from orderparams.results.trajectory import Trajectory


@pytest.mark.parametrize(("length", "strength"), [(2, 1.0), (7, 3.0), (50, 9.0)])
def test_the_best_linear_attention_has_the_risk_of_the_closed_form(length, strength):
    """Duranthon et al. (arXiv:2509.21936): L(L−1)/(L² + (L−1)ν)."""
    formula = length * (length - 1) / (length**2 + (length - 1) * strength)
    assert linear_attention.best_linear_risk(length, strength) == pytest.approx(formula, abs=1e-14)


@pytest.mark.parametrize(
    ("length", "strength", "risk"), [(2, 1.0, 0.3249432977), (50, 9.0, 0.3399377202)]
)
def test_softmax_on_one_spike(length, strength, risk):
    """Theory 7, from independent routes."""
    found = linear_attention.one_head_on_one_spike(length, strength)
    assert found.risk == pytest.approx(risk, abs=2e-10)


@pytest.mark.parametrize(("activation", "limit"), [("softmax", 1 / 3), ("softmax-1", 3 / 16)])
def test_the_noise_floor_is_that_of_the_closed_form(activation, limit):
    """Logits of the signal token are about log ν at the optimum, so that those of noise tokens have
    the variance (log ν)²/ν, which is the order of what is left."""
    for strength in (1e4, 1e6):
        left = noise_floor.best_scale(activation, strength, "none")[1] - limit
        assert 0 < left < np.log(strength) ** 2 / strength


def test_the_better_of_two_minima_is_found():
    """Softmax-1 with the norm bias at ν = 36: at small c the risk cannot be below 0.018, and c = 1
    beats that."""
    scale, risk = noise_floor.best_scale("softmax-1", 36.0, "norm")
    assert 1.0 < scale < 1.1
    assert risk == pytest.approx(0.0036, abs=5e-5)


def test_free_biases_are_never_worse():
    """Sets of heads that contain one another: no bias and the norm's without residual are special
    cases of learned biases; symmetric heads are one of free heads."""
    learned, none, norm = (
        noise_floor.trained(4.0, bias)[0] for bias in ("learned", "none", "norm")
    )
    assert learned < min(none, norm)
    assert norm <= noise_floor.best_scale("softmax-1", 4.0, "norm")[1] + 1e-8


def test_a_head_a_point_is_bayes_optimal_and_one_less_is_not():
    name, signal = bayes_optimality.SUPPORTS[2]
    assert abs(bayes_optimality.excess_on_support(name, signal, 4)) < 1e-9
    fewer = dataclasses.replace(signal, means=signal.means[:3])
    assert bayes_optimality.excess_on_support(name, fewer, 4) > 0.01


def test_the_gaussian_gap_shrinks():
    assert bayes_optimality.gaussian_gap(1) > bayes_optimality.gaussian_gap(2) > 0


def test_rates_from_nothing_are_those_of_theory_7():
    predicted, measured = specialization.growth_from_nothing()
    np.testing.assert_allclose(predicted, [0.1875, 0.12, 0.046875])
    np.testing.assert_allclose(measured, predicted, rtol=1e-3)


def test_a_mode_that_is_not_there_has_no_rate():
    nothing = types.SimpleNamespace(unstable=(), growth=())
    rate, growth = specialization.parting(nothing, (), "2")
    assert np.isnan(rate)
    assert np.isnan(growth.rate)


def test_long_sequences_far_from_the_transition():
    """At c = 3 the position is found, at c = 0.2 it is not; e^ν/L where L is large."""
    assert long_sequences.risk_at(3.0, 10**5) < 1e-3
    assert long_sequences.risk_at(0.2, 10**6) > 0.999
    left = 1e6 * (1 - long_sequences.risk(10**6, 1.0))
    assert left == pytest.approx(np.e, rel=1e-4)


def test_heads_are_counted_by_their_largest_overlap():
    overlap = np.array([[2.0, 0.1], [0.3, 1.0], [0.5, 0.4]])
    assert excursion.followers(overlap, 0) == "1, 3"
    assert excursion.followers(overlap, 1) == "2"


def test_copies_and_their_price():
    """Softmax takes the mean over heads: four copies of each of two heads have the risk of the two,
    and so have any equal numbers of both."""

    def problem(overlap):
        return op.load(
            "flipped-spikes",
            [
                "task.signal={kind='spikes', strengths=[9.0, 9.0]}",
                f"attention={{heads={len(overlap)}, activation='softmax'}}",
                f"initial={{kind='explicit', overlap={overlap.tolist()}}}",
            ],
        )

    pair = 3.0 * np.eye(2)
    overlap = np.repeat(pair, 4, axis=0)
    inner = overlap @ overlap.T
    state = {"overlap": overlap[None], "self_overlap": inner[None]}
    run = Trajectory(problem(overlap), np.zeros(1), state, np.zeros(1))
    curve = redundancy.pruning_curve(run)
    expected = op.evaluate(problem(pair)).risk
    np.testing.assert_allclose(curve[[0, 2, 4, 6]], expected, atol=1e-7)
    assert curve[7] > 1.2 * expected


@pytest.mark.slow
def test_the_flow_without_noise_is_rejected_at_a_large_learning_rate():
    """A theory that is known to be wrong must be refused, and the right one not."""
    problem = sgd.problem_of("softmax", 5.0)
    made = sgd.replicas(problem, (60, 240))
    right = sgd.against(problem, made)
    wrong = sgd.against(sgd.problem_of("softmax", 5.0, "gradient-flow"), made)
    assert right.comparison.least_pvalue > 0.001
    assert wrong.comparison.least_pvalue < 1e-6


def test_growth_of_heads_from_the_origin():
    """The rates of the derivation: 0.87207, and 0.81880 of the sum of two heads."""
    np.testing.assert_allclose(in_context_heads.closed_rates(2), [0.87207, 0.81880], atol=5e-6)
    np.testing.assert_allclose(in_context_heads.closed_rates(4)[1], 0.76898, atol=5e-6)


def test_which_starts_get_stuck_by_linear_growth():
    """Equal heads stay together, opposite ones part; where only the sum is larger at first, the
    faster growth of differences decides."""

    def run(key_query, output):
        state = {"key_query": np.array(key_query)[None], "output": np.array(output)[None]}
        return Trajectory(op.load("in-context-pairs"), np.zeros(1), state, np.zeros(1))

    assert in_context_heads.one_sign(run([[0.01], [0.01]], [[0.02], [0.02]]))
    assert not in_context_heads.one_sign(run([[0.01], [-0.01]], [[0.02], [-0.02]]))
    early = run([[1e-9], [1e-12]], [[2.2e-9], [1e-12]])
    assert not in_context_heads.one_sign(early)


@pytest.mark.parametrize(("tasks", "heads"), [(2, 2), (3, 2), (3, 3), (2, 3)])
def test_the_superposition_law_is_the_best_of_its_rank(tasks, heads):
    """(p + D)/(Np + D) against a descent over all gains of rank H − 1."""
    least = in_context_tasks.shared((1.0,) * tasks, heads - 1)
    np.testing.assert_allclose(least.mean(), in_context_tasks.law(tasks, heads), rtol=1e-6)


def test_linear_attention_at_the_length_of_training():
    """(1 + D)/(N + 1 + D) at its best gain, and the published 165 at N' = 640."""
    best, length = 40 / 46.5, np.array([40.0, 640.0])
    found = in_context_length.linear_risk(best, length, np.full(2, 40.0))
    np.testing.assert_allclose(found[0], 6.5 / 46.5)
    assert found[1] == pytest.approx(165, abs=0.5)
    gain = 40 / 45.5
    assert in_context_length.debiased(gain, 40) == pytest.approx(6.5 / 45.5)


@pytest.mark.parametrize("name", ["C5", "C9", "I3", "I8", "X2", "X3", "X13", "N1"])
def test_the_quick_claims_hold(name):
    (claim,) = select((name,))
    evidence = claim.run()
    assert [check for check in evidence.checks if not check.holds] == []


def test_the_best_erf_attention_is_that_of_a_plain_search():
    """Gauss–Hermite quadrature and a search without derivatives; ν = 4, L = 4."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()

    def risk(x):
        key, bias, weight, constant = x
        noise, signal = (
            constant + weight * erf(key * (nodes + shift) + bias) for shift in (0.0, 2.0)
        )
        return 3 * weights @ noise**2 + weights @ (signal - 1) ** 2

    options = {"xatol": 1e-9, "fatol": 1e-14, "maxiter": 4000}
    plain = minimize(risk, [0.8, -1.3, 0.5, 0.5], method="Nelder-Mead", options=options)
    settings = (*elementwise_attention.ERF, "initial.bias=[-1.6]")
    found = elementwise_attention.descend(4.0, 0.8, settings)
    assert found == pytest.approx(plain.fun, abs=1e-9)
