"""Keys and values of softplus, and of an activation that comes without closed forms.

Oracles: known values with head weights u m^v, softmax by its own engine on the same sequences,
sequences drawn with NumPy, and differences of the loss and of the risk.
"""

import dataclasses
import math

import exponential_activation
import numpy as np
import pytest
from activation_cases import activation, attend

import orderparams as op
from orderparams.errors import ConfigurationError
from orderparams.models.single_location.activations.table import TABLE, Facts
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.curved_sgd import CurvedRule, Lines
from orderparams.models.single_location.engines.scored import ScoredQuadrature
from orderparams.models.single_location.task import Signal, Task
from orderparams.models.single_location.values import curved_sgd
from orderparams.models.single_location.values.curved import CurvedValueSampling
from orderparams.models.single_location.values.heads import build_values
from orderparams.models.single_location.values.manifold import ManifoldQuadrature
from orderparams.models.single_location.values.sampling import ValueSampling
from orderparams.models.single_location.values.sgd import value_model

MIXED = Signal(np.array([0.6, 0.4]), np.array([[2.0], [-1.0]]), np.array([[[0.0]], [[0.3]]]))
TASK = Task(np.array([3]), np.ones(1), MIXED, "scalar", 0.3, 0.8)
ROWS = np.zeros((4, 6))
ROWS[:, :4] = [[0.9, 0.2, 0.3, 0], [-0.5, 0.1, 0.2, 0.4], [0.1, 0.8, 0.2, 0], [0.2, 0.5, 0, 0.3]]
WEIGHTS, BIAS = np.array([0.6, 0.5]), np.array([0.2, -0.1])
SOFTPLUS = activation("softplus", 0.5)
START = {
    "task": {
        "length": 3,
        "target": "scalar",
        "noise": 0.2,
        "signal": {"kind": "spikes", "strengths": [4.0]},
    },
    "attention": {"heads": 1, "value": "learned", "activation": "softplus", "kappa": 0.5},
    "training": {"duration": 1.0},
    "initial": {
        "kind": "explicit",
        "overlap": [[0.3]],
        "self_overlap": [[0.26]],
        "value_alignment": [0.2],
        "value_self_overlap": [[0.18]],
    },
    "expectation": {"samples": 2048},
    "output": {"points": 3},
}
CROSS = {"initial.key_target_overlap": [0.1], "initial.value_overlap": [[0.1]]}


def gradient(found, rows, known=2):
    """∂E/∂T of moments."""
    slopes = 2 * found.self_overlap_gradient @ rows
    slopes[:, :known] += found.overlap_gradient
    return slopes


def test_on_the_manifold_values_weigh_heads():
    rows = ROWS.copy()
    rows[:2, 1], rows[2:] = 0, 0
    along = np.array([0.8, 0.5])
    rows[2:, 1] = along
    engine = ManifoldQuadrature(TASK, SOFTPLUS, 2, 1e-9)
    found = engine.evaluate(rows, BIAS, WEIGHTS)
    keys = np.ascontiguousarray(rows[:2, [0, 2, 3]])
    known = ScoredQuadrature(TASK, SOFTPLUS, tolerance=1e-9).evaluate(keys, BIAS, WEIGHTS * along)
    assert found.risk == pytest.approx(known.risk, abs=2e-9)
    slopes = gradient(found, rows)
    np.testing.assert_allclose(slopes[:2, [0, 2, 3]], gradient(known, keys, 1), atol=1e-8)
    np.testing.assert_allclose(slopes[2:, 1], WEIGHTS * known.head_weight_gradient, atol=1e-8)
    beside = np.zeros_like(rows)
    beside[2:, 4:] = [[0.3, 0.0], [-0.2, 0.4]]
    moved, step = rows + beside, 1e-4
    by = np.random.default_rng(0).standard_normal(rows.shape)
    by[:2, [1, 4, 5]] = by[2:, [0, 2, 3]] = 0
    ends = [engine.risk(moved + s * by, BIAS, WEIGHTS).value for s in (step, -step)]
    slope = (gradient(engine.evaluate(moved, BIAS, WEIGHTS), moved) * by).sum()
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(slope, abs=1e-6)
    sampled = CurvedValueSampling(TASK, SOFTPLUS, 2, samples=2**14, seed=0)
    some = sampled.evaluate(moved, BIAS, WEIGHTS)
    off = np.abs(gradient(some, moved) - gradient(engine.evaluate(moved, BIAS, WEIGHTS), moved))
    assert off.max() < 2 * some.error < 0.05


