"""Bayes-softmax by quadrature: closed forms, identities, and methods that share nothing with it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from oracle import oracle_moments
from scipy import integrate, special, stats

from orderparams.errors import SolverError
from orderparams.expectations.joint import tokens
from orderparams.expectations.joint.resolution import BOUND, Resolution, converge
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.bayes.risk import bayes_risk
from orderparams.models.single_location.engines import Moments, joint
from orderparams.models.single_location.engines.joint import JointQuadrature
from orderparams.models.single_location.engines.separate import Quadrature
from orderparams.models.single_location.task import (
    Signal,
    Task,
    flipped_spikes,
    point_masses,
    spikes,
)

Array = NDArray[np.float64]

BAYES = Activation("bayes-softmax", joint=True, kappa=0.0)
BAYES_1 = Activation("bayes-softmax", joint=True, kappa=1.0)
MIXTURE = Signal(
    np.array([0.4, 0.6]),
    np.array([[1.5, 0.2], [-0.5, 1.8]]),
    np.array([np.zeros((2, 2)), np.diag([0.4, 0.1])]),
)
REFERENCE = json.loads((Path(__file__).parents[3] / "data/reference/joint.json").read_text())


def make_task(signal: Signal, length: int = 4, target: str = "token", noise: float = 0.0) -> Task:
    return Task(np.array([length]), np.ones(1), signal, target, noise)


def some_heads(
    heads: int, features: int = 2, residual: float = 0.4, seed: int = 7
) -> tuple[Array, Array]:
    """Reduced weights and biases without any symmetry."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((heads, features + heads))
    weights[:, features:] *= residual
    return weights, 0.3 * rng.standard_normal(heads)


def evaluate(
    task: Task,
    weights: Array,
    bias: Array,
    activation: Activation = BAYES,
    tolerance: float = 1e-8,
    gradient_covariance: bool = False,
) -> Moments:
    engine = JointQuadrature(task, activation, len(weights), tolerance=tolerance)
    weights = np.ascontiguousarray(weights)
    return engine.evaluate(
        weights, bias, np.ones(len(weights)), gradient_covariance=gradient_covariance
    )


def norm_bias(weights: Array) -> Array:
    """β_h = −q_hh/2."""
    return -0.5 * (weights**2).sum(axis=1)


def values(moments: Moments) -> Array:
    """Risk, P, Γ, ∂E/∂β and V as one array."""
    parts = [
        np.array([moments.risk]),
        moments.overlap_gradient,
        moments.self_overlap_gradient,
        moments.bias_gradient,
    ]
    if moments.gradient_covariance is not None:
        parts.append(moments.gradient_covariance)
    return np.concatenate([part.ravel() for part in parts])


def weights_gradient(moments: Moments, weights: Array) -> Array:
    """∂E/∂K = [P 0] + 2ΓK (theory 4)."""
    gradient = 2 * moments.self_overlap_gradient @ weights
    gradient[:, : moments.overlap_gradient.shape[1]] += moments.overlap_gradient
    return gradient


def test_reference_value() -> None:
    """A risk on which two independent programs agree, all digits."""
    overlap = np.array([[0.8, 0.3], [-0.2, 1.1]])
    residual = np.linalg.cholesky(np.array([[0.3, 0.1], [0.1, 0.2]]))
    weights = np.concatenate([overlap, residual], axis=1)
    moments = evaluate(make_task(MIXTURE), weights, norm_bias(weights), tolerance=1e-12)
    assert moments.risk == pytest.approx(0.50813926698, abs=6e-12)


@pytest.mark.parametrize("name", REFERENCE)
def test_reference_file(name: str) -> None:
    """Risk and gradient of plain full grids with other nodes and steps (data/reference/joint.py).

    1e-9 for the finite differences of the reference.
    """
    case: dict[str, Any] = REFERENCE[name]
    masses, means, covariances = (np.array(part) for part in zip(*case["signal"], strict=True))
    task = make_task(Signal(masses, means, covariances), case["length"])
    weights, bias = np.array(case["weights"]), np.array(case["bias"])
    activation = Activation("bayes-softmax", True, case["kappa"])
    moments = evaluate(task, weights, bias, activation, tolerance=1e-11)
    assert case["risk_difference"] < 1e-11
    assert moments.risk == pytest.approx(case["risk"], abs=2e-11)
    if "weights_gradient" in case:
        gradient = weights_gradient(moments, weights)
        assert np.abs(gradient - case["weights_gradient"]).max() < 1e-9


