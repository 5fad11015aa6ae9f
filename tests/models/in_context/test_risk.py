"""The population risk: against plain quadrature, closed forms, differences and expansions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from orderparams.models.in_context.risk import by_closed_form, by_tables
from orderparams.models.in_context.setup import Prompts

NOISE = np.array([0.1**0.5])


def one_task(length=40, size=5):
    return Prompts(length, np.array([float(size)]), np.array([[1.0]]), NOISE)


def test_one_task():
    """Oracle: risk and gradient of another program (direct quadrature, differences of it)."""
    key_query = np.array([[0.15], [-0.2], [0.05]])
    found = by_tables(one_task(), key_query, np.array([[1.5], [-1.8], [0.4]]))
    assert_allclose(found.risk, [0.22994921139], atol=2e-10)
    assert_allclose(found.key_query.T, [[-0.92686922, 1.04401232, -0.24803767]], atol=1e-8)
    assert_allclose(found.output.T, [[-0.08743888, 0.12588744, -0.02543989]], atol=6e-9)


def test_best_single_head():
    """Oracle: the optimum of another program; there the gradient vanishes."""
    best = np.array([[0.5179044788]]), np.array([[1.4970891993]])
    found = by_tables(one_task(), *best)
    assert_allclose(found.risk, [0.3039631733], atol=1e-9)
    assert abs(found.key_query[0, 0]) < 1e-6
    assert abs(found.output[0, 0]) < 1e-6


def test_uniform_attention():
    """Oracle: E = 1 + (1 + σ²)(Σμ)²/N at ω = 0, dE/dω = −2 (1 − 1/N) μ."""
    output = np.array([[0.7], [0.5]])
    found = by_tables(one_task(), np.zeros((2, 1)), output)
    assert_allclose(found.risk, [1 + 1.1 * 1.2**2 / 40], atol=1e-8)
    assert_allclose(found.key_query, -2 * (1 - 1 / 40) * output, atol=1e-6)


@pytest.mark.parametrize("size", [5, 20])
def test_pairs_near_debiased_gradient_descent(size):
    """Oracle: E_dGD = (1 + D)/(N + D) as ω → 0 at 2μω = N/(N + D), and c₂ of the expansion."""
    length, effective = 40, size * 1.1
    step, n = length / (length + effective), length - 1
    key = 0.02
    found = by_tables(
        one_task(length, size),
        np.array([[key], [-key]]),
        step / (2 * key) * np.array([[1.0], [-1.0]]),
    )
    debiased = (1 + effective) / (length + effective)
    slope = -4 * (size + 2) * n / (length * (length + effective) ** 2)
    assert_allclose(found.risk[0] - debiased, slope * key**2, atol=5e-6)


def test_two_tasks():
    """Oracle: risks and gradient of another program (direct quadrature, differences of it)."""
    prompts = Prompts(40, np.array([5.0, 5.0]), np.eye(2), np.repeat(NOISE, 2))
    key_query, output = np.array([[0.2, -0.05], [-0.1, 0.25]]), np.array([[1, 0.3], [-0.6, 0.9]])
    found = by_tables(prompts, key_query, output)
    assert_allclose(found.risk, [0.58224043074, 0.68672768369], atol=1e-7)
    slopes = [[-1.3260563, -0.5015970], [0.7860010, -1.1963989]]
    assert_allclose(found.key_query, slopes, atol=1e-6)
    assert_allclose(found.output, [[-0.2471974, 0.1398037], [0.1433112, -0.2950384]], atol=1e-6)


def test_linear_attention():
    """Oracles: E = 1 − 2η + η²(N + 1 + D)/N, and differences of the risk."""
    prompts = one_task()
    found = by_closed_form(prompts, np.array([[0.5]]), np.array([[1.4]]))
    assert_allclose(found.risk, [1 - 1.4 + 0.49 * (41 + 5.5) / 40])
    prompts = Prompts(7, np.array([2.0, 3.0]), np.array([[1, 0.2], [0, 3]]), np.array([0.1, 0.7]))
    drawn = np.random.default_rng(1)
    key_query, output = drawn.standard_normal((3, 2)), drawn.standard_normal((3, 2))
    move = drawn.standard_normal((3, 2)), drawn.standard_normal((3, 2))
    found = by_closed_form(prompts, key_query, output)
    slope = (found.key_query * move[0]).sum() + (found.output * move[1]).sum()
    above, below = (
        by_closed_form(prompts, key_query + step * move[0], output + step * move[1]).risk.sum()
        for step in (1e-5, -1e-5)
    )
    assert_allclose((above - below) / 2e-5, slope, rtol=1e-7)


def test_linear_attention_by_sampling():
    """Oracle: prompts drawn in d dimensions, two tasks that share a block."""
    prompts = Prompts(6, np.array([2.0, 3.0]), np.array([[1, 0.2], [0, 3]]), np.array([0.1, 0.7]))
    gain = np.array([[0.4, 0.1], [0.2, 0.5]])
    expected = by_closed_form(prompts, gain, np.eye(2)).risk
    drawn, count = np.random.default_rng(3), 100_000
    inputs, query = drawn.standard_normal((count, 6, 5)), drawn.standard_normal((count, 5))
    block = np.array([0, 0, 1, 1, 1])
    for j in range(2):
        beta = drawn.standard_normal((count, 5)) * np.sqrt(prompts.variances[j, block])
        labels = np.einsum("nid,nd->ni", inputs, beta)
        labels += prompts.noise[j] * drawn.standard_normal((count, 6))
        answer = np.einsum("nid,nd,ni->n", inputs, query * gain[j, block], labels) / 6
        loss = ((beta * query).sum(1) - answer) ** 2
        assert abs(loss.mean() - expected[j]) < 4 * loss.std() / count**0.5
