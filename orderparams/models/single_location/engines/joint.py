"""Bayes-softmax by quadrature: one normaliser over heads and tokens (theory 5b).

A token enters through its score x = log Σ_h e^{χ_h+β_h}, so that the risk is that of a single head
whose logit has the law of x: E = γ_s² (1 − 2A) + G,

    A = ∫ dτ e^{−κe^τ} Ψ_1 Φ_0^{L−1},
    G = ∫ dτ e^{−κe^τ} [γ_s² Ψ_2 Φ_0^{L−1} + (L−1) Φ_2 Ψ_0 Φ_0^{L−2}].

Its derivative with respect to the law of the score is a function T(x), one for the noise tokens and
one for the signal token; the head's share in its token p_h = e^{χ_h+β_h−x} gives

    ∂E/∂mean_h = E[T' p_h],    ∂E/∂covariance_hh' = ½ E[(T'' − T') p_h p_h' + δ_hh' T' p_h].
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.expectations.joint.covariance import HIGHEST, term_adjoints, token_term
from orderparams.expectations.joint.normaliser import Transforms
from orderparams.expectations.joint.resolution import BOUND, Resolution, converge
from orderparams.expectations.joint.scores import Lattice, pull, spread
from orderparams.expectations.joint.tokens import NOISE, Law, Tokens, grid_law, random_law
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.engines import Moments, Risk
from orderparams.models.single_location.task import Task
from orderparams.ordered import ordered
from orderparams.processors import threads

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

LARGEST_GRID = 10_000_000
"""Nodes of all tensor grids together before a coarser one or quasi-Monte Carlo takes over."""

LARGEST_APART = 0.1
"""The part of these where each node stands by itself and takes more room."""

WIDEST = 2000.0
"""Range of the scores beyond which the integrals over τ would take many seconds."""

FARTHEST = 1e5
"""Distance of the scores from zero up to which their differences keep enough digits."""

FEWEST_POINTS = 32768
"""Points of a randomisation; four times as many while the error exceeds the tolerance."""

LARGEST_NET = 32_000_000
"""Numbers that the nodes of one randomisation may hold."""

REPLICAS = 8
RANDOM = Resolution(1e-8)
"""For what is one-dimensional beside quasi-Monte Carlo nodes."""


class JointQuadrature:
    """Engine for the Bayes-softmax activation with any κ ≥ 0.

    What all logits of a token share is convolved. The law of the rest of its score comes from a
    grid along principal axes, with as many nodes per axis as its variance asks for: a tensor grid,
    sparse in axes of small variance. Where no affordable grid reaches an error of 1e-5, it comes
    from randomised quasi-Monte Carlo points in as many dimensions as there are heads, less one, as
    many as the tolerance asks for or memory holds, and the error estimate is four standard errors
    of the mean over independent randomisations; the result's ``engine`` is then "quasi-Monte
    Carlo".
    """

    name = "quadrature"
    serves_gradient_covariance = True
    nodes_apart = False
    """Whether nodes of a grid stand by themselves, not in rows along its last axis."""

    def __init__(
        self, task: Task, activation: Activation, heads: int, *, tolerance: float = 1e-8
    ) -> None:
        self.task = task
        self.activation = activation
        self.heads = heads
        self.tolerance = tolerance
        signal = task.signal
        own = task.signal_variance
        self._roots = np.linalg.cholesky(own * np.eye(signal.features) + signal.covariances)
        scalar = task.target == "scalar"
        self._terms = [
            token_term(is_signal, scalar, task.noise, own) for is_signal in (False, True)
        ]

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """See :class:`~orderparams.models.single_location.engines.Engine`."""
        order = sorting(weights, bias)
        tokens = self._tokens(weights[order], bias[order])

        def values(laws: Sequence[Law], resolution: Resolution) -> tuple[Array, float]:
            return self._moments(weights[order], tokens, laws, resolution, gradient_covariance)

        judged = 1 + self.heads * (self.task.signal.features + self.heads)
        sizes = self._sizes(weights, gradient_covariance)
        found, errors, engine = self._expect(tokens, values, sizes, judged, gradient_covariance)
        return self._unpack(found, errors, engine, np.argsort(order), gradient_covariance)

    def risk(self, weights: Array, bias: Array, head_weights: Array) -> Risk:
        """See :class:`~orderparams.models.single_location.engines.Engine`.

        At the level that the gradients ask for, so that both routes have the same risk.
        """
        order = sorting(weights, bias)
        tokens = self._tokens(weights[order], bias[order])

        def values(laws: Sequence[Law], resolution: Resolution) -> tuple[Array, float]:
            transforms, _ = self._transforms(laws, resolution, (2, 2))
            risk, _ = risk_with_adjoints(transforms, self.task.signal_variance)
            return np.array([risk]), missing_share(transforms, self.activation.kappa)

        sizes = self._sizes(weights, False).max(keepdims=True)
        found, errors, engine = self._expect(tokens, values, sizes, 1, False)
        return Risk(float(found[0]) + self.task.label_noise, float(errors[0]), engine)

    def _expect(
        self,
        tokens: Sequence[Tokens],
        values: Callable[[Sequence[Law], Resolution], tuple[Array, float]],
        sizes: Array,
        judged: int,
        gradient_covariance: bool,
    ) -> tuple[Array, Array, str]:
        """What ``values`` makes of the nodes of a grid, or of random ones; errors, and which."""

        def on_grid(resolution: Resolution) -> tuple[Array, float] | None:
            resolution = dataclasses.replace(resolution, covariance=gradient_covariance)
            laws = self._grid(tokens, resolution)
            return None if laws is None else values(laws, resolution)

        found = converge(on_grid, self.tolerance, sizes, judged)
        if found is not None:
            return *found, self.name
        points, most = FEWEST_POINTS, self._most_points(tokens)
        while True:

            def once(replica: int, points: int = points) -> Array:
                return values(self._random(tokens, replica, points), RANDOM)[0]

            sampled = list(ordered(once, range(REPLICAS), threads()))
            errors = 4.0 * np.std(sampled, axis=0, ddof=1) / np.sqrt(REPLICAS)
            errors += BOUND * RANDOM.error * sizes
            if errors[:judged].max() <= self.tolerance or points >= most:
                return np.mean(sampled, axis=0), errors, "quasi-Monte Carlo"
            points = min(4 * points, most)

    def _tokens(self, weights: Array, bias: Array) -> list[Tokens]:
        """The noise token together with the components that differ from it in their means alone,
        those of the signal token's noise alone, and every other component by itself."""
        signal = self.task.signal
        features = signal.features
        overlap = weights[:, :features]
        centers = bias + np.einsum("hf,cf->ch", overlap, signal.means)
        own = signal.covariances.any(axis=(1, 2))
        shifted, size = np.flatnonzero(~own), self.task.signal_noise
        numbers = np.concatenate([[NOISE], shifted])
        means = np.concatenate([bias[None], centers[shifted]])
        masses = np.concatenate([[1.0], signal.weights[shifted]])
        tokens = [Tokens(numbers, masses, means, weights)]
        if size != 1.0:
            tokens = [Tokens(numbers[:1], masses[:1], means[:1], weights)]
            if len(shifted):
                tokens.append(Tokens(shifted, masses[1:], means[1:], size * weights))
        for index in np.flatnonzero(own):
            residual = size * weights[:, features:]
            loadings = np.concatenate([overlap @ self._roots[index], residual], axis=1)
            one = np.array([index])
            tokens.append(Tokens(one, signal.weights[one], centers[one], loadings))
        low = min((some.means - some.deviations).min() for some in tokens)
        high = max((some.means + some.deviations).max() for some in tokens)
        broadest = 2.0 * max(some.deviations.max() for some in tokens)
        check_width(max(high - low, broadest))  # before a grid as wide is laid
        if not max(abs(low), abs(high)) <= FARTHEST:
            raise SolverError(
                f"the logits lie as far as {max(abs(low), abs(high)):.3g} from zero, quadrature "
                f"serves up to {FARTHEST:g}; use smaller biases or heads"
            )
        return tokens

    def _sizes(self, weights: Array, gradient_covariance: bool) -> Array:
        """By what factors the values of :meth:`_moments` multiply expectations of order one.

        P carries E|θ| and 2 E|m Σ|; V, for the scalar target, the label noise.
        """
        signal, heads = self.task.signal, self.heads
        spread = 2.0 * np.abs(weights[:, : signal.features] @ signal.covariances)
        reach = np.abs(signal.means)[:, None] + spread
        of_overlap = float(np.einsum("c,chf->hf", signal.weights, reach).max())
        own = max(1.0, self.task.signal_variance)
        of_covariance = own**3 * (1.0 + self.task.label_noise)
        counts = [1, heads * signal.features, heads * (heads + 1), heads**2 * gradient_covariance]
        return np.repeat([own, own * max(1.0, of_overlap), own**2, of_covariance], counts)

    def _grid(self, tokens: Sequence[Tokens], resolution: Resolution) -> list[Law] | None:
        """Laws of the scores from grids, or None if these are too large."""
        left, laws = LARGEST_GRID * (LARGEST_APART if self.nodes_apart else 1.0), []
        for some in tokens:
            cut = resolution.cut(self._many(some))
            found = grid_law(some, resolution, cut, left, apart=self.nodes_apart)
            if found is None:
                return None
            laws.append(found)
            left -= found.nodes.size
        return laws

    def _random(self, tokens: Sequence[Tokens], replica: int, points: int) -> list[Law]:
        """Laws of the scores from quasi-Monte Carlo nodes in one randomisation."""
        return [
            random_law(some, points, replica, RANDOM, RANDOM.cut(self._many(some)))
            for some in tokens
        ]

    def _most_points(self, tokens: Sequence[Tokens]) -> int:
        """Points of a randomisation whose nodes, about four for each, can be held."""
        largest = LARGEST_NET * (LARGEST_APART if self.nodes_apart else 1.0)
        points = int(largest / ((3 + self.heads) * (3 + len(tokens))))
        return max(FEWEST_POINTS, 1 << points.bit_length() >> 1)

    def _many(self, tokens: Tokens) -> float:
        """Number of tokens of which each may be the one far out in the tail."""
        noisy = NOISE in tokens.numbers
        return float(self.task.length_weights @ self.task.lengths) if noisy else 1.0

    def _lattice(self, laws: Sequence[Law], resolution: Resolution) -> Lattice:
        """One for the scores of all laws."""
        extents = [law.extent(resolution.score_step) for law in laws]
        low, high = min(low for low, _ in extents), max(high for _, high in extents)
        check_width(high - low)
        return Lattice.over(low, high, resolution.score_step)

    def _transforms(
        self, laws: Sequence[Law], resolution: Resolution, orders: tuple[int, int] = (2, 4)
    ) -> tuple[Transforms, list[Array]]:
        """The scores in the Laplace variable, and the coordinates of their nodes on the lattice."""
        lattice = self._lattice(laws, resolution)
        of_token, positions = np.zeros((2, lattice.size)), []
        for nodes, smoothing in laws:
            scores = np.zeros((len(smoothing.weights), 2, lattice.size))
            positions.append(spread(nodes, lattice, scores.reshape(-1, lattice.size)))
            of_token += smoothing.laws(scores)
        lengths, kappa = self.task.other_tokens, self.activation.kappa
        return Transforms.of(lattice, of_token, lengths, kappa, resolution, orders), positions

    def _moments(
        self,
        weights: Array,
        tokens: Sequence[Tokens],
        laws: Sequence[Law],
        resolution: Resolution,
        gradient_covariance: bool,
    ) -> tuple[Array, float]:
        """Risk, P, Γ, ∂E/∂β and, if asked for, V in one flat array; the missing share."""
        orders = (4, HIGHEST) if gradient_covariance else (2, 4)
        transforms, positions = self._transforms(laws, resolution, orders)
        variance = self.task.signal_variance
        risk, adjoints = risk_with_adjoints(transforms, variance)
        rows = [*score_derivatives(adjoints)]
        if gradient_covariance:
            both = zip((False, True), self._terms, strict=True)
            rows.append(np.array([term_adjoints(own, transforms, of) for of, own in both]))
        tables = [transforms.on_lattice(of) for of in rows]
        signal, heads = self.task.signal, self.heads
        overlap = weights[:, : signal.features]
        overlap_gradient, bias_gradient = np.zeros_like(overlap), np.zeros(heads)
        self_overlap_gradient, covariance = np.zeros((2, heads, heads))
        for some, (nodes, smoothing), at in zip(tokens, laws, positions, strict=True):
            single, pair, *of_covariance = (smoothing.functions(table) for table in tables)
            of_means, of_pairs = pull(nodes, at, single, pair, len(some.numbers))
            of_mean = of_means.sum(axis=0)
            of_logits = 0.5 * (of_pairs + np.diag(of_mean))
            bias_gradient += of_mean
            noisy = some.numbers[0] == NOISE
            self_overlap_gradient += (1.0 if noisy else variance) * of_logits
            for number, of_token in zip(some.numbers, of_means, strict=True):
                if number != NOISE:
                    overlap_gradient += np.outer(of_token, signal.means[number])
            if some.numbers[0] != NOISE:
                overlap_gradient += 2.0 * of_logits @ overlap @ signal.covariances[some.numbers[0]]
            for table in of_covariance:
                covariance += pull(nodes, at, table, table, len(some.numbers))[1]
        parts = [np.array([risk]), overlap_gradient, self_overlap_gradient, bias_gradient]
        parts += [covariance] * gradient_covariance
        missed = missing_share(transforms, self.activation.kappa)
        return np.concatenate([part.ravel() for part in parts]), missed

    def _unpack(
        self,
        values: Array,
        errors: Array,
        engine: str,
        rank: NDArray[np.int64],
        gradient_covariance: bool,
    ) -> Moments:
        """Moments with the heads in the caller's order."""
        heads, features = self.heads, self.task.signal.features
        ends = np.cumsum([1, heads * features, heads * heads, heads])
        risk, overlap, self_overlap, bias, covariance = np.split(values, ends)

        def square(matrix: Array) -> Array:
            return np.ascontiguousarray(matrix.reshape(heads, heads)[np.ix_(rank, rank)])

        return Moments(
            risk=float(risk[0]) + self.task.label_noise,
            overlap_gradient=overlap.reshape(heads, features)[rank],
            self_overlap_gradient=square(self_overlap),
            bias_gradient=bias[rank],
            head_weight_gradient=np.zeros(heads),
            gradient_covariance=square(covariance) if gradient_covariance else None,
            error=float(errors[: ends[2]].max()),
            engine=engine,
            gradient_covariance_error=float(errors[ends[3] :].max(initial=0.0)),
        )


