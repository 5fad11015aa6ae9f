"""The sampling engine against an independent oracle, identities, closed forms and itself."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from node_sequences import sequences
from numpy.typing import NDArray
from oracle import OracleMoments, oracle_moments
from scipy.integrate import solve_ivp

from orderparams.errors import ConfigurationError, SolverError
from orderparams.models.single_location.attention import Activation, attend, backpropagate
from orderparams.models.single_location.engines import Moments
from orderparams.models.single_location.engines.sampling import Sampling
from orderparams.models.single_location.task import Signal, Task, flipped_spikes, hypercube

Array = NDArray[np.float64]

SOFTMAX = Activation("softmax", joint=False, kappa=0.0)
SOFTMAX_1 = Activation("softmax-1", joint=False, kappa=1.0)
BAYES = Activation("bayes-softmax", joint=True, kappa=0.0)
ACTIVATIONS = [SOFTMAX, SOFTMAX_1, BAYES, Activation("bayes-softmax", joint=True, kappa=1.0)]

MIXTURE = Signal(
    np.array([0.4, 0.6]),
    np.array([[1.5, 0.2], [-0.5, 1.8]]),
    np.array([np.zeros((2, 2)), np.diag([0.4, 0.1])]),
)


def make_task(signal: Signal, length: int = 4, target: str = "token", noise: float = 0.0) -> Task:
    return Task(np.array([length]), np.ones(1), signal, target, noise)


def some_heads(heads: int, features: int, scale: float = 1.0) -> tuple[Array, Array, Array]:
    """Reduced weights, biases and head weights without any symmetry."""
    rng = np.random.default_rng(7)
    weights = scale * rng.standard_normal((heads, features + heads))
    return weights, 0.3 * rng.standard_normal(heads), rng.uniform(-0.5, 1.5, heads)


def drift(moments: Moments, weights: Array) -> Array:
    """E[Σ_ℓ g_hℓ x_fℓ] = P + 2Γm."""
    features = moments.overlap_gradient.shape[1]
    return moments.overlap_gradient + 2 * moments.self_overlap_gradient @ weights[:, :features]


def oracle_on_nodes(
    engine: Sampling, length: int, weights: Array, bias: Array, head_weights: Array
) -> OracleMoments:
    """The oracle on the engine's own nodes, in which the signal is already added."""
    task = engine.task
    longest = int(task.lengths.max())
    x, masses = sequences(task.signal, longest, engine.heads, engine.samples, seed=3)
    x = x[:, :length]
    return oracle_moments(
        x,
        np.zeros((len(x), task.signal.features)),
        masses / masses.sum(),
        weights,
        bias,
        head_weights,
        engine.activation,
        task.target,
        task.noise,
    )


@pytest.mark.parametrize("target", ["token", "scalar"])
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: f"{a.name}-{a.kappa:g}")
@pytest.mark.parametrize(("count", "features"), [(3, 2), (1, 1), (4, 3)])
def test_equals_the_oracle_on_the_same_nodes(
    count: int, features: int, activation: Activation, target: str
) -> None:
    """Oracle: einsum over full Jacobians and Hessians. A law on lengths uses prefixes."""
    probabilities = np.array([0.3, 0.7])
    means = np.random.default_rng(1).standard_normal((2, features))
    signal = Signal(MIXTURE.weights, means, np.array([0.0, 0.4])[:, None, None] * np.eye(features))
    task = Task(np.array([2, 4]), probabilities, signal, target, noise=0.3)
    engine = Sampling(task, activation, count, samples=1000, seed=3)
    heads = some_heads(count, features)
    found = engine.evaluate(*heads, gradient_covariance=True)
    parts = [oracle_on_nodes(engine, length, *heads) for length in (2, 4)]

    def expected(name: str) -> Array:
        return np.asarray(
            sum(p * getattr(o, name) for p, o in zip(probabilities, parts, strict=True))
        )

    names = ["risk", "self_overlap_gradient", "bias_gradient", "head_weight_gradient"]
    for name in [*names, "gradient_covariance"]:
        np.testing.assert_allclose(getattr(found, name), expected(name), rtol=0, atol=1e-13)
    gradient = expected("weights_gradient")[:, :features]
    np.testing.assert_allclose(drift(found, heads[0]), gradient, rtol=0, atol=1e-13)
    assert engine.evaluate(*heads).gradient_covariance is None


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: f"{a.name}-{a.kappa:g}")
def test_huge_logits_are_harmless(activation: Activation) -> None:
    """Oracle as above, logits of several thousands."""
    engine = Sampling(make_task(MIXTURE), activation, 2, samples=1024, seed=3)
    heads = some_heads(2, 2, scale=2000.0)
    found = engine.evaluate(*heads, gradient_covariance=True)
    expected = oracle_on_nodes(engine, 4, *heads)
    np.testing.assert_allclose(found.risk, expected.risk, rtol=1e-12)
    np.testing.assert_allclose(
        found.self_overlap_gradient, expected.self_overlap_gradient, rtol=1e-9, atol=1e-13
    )