def test_sampling_of_the_exponential_is_that_of_softmax():
    """The kernels for any function, at the one that has kernels of its own; V too."""
    curved = Activation("exponential", False, 0.5, exponential_activation.CURVE)
    plain = Activation("softmax-1", False, 0.5)
    keys = {"samples": 1024, "seed": 4}
    found, expected = (
        kind(TASK, of, 2, **keys).evaluate(ROWS, BIAS, WEIGHTS, gradient_covariance=True)
        for kind, of in ((CurvedValueSampling, curved), (ValueSampling, plain))
    )
    for name in ("risk", "overlap_gradient", "self_overlap_gradient", "bias_gradient",
                 "head_weight_gradient", "gradient_covariance", "error",
                 "gradient_covariance_error"):  # fmt: skip
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-9)


def test_sampled_risk_is_that_of_drawn_sequences():
    engine = CurvedValueSampling(TASK, SOFTPLUS, 2, samples=2**14, seed=3)
    found = engine.evaluate(ROWS, BIAS, WEIGHTS)
    generator, count = np.random.default_rng(0), 200_000
    chosen = generator.choice(2, count, p=MIXED.weights)
    theta = MIXED.means[chosen, 0]
    theta = theta + np.sqrt(MIXED.covariances[chosen, 0, 0]) * generator.standard_normal(count)
    x = generator.standard_normal((count, 3, 6))
    x[:, 0] *= TASK.signal_noise
    x[:, 0, 0] += theta
    fields = np.einsum("nld,rd->nrl", x, ROWS)
    error = -x[:, 0, 1] - TASK.noise * generator.standard_normal(count)
    for h in range(2):
        logits = fields[:, [h]] + BIAS[h]
        error += (attend("softplus", logits, WEIGHTS[[h]], 0.0, 0.5) * fields[:, 2 + h]).sum(1)
    loss = error**2
    assert abs(loss.mean() - found.risk) < 4 * loss.std() / count**0.5 + found.error
    assert loss.std() / count**0.5 < 0.01


def test_a_step_is_the_gradient_of_the_loss():
    problem = op.load(START, settings=CROSS | {"training.value_rate": 0.4})
    setup = dataclasses.replace(build_values(problem), activation=SOFTPLUS)
    own = value_model(problem, setup)._replace(noise=0.0)
    generator = np.random.default_rng(1)
    fields, targets = generator.standard_normal((4, 3)), generator.standard_normal((1, 3))
    lines = Lines(BIAS, WEIGHTS, np.ones(2), np.zeros(2))

    def loss(fields, lines):
        f = sum(
            attend("softplus", fields[[h]] + lines.bias[h], lines.head_weights[[h]], 0.0, 0.5)
            @ fields[2 + h]
            for h in range(2)
        )
        return (f - targets[0, 2]) ** 2

    rows, slopes, step = fields.copy(), np.zeros((4, 4)), 1e-6
    value = curved_sgd.respond(
        own, CurvedRule(1.0), generator, 2, lines, targets, rows, np.zeros(4), slopes
    )
    assert value == pytest.approx(loss(fields, lines), rel=1e-12)
    for i, token in np.ndindex(fields.shape):
        by = np.zeros_like(fields)
        by[i, token] = step
        slope = (loss(fields + by, lines) - loss(fields - by, lines)) / (2 * step)
        assert rows[i, token] == pytest.approx((1.0 if i < 2 else 0.4) * slope, abs=1e-8)
    for number, h in np.ndindex(2, 2):
        ends = []
        for s in (step, -step):
            moved = [of.copy() for of in lines]
            moved[number][h] += s
            ends.append(loss(fields, Lines(*moved)))
        assert slopes[number, h] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-8)


def test_which_engine_serves():
    assert op.evaluate(START).engine == "quadrature"
    assert op.evaluate(START, settings=CROSS).engine == "sampling"
    noisy = op.evaluate(START, settings={"training.rule": "sgd"})
    assert noisy.engine == "quadrature, sampling for V"
    for settings in (CROSS, {"training.rule": "sgd"}):
        with pytest.raises(ConfigurationError, match="has no rule"):
            op.evaluate(START, settings=settings | {"expectation.engine": "quadrature"})


def test_an_activation_without_closed_forms_is_sampled(monkeypatch):
    monkeypatch.setitem(TABLE, "tanh", Facts("elementwise", "tanh_activation"))
    base = op.load(START, settings=CROSS | {"attention.activation": "erf", "attention.kappa": 0.0})
    problem = dataclasses.replace(
        base, attention=dataclasses.replace(base.attention, activation="tanh")
    )
    found = op.evaluate(problem)
    assert found.engine == "sampling"
    near = op.evaluate(base, settings={"expectation.engine": "sampling"})
    assert 0 < abs(found.risk - near.risk) < 0.2  # tanh x is close to erf x
    assert math.isfinite(op.solve(problem).risk[-1])
