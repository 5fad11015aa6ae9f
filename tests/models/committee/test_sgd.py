"""The committee machine in both backends.

Oracles: exact Gaussian expectations by Gauss–Hermite and polar quadrature, differences of the loss
of the example that was drawn, the other backend.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats
from simulation_oracles import FALSE_ALARM, differences, least_pvalue

from orderparams.errors import ConfigurationError
from orderparams.models import replicas
from orderparams.models.committee.sgd import Model, Rule, activate, build_model
from orderparams.models.vectors import direct, gram, normals
from orderparams.models.vectors.replicas import Ensemble

Array = NDArray[np.float64]
BACKENDS = pytest.mark.parametrize("backend", [gram, direct], ids=["gram", "direct"])


class Case(NamedTuple):
    """Teachers and students, and how they learn; with a start as :class:`Ensemble` takes it."""

    rule: Rule
    rectified: bool = False
    teachers: Array = np.array([[1.0, 0.0], [0.6, 0.9]])
    teacher_weights: Array = np.array([1.0, -0.7])
    noise: float = 0.4
    overlap: Array = np.array([[0.8, 0.3], [-0.2, 0.6]])
    residual: Array = np.array([[0.5, 0.0], [0.3, 0.4]])
    second_layer: Array = np.array([0.9, 0.6])
    dimension: int = 6
    steps: int = 1

    @property
    def numbers(self) -> Mapping[str, Array]:
        return {"second_layer": self.second_layer}

    @property
    def model(self) -> Model:
        return build_model(self.teachers, self.teacher_weights, self.noise, self.rectified)

    def start(self, backend, seed: int):
        """A replica of the backend and its generator."""
        child = np.random.SeedSequence(seed)
        generator = np.random.Generator(np.random.SFC64(child))
        arguments = (self.model, self.rule, self, None, self.dimension, child.spawn(1)[0])
        return backend.start(*arguments, generator), generator


THREE = np.array([[0.7, 0.3], [-0.2, 0.6], [0.1, -0.9]])
CASES = {
    "erf": Case(Rule(2.0, weight_decay=0.3, second_layer_rate=0.8)),
    "batch": Case(Rule(6.0, 3, 0.2, 0.5), dimension=8, steps=6),
    "relu, three students": Case(
        Rule(0.4, 1, 0.2, 0.5),
        rectified=True,
        overlap=THREE,
        residual=np.diag([0.5, 0.4, 0.0]),
        second_layer=np.array([0.9, 0.6, -0.4]),
        dimension=9,
        steps=10,
    ),
    "three dependent teachers, batch": Case(
        Rule(3.0, 2),
        teachers=THREE,
        teacher_weights=np.array([1.0, 0.5, 1.5]),
        noise=0.0,
        overlap=THREE[:1],
        residual=np.zeros((1, 1)),
        second_layer=np.array([1.0]),
        dimension=5,
        steps=6,
    ),
}


def output(case: Case, fields: Array, weights: Array) -> tuple[Array, Array, Array]:
    """Σ a g of fields (..., n), g, and g′, written out."""
    if case.rectified:
        g, slope = np.maximum(fields, 0.0), (fields > 0).astype(float)
    else:
        g = special.erf(fields / np.sqrt(2))
        slope = np.sqrt(2 / np.pi) * np.exp(-(fields**2) / 2)
    return g @ weights, g, slope


def gauss_hermite(dimensions: int, nodes: int) -> tuple[Array, Array]:
    """Tensor rule for standard normals: nodes (N, dimensions), weights (N,)."""
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    grid = np.meshgrid(*[x] * dimensions, indexing="ij")
    weights = np.meshgrid(*[w / w.sum()] * dimensions, indexing="ij")
    return np.stack(grid, -1).reshape(-1, dimensions), np.prod(weights, 0).ravel()


def polar(angles: int, radii: int) -> tuple[Array, Array]:
    """Rule for two standard normals that integrates piecewise polynomials between rays."""
    phi = (np.arange(angles) + 0.5) * (2 * np.pi / angles)
    half, w = special.roots_laguerre(radii)  # r²/2 is exponential
    r = np.sqrt(2 * half)[:, None]
    points = np.stack([r * np.cos(phi), r * np.sin(phi)], -1).reshape(-1, 2)
    return points, np.repeat(w / angles, angles)


def exact_step(case: Case, points: Array, weights: Array) -> tuple[Array, Array]:
    """Mean and covariance of R, Q and a after a step on one example, and mean of its loss.

    points (N, s) integrate over the coordinates of x in the first s directions of the frame, on
    which alone the fields depend; the square of the rest is χ² with D − s degrees. Moments of the
    label noise by five Gauss–Hermite nodes are exact.
    """
    rule, dimension = case.rule, case.dimension
    xi, xi_weights = gauss_hermite(1, 5)
    x = np.repeat(points, 5, axis=0)
    noise, weights = np.tile(xi[:, 0], len(points)), np.outer(weights, xi_weights).ravel()
    vectors = np.concatenate([case.overlap, case.residual], axis=1)[:, : x.shape[1]]
    fields, known = x @ vectors.T, x[:, : case.teachers.shape[1]] @ case.teachers.T
    phi, g, slope = output(case, fields, case.second_layer)
    clean = phi - output(case, known, case.teacher_weights)[0]
    step = rule.learning_rate / dimension
    force = step * (clean - case.noise * noise)[:, None] * case.second_layer * slope
    kept = 1 - step * rule.weight_decay
    overlap = kept * case.overlap @ case.teachers.T - force[:, :, None] * known[:, None]
    q = vectors @ vectors.T
    cross = force[:, :, None] * fields[:, None]
    square, degrees = force[:, :, None] * force[:, None], dimension - x.shape[1]
    inside = (x**2).sum(1)[:, None, None]
    self_overlap = (
        kept**2 * q
        - kept * (cross + cross.transpose(0, 2, 1))
        + square * ((inside + degrees) / dimension * dimension)
    )
    error = (clean - case.noise * noise)[:, None]
    second = case.second_layer - step * rule.second_layer_rate * error * g
    rows, columns = np.tril_indices(len(q))
    values = [overlap.reshape(len(x), -1), self_overlap[:, rows, columns], second]
    values = np.concatenate([*values, clean[:, None] ** 2 / 2], axis=1)
    mean = weights @ values
    covariance = (weights[:, None] * (values - mean)).T @ (values - mean)
    first = case.overlap.shape[0] * len(case.teachers)
    spread = square[:, rows, columns]
    part = slice(first, first + len(rows))
    covariance[part, part] += 2 * degrees * (weights[:, None] * spread).T @ spread  # of χ²
    return mean, covariance


def measured(backend, case: Case, state) -> Array:
    """R, the lower triangle of Q, a and the loss."""
    records = case.model.records(*backend.measure(state, case.model.features), state.numbers)
    lower = records["self_overlap"][np.tril_indices(len(case.overlap))]
    return np.concatenate([records["overlap"].ravel(), lower, records["second_layer"], state.loss])


@pytest.mark.parametrize("rectified", [False, True])
def test_activation_and_slope(rectified: bool):
    """To rounding."""
    case = CASES["erf"]._replace(rectified=rectified)
    for x in (-3.0, -1e-3, 0.0, 1e-3, 0.02, 0.7, 4.0):
        _, value, slope = output(case, np.array([x]), np.ones(1))
        np.testing.assert_allclose(activate(rectified, x), (value[0], slope[0]), rtol=1e-14)


FLAT = {"residual": np.zeros((2, 2)), "rectified": True}


@BACKENDS
@pytest.mark.parametrize("activation", ["erf", "relu"])
def test_one_step_has_the_exact_mean_and_covariance(backend, activation: str):
    """Student's t of the means, and of the products of deviations from the exact mean; D = 6."""
    if activation == "erf":
        case, rule = CASES["erf"], gauss_hermite(4, 14)
    else:
        case, rule = CASES["erf"]._replace(**FLAT), polar(5000, 8)
    mean, covariance = exact_step(case, *rule)
    state, generator = case.start(backend, 3)
    vectors, numbers, loss = state[0], state.numbers.second_layer, state.loss
    start, values = vectors.copy(), []
    for _ in range(20_000):
        vectors[:], numbers[:], loss[:] = start, case.second_layer, 0.0
        backend.advance(case.model, case.rule, state, case.dimension, generator, 1)
        values.append(measured(backend, case, state))
    deviation = np.array(values) - mean
    rows, columns = np.tril_indices(len(mean))
    products = deviation[:, rows] * deviation[:, columns]
    pvalues = np.concatenate(
        [
            stats.ttest_1samp(deviation, 0.0).pvalue,
            stats.ttest_1samp(products, covariance[rows, columns]).pvalue,
        ]
    )
    assert pvalues.min() * pvalues.size > FALSE_ALARM


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_step_descends_the_gradient_of_the_loss(case: Case):
    """Students and second layer by central differences on the batch that is drawn."""
    state, generator = case.start(direct, 5)
    same, lanes = case.start(direct, 5)[1], state.lanes.copy()
    dimension, batch = case.dimension, case.rule.batch_size
    students, second_layer = state.vectors.copy(), case.second_layer.copy()
    tokens, noise = np.empty((batch, dimension)), np.empty(batch)
    buffer = np.empty(normals.LANES)
    for b in range(batch):
        normals.fill(lanes, buffer)
        tokens[b], noise[b] = buffer[:dimension], same.standard_normal()
    root = np.sqrt(dimension)
    known = tokens @ state.directions.T @ case.teachers.T / root
    answer = output(case, known, case.teacher_weights)[0]
    direct.advance(case.model, case.rule, state, dimension, generator, 1)

    def loss(students: Array, second_layer: Array, noise: Array) -> float:
        phi = output(case, tokens @ students.T / root, second_layer)[0]
        return float(np.mean((phi - answer - case.noise * noise) ** 2) / 2)

    gradient = differences(lambda w: loss(w, second_layer, noise), students)
    rate, decay = case.rule.learning_rate, case.rule.weight_decay / dimension
    expected = students - rate * (gradient + decay * students)
    np.testing.assert_allclose(state.vectors, expected, rtol=0, atol=1e-8)
    gradient = differences(lambda a: loss(students, a, noise), second_layer)
    expected = second_layer - rate * case.rule.second_layer_rate / dimension * gradient
    np.testing.assert_allclose(state.numbers.second_layer, expected, rtol=0, atol=1e-8)
    np.testing.assert_allclose(state.loss, loss(students, second_layer, 0 * noise), rtol=1e-12)


