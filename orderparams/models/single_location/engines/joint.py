"""Bayes-softmax by quadrature: one normaliser over heads and tokens (theory 5b).

A token enters through its score x = log Σ_h e^{χ_h+β_h}, so that the risk is that of a single head
whose logit has the law of x: E = 1 − 2A + G,

    A = ∫ dτ e^{−κe^τ} Ψ_1 Φ_0^{L−1},
    G = ∫ dτ e^{−κe^τ} [Ψ_2 Φ_0^{L−1} + (L−1) Φ_2 Ψ_0 Φ_0^{L−2}].

Its derivative with respect to the law of the score is a function T(x), one for the noise tokens and
one for the signal token; the head's share in its token p_h = e^{χ_h+β_h−x} gives

    ∂E/∂mean_h = E[T' p_h],    ∂E/∂covariance_hh' = ½ E[(T'' − T') p_h p_h' + δ_hh' T' p_h].
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from orderparams.errors import SolverError
from orderparams.expectations.joint.covariance import HIGHEST, term_adjoints, token_term
from orderparams.expectations.joint.normaliser import Transforms
from orderparams.expectations.joint.grids import Grid, axis_slopes, sobol_points
from orderparams.expectations.joint.resolution import Resolution, converge
from orderparams.expectations.joint.scores import (
    Lattice,
    Law,
    Logits,
    Nodes,
    Smoothing,
    grid_nodes,
    logit_nodes,
    pull,
    spread,
)
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.engines import Moments, Risk
from orderparams.models.single_location.task import Task

Array = NDArray[np.float64]

LARGEST_GRID = 10_000_000
"""Nodes of all tensor grids together before a coarser one or quasi-Monte Carlo takes over."""

WIDEST = 2000.0
"""Range of the scores beyond which the integrals over τ would take many seconds."""

FARTHEST = 1e5
"""Distance of the scores from zero up to which their differences keep enough digits."""

SOBOL_POINTS = 8192
REPLICAS = 8
RANDOM = Resolution(1e-8)
"""What is one-dimensional beside quasi-Monte Carlo nodes."""


class JointQuadrature:
    """Engine for the Bayes-softmax activation with any κ ≥ 0.

    The score's law comes from a grid along the principal axes of the heads' logits, with as many
    nodes per axis as its variance asks for: a tensor grid, sparse in axes of small variance. Where
    no affordable grid reaches an error of 1e-5, it comes from randomised quasi-Monte Carlo points
    in as many dimensions as there are heads, and the error estimate is four standard errors of the
    mean over independent randomisations; the result's ``engine`` is then "quasi-Monte Carlo".
    """

    name = "quadrature"
    serves_gradient_covariance = True

    def __init__(
        self, task: Task, activation: Activation, heads: int, *, tolerance: float = 1e-8
    ) -> None:
        self.task = task
        self.activation = activation
        self.heads = heads
        self.tolerance = tolerance
        signal = task.signal
        self._roots = np.linalg.cholesky(np.eye(signal.features) + signal.covariances)
        scalar = task.target == "scalar"
        self._terms = [token_term(own, scalar, task.noise) for own in (False, True)]

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """See :class:`~orderparams.models.single_location.engines.Engine`."""
        order = sorting(weights, bias)
        tokens = self._tokens(weights[order], bias[order])

        def values(laws: Sequence[Law], resolution: Resolution) -> Array:
            return self._moments(weights[order], laws, resolution, gradient_covariance)

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

        def values(laws: Sequence[Law], resolution: Resolution) -> Array:
            transforms, _ = self._transforms(laws, resolution, (2, 2))
            return np.array([risk_with_adjoints(transforms)[0]])

        sizes = self._sizes(weights, False).max(keepdims=True)
        found, errors, engine = self._expect(tokens, values, sizes, 1, False)
        return Risk(float(found[0]) + self.task.label_noise, float(errors[0]), engine)

    def _expect(
        self,
        tokens: Sequence[Logits],
        values: Callable[[Sequence[Law], Resolution], Array],
        sizes: Array,
        judged: int,
        gradient_covariance: bool,
    ) -> tuple[Array, Array, str]:
        """What ``values`` makes of the nodes of a grid, or of random ones; errors, and which."""

        def on_grid(resolution: Resolution) -> Array | None:
            resolution = dataclasses.replace(resolution, covariance=gradient_covariance)
            laws = self._grid(tokens, resolution)
            return None if laws is None else values(laws, resolution)

        found = converge(on_grid, self.tolerance, sizes, judged)
        if found is not None:
            return *found, self.name
        sampled = [values(self._random(tokens, r), RANDOM) for r in range(REPLICAS)]
        errors = 4.0 * np.std(sampled, axis=0, ddof=1) / np.sqrt(REPLICAS)
        return np.mean(sampled, axis=0), errors, "quasi-Monte Carlo"

    def _tokens(self, weights: Array, bias: Array) -> list[Logits]:
        """The logits of a noise token and of each component's signal token."""
        signal = self.task.signal
        features = signal.features
        overlap = weights[:, :features]
        noise = Logits.of(bias, weights)
        tokens = [noise]
        for mean, covariance, root in zip(
            signal.means, signal.covariances, self._roots, strict=True
        ):
            center = bias + np.einsum("hf,f->h", overlap, mean)
            loadings = np.concatenate([overlap @ root, weights[:, features:]], axis=1)
            own = covariance.any()
            tokens.append(Logits.of(center, loadings) if own else noise._replace(mean=center))
        low = min((logits.mean - logits.deviations).min() for logits in tokens)
        high = max((logits.mean + logits.deviations).max() for logits in tokens)
        broadest = 2.0 * max(logits.deviations.max() for logits in tokens)
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
        of_covariance = 1.0 + self.task.label_noise
        counts = [1, heads * signal.features, heads * (heads + 1), heads**2 * gradient_covariance]
        return np.repeat([1.0, max(1.0, of_overlap), 1.0, of_covariance], counts)

    def _grid(self, tokens: Sequence[Logits], resolution: Resolution) -> list[Law] | None:
        """Laws of the scores from tensor grids, or None if they are too large; components that
        differ in their means alone share one."""
        number = float(self.task.length_weights @ self.task.lengths)
        grids: list[tuple[Grid, Smoothing]] = []
        for index, logits in enumerate(tokens):
            if index > 1 and logits.axes is tokens[index - 1].axes:
                grids.append(grids[-1])
                continue
            cut = resolution.cut(number if index == 0 else 1.0)
            largest = LARGEST_GRID / len(tokens)
            grid = Grid.over(axis_slopes(logits.axes), resolution, cut, largest)
            if grid is None:
                return None
            grids.append((grid, Smoothing.of(logits.common, resolution, cut)))
        masses = [1.0, *self.task.signal.weights]
        return [
            Law(grid_nodes(logits, grid, mass), smoothing)
            for logits, (grid, smoothing), mass in zip(tokens, grids, masses, strict=True)
        ]

    def _random(self, tokens: Sequence[Logits], replica: int) -> list[Law]:
        """Laws of the scores from quasi-Monte Carlo nodes in one randomisation."""
        noise, *components = tokens
        normals = sobol_points(SOBOL_POINTS, self.heads + 1, replica)
        nodes = [tilted_nodes(noise, normals)]
        for (mean, axes, _), mass in zip(components, self.task.signal.weights, strict=True):
            share = np.full(SOBOL_POINTS, mass / SOBOL_POINTS)
            nodes.append(logit_nodes(mean + normals[:, : axes.shape[1]] @ axes.T, share))
        cut = RANDOM.cut(float(self.task.length_weights @ self.task.lengths))
        return [
            Law(own, Smoothing.of(logits.common, RANDOM, cut))
            for own, logits in zip(nodes, tokens, strict=True)
        ]

    def _transforms(
        self, laws: Sequence[Law], resolution: Resolution, orders: tuple[int, int] = (2, 4)
    ) -> tuple[Transforms, list[Array]]:
        """The scores in the Laplace variable, and the coordinates of their nodes on the lattice."""
        extents = [law.extent(resolution.score_step) for law in laws]
        low, high = min(low for low, _ in extents), max(high for _, high in extents)
        check_width(high - low)
        lattice = Lattice.over(low, high, resolution.score_step)
        of_token, positions = np.zeros((2, lattice.size)), []
        for index, smoothing, group in alike(laws):
            together = np.zeros(lattice.size)
            positions += [spread(law.nodes, lattice, together) for law in group]
            of_token[min(index, 1)] += smoothing(together)
        lengths, kappa = self.task.other_tokens, self.activation.kappa
        return Transforms.of(lattice, *of_token, lengths, kappa, resolution, orders), positions

    def _moments(
        self, weights: Array, laws: Sequence[Law], resolution: Resolution, gradient_covariance: bool
    ) -> Array:
        """Risk, P, Γ, ∂E/∂β and, if asked for, V in one flat array."""
        orders = (4, HIGHEST) if gradient_covariance else (2, 4)
        transforms, positions = self._transforms(laws, resolution, orders)
        risk, adjoints = risk_with_adjoints(transforms)
        rows = [score_derivatives(of) for of in adjoints]
        if gradient_covariance:
            terms = [
                term_adjoints(term, transforms, is_signal)
                for is_signal, term in zip((False, True), self._terms, strict=True)
            ]
            rows = [(*of, term) for of, term in zip(rows, terms, strict=True)]
        tables = [[transforms.on_lattice(row) for row in of] for of in rows]
        signal, heads = self.task.signal, self.heads
        overlap = weights[:, : signal.features]
        overlap_gradient, bias_gradient = np.zeros_like(overlap), np.zeros(heads)
        self_overlap_gradient, covariance = np.zeros((2, heads, heads))
        for index, smoothing, group in alike(laws):
            single, pair, *of_covariance = map(smoothing, tables[min(index, 1)])
            for number, law in enumerate(group, index):
                of_mean, of_pair = pull(law.nodes, positions[number], single, pair)
                of_logits = 0.5 * (of_pair + np.diag(of_mean))
                bias_gradient += of_mean
                self_overlap_gradient += of_logits
                if number > 0:
                    overlap_gradient += np.outer(of_mean, signal.means[number - 1])
                    overlap_gradient += 2.0 * of_logits @ overlap @ signal.covariances[number - 1]
                for table in of_covariance:
                    covariance += pull(law.nodes, positions[number], table, table)[1]
        parts = [np.array([risk]), overlap_gradient, self_overlap_gradient, bias_gradient]
        parts += [covariance] * gradient_covariance
        return np.concatenate([part.ravel() for part in parts])

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


