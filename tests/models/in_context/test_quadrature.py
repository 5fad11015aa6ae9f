"""Risk and gradient by direct quadrature: plain rules, differences, closed forms, prompts drawn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from orderparams.errors import SolverError
from orderparams.models.in_context.integrals import pair, single
from orderparams.models.in_context.radii import radius_rule
from orderparams.models.in_context.risk import by_quadrature, by_sampling
from orderparams.models.in_context.setup import Prompts

SIGMA = 0.1**0.5
DIGITS = 30.0


def one_task(length=40, size=5, *, inside=False):
    return Prompts(length, np.array([float(size)]), np.ones((1, 1)), np.array([SIGMA]), inside)


def of_softmaxes(s, t, means):
    """G, X, W, W' of softmaxes (N, ...) by their definitions."""
    p1, q1, p2, q2 = s.sum(0), t.sum(0), (s**2).sum(0), (t**2).sum(0)
    st = (s * t).sum(0)
    x = (p1 - p2) * (q1 - q2) + st - (s**2 * t).sum(0) - (s * t**2).sum(0) + st**2
    w = (1 - p1) * st - 2 * ((s**2 * t).sum(0) - p2 * st)
    other = (1 - q1) * st - 2 * ((s * t**2).sum(0) - q2 * st)
    return [means(values) for values in (st, x, w, other)]


@pytest.mark.parametrize(
    "covariance", [(0.64, 0.88, 1.21), (16, -16, 16), (4, 0.5, 1), (0, 0, 0.5)]
)
def test_two_examples_by_plain_quadrature(covariance):
    """Oracle: with N = 2 both softmaxes depend on differences of two scores alone."""
    first, cross, second = map(float, covariance)
    at = np.linspace(-9, 9, 401)
    weight = np.exp(-(at**2) / 2)
    weight = weight / weight.sum()
    along = cross / first**0.5 if first else 0.0
    rest = max(second - along**2, 0.0) ** 0.5
    one = np.sqrt(2 * first) * at[:, None] + 0 * at
    two = np.sqrt(2) * (along * at[:, None] + rest * at)
    s, t = (1 / (1 + np.exp([-x, x])) for x in (one, two))
    expected = of_softmaxes(s, t, lambda values: weight @ values @ weight)
    found = pair(2, np.array([first, cross, second]), np.zeros(2), DIGITS)
    assert_allclose(found[:, 0], expected, atol=1e-9)


@pytest.mark.parametrize("deviation", [0.3, 3.0, 72.0])
def test_a_lone_head_of_two_examples(deviation):
    """Oracle: the trapezoidal rule over the difference of two scores."""

    def squares(size):
        score = np.linspace(-60, 60, 40_001)
        density = np.exp(-(score**2) / (4 * size**2)) / np.sqrt(4 * np.pi) / size
        share = 1 / (1 + np.exp(score))
        return (density * 2 * share * (1 - share)).sum() * (score[1] - score[0])

    found = single(2, deviation**2, 0.0, DIGITS)
    assert_allclose(found[:2, 0], [squares(deviation), 1 - squares(deviation)], atol=1e-11)
    step = 1e-4 * deviation**2
    slope = np.diff([squares(np.sqrt(deviation**2 + s)) for s in (-step, step)])[0] / (2 * step)
    assert_allclose(found[:2, 1], [slope, -slope], rtol=1e-6)


def test_many_examples():
    """Oracle: values of another program, by two routes of its own."""
    found = pair(40, np.array([0.9, 0.5, 1.4]), np.zeros(2), DIGITS)[:, 0]
    expected = [0.038698844649, 0.904051359880, -2 * 0.000850167821, -2 * 0.000962200375]
    assert_allclose(found, expected, atol=1e-11)
    p2, p3, p22 = 0.055351543247, 0.005865762545, 0.003427978558
    alone = single(40, 0.9, 0.0, DIGITS)[:, 0]
    assert_allclose(alone, [1 - p2, p2, 1 - p2 + 6 * p22 - 6 * p3], atol=1e-11)


