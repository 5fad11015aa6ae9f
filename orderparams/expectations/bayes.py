"""The Bayes risk E_Bayes: what no attention, of whatever form, can beat (theory 5c).

The likelihood ratio Λ of a token's projection splits. Components of P_θ in mutually orthogonal
subspaces give independent terms of a sum, so that E[e^{−tΛ}] is a product; P_θ that is a product
over coordinates gives independent terms of log Λ, whose laws are convolved. What remains is sampled
on a tensor grid in the span of its components, or by quasi-Monte Carlo where that is too large.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from orderparams.expectations.normaliser import (
    DEAD,
    TauGrid,
    kernel_table,
    other_tokens,
    transform,
)
from orderparams.expectations.resolution import Resolution, converge
from orderparams.expectations.scores import (
    Grid,
    Lattice,
    Nodes,
    logit_nodes,
    sobol_points,
    spread,
)
from orderparams.task import Signal, Task

Array = NDArray[np.float64]

LARGEST_GRID = 4_000_000
"""Nodes × components that a tensor grid may have before quasi-Monte Carlo takes over."""

LARGEST_SCORE = 700.0
"""|log Λ| is cut here. Noise exceeds it, or a signal falls below its negative, with a probability
below e^−700; on the other sides a token is decided anyway."""

SOBOL_POINTS = 8192
REPLICAS = 16


@dataclass(frozen=True)
class BayesRisk:
    """E_Bayes, plus Δ² for the scalar target, and its estimated absolute error."""

    value: float
    error: float


@dataclass(frozen=True, eq=False)
class TokenLaw:
    """Laws of log Λ for a noise token and for a signal token on one lattice, each (size,)."""

    lattice: Lattice
    noise: Array
    signal: Array


def orthogonal_blocks(signal: Signal) -> list[Signal]:
    """Groups of components in mutually orthogonal subspaces; their weights sum to one together."""
    if signal.covariances.any():
        squares = signal.covariances @ signal.covariances
        squares += signal.means[:, :, None] * signal.means[:, None, :]
        flat = squares.reshape(len(squares), -1)
        overlaps = flat @ flat.T  # zero if and only if the ranges of μμᵀ + Σ² are orthogonal
    else:
        overlaps = (signal.means @ signal.means.T) ** 2
    sizes = np.sqrt(np.diag(overlaps))
    linked = np.abs(overlaps) > 1e-14 * np.outer(sizes, sizes)
    count, labels = connected_components(linked, directed=False)
    return [
        Signal(
            signal.weights[labels == label],
            signal.means[labels == label],
            signal.covariances[labels == label],
        )
        for label in range(count)
    ]


def _classes(rows: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the distinct rows, and each row's class."""
    _, first, labels = np.unique(rows.round(12), axis=0, return_index=True, return_inverse=True)
    return first.astype(np.int64), labels.ravel()


def independent_factors(signal: Signal) -> list[Signal]:
    """Signals in fewer coordinates whose product P_θ is; weights beyond the first sum to one."""
    if len(signal.weights) == 1:
        signal = in_span(signal)
        variances, axes = np.linalg.eigh(signal.covariances[0])
        laws = zip((signal.means @ axes)[0], variances, strict=True)
        found = [Signal(np.ones(1), np.array([[m]]), np.array([[[v]]])) for m, v in laws]
        return [replace(found[0], weights=signal.weights), *found[1:]]
    factors = []
    rest = signal
    for coordinate in reversed(range(signal.features)):
        one = np.array([coordinate])
        others = np.delete(np.arange(rest.features), one)
        if len(others) == 0 or rest.covariances[:, one, others].any():
            continue
        alone, group = _classes(
            np.column_stack([rest.means[:, one], rest.covariances[:, one, one]])
        )
        remainder = rest.covariances[:, others[:, None], others]
        kept, other_group = _classes(
            np.column_stack([rest.means[:, others], remainder.reshape(len(remainder), -1)])
        )
        joint = np.zeros((len(alone), len(kept)))
        np.add.at(joint, (group, other_group), rest.weights)
        marginal = joint.sum(axis=1) / joint.sum()
        if np.abs(joint - np.outer(marginal, joint.sum(axis=0))).max() > 1e-14:
            continue
        variances = rest.covariances[alone][:, one[:, None], one]
        factors.append(Signal(marginal, rest.means[alone][:, one], variances))
        rest = Signal(joint.sum(axis=0), rest.means[kept][:, others], remainder[kept])
    return [rest, *factors]


