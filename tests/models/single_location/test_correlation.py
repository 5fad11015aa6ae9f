"""Hidden directions that are not orthogonal (theory 1)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import orderparams as op
from orderparams.analysis.plane import plane_of
from orderparams.models.interface import model_of
from orderparams.models.single_location.model import starting_at
from orderparams.models.vectors.geometry import geometry_of

Array = NDArray[np.float64]

CORRELATION = np.array([[1.0, 0.6], [0.6, 1.0]])
ROOTS, AXES = np.linalg.eigh(CORRELATION)
FRAME = (AXES * np.sqrt(ROOTS)) @ AXES.T
OF_FEATURES = ("overlap", "value_overlap")
"""Order parameters whose last axis are hidden directions."""


def problem(correlated: bool, activation: str = "softmax", value: str = "known") -> dict[str, Any]:
    """A task with correlated directions, or the same in orthogonal ones."""
    means, covariance = np.array([[1.5, 0.3], [-0.5, 1.0]]), np.array([[0.2, 0.05], [0.05, 0.1]])
    overlap, values = np.array([[0.5, 0.1], [0.2, 0.4]]), np.array([[0.1, 0.2], [0.0, 0.3]])
    if not correlated:
        means, covariance = means @ FRAME, FRAME @ covariance @ FRAME
        overlap, values = overlap @ np.linalg.inv(FRAME), values @ np.linalg.inv(FRAME)
    parts = [{"mean": means[0], "covariance": covariance}, {"mean": means[1]}]
    task: dict[str, Any] = {"length": 4, "signal": {"kind": "mixture", "components": parts}}
    task["target"] = "token" if value == "known" else "scalar"
    if correlated:
        task["feature_correlation"] = CORRELATION
    initial = {"kind": "explicit", "overlap": overlap, "self_overlap": [[0.8, 0.1], [0.1, 0.7]]}
    if value != "known":
        initial["key_target_overlap"] = [0.1, 0.0]
    if value == "learned":
        initial["value_overlap"], initial["value_alignment"] = values, [0.3, 0.5]
        initial["value_self_overlap"] = [[0.7, 0.1], [0.1, 0.9]]
    return {
        "task": task,
        "attention": {"heads": 2, "activation": activation, "value": value},
        "initial": initial,
        "training": {"rule": "sgd", "duration": 1.0},
        "output": {"points": 3},
        "simulation": {"dimension": 40, "replicas": 2},
        "expectation": {"samples": 512},
    }


def agree(found: dict[str, Array], other: dict[str, Array], turn: Array) -> None:
    """The second, with its overlaps turned, is the first."""
    assert found.keys() == other.keys()
    for name, values in other.items():
        wanted = values @ turn if name in OF_FEATURES else values
        np.testing.assert_allclose(found[name], wanted, rtol=0, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    ("activation", "value"),
    [("softmax", "known"), ("erf", "known"), ("softmax", "learned"), ("softmax", "tied")],
)
def test_the_same_as_in_orthogonal_directions(activation: str, value: str) -> None:
    """Oracle: the problem that is written in orthogonal directions, k* = B e, with Bθ and m B⁻¹."""
    one, other = problem(True, activation, value), problem(False, activation, value)
    found, known = op.evaluate(one), op.evaluate(other)
    assert found.risk == pytest.approx(known.risk, abs=1e-13)
    assert found.references == pytest.approx(known.references, abs=1e-10)
    agree(found.velocity, known.velocity, FRAME)
    agree(found.gradient, known.gradient, np.linalg.inv(FRAME))
    agree(op.solve(one).parameters, op.solve(other).parameters, FRAME)
    runs = [op.simulate(of) for of in (one, other)]
    agree(runs[0].parameters, runs[1].parameters, FRAME)
    np.testing.assert_allclose(runs[0].risk, runs[1].risk, rtol=0, atol=1e-12)


REPLICAS, DIMENSION, STEPS, RATE, NOISE = 2000, 24, 12, 0.8, 0.6


def plain_sgd() -> tuple[Array, Array]:
    """Overlaps (R, H, F) with k*, and q (R, H, H), of SGD with vectors k* that are correlated, in
    plain NumPy: softmax, the scalar target, γ_s = NOISE."""
    rng, heads, root = np.random.default_rng(8), 2, DIMENSION**0.5
    start = op.load(problem(True)).initial
    m, q = np.array(start.overlap), np.array(start.self_overlap)
    normals = rng.standard_normal((REPLICAS, DIMENSION, 5))
    units = root * np.swapaxes(np.linalg.qr(normals)[0], 1, 2)
    targets = units[:, 4]
    hidden = np.linalg.cholesky(CORRELATION) @ units[:, :2]
    inside = np.linalg.solve(CORRELATION, m.T).T
    outside = np.linalg.cholesky(q - inside @ m.T)
    k = inside @ hidden + outside @ units[:, 2:4]
    part = np.linalg.cholesky(np.array([[0.2, 0.05], [0.05, 0.1]]))
    for _ in range(STEPS):
        theta = np.array([1.5, 0.3]) + rng.standard_normal((REPLICAS, 2)) @ part.T
        theta = np.where(rng.random((REPLICAS, 1)) < 0.5, theta, np.array([-0.5, 1.0]))
        x = rng.standard_normal((REPLICAS, 4, DIMENSION))
        x[:, 0] = NOISE * x[:, 0] + np.einsum("rf,rfd->rd", theta, hidden) / root
        e = np.exp(np.einsum("rhd,rld->rhl", k, x) / root)
        s = e / e.sum(axis=2, keepdims=True)
        z = np.einsum("rd,rld->rl", targets, x) / root
        error = (s.mean(axis=1) * z).sum(axis=1) - z[:, 0]
        centered = z[:, None] - np.einsum("rhl,rl->rh", s, z)[:, :, None]
        g = 2 * error[:, None, None] * s * centered / heads
        k -= RATE * np.einsum("rhl,rld->rhd", g, x) / root
    overlap = np.einsum("rhd,rfd->rhf", k, hidden) / DIMENSION
    return overlap, np.einsum("rhd,rgd->rhg", k, k) / DIMENSION


@pytest.fixture(scope="module")
def known() -> tuple[Array, Array]:
    return plain_sgd()


@pytest.mark.parametrize("backend", ["gram", "direct"])
def test_simulation(backend: str, known: tuple[Array, Array]) -> None:
    """Both backends, with noise of the signal token too. Oracle: plain NumPy SGD with correlated
    vectors; means and variances of the replicas."""
    settings = {
        "task.target": "scalar",
        "task.signal_noise": NOISE,
        "training.learning_rate": RATE,
        "training.duration": STEPS * RATE / DIMENSION,
        "output.points": 2,
        "simulation.dimension": DIMENSION,
        "simulation.replicas": REPLICAS,
        "simulation.backend": backend,
    }
    run = op.simulate(problem(True), settings=settings)
    for name, samples in zip(("overlap", "self_overlap"), known, strict=True):
        found = run.parameters[name][:, -1]
        spread = samples.std(axis=0)
        away = (found.mean(axis=0) - samples.mean(axis=0)) / spread * (REPLICAS / 2) ** 0.5
        assert np.abs(away).max() < 4
        fourth = ((samples - samples.mean(axis=0)) ** 4).mean(axis=0) / spread**4
        ratio = np.log(found.var(axis=0) / spread**2) * (REPLICAS / (2 * (fourth - 1))) ** 0.5
        assert np.abs(ratio).max() < 4


def test_directions_of_the_configuration() -> None:
    """What heads specialize on are the correlated directions themselves; a portrait has them, with
    the points of the signal where their tokens lie, T θ."""
    config = {
        "task": {
            "signal": {"kind": "spikes", "strengths": [4, 1]},
            "feature_correlation": CORRELATION,
        }
    }
    loaded = op.load(config)
    geometry = geometry_of(loaded)
    assert [one.name for one in geometry.targets] == ["1", "2"]
    bases = np.column_stack([one.basis for one in geometry.targets])
    np.testing.assert_allclose(bases.T @ bases, CORRELATION, rtol=0, atol=1e-12)
    assert [one.name for one in geometry.directions] == ["p1", "p2"]
    plane = plane_of(loaded, np.zeros((4, 2)))
    np.testing.assert_allclose(plane.centers, np.diag([2.0, 1.0]) @ CORRELATION, atol=1e-12)
    overlap = np.array([[0.3, -0.2]])
    positions = geometry.positions({"overlap": overlap})
    np.testing.assert_allclose(geometry.measured(positions), overlap, rtol=0, atol=1e-14)


def test_a_state_as_a_start() -> None:
    """A start at a state has it, also where values are learned; so has the landscape."""
    for value in ("known", "learned"):
        run = op.solve(problem(True, value=value))
        moved = starting_at(run.problem, run.state(-1))
        agree(dict(op.evaluate(moved).parameters), dict(run.state(-1)), np.eye(2))


def test_example_sequences() -> None:
    """The signal of an example is θ along the directions of the configuration."""
    loaded = op.load(
        {
            "task": {
                "signal": {"kind": "spikes", "strengths": [4, 1]},
                "feature_correlation": CORRELATION,
            }
        }
    )
    run = op.solve(loaded, settings={"training.duration": 0.1, "output.points": 2})
    for example in model_of(loaded).examples(loaded, [run.state(0)])[0]:
        assert sorted(np.round(example.signal, 9).tolist()) in ([0.0, 2.0], [0.0, 1.0])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([[1.0, 0.5]], "expected 2 rows of 2 numbers"),
        ([[1.0, 0.5], [0.4, 1.0]], "must be symmetric"),
        ([[1.0, 0.5], [0.5, 2.0]], r"diagonal must be 1.*it is 1, 2\. Scale task\.signal"),
        ([[1.0, 1.0], [1.0, 1.0]], "linearly independent"),
        ([[1.0, 1.5], [1.5, 1.0]], "positive semidefinite"),
    ],
)
def test_refused(given: list[list[float]], message: str) -> None:
    config = problem(False)
    config["initial"] = {}
    config["task"]["feature_correlation"] = given
    with pytest.raises(op.ConfigurationError, match=rf"task\.feature_correlation.*{message}"):
        op.load(config)


def test_no_vectors_with_these_overlaps() -> None:
    """A head has at least the square m T⁻¹ mᵀ: less than |m|² where directions are alike."""
    config = problem(True)
    config["initial"]["overlap"] = [[0.5, 0.5], [0.2, 0.4]]
    least = 0.25 * np.linalg.inv(CORRELATION).sum()
    config["initial"]["self_overlap"] = [[least + 1e-3, 0.2], [0.2, 0.7]]
    op.load(config)
    config["initial"]["self_overlap"] = [[least - 1e-3, 0.2], [0.2, 0.7]]
    with pytest.raises(op.ConfigurationError, match="q - m T⁻¹ mᵀ"):
        op.load(config)


def test_not_with_shared_keys() -> None:
    config = problem(True)
    config["initial"], config["attention"]["keys"] = {}, "shared"
    with pytest.raises(op.ConfigurationError, match=r"does not go with task\.feature_correlation"):
        op.load(config)


def test_orthogonal_after_all() -> None:
    """A correlation of nothing but ones on the diagonal has no effect, which is said."""
    with pytest.warns(op.IgnoredSettingWarning, match=r"task\.feature_correlation"):
        op.evaluate("two-stage", settings={"task.feature_correlation": np.eye(3)})
