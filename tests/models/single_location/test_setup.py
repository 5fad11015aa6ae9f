"""What a configuration says, and the flow around an engine that is a formula: no kernel runs here.

Oracles: moments of the points written out, central differences.
"""

import numpy as np
import pytest

import orderparams as op
from orderparams.errors import ConfigurationError
from orderparams.models.single_location import task as module
from orderparams.models.single_location.engines import Moments, Risk
from orderparams.models.single_location.flow import Flow
from orderparams.models.single_location.setup import build, build_signal
from orderparams.models.single_location.task import Signal, Task

PAIR = {
    "task": {"length": 3, "signal": {"kind": "spikes", "strengths": [4.0, 1.0]}},
    "attention": {"heads": 2, "activation": "softmax-1"},
    "initial": {
        "kind": "explicit",
        "overlap": [[0.8, 0.1], [-0.2, 0.6]],
        "self_overlap": [[0.9, -0.05], [-0.05, 0.7]],
    },
    "training": {"weight_decay": 0.3, "learning_rate": 0.8, "batch_size": 2},
}
BIAS = ("attention.bias=learned", "initial.bias=[0.3, -0.4]", "training.bias_rate=0.4")
WEIGHTS = (
    "attention.head_weights=learned",
    "initial.head_weights=[0.6, -1.7]",
    "training.head_weight_rate=1.7",
)


def load(*settings):
    return op.load(PAIR, settings)