@pytest.mark.parametrize("activation", [BAYES, BAYES_1])
@pytest.mark.parametrize("length", [2, 4, 10**6])
@pytest.mark.parametrize("scale", [0.0, 1e-16])
def test_closed_form_without_heads(activation: Activation, length: int, scale: float) -> None:
    """K → 0: every token has a = Y/(κ + LY), Y = Σ_h e^{β_h}; E = (1−a)² + (L−1) a²."""
    bias = np.array([0.3, -0.5, 0.1])
    weights = scale * np.ones((3, 5))
    total = np.exp(bias).sum()
    attention = total / (activation.kappa + length * total)
    moments = evaluate(make_task(MIXTURE, length), weights, bias, activation)
    expected = (1 - attention) ** 2 + (length - 1) * attention**2
    assert abs(moments.risk - expected) < 1e-8


@pytest.mark.parametrize("length", [2, 3, 8, 50])
def test_the_error_of_v_is_honest_without_heads(length: int) -> None:
    """K = 0: V = Σ_ℓ g_hℓ g_h'ℓ of g_hℓ = 2p_h (r_ℓ − c), the same in every sequence."""
    task, weights = make_task(spikes([1.0, 2.0]), length), np.zeros((2, 4))
    for kappa, tolerance, bias in itertools.product(
        (0.0, 1.0, 30.0), (1e-4, 1e-6, 1e-8), np.linspace(-3, 12, 31)
    ):
        biases, activation = np.array([bias, 0.5 * bias - 0.3]), Activation("joint", True, kappa)
        moments = evaluate(task, weights, biases, activation, tolerance, gradient_covariance=True)
        shares = np.exp(biases) / (kappa + length * np.exp(biases).sum())
        a = shares.sum()
        c = a * (length * a - 1)
        squares = (a - 1 - c) ** 2 + (length - 1) * (a - c) ** 2
        error = np.abs(moments.gradient_covariance - 4 * squares * np.outer(shares, shares)).max()
        assert error <= moments.gradient_covariance_error + 1e-12


@pytest.mark.parametrize("length", [2, 4, 1000, 10**6])
def test_attains_the_bayes_risk(length: int) -> None:
    """Heads on the support points and the norm bias (theory 5c), to 1e-9."""
    signal = flipped_spikes([4.0, 2.0])
    weights = np.concatenate([signal.means, np.zeros((4, 4))], axis=1)
    task = make_task(signal, length)
    moments = evaluate(task, weights, norm_bias(weights), tolerance=1e-10)
    assert abs(moments.risk - bayes_risk(task, tolerance=1e-10).value) < 1e-9


@pytest.mark.parametrize("length", [2, 1000])
def test_attains_the_bayes_risk_with_unequal_weights(length: int) -> None:
    """β_h = log w_h − |θ_h|²/2; there the risk is stationary in K and β."""
    signal = Signal(
        np.array([0.5, 0.2, 0.3]),
        np.array([[2.0, 0.0], [0.5, -1.5], [-1.0, 1.0]]),
        np.zeros((3, 2, 2)),
    )
    weights = np.concatenate([signal.means, np.zeros((3, 3))], axis=1)
    bias = np.log(signal.weights) + norm_bias(weights)
    task = make_task(signal, length)
    moments = evaluate(task, weights, bias, tolerance=1e-10)
    assert abs(moments.risk - bayes_risk(task, tolerance=1e-10).value) < 1e-9
    assert np.abs(weights_gradient(moments, weights)).max() < 1e-9
    assert np.abs(moments.bias_gradient).max() < 1e-9