def in_span(signal: Signal) -> Signal:
    """The same signal in principal coordinates of the span of its components, at least one."""
    if signal.covariances.any():
        squares = np.einsum("cf,cg->fg", signal.means, signal.means)
        squares += signal.covariances.sum(axis=0)
        sizes, axes = np.linalg.eigh(squares)
    else:
        _, roots, rows = np.linalg.svd(signal.means, full_matrices=False)
        sizes, axes = roots**2, rows.T
    axes = axes[:, (sizes > 1e-14 * sizes.max()) | (sizes == sizes.max())]
    return Signal(signal.weights, signal.means @ axes, axes.T @ signal.covariances @ axes)


@dataclass(frozen=True, eq=False)
class Likelihood:
    """log of the components of Λ: constants_c + linear_c·x + ½ xᵀ quadratic_c x."""

    constants: Array
    linear: Array
    quadratic: Array

    @classmethod
    def of(cls, signal: Signal) -> Likelihood:
        """Components w_c N(x; μ_c, I+Σ_c)/N(x; 0, I)."""
        total = np.eye(signal.features) + signal.covariances
        inverse = np.linalg.inv(total).astype(np.float64)
        linear = np.einsum("cfg,cg->cf", inverse, signal.means)
        exponent = np.linalg.slogdet(total)[1] + (signal.means * linear).sum(axis=1)
        return cls(np.log(signal.weights) - 0.5 * exponent, linear, inverse @ signal.covariances)

    def __call__(self, x: Array) -> Array:
        """Values (n, C) at points x (n, F)."""
        values = self.constants + x @ self.linear.T
        for component in np.flatnonzero(self.quadratic.any(axis=(1, 2))):
            values[:, component] += 0.5 * ((x @ self.quadratic[component]) * x).sum(axis=1)
        return values

    def score(self, x: Array) -> Array:
        """log Λ (n,) at points x (n, F)."""
        logits = self(x)
        top = logits.max(axis=1)
        score: Array = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
        return score

    def slopes(self, center: Array, axes: Array) -> Array:
        """How differently the components may vary along the axes (F, F) within two of each."""
        middle = (self.linear + self.quadratic @ center) @ axes
        bend = 2.0 * np.abs(axes.T @ self.quadratic @ axes).sum(axis=1)
        slopes: Array = np.maximum((middle + bend).max(axis=0), 0.0) - np.minimum(
            (middle - bend).min(axis=0), 0.0
        )
        return slopes


def _score_nodes(score: Array, weights: Array) -> Nodes:
    """Nodes at values (n,) of log Λ, with weights (n,)."""
    return logit_nodes(np.clip(score, -LARGEST_SCORE, LARGEST_SCORE)[:, None], weights)


def _grid_nodes(signal: Signal, resolution: Resolution, tokens: float) -> list[Nodes] | None:
    """Nodes of log Λ on tensor grids, one for a noise token and one for each component.

    None if they are too many.
    """
    likelihood = Likelihood.of(signal)
    count, features = len(signal.weights), signal.features
    cut = resolution.cut(tokens)
    centers = [np.zeros(features), *signal.means]
    covariances = [np.eye(features), *(np.eye(features) + signal.covariances)]
    grids = []
    for center, covariance in zip(centers, covariances, strict=True):
        variances, axes = np.linalg.eigh(covariance)
        axes = axes * np.sqrt(variances)
        slopes = likelihood.slopes(center, axes)
        grid = Grid.over(slopes, resolution, cut, LARGEST_GRID / (count * len(centers)))
        if grid is None:
            return None
        grids.append((axes, grid))
    nodes = []
    for center, mass, (axes, grid) in zip(centers, [1.0, *signal.weights], grids, strict=True):
        varied, points, weights = grid.points_without(0)
        score = likelihood.score(center + points @ axes[:, varied].T)
        nodes.append(_score_nodes(score, mass * weights))
    return nodes


def _sobol_nodes(signal: Signal, replica: int) -> list[Nodes]:
    """The same by quasi-Monte Carlo, all components in one.

    Points are drawn half from the noise's law and half from the signal's, so that neither
    likelihood ratio to what is drawn exceeds two, however rare the decisive noise tokens are.
    """
    likelihood, count = Likelihood.of(signal), len(signal.weights)
    normals = sobol_points(SOBOL_POINTS, signal.features, replica)
    some = normals[: max(256, SOBOL_POINTS >> max(0, (count - 1).bit_length() - 2))]
    roots = np.linalg.cholesky(np.eye(signal.features) + signal.covariances)
    scores = [likelihood.score(normals)]
    scores += [
        likelihood.score(mean + some @ root.T)
        for mean, root in zip(signal.means, roots, strict=True)
    ]
    shares = signal.weights / signal.weights.sum()
    drawn = np.concatenate(
        [np.full(len(normals), 0.5 / len(normals)), np.repeat(0.5 * shares / len(some), len(some))]
    )
    score = np.concatenate(scores)
    per_draw = np.logaddexp(np.log(0.5), score - np.log(2.0 * signal.weights.sum()))
    return [
        _score_nodes(score, drawn * np.exp(-per_draw)),
        _score_nodes(score, drawn * np.exp(score - per_draw)),
    ]


