"""Vectors that keep their lengths. Oracles: projections written out, normed vectors, SGD."""

import numpy as np
import pytest

import orderparams as op
from orderparams.analysis.pruning import left
from orderparams.errors import ConfigurationError
from orderparams.models.vectors.landscape import Landscape
from orderparams.models.vectors.sphere import tangential
from orderparams.run.simulate import simulate
from orderparams.run.solve import solve

HEADS = {
    "task": {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0, 2.0]}},
    "attention": {"heads": 2, "activation": "softmax-1"},
    "initial": {
        "kind": "explicit",
        "overlap": [[0.8, 0.2], [0.3, -0.1]],
        "self_overlap": [[1.5, 0.2], [0.2, 0.9]],
    },
    "training": {"duration": 4.0, "learning_rate": 1.5, "constraint": "sphere"},
    "output": {"points": 5},
    "simulation": {"dimension": 500, "replicas": 32},
}


def test_what_is_left_is_tangential():
    """Of K = [m W] the part along each row goes; of S what K with dS = dW Wᵀ + W dWᵀ says."""
    generator = np.random.default_rng(1)
    m, w, dm, dw = (generator.standard_normal((3, k)) for k in (2, 3, 2, 3))
    rows, free = np.hstack([m, w]), np.hstack([dm, dw])
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    kept = free - (free * unit).sum(1, keepdims=True) * unit
    overlap, residual = tangential(m, w, dm, dw, stochastic=False)
    np.testing.assert_allclose(np.hstack([overlap, residual]), kept, atol=1e-14)
    grown = dw @ w.T + w @ dw.T
    overlap, square = tangential(m, w @ w.T, dm, grown, stochastic=True)
    np.testing.assert_allclose(overlap, kept[:, :2], atol=1e-14)
    own = kept[:, 2:] @ w.T
    np.testing.assert_allclose(square, own + own.T, atol=1e-13)


@pytest.mark.parametrize("rule", ["gradient-flow", "sgd"])
def test_lengths_stay(rule):
    settings = [f"training.rule='{rule}'", "integrator={rtol=1e-9, atol=1e-11}"]
    run = solve(op.load(HEADS, settings))
    lengths = np.diagonal(run["self_overlap"], axis1=1, axis2=2)
    np.testing.assert_allclose(lengths, np.tile([1.5, 0.9], (5, 1)), rtol=0, atol=1e-7)
    assert np.ptp(run.overlap, axis=0).max() > 0.1


def test_a_head_comes_into_the_span_of_the_hidden_directions():
    """Where the Gram matrix is singular: one spike, gradient flow, cosine 1."""
    task = {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0]}}
    start = {"kind": "explicit", "overlap": [[0.1]], "self_overlap": [[1.0]]}
    training = {"constraint": "sphere", "duration": 200.0}
    source = {"task": task, "attention": {"heads": 1}, "initial": start, "training": training}
    run = solve(op.load(source, ["integrator.rtol=1e-9"]))
    assert run.status == "finished"
    assert run.overlap[-1, 0, 0] == pytest.approx(1, abs=1e-7)
    assert (np.diff(run.risk) < 1e-12).all()


@pytest.mark.parametrize("backend", ["gram", "direct"])
@pytest.mark.parametrize(
    "more",
    [["attention.bias='none'"], [], ["training.momentum=0.75", "training.learning_rate=0.375"]],
    ids=["none", "norm", "momentum"],
)
def test_the_flow_follows_sgd(backend, more):
    """Means of replicas; a theory without the shrinkage by noise is rejected."""
    settings = ["training.rule='sgd'", *more]
    if backend == "direct":
        settings += ["simulation.backend='direct'", "training.duration=1.2", "output.points=3"]
    problem = op.load(HEADS, settings)
    run, flow = simulate(problem), solve(problem)
    lengths = np.diagonal(run["self_overlap"], axis1=2, axis2=3)
    np.testing.assert_allclose(lengths, np.broadcast_to([1.5, 0.9], lengths.shape), atol=1e-11)

    def largest(flow):
        moved = np.concatenate(
            [(run["overlap"] - flow["overlap"]).reshape(32, -1, 4)[:, 1:],
             (run["self_overlap"] - flow["self_overlap"])[:, 1:, 0, 1:]], axis=2)  # fmt: skip
        return np.abs(moved.mean(0) / moved.std(0, ddof=1)).max() * len(moved) ** 0.5

    assert largest(flow) < 4.5
    if backend == "gram":
        assert largest(solve(op.load(problem, ["training.rule='gradient-flow'"]))) > 6


def test_the_landscape_is_that_of_normed_vectors():
    """Gradient and transverse Hessian against differences of the risk."""
    landscape = Landscape(op.load(HEADS))
    x = 1.3 * landscape.point(landscape.flow.start)
    assert landscape.risk(x) == pytest.approx(landscape.risk(x / 1.3), abs=1e-12)
    numeric = [
        (landscape.risk(x + d) - landscape.risk(x - d)) / 2e-4 for d in 1e-4 * np.eye(len(x))
    ]
    np.testing.assert_allclose(landscape.gradient(x), numeric, rtol=0, atol=1e-7)
    start = {"kind": "explicit", "overlap": [[0.8, 0.2]], "self_overlap": [[0.68]]}
    wide = op.load(
        {**HEADS, "attention": {"heads": 1, "activation": "softmax-1"}, "initial": start}
    )
    flat = Landscape(wide)
    y = flat.point(flat.flow.start)
    step = np.zeros_like(y)
    step[2] = 1e-2  # out of the span of the hidden directions
    bend = (flat.risk(y + step) - 2 * flat.risk(y) + flat.risk(y - step)) / 1e-4
    assert flat.transverse(y)[0, 0] == pytest.approx(bend, rel=1e-3)


def test_what_is_left_of_pruned_heads_keeps_its_length():
    problem = op.load(HEADS)
    heads = Landscape(problem).flow.start
    landscape, x = left(problem, heads, (0,))
    assert landscape.vectors(x).self_overlap[0, 0] == pytest.approx(0.9, abs=1e-12)


def test_students_keep_their_lengths():
    run = op.solve("saad-solla", settings=["training.constraint=sphere", "integrator.rtol=1e-9"])
    lengths = np.diagonal(run["self_overlap"], axis1=1, axis2=2)
    np.testing.assert_allclose(lengths, np.broadcast_to(lengths[0], lengths.shape), rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["training.weight_decay=0.1"], "has no effect on vectors that keep their lengths"),
        (["initial={kind='random', variance=0}"], "head 1 starts at the origin"),
    ],
)
def test_what_makes_no_sense_is_told(settings, said):
    with pytest.raises(ConfigurationError, match=said):
        op.load(HEADS, settings)
