"""The Bayes risk against published values, closed forms and direct averages over the posterior."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, special, stats
from scipy.sparse.csgraph import connected_components

from orderparams.expectations.joint.resolution import Resolution
from orderparams.models.single_location.bayes import likelihood, risk
from orderparams.models.single_location.bayes.factors import (
    connected,
    independent_factors,
    orthogonal_blocks,
)
from orderparams.models.single_location.bayes.risk import bayes_risk
from orderparams.models.single_location.task import (
    Signal,
    Task,
    flipped_spikes,
    gaussian,
    hypercube,
    point_masses,
    spikes,
)

Array = NDArray[np.float64]

MIXTURE = Signal(
    np.array([0.4, 0.6]),
    np.array([[1.5, 0.2], [-0.5, 1.8]]),
    np.array([np.zeros((2, 2)), np.diag([0.4, 0.1])]),
)
CORRELATED = np.array([[1.0, 0.5, 0.0], [0.5, 2.0, 0.1], [0.0, 0.1, 0.3]])
SIGNALS = {
    "spikes": spikes([4.0, 2.0, 1.0]),
    "flipped spikes": flipped_spikes([4.0, 2.0]),
    "hypercube": hypercube([1.5, 0.0, 0.0], [0.0, 2.56, 1.0]),
    "gaussian": gaussian([1.0, 0.5, 0.0], CORRELATED),
    "mixture": MIXTURE,
    "points": point_masses([[1.0, 1.0], [2.0, -0.5], [-1.0, 0.3], [0.0, 0.0]]),
}


def make_task(signal: Signal, length: int = 4) -> Task:
    return Task(np.array([length]), np.ones(1), signal)


def log_density_of_signal(signal: Signal, x: Array) -> Array:
    """log Σ_c w_c N(x; μ_c, I+Σ_c) of projections x (..., F)."""
    laws = zip(signal.means, np.eye(signal.features) + signal.covariances, strict=True)
    densities = [stats.multivariate_normal(*law).logpdf(x) for law in laws]
    total: Array = special.logsumexp(densities, axis=0, b=signal.weights[:, None, None])
    return total


def rotated(signal: Signal) -> Signal:
    """The same signal in other orthogonal directions: the same risk, without visible factors."""
    axes = stats.ortho_group(signal.features, seed=2).rvs()
    return Signal(signal.weights, signal.means @ axes.T, axes @ signal.covariances @ axes.T)


def test_connected_parts_are_those_of_scipy():
    """In their order, of points that are linked to themselves or not."""
    generator = np.random.default_rng(0)
    for count, share in [(1, 0.5), (7, 0.0), (20, 0.03), (20, 0.1), (40, 0.03), (5, 1.0)]:
        linked = generator.random((count, count)) < share
        linked |= linked.T
        _, parts = connected_components(linked, directed=False)
        np.testing.assert_array_equal(connected(linked), parts)


@pytest.mark.parametrize(
    ("strength", "value"), [(1, 0.6897570), (4, 0.3804335), (9, 0.1123838), (16, 0.0185783)]
)
def test_one_flipped_spike(strength: float, value: float) -> None:
    """Values of an independent program, all its digits."""
    assert bayes_risk(make_task(flipped_spikes([strength]))).value == pytest.approx(value, abs=5e-8)


@pytest.mark.parametrize(
    ("length", "strength", "value"),
    [(2, 1, 0.3249432977), (3, 4, 0.1941239737), (50, 9, 0.3399377202)],
)
def test_one_spike(length: int, strength: float, value: float) -> None:
    """Values of Duranthon et al. (arXiv:2509.21936), Prop. 4.2, that one softmax head attains."""
    found = bayes_risk(make_task(spikes([strength]), length), tolerance=1e-11)
    assert found.value == pytest.approx(value, abs=6e-11)


def test_mixture_reference() -> None:
    """A value on which two independent programs agree, all digits."""
    found = bayes_risk(make_task(MIXTURE), tolerance=1e-12)
    assert found.value == pytest.approx(0.43115390854, abs=6e-12)


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("length", [2, 7])
def test_average_over_the_posterior(name: str, length: int) -> None:
    """E_Bayes = E[Σ_ℓ (p_ℓ − δ_ℓε)²] with the posterior p of sampled sequences, theory 5c.

    120,000 sequences; five standard errors.
    """
    signal, rng = SIGNALS[name], np.random.default_rng(1)
    count, features = 120_000, signal.features
    component = rng.choice(len(signal.weights), size=count, p=signal.weights)
    roots = np.linalg.cholesky(signal.covariances + 1e-14 * np.eye(features))
    theta = signal.means[component]
    theta = theta + np.einsum("nfg,ng->nf", roots[component], rng.standard_normal(theta.shape))
    x = rng.standard_normal((count, length, features))
    x[:, 0] += theta
    residual = special.softmax(log_density_of_signal(signal, x) + 0.5 * (x**2).sum(-1), axis=1)
    residual[:, 0] -= 1.0
    losses = (residual**2).sum(axis=1)
    value = bayes_risk(make_task(signal, length)).value
    assert abs(losses.mean() - value) < 5 * losses.std() / np.sqrt(count)


@pytest.mark.parametrize("length", [2, 3, 10**6])
def test_no_signal(length: int) -> None:
    """A posterior that knows nothing: 1 − 1/L."""
    found = bayes_risk(make_task(gaussian([0.0, 0.0], np.zeros((2, 2))), length))
    assert abs(found.value - (1 - 1 / length)) <= 1e-8


def test_small_risk_keeps_its_digits() -> None:
    """One spike and two tokens: E[2/(1+e^d)²] with d ~ N(ν, 2ν), by adaptive integration."""
    strength = 100.0

    def integrand(d: float) -> float:
        return float(2 * special.expit(-d) ** 2 * stats.norm.pdf(d, strength, 14.142135623730951))

    value = integrate.quad(integrand, -60, 200, epsrel=1e-10, limit=400, points=[0.0])[0]
    assert value < 2e-12
    found = bayes_risk(make_task(spikes([strength]), 2), tolerance=1e-9).value
    assert found == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("name", ["hypercube", "spikes", "gaussian"])
@pytest.mark.parametrize("length", [2, 4, 10**6])
def test_structure_changes_nothing(name: str, length: int) -> None:
    """What splits equals the same signal integrated as a whole on one grid."""
    signal = SIGNALS[name]
    task = make_task(rotated(signal), length)
    whole = risk._risk(task, [[task.signal]], Resolution(1e-8))
    assert whole is not None
    split = bayes_risk(make_task(signal, length))
    assert abs(split.value - whole[0]) < 3e-8


def test_structure_is_found() -> None:
    """Blocks and factors of the named shapes; a rotated Gaussian still factorises."""
    assert len(orthogonal_blocks(flipped_spikes([4.0, 3.0, 2.0]))) == 3
    cube = hypercube([0.3, 0.0, 0.0], [1.0, 2.0, 3.0])
    assert [factor.features for factor in independent_factors(cube)] == [1, 1, 1]
    ball = gaussian([1.0, 0.5, 0.0], CORRELATED)
    assert [factor.features for factor in independent_factors(ball)] == [1, 1, 1]
    assert [factor.features for factor in independent_factors(MIXTURE)] == [2]


def test_many_features() -> None:
    """A hypercube in 10 directions is a product of 10 likelihood ratios, checked by sampling."""
    signal, rng = hypercube(np.zeros(10), np.full(10, 0.7)), np.random.default_rng(4)
    count, edge = 200_000, np.sqrt(0.7)
    x = rng.standard_normal((count, 4, 10))
    x[:, 0] += edge * rng.choice([-1.0, 1.0], size=(count, 10))
    score = np.log(np.cosh(edge * x)).sum(axis=2)
    losses = 1 - special.softmax(score, axis=1)[:, 0]
    value = bayes_risk(make_task(signal)).value
    assert abs(losses.mean() - value) < 5 * losses.std() / np.sqrt(count)


@pytest.mark.parametrize("length", [2, 50, 10**6])
@pytest.mark.parametrize("name", ["mixture", "points"])
def test_quasi_monte_carlo(name: str, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no grid is allowed the estimate is honest about the distance from the grid's value."""
    exact = bayes_risk(make_task(SIGNALS[name], length))
    monkeypatch.setattr(likelihood, "LARGEST_GRID", 0)
    sampled = bayes_risk(make_task(SIGNALS[name], length))
    assert 1e-8 < sampled.error < 1e-3
    assert abs(sampled.value - exact.value) <= sampled.error