SIGNALS = {
    "spikes": ("{kind='spikes', strengths=[9, 4]}", [[3, 0], [0, 2]]),
    "flipped": (
        "{kind='flipped-spikes', strengths=[9, 4]}",
        [[3, 0], [0, 2], [-3, 0], [0, -2]],
    ),
    "hypercube": (
        "{kind='hypercube', mean=[1.5, 0.5], strengths=[9, 4]}",
        [[4.5, 2.5], [4.5, -1.5], [-1.5, 2.5], [-1.5, -1.5]],
    ),
    "edge": (
        "{kind='hypercube', mean=[1.5, 0.5], strengths=[0, 4]}",
        [[1.5, 2.5], [1.5, -1.5]],
    ),
    "centred": ("{kind='hypercube', strengths=[1, 0]}", [[1, 0], [-1, 0]]),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_signals_on_points(name):
    written, points = SIGNALS[name]
    signal = build(load(f"task.signal={written}")).task.signal
    assert sorted(signal.means.tolist()) == sorted(np.array(points, dtype=float).tolist())
    np.testing.assert_array_equal(signal.weights, np.full(len(points), 1 / len(points)))
    assert not signal.covariances.any()
    np.testing.assert_allclose(signal.mean, np.mean(points, axis=0))
    np.testing.assert_allclose(signal.covariance, np.cov(np.transpose(points), ddof=0), atol=1e-14)


def test_gaussians_and_mixtures():
    full = "{kind='gaussian', mean=[1, 2], covariance=[[2, 0.5], [0.5, 1]]}"
    signal = build_signal(load(f"task.signal={full}").task.signal)
    np.testing.assert_array_equal(signal.covariances, [[[2, 0.5], [0.5, 1]]])
    np.testing.assert_array_equal(signal.second_moment, [[3, 2.5], [2.5, 5]])
    plain = build_signal(load("task.signal={kind='gaussian', variances=[2, 1]}").task.signal)
    np.testing.assert_array_equal(plain.covariances, [[[2, 0], [0, 1]]])
    np.testing.assert_array_equal(plain.means, [[0, 0]])
    mixed = build_signal(
        load(
            "task.signal={kind='mixture', components=[{mean=[1, 0], weight=1}, "
            "{mean=[5, 5], weight=0}, {mean=[0, 2], weight=3, variances=[0.5, 1]}]}"
        ).task.signal
    )
    np.testing.assert_array_equal(mixed.weights, [0.25, 0.75])
    np.testing.assert_array_equal(mixed.means, [[1, 0], [0, 2]])
    np.testing.assert_array_equal(mixed.covariances, [np.zeros((2, 2)), np.diag([0.5, 1])])


def test_moments_of_a_mixture_are_those_of_its_draws():
    """Oracle: the law of total covariance, summed by hand."""
    covariances = np.array([[[1.0, 0.3], [0.3, 0.5]], [[0.2, 0.0], [0.0, 0.1]]])
    signal = Signal(np.array([0.2, 0.8]), np.array([[1.0, 2.0], [-1.0, 0.5]]), covariances)
    mean = [0.2 - 0.8, 0.4 + 0.4]
    np.testing.assert_allclose(signal.mean, mean)
    apart = signal.means - np.array(mean)
    expected = sum(w * (c + np.outer(d, d))
                   for w, c, d in zip(signal.weights, covariances, apart, strict=True))  # fmt: skip
    np.testing.assert_allclose(signal.covariance, expected)
    assert signal.features == 2


def test_points_ask_for_the_memory_of_their_covariances_three_times(monkeypatch):
    asked = []
    monkeypatch.setattr(module.memory, "require", lambda size, *_: asked.append(size))
    module.point_masses(np.ones((5, 3)))
    assert asked == [3 * 8 * 5 * 9]


def test_lengths_without_weight_are_left_out():
    task = build(load("task.length={values=[2, 3, 5], weights=[1, 0, 3]}")).task
    np.testing.assert_array_equal(task.lengths, [2, 5])
    np.testing.assert_array_equal(task.length_weights, [0.25, 0.75])
    task = build(load("task.length={values=[2, 3]}", "task.target=scalar", "task.noise=0.5")).task
    np.testing.assert_array_equal(task.length_weights, [0.5, 0.5])
    assert (task.target, task.noise) == ("scalar", 0.5)
    assert task.label_noise == 0.25
    np.testing.assert_array_equal(task.other_tokens.others, [1, 2])
    np.testing.assert_array_equal(task.other_tokens.shares, [0.5, 0.5])
    assert Task(task.lengths, task.length_weights, task.signal).label_noise == 0.0
    assert Task(task.lengths, task.length_weights, task.signal, "scalar").label_noise == 0.0
    assert Task(task.lengths, task.length_weights, task.signal, noise=0.5).label_noise == 0.0
    plain = build(load()).task
    assert (plain.lengths.tolist(), plain.length_weights.tolist()) == ([3], [1.0])


@pytest.mark.parametrize(
    ("activation", "joint", "kappa"),
    [("softmax", False, 0.0), ("softmax-1", False, 1.0), ("bayes-softmax", True, 0.0)],
)
def test_activations(activation, joint, kappa):
    table = {key: value for key, value in PAIR.items() if key in ("task", "attention")}
    found = build(op.load(table, [f"attention.activation={activation}"])).activation
    assert (found.name, found.joint, found.kappa) == (activation, joint, kappa)


@pytest.mark.parametrize(
    ("settings", "bias", "weights"),
    [
        ([*BIAS, *WEIGHTS], [0.3, -0.4], [0.6, -1.7]),
        ([BIAS[0], WEIGHTS[0]], [0.0, 0.0], [1.0, 1.0]),
        (
            ["attention.bias=[0.1, 0.2]", "attention.head_weights=[2, 3]"],
            [0.1, 0.2],
            [2.0, 3.0],
        ),
        (["attention.bias=none", "attention.head_weights=mean"], [0.0, 0.0], [0.5, 0.5]),
        (["attention.bias=norm", "attention.head_weights=sum"], [-0.45, -0.35], [1.0, 1.0]),
    ],
)
def test_biases_and_head_weights_at_the_start(settings, bias, weights):
    start = build(load(*settings)).start
    np.testing.assert_allclose(start.bias, bias, atol=1e-14)
    np.testing.assert_allclose(start.head_weights, weights)


def test_an_explicit_start_has_the_self_overlaps_that_were_given_or_no_residual():
    start = build(load()).start
    np.testing.assert_allclose(start.self_overlap, [[0.9, -0.05], [-0.05, 0.7]], atol=1e-14)
    table = PAIR | {"initial": {"kind": "explicit", "overlap": [[0.8, 0.1], [-0.2, 0.6]]}}
    assert not build(op.load(table)).start.residual.any()


class Formula:
    """An engine whose risk is a polynomial in q, m, β and u."""

    name = "formula"

    def risk(self, weights, bias, head_weights):
        m, q = weights[:, :2], weights @ weights.T
        value = (
            (q**2).sum() / 2 + (m**3).sum() + bias**2 @ np.diag(q) + (bias * head_weights**2).sum()
        )
        return Risk(value, 1e-3, "formula")

    def evaluate(self, weights, bias, head_weights, *, gradient_covariance=False):
        m, q = weights[:, :2], weights @ weights.T
        return Moments(
            self.risk(weights, bias, head_weights).value,
            3 * m**2,
            q + np.diag(bias**2),
            2 * bias * np.diag(q) + head_weights**2,
            2 * bias * head_weights,
            q / 2 if gradient_covariance else None,
            1e-3,
            "formula",
            1e-2,
        )


BIASES = {
    "norm": ("attention.bias=norm",),
    "learned": BIAS,
    "held": ("attention.bias=[0.3, -0.4]",),
}


def flow_of(*settings, engine=None):
    problem = load(*settings)
    return Flow(problem, build(problem), engine or Formula())


@pytest.mark.parametrize("rule", ["gradient-flow", "sgd"])
@pytest.mark.parametrize("bias", BIASES)
def test_velocities_are_derivatives_of_the_state_and_go_down_the_risk(bias, rule):
    """Oracles: central differences along dy/dt of m, q, β, u; and of the risk by each component
    of [m W], β and u, through the norm bias."""
    settings = (*BIASES[bias], *WEIGHTS)
    flow = flow_of(*settings, f"training.rule={rule}")
    y = flow.initial_state
    velocity = flow.evaluate(y).velocity
    whole = flow.velocity(y, flow.gradient(flow.start, covariance=True))
    ahead, behind = (flow.vectors(y + s * flow.derivative(0.0, y)).state for s in (1e-5, -1e-5))
    for name, values in whole.items():
        np.testing.assert_allclose(values, (ahead[name] - behind[name]) / 2e-5, atol=1e-7)
    assert set(whole) == {"overlap", "self_overlap", "bias", "head_weight"}
    learned = {"head_weight"} | ({"bias"} if bias == "learned" else set())
    assert set(velocity) == {"overlap", "self_overlap"} | learned
    rates = {"bias": 0.4, "head_weight": 1.7}
    for name in learned:
        np.testing.assert_allclose(whole[name], -rates[name] * slope(flow, name), atol=1e-6)
    expected = -slope(flow, "overlap") - 0.3 * flow.start.overlap
    np.testing.assert_allclose(whole["overlap"], expected, atol=1e-6)
    if rule == "sgd":
        alone = flow_of(*settings)
        still = alone.velocity(alone.initial_state, alone.gradient(alone.start, covariance=False))
        noise = whole["self_overlap"] - still["self_overlap"]
        np.testing.assert_allclose(noise, 0.2 * flow.start.self_overlap, atol=1e-12)


def slope(flow, name):
    """Central differences of the risk by m (at fixed W), β or u; the norm bias follows from q."""
    start = flow.start
    parts = {"overlap": start.overlap, "bias": start.bias, "head_weight": start.head_weights}
    found = np.zeros_like(parts[name])
    for place in np.ndindex(found.shape):
        values = []
        for step in (1e-5, -1e-5):
            moved = parts | {name: parts[name].copy()}
            moved[name][place] += step
            numbers = {key: moved[key] for key in ("bias", "head_weight")}
            values.append(flow.risk_of(flow.dressed(moved["overlap"], start.residual, numbers)))
        found[place] = (values[0] - values[1]) / 2e-5
    return found


def test_what_matters_of_each_component():
    """m by the size of the signal, u by its start; SGD's S has no negative diagonal."""
    flow = flow_of(*BIAS, *WEIGHTS, "training.rule=sgd")
    second = np.array([4.0, 1.0]) / 2
    overlap = np.tile(1 / np.sqrt(1 + second), 2)
    np.testing.assert_allclose(flow.units, [*overlap, 1, 1, 1, 1, 1, 1, 1.7])
    np.testing.assert_array_equal(np.flatnonzero(flow.variances), [4, 6])


def test_the_engine_is_named_with_the_error_that_it_missed():
    flow = flow_of("expectation.tolerance=1e-3")
    flow.derivative(0.0, flow.initial_state)
    assert "not reached" not in flow.engine_name
    flow = flow_of("expectation.tolerance=1e-4")
    flow.derivative(0.0, flow.initial_state)
    assert "(tolerance 0.0001 not reached, errors up to 1.0e-03)" in flow.engine_name
    sampled = Formula()
    sampled.name = "sampling, 64 samples"
    assert flow_of("expectation.tolerance=1e-4", engine=sampled).tolerance == np.inf


def test_noise_that_carries_heads_out_of_range_is_refused():
    """γ/B = 2·10⁶ times the shorter of the duration and 1/λ, times the largest V = 0.45; beyond 10⁸
    whatever holds the heads, if nothing does."""
    fast = ("training.rule=sgd", "training.learning_rate=4e6", "attention.activation=softmax")
    flow = flow_of(*fast, "training.weight_decay=0")
    flow.check_rates(111.0, 1e9)
    with pytest.raises(
        ConfigurationError, match=r"rate = 4e\+06, training\.batch_size = 2, .*= 1500"
    ):
        flow.check_rates(111.2, 1e9)
    flow_of(*fast, "training.weight_decay=0.00901").check_rates(1e5, 1e9)
    with pytest.raises(ConfigurationError):
        flow_of(*fast, "training.weight_decay=0.00899").check_rates(1e5, 1e9)
    flow_of(*fast[1:], "training.weight_decay=0").check_rates(1e5, 1e9)
    held = flow_of(*fast[:2], *BIAS, "training.weight_decay=0")
    held.check_rates(499, 1e9)
    with pytest.raises(ConfigurationError, match="the noise of SGD"):
        held.check_rates(501, 1e9)