@pytest.mark.parametrize("activation", [SOFTMAX_1, BAYES], ids=lambda a: a.name)
def test_scalar_covariance_by_integration_over_values(activation: Activation) -> None:
    """Oracle: V from g itself, which is quadratic in (z, ξ), by exact Gauss–Hermite quadrature.

    One token sequence; g from the kernels of the simulation. Three nodes a variable integrate
    polynomials up to degree 5, and g g' has degree 4.
    """
    length, noise = 3, 0.4
    weights, bias, head_weights = some_heads(2, 2)
    rng = np.random.default_rng(5)
    x, theta = rng.standard_normal((1, length, 4)), rng.standard_normal((1, 2))
    expected = oracle_moments(
        x, theta, np.ones(1), weights, bias, head_weights, activation, "scalar", noise
    )
    tokens = x[0].copy()
    tokens[0, :2] += theta[0]
    shares, attention = np.empty((2, length)), np.empty(length)
    logits = np.ascontiguousarray(weights @ tokens.T)
    attend(logits, bias, head_weights, activation.kappa, activation.joint, shares, attention)
    residual = attention - np.eye(length)[0]
    points, chances = np.polynomial.hermite_e.hermegauss(3)
    chances = chances / chances.sum()
    g, unused = np.empty((2, length)), np.empty(2)
    covariance, risk, mean = np.zeros((2, 2)), 0.0, np.zeros((2, length))
    for index in itertools.product(range(3), repeat=length + 1):
        z, xi = points[list(index[:-1])], points[index[-1]]
        chance = chances[list(index)].prod()
        error = residual @ z - noise * xi
        joint = activation.joint
        backpropagate(shares, attention, head_weights, joint, 2 * error * z, g, unused)
        covariance += chance * g @ g.T
        risk += chance * error**2
        mean += chance * g
    np.testing.assert_allclose(expected.gradient_covariance, covariance, rtol=1e-12)
    np.testing.assert_allclose(expected.risk, risk, rtol=1e-12)
    np.testing.assert_allclose(expected.bias_gradient, mean.sum(1), rtol=1e-12)


@pytest.mark.parametrize("activation", [SOFTMAX, SOFTMAX_1, BAYES], ids=lambda a: a.name)
def test_drift_is_the_gradient_of_the_sampled_risk(activation: Activation) -> None:
    """Oracle: central differences of the sampled risk, step 1e-5: truncation and rounding 1e-10."""
    engine = Sampling(make_task(MIXTURE), activation, 2, samples=1024, seed=0)
    heads = some_heads(2, 2)
    moments = engine.evaluate(*heads)
    gradients = [drift(moments, heads[0]), moments.bias_gradient, moments.head_weight_gradient]
    for which, gradient in enumerate(gradients):
        for index in np.ndindex(gradient.shape):
            risks = []
            for step in (1e-5, -1e-5):
                moved = [array.copy() for array in heads]
                moved[which][index] += step
                risks.append(engine.evaluate(*moved).risk)
            assert gradient[index] == pytest.approx((risks[0] - risks[1]) / 2e-5, abs=1e-9)


REFERENCES = {
    "softmax": (
        0.56033254244,
        [[0.0202403, 0.0579098], [0.0025126, 0.0507442]],
        [[0.0078558, 0.0349032], [0.0349032, 0.0657369]],
    ),
    "softmax-1": (
        0.65041685427,
        [[0.0387705, -0.0656774], [-0.0737779, 0.0186314]],
        [[-0.0946822, -0.2339200], [-0.2339200, -0.0154768]],
    ),
    "bayes-softmax": (0.50813926698, None, None),
}
REFERENCE_OVERLAP = np.array([[0.8, 0.3], [-0.2, 1.1]])
REFERENCE_WEIGHTS = np.hstack(
    [REFERENCE_OVERLAP, np.linalg.cholesky(np.array([[0.3, 0.1], [0.1, 0.2]]))]
)


