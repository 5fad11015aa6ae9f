"""Learned vectors in R^D against hidden directions: the geometry and the flow of their overlaps.

n vectors k_i and d orthonormal directions (times √D) have the overlaps m (n, d), the self-overlaps
q = k_i·k_j/D and the residual S = q − m mᵀ, the Gram matrix of what lies outside the directions.
Whatever the model, one-pass SGD with the mean gradient that its risk E(m, q) implies moves them by

    dm/dt = −(P + 2Γm) − λm,    dq/dt = −(P mᵀ + m Pᵀ + 2Γq + 2qΓ) − 2λq + (γ/B) V,

P = ∂E/∂m at fixed q, Γ = ∂E/∂q with all entries independent, V the covariance of the gradient's
coefficients. Gradient flow is integrated in the reduced weights K = [m W], S = W Wᵀ, where q stays
positive semidefinite by itself; SGD's noise would make the equation of W singular, and S is
integrated in its place (theory 4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import SolverError

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Vectors:
    """overlap m (n, d), residual W (n, n), and further numbers (n,) by name, one a vector."""

    overlap: Array
    residual: Array
    numbers: Mapping[str, Array] = field(default_factory=dict)

    @property
    def weights(self) -> Array:
        """Reduced weights K = [m W], (n, d+n)."""
        return np.concatenate([self.overlap, self.residual], axis=1)

    @property
    def self_overlap(self) -> Array:
        """q = K Kᵀ, (n, n)."""
        weights = self.weights
        q: Array = weights @ weights.T
        return q


@dataclass(frozen=True, eq=False)
class Gradient:
    """The risk at a state and its derivatives: P (n, d), Γ (n, n), those in the numbers (n,).

    ``covariance`` is V (n, n), or None where it was not asked for. ``error`` is an estimate of the
    largest error of the risk and its derivatives, ``covariance_error`` that of V.
    """

    risk: float
    overlap: Array
    self_overlap: Array
    numbers: Mapping[str, Array]
    covariance: Array | None = None
    error: float = 0.0
    covariance_error: float = 0.0


@dataclass(frozen=True)
class Rule:
    """How the vectors learn: by gradient flow or by SGD at temperature γ/B, with weight decay λ.

    ``rates`` are the learning rates of the numbers that are learned, in units of the vectors'.
    """

    stochastic: bool = False
    temperature: float = 0.0
    weight_decay: float = 0.0
    rates: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Velocity:
    """Time derivatives: overlap (n, d), self_overlap (n, n), and numbers (n,) by name."""

    overlap: Array
    self_overlap: Array
    numbers: Mapping[str, Array]


Expectations = Callable[[Vectors, bool], Gradient]
"""Risk and gradient of some vectors; V as well if the second argument is true."""


def residual_factor(covariance: Array) -> Array:
    """The symmetric square root of a residual q − m mᵀ (n, n); rounding below zero is cut off."""
    eigenvalues, axes = np.linalg.eigh(covariance)
    floor = 1e-14 * max(1.0, float(np.abs(eigenvalues).max()))
    roots = np.sqrt(np.where(eigenvalues > floor, eigenvalues, 0.0))
    factor: Array = (axes * roots) @ axes.T
    return factor


def equal_vectors(vectors: Vectors) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the distinct vectors (G,), and for every vector which of them it equals (n,)."""
    rows = np.column_stack([vectors.weights, *vectors.numbers.values()])
    equal = np.abs(rows[:, None] - rows[None]).max(axis=2) <= 1e-14 * max(1.0, np.abs(rows).max())
    first, group = np.unique(equal.argmax(axis=1), return_inverse=True)
    return first, group


