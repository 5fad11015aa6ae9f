"""Risks to compare with: closed forms against minimisations, the Bayes risk, known values."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from orderparams.models.in_context import linear
from orderparams.models.in_context.references import bayes, debiased, references
from orderparams.models.in_context.setup import Prompts


def prompts(length=40, blocks=(5,), strengths=((1.0,),), noise=(0.1**0.5,)):
    return Prompts(length, np.array(blocks, float), np.array(strengths), np.array(noise))


def test_one_task():
    """Oracle: (1 + D)/(N + D), and with one example more for linear attention."""
    known = {name: one.value for name, one in references(prompts(), 2).items()}
    assert_allclose(known["debiased_gd_risk"], 6.5 / 45.5)
    assert_allclose(known["superposition_risk"], 6.5 / 45.5)
    assert_allclose(known["linear_gd_risk"], 6.5 / 46.5)
    assert known["zero_risk"] == 1.0


def test_linear_is_the_optimum_of_linear_attention():
    """Oracle: no gain near the best one has a smaller risk."""
    task = prompts(12, (2, 3), ((1.0, 0.5),), (0.4,))
    best = references(task, 1)["linear_gd_risk"].value
    size = linear.curvature(task)
    gain = task.strengths / size
    found = linear.by_closed_form(task, gain, np.ones((1, 1)))
    assert_allclose(found.risk[0], best)
    assert_allclose(found.key_query, 0, atol=1e-12)


def test_preconditioned_gradient_descent():
    """Oracle: the published example, v = (0.16, 0.04) on blocks of five."""
    task = prompts(40, (5, 5), ((0.8, 0.2),))
    assert_allclose(debiased(task), [0.21884], atol=5e-6)


@pytest.mark.parametrize(("heads", "risk"), [(2, 6.0 / 25.5), (3, 6.5 / 45.5), (9, 6.5 / 45.5)])
def test_superposition(heads, risk):
    task = prompts(40, (5, 5), np.eye(2), (0.1**0.5,) * 2)
    assert_allclose(references(task, heads)["superposition_risk"].value, 2 * risk)


def test_superposition_is_of_equal_tasks():
    unequal = prompts(40, (5, 5), ((1.0, 0.0), (0.0, 0.5)), (0.1, 0.1))
    shared = prompts(40, (5, 5), ((1.0, 1.0), (0.0, 1.0)), (0.1, 0.1))
    assert "superposition_risk" not in references(unequal, 2)
    assert "superposition_risk" not in references(shared, 2)
    assert "superposition_risk" not in references(prompts(), 1)


@pytest.mark.parametrize(
    ("length", "size", "risk"), [(40, 5, 0.01446), (40, 20, 0.08732), (20, 40, 0.57605)]
)
def test_bayes(length, size, risk):
    """Oracle: Monte Carlo over Wishart eigenvalues, of another program."""
    found = bayes(prompts(length, (size,)))
    assert abs(found.value - risk) < 4 * found.error + 2e-5
    assert found.error < 0.01 * risk


def test_bayes_without_noise():
    """Oracle: what N < d examples leave of the coefficients, 1 − N/d."""
    assert bayes(prompts(40, (5,), noise=(0.0,))).value == 0.0
    found = bayes(prompts(5, (20,), noise=(0.0,)))
    assert abs(found.value - 0.75) < 4 * found.error
