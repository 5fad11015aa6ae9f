"""Gaussian expectations of erf and ReLU against tensor rules, sampling and differences."""

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import erf as erf_function
from scipy.stats import multivariate_normal

from orderparams.models.committee import erf, relu
from orderparams.models.committee.moments import gradient_covariance, risk_and_gradient

ACTIVATIONS = {"erf": erf, "relu": relu}


def random_covariance(seed, size=4, rank=None):
    factor = np.random.default_rng(seed).standard_normal((size, rank or size))
    return factor @ factor.T


def tensor_expectation(covariance, function, nodes=24):
    """E[function(x)], x ~ N(0, covariance), by a Gauss-Hermite rule in every direction."""
    x, w = hermegauss(nodes)
    size = len(covariance)
    points = np.stack(np.meshgrid(*[x] * size, indexing="ij")).reshape(size, -1)
    weights = np.prod(np.meshgrid(*[w / np.sqrt(2 * np.pi)] * size, indexing="ij"), axis=0).ravel()
    return weights @ function(np.linalg.cholesky(covariance) @ points)


def slope_of_erf(x):
    return np.sqrt(2 / np.pi) * np.exp(-(x**2) / 2)


def smooth(x):
    return erf_function(x / np.sqrt(2))


@pytest.mark.parametrize("seed", range(4))
def test_erf_against_a_tensor_rule(seed):
    c = 0.15 * random_covariance(seed)
    pair = erf.two_point(c[0, 0], c[0, 1], c[1, 1])
    products = {
        0: lambda x: smooth(x[0]) * smooth(x[1]),
        2: lambda x: slope_of_erf(x[0]) * slope_of_erf(x[1]),
    }
    for place, product in products.items():
        assert pair[place] == pytest.approx(tensor_expectation(c[:2, :2], product, 60), abs=1e-11)
    four = tensor_expectation(
        c, lambda x: slope_of_erf(x[0]) * slope_of_erf(x[1]) * smooth(x[2]) * smooth(x[3]), 30
    )
    assert erf.four_point(c)[0] == pytest.approx(four, abs=1e-9)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_of_two_points(name):
    """Oracle: central differences in the variances and in the covariance."""
    two_point, point, step = ACTIVATIONS[name].two_point, np.array([0.9, -0.4, 1.7]), 1e-5
    for place in range(3):
        shift = step * np.eye(3)[place]
        slope = (two_point(*(point + shift))[0] - two_point(*(point - shift))[0]) / (2 * step)
        assert two_point(*point)[1 + place] == pytest.approx(slope, abs=1e-9)


@pytest.mark.parametrize(("xx", "yy"), [(0.7, 0.0), (0.0, 0.7), (0.0, 0.0)])
def test_a_relu_field_without_variance(xx, yy):
    """Oracle: g(0) = 0, whatever the variance of the other; nothing is divided by zero."""
    value, by_xx, by_xy, by_yy = relu.two_point(xx, 0.0, yy)
    assert (value, by_xx, by_yy) == (0.0, 0.0, 0.0)
    assert 0 <= by_xy <= 0.5


def relu_product(x):
    return (x[0] > 0) * (x[1] > 0) * np.maximum(x[2], 0) * np.maximum(x[3], 0)


@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_relu_against_sampling(rank):
    factor = np.random.default_rng(rank).standard_normal((4, rank))
    factor[:, 0] = np.abs(factor[:, 0])
    values = relu_product(factor @ np.random.default_rng(9).standard_normal((rank, 10**6)))
    found, error = relu.four_point(factor @ factor.T)
    assert abs(found - values.mean()) < 4 * values.std() / 1000
    # one step of a correlation near 1 moves parallel fields apart by a few 1e-8
    assert 0 <= error < (1e-7 if rank == 1 else 1e-11)


@pytest.mark.parametrize("seed", range(3))
def test_price_theorem_for_relu(seed):
    """Oracle: the derivative in the covariance of x₂ and x₃ is SciPy's orthant probability."""
    c, shift = random_covariance(seed), np.zeros((4, 4))
    shift[2, 3] = shift[3, 2] = 1e-4
    slope = (relu.four_point(c + shift)[0] - relu.four_point(c - shift)[0]) / 2e-4
    oracle = multivariate_normal(cov=c, seed=0)
    oracle.abseps, oracle.maxpts = 1e-7, 10**6  # SciPy 1.15 takes them in no other way
    assert slope == pytest.approx(oracle.cdf(np.zeros(4)), abs=1e-6)


def test_copies_of_relu_fields():
    """Oracle: g g′ = g and g′ g′ = g′, which leave two fields or one."""
    q = random_covariance(5, 2)
    pair = relu.two_point(q[0, 0], q[0, 1], q[1, 1])[0]
    for chosen in ([0, 1, 0, 1], [0, 0, 0, 1], [1, 0, 0, 1], [1, 1, 1, 0]):
        assert relu.four_point(q[np.ix_(chosen, chosen)])[0] == pytest.approx(pair, abs=1e-14)
    same = np.full((4, 4), 0.7)
    assert relu.four_point(same)[0] == pytest.approx(0.35, abs=1e-14)