def _factor_law(nodes: Sequence[Nodes], resolution: Resolution) -> TokenLaw:
    """The two laws of log Λ from their nodes, the noise token's first."""
    extents = [law.extent for law in nodes]
    lattice = Lattice.over(
        min(low for low, _ in extents), max(high for _, high in extents), resolution.score_step
    )
    noise, signal = np.zeros(lattice.size), np.zeros(lattice.size)
    spread(nodes[0], lattice, noise)
    for component in nodes[1:]:
        spread(component, lattice, signal)
    return TokenLaw(lattice, noise, signal)


def _convolve(first: TokenLaw, second: TokenLaw) -> TokenLaw:
    """Law of the sum of two independent scores."""
    lattice = Lattice(
        first.lattice.start + second.lattice.start,
        first.lattice.size + second.lattice.size - 1,
        first.lattice.step,
    )
    return TokenLaw(
        lattice,
        np.convolve(first.noise, second.noise),
        np.convolve(first.signal, second.signal),
    )


def _block_law(
    factors: Sequence[Signal], resolution: Resolution, tokens: float, replica: int | None
) -> TokenLaw | None:
    """Law of log Λ of a block, from its independent factors; None if it is too costly."""
    law: TokenLaw | None = None
    for factor in factors:
        nodes = _grid_nodes(factor, resolution, tokens)
        if nodes is None and replica is not None:
            nodes = _sobol_nodes(factor, replica)
        if nodes is None:
            return None
        another = _factor_law(nodes, resolution)
        law = another if law is None else _convolve(law, another)
    return law


def _risk(
    task: Task,
    blocks: Sequence[Sequence[Signal]],
    resolution: Resolution,
    replica: int | None = None,
) -> Array | None:
    """E_Bayes as an array (1,), or None if the grids are too large and no replica is given.

    With Φ = E_noise[e^{−tΛ}] and Ψ = E_signal[e^{−tΛ}] = −dΦ/dt (the signal's density is Λ times
    the noise's), E_signal[tΛ e^{−tΛ}] = t Φ''; an integration by parts turns theory 5c into
    E_Bayes = (L−1) ∫ dτ t Ψ² Φ^{L−2}, t = e^τ, which is positive and keeps small risks' digits.
    """
    tokens = float(task.length_weights @ task.lengths)
    laws = []
    for factors in blocks:
        law = _block_law(factors, resolution, tokens, replica)
        if law is None:
            return None
        laws.append(law)
    low = -resolution.digits - np.log(float(task.lengths.max())) - DEAD
    high = DEAD - min(law.lattice.extent[0] for law in laws)
    grid = TauGrid.over(low, max(high, DEAD), resolution)
    deficit, signal = np.zeros(grid.size), np.zeros(grid.size)  # 1 − Φ and Ψ
    for law in laws:
        table = kernel_table(grid, law.lattice, 0)
        own = np.clip(transform(table[:1], law.noise, grid)[0], 0.0, 1.0 - 1e-16)
        own_signal = transform(table[1:], law.signal, grid)[0]
        signal = signal * (1.0 - own) + own_signal * (1.0 - deficit)
        deficit = deficit + own - deficit * own
    others = other_tokens(deficit, task, 1)[1]
    return np.array([grid.step * (grid.rates * signal**2) @ others])


def bayes_risk(task: Task, tolerance: float = 1e-8) -> BayesRisk:
    """E_Bayes of a task, to the absolute tolerance wherever a grid can reach it (theory 5c).

    The error estimate exceeds the tolerance where quasi-Monte Carlo had to be used.
    """
    signal = task.signal
    present = signal.weights > 0.0
    if not present.all():
        signal = Signal(signal.weights[present], signal.means[present], signal.covariances[present])
    blocks = [
        [in_span(factor) for factor in independent_factors(block)]
        for block in orthogonal_blocks(signal)
    ]
    noise = task.noise**2 if task.target == "scalar" else 0.0
    found = converge(lambda resolution: _risk(task, blocks, resolution), tolerance, np.ones(1), 1)
    if found is not None:
        return BayesRisk(float(found[0][0]) + noise, float(found[1][0]))
    replicas = np.array(
        [_risk(task, blocks, Resolution(1e-8), replica) for replica in range(REPLICAS)]
    )
    spread_of_mean = float(replicas.std(ddof=1)) / np.sqrt(REPLICAS)
    return BayesRisk(float(replicas.mean()) + noise, 4.0 * float(spread_of_mean))