def test_one_head_is_softmax() -> None:
    """H = 1, κ = 0, L = 2: s_ε = σ(d), d ~ N(mθ, 2q), by adaptive integration."""
    weights, strength = np.array([[0.9, 0.5]]), 2.0
    square = float((weights**2).sum())

    def integrand(d: float) -> float:
        density = stats.norm.pdf(d, weights[0, 0] * strength, np.sqrt(2 * square))
        return float(2 * special.expit(-d) ** 2 * density)

    expected = integrate.quad(integrand, -25, 25, epsabs=1e-13)[0]
    moments = evaluate(make_task(spikes([strength**2]), 2), weights, np.array([0.7]))
    assert abs(moments.risk - expected) < 1e-8


def test_one_head_is_softmax_1() -> None:
    """H = 1, κ = 1, L = 2: E over two Gaussian logits by the trapezoid rule on a plain grid."""
    weights, strength, bias = np.array([[0.9, 0.5]]), 2.0, -0.4
    root = float(np.sqrt((weights**2).sum()))
    grid = np.arange(-9, 9, 0.1)
    density = 0.1 * stats.norm.pdf(grid)
    signal = np.exp(bias + weights[0, 0] * strength + root * grid)[:, None]
    noise = np.exp(bias + root * grid)[None, :]
    total = 1 + signal + noise
    expected = density @ ((1 - signal / total) ** 2 + (noise / total) ** 2) @ density
    task = make_task(spikes([strength**2]), 2)
    moments = evaluate(task, weights, np.array([bias]), BAYES_1)
    assert abs(moments.risk - expected) < 1e-8


@pytest.mark.parametrize("activation", [BAYES, BAYES_1])
@pytest.mark.parametrize("length", [3, 10**6])
def test_gradient_is_the_derivative_of_the_risk(activation: Activation, length: int) -> None:
    """P and Γ through ∂E/∂K, and ∂E/∂β, by central differences of fourth order, to 1e-8."""
    task = make_task(MIXTURE, length)
    weights, bias = some_heads(2)
    moments = evaluate(task, weights, bias, activation, tolerance=1e-11)
    step = 0.01

    def slope(direction: Array, bias_direction: Array) -> float:
        near, far = (
            evaluate(
                task,
                weights + times * direction,
                bias + times * bias_direction,
                activation,
                tolerance=1e-11,
            ).risk
            - evaluate(
                task,
                weights - times * direction,
                bias - times * bias_direction,
                activation,
                tolerance=1e-11,
            ).risk
            for times in (step, 2 * step)
        )
        return (8 * near - far) / (12 * step)

    expected = weights_gradient(moments, weights)
    for index in np.ndindex(*weights.shape):
        direction = np.zeros_like(weights)
        direction[index] = 1.0
        assert abs(slope(direction, np.zeros(2)) - expected[index]) < 1e-8
    for head in range(2):
        found = slope(np.zeros_like(weights), np.eye(2)[head])
        assert abs(found - moments.bias_gradient[head]) < 1e-8


@pytest.mark.parametrize("activation", [BAYES, BAYES_1])
@pytest.mark.parametrize(("target", "noise"), [("token", 0.0), ("scalar", 0.7)])
def test_sampled_sequences(activation: Activation, target: str, noise: float) -> None:
    """All moments and V against the oracle's chain rule on sampled sequences.

    48,000 sequences in 40 batches; five standard errors.
    """
    rng = np.random.default_rng(3)
    heads, features, length, batch = 3, 2, 3, 1200
    weights, bias = some_heads(heads)
    roots = np.sqrt(MIXTURE.covariances)  # diagonal
    sampled = []
    for _ in range(40):
        component = rng.choice(2, p=MIXTURE.weights, size=batch)
        theta = rng.standard_normal((batch, features))
        theta = MIXTURE.means[component] + np.einsum("nfg,ng->nf", roots[component], theta)
        moments = oracle_moments(
            rng.standard_normal((batch, length, features + heads)),
            theta,
            np.full(batch, 1 / batch),
            weights,
            bias,
            np.ones(heads),
            activation,
            target,
            noise,
        )
        parts = [
            moments.overlap_gradient,
            moments.self_overlap_gradient,
            moments.bias_gradient,
            moments.gradient_covariance,
        ]
        sampled.append(np.concatenate([part.ravel() for part in parts]))
    task = make_task(MIXTURE, length, target, noise)
    exact = values(evaluate(task, weights, bias, activation, gradient_covariance=True))[1:]
    deviations = (np.mean(sampled, axis=0) - exact) * np.sqrt(40)
    assert np.abs(deviations / np.std(sampled, axis=0, ddof=1)).max() < 5


