"""Engines of the population risk against one another, and against prompts drawn in d dimensions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from two_examples import two_examples

import orderparams as op
from orderparams.errors import SolverError
from orderparams.models.in_context.far import Direct, errors_at
from orderparams.models.in_context.quadrature import expected, integrated
from orderparams.models.in_context.radii import LEAST, radii_rule
from orderparams.models.in_context.risk import by_closed_form, by_quadrature, by_sampling, by_tables
from orderparams.models.in_context.sampling import prompts
from orderparams.models.in_context.setup import Prompts
from orderparams.models.in_context.tables import PAIRED, RANGES

SIGMA = 0.1**0.5
ONE = Prompts(40, np.array([5.0]), np.ones((1, 1)), np.array([SIGMA]))
SHARED = Prompts(5, np.array([1.0, 3.0]), np.array([[0.5, 0.6], [0.3, 0]]), np.array([0.4, 0]))


def weights(law, heads=2, seed=1, key=0.2):
    drawn = np.random.default_rng(seed)
    tasks, blocks = law.variances.shape
    return key * drawn.standard_normal((heads, blocks)), drawn.standard_normal((heads, tasks))


@pytest.mark.parametrize("law", [ONE, SHARED], ids=["one", "shared"])
@pytest.mark.parametrize("inside", [False, True])
def test_sampling_and_quadrature(law, inside):
    """Oracle: two engines that share no formula, risk and gradient."""
    law = law._replace(query_in_softmax=inside)
    exact = by_quadrature(law, *weights(law), 1e-5)
    found = by_sampling(law, *weights(law), 60_000, 3)
    assert exact.distance(found) < 4 * found.error
    assert found.error < 0.05


def test_reduced_prompts_have_the_law_of_whole_ones():
    """Oracle: moments of labels and targets of prompts drawn in d dimensions."""
    drawn, count = np.random.default_rng(4), 60_000
    _, _, labels, targets = prompts(SHARED, count, drawn)
    block = np.repeat([0, 1], SHARED.sizes)
    x, query = drawn.standard_normal((count, 5, 4)), drawn.standard_normal((count, 4))
    beta = drawn.standard_normal((count, 2, 4)) * np.sqrt(SHARED.variances[:, block])
    whole = np.einsum("nid,njd->nij", x, beta)
    whole += SHARED.noise * drawn.standard_normal((count, 5, 2))
    aims = np.einsum("nd,njd->nj", query, beta)
    for moment in (
        lambda y, t: y[:, 0, 0] ** 2 * y[:, 1, 1] ** 2,
        lambda y, t: y[:, 0, 0] * y[:, 0, 1] * y[:, 1, 0] * y[:, 1, 1],
        lambda y, t: y[:, 0, 0] ** 2 * t[:, 0] ** 2,
        lambda y, t: y[:, 0, 0] * y[:, 1, 0] * t[:, 1] ** 2,
        lambda y, t: t[:, 0] ** 2 * t[:, 1] ** 2,
    ):
        one, two = moment(labels, targets), moment(whole, aims)
        assert abs(one.mean() - two.mean()) < 4 * np.hypot(one.std(), two.std()) / count**0.5


@pytest.mark.parametrize(("length", "reach"), [(2, 0.25), (40, 0.5), (10**6, 0.5)])
def test_tables_of_one_block(length, reach):
    """Oracle: the direct engine at the same radii, and at more, which the error covers."""
    law = ONE._replace(length=length)
    for seed, key in enumerate((0.05 * reach, 0.5 * reach, reach)):
        at = weights(law, 2, seed, 1.0)
        at = key * at[0] / np.abs(at[0]).max(), at[1]
        found, exact = by_tables(law, *at), integrated(law, *at, 30.0, 16, 1e-11)
        assert found.distance(exact) < 1e-8
        assert found.distance(integrated(law, *at, 30.0, 32, 1e-14)) <= found.error < 1e-6


@pytest.mark.parametrize("length", [2, 40, 10**6])
def test_tables_of_a_head_alone(length):
    """Oracle: the direct engine at the same radii; a lone head has tables to large scores."""
    law = ONE._replace(length=length)
    for key in (1.0, 8.0):
        at = np.array([[key]]), np.array([[0.5]])
        found, exact = by_tables(law, *at), integrated(law, *at, 30.0, 16, 1e-11)
        assert_allclose(found.risk, exact.risk, atol=1e-7)
        assert found.distance(exact) < 1e-6 * key**2  # a slope has a factor 2ωr²


def test_tables_of_two_blocks():
    """Oracle: the direct engine; more of its radii are beyond it within the error."""
    law = Prompts(400, np.array([5.0, 1.0]), np.array([[1, 0.2], [0.3, 0]]), np.array([SIGMA, 0]))
    at = weights(law, 2, 2, 0.1)
    found = by_tables(law, *at)
    assert found.distance(integrated(law, *at, 22.0, 8, 1e-11)) < 1e-7
    assert found.distance(integrated(law, *at, 22.0, 10, 1e-12)) <= found.error


def test_linear_attention_by_sampling():
    """Oracle: prompts drawn, answers (1/N) Σ_hi μ_hj (Σ_b ω_hb x_i·x_q) y_ij."""
    drawn, count = np.random.default_rng(8), 60_000
    key_query, output = weights(SHARED)
    radii, coordinates, labels, targets = prompts(SHARED, count, drawn)
    scores = np.einsum("nib,nb,hb->nhi", coordinates, radii, key_query)
    answers = np.einsum("nhi,nij,hj->nj", scores, labels, output) / SHARED.length
    squares = (targets - answers) ** 2
    found = by_closed_form(SHARED, key_query, output)
    assert (np.abs(squares.mean(0) - found.risk) < 4 * squares.std(0) / count**0.5).all()


def test_sampling_is_reproducible():
    found = [by_sampling(ONE, *weights(ONE), 30_000, seed) for seed in (1, 1, 2)]
    assert_allclose(found[0].risk, found[1].risk, rtol=0)
    assert found[0].risk != found[2].risk


@pytest.mark.parametrize("length", [40, 10**4])
def test_quadrature_beyond_the_tables(length):
    """Oracle: the direct engine at the same radii, and at more, which the error covers."""
    law = ONE._replace(length=length)
    at = np.array([[0.9], [-0.4], [0.1]]), np.array([[0.8], [-0.6], [0.3]])
    found = by_tables(law, *at, beyond=True)
    assert found.distance(integrated(law, *at, 30.0, 16, 1e-11)) < 1e-7
    assert found.distance(integrated(law, *at, 30.0, 24, 1e-14)) <= found.error < 1e-3


def test_two_blocks_beyond_the_tables():
    """Oracle: the direct engine at the same radii, all of them far."""
    law = Prompts(40, np.array([20.0, 20.0]), np.eye(2), np.array([SIGMA, 0.2]))
    at = np.array([[0.9, -0.8], [-0.7, 0.9]]), np.array([[0.1, -0.1], [-0.1, 0.2]])
    found = by_tables(law, *at, 2, error=False, beyond=True)
    assert found.distance(integrated(law, *at, 28.0, 2, 1e-11)) < 1e-6


def test_no_step_where_tables_end():
    """Oracle: the gradient. Across the end of the tables the risk goes on by its slope."""
    far = np.linalg.norm(radii_rule(ONE.sizes, 16, LEAST)[0], axis=1).max()
    edge, step = RANGES[PAIRED - 1] / far, 1e-6
    found = [
        by_tables(
            ONE, np.array([[key], [-0.1]]), np.array([[1.0], [-0.8]]), error=False, beyond=True
        )
        for key in (edge - step, edge + step)
    ]
    slope = (found[1].risk - found[0].risk)[0] / (2 * step)
    mean = (found[0].key_query + found[1].key_query)[0, 0] / 2
    assert_allclose(slope, mean, atol=1e-6)
    assert found[0].distance(found[1]) < 1e-5


def test_what_a_radius_aims_at():
    """By hand: 1e-9 over its weight, within 1e-7 and 1e-5; a rule ten times as coarse is off."""
    assert_allclose(errors_at(np.array([1.0, 1e-3, 2e-4, 1e-9])), [1e-7, 1e-6, 1e-5, 1e-5])
    keys = np.array([[[6.0], [5.0]]])
    direct = Direct(40, 1e-6)
    exact = expected(40, keys, np.zeros((1, 2)), np.full(1, 34.0))[1][..., :4]
    missed = [abs(one.at(keys)[1][..., :4] - exact).max() for one in (direct, direct.shorter)]
    assert missed[0] < 1e-6
    assert 3 < missed[1] / missed[0] < 30


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("key", [0.3, 2.0, 8.0])
def test_errors_say_what_few_radii_miss(size, key):
    """Oracle: plain rules. The scores change between r = 0 and the first of the radii."""
    law = Prompts(2, np.array([float(size)]), np.ones((1, 1)), np.array([SIGMA]))
    at = law, np.full((1, 1), key), np.ones((1, 1))
    for found in (by_tables(*at), by_quadrature(*at, 1e-2, 16)):
        assert abs(found.risk[0] - two_examples(size, key, SIGMA)) < found.error


def test_tables_refuse():
    far = np.array([[3.0]]), np.array([[1.0]])
    two = [np.repeat(weights, 2, axis=0) for weights in far]
    with pytest.raises(SolverError, match=r"beyond the tables, which reach 4\.5; .*'quadrature'"):
        by_tables(ONE, *two)
    with pytest.raises(SolverError, match=r"beyond the tables, which reach 4\.5; .*'auto'"):
        by_tables(ONE, 0.3 * two[0], two[1])
    beside = "beyond the tables and the quadrature beside them, which reach 12; .*'quadrature'"
    with pytest.raises(SolverError, match=beside):
        by_tables(ONE, *two, beyond=True)
    with pytest.raises(SolverError, match=r"beyond the tables, which reach 72; .*'sampling'"):
        by_tables(ONE, 10 * far[0], far[1])
    with pytest.raises(SolverError, match="the query is in the softmax"):
        by_tables(ONE._replace(query_in_softmax=True), *far)


def test_a_state_is_evaluated_by_the_engine_that_errs_less():
    """A lone head whose strength tables tell to a part in a thousand alone."""
    strong = {"attention.heads": 1, "initial": {"kind": "explicit", "output": [[1.0]]}}
    at = strong | {"initial.key_query": [[2.0]]}
    found = op.evaluate("in-context-pairs", settings=at)
    direct = op.evaluate("in-context-pairs", settings=at | {"expectation.engine": "quadrature"})
    tables = op.evaluate("in-context-pairs", settings=at | {"expectation.engine": "tables"})
    assert found.risk == direct.risk
    assert found.engine == direct.engine
    assert found.error_estimate < 0.1 * tables.error_estimate
    small = at | {"initial.key_query": [[0.1]]}
    assert "tables" in op.evaluate("in-context-pairs", settings=small).engine