def test_the_query_inside_by_sampling():
    """Oracle: scores drawn, N = 3, with shares 0.7 and 1.9 of the query in the normalisers."""
    drawn = np.random.default_rng(5)
    covariance, kappas = np.array([0.9, 0.5, 1.4]), np.array([0.7, 1.9])
    root = np.linalg.cholesky([[0.9, 0.5], [0.5, 1.4]])
    scores = np.exp(np.einsum("ab,bin->ain", root, drawn.standard_normal((2, 3, 200_000))))
    s, t = scores / (kappas[:, None, None] + scores.sum(1, keepdims=True))
    moments = of_softmaxes(s, t, lambda v: (v.mean(), v.std() / len(v) ** 0.5))
    found = pair(3, covariance, kappas, DIGITS)[:, 0]
    for value, (mean, error) in zip(found, moments, strict=True):
        assert abs(value - mean) < 4 * error


@pytest.mark.parametrize("length", [2, 3, 40, 10**6])
@pytest.mark.parametrize("kappas", [(0.0, 0.0), (0.7, 1.9)])
def test_derivatives_of_a_pair(length, kappas):
    """Oracle: central differences."""
    at, step = np.array([0.9, 0.5, 1.4, *kappas]), 1e-4
    slopes = pair(length, at[:3], at[3:], DIGITS)
    for column in range(5 if any(kappas) else 3):
        move = step * np.eye(5)[column]
        above, below = (pair(length, x[:3], x[3:], DIGITS)[:, 0] for x in (at + move, at - move))
        size = np.abs(slopes[:, 0])
        difference = (above - below) / (2 * step)
        assert_allclose(difference, slopes[:, 1 + column], rtol=1e-6, atol=1e-8 * size.max())


def test_a_head_with_itself():
    """Oracle: the two-dimensional integrals, E m² = G + k²(X + W + W')."""
    for kappa in (0.0, 0.8):
        alone = single(40, 1.3, kappa, DIGITS)[:, 0]
        gain, x, w, other = pair(40, np.full(3, 1.3), np.full(2, kappa), DIGITS)[:, 0]
        assert_allclose([gain, x + w + other], alone[1:], atol=1e-9)


def test_a_lone_head_of_a_million_examples():
    """Oracles: the two-dimensional integrals, and differences; faint scores count together."""
    alone = single(10**6, 4.5**2, 0.0, DIGITS)
    gain = pair(10**6, np.full(3, 4.5**2), np.zeros(2), DIGITS)[0, 0]
    assert_allclose(alone[1, 0], gain, atol=1e-10)
    above, below = (single(10**6, 4.5**2 + step, 0.0, DIGITS) for step in (1e-3, -1e-3))
    assert_allclose(alone[:2, 1], (above - below)[:2, 0] / 2e-3, rtol=1e-7)


@pytest.mark.parametrize("size", [1, 2, 7, 100_000])
def test_moments_of_the_radius(size):
    """Oracle: E r² = d, E r⁴ = d(d + 2)."""
    radii, shares = radius_rule(size, 6)
    assert_allclose(
        [shares.sum(), shares @ radii**2, shares @ radii**4], [1, size, size * (size + 2)]
    )


@pytest.mark.parametrize("size", [1, 2, 7])
def test_radii_with_the_origin(size):
    """Oracle: r = 0 is a node, beside m others, and moments to the degree 2m in r² are exact."""
    radii, shares = radius_rule(size, 2, origin=True)
    assert_allclose(radii[0], 0, atol=1e-7)
    moments = np.cumprod([1, *(size + 2 * np.arange(4))])
    assert_allclose([shares @ radii ** (2 * power) for power in range(5)], moments)
    six = shares @ radii**10
    assert abs(six / (moments[-1] * (size + 8)) - 1) > 1e-3