def risk_with_adjoints(transforms: Transforms) -> tuple[float, tuple[Array, Array]]:
    """E, and its derivatives (3, τ) with respect to Φ_0, Φ_1, Φ_2 and to Ψ_0, Ψ_1, Ψ_2."""
    noise, signal, others = transforms.noise, transforms.signal, transforms.others
    own = signal[2] - 2.0 * signal[1]
    risk = 1.0 + transforms.measure @ (own * others[0] + noise[2] * signal[0] * others[1])
    of_survival = own * others[1] + noise[2] * signal[0] * others[2]
    of_noise = np.array([of_survival, np.zeros_like(own), signal[0] * others[1]])
    of_signal = np.array([noise[2] * others[1], -2.0 * others[0], others[0]])
    return float(risk), (of_noise, of_signal)


def alike(laws: Sequence[Law]) -> Iterator[tuple[int, Smoothing, list[Law]]]:
    """The noise's law, and neighbouring components with one smoothing: first index, these laws."""
    kinds = itertools.groupby(enumerate(laws), lambda law: (law[0] > 0, id(law[1].smoothing)))
    for _, members in kinds:
        numbers, group = zip(*members, strict=True)
        yield numbers[0], group[0].smoothing, list(group)


def tilted_nodes(logits: Logits, normals: Array) -> Nodes:
    """Random nodes of a noise token's logits without their common part; normals (n, H+1).

    Half of them follow the law itself, half the law tilted by e^{χ_h} with the h that the last
    normal selects, so that those among many tokens that matter are not missed. No node's ratio of
    the two densities exceeds two.
    """
    mean, axes, _ = logits
    covariance = axes @ axes.T
    tilts = mean + 0.5 * np.diag(covariance)
    total = np.logaddexp.reduce(tilts)
    selected = np.searchsorted(np.cumsum(np.exp(tilts - total))[:-1], ndtr(normals[:, -1]))
    rest = mean + normals[:, : axes.shape[1]] @ axes.T
    rest = np.concatenate([rest, rest + covariance[selected]])
    ratio = np.logaddexp(0.0, np.logaddexp.reduce(rest, axis=1) - total)
    return logit_nodes(rest, np.exp(-ratio) / len(normals))


def score_derivatives(adjoints: Array) -> tuple[Array, Array]:
    """T' and T'' − T' of T = Σ_j ∫ adjoints_j K_j, from K_j' = j K_j − K_{j+1}.

    adjoints (3, τ), belonging to K_0, K_1, K_2; returns rows (5, τ), belonging to K_0 … K_4.
    """
    single, pair = np.zeros((5, adjoints.shape[1])), np.zeros((5, adjoints.shape[1]))
    for j, adjoint in enumerate(adjoints):
        single[j] += j * adjoint
        single[j + 1] -= adjoint
        pair[j] += j * (j - 1) * adjoint
        pair[j + 1] -= 2 * j * adjoint
        pair[j + 2] += adjoint
    return single, pair