@pytest.mark.parametrize("activation", [SOFTMAX, SOFTMAX_1, BAYES], ids=lambda a: a.name)
def test_reference_values(activation: Activation) -> None:
    """Oracle: quadrature over Laplace variables, two settings of it agreeing in all digits given.

    A third of the estimate is about 3e-4 (5e-4 for softmax-1); dq/dt adds up about four entries.
    """
    risk, overlap, self_overlap = REFERENCES[activation.name]
    engine = Sampling(make_task(MIXTURE), activation, 2, samples=2**18, seed=0)
    weights, m = REFERENCE_WEIGHTS, REFERENCE_OVERLAP
    norm = activation is not SOFTMAX
    bias = -0.5 * (weights**2).sum(1) if norm else np.zeros(2)
    moments = engine.evaluate(weights, bias, np.full(2, 1.0 if norm else 0.5))
    error = moments.error / 3
    assert error < 6e-4
    assert moments.risk == pytest.approx(risk, abs=error)
    if overlap is not None:
        p, gamma = moments.overlap_gradient, moments.self_overlap_gradient
        gamma = gamma - 0.5 * norm * np.diag(moments.bias_gradient)
        np.testing.assert_allclose(-(p + 2 * gamma @ m), overlap, rtol=0, atol=error)
        half = -(p @ m.T + 2 * gamma @ weights @ weights.T)
        np.testing.assert_allclose(half + half.T, self_overlap, rtol=0, atol=2 * error)


@pytest.mark.parametrize("length", [2, 4, 64])
def test_closed_forms_without_heads(length: int) -> None:
    """Oracle: K = 0, where nothing is random (theory 7): exact up to E[θ] and rounding."""
    signal = hypercube([1.5, 0.0], [0.0, 2.56])
    weights, head_weights = np.zeros((3, 5)), np.array([0.5, 0.2, 0.3])
    softmax = Sampling(make_task(signal, length), SOFTMAX, 3, samples=1024, seed=0)
    moments = softmax.evaluate(weights, np.zeros(3), head_weights)
    assert moments.risk == pytest.approx(1 - 1 / length, abs=1e-13)
    velocity = 2 / length * (1 - 1 / length) * np.outer(head_weights, [1.5, 0.0])
    np.testing.assert_allclose(-drift(moments, weights), velocity, rtol=0, atol=1e-13)
    softmax_1 = Sampling(make_task(signal, length), SOFTMAX_1, 3, samples=1024, seed=0)
    risk = softmax_1.evaluate(weights, np.zeros(3), 2 * head_weights).risk
    expected = 1 - 4 / (length + 1) + 4 * length / (length + 1) ** 2
    assert risk == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("signal", [flipped_spikes([4.0, 1.0]), MIXTURE], ids=["points", "mixed"])
def test_linear_growth_around_zero(signal: Signal) -> None:
    """Oracle: the closed form of theory 7 for E[θ] = 0, on the nodes to O(K²), not to their error.

    Point masses and a mirrored set have exact second moments, so growth rates have no sampling
    error; with random components it is that of E[θθᵀ].
    """
    signal = Signal(signal.weights, signal.means - signal.mean, signal.covariances)
    length, heads = 4, 3
    engine = Sampling(make_task(signal, length), SOFTMAX, heads, samples=2048, seed=0)
    weights = 1e-4 * some_heads(heads, 2)[0]
    u = np.array([0.5, 0.2, 0.3])
    moments = engine.evaluate(weights, np.zeros(heads), u)
    second_moment = np.zeros((5, 5))
    second_moment[:2, :2] = signal.second_moment
    growth = (1 - 2 / length) * weights @ second_moment
    growth -= (u @ weights) @ (second_moment / length + np.eye(5))
    growth *= 2 * u[:, None] * (1 - 1 / length) / length
    tolerance = 1e-7 if signal.covariances.max() == 0 else 1e-5
    found = np.hstack([drift(moments, weights), 2 * moments.self_overlap_gradient @ weights[:, 2:]])
    np.testing.assert_allclose(-found, growth, rtol=0, atol=tolerance * 1e-1)


def test_permuting_heads_permutes_the_moments() -> None:
    engine = Sampling(make_task(MIXTURE), SOFTMAX_1, 3, samples=1024, seed=0)
    heads = some_heads(3, 2)
    order = [2, 0, 1]
    one = engine.evaluate(*heads, gradient_covariance=True)
    other = engine.evaluate(*(array[order] for array in heads), gradient_covariance=True)
    assert one.gradient_covariance is not None
    assert other.gradient_covariance is not None
    kwargs = {"rtol": 0, "atol": 1e-14}
    np.testing.assert_allclose(other.overlap_gradient, one.overlap_gradient[order], **kwargs)
    square = np.ix_(order, order)
    np.testing.assert_allclose(
        other.self_overlap_gradient, one.self_overlap_gradient[square], **kwargs
    )
    np.testing.assert_allclose(other.gradient_covariance, one.gradient_covariance[square], **kwargs)