def test_one_task():
    """Oracle: risk and gradient of another program."""
    key_query, output = np.array([[0.15], [-0.2], [0.05]]), np.array([[1.5], [-1.8], [0.4]])
    found = by_quadrature(one_task(), key_query, output)
    assert found.error < 1e-8
    assert_allclose(found.risk, [0.22994921139], atol=1e-10)
    assert_allclose(found.key_query[:, 0], [-0.92686922, 1.04401232, -0.24803767], atol=1e-8)
    assert_allclose(found.output[:, 0], [-0.08743888, 0.12588744, -0.02543989], atol=1e-8)


def test_two_tasks():
    """Oracle: risks and gradient of another program."""
    prompts = Prompts(40, np.array([5.0, 5.0]), np.eye(2), np.array([SIGMA, SIGMA]))
    key_query, output = np.array([[0.2, -0.05], [-0.1, 0.25]]), np.array([[1, 0.3], [-0.6, 0.9]])
    found = by_quadrature(prompts, key_query, output, 1e-6, radii=6)
    assert found.error < 1e-5
    assert_allclose(found.risk, [0.58224043074, 0.68672768369], atol=1e-8)
    slopes = [[-1.3260563, -0.5015970], [0.7860010, -1.1963989]]
    assert_allclose(found.key_query, slopes, atol=1e-7)
    assert_allclose(found.output, [[-0.2471974, 0.1398037], [0.1433112, -0.2950384]], atol=1e-7)


@pytest.mark.parametrize("inside", [False, True])
def test_gradient_of_the_risk(inside):
    """Oracle: central differences, two tasks that share a block of one coordinate."""
    prompts = Prompts(
        7, np.array([1.0, 3.0]), np.array([[1, 0.6], [0.3, 0]]), np.array([0.5, 0.0]), inside
    )
    drawn = np.random.default_rng(2)
    key_query, output = 0.2 * drawn.standard_normal((2, 2)), drawn.standard_normal((2, 2))
    move = drawn.standard_normal((2, 2)), drawn.standard_normal((2, 2))
    found = by_quadrature(prompts, key_query, output, 1e-6, radii=4)
    slope = (found.key_query * move[0]).sum() + (found.output * move[1]).sum()
    above, below = (
        by_quadrature(
            prompts, key_query + step * move[0], output + step * move[1], 1e-6, radii=4
        ).risk.sum()
        for step in (1e-4, -1e-4)
    )
    assert_allclose((above - below) / 2e-4, slope, rtol=1e-6)


@pytest.mark.parametrize("length", [2, 40, 10**6])
def test_uniform_attention(length):
    """Oracle: E = 1 + (1 + σ²)(Σμ)²/N at ω = 0, dE/dω = −2 (1 − 1/N) μ."""
    output = np.array([[0.7], [0.5]])
    found = by_quadrature(one_task(length), np.zeros((2, 1)), output)
    assert_allclose(found.risk, [1 + 1.1 * 1.2**2 / length], atol=1e-9)
    assert_allclose(found.key_query, -2 * (1 - 1 / length) * output, atol=1e-8)


@pytest.mark.parametrize(("length", "size"), [(40, 5), (20, 5), (100, 20)])
def test_pairs_near_debiased_gradient_descent(length, size):
    """Oracle: E_dGD = (1 + D)/(N + D) as ω → 0 at 2μω = N/(N + D), and c₂ of the expansion."""
    effective = 1.1 * size
    step = length / (length + effective)
    debiased = (1 + effective) / (length + effective)

    def curvature(key):
        output = step / (2 * key) * np.array([[1.0], [-1.0]])
        found = by_quadrature(one_task(length, size), np.array([[key], [-key]]), output)
        return (found.risk[0] - debiased) / key**2

    slope = -4 * (size + 2) * (length - 1) / (length * (length + effective) ** 2)
    assert_allclose((4 * curvature(0.01) - curvature(0.02)) / 3, slope, rtol=0.01)


