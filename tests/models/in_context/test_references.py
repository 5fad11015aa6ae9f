"""Risks to compare with: closed forms against minimisations, the Bayes risk, known values."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from two_examples import two_examples

import orderparams as op
from orderparams.errors import SolverError
from orderparams.models.in_context import linear, single_head
from orderparams.models.in_context import references as module
from orderparams.models.in_context.found import Found
from orderparams.models.in_context.lone import LoneHead
from orderparams.models.in_context.model import flow
from orderparams.models.in_context.model import single_head as single_head_risk
from orderparams.models.in_context.quadrature import by_quadrature, integrated
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


def test_starts_of_weak_tasks():
    """Oracle: directions do not depend on the size of all strengths."""
    strengths = np.array([[1.0, 0.5], [0.0, 2.0]])
    usual, weak = (
        single_head.starts(prompts(blocks=(2, 3), strengths=size * strengths, noise=(0, 0)))
        for size in (1.0, 1e-300)
    )
    assert_allclose(weak, usual)
    assert_allclose(np.linalg.norm(weak, axis=1), 1, rtol=1e-5)


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


def test_superposition_is_of_softmax_over_examples():
    """Linear attention has no mean to take out; a query in the softmax changes the mean."""
    assert "superposition_risk" not in references(prompts(), 2, "linear")
    assert "superposition_risk" not in references(prompts()._replace(query_in_softmax=True), 2)


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
    assert_allclose(found.value, 0.75, rtol=1e-12)


@pytest.mark.parametrize("variances", [[1.0] * 30, [1.0] * 15 + [0.3] * 25])
def test_bayes_of_fewer_examples_than_coordinates(variances):
    """Oracle: posterior covariances of whole examples, by singular values."""
    drawn = np.random.default_rng(5).standard_normal((2000, 20, len(variances)))
    whole = module.traces(drawn, np.array(variances), 0.3)
    mean, square = module.posterior(20, np.array(variances), 0.3)
    assert abs(mean - whole.mean()) < 4 * np.sqrt(square + whole.var() / len(whole))


def at_points(points):
    """Risk and gradient of one head, one task and block, whose l and q of S − 2μl + μ²q are given
    functions of ω."""

    def at(key_query, output):
        gain, own, slopes = points(key_query[0, 0])
        mu = output[0, 0]
        slope = -2 * mu * slopes[0] + mu**2 * slopes[1]
        risk, by_output = 1 - 2 * mu * gain + mu**2 * own, -2 * gain + 2 * mu * own
        return Found(np.array([risk]), np.array([[slope]]), np.array([[by_output]]))

    return at


def test_single_head():
    """Oracle: another program's minimisation of the exact risk, and where its minimum is."""
    problem = op.load("in-context-pairs", ["expectation.engine='quadrature'"])
    whole = flow(problem)
    found, key_query, output = single_head.best(whole.at, whole.prompts)
    assert_allclose(found.risk, 0.3039631733, atol=5e-8)
    assert_allclose(key_query, 0.5179044788, atol=1e-5)
    assert_allclose(output, 1.4970891993, atol=1e-5)
    assert_allclose(whole.at(key_query, output).key_query, 0, atol=1e-6)


def test_single_head_in_the_limit():
    """Oracle: E = ec/(1 + ec) at ω√d = 1, from (1 − μω d)² + c μ² d e^{ω²d}."""
    c, size = 0.1375, 5
    limit = at_points(
        lambda w: (
            w * size,
            (w * size) ** 2 + c * size * np.exp(w**2 * size),
            (size, 2 * w * size**2 * (1 + c * np.exp(w**2 * size))),
        )
    )
    found, key_query, _ = single_head.best(limit, prompts())
    assert_allclose(found.risk, np.e * c / (1 + np.e * c), atol=1e-10)
    assert_allclose(key_query, size**-0.5, atol=1e-5)


def test_single_head_beyond_the_expectations():
    def at(key_query, output):
        if key_query[0, 0] > 0.46:
            raise SolverError("beyond")
        gain = key_query[0, 0]
        mu = output[0, 0]
        return Found(
            np.array([1 - 2 * mu * gain + mu**2]),
            np.array([[-2 * mu]]),
            np.array([[-2 * gain + 2 * mu]]),
        )

    with pytest.raises(SolverError, match="beyond the range"):
        single_head.best(at, prompts())


def test_one_head_of_two_tasks():
    """Oracle: the end of the flow of one head on two equal tasks, 0.4444 a task, of another
    program: less than to serve one task and leave the other."""
    changes = ["task.blocks=[5,5]", "task.strengths=[[1.0,0.0],[0.0,1.0]]"]
    found = single_head_risk(op.load("in-context-pairs", changes))
    assert_allclose(found.value / 2, 0.4444, atol=5e-5)


