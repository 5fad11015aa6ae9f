"""What the analysis finds: the symmetric saddle, the optimum, networks of fewer students."""

import itertools

import numpy as np
import pytest
import saad_solla

import orderparams as op
from orderparams.analysis.optimum import optimum
from orderparams.analysis.pruning import prune
from orderparams.analysis.rests import examine
from orderparams.analysis.stages import stages_of
from orderparams.analysis.stationary import unspecialized_point
from orderparams.models.committee.geometry import StudentGeometry
from orderparams.models.interface import model_of
from orderparams.models.vectors.landscape import Landscape

OBLIQUE = {"teacher_overlap": [[1.0, 0.4, 0.0], [0.4, 0.8, 0.2], [0.0, 0.2, 1.5]]}


def problem(task=None, **sections):
    return op.load({"model": "committee", "task": task or {"teachers": 2}, **sections})


def growth_rates(r, q, t, step=1e-6):
    """Eigenvalues of the published equations at η → 0, by differences, over all of R and Q."""
    ones = np.ones(len(r)), np.ones(len(t))
    size, eta = r.size, 1e-7

    def slope(y):
        parts = y[:size].reshape(r.shape), y[size:].reshape(q.shape)
        dr, dq, _ = saad_solla.motion(*parts, t, *ones, eta=eta)
        return np.concatenate([dr.ravel(), dq.ravel()]) / eta

    y = np.concatenate([r.ravel(), q.ravel()])
    steps = step * np.eye(y.size)
    jacobian = np.array([(slope(y + one) - slope(y - one)) / (2 * step) for one in steps]).T
    return np.sort(np.linalg.eigvals(jacobian).real)[::-1]


@pytest.mark.parametrize("count", [2, 3])
def test_symmetric_saddle(count):
    """Oracles: Saad and Solla's R*, Q* and ε* for η → 0, and the growth rate of their equations.

    Of a perturbation in K = M units, R grows as students part, and Q only to second order.
    """
    k = count
    landscape = Landscape(problem({"teachers": k}, network={"students": k}), residual=0)
    point = unspecialized_point(landscape)
    r, q = np.full((k, k), 1 / np.sqrt(k * (2 * k - 1))), np.full((k, k), 1 / (2 * k - 1))
    np.testing.assert_allclose(point.state["overlap"], r, atol=1e-9)
    np.testing.assert_allclose(point.state["self_overlap"], q, atol=1e-9)
    plateau = k / np.pi * (np.pi / 6 - k * np.arcsin(1 / (2 * k)))
    assert point.risk == pytest.approx(plateau, abs=1e-12)
    growth = -np.linalg.eigvalsh(landscape.hessian(point.x))[: (k - 1) ** 2]
    np.testing.assert_allclose(growth, growth_rates(r, q, np.eye(k))[: (k - 1) ** 2], rtol=1e-4)
    assert growth.min() > 0.01


def test_a_run_escapes_at_the_predicted_rate_and_each_student_takes_a_teacher():
    """Oracle of the rate: the Hessian at the saddle, which short students come close to."""
    settings = {
        "training.rule": "gradient-flow",
        "initial.overlap": [[2e-3, 0.0], [0.0, 1e-3]],
        "initial.self_overlap": [[1e-4, 0.0], [0.0, 2e-4]],
        "integrator": {"rtol": 1e-9, "atol": 1e-12},
    }
    run = op.solve("saad-solla", settings=settings)
    landscape = Landscape(run.problem, residual=0)
    saddle = examine(landscape, unspecialized_point(landscape), run)
    [mode], [growth] = saddle.unstable, saddle.growth
    assert mode.common < 1e-9
    assert growth.rate == pytest.approx(mode.rate, rel=0.005)
    turned = {event.direction.name: event.learner for event in stages_of(run).specializations}
    assert turned == {"1": 0, "2": 1}