def test_law_on_lengths() -> None:
    """The length is known to the reader of a sequence: the risk is the average over it."""
    lengths, weights = np.array([2, 5, 1000]), np.array([0.5, 0.3, 0.2])
    together = bayes_risk(Task(lengths, weights, MIXTURE)).value
    apart = [bayes_risk(make_task(MIXTURE, int(length))).value for length in lengths]
    assert abs(together - weights @ np.array(apart)) < 2e-8


def test_scalar_target_adds_the_label_noise() -> None:
    """E_Bayes + Δ²."""
    task = Task(np.array([4]), np.ones(1), MIXTURE, "scalar", 0.5)
    assert bayes_risk(task).value == pytest.approx(bayes_risk(make_task(MIXTURE)).value + 0.25)


@pytest.mark.parametrize("name", SIGNALS)
def test_error_estimate_is_honest(name: str) -> None:
    """Against much finer settings, and within the tolerance asked for."""
    for length in (2, 1000):
        fine = bayes_risk(make_task(SIGNALS[name], length), tolerance=1e-11)
        rough = bayes_risk(make_task(SIGNALS[name], length), tolerance=1e-6)
        assert abs(fine.value - rough.value) <= rough.error <= 1e-6


def test_a_strong_signal_decides_nothing_about_a_weak_one() -> None:
    """A strong one that is absent is seen to be absent: the other half has the weak one's risk."""
    both = bayes_risk(make_task(flipped_spikes([1e4, 1e-3]))).value
    weak = bayes_risk(make_task(flipped_spikes([1e-3]))).value
    assert both == pytest.approx(0.5 * weak, abs=1e-8)


