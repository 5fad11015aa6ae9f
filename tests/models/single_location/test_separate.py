"""Softmax and softmax-1 by quadrature: closed forms, identities, and methods that share nothing."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from plain_quadrature import plain_moments
from scipy import integrate, special, stats

from orderparams.errors import ConfigurationError, SolverError
from orderparams.expectations.separate import integrals
from orderparams.expectations.separate.laplace import lay_grids
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.engines import Moments
from orderparams.models.single_location.engines.separate import Quadrature
from orderparams.models.single_location.task import (
    Signal,
    Task,
    flipped_spikes,
    hypercube,
    point_masses,
    spikes,
)

Array = NDArray[np.float64]

SOFTMAX = Activation("softmax", joint=False, kappa=0.0)
SOFTMAX_1 = Activation("softmax-1", joint=False, kappa=1.0)
MIXTURE = Signal(
    np.array([0.4, 0.6]),
    np.array([[1.5, 0.2], [-0.5, 1.8]]),
    np.array([np.zeros((2, 2)), np.diag([0.4, 0.1])]),
)
OVERLAP = np.array([[0.8, 0.3], [-0.2, 1.1]])
RESIDUAL = np.linalg.cholesky([[0.3, 0.1], [0.1, 0.2]])
REFERENCE = json.loads((Path(__file__).parents[3] / "data/reference/separate.json").read_text())


def make_task(signal: Signal, length: int = 4, target: str = "token", noise: float = 0.0) -> Task:
    return Task(np.array([length]), np.ones(1), signal, target, noise)


def evaluate(
    task: Task,
    weights: Array,
    bias: Array | None = None,
    head_weights: Array | None = None,
    activation: Activation = SOFTMAX,
    tolerance: float = 1e-8,
    gradient_covariance: bool = False,
) -> Moments:
    """By default no bias, and mean (softmax) or sum (softmax-1) head weights."""
    heads = len(weights)
    if bias is None:
        bias = np.zeros(heads)
    if head_weights is None:
        head_weights = np.full(heads, 1.0 if activation.kappa else 1 / heads)
    engine = Quadrature(task, activation, heads, tolerance=tolerance)
    return engine.evaluate(
        np.ascontiguousarray(weights), bias, head_weights, gradient_covariance=gradient_covariance
    )


def norm_bias(weights: Array) -> Array:
    return -0.5 * (weights**2).sum(axis=1)


def weights_gradient(moments: Moments, weights: Array) -> Array:
    """∂E/∂K = [P 0] + 2ΓK."""
    gradient = 2 * moments.self_overlap_gradient @ weights
    gradient[:, : moments.overlap_gradient.shape[1]] += moments.overlap_gradient
    return gradient


def difference(first: Moments, second: Moments) -> float:
    """Largest difference among what ``error`` speaks of: risk, P and Γ."""
    names = ("risk", "overlap_gradient", "self_overlap_gradient")
    return max(float(np.abs(getattr(first, n) - getattr(second, n)).max()) for n in names)


def some_state(seed: int, most_deviation: float = 1.5) -> dict[str, Any]:
    """Arguments of :func:`evaluate` for a random problem, with what makes problems awkward."""
    rng = np.random.default_rng(seed)
    heads, features, components = 2, int(rng.integers(1, 4)), int(rng.integers(1, 3))
    activation = [SOFTMAX, SOFTMAX_1][seed % 2]
    length = int(rng.choice([2, 3, 4, 16, 1000, 10**6]))
    means = rng.normal(size=(components, features)) * rng.choice([0.5, 1.5, 3.0])
    roots = rng.normal(size=(components, features, features)) * rng.choice([0.0, 0.5])
    masses = rng.random(components)
    signal = Signal(masses / masses.sum(), means, roots @ roots.transpose(0, 2, 1))
    weights = rng.normal(size=(heads, features + heads))
    weights *= rng.choice([0.0, 1e-8, 0.1, 0.5, 1.0]) * most_deviation / np.sqrt(features + heads)
    kind = rng.choice(["plain", "equal", "opposite", "near", "no residual", "mixed scales"])
    if kind in ("equal", "near"):
        weights[1] = weights[0] * (1 + 1e-3 * (kind == "near") * rng.normal(size=len(weights[0])))
    elif kind == "opposite":
        weights[1] = -weights[0]
    elif kind == "no residual":
        weights[:, features:] = 0
    elif kind == "mixed scales":
        weights[1] *= 1e-4
    bias = norm_bias(weights) if rng.random() < 0.5 else rng.normal(size=heads) * activation.kappa
    return {
        "task": make_task(signal, length),
        "weights": weights,
        "bias": bias,
        "head_weights": rng.normal(size=heads),
        "activation": activation,
    }


@pytest.mark.parametrize(
    ("activation", "risk", "overlap_velocity", "self_overlap_velocity"),
    [
        (
            SOFTMAX,
            0.56033254244,
            [[0.0202403, 0.0579098], [0.0025126, 0.0507442]],
            [[0.0078558, 0.0349032], [0.0349032, 0.0657369]],
        ),
        (
            SOFTMAX_1,
            0.65041685427,
            [[0.0387705, -0.0656774], [-0.0737779, 0.0186314]],
            [[-0.0946822, -0.2339200], [-0.2339200, -0.0154768]],
        ),
    ],
)
def test_velocities_that_independent_routes_agreed_on(
    activation: Activation,
    risk: float,
    overlap_velocity: list[list[float]],
    self_overlap_velocity: list[list[float]],
) -> None:
    """Digits on which sampling, quadrature and direct simulation of another program agreed."""
    weights = np.concatenate([OVERLAP, RESIDUAL], axis=1)
    q = weights @ weights.T
    norm = activation.kappa
    moments = evaluate(
        make_task(MIXTURE), weights, norm * norm_bias(weights), activation=activation
    )
    p = moments.overlap_gradient
    gamma = moments.self_overlap_gradient - 0.5 * norm * np.diag(moments.bias_gradient)
    assert moments.risk == pytest.approx(risk, abs=1e-10)
    np.testing.assert_allclose(-(p + 2 * gamma @ OVERLAP), overlap_velocity, atol=6e-8)
    half = p @ OVERLAP.T + 2 * gamma @ q
    np.testing.assert_allclose(-(half + half.T), self_overlap_velocity, atol=6e-8)


@pytest.mark.parametrize("name", REFERENCE)
def test_reference(name: str) -> None:
    """Plain sums on full grids (data/reference/separate.py); 2e-9 for their finite differences."""
    case = REFERENCE[name]
    masses, means, covariances = (np.array(part) for part in zip(*case["signal"], strict=True))
    task = Task(
        np.array(case["lengths"]),
        np.array(case["length_weights"]),
        Signal(masses, means, covariances),
    )
    weights = np.array(case["weights"])
    moments = evaluate(
        task,
        weights,
        np.array(case["bias"]),
        np.array(case["head_weights"]),
        Activation("softmax", False, case["kappa"]),
        tolerance=1e-11,
    )
    assert max(case["risk_difference"], case["gradient_difference"]) < 1e-12
    assert moments.risk == pytest.approx(case["risk"], abs=1e-11)
    assert np.abs(weights_gradient(moments, weights) - case["weights_gradient"]).max() < 2e-9


@pytest.mark.parametrize("seed", range(60))
def test_plain_sums(seed: int) -> None:
    """Everything, on random problems, by another method; its step of 0.28 is good to 1e-12."""
    state = some_state(seed)
    moments = evaluate(**state, tolerance=1e-9)
    arguments = (state["weights"], state["bias"], state["head_weights"])
    plain = plain_moments(state["task"], state["activation"].kappa, *arguments, step=0.28)
    assert moments.error <= 1e-9
    assert difference(moments, plain) < 2e-9
    np.testing.assert_allclose(moments.bias_gradient, plain.bias_gradient, atol=2e-9)
    np.testing.assert_allclose(moments.head_weight_gradient, plain.head_weight_gradient, atol=2e-9)


@pytest.mark.parametrize("slope", [0.8, 1.2, -0.8, -1.2])
@pytest.mark.parametrize("signal", [MIXTURE, flipped_spikes([1.0, 0.5])])
def test_correlated_heads(slope: float, signal: Signal) -> None:
    """Heads that are nearly multiples of each other, of either sign, the first longer or shorter:
    too correlated for Mehler's series, with a rest of their own."""
    weights = np.array([[1.2, 0.8, 2.0, 0.0], [slope * 1.2, slope * 0.8, slope * 2.0, 0.4]])
    task, head_weights = make_task(signal), np.array([0.7, 0.4])
    moments = evaluate(task, weights, np.array([0.2, -0.1]), head_weights, tolerance=1e-9)
    plain = plain_moments(
        task, 0.0, weights, np.array([0.2, -0.1]), head_weights, step=0.24, reach=10.0
    )
    assert moments.error <= 1e-9
    assert difference(moments, plain) < 2e-9