def outcomes(backend, case: Case, seeds: range) -> Array:
    """What is measured on independent runs."""
    results = []
    for seed in seeds:
        state, generator = case.start(backend, seed)
        backend.advance(case.model, case.rule, state, case.dimension, generator, case.steps)
        results.append(measured(backend, case, state))
    fixed = [] if case.rule.second_layer_rate else range(-1 - len(case.overlap), -1)
    return np.delete(results, fixed, axis=1)


@pytest.mark.parametrize("case", list(CASES.values())[1:], ids=list(CASES)[1:])
def test_gram_has_the_law_of_direct(case: Case):
    pvalue = least_pvalue(
        outcomes(direct, case, range(2000)), outcomes(gram, case, range(2000, 4000))
    )
    assert pvalue > FALSE_ALARM


@BACKENDS
def test_a_step_adds_one_direction(backend):
    """The rank of Q − m mᵀ: every example moves all students along x, and outside none start."""
    four = {"overlap": np.array([[0.9], [0.4], [-0.3], [0.2]]), "residual": np.zeros((4, 4))}
    case = CASES["erf"]._replace(
        **four,
        teachers=np.eye(1),
        teacher_weights=np.ones(1),
        second_layer=np.array([1.0, 0.5, -0.5, 0.8]),
        dimension=30,
    )
    state, generator = case.start(backend, 0)
    for rank in (1, 2, 3, 4, 4):
        backend.advance(case.model, case.rule, state, case.dimension, generator, 1)
        overlap, self_overlap = backend.measure(state, 1)
        singular = np.linalg.svd(self_overlap - overlap @ overlap.T)[1]
        assert (singular > 1e-12).sum() == rank


