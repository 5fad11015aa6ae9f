"""Noise of the token with the signal that is not that of the others, γ_s ≠ 1 (theory 1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import erf

import orderparams as op
from orderparams.models.single_location.activations.table import TABLE
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.bayes.risk import bayes_risk
from orderparams.models.single_location.engines.curved import CurvedSampling
from orderparams.models.single_location.engines.elementwise import Elementwise
from orderparams.models.single_location.engines.joint import JointQuadrature
from orderparams.models.single_location.engines.sampling import Sampling
from orderparams.models.single_location.engines.scored import ScoredQuadrature
from orderparams.models.single_location.engines.separate import Quadrature
from orderparams.models.single_location.task import Signal, Task, flipped_spikes, spikes
from orderparams.models.single_location.values.manifold import ManifoldQuadrature
from orderparams.models.single_location.values.quadrature import FullQuadrature
from orderparams.models.single_location.values.sampling import ValueSampling
from orderparams.models.single_location.values.wick import WickSampling

Array = NDArray[np.float64]
Mean = tuple[Array, Array]
"""A mean over samples and its standard error."""

LENGTH = 4
SIGNAL = Signal(
    np.array([0.6, 0.4]),
    np.array([[1.5, 0.3], [-0.5, 1.0]]),
    np.array([np.diag([0.2, 0.1]), np.zeros((2, 2))]),
)
WEIGHTS = np.array(
    [[1.0, 0.2, 0.6, 0.0, 0.0], [-0.3, 0.5, 0.3, 0.5, 0.0], [0.2, 0.1, -0.2, 0.1, 0.6]]
)
HEAD_WEIGHTS, BIAS = np.array([0.6, 0.5, 0.4]), np.array([0.2, -0.1, 0.3])
ACTIVATIONS = ("softmax", "softmax-1", "bayes-softmax", "erf", "linear", "softplus")


def task(target: str, variance: float) -> Task:
    noise = 0.3 if target == "scalar" else 0.0
    return Task(np.array([LENGTH]), np.ones(1), SIGNAL, target, noise, variance**0.5)


def activation(name: str) -> Activation:
    facts, kappa = TABLE[name], 1.0 if name in ("softmax-1", "bayes-softmax") else 0.0
    return Activation(name, facts.joint, kappa, facts.curve(), facts.elementwise)


def quadrature(name: str, of: Task) -> Any:
    how = activation(name)
    if how.elementwise:
        return Elementwise(of, how, tolerance=1e-9)
    if how.curve is not None:
        return ScoredQuadrature(of, how, tolerance=1e-9)
    return (JointQuadrature if how.joint else Quadrature)(of, how, 3, tolerance=1e-9)


def sampling(name: str, of: Task, samples: int) -> Any:
    how = activation(name)
    kind = Sampling if how.curve is None else CurvedSampling
    return kind(of, how, 3, samples=samples, seed=1)


CURVES: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "erf": (erf, lambda x: 2 / np.sqrt(np.pi) * np.exp(-(x**2))),
    "linear": (lambda x: x, np.ones_like),
    "softplus": (lambda x: np.log1p(np.exp(x)), lambda x: 1 / (1 + np.exp(-x))),
}


def tokens(of: Task, directions: int, count: int, seed: int) -> tuple[Array, Array]:
    """Tokens (count, L, directions), the signal in the first, and variances (L,) of their noise."""
    rng, signal = np.random.default_rng(seed), of.signal
    x = rng.standard_normal((count, LENGTH, directions))
    x[:, 0] *= of.signal_noise
    chosen = rng.choice(2, count, p=signal.weights)
    spread = np.sqrt(signal.covariances)[chosen]  # they are diagonal
    x[:, 0, :2] += signal.means[chosen]
    x[:, 0, :2] += np.einsum("nfg,ng->nf", spread, rng.standard_normal((count, 2)))
    return x, np.array([of.signal_variance, *np.ones(LENGTH - 1)])


def mean_of(samples: Array) -> Mean:
    return samples.mean(axis=0), samples.std(axis=0) / len(samples) ** 0.5


def shares_of(how: Activation, chi: Array) -> Array:
    """s (N, H, L) of logits with their biases."""
    if how.curve is not None:
        s = CURVES[how.name][0](chi)
        return s if how.elementwise else s / (how.kappa + s.sum(axis=2, keepdims=True))
    e = np.exp(chi)
    return e / (how.kappa + e.sum(axis=(1, 2) if how.joint else 2, keepdims=True))


def plain(name: str, of: Task, bias: Array, count: int, seed: int) -> tuple[Mean, Mean]:
    """Risk and V in plain NumPy, from the loss Σ σ² r² or (Σ r z − Δξ)² of sampled sequences."""
    how, rng = activation(name), np.random.default_rng(seed + 1)
    x, variances = tokens(of, 5, count, seed)
    chi = np.einsum("hd,nld->nhl", WEIGHTS, x) + bias[:, None]
    s = shares_of(how, chi)
    u = np.ones(3) if how.joint else HEAD_WEIGHTS
    attention = np.einsum("h,nhl->nl", u, s)
    r = attention - np.eye(LENGTH)[0]
    risk = (variances * r**2).sum(axis=1) + of.label_noise
    upstream = 2 * variances * r
    if of.target == "scalar":
        z = rng.standard_normal((count, LENGTH)) * np.sqrt(variances)
        error = (r * z).sum(axis=1) - of.noise * rng.standard_normal(count)
        upstream = 2 * error[:, None] * z
    if how.elementwise:
        g = u[:, None] * upstream[:, None] * CURVES[name][1](chi)
    else:
        weights = np.repeat(attention[:, None], 3, axis=1) if how.joint else s
        center = np.einsum("nl,nhl->nh", upstream, weights)
        g = u[:, None] * s * (upstream[:, None] - center[:, :, None])
        if how.curve is not None:
            value, slope = CURVES[name]
            g *= slope(chi) / value(chi)
    return mean_of(risk), mean_of(np.einsum("l,nhl,nkl->nhk", variances, g, g))


def away(found: Any, mean: Mean) -> float:
    return float(np.abs((found - mean[0]) / mean[1]).max())


def by_differences(risk: Callable[[Array], float], at: Array) -> Array:
    slopes = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        step = np.zeros_like(at)
        step[index] = 1e-4
        slopes[index] = (risk(at + step) - risk(at - step)) / 2e-4
    return slopes


@pytest.mark.parametrize("variance", [0.4, 1.7])
@pytest.mark.parametrize("target", ["token", "scalar"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_risk_and_noise(name: str, target: str, variance: float) -> None:
    """Oracle: plain NumPy sampling; for V of quadrature the sampling engine too."""
    of, bias = task(target, variance), BIAS * (name != "linear")
    risk, covariance = plain(name, of, bias, 60_000, seed=7)
    sampled = sampling(name, of, 2**13).evaluate(
        WEIGHTS, bias, HEAD_WEIGHTS, gradient_covariance=True
    )
    exact = quadrature(name, of)
    assert away(exact.risk(WEIGHTS, bias, HEAD_WEIGHTS).value, risk) < 4
    assert away(sampled.gradient_covariance, covariance) < 4.5
    if exact.serves_gradient_covariance:
        found = exact.evaluate(WEIGHTS, bias, HEAD_WEIGHTS, gradient_covariance=True)
        error = np.abs(found.gradient_covariance - sampled.gradient_covariance).max()
        assert error < sampled.gradient_covariance_error
        assert away(found.gradient_covariance, covariance) < 4


@pytest.mark.parametrize("variance", [0.4, 1.7])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradients(name: str, variance: float) -> None:
    """Oracles: differences of the risk by quadrature; quadrature for sampling."""
    of, bias = task("token", variance), BIAS * (name != "linear")
    exact = quadrature(name, of)
    found = exact.evaluate(WEIGHTS, bias, HEAD_WEIGHTS)
    slopes = 2 * found.self_overlap_gradient @ WEIGHTS
    slopes[:, :2] += found.overlap_gradient

    def risk(weights: Array, bias: Array = bias, head_weights: Array = HEAD_WEIGHTS) -> float:
        return float(exact.risk(weights, bias, head_weights).value)

    np.testing.assert_allclose(by_differences(risk, WEIGHTS), slopes, rtol=0, atol=2e-8)
    of_bias = by_differences(lambda b: risk(WEIGHTS, b), bias)
    np.testing.assert_allclose(of_bias, found.bias_gradient, rtol=0, atol=2e-8)
    of_weights = by_differences(lambda u: risk(WEIGHTS, bias, u), HEAD_WEIGHTS)
    np.testing.assert_allclose(of_weights, found.head_weight_gradient, rtol=0, atol=2e-8)
    sampled = sampling(name, of, 2**13).evaluate(WEIGHTS, bias, HEAD_WEIGHTS)
    for part in ("overlap_gradient", "self_overlap_gradient"):
        assert np.abs(getattr(sampled, part) - getattr(found, part)).max() < sampled.error


@pytest.mark.parametrize("name", ["softmax", "softmax-1"])
@pytest.mark.parametrize("variance", [0.4, 1.7])
def test_noise_of_a_lone_head(name: str, variance: float) -> None:
    """V of one head by quadrature. Oracle: the sampling engine."""
    of = task("token", variance)
    heads = WEIGHTS[:1, :3].copy(), BIAS[:1], HEAD_WEIGHTS[:1]
    exact = Quadrature(of, activation(name), 1, tolerance=1e-9)
    sampled = Sampling(of, activation(name), 1, samples=2**14, seed=3)
    found, other = (one.evaluate(*heads, gradient_covariance=True) for one in (exact, sampled))
    assert found.gradient_covariance is not None
    assert other.gradient_covariance is not None
    error = float(np.abs(found.gradient_covariance - other.gradient_covariance).max())
    assert error < other.gradient_covariance_error


def spike(settings: dict[str, object], **more: object) -> op.Problem:
    """One head on one spike, L = 3, ν = 4."""
    return op.load(
        {
            "task": {"length": 3, "signal": {"kind": "spikes", "strengths": [4]}},
            "attention": {"heads": 1},
            "initial": {"kind": "explicit", "overlap": [[1.2]], "self_overlap": [[1.69]]},
            **more,
        },
        settings=settings,
    )


@pytest.mark.parametrize(
    ("variance", "risk"), [(0.25, 0.098984688289), (1.0, 0.239189358604), (2.0, 0.479201671864)]
)
def test_one_head(variance: float, risk: float) -> None:
    """Oracle: numbers of another program, good to 1e-10."""
    found = op.evaluate(spike({"task.signal_noise": variance**0.5}))
    assert found.risk == pytest.approx(risk, abs=2e-10)


def test_one_head_with_a_value() -> None:
    """Oracle: a number of another program, γ_s² = ½, κ = 1, off the manifold."""
    initial = {
        "kind": "explicit",
        "overlap": [[1.0]],
        "self_overlap": [[1.29]],
        "key_target_overlap": [0.2],
        "value_overlap": [[0.3]],
        "value_alignment": [0.8],
        "value_self_overlap": [[0.83]],
        "key_value_overlap": [[0.51]],
    }
    attention = {"heads": 1, "activation": "softmax-1", "bias": "none", "value": "learned"}
    settings = {"task.target": "scalar", "task.noise": 0.2, "task.signal_noise": 0.5**0.5}
    found = op.evaluate(spike(settings, attention=attention, initial=initial))
    assert found.risk == pytest.approx(0.570432462240, abs=1e-10)


@pytest.mark.parametrize("variance", [0.49, 2.3])
def test_closed_forms(variance: float) -> None:
    """Oracle: at K = 0 all tokens have 1/L of softmax, 1/(L+1) of softmax-1; without weights the
    risk is that of the prediction zero."""
    settings = {"task.signal_noise": variance**0.5, "initial.overlap": [[0]]}
    settings |= {"initial.self_overlap": [[0]], "attention.bias": "none"}
    for name, tokens_in_all in (("softmax", 3), ("softmax-1", 4)):
        own = {"attention.activation": name, "attention.head_weights": [1.0]}
        known = variance * (1 - 1 / tokens_in_all) ** 2 + 2 / tokens_in_all**2
        assert op.evaluate(spike(settings | own)).risk == pytest.approx(known, abs=1e-9)
        own["attention.head_weights"] = [0.0]
        assert op.evaluate(spike(settings | own)).risk == pytest.approx(variance, abs=1e-9)


def stacked(manifold: bool) -> Array:
    """Keys and values of two heads, (4, F+1+4)."""
    rows = 0.4 * np.random.default_rng(5).standard_normal((4, 7))
    rows[:2, :2] += [[0.9, 0.2], [-0.3, 0.5]]
    rows[2:, 2] += [0.8, 0.5]
    if manifold:
        rows[:2, 2] = rows[2:, :2] = rows[:2, 5:] = rows[2:, 3:5] = 0.0
    return rows


@pytest.mark.parametrize("variance", [0.4, 1.7])
@pytest.mark.parametrize("name", ["softmax", "softmax-1"])
def test_values(name: str, variance: float) -> None:
    """Oracles: differences; of the manifold the full quadrature; for sampling quadrature."""
    of, how, heads = task("scalar", variance), activation(name), (BIAS[:2], HEAD_WEIGHTS[:2])
    for manifold in (False, True):
        rows = stacked(manifold)
        kind = ManifoldQuadrature if manifold else FullQuadrature
        exact = kind(of, how, 2, 1e-9)
        found = exact.evaluate(rows, *heads)
        slopes = 2 * found.self_overlap_gradient @ rows
        slopes[:, :3] += found.overlap_gradient
        some = [(0, 0), (0, 3), (2, 2), (3, 6)] + [(1, 2), (3, 0), (2, 4)] * (not manifold)
        for index in some:
            step = np.zeros_like(rows)
            step[index] = 1e-4
            ends = [exact.risk(rows + sign * step, *heads).value for sign in (1, -1)]
            assert (ends[0] - ends[1]) / 2e-4 == pytest.approx(slopes[index], abs=2e-8)
    full = FullQuadrature(of, how, 2, 1e-9).evaluate(rows, *heads)
    assert found.risk == pytest.approx(full.risk, abs=1e-10)
    np.testing.assert_allclose(found.head_weight_gradient, full.head_weight_gradient, atol=1e-9)


@pytest.mark.parametrize("name", ["softmax-1", "bayes-softmax"])
def test_noise_of_values(name: str) -> None:
    """V of keys and values by sampling, and by Wick's theorem. Oracle: plain NumPy sampling."""
    of, how, heads = task("scalar", 0.4), activation(name), (BIAS[:2], HEAD_WEIGHTS[:2])
    u = np.ones(2) if how.joint else HEAD_WEIGHTS[:2]
    for manifold in (False, True):
        rows = stacked(manifold)
        x, variances = tokens(of, 7, 100_000, seed=11)
        fields = np.einsum("id,nld->nil", rows, x)
        s, omega = shares_of(how, fields[:, :2] + BIAS[:2, None]), fields[:, 2:]
        averages = (s * omega).sum(axis=2)
        prediction = averages @ u
        noise = of.noise * np.random.default_rng(12).standard_normal(len(x))
        error = prediction - x[:, 0, 2] - noise
        center = np.repeat(prediction[:, None], 2, axis=1) if how.joint else averages
        slopes = np.concatenate([omega - center[:, :, None], np.ones_like(s)], axis=1)
        g = 2 * error[:, None, None] * np.tile(u[:, None] * s, (1, 2, 1)) * slopes
        known = mean_of(np.einsum("l,nil,njl->nij", variances, g, g))
        engine = ValueSampling(of, how, 2, samples=2**14, seed=1, covariance=True)
        found = engine.evaluate(rows, *heads, gradient_covariance=True)
        assert away(found.risk, mean_of(error**2)) < 4
        assert away(found.gradient_covariance, known) < 4.5
    wick = WickSampling(of, how, 2, samples=2**13, seed=2)
    of_keys = wick.evaluate(rows, *heads, gradient_covariance=True).gradient_covariance
    assert of_keys is not None
    even = np.kron(np.eye(2), np.ones((2, 2))) > 0
    assert np.abs((of_keys - known[0]) / known[1])[even].max() < 4.5


