"""The likelihood ratio Λ of a token's projection, and nodes for the law of log Λ (theory 5c).

Λ(x) = Σ_c w_c N(x; μ_c, I+Σ_c)/N(x; 0, I) turns the noise's law into the signal's, so that nodes
of the one serve both: with weight w for a noise token, w Λ for a signal token. ``certain`` is a
number b such that a token with log Λ > b is known to be the signal, one with log Λ < −b to be
noise. Then nothing beyond √(2(b + digits)) from the origin matters: a noise token never comes
there, and a signal token that does is known. However broad or strong the components are, the grid
is no larger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.expectations.joint.grids import Grid, sobol_points
from orderparams.expectations.joint.resolution import Resolution
from orderparams.expectations.joint.scores import Nodes, logit_nodes
from orderparams.models.single_location.task import Signal

Array = NDArray[np.float64]

LARGEST_GRID = 4_000_000
"""Nodes × components that a tensor grid may have before quasi-Monte Carlo takes over."""

PANEL = 16
"""Gauss–Legendre nodes of a panel of a line."""

STEEPEST = 2.0
"""How much the logarithm of a component may change over a panel; the rule errs by about 1e-15."""

CHUNK = 2_000_000
"""Nodes × components that are worked on at a time."""

SOBOL_POINTS = 8192


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
        score = np.empty(len(x))
        size = max(1, CHUNK // len(self.constants))
        for begin in range(0, len(x), size):
            logits = self(x[begin : begin + size])
            top = logits.max(axis=1)
            sums = np.exp(logits - top[:, None]).sum(axis=1)
            score[begin : begin + size] = top + np.log(sums)
        return score

    def within(self, radius: float, least: float) -> Likelihood:
        """The components that exceed ``least`` somewhere in a ball; one at least."""
        reach = self.constants + radius * np.linalg.norm(self.linear, axis=1)
        reach += 0.5 * radius**2 * np.linalg.norm(self.quadratic, 2, axis=(1, 2))
        kept = (reach >= least) | (reach == reach.max())
        return Likelihood(self.constants[kept], self.linear[kept], self.quadratic[kept])

    def steepness(self, x: Array, digits: float) -> Array:
        """Largest slope (n,), at points x (n, 1) of a line, of the components that count there."""
        logits = self(x)
        slopes = np.abs(self.linear[:, 0] + x * self.quadratic[:, 0, 0])
        counts = logits >= logits.max(axis=1, keepdims=True) - digits
        steepest: Array = np.where(counts, slopes, 0.0).max(axis=1)
        return steepest

    def slopes(self, center: Array, axes: Array) -> Array:
        """How differently the components may vary along the axes (F, F) within two of each."""
        middle = (self.linear + self.quadratic @ center) @ axes
        bend = 2.0 * np.abs(axes.T @ self.quadratic @ axes).sum(axis=1)
        slopes: Array = np.maximum((middle + bend).max(axis=0), 0.0) - np.minimum(
            (middle - bend).min(axis=0), 0.0
        )
        return slopes


def score_nodes(score: Array, weights: Array, certain: float) -> Nodes:
    """Nodes at values (n,) of log Λ, with weights (n,)."""
    return logit_nodes(np.clip(score, -certain, certain)[:, None], weights)


def radius(resolution: Resolution, certain: float) -> float:
    """Distance from the origin beyond which nothing matters."""
    return float(np.sqrt(2.0 * (certain + resolution.digits + 5.0)))


def panels(likelihood: Likelihood, reach: float, certain: float, digits: float) -> Array:
    """Edges of panels on [−reach, reach], narrow where Λ is steep and not certain."""
    edges = np.linspace(-reach, reach, 2 * int(np.ceil(reach)) + 1)
    steepest = 3.0 * reach  # where a component counts; steeper ones are cliffs beyond certainty
    while True:
        middle = 0.5 * (edges[1:] + edges[:-1])
        points = np.concatenate([edges, middle])[:, None]
        score, slope = likelihood.score(points), likelihood.steepness(points, digits)
        ends, inner = np.split(score, [len(edges)])
        low = np.minimum(np.minimum(ends[1:], ends[:-1]), inner)
        high = np.maximum(np.maximum(ends[1:], ends[:-1]), inner)
        ends, inner = np.split(np.minimum(slope, steepest), [len(edges)])
        slope = np.maximum(np.maximum(ends[1:], ends[:-1]), inner)
        undecided = (high > -certain) & (low < certain)
        split = middle[undecided & (slope * np.diff(edges) > STEEPEST)]
        if not len(split):
            return edges
        edges = np.sort(np.concatenate([edges, split]))


def line_nodes(signal: Signal, resolution: Resolution, certain: float) -> list[Nodes]:
    """Nodes of log Λ for a noise token and a signal token, for a signal in one direction."""
    reach = radius(resolution, certain)
    likelihood = Likelihood.of(signal).within(reach, -2.0 * certain)
    edges = panels(likelihood, reach, certain, resolution.digits + 5.0)
    nodes, weights = np.polynomial.legendre.leggauss(PANEL)
    half = 0.5 * np.diff(edges)[:, None]
    points = (0.5 * (edges[1:] + edges[:-1])[:, None] + half * nodes).ravel()
    weights = (half * weights).ravel() / np.sqrt(2.0 * np.pi) * np.exp(-0.5 * points**2)
    return both_tokens(likelihood, points[:, None], weights, certain)


def both_tokens(
    likelihood: Likelihood, points: Array, weights: Array, certain: float
) -> list[Nodes]:
    """Nodes for a noise token and a signal token at points (n, F) with the noise's weights (n,)."""
    score = likelihood.score(points)
    kept = score <= certain + 1.0  # where it is not, a signal token is known
    signal = np.exp(np.minimum(score, 700.0)) * weights
    return [
        score_nodes(score, weights, certain),
        score_nodes(score[kept], signal[kept], certain),
    ]