def test_scores_beyond_certainty_change_nothing() -> None:
    """Strengths of 10³ and 10⁸ are as good as infinite; the grid does not grow with them."""
    risks = [bayes_risk(make_task(spikes([strength, 2.0]))).value for strength in (1e3, 1e8)]
    assert risks[0] == pytest.approx(risks[1], abs=1e-12)
    assert risks[0] > 0.1


def test_components_of_no_weight_are_ignored() -> None:
    """A weight of zero has no logarithm and no effect."""
    signal = Signal(np.array([1.0, 0.0]), np.array([[2.0], [9.0]]), np.zeros((2, 1, 1)))
    assert bayes_risk(make_task(signal)).value == bayes_risk(make_task(spikes([4.0]))).value


def two_tokens(log_ratio: Callable[[Array], Array], features: int) -> float:
    """E_Bayes of L = 2 where Λ depends on u = |x|²/2 alone, which is Gamma(F/2) for noise.

    ∫∫ p(u) p(w) ΛΛ'/(Λ + Λ') on a fixed grid in log u: no Laplace transform, no lattice.
    """
    nodes, weights = np.polynomial.legendre.leggauss(20)
    edges = np.linspace(-70.0, 8.0, 161)
    half = 0.5 * np.diff(edges)[:, None]
    log_u = (0.5 * (edges[1:] + edges[:-1])[:, None] + half * nodes).ravel()
    u, shape = np.exp(log_u), 0.5 * features
    mass = shape * log_u - u - special.gammaln(shape) + np.log((half * weights).ravel())
    score = log_ratio(u)
    logarithm = mass[:, None] + mass - np.logaddexp(-score[:, None], -score)
    return float(np.exp(logarithm).sum())


def isotropic(variance: float, features: int) -> Callable[[Array], Array]:
    """log Λ of N(0, variance·I) as a function of |x|²/2."""
    return lambda u: -0.5 * features * np.log1p(variance) + u * variance / (1 + variance)


@pytest.mark.parametrize("features", [1, 2, 10])
@pytest.mark.parametrize("variance", [1e-6, 1.0, 1e4, 1e8, 1e12])
def test_broad_gaussians(variance: float, features: int) -> None:
    """Right to the stated error, and where it is small to nine digits; no node more for breadth."""
    signal = gaussian(np.zeros(features), variance * np.eye(features))
    found = bayes_risk(make_task(signal, 2), tolerance=1e-10)
    exact = two_tokens(isotropic(variance, features), features)
    assert abs(found.value - exact) <= found.error <= 1e-10
    assert found.value == pytest.approx(exact, rel=1e-9, abs=1e-15)
    resolution = Resolution(1e-10)
    law = likelihood.line_nodes(gaussian([0.0], [[variance]]), resolution, 100.0)
    assert sum(len(nodes.weights) for nodes in law) < 10_000


@pytest.mark.parametrize("features", [1, 2])
@pytest.mark.parametrize(("broad", "narrow"), [(1e6, 1.0), (1e12, 1e-3)])
def test_broad_beside_narrow(broad: float, narrow: float, features: int) -> None:
    """A mixture of two scales on one centre; in two directions it does not split."""
    variances = np.array([broad, narrow])[:, None, None] * np.eye(features)
    signal = Signal(np.array([0.3, 0.7]), np.zeros((2, features)), variances)

    def log_ratio(u: Array) -> Array:
        parts = [isotropic(broad, features)(u), isotropic(narrow, features)(u)]
        total: Array = special.logsumexp(parts, axis=0, b=np.array([[0.3], [0.7]]))
        return total

    found = bayes_risk(make_task(signal, 2))
    assert abs(found.value - two_tokens(log_ratio, features)) <= found.error <= 1e-8


def test_many_directions_of_any_scale() -> None:
    """Directions that are certain at once, beside many that tell nothing; none costs memory."""
    variances = np.concatenate([np.full(40, 1e8), np.full(40, 1e-6), [1e150]])
    found = bayes_risk(make_task(gaussian(np.zeros(81), np.diag(variances))))
    assert 0.0 <= found.value <= found.error
    weak = bayes_risk(make_task(gaussian(np.zeros(80), np.diag(np.full(80, 1e-6)))))
    assert weak.value == pytest.approx(0.75, abs=1e-8)