@pytest.mark.parametrize("variance", [0.3, 1.8])
@pytest.mark.parametrize("signal", [SIGNAL, spikes([4.0]), flipped_spikes([4.0, 2.0])])
def test_projection_bound(signal: Signal, variance: float) -> None:
    """Oracle: the least risk by projections, Σ σ² r² of the best weight of each token,
    γ_s²p/(γ_s²p + 1 − p), in plain NumPy sampling."""
    of = Task(np.array([3]), np.ones(1), signal, "token", 0.0, variance**0.5)
    rng, count, features = np.random.default_rng(3), 100_000, signal.features
    x = rng.standard_normal((count, 3, features))
    chosen = rng.choice(len(signal.weights), count, p=signal.weights)
    spread = np.sqrt(signal.covariances)[chosen]
    x[:, 0] = of.signal_noise * x[:, 0] + signal.means[chosen]
    x[:, 0] += np.einsum("nfg,ng->nf", spread, rng.standard_normal((count, features)))
    likelihood = np.zeros((count, 3))
    for weight, mean, covariance in zip(*vars(signal).values(), strict=True):
        total = variance * np.eye(features) + covariance
        d = x - mean
        exponent = 0.5 * (x**2).sum(2) - 0.5 * np.einsum(
            "nlf,fg,nlg->nl", d, np.linalg.inv(total), d
        )
        likelihood += weight * np.exp(exponent) / np.linalg.det(total) ** 0.5
    p = likelihood / likelihood.sum(axis=1, keepdims=True)
    a = variance * p / (variance * p + 1 - p)
    loss = variance * (1 - a[:, 0]) ** 2 + (a[:, 1:] ** 2).sum(axis=1)
    assert away(bayes_risk(of).value, mean_of(loss)) < 4