def test_law_on_lengths() -> None:
    """Everything, V included, is the average over the law, generating function or not."""
    weights, bias = some_heads(2)
    lengths, masses = np.array([1, 2, 5, 10**6]), np.array([0.1, 0.4, 0.3, 0.2])
    together = evaluate(Task(lengths, masses, MIXTURE), weights, bias, gradient_covariance=True)
    apart = [
        values(evaluate(make_task(MIXTURE, int(n)), weights, bias, gradient_covariance=True))
        for n in lengths
    ]
    assert np.abs(values(together) - masses @ np.array(apart)).max() < 5e-8
    assert np.abs(apart[0]).max() < 5e-8  # L = 1: nothing to choose from


@pytest.mark.parametrize("length", [2, 4, 10**6])
def test_a_common_shift_of_the_bias_changes_nothing(length: int) -> None:
    """κ = 0: Σ_h ∂E/∂β_h = 0."""
    weights, bias = some_heads(3)
    moments = evaluate(make_task(MIXTURE, length), weights, bias)
    assert abs(moments.bias_gradient.sum()) < 3e-8


def test_coinciding_heads_are_one_head() -> None:
    """Two equal heads with biases β − log 2 are one head with bias β, and get the same gradient."""
    weights, bias = some_heads(2)
    single = evaluate(make_task(MIXTURE), weights, bias)
    doubled = np.zeros((3, 5))
    doubled[:, :4] = weights[[0, 1, 1]]
    split = bias[[0, 1, 1]] - np.array([0, 1, 1]) * np.log(2)
    moments = evaluate(make_task(MIXTURE), doubled, split)
    assert abs(moments.risk - single.risk) < 1e-8
    assert abs(2 * moments.bias_gradient[1] - single.bias_gradient[1]) < 1e-8
    assert moments.bias_gradient[1] == moments.bias_gradient[2]
    assert np.array_equal(moments.overlap_gradient[1], moments.overlap_gradient[2])


@pytest.mark.parametrize("residual", [0.0, 0.4])
def test_permuting_heads_permutes_the_moments(residual: float) -> None:
    """To rounding, also where the principal axes are not unique (q ∝ I without a residual)."""
    weights, bias = some_heads(3, features=3, residual=residual)
    if not residual:
        weights[:, :3] = np.eye(3)
    task = make_task(spikes([4.0, 2.0, 1.0]))
    order = np.array([2, 0, 1])
    here = evaluate(task, weights, bias, gradient_covariance=True)
    there = evaluate(task, weights[order], bias[order], gradient_covariance=True)
    square = np.ix_(order, order)
    assert abs(there.risk - here.risk) < 1e-12
    assert np.abs(there.overlap_gradient - here.overlap_gradient[order]).max() < 1e-12
    assert np.abs(there.bias_gradient - here.bias_gradient[order]).max() < 1e-12
    assert here.gradient_covariance is not None
    assert there.gradient_covariance is not None
    for new, old in [
        (there.self_overlap_gradient, here.self_overlap_gradient),
        (there.gradient_covariance, here.gradient_covariance),
    ]:
        assert np.abs(new - old[square]).max() < 1e-12


def random_state(seed: int) -> tuple[Task, Array, Array, Activation]:
    """One to three heads and features, any κ, L, scale, residual and mixture."""
    rng = np.random.default_rng(seed)
    heads, features, components = rng.integers(1, 4, size=3)
    roots = 0.7 * rng.standard_normal((components, features, features))
    covariances = roots @ roots.transpose(0, 2, 1) * (rng.random((components, 1, 1)) < 0.4)
    masses = rng.random(components)
    means = 2 * rng.standard_normal((components, features))
    signal = Signal(masses / masses.sum(), means, covariances)
    weights = rng.choice([0.03, 0.3, 1.0]) * rng.standard_normal((heads, features + heads))
    weights[:, features:] *= rng.choice([0.0, 0.01, 0.1, 1.0])
    task = make_task(signal, int(rng.choice([2, 3, 8, 1000, 10**6])))
    return task, weights, 0.5 * rng.standard_normal(heads), (BAYES, BAYES_1)[rng.integers(2)]