class VectorFlow:
    """The ordinary differential equation dy/dt = velocity(y).

    y is m, the residual (W, or the lower triangle of S for SGD), then the numbers that are learned.
    Vectors that start equal stay equal; y holds one of each such group, so that no rounding can
    drive them apart.
    """

    def __init__(self, start: Vectors, expectations: Expectations, rule: Rule) -> None:
        self.start, self.expectations, self.rule = start, expectations, rule
        self._first, self._group = equal_vectors(start)
        self._triangle = np.tril_indices(len(self._first))

    def pack(self, overlap: Array, residual: Array, numbers: Mapping[str, Array]) -> Array:
        """One vector of the parts of a state, or of its time derivative."""
        first = self._first
        if self.rule.stochastic:
            packed = residual[np.ix_(first, first)][self._triangle]
        else:
            packed = residual[first].ravel()
        learned = [numbers[name][first] for name in self.rule.rates]
        return np.concatenate([overlap[first].ravel(), packed, *learned])

    @property
    def initial_state(self) -> Array:
        """y at t = 0."""
        start = self.start
        residual = start.residual @ start.residual.T if self.rule.stochastic else start.residual
        return self.pack(start.overlap, residual, start.numbers)

    def unpack(self, y: Array) -> tuple[Vectors, Array]:
        """The vectors of a state, and the residual in the form in which it is integrated (n, n)."""
        (count, directions), distinct = self.start.overlap.shape, len(self._first)
        group = self._group
        sizes = [distinct * directions]
        sizes.append(len(self._triangle[0]) if self.rule.stochastic else distinct * count)
        sizes += [distinct] * len(self.rule.rates)
        parts, residual, *learned = np.split(y, np.cumsum(sizes)[:-1])
        overlap = parts.reshape(distinct, directions)[group]
        if self.rule.stochastic:
            lower = np.zeros((distinct, distinct))
            lower[self._triangle] = residual
            square = (lower + np.tril(lower, -1).T)[np.ix_(group, group)]
            factor = residual_factor(square)
        else:
            square = factor = residual.reshape(distinct, count)[group]
        values = {name: part[group] for name, part in zip(self.rule.rates, learned, strict=True)}
        return Vectors(overlap, factor, {**self.start.numbers, **values}), square

    def state(self, y: Array) -> Vectors:
        """The vectors of a state."""
        return self.unpack(y)[0]

    def gradient(self, vectors: Vectors, *, covariance: bool) -> Gradient:
        """Expectations at a state; a :class:`SolverError` if they are not finite."""
        found = self.expectations(vectors, covariance)
        if not np.isfinite(found.risk) or not np.isfinite(found.overlap).all():
            raise SolverError("the expectations are not finite")
        return found

    def rates(
        self, vectors: Vectors, residual: Array, gradient: Gradient
    ) -> tuple[Array, Array, dict[str, Array]]:
        """Time derivatives of the overlap, of the residual as integrated, of the numbers.

        ``gradient`` must hold V if the rule is SGD.
        """
        rule, gamma = self.rule, gradient.self_overlap
        overlap = -(gradient.overlap + 2 * gamma @ vectors.overlap)
        overlap -= rule.weight_decay * vectors.overlap
        drift = -2 * gamma @ residual - rule.weight_decay * residual
        if rule.stochastic:
            assert gradient.covariance is not None
            drift = drift + drift.T + rule.temperature * gradient.covariance
        numbers = {name: -rate * gradient.numbers[name] for name, rate in rule.rates.items()}
        return overlap, drift, numbers

    def derivative(self, t: float, y: Array) -> Array:
        """dy/dt, autonomous in t."""
        if not np.isfinite(y).all():
            raise SolverError("the state is not finite")
        vectors, residual = self.unpack(y)
        gradient = self.gradient(vectors, covariance=self.rule.stochastic)
        return self.pack(*self.rates(vectors, residual, gradient))

    def velocity(self, y: Array, gradient: Gradient) -> Velocity:
        """dm/dt, dq/dt and those of the learned numbers at a state, from its gradient."""
        vectors, residual = self.unpack(y)
        overlap, drift, numbers = self.rates(vectors, residual, gradient)
        half = overlap @ vectors.overlap.T
        half = half + 0.5 * drift if self.rule.stochastic else half + drift @ residual.T
        return Velocity(overlap, half + half.T, numbers)