@pytest.mark.parametrize("distance", [1e-1, 1e-2, 1e-4, 1e-6, 1e-9])
def test_relu_fields_that_are_almost_copies(distance):
    """Oracle: the same to first order in the distance, which cancels in a sum of both signs."""
    base = np.random.default_rng(3).standard_normal((3, 5))
    other = np.random.default_rng(4).standard_normal(5)
    values = []
    for sign in (1, -1, 0):
        rows = np.array([base[0], base[0] + sign * distance * other, base[1], base[2]])
        values.append(relu.four_point(rows @ rows.T)[0])
    assert values[0] + values[1] == pytest.approx(2 * values[2], abs=2 * distance)


def expectation_in_a_plane(rows):
    """E of four fields rows @ x, x two normals: Gauss-Legendre between the rays where one turns."""
    turns = np.arctan2(rows[:, 1], rows[:, 0])[:, None] + np.pi / 2 * np.array([1, -1])
    ends = np.sort(np.concatenate([turns.ravel() % (2 * np.pi), [0, 2 * np.pi]]))
    x, w = np.polynomial.legendre.leggauss(20)
    half = np.diff(ends)[:, None] / 2
    angles = ends[:-1, None] + half * (1 + x)
    product = relu_product(np.tensordot(rows, [np.cos(angles), np.sin(angles)], 1))
    return (half * w * product).sum() / np.pi  # E r² = 2 for the length r


@pytest.mark.parametrize("distance", [1.0, 1e-1, 1e-2, 1e-3, 1e-5, 1e-7])
def test_relu_is_as_exact_as_it_says(distance):
    """Oracle: the angle's integral, for fields that are copies, multiples, opposites, or almost."""
    generator = np.random.default_rng(2)
    for _ in range(40):
        rows = generator.standard_normal((4, 2))
        across = np.array([-rows[0, 1], rows[0, 0]])
        rows[1] = generator.choice([1, 2, -1]) * (rows[0] + distance * across)
        chosen = generator.choice([[0, 1, 2, 3], [0, 1, 2, 2], [0, 1, 0, 2], [2, 2, 0, 1]])
        chosen = generator.permutation(chosen)
        found, error = relu.four_point((rows @ rows.T)[np.ix_(chosen, chosen)])
        rows = rows[chosen]
        scale = np.linalg.norm(rows[2]) * np.linalg.norm(rows[3])
        assert abs(found - expectation_in_a_plane(rows)) <= error + 2e-15 * scale
        assert error <= 1e-13 * scale * (3 + 1 / distance)


def test_relu_expectations_to_the_last_digits():
    """Oracle: the graded rule with half as many nodes again a panel."""
    for seed, distance in enumerate([1.0, 1e-2, 1e-3, 1e-5]):
        rows = np.random.default_rng(seed).standard_normal((4, 4))
        rows[1] = rows[0] + distance * rows[1]
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        finer = relu.integrate(rows @ rows.T, *relu.graded(24))
        assert relu.four_point(rows @ rows.T)[0] == pytest.approx(finer, abs=2e-13)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_risk_gradient_and_noise(name):
    """Oracles: the square of the error by sampling, and central differences."""
    rectified, fields, students = name == "relu", 5, 3
    covariance = 0.4 * random_covariance(7, fields)
    coefficients = np.array([0.8, -0.5, 1.1, -1.0, -0.6])
    by_covariance, by_second = np.empty((fields, fields)), np.empty(fields)
    risk = risk_and_gradient(rectified, covariance, coefficients, by_covariance, by_second)

    def shifted(covariance, coefficients):
        return risk_and_gradient(
            rectified, covariance, coefficients, np.empty((fields, fields)), np.empty(fields)
        )

    for i in range(fields):
        one = 1e-5 * np.eye(fields)[i]
        slope = (
            shifted(covariance, coefficients + one) - shifted(covariance, coefficients - one)
        ) / 2e-5
        assert by_second[i] == pytest.approx(slope, abs=1e-9)
        for j in range(i + 1):
            move = 1e-5 * np.eye(fields)[i][:, None] * np.eye(fields)[j]
            move = np.maximum(move, move.T)
            slope = (
                shifted(covariance + move, coefficients) - shifted(covariance - move, coefficients)
            ) / 2e-5
            assert (2 - (i == j)) * by_covariance[i, j] == pytest.approx(slope, abs=1e-9)

    noise, out = 0.3, np.empty((students, students))
    gradient_covariance(rectified, covariance, coefficients, noise, out)
    x = np.linalg.cholesky(covariance) @ np.random.default_rng(1).standard_normal((fields, 10**6))
    g, slopes = (np.maximum(x, 0), 1.0 * (x > 0)) if rectified else (smooth(x), slope_of_erf(x))
    error = coefficients @ g
    assert abs(risk - 0.5 * (error**2).mean()) < 4 * 0.5 * (error**2).std() / 1000
    gradients = coefficients[:students, None] * slopes[:students]
    for k in range(students):
        for m in range(students):
            sample = (error**2 + noise**2) * gradients[k] * gradients[m]
            assert abs(out[k, m] - sample.mean()) < 4 * sample.std() / 1000