@pytest.mark.parametrize("seed", range(24))
def test_error_estimate_is_honest(seed: int) -> None:
    """Against refined settings, at two tolerances."""
    task, weights, bias, activation = random_state(seed)
    fine = values(evaluate(task, weights, bias, activation, 1e-12, gradient_covariance=True))
    of_covariance = len(weights) ** 2
    for tolerance in (1e-6, 1e-8):
        moments = evaluate(task, weights, bias, activation, tolerance, gradient_covariance=True)
        change = np.abs(values(moments) - fine)
        assert change[:-of_covariance].max() <= moments.error <= tolerance
        assert change[-of_covariance:].max() <= moments.gradient_covariance_error + 1e-12


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4, 1e-5, 1e-7, 1e-8])
def test_equal_heads_are_one_softmax_head(tolerance: float) -> None:
    """Without bias; oracle: the quadrature of separate normalisers, which shares no rule.

    At all these states a coarser level used to agree, in some by chance.
    """
    plain = Activation("softmax", joint=False, kappa=0.0)
    for strength, length, overlap in itertools.product(
        (1.0, 16.0), (2, 3, 5, 8), (0.0, 0.02, 0.1, 0.3, 1.0, 3.0)
    ):
        task, one = make_task(spikes([strength]), length), np.array([[overlap, 0.0]])
        exact = Quadrature(task, plain, 1, tolerance=1e-12).evaluate(one, np.zeros(1), np.ones(1))
        for heads in (1, 2, 4):
            weights = np.zeros((heads, 1 + heads))
            weights[:, 0] = overlap
            found = evaluate(task, weights, np.zeros(heads), tolerance=tolerance)
            error = max(
                abs(found.risk - exact.risk),
                np.abs(heads * found.overlap_gradient - exact.overlap_gradient).max() / heads,
                abs(found.self_overlap_gradient.sum() - exact.self_overlap_gradient.sum()),
            )
            assert error <= found.error <= tolerance


def test_a_tolerance_below_rounding_is_not_called_reached() -> None:
    """K = 0, where E = 1 − 1/L: the error is within the estimate, and that above 1e-13."""
    for length, bias in itertools.product((2, 3, 10), np.linspace(-1, 1, 21)):
        task = make_task(spikes([1.0]), length)
        moments = evaluate(task, np.zeros((2, 3)), np.array([bias, 0.5 * bias]), tolerance=1e-13)
        assert abs(moments.risk - (1 - 1 / length)) <= 2e-14
        assert 1e-13 < moments.error < 1e-12


@pytest.mark.parametrize("seed", range(100, 124))
def test_errors_are_proportional_to_the_level(seed: int) -> None:
    """One level errs by at most BOUND times its nominal error, V included: the estimate's basis."""
    task, weights, bias, activation = random_state(seed)
    engine = JointQuadrature(task, activation, len(weights))
    some = engine._tokens(weights, bias)

    def at(error: float) -> Array:
        resolution = Resolution(error, covariance=True)
        laws = engine._grid(some, resolution)
        assert laws is not None
        return engine._moments(weights, some, laws, resolution, True)[0]

    sizes = engine._sizes(weights, True)
    fine = at(1e-13)
    for error in (1e-5, 1e-7, 1e-9):
        assert np.all(np.abs(at(error) - fine) <= BOUND * error * sizes)