def sorting(weights: Array, bias: Array) -> NDArray[np.int64]:
    """An order of the heads (H,) in which permuted heads meet the same arithmetic."""
    return np.lexsort([bias, *weights.T])


def check_width(width: float) -> None:
    """:class:`SolverError` for logits that spread too far."""
    if not width <= WIDEST:
        raise SolverError(
            f"the logits spread over {width:.4g} units; quadrature serves up to {WIDEST:.0f}, "
            "expectation.engine = 'sampling' more"
        )


def risk_with_adjoints(transforms: Transforms, variance: float) -> tuple[float, Array]:
    """E for γ_s² = ``variance``, and its derivatives (2, 3, τ) with respect to Φ_0, Φ_1, Φ_2 and to
    Ψ_0, Ψ_1, Ψ_2."""
    noise, signal, others = transforms.noise, transforms.signal, transforms.others
    own = variance * (signal[2] - 2.0 * signal[1])
    risk = variance + transforms.measure @ (own * others[0] + noise[2] * signal[0] * others[1])
    of_survival = own * others[1] + noise[2] * signal[0] * others[2]
    of_noise = [of_survival, np.zeros_like(own), signal[0] * others[1]]
    of_signal = [noise[2] * others[1], -2.0 * variance * others[0], variance * others[0]]
    return float(risk), np.array([of_noise, of_signal])