def test_geometry_of_oblique_teachers():
    """Oracle: R = m Bᵀ there and back, and teachers as targets of their own lengths."""
    second = np.array([1.0, -0.5, 2.0])
    own = problem(OBLIQUE | {"teacher_second_layer": second}, network={"students": 2})
    geometry = StudentGeometry(own)
    start = model_of(own).flow(own).start
    overlap = geometry.measured(start.overlap)
    positions = geometry.positions({"overlap": overlap})
    np.testing.assert_allclose(positions, start.overlap, atol=1e-14)
    at_teachers = geometry.positions({"overlap": np.array(OBLIQUE["teacher_overlap"])})
    for m, target in enumerate(geometry.targets):
        length = np.sqrt(OBLIQUE["teacher_overlap"][m][m])
        np.testing.assert_allclose(target.part(at_teachers[m]), [length], atol=1e-14)
        assert target.variance == pytest.approx((second[m] * length) ** 2)
    basis = np.concatenate([direction.basis for direction in geometry.directions], axis=1)
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=1e-14)
    variances = [direction.variance for direction in geometry.directions]
    matrix = np.array(OBLIQUE["teacher_overlap"]) * np.outer(second, second)
    np.testing.assert_allclose(variances, np.linalg.eigvalsh(matrix)[::-1])  # Σ b² w* w*ᵀ has these


@pytest.mark.parametrize("second_layer", ["sum", "learned"])
def test_starts_are_at_the_mean_then_at_teachers_then_diverse(second_layer):
    """Oracle: the noise, which is a tenth of a teacher's length; teachers are used in turn.

    Of the seventh on students are shorter, each by a factor of its own, and a second layer that is
    learned is another one.
    """
    long = {"teacher_overlap": [[400.0, 0.0], [0.0, 400.0]]}
    network = {"students": 5, "second_layer": second_layer}
    geometry = StudentGeometry(problem(long, network=network))
    starts = list(itertools.islice(geometry.starts(), 40))
    near = 4.5 * 0.1 * 20
    assert abs(starts[0].overlap - 10.0).max() < near
    for start in starts[1:6]:
        taken = start.overlap.argmax(1)
        assert abs(start.overlap - 20 * np.eye(2)[taken]).max() < near
        assert sorted(np.bincount(taken)) == [2, 3]
    noise = np.array([start.overlap.min(1) for start in starts[1:6]])
    residual = np.array([start.residual for start in starts])
    assert noise.std() == pytest.approx(2.0, rel=0.4)
    assert residual.std() == pytest.approx(2.0, rel=0.1)
    lengths = np.array([start.overlap.sum(1) for start in starts[6:]])
    assert lengths.mean() == pytest.approx(10.0, rel=0.2)
    assert lengths.std() == pytest.approx((20**2 / 12 + 2 * 4) ** 0.5, rel=0.2)
    layers = np.array([start.numbers["second_layer"] for start in starts])
    np.testing.assert_array_equal(layers[:6], 1.0)
    if second_layer == "learned":
        assert layers[6:].mean() == pytest.approx(1.0, abs=0.3)
        assert layers[6:].std() == pytest.approx(1.0, rel=0.2)
    else:
        np.testing.assert_array_equal(layers, 1.0)


def test_as_many_students_as_teachers_can_learn_all():
    """Oracle: the risk of students that are the teachers is zero, whatever the teachers."""
    best = optimum(problem(OBLIQUE, network={"students": 3}))
    assert best.proven
    assert best.risk < 1e-8


@pytest.mark.parametrize("second_layer", ["sum", "mean", "learned", [1.0, 0.5, 0.0]])
def test_removal_of_students(second_layer):
    """Oracle: the risk of the smaller network at the overlaps that are left."""
    overlap = np.array([[0.9, 0.1], [0.1, 0.8], [0.2, 0.1]])
    self_overlap = overlap @ overlap.T + np.diag([0.1, 0.2, 0.3])
    network = {"students": 3, "second_layer": second_layer}
    explicit = {"kind": "explicit", "overlap": overlap, "self_overlap": self_overlap}
    own = problem(network=network, initial=explicit)
    start = model_of(own).flow(own).start
    smaller, rest = StudentGeometry(own).without(start, (2,)), np.ix_([0, 1], [0, 1])
    state = {"overlap": overlap[:2], "self_overlap": self_overlap[rest]}
    weights = np.array(
        {"mean": [0.5, 0.5], "[1.0, 0.5, 0.0]": [1.0, 0.5]}.get(str(second_layer), [1, 1])
    )
    expected = saad_solla.error(*state.values(), np.eye(2), weights, np.ones(2))
    found = model_of(smaller).flow(smaller).risk(state)
    assert found == pytest.approx(expected, abs=1e-14)
    assert prune(own, start).subsets[2,] == pytest.approx(expected, abs=1e-12)


def test_turns_are_told_in_the_directions_that_modes_are_named_by():
    """Two orthonormal teachers are one direction: students that turn to each follow what the
    unstable modes predict."""
    found = op.analyze("saad-solla")
    assert found.predicted_order == found.observed_order == ("1+2",)