@pytest.mark.parametrize(
    "other",
    [[1.2, 1.8, 0.08], [1.21, 1.8, 0.17], [-1.7, -2.6, 0.9]],
    ids=["a small rest", "a rest", "longer and opposite"],
)
def test_components_of_one_covariance_are_integrated_together(other: list[float]) -> None:
    """Pairs beyond Mehler's series under a hypercube, whose components and noise have one
    covariance; the other head is a copy but for little, or longer than the first.
    """
    weights = np.array([[1.2, 1.8, 0.0], other])
    task, head_weights = make_task(hypercube([1.0], [0.5])), np.array([0.7, 0.4])
    moments = evaluate(task, weights, np.array([0.2, -0.1]), head_weights, tolerance=1e-9)
    plain = plain_moments(
        task, 0.0, weights, np.array([0.2, -0.1]), head_weights, step=0.24, reach=10.0
    )
    assert moments.error <= 1e-9
    assert difference(moments, plain) < 2e-9


@pytest.mark.parametrize("deviation", [1.0, 4.0])
@pytest.mark.parametrize("seed", range(8))
def test_error_estimate_is_honest(seed: int, deviation: float) -> None:
    """Against a rule for 1e-12: within the tolerance, and within the estimate."""
    state = some_state(100 + seed, deviation)
    exact = evaluate(**state, tolerance=1e-12)
    for tolerance in (1e-4, 1e-6, 1e-9):
        moments = evaluate(**state, tolerance=tolerance)
        assert difference(moments, exact) <= moments.error + 1e-12
        assert moments.error <= tolerance