def missing_share(transforms: Transforms, kappa: float) -> float:
    """E[a_ε (1 − Σ_ℓ a_ℓ − κ/Z)], which is zero: an error of the integrals over τ."""
    noise, signal, others = transforms.noise, transforms.signal, transforms.others
    lacking = (signal[1] - signal[2] - kappa * transforms.rates * signal[1]) * others[0]
    lacking -= signal[1] * noise[1] * others[1]
    return abs(float(transforms.measure @ lacking))


def score_derivatives(adjoints: Array) -> tuple[Array, Array]:
    """T' and T'' − T' of T = Σ_j ∫ adjoints_j K_j, from K_j' = j K_j − K_{j+1}.

    adjoints (tokens, 3, τ), belonging to K_0, K_1, K_2; returns rows (tokens, 5, τ) of K_0 … K_4.
    """
    tokens, _, size = adjoints.shape
    single, pair = np.zeros((2, tokens, 5, size))
    one, two, three = adjoints[:, 0], adjoints[:, 1], adjoints[:, 2]
    single[:, 1], single[:, 2], single[:, 3] = two - one, 2.0 * three - two, -three
    pair[:, 2], pair[:, 3], pair[:, 4] = one - 2.0 * two + 2.0 * three, two - 4.0 * three, three
    return single, pair