@pytest.mark.parametrize(
    "weights",
    [
        np.sqrt(200) * np.array([[0.8, 0.6, 0.0, 0.0], [-0.6, 0.0, 0.0, 0.8]]),
        np.array([[14.0, 0.0, 0.0, 0.0], [0.0, 1e-6, 0.0, 1e-8]]),
        np.array([[1.0, 2.0, 0.5, 0.0], [-1.0, -2.0, -0.5, 0.0]]),
        1e-8 * np.array([[1.0, 2.0, 0.5, 0.0], [3.0, -2.0, -0.5, 1.0]]),
        np.full((2, 4), 0.7),
    ],
    ids=["large", "mixed scales", "opposite", "tiny", "coinciding"],
)
@pytest.mark.parametrize("length", [2, 10**6])
@pytest.mark.parametrize("activation", [BAYES, BAYES_1])
def test_extreme_states(weights: Array, length: int, activation: Activation) -> None:
    """q_hh up to 200, singular q, means at 10σ: finite, no warning, as exact as it says."""
    signal = Signal(
        np.array([0.5, 0.5]),
        np.array([[10.0, 0.0], [0.0, -10.0]]),
        np.array([np.eye(2), np.zeros((2, 2))]),
    )
    task, bias = make_task(signal, length), norm_bias(weights)
    moments = evaluate(task, weights, bias, activation, gradient_covariance=True)
    fine = evaluate(task, weights, bias, activation, 1e-11, gradient_covariance=True)
    change = np.abs(values(moments) - values(fine))
    assert np.isfinite(change).all()
    assert change[:-4].max() <= moments.error <= 1e-8
    assert moments.risk >= bayes_risk(task).value - 2e-8