def test_error_estimate_says_when_the_tolerance_is_out_of_reach() -> None:
    """Rounding leaves about 1e-15; no rule meets 1e-17."""
    weights = np.concatenate([OVERLAP, RESIDUAL], axis=1)
    moments = evaluate(make_task(MIXTURE), weights, tolerance=1e-17)
    assert 1e-17 < moments.error < 1e-12


@pytest.mark.parametrize("square", [0.0, 1e-16, 1e-8, 0.02, 0.5, 2.0, 20.0, 200.0])
@pytest.mark.parametrize("activation", [SOFTMAX, SOFTMAX_1])
def test_equal_heads_are_one_head(square: float, activation: Activation) -> None:
    """Two equal heads of half the weight: the integrals over pairs against those over one head."""
    rng = np.random.default_rng(2)
    row = rng.normal(size=3)
    row *= np.sqrt(square / (row @ row))
    single = evaluate(make_task(MIXTURE, 7), row[None], np.array([0.3]), np.ones(1), activation)
    two = np.concatenate([row, [0.0]])[None].repeat(2, axis=0)
    halves = np.full(2, 0.5)
    double = evaluate(make_task(MIXTURE, 7), two, np.full(2, 0.3), halves, activation)
    assert double.risk == pytest.approx(single.risk, abs=1.5e-8)
    p, gamma = double.overlap_gradient, double.self_overlap_gradient
    np.testing.assert_allclose(p.sum(axis=0), single.overlap_gradient[0], atol=2e-8)
    assert gamma.sum() == pytest.approx(single.self_overlap_gradient[0, 0], abs=2e-8)
    # and they stay equal
    for part in (p, np.diag(gamma), double.bias_gradient, double.head_weight_gradient):
        np.testing.assert_allclose(part[0], part[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("activation", [SOFTMAX, SOFTMAX_1])
@pytest.mark.parametrize("length", [3, 10**6])
def test_gradient_is_the_derivative_of_the_risk(activation: Activation, length: int) -> None:
    """∂E/∂K, ∂E/∂β and ∂E/∂u by central differences of fourth order along a direction, to 1e-8."""
    rng = np.random.default_rng(3)
    task = make_task(MIXTURE, length)
    state = rng.normal(size=(2, 6))
    direction = rng.normal(size=(2, 6))

    def at(shift: float) -> Moments:
        weights, bias, u = np.split(state + shift * direction, [4, 5], axis=1)
        return evaluate(task, weights, bias[:, 0], u[:, 0].copy(), activation, tolerance=1e-12)

    moments, step = at(0.0), 0.004
    differences = [at(times * step).risk - at(-times * step).risk for times in (1, 2)]
    slope = (8 * differences[0] - differences[1]) / (12 * step)
    gradient = weights_gradient(moments, state[:, :4])
    parts = (gradient, moments.bias_gradient[:, None], moments.head_weight_gradient[:, None])
    assert np.concatenate(parts, axis=1).ravel() @ direction.ravel() == pytest.approx(
        slope, abs=1e-8
    )


@pytest.mark.parametrize("length", [2, 4, 10**6])
def test_closed_forms_without_heads(length: int) -> None:
    """K = 0 (theory 7): E = 1 − 1/L for softmax, 1 − 2U/(L+1) + LU²/(L+1)² for softmax-1."""
    task, weights, u = make_task(MIXTURE, length), np.zeros((3, 5)), np.array([0.2, 0.9, -0.4])
    mean = evaluate(task, weights, head_weights=u / u.sum())
    assert mean.risk == pytest.approx(1 - 1 / length, abs=1e-8)
    total = u.sum()
    expected = 1 - 2 * total / (length + 1) + length * total**2 / (length + 1) ** 2
    risk = evaluate(task, weights, head_weights=u, activation=SOFTMAX_1).risk
    assert risk == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("length", [2, 5, 1000])
def test_velocity_without_heads(length: int) -> None:
    """K = 0, softmax, Σu = 1 (theory 7): dm_hf/dt = (2u_h/L)(1 − 1/L) E[θ_f]."""
    u = np.array([0.7, 0.3])
    moments = evaluate(make_task(MIXTURE, length), np.zeros((2, 4)), head_weights=u)
    expected = np.outer(2 * u / length * (1 - 1 / length), MIXTURE.mean)
    np.testing.assert_allclose(-moments.overlap_gradient, expected, atol=1e-8)


@pytest.mark.parametrize("length", [2, 5, 1000])
def test_linear_growth_without_heads(length: int) -> None:
    """Small K, E[θ] = 0 (theory 7): dK_h/dt in K and T = E[θθᵀ], up to terms of third order."""
    signal = flipped_spikes([2.0, 0.7])
    weights = 1e-4 * np.random.default_rng(4).normal(size=(2, 4))
    u = np.array([0.7, 0.3])
    velocity = -weights_gradient(
        evaluate(make_task(signal, length), weights, head_weights=u, tolerance=1e-12), weights
    )
    second = np.zeros((4, 4))
    second[:2, :2] = signal.second_moment
    pulled = (1 - 2 / length) * weights @ second
    pushed = (u @ weights) @ (second + length * np.eye(4)) / length
    expected = (2 * u * (1 - 1 / length) / length)[:, None] * (pulled - pushed)
    np.testing.assert_allclose(velocity, expected, atol=1e-11)


@pytest.mark.parametrize(
    ("length", "strength", "bayes_risk"),
    [(2, 1.0, 0.3249432977), (3, 4.0, 0.1941239737), (50, 9.0, 0.3399377202)],
)
def test_one_head_attains_the_bayes_risk(length: int, strength: float, bayes_risk: float) -> None:
    """One spike and the head on it: E is the Bayes risk (theory 7), and stationary in K."""
    weights = np.array([[np.sqrt(strength), 0.0]])
    moments = evaluate(make_task(spikes([strength]), length), weights, tolerance=1e-11)
    assert moments.risk == pytest.approx(bayes_risk, abs=6e-11)
    assert np.abs(weights_gradient(moments, weights)).max() < 1e-11


def test_two_tokens_are_a_logistic_mean() -> None:
    """H = 1, L = 2: s_ε = σ(d), d ~ N(mθ, 2q), by adaptive integration."""
    weights = np.array([[0.9, 0.5]])
    root = np.sqrt(2 * (weights**2).sum())

    def integrand(d: float) -> float:
        return float(2 * special.expit(-d) ** 2 * stats.norm.pdf(d, 1.8, root))

    expected = integrate.quad(integrand, -25, 25, epsabs=1e-13)[0]
    risk = evaluate(make_task(spikes([4.0]), 2), weights, tolerance=1e-11).risk
    assert risk == pytest.approx(expected, abs=1e-11)


def test_law_on_lengths_is_a_mixture() -> None:
    """All moments are linear in the law of L."""
    state = some_state(3)
    lengths, shares = np.array([2, 3, 40, 10**5]), np.array([0.4, 0.1, 0.3, 0.2])
    parts = [
        evaluate(**state | {"task": make_task(state["task"].signal, int(length))})
        for length in lengths
    ]
    mixed = evaluate(**state | {"task": Task(lengths, shares, state["task"].signal)})
    for name in ("risk", "overlap_gradient", "self_overlap_gradient", "head_weight_gradient"):
        expected = sum(w * getattr(m, name) for w, m in zip(shares, parts, strict=True))
        np.testing.assert_allclose(getattr(mixed, name), expected, atol=2e-8)


def test_constant_of_the_normaliser() -> None:
    """κ → 0 is softmax; κ → ∞ is E = 1 − 2 Σ_h u_h E[e^{χ_hε+β_h}]/κ + O(κ⁻²)."""
    weights = np.concatenate([OVERLAP, RESIDUAL], axis=1)
    u, task = np.array([0.8, -0.3]), make_task(MIXTURE)
    none = evaluate(task, weights, head_weights=u)
    little = evaluate(task, weights, None, u, Activation("softmax-1", False, 1e-12))
    assert difference(none, little) < 3e-8
    kappa = 1e5
    risk = evaluate(task, weights, None, u, Activation("softmax-1", False, kappa), 1e-11).risk
    attended = sum(
        w * np.exp(OVERLAP @ mean + 0.5 * np.diag(weights @ weights.T + OVERLAP @ cov @ OVERLAP.T))
        for w, mean, cov in zip(MIXTURE.weights, MIXTURE.means, MIXTURE.covariances, strict=True)
    )
    assert risk == pytest.approx(1 - 2 * u @ attended / kappa, abs=1e3 / kappa**2)


def test_bias_cancels_in_softmax() -> None:
    """A shift of all logits of a head changes nothing, ∂E/∂β = 0."""
    state = some_state(0)
    shifted = evaluate(**state | {"bias": np.array([3.0, -40.0])})
    assert difference(evaluate(**state), shifted) < 2e-8
    assert np.abs(shifted.bias_gradient).max() < 1e-8


@pytest.mark.parametrize("activation", [SOFTMAX, SOFTMAX_1])
def test_symmetries(activation: Activation) -> None:
    """Permuted heads permute everything; rotated features, reflected residuals change nothing."""
    rng = np.random.default_rng(8)
    weights = 2 * rng.normal(size=(3, 5))
    weights[1] = weights[0] * 1.02  # the slow Mehler series of close heads
    bias, u = rng.normal(size=3), rng.normal(size=3)
    before = evaluate(make_task(MIXTURE, 5), weights, bias, u, activation)
    for order in map(list, permutations(range(3))):
        after = evaluate(make_task(MIXTURE, 5), weights[order], bias[order], u[order], activation)
        assert after.risk == pytest.approx(before.risk, abs=1e-13)
        for name in ("overlap_gradient", "bias_gradient", "head_weight_gradient"):
            expected = getattr(before, name)[order]
            np.testing.assert_allclose(getattr(after, name), expected, atol=1e-12)
        gamma = before.self_overlap_gradient[order][:, order]
        np.testing.assert_allclose(after.self_overlap_gradient, gamma, atol=1e-12)
    turn = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    turned = Signal(MIXTURE.weights, MIXTURE.means @ turn.T, turn @ MIXTURE.covariances @ turn.T)
    weights[:, :2] = weights[:, :2] @ turn.T
    weights[:, 2:] *= -1
    after = evaluate(make_task(turned, 5), weights, bias, u, activation)
    np.testing.assert_allclose(after.overlap_gradient, before.overlap_gradient @ turn.T, atol=2e-8)
    np.testing.assert_allclose(after.self_overlap_gradient, before.self_overlap_gradient, atol=2e-8)


def test_means_of_ten_deviations() -> None:
    """Signals that stand out: the risk goes to that of perfect attention, no warning on the way."""
    weights = np.array([[3.0, 0.0, 1.0], [0.0, 3.0, 1.0]])
    signal = point_masses([[10.0, 10.0]])
    weights = np.hstack([weights, np.zeros((2, 1))])
    for length in (2, 100):
        moments = evaluate(make_task(signal, length), weights)
        assert abs(moments.risk) < 1e-8
        assert np.isfinite(moments.self_overlap_gradient).all()
    plain = plain_moments(
        make_task(signal, 100), 0.0, weights, np.zeros(2), np.full(2, 0.5), step=0.3
    )
    assert difference(moments, plain) <= moments.error


@pytest.mark.parametrize("activation", [SOFTMAX, SOFTMAX_1])
@pytest.mark.parametrize("square", [0.0, 0.01, 1.0, 9.0])
def test_gradient_covariance_of_one_head(activation: Activation, square: float) -> None:
    """V against brute-force Monte Carlo, within five standard errors of its batches."""
    rng = np.random.default_rng(10)
    weights, bias, u = np.array([[0.8, -0.3, 0.52]]), np.array([0.4]), np.array([0.8])
    weights *= np.sqrt(square / (weights**2).sum())
    length, draws, batches = 5, 20000, 10
    moments = evaluate(
        make_task(MIXTURE, length), weights, bias, u, activation, gradient_covariance=True
    )
    values = []
    for _ in range(batches):
        component = rng.choice(2, size=draws, p=MIXTURE.weights)
        roots = np.sqrt(MIXTURE.covariances[component].diagonal(axis1=1, axis2=2))
        theta = MIXTURE.means[component] + roots * rng.normal(size=(draws, 2))
        logits = rng.normal(size=(draws, length, 3)) @ weights[0]
        logits[:, 0] += theta @ weights[0, :2]
        shares = np.exp(logits + bias)
        shares /= activation.kappa + shares.sum(axis=1, keepdims=True)
        r = u * shares
        r[:, 0] -= 1
        g = 2 * u * shares * (r - (r * shares).sum(axis=1, keepdims=True))
        values.append((g**2).sum(axis=1).mean())
    assert moments.gradient_covariance is not None
    error = np.std(values, ddof=1) / np.sqrt(batches)
    assert abs(moments.gradient_covariance[0, 0] - np.mean(values)) < 5 * error + 1e-8
    assert moments.gradient_covariance_error <= 1e-8


@pytest.mark.parametrize("length", [2, 10, 10**6])
def test_gradient_covariance_without_heads(length: int) -> None:
    """K = 0: s = 1/(κ+L) at every token, and g follows."""
    for activation in (SOFTMAX, SOFTMAX_1):
        share, u = 1 / (activation.kappa + length), 0.7
        mean_residual = (length * u * share - 1) * share
        noise, signal = (2 * u * share * (u * share - one - mean_residual) for one in (0, 1))
        moments = evaluate(
            make_task(MIXTURE, length),
            np.zeros((1, 3)),
            head_weights=np.array([u]),
            activation=activation,
            tolerance=1e-10,
            gradient_covariance=True,
        )
        assert moments.gradient_covariance is not None
        expected = signal**2 + (length - 1) * noise**2
        assert moments.gradient_covariance[0, 0] == pytest.approx(expected, abs=1e-10)


def test_scalar_target_adds_its_noise() -> None:
    """The drift is the same, the risk larger by Δ²; V of it is refused."""
    weights = np.concatenate([OVERLAP, RESIDUAL], axis=1)
    token = evaluate(make_task(MIXTURE), weights)
    scalar = evaluate(make_task(MIXTURE, 4, "scalar", 0.3), weights)
    assert scalar.risk == pytest.approx(token.risk + 0.09, abs=1e-15)
    np.testing.assert_array_equal(scalar.overlap_gradient, token.overlap_gradient)


@pytest.mark.parametrize(("heads", "target"), [(2, "token"), (1, "scalar")])
def test_refusals_name_the_engine_that_serves(heads: int, target: str) -> None:
    task = make_task(MIXTURE, 4, target)
    assert not Quadrature(task, SOFTMAX, heads).serves_gradient_covariance
    with pytest.raises(ConfigurationError, match="sampling"):
        evaluate(task, np.ones((heads, 2 + heads)), gradient_covariance=True)
    with pytest.raises(ConfigurationError, match="JointQuadrature"):
        Quadrature(task, Activation("bayes-softmax", True, 0.0), heads)


@pytest.mark.parametrize("value", [np.nan, np.inf, 60.0])
def test_heads_out_of_range_are_an_error(value: float) -> None:
    """What a failing integration may ask for: an error, neither NaN nor a grid without end."""
    weights = np.array([[0.5, 0.1, 0.2, 0.0], [0.1, value, 0.0, 0.3]])
    with pytest.raises(SolverError, match="sampling"), np.errstate(invalid="ignore"):
        evaluate(make_task(MIXTURE), weights)


def test_heavy_heads_reach_what_rounding_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """1e-2 beside a risk of 5·10⁹, and no 1e-6; a negative step would not end."""

    def lay(located: Array, kappa: float, step: float) -> Any:
        assert step > 0
        return lay_grids(located, kappa, step)

    monkeypatch.setattr(integrals, "lay_grids", lay)
    weights = np.array([[2.0, 0.4, 0.8, 0.0], [0.4, 1.6, 0.0, 1.2]])
    task, heavy = make_task(MIXTURE), np.array([9e4, 1.0])
    for tolerance, reached in ((1e-2, True), (1e-6, False)):
        engine = Quadrature(task, SOFTMAX, 2, tolerance=tolerance)
        error = engine.evaluate(weights, np.zeros(2), heavy).error
        assert (error <= tolerance) == reached
        assert error < 1e-2
    with pytest.raises(SolverError, match="head weights are as large as 2e"):
        Quadrature(task, SOFTMAX, 2).evaluate(weights, np.zeros(2), np.array([2e5, 1.0]))


def test_tables_that_would_not_fit_are_refused() -> None:
    signal = hypercube(np.zeros(10), np.ones(10))
    weights = np.zeros((2, 12))
    weights[:, 10] = 31.0
    with pytest.raises(SolverError, match="GiB"):
        evaluate(make_task(signal), weights, activation=SOFTMAX_1)


@pytest.mark.parametrize("activation", [SOFTMAX, SOFTMAX_1])
@pytest.mark.parametrize("tolerance", [1e-4, 1e-8, 1e-12])
def test_heavy_heads_keep_their_digits(activation: Activation, tolerance: float) -> None:
    """E = 1 − 2a·s + g·s² in the scale s of the head weights; a and g from s = ±1.

    The estimate used to be 3,000 for weights of 10⁴.
    """
    weights, unit = np.concatenate([OVERLAP, RESIDUAL], axis=1), np.array([1.0, -0.7])

    def risk(scale: float, asked: float) -> Moments:
        return evaluate(make_task(MIXTURE), weights, None, scale * unit, activation, asked)

    up, down = (risk(sign, 1e-13).risk - 1.0 for sign in (1.0, -1.0))
    for scale in (1e2, 1e4):
        found = risk(scale, tolerance)
        exact = 1.0 + 0.5 * scale * (up - down) + 0.5 * scale**2 * (up + down)
        rounding = 1e-13 * scale**2
        assert abs(found.risk - exact) <= found.error + rounding
        assert found.error <= max(tolerance, 10.0 * rounding)