@pytest.mark.parametrize("activation", [SOFTMAX, SOFTMAX_1], ids=lambda a: a.name)
def test_equal_heads_are_one_head(activation: Activation) -> None:
    """Only the sum of the head weights of equal heads matters for the risk (theory 7)."""
    engine = Sampling(make_task(MIXTURE), activation, 2, samples=1024, seed=0)
    weights = np.tile(some_heads(1, 3)[0], (2, 1))
    risks = [
        engine.evaluate(weights, np.full(2, 0.1), np.array(u)).risk
        for u in ([0.3, 0.7], [1.0, 0.0])
    ]
    assert risks[0] == pytest.approx(risks[1], abs=1e-14)


def test_result_does_not_depend_on_threads_or_history() -> None:
    heads = some_heads(3, 2)
    results = []
    for threads in (1, 2, 3):
        engine = Sampling(make_task(MIXTURE), SOFTMAX, 3, samples=4096, seed=0, threads=threads)
        engine.evaluate(heads[0] + 1.0, *heads[1:])
        results.append(engine.evaluate(*heads, gradient_covariance=True))
    for other in results[1:]:
        for name in vars(other):
            np.testing.assert_array_equal(getattr(other, name), getattr(results[0], name))


def flat_moments(
    activation: Activation, samples: int, seed: int, scale: float
) -> tuple[Array, float]:
    """Risk, P and Γ in one vector, and the error estimate."""
    engine = Sampling(make_task(MIXTURE), activation, 2, samples=samples, seed=seed)
    found = engine.evaluate(*some_heads(2, 2, scale))
    parts = [found.risk, found.overlap_gradient, found.self_overlap_gradient]
    return np.concatenate([np.ravel(part) for part in parts]), found.error


def test_error_estimate_is_honest() -> None:
    """Oracle: the mean of 12 seeds at 16 times the samples, 10 times more accurate.

    The largest of 9 errors over three standard errors of the worst: about 0.5 if blocks were
    independent, less because they complement each other. An estimate that grew with the samples,
    or lacked the square root of the number of blocks, would fail.
    """
    ratios = []
    for activation, scale in itertools.product([SOFTMAX, SOFTMAX_1, BAYES], [0.3, 1.0]):
        finer = [flat_moments(activation, 2**15, 100 + seed, scale)[0] for seed in range(12)]
        reference = np.mean(finer, axis=0)
        for seed in range(12):
            values, error = flat_moments(activation, 2**11, seed, scale)
            ratios.append(np.abs(values - reference).max() / error)
    assert max(ratios) < 1
    assert 0.06 < np.median(ratios) < 0.4


def test_the_sampled_risk_falls_along_the_flow() -> None:
    """Unspecialized plateau and two stages of specialization; LSODA at rtol 1e-6."""
    features, heads = 3, 4
    signal = hypercube([1.5, 0.0, 0.0], [0.0, 2.56, 1.0])
    engine = Sampling(make_task(signal), SOFTMAX, heads, samples=4096, seed=0)
    start = 0.1 * np.random.default_rng(0).standard_normal((heads, features + heads))
    start *= np.where(np.arange(features + heads) < features, 1000**-0.5, heads**-0.5)
    rest = np.zeros(heads), np.full(heads, 0.25)

    def velocity(_: float, y: Array) -> Array:
        weights = y.reshape(heads, -1)
        moments = engine.evaluate(weights, *rest)
        residual = 2 * moments.self_overlap_gradient @ weights[:, features:]
        return -np.hstack([drift(moments, weights), residual]).ravel()

    run = solve_ivp(velocity, (0, 1500), start.ravel(), method="LSODA", rtol=1e-6, atol=1e-9)
    assert run.success
    risks = np.array([engine.evaluate(y.reshape(heads, -1), *rest).risk for y in run.y.T])
    assert risks[-1] < 0.402  # below the plateau of a single head, 0.4088
    assert np.diff(risks).max() < 1e-6
    assert np.abs(run.y[:, -1].reshape(heads, -1)[:, features:]).max() < 0.01


def test_refusals() -> None:
    task = make_task(hypercube(np.zeros(6), np.ones(6)), 10**6)
    with pytest.raises(ConfigurationError, match="GiB"):
        Sampling(task, SOFTMAX, 4, samples=10**6, seed=0)
    with pytest.raises(ConfigurationError, match="at least 4096"):
        Sampling(make_task(hypercube(np.zeros(7), np.ones(7))), SOFTMAX, 2, samples=9, seed=0)
    engine = Sampling(make_task(MIXTURE), SOFTMAX, 2, samples=9, seed=0)
    weights, bias, head_weights = some_heads(2, 2)
    weights[0, 0] = np.nan
    with pytest.raises(SolverError, match="finite"):
        engine.evaluate(weights, bias, head_weights)