def test_one_head_of_unequal_tasks_is_no_worse_than_one_of_the_stronger():
    """Oracle: the risk of that, with the other task left as it is."""
    changes = ["task.blocks=[5,5]", "task.strengths=[[1.0,0.0],[0.0,0.01]]"]
    found = single_head_risk(op.load("in-context-pairs", changes))
    assert found.value < 0.3039631733 + 0.01
    assert found.value > 0.3039631733


@pytest.mark.parametrize(
    ("length", "size", "risk"), [(20, 5, 0.44853815), (100, 20, 0.38681597), (400, 20, 0.13934103)]
)
def test_single_heads_of_other_prompts(length, size, risk):
    """Oracle: another program's minimisations."""
    found = single_head_risk(
        op.load("in-context-pairs", [f"task.length={length}", f"task.blocks=[{size}]"])
    )
    assert_allclose(found.value, risk, atol=3e-8)


@pytest.mark.parametrize(
    ("sizes", "inside"), [((1,), False), ((5,), True), ((1, 7), False), ((1, 3), True)]
)
def test_a_lone_head_by_even_radii(sizes, inside):
    """Oracle: Gauss's rule of the radii with many nodes, where scores are moderate."""
    task = prompts(40, sizes, [[1.0] * len(sizes)])._replace(query_in_softmax=inside)
    at = np.full((1, len(sizes)), -0.3), np.array([[-1.2]])
    found = LoneHead(task, 14.0).with_error(*at)
    exact = integrated(task, *at, 34.0, 48 if len(sizes) == 1 else 24, 1e-15)
    assert abs(found.risk[0] - exact.risk[0]) < found.error < 1e-6
    slope = LoneHead(task, 20.0)(*at).key_query
    assert_allclose(slope, exact.key_query, atol=1e-5)


@pytest.mark.parametrize("key", [2.0, 14.0])
def test_a_lone_head_of_two_examples_and_one_coordinate(key):
    """Oracle: plain rules. Gauss's rules of the radii miss 0.01 here."""
    found = LoneHead(prompts(2, (1,)), 14.0).with_error(np.array([[key]]), np.ones((1, 1)))
    assert found.error < 1e-7
    assert abs(found.risk[0] - two_examples(1, key, 0.1**0.5)) < found.error + 1e-7


def test_the_best_single_head_where_scores_are_large():
    """Oracle: the risk of two examples by plain rules, at its best output, on a grid of ω."""
    settings = {"task.length": 2, "task.blocks": [1], "attention.heads": 1}
    found = single_head_risk(op.load("in-context-pairs", settings=settings))
    lowest = 1.0
    for key in np.geomspace(8.0, 22.0, 9):
        one, half = (two_examples(1, key, 0.1**0.5, output) for output in (1.0, 0.5))
        square = 2 * (one - 1) - 4 * (half - 1)
        lowest = min(lowest, 1 - (square - one + 1) ** 2 / (4 * square))
    assert found.error < 1e-7
    assert found.value - 1e-6 < lowest < found.value + 1e-4


def test_with_the_query_in_the_softmax_negative_strengths_are_better():
    """Oracle: quadrature at points near the minima of both signs, of another descent."""
    task = prompts(20)._replace(query_in_softmax=True)
    known = op.load("in-context-pairs", ["task.length=20", "task.query_in_softmax=true"])
    best = single_head_risk(known).value
    low = by_quadrature(task, np.array([[-0.6425657]]), np.array([[-1.1024979]])).risk[0]
    high = by_quadrature(task, np.array([[0.3993419]]), np.array([[1.8167972]])).risk[0]
    assert_allclose(best, low, atol=1e-6)
    assert low < high - 0.1


def test_what_is_said_of_asymptotic_references(run):
    out = run("evaluate", "in-context-pairs")[1]
    (line,) = (one for one in out.splitlines() if "limit" in one)
    assert line.split()[0] == "superposed"
    assert "single head 0.303963" in out


def test_the_best_single_head_of_many_blocks_is_not_searched():
    """Its reason stands where its value would."""
    settings = {"task.blocks": [1, 1, 1, 1], "expectation.engine": "sampling", "attention.heads": 1}
    known = single_head_risk(op.load("in-context-pairs", settings=settings))
    assert np.isnan(known.value)
    assert "at most 3 blocks" in known.why


def test_a_risk_that_is_not_known_is_no_number_on_the_screen(run):
    few = [
        "training.duration=0.01",
        "output.points=2",
        "expectation.samples=64",
        "attention.heads=1",
    ]
    settings = ["task.blocks=[1,1,1,1]", "expectation.engine='sampling'", *few]
    out = run("solve", "in-context-pairs", *(part for one in settings for part in ("-s", one)))[1]
    assert "single head not known; evaluate says why" in out
    assert "nan" not in out
