"""Oracles: the direct simulation in distribution, theory 4 in the mean, linear algebra."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from oracle import oracle_moments
from scipy import stats
from simulation_cases import CASES, HEADS, SIGNAL, Case, ensemble
from simulation_oracles import FALSE_ALARM, least_pvalue

from orderparams.errors import ConfigurationError
from orderparams.models.single_location.sgd import UpdateRule, build_model
from orderparams.models.vectors import direct, gram

REPLICAS = 4000


def outcomes(backend, case: Case, seed: int, dimension: int | None = None):
    """Order parameters of independent runs, (REPLICAS, parameters); those that are fixed left out.

    m, q, β, u and the mean loss, each once: the norm bias repeats q, q is symmetric.
    """
    model, rule = build_model(case.task, case.activation), case.rule
    dimension = dimension or case.dimension
    results = []
    for child in np.random.SeedSequence(seed).spawn(REPLICAS):
        generator = np.random.Generator(np.random.SFC64(child))
        state = backend.start(
            model, rule, case.heads, case.variance, dimension, child.spawn(1)[0], generator
        )
        backend.advance(model, rule, state, dimension, generator, case.steps)
        overlap, self_overlap = backend.measure(state, model.features)
        parts = [overlap.ravel(), self_overlap[np.tril_indices(2)], state.loss]
        parts += [state.numbers.bias] * (rule.bias_rate > 0)
        parts += [state.numbers.head_weights] * (rule.head_weight_rate > 0)
        results.append(np.concatenate(parts))
    return np.array(results)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.slow
def test_has_the_law_of_the_direct_simulation(case: Case):
    assert least_pvalue(outcomes(direct, case, 1), outcomes(gram, case, 2)) > FALSE_ALARM


def test_a_wrong_number_of_degrees_of_freedom_would_be_seen():
    """The same learning rate per dimension in one dimension more: only the rest of S differs."""
    case = CASES["few dimensions, large steps"]
    rate = case.rule.learning_rate * (1 + 1 / case.dimension)
    wrong = dataclasses.replace(case, rule=case.rule._replace(learning_rate=rate))
    x = outcomes(direct, case, 1)
    assert least_pvalue(x, outcomes(gram, wrong, 2, case.dimension + 1)) < 1e-10


@pytest.mark.parametrize("target", ["token", "scalar"])
@pytest.mark.parametrize(
    "case", [CASES["softmax"], CASES["joint, batch"]], ids=["softmax", "joint"]
)
def test_one_step_is_the_flow(case: Case, target: str):
    """Mean change of m and q in one step at D = 10⁹ against E[…] of theory 4 on draws of its own.

    γ = B makes the V term as large as the drift. Corrections of second order are γ/D = 4e-6 of the
    effect and stay far below the standard error (about 1e-2). Welch's t, false alarm 1e-3 in all.
    """
    batch, dimension, length, noise = 4000, 10**9, 3, 0.5 * (target == "scalar")
    task = dataclasses.replace(case, target=target, noise=noise).task
    rule = UpdateRule(float(batch), batch, weight_decay=0.3, norm_bias=case.rule.norm_bias)
    model = build_model(task, case.activation)
    generator = np.random.Generator(np.random.SFC64(3))
    m, q = HEADS.overlap, HEADS.self_overlap
    simulated, expected = [], []
    for _ in range(60):
        seed = np.random.SeedSequence(0)
        state = gram.start(model, rule, HEADS, None, dimension, seed, generator)
        bias = state.numbers.bias.copy()
        gram.advance(model, rule, state, dimension, generator, 1)
        after = gram.measure(state, 2)
        change = np.concatenate([after[0] - m, after[1] - q], axis=1)
        simulated.append(change.ravel() * dimension / batch)

        component = generator.choice(2, size=batch, p=SIGNAL.weights)
        roots = np.linalg.cholesky(SIGNAL.covariances + 1e-30 * np.eye(2))[component]
        theta = generator.standard_normal((batch, 2, 1))
        moments = oracle_moments(
            generator.standard_normal((batch, length, 4)),
            SIGNAL.means[component] + (roots @ theta)[..., 0],
            np.full(batch, 1 / batch),
            HEADS.weights,
            bias,
            HEADS.head_weights,
            case.activation,
            target,
            noise,
        )
        growth = (moments.bias_gradient * rule.norm_bias - rule.weight_decay)[:, None]
        velocity = growth * HEADS.weights - moments.weights_gradient
        drift = velocity @ HEADS.weights.T
        flow = [velocity[:, :2], drift + drift.T + moments.gradient_covariance]
        expected.append(np.concatenate(flow, axis=1).ravel())
    pvalues = stats.ttest_ind(simulated, expected, equal_var=False).pvalue
    assert pvalues.min() * pvalues.size > 1e-3


def test_triangularize_keeps_the_gram_matrix():
    """a aᵀ to rounding, for any shape and rank."""
    generator = np.random.default_rng(0)
    for rows, columns, rank in [(4, 9, 4), (5, 3, 3), (3, 3, 1), (4, 6, 2), (1, 5, 1), (3, 4, 0)]:
        a = generator.standard_normal((rows, rank)) @ generator.standard_normal((rank, columns))
        out = a.copy()
        gram.triangularize(out)
        np.testing.assert_allclose(out @ out.T, a @ a.T, atol=1e-13)
        np.testing.assert_array_equal(np.triu(out, 1), 0.0)


def test_a_dimension_is_only_a_number():
    """D = 10¹², where a vector would not fit: in 1,000 steps of γ/D the overlaps hardly move."""
    case = CASES["two lengths, all learned"]
    replicas = ensemble(case, time=[0.0, 2e-9], dimension=10**12, replicas=2, seed=0)
    overlap = replicas.run().overlap
    np.testing.assert_allclose(overlap[:, 1], overlap[:, 0], atol=1e-7)
    assert (overlap[:, 1] != overlap[:, 0]).all()


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("softmax", 7),  # F + H + L
        ("two lengths, all learned", 8),  # F + H + the longest L
        ("joint, batch", 9),  # F + H + H for the batch so far + min(H+1, L)
        ("scalar, batch, all learned", 10),  # and one more for v*
    ],
)
def test_dimension_must_hold_what_a_step_draws(name: str, least: int):
    case = CASES[name]
    ensemble(case, time=[0.0, 9.0], dimension=least, replicas=1, seed=0).run()
    with pytest.raises(ConfigurationError, match=f"at least {least} .*'direct'"):
        ensemble(case, time=[0.0], dimension=least - 1, replicas=1, seed=0)
