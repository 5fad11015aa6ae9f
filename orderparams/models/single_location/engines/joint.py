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
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from orderparams.errors import SolverError
from orderparams.expectations.joint.covariance import HIGHEST, term_adjoints, token_term
from orderparams.expectations.joint.normaliser import Transforms
from orderparams.expectations.joint.resolution import Resolution, converge
from orderparams.expectations.joint.scores import (
    Grid,
    Lattice,
    Nodes,
    axis_slopes,
    grid_nodes,
    logit_nodes,
    pull,
    sobol_points,
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
        laws = self._laws(weights[order], bias[order])

        def values(nodes: Sequence[Nodes], resolution: Resolution) -> Array:
            return self._moments(weights[order], nodes, resolution, gradient_covariance)

        judged = 1 + self.heads * (self.task.signal.features + self.heads)
        sizes = self._sizes(weights, gradient_covariance)
        found, errors, engine = self._expect(laws, values, sizes, judged, gradient_covariance)
        return self._unpack(found, errors, engine, np.argsort(order), gradient_covariance)

    def risk(self, weights: Array, bias: Array, head_weights: Array) -> Risk:
        """See :class:`~orderparams.models.single_location.engines.Engine`.

        At the level that the gradients ask for, so that both routes have the same risk.
        """
        order = sorting(weights, bias)
        laws = self._laws(weights[order], bias[order])

        def values(nodes: Sequence[Nodes], resolution: Resolution) -> Array:
            transforms, _ = self._transforms(nodes, resolution, (2, 2))
            return np.array([risk_with_adjoints(transforms)[0]])

        sizes = self._sizes(weights, False).max(keepdims=True)
        found, errors, engine = self._expect(laws, values, sizes, 1, False)
        return Risk(float(found[0]) + self.task.label_noise, float(errors[0]), engine)

    def _expect(
        self,
        laws: Sequence[tuple[Array, Array]],
        values: Callable[[Sequence[Nodes], Resolution], Array],
        sizes: Array,
        judged: int,
        gradient_covariance: bool,
    ) -> tuple[Array, Array, str]:
        """What ``values`` makes of the nodes of a grid, or of random ones; errors, and which."""

        def on_grid(resolution: Resolution) -> Array | None:
            resolution = dataclasses.replace(resolution, covariance=gradient_covariance)
            nodes = self._grid(laws, resolution)
            return None if nodes is None else values(nodes, resolution)

        found = converge(on_grid, self.tolerance, sizes, judged)
        if found is not None:
            return *found, self.name
        sampled = [values(self._random(laws, r), Resolution(1e-8)) for r in range(REPLICAS)]
        errors = 4.0 * np.std(sampled, axis=0, ddof=1) / np.sqrt(REPLICAS)
        return np.mean(sampled, axis=0), errors, "quasi-Monte Carlo"

    def _laws(self, weights: Array, bias: Array) -> list[tuple[Array, Array]]:
        """Mean (H,) and principal axes (H, H) of the logits plus bias: noise, then components."""
        signal = self.task.signal
        features = signal.features
        overlap = weights[:, :features]

        def axes(loadings: Array) -> Array:
            directions = np.linalg.svd(loadings, full_matrices=False)[2]
            products: Array = np.einsum("hj,kj->hk", loadings, directions)
            return products

        noise_axes = axes(weights)
        laws = [(bias, noise_axes)]
        for mean, covariance, root in zip(
            signal.means, signal.covariances, self._roots, strict=True
        ):
            loadings = np.concatenate([overlap @ root, weights[:, features:]], axis=1)
            own_axes = axes(loadings) if covariance.any() else noise_axes
            laws.append((bias + np.einsum("hf,f->h", overlap, mean), own_axes))
        deviations = [np.sqrt((axes**2).sum(axis=1)) for _, axes in laws]
        low = min((mean - by).min() for (mean, _), by in zip(laws, deviations, strict=True))
        high = max((mean + by).max() for (mean, _), by in zip(laws, deviations, strict=True))
        broadest = 2.0 * max(by.max() for by in deviations)
        check_width(max(high - low, broadest))  # before a grid as wide is laid
        if not max(abs(low), abs(high)) <= FARTHEST:
            raise SolverError(
                f"the logits lie as far as {max(abs(low), abs(high)):.3g} from zero, quadrature "
                f"serves up to {FARTHEST:g}; use smaller biases or heads"
            )
        return laws

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

    def _grid(
        self, laws: Sequence[tuple[Array, Array]], resolution: Resolution
    ) -> list[Nodes] | None:
        """Tensor grids of the laws, or None if they are too large; components that differ in their
        means alone share one."""
        tokens = float(self.task.length_weights @ self.task.lengths)
        grids: list[Grid] = []
        for index, (_, axes) in enumerate(laws):
            if index > 1 and axes is laws[index - 1][1]:
                grids.append(grids[-1])
                continue
            cut = resolution.cut(tokens if index == 0 else 1.0)
            grid = Grid.over(axis_slopes(axes), resolution, cut, LARGEST_GRID / len(laws))
            if grid is None:
                return None
            grids.append(grid)
        masses = [1.0, *self.task.signal.weights]
        return [
            grid_nodes(mean, axes, grid, mass)
            for (mean, axes), grid, mass in zip(laws, grids, masses, strict=True)
        ]

    def _random(self, laws: Sequence[tuple[Array, Array]], replica: int) -> list[Nodes]:
        """Quasi-Monte Carlo nodes of the laws in one randomisation."""
        normals = sobol_points(SOBOL_POINTS, self.heads + 1, replica)
        nodes = [tilted_nodes(*laws[0], normals)]
        for (mean, axes), mass in zip(laws[1:], self.task.signal.weights, strict=True):
            share = np.full(SOBOL_POINTS, mass / SOBOL_POINTS)
            nodes.append(logit_nodes(mean + normals[:, :-1] @ axes.T, share))
        return nodes

    def _transforms(
        self, nodes: Sequence[Nodes], resolution: Resolution, orders: tuple[int, int] = (2, 4)
    ) -> tuple[Transforms, list[Array]]:
        """The nodes' scores in the Laplace variable, and their coordinates on the lattice."""
        extents = [law.extent for law in nodes]
        low, high = min(low for low, _ in extents), max(high for _, high in extents)
        check_width(high - low)
        lattice = Lattice.over(low, high, resolution.score_step)
        of_noise, of_signal = np.zeros(lattice.size), np.zeros(lattice.size)
        positions = [spread(nodes[0], lattice, of_noise)]
        positions += [spread(component, lattice, of_signal) for component in nodes[1:]]
        lengths, kappa = self.task.other_tokens, self.activation.kappa
        laws = of_noise, of_signal
        return Transforms.of(lattice, *laws, lengths, kappa, resolution, orders), positions

    def _moments(
        self,
        weights: Array,
        nodes: Sequence[Nodes],
        resolution: Resolution,
        gradient_covariance: bool,
    ) -> Array:
        """Risk, P, Γ, ∂E/∂β and, if asked for, V in one flat array."""
        orders = (4, HIGHEST) if gradient_covariance else (2, 4)
        transforms, positions = self._transforms(nodes, resolution, orders)
        risk, adjoints = risk_with_adjoints(transforms)
        tables = [
            [transforms.on_lattice(rows) for rows in score_derivatives(of)] for of in adjoints
        ]
        parts = [np.array([risk]), *self._gradient(weights, nodes, positions, tables)]
        if gradient_covariance:
            pairs = [
                transforms.on_lattice(term_adjoints(term, transforms, is_signal))
                for is_signal, term in zip((False, True), self._terms, strict=True)
            ]
            covariance = np.zeros((self.heads, self.heads))
            for index, law in enumerate(nodes):
                pair = pairs[min(index, 1)]
                covariance += pull(law, positions[index], pair, pair)[1]
            parts.append(covariance)
        return np.concatenate([part.ravel() for part in parts])

    def _gradient(
        self,
        weights: Array,
        nodes: Sequence[Nodes],
        positions: Sequence[Array],
        tables: Sequence[Sequence[Array]],
    ) -> list[Array]:
        """P, Γ and ∂E/∂β from T' and T'' − T' of the noise tokens and of the signal token."""
        signal = self.task.signal
        overlap = weights[:, : signal.features]
        overlap_gradient = np.zeros_like(overlap)
        self_overlap_gradient = np.zeros((self.heads, self.heads))
        bias_gradient = np.zeros(self.heads)
        for index, law in enumerate(nodes):
            of_mean, pair = pull(law, positions[index], *tables[min(index, 1)])
            of_covariance = 0.5 * (pair + np.diag(of_mean))
            bias_gradient += of_mean
            self_overlap_gradient += of_covariance
            if index > 0:
                mean, covariance = signal.means[index - 1], signal.covariances[index - 1]
                overlap_gradient += np.outer(of_mean, mean)
                overlap_gradient += 2.0 * of_covariance @ overlap @ covariance
        return [overlap_gradient, self_overlap_gradient, bias_gradient]

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


def tilted_nodes(mean: Array, axes: Array, normals: Array) -> Nodes:
    """Random nodes of a noise token's logits (mean (H,), axes (H, r)); normals (n, r+1).

    Half of them follow the law itself, half the law tilted by e^{χ_h} with the h that the last
    normal selects, so that those among many tokens that matter are not missed. No node's ratio of
    the two densities exceeds two.
    """
    covariance = axes @ axes.T
    tilts = mean + 0.5 * np.diag(covariance)
    total = np.logaddexp.reduce(tilts)
    selected = np.searchsorted(np.cumsum(np.exp(tilts - total))[:-1], ndtr(normals[:, -1]))
    logits = mean + normals[:, :-1] @ axes.T
    logits = np.concatenate([logits, logits + covariance[selected]])
    ratio = np.logaddexp(0.0, np.logaddexp.reduce(logits, axis=1) - total)
    return logit_nodes(logits, np.exp(-ratio) / len(normals))


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