def ensemble(case: Case, backend: str, dimension: int = 40) -> Ensemble:
    options = {"time": [0.0, 0.5, 1.0, 3.0], "replicas": 3, "seed": 7, "backend": backend}
    return Ensemble(case.model, case.rule, case, dimension=dimension, **options)


@pytest.mark.parametrize("backend", ["gram", "direct"])
def test_an_ensemble_records_and_resumes(backend: str, monkeypatch):
    """The start is the given one; a run that was interrupted goes on to the same bits."""
    case = CASES["relu, three students"]
    whole = ensemble(case, backend).run()
    start = case.overlap @ case.teachers.T
    np.testing.assert_allclose(whole["overlap"][:, 0], [start] * 3, atol=1e-14)
    np.testing.assert_array_equal(whole["second_layer"][:, 0], [case.second_layer] * 3)
    assert whole["self_overlap"].shape == (3, 4, 3, 3)

    class Interrupted(Exception):
        """Raised from the progress callback."""

    def interrupt(done: int, total: int) -> None:
        raise Interrupted

    monkeypatch.setattr(replicas, "SLICE", 0.0)
    monkeypatch.setattr(replicas, "FIRST", 1)
    first = ensemble(case, backend)
    with pytest.raises(Interrupted):
        first.run(progress=interrupt)
    second = ensemble(case, backend)
    second.restore(first.state())
    again = second.run(workers=2)
    assert set(again.parameters) == {"overlap", "self_overlap", "second_layer"}
    for name, values in {**again.parameters, "loss": again.loss}.items():
        expected = whole.loss if name == "loss" else whole[name]
        np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize(("backend", "least"), [("gram", 6), ("direct", 4)])
def test_dimension_must_hold_teachers_students_and_batch(backend: str, least: int):
    """d + K, and in gram one direction an example up to K, and one for the example at hand."""
    case = CASES["batch"]._replace(rule=Rule(0.5, 2))
    ensemble(case, backend, least).run()
    with pytest.raises(ConfigurationError, match=f"teachers, students .* at least {least}"):
        ensemble(case, backend, least - 1)