def grid_nodes(
    signal: Signal, resolution: Resolution, tokens: float, certain: float
) -> list[Nodes] | None:
    """Nodes of log Λ on tensor grids, for a noise token and for the signal token or its components.

    Either one grid in a ball serves both tokens, or each component has a grid of its own, whichever
    has fewer nodes. None if they are too many.
    """
    count, features = len(signal.weights), signal.features
    likelihood = Likelihood.of(signal)
    most = LARGEST_GRID / count
    reach = radius(resolution, certain)
    inside = likelihood.within(reach, -2.0 * certain)
    bend = reach * np.linalg.norm(inside.quadratic, axis=2)
    slopes = np.maximum((inside.linear + bend).max(axis=0), 0.0)
    slopes -= np.minimum((inside.linear - bend).min(axis=0), 0.0)
    ball = Grid.over(slopes, resolution, float(np.exp(-0.5 * reach**2)), most)
    grids = component_grids(signal, likelihood, resolution, tokens, ball.size if ball else most)
    if grids is None:
        if ball is None:
            return None
        varied, some, weights = ball.points_without(0)
        points = np.zeros((len(some), features))
        points[:, varied] = some
        return both_tokens(inside, points, weights, certain)
    nodes = []
    centers = [np.zeros(features), *signal.means]
    for center, mass, (axes, grid) in zip(centers, [1.0, *signal.weights], grids, strict=True):
        varied, points, weights = grid.points_without(0)
        score = likelihood.score(center + points @ axes[:, varied].T)
        nodes.append(score_nodes(score, mass * weights, certain))
    return nodes


def component_grids(
    signal: Signal, likelihood: Likelihood, resolution: Resolution, tokens: float, most: float
) -> list[tuple[Array, Grid]] | None:
    """Axes and grid of the noise and of each component; None for more than ``most`` nodes."""
    centers = [np.zeros(signal.features), *signal.means]
    identity = np.eye(signal.features)
    grids = []
    for center, covariance in zip(centers, [0.0 * identity, *signal.covariances], strict=True):
        variances, axes = np.linalg.eigh(identity + covariance)
        axes = axes * np.sqrt(variances)
        slopes = likelihood.slopes(center, axes)
        grid = Grid.over(slopes, resolution, resolution.cut(tokens), most / len(centers))
        if grid is None:
            return None
        grids.append((axes, grid))
    return grids


def sampled_nodes(signal: Signal, replica: int, certain: float) -> list[Nodes]:
    """Nodes of log Λ for a noise token and a signal token by quasi-Monte Carlo.

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
        score_nodes(score, drawn * np.exp(-per_draw), certain),
        score_nodes(score, drawn * np.exp(score - per_draw), certain),
    ]