EXTREMES = {
    "two examples": (one_task(2, 3), 0.5, 1.0),
    "a million": (one_task(10**6, 20), 0.2, 1.0),
    "one coordinate": (one_task(40, 1), 0.7, 1.0),
    "no scores": (one_task(), 0.0, 2.0),
    "large scores": (one_task(10, 2), 1.0, 1.0),
    "large outputs": (one_task(), 0.1, 100.0),
    "inside": (one_task(10, 3, inside=True), 0.3, 1.0),
}


@pytest.mark.parametrize("case", EXTREMES)
def test_the_error_is_honest(case):
    """Oracle: finer rules than any that is chosen."""
    from orderparams.models.in_context.quadrature import integrated

    prompts, key, scale = EXTREMES[case]
    drawn = np.random.default_rng(len(case))
    key_query, output = key * drawn.standard_normal((2, 1)), scale * drawn.standard_normal((2, 1))
    found = by_quadrature(prompts, key_query, output, 1e-5)
    fine = integrated(prompts, key_query, output, 36.0, 40, 1e-15)
    assert found.distance(fine) <= found.error


def test_more_than_three_blocks():
    prompts = Prompts(5, np.ones(4), np.ones((1, 4)), np.zeros(1))
    with pytest.raises(SolverError, match="4 blocks: quadrature over the radii takes at most 3"):
        by_quadrature(prompts, np.zeros((1, 4)), np.zeros((1, 1)))


@pytest.mark.parametrize(("heads", "reach"), [(1, 72), (2, 40)])
def test_scores_that_would_take_all_day(heads, reach):
    """They are refused at once, with what takes them."""
    key_query, output = np.full((heads, 1), 1e3), np.ones((heads, 1))
    with pytest.raises(SolverError, match=f"which reaches {reach}; .* = 'sampling'$"):
        by_quadrature(one_task(), key_query, output)


def test_scores_that_would_take_minutes():
    """engine = "auto" refuses them, with both that take them; larger ones are for sampling."""
    key_query, output = np.full((2, 1), 2.0), np.ones((2, 1))
    with pytest.raises(SolverError, match=r"reaches 12; .* = 'quadrature' .* or 'sampling'$"):
        by_quadrature(one_task(2, inside=True), key_query, output, quick=True)
    with pytest.raises(SolverError, match=r"reaches 12; .* = 'sampling'$"):
        by_quadrature(one_task(2, inside=True), 50 * key_query, output, quick=True)


@pytest.mark.parametrize("key_query", [[[-8.0]], [[-1.5], [1.4]]], ids=["alone", "pair"])
def test_large_scores_beside_the_query(key_query):
    """Oracle: prompts drawn; two examples, near where engine = "auto" ends."""
    key_query, output = np.array(key_query), np.array([[1.0], [-0.7]])[: len(key_query)]
    prompts = one_task(2, inside=True)
    found = by_quadrature(prompts, key_query, output, 1e-6, quick=True)
    drawn = by_sampling(prompts, key_query, output, 100_000, 3)
    assert found.error < 1e-3
    assert found.distance(drawn) < 4 * drawn.error
    for one, two in zip((found.risk, found.output), (drawn.risk, drawn.output), strict=True):
        assert_allclose(one, two, atol=0.03)


@pytest.mark.parametrize("tolerance", [1e-5, 1e-12])
def test_the_largest_score_of_the_query(tolerance):
    """Near the end of its range nothing overflows, however fine the rules."""
    prompts, most = one_task(10, 3, inside=True), 6.8
    found = by_quadrature(prompts, np.array([[most]]), np.array([[1.0]]), tolerance)
    assert np.isfinite(found.risk).all()
    with pytest.raises(SolverError, match=r"score .* of the query in the softmax is beyond"):
        by_quadrature(prompts, np.array([[1.1 * most]]), np.array([[1.0]]), tolerance)
