"""The columns of docs/conventions.md: other papers' numbers in those of this program."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import orderparams as op
from orderparams.models.in_context.setup import prompts_of

WEIGHTS = {"omega": np.array([0.3, -0.2]), "mu": np.array([1.1, -0.7])}


def problem(*changes):
    return op.load("in-context-pairs", ["attention.heads=2", *changes])


def sampled(draw_coefficients, length, noise, scores, prompts=40_000, size=5):
    """Mean loss and its error of prompts written out, the noise of the query's label included."""
    drawn = np.random.default_rng(1)
    losses = np.empty(prompts)
    for i in range(prompts):
        x, query = drawn.standard_normal((length, size)), drawn.standard_normal(size)
        beta = draw_coefficients(drawn)
        labels = x @ beta + noise**0.5 * drawn.standard_normal(length)
        target = query @ beta + noise**0.5 * drawn.standard_normal()
        answer = 0.0
        for head, mu in enumerate(WEIGHTS["mu"]):
            s = np.exp(scores(head, x, query))
            answer += mu * (s @ labels) / s.sum()
        losses[i] = (target - answer) ** 2
    return losses.mean(), losses.std() / prompts**0.5


def test_he_et_al_one_task():
    """Scores x W_Q W_Kᵀ q/√(d + 1) of d + 1 coordinates a token, β ~ N(0, I/d), variance of the
    noise 0.1; their loss has the query's noise."""
    size = 5
    matrices = [omega * (size + 1) ** 0.5 * np.eye(size) for omega in WEIGHTS["omega"]]
    ours = [np.trace(matrix) / (size * (size + 1) ** 0.5) for matrix in matrices]

    def scores(head, x, query):
        return x @ matrices[head] @ query / (size + 1) ** 0.5

    loss, error = sampled(lambda g: g.standard_normal(size) / size**0.5, 40, 0.1, scores)
    start = {"kind": "explicit", "key_query": np.array(ours)[:, None].tolist()}
    start["output"] = WEIGHTS["mu"][:, None].tolist()
    settings = {"attention.heads": 2, "initial": start}
    risk = op.evaluate("in-context-pairs", settings=settings).risk
    assert abs(loss - (risk + 0.1)) < 4 * error
    assert error < 0.004


def test_he_et_al_two_tasks():
    """β ~ N(0, I) on coordinates 1–4 and 3–6 as blocks of two: strengths are v d."""
    changes = ["task.length=48", "task.blocks=[2,2,2]", "task.noise=0.6324555320336759"]
    prompts = prompts_of(problem(*changes, "task.strengths=[[2.0,2.0,0.0],[0.0,2.0,2.0]]"))
    assert_allclose(prompts.variances, [[1, 1, 0], [0, 1, 1]])
    assert_allclose(prompts.noise**2, 0.4)
    assert_allclose(prompts.labels, 4.4)


def test_covariates_of_other_variance():
    """x of variance λ with coefficients of variance v and ω are x of variance 1 with λv and λω:
    prompts written out, by the loss."""
    size, variance = 5, 2.0
    draw = lambda g: variance**0.5 * g.standard_normal(size) / size**0.5  # noqa: E731

    def scores(head, x, query):  # of the covariates √λ x, whose coefficients are β/√λ
        scaled = variance**0.5 * x, variance**0.5 * query
        return WEIGHTS["omega"][head] * scaled[0] @ scaled[1]

    loss, error = sampled(draw, 40, 0.1, scores, 20_000)
    start = {"kind": "explicit", "output": WEIGHTS["mu"][:, None].tolist()}
    start["key_query"] = (variance * WEIGHTS["omega"])[:, None].tolist()
    settings = {"attention.heads": 2, "initial": start, "task.strengths": [[variance]]}
    settings["expectation.engine"] = "quadrature"
    risk = op.evaluate("in-context-pairs", settings=settings).risk
    assert abs(loss - (risk + 0.1)) < 4 * error


@pytest.mark.parametrize("inside", [True, False])
def test_query_inside_the_softmax(inside):
    """Cui et al.: the query's own token, with label 0, in the sum of the softmax; published values
    at N = 20, d = 5, ω = 0.3, μ = 1.5."""
    start = {"kind": "explicit", "key_query": [[0.3]], "output": [[1.5]]}
    settings = {
        "attention.heads": 1,
        "initial": start,
        "task.length": 20,
        "task.query_in_softmax": inside,
        "expectation.engine": "quadrature",
    }
    risk = op.evaluate("in-context-pairs", settings=settings).risk
    assert_allclose(risk, 0.612630 if inside else 0.543678, atol=2e-6)