def test_what_the_risk_is_compared_with() -> None:
    """The Bayes risk with the noise of all tokens alike, else the projection bound, above which
    heads without a part outside of the hidden directions stay."""
    settings = {"initial.self_overlap": [[1.44]], "task.target": "token"}
    alike, other = (op.evaluate(spike({**settings, "task.signal_noise": of})) for of in (1.0, 0.7))
    assert list(alike.references) == ["bayes_risk"]
    assert list(other.references) == ["projection_bound"]
    assert other.risk > other.references["projection_bound"] > 0.0
    assert np.isnan(other.bayes_risk)


@pytest.mark.parametrize(
    ("target", "value", "activation"),
    [("token", "known", "softmax"), ("scalar", "learned", "softmax-1")],
)
def test_theory_against_simulation(target: str, value: str, activation: str) -> None:
    """Oracle: SGD at finite dimension in the Gram backend, with a learning rate of order one."""
    initial = {
        "kind": "explicit",
        "overlap": [[0.8], [0.2]],
        "self_overlap": [[0.8, 0.1], [0.1, 0.4]],
    }
    if value == "learned":
        initial |= {"value_alignment": [0.5, 0.3], "value_overlap": [[0.1], [0.0]]}
    problem = spike(
        {"task.target": target, "task.signal_noise": 0.7, "output.points": 5},
        attention={"heads": 2, "activation": activation, "value": value},
        training={"duration": 3.0},
        initial=initial,
        simulation={"dimension": 400, "replicas": 24},
        expectation={"samples": 2**13},
    )
    assert op.validate(problem, test="replicas").verdict == "agree"


@pytest.mark.parametrize("given", ["0", "-1", "1000"])
def test_refused(given: str) -> None:
    with pytest.raises(op.ConfigurationError, match=r"task\.signal_noise.*greater than 0"):
        op.load("two-stage", settings={"task.signal_noise": float(given)})