@pytest.mark.parametrize("tilt", [0.0, 1e-9, 1e-4, 0.03])
@pytest.mark.parametrize("activation", [BAYES, BAYES_1])
def test_what_all_logits_share_is_convolved(
    tilt: float, activation: Activation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heads that differ little along a direction which they share; oracle: a grid in all axes."""
    rng = np.random.default_rng(4)
    weights = np.array([[1.5, 1.6, 0.2], [1.5, -1.6, 0.1], [1.5, 0.3, -0.9]])
    weights[:, 0] += tilt * rng.standard_normal(3)
    weights = np.concatenate([weights[:, :2], weights[:, 2:], np.zeros((3, 2))], axis=1)
    task, bias = make_task(MIXTURE), norm_bias(weights)
    found = evaluate(task, weights, bias, activation, 1e-9, gradient_covariance=True)
    every = tokens.splits
    monkeypatch.setattr(tokens, "splits", lambda loadings: every(loadings)[-1:])
    plain = evaluate(task, weights, bias, activation, 1e-11, gradient_covariance=True)
    change = np.abs(values(found) - values(plain))
    assert change[:-9].max() <= found.error <= 1e-9
    assert change[-9:].max() <= found.gradient_covariance_error


def test_a_check_that_fails_asks_for_a_finer_level() -> None:
    """And what it misses is an error, where no finer level can be afforded."""
    levels = []

    def solve(resolution: Resolution) -> tuple[Array, float] | None:
        levels.append(resolution.error)
        if resolution.error < 1e-11:
            return None
        return np.ones(2), 7e-8 if resolution.error > 4e-9 else 0.0

    found, errors = converge(solve, 1e-8, np.array([1.0, 3.0]), 1) or (None, None)
    assert levels[0] > 4e-9 > levels[-1]
    assert found is not None
    assert errors[0] <= 1e-8
    assert errors[1] == pytest.approx(3.0 * errors[0])
    _, errors = converge(lambda _: (np.ones(1), 7e-8), 1e-8, np.ones(1), 1) or (None, None)
    assert errors[0] > 1e-8


def test_the_check_sees_a_step_in_tau_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """a_ε (1 − Σ_ℓ a_ℓ) = 0 is missed by as much as the risk is wrong, or more."""
    weights, bias = some_heads(2)
    task = make_task(MIXTURE)
    exact = evaluate(task, weights, bias)
    step = Resolution.tau_step.fget
    monkeypatch.setattr(Resolution, "tau_step", property(lambda self: 2.5 * step(self)))
    engine = JointQuadrature(task, BAYES, 2)
    some, resolution = engine._tokens(weights, bias), Resolution(1e-8)
    laws = engine._grid(some, resolution)
    assert laws is not None
    found, missed = engine._moments(weights, some, laws, resolution, False)
    assert abs(found[0] - exact.risk) > 1e-6
    assert missed > 0.3 * abs(found[0] - exact.risk)


def test_a_small_residual_is_cheap_and_exact() -> None:
    """Six heads on two features: the residual's axes get a sparse grid, whose size grows smoothly.

    Oracle: central differences of the risk in the residual's direction.
    """
    task = make_task(point_masses([[2.0, 0.0], [0.0, 1.5], [-1.0, -1.0]]))
    sizes = []
    for residual in (0.0, 0.003, 0.03):
        weights, bias = some_heads(6, residual=residual)
        engine = JointQuadrature(task, BAYES, 6, tolerance=1e-8)
        moments = engine.evaluate(weights, bias, np.ones(6))
        assert moments.error <= 1e-8
        laws = engine._grid(engine._tokens(weights, bias), Resolution(1e-8))
        assert laws is not None
        sizes.append(sum(law.nodes.size for law in laws))
    assert sizes[1] < 15 * sizes[0]
    assert sizes[2] < 15 * sizes[1]
    direction = np.zeros_like(weights)
    direction[:, 2:] = weights[:, 2:]
    rise = [evaluate(task, weights + step * direction, bias).risk for step in (0.1, -0.1)]
    slope = (weights_gradient(moments, weights) * direction).sum()
    assert abs((rise[0] - rise[1]) / 0.2 - slope) < 2e-7


@pytest.mark.parametrize("length", [2, 16, 10**6])
def test_quasi_monte_carlo(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no grid is allowed, the engine says so and its estimate covers the difference."""
    weights, bias = some_heads(3)
    exact = evaluate(make_task(MIXTURE, length), weights, bias, gradient_covariance=True)
    monkeypatch.setattr(joint, "LARGEST_GRID", 0)
    monkeypatch.setattr(joint, "LARGEST_NET", 0)
    engine = JointQuadrature(make_task(MIXTURE, length), BAYES, 3)
    moments = engine.evaluate(weights, bias, np.ones(3), gradient_covariance=True)
    assert moments.engine == "quasi-Monte Carlo"
    assert 1e-8 < moments.error < 1e-3
    change = np.abs(values(moments) - values(exact))
    assert change[:-9].max() <= moments.error
    assert change[-9:].max() <= moments.gradient_covariance_error
    again = engine.evaluate(weights, bias, np.ones(3), gradient_covariance=True)
    assert np.array_equal(values(again), values(moments))


def test_quasi_monte_carlo_takes_the_points_that_an_error_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And no more; each error covers the difference from the grid."""
    weights, bias = some_heads(3)
    exact = evaluate(make_task(MIXTURE), weights, bias)
    monkeypatch.setattr(joint, "LARGEST_GRID", 0)
    monkeypatch.setattr(joint, "FEWEST_POINTS", 1024)
    errors = []
    for tolerance in (1e-3, 2e-5):
        engine = JointQuadrature(make_task(MIXTURE), BAYES, 3, tolerance=tolerance)
        moments = engine.evaluate(weights, bias, np.ones(3))
        assert np.abs(values(moments) - values(exact)).max() <= moments.error <= tolerance
        errors.append(moments.error)
    assert errors[1] < 0.2 * errors[0]


def test_scalar_target_has_the_same_gradient() -> None:
    """Risk + Δ², the same P and Γ; V differs."""
    weights, bias = some_heads(2)
    token = evaluate(make_task(MIXTURE), weights, bias)
    scalar = evaluate(make_task(MIXTURE, 4, "scalar", 0.5), weights, bias)
    assert scalar.risk == pytest.approx(token.risk + 0.25, abs=1e-15)
    assert np.array_equal(values(scalar)[1:], values(token)[1:])


def test_too_wide_a_score_is_refused() -> None:
    """A clear error in place of minutes of work."""
    weights = np.array([[1000.0, 0.0]])
    with pytest.raises(SolverError, match="sampling"):
        evaluate(make_task(spikes([1.0])), weights, norm_bias(weights))
