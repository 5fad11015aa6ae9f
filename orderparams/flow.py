"""The flow of the order parameters (theory 4): velocities from expectations, nothing more.

Gradient flow is integrated in the reduced weights K = [m W], where q = K Kᵀ stays positive
semidefinite by itself. SGD at a finite learning rate adds (γ/B)V to dq/dt; its residual
S = q − m mᵀ obeys an equation without a square root and is integrated in place of W.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.errors import ConfigurationError, SolverError
from orderparams.expectations import Engine, Moments
from orderparams.problem import Heads, build_signal, initial_heads, residual_factor

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Velocity:
    """Time derivatives: overlap (H, F), self_overlap (H, H), bias (H,), head_weights (H,)."""

    overlap: Array
    self_overlap: Array
    bias: Array
    head_weights: Array


def equal_heads(heads: Heads) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the distinct heads (G,), and for every head which of them it equals (H,)."""
    rows = np.column_stack([heads.weights, heads.bias, heads.head_weights])
    equal = np.abs(rows[:, None] - rows[None]).max(axis=2) <= 1e-14 * max(1.0, np.abs(rows).max())
    representative = equal.argmax(axis=1)
    first, group = np.unique(representative, return_inverse=True)
    return first, group


class Flow:
    """The ordinary differential equation dy/dt = velocity(y) of one problem.

    y is the overlap m, the residual (W, or the lower triangle of S for SGD), then the bias and the
    head weights where they are learned. Heads that start equal stay equal; y holds one of each such
    group, so that no rounding can drive them apart. ``worst_error`` is the largest error estimate
    met so far.
    """

    def __init__(self, problem: Problem, engine: Engine) -> None:
        training, attention = problem.training, problem.attention
        self.engine = engine
        self.tolerance = problem.expectation.tolerance
        if engine.name.startswith("sampling"):
            self.tolerance = np.inf  # nothing was asked for
        self.worst_error = 0.0
        self.start = initial_heads(problem)
        self.heads, self.features = self.start.overlap.shape
        self.stochastic = training.rule == "sgd"
        self.temperature = training.learning_rate / training.batch_size  # γ/B, the factor of V
        self.weight_decay = training.weight_decay
        self.norm_bias = attention.bias == "norm"
        self.learns_bias = attention.bias == "learned"
        self.learns_head_weights = attention.head_weights == "learned"
        self.bias_rate = training.bias_rate * self.learns_bias
        self.head_weight_rate = training.head_weight_rate * self.learns_head_weights
        self._first, self._group = equal_heads(self.start)
        self._triangle = np.tril_indices(len(self._first))
        self._signal = np.sqrt(1 + np.diag(build_signal(problem.task.signal).second_moment))

    def pack(self, overlap: Array, residual: Array, bias: Array, head_weights: Array) -> Array:
        """One vector of the parts of a state, or of its time derivative."""
        first = self._first
        parts = [overlap[first].ravel()]
        if self.stochastic:
            parts.append(residual[np.ix_(first, first)][self._triangle])
        else:
            parts.append(residual[first].ravel())
        parts += [bias[first]] * self.learns_bias
        parts += [head_weights[first]] * self.learns_head_weights
        return np.concatenate(parts)

    @property
    def initial_state(self) -> Array:
        """y at t = 0."""
        start = self.start
        residual = start.residual @ start.residual.T if self.stochastic else start.residual
        return self.pack(start.overlap, residual, start.bias, start.head_weights)

    @property
    def units(self) -> Array:
        """Of each component of y, the change that matters to the scores: m acts through m·θ."""
        heads = np.ones(self.heads)
        overlap = np.outer(heads, 1 / self._signal)
        weights = np.maximum(1.0, np.abs(self.start.head_weights))
        return self.pack(overlap, np.outer(heads, heads), heads, weights)

    @property
    def variances(self) -> NDArray[np.bool_]:
        """Which components of y cannot be negative: the diagonal of S."""
        none = np.zeros((self.heads, self.features))
        diagonal = np.eye(self.heads) * self.stochastic
        return self.pack(none, diagonal, none[:, 0], none[:, 0]) > 0

    def unpack(self, y: Array) -> tuple[Heads, Array]:
        """The heads of a state, and its residual in the form in which it is integrated (H, H)."""
        distinct, group = len(self._first), self._group
        sizes = [distinct * self.features]
        sizes.append(len(self._triangle[0]) if self.stochastic else distinct * self.heads)
        sizes += [distinct] * (self.learns_bias + self.learns_head_weights)
        parts, residual, *learned = np.split(y, np.cumsum(sizes)[:-1])
        overlap = parts.reshape(distinct, self.features)[group]
        if self.stochastic:
            lower = np.zeros((distinct, distinct))
            lower[self._triangle] = residual
            square = (lower + np.tril(lower, -1).T)[np.ix_(group, group)]
            factor = residual_factor(square)
        else:
            square = factor = residual.reshape(distinct, self.heads)[group]
        bias = learned[0][group] if self.learns_bias else self.start.bias
        if self.norm_bias:
            bias = -0.5 * ((overlap**2).sum(1) + (factor**2).sum(1))
        head_weights = learned[-1][group] if self.learns_head_weights else self.start.head_weights
        return Heads(overlap, factor, bias, head_weights), square

    def moments(self, heads: Heads, *, gradient_covariance: bool = False) -> Moments:
        """Expectations at a state; a :class:`SolverError` if they are not finite."""
        moments = self.engine.evaluate(
            heads.weights, heads.bias, heads.head_weights, gradient_covariance=gradient_covariance
        )
        if not np.isfinite(moments.risk) or not np.isfinite(moments.overlap_gradient).all():
            raise SolverError("the expectations are not finite")
        self.worst_error = max(self.worst_error, moments.error)
        return moments

    def moments_at_start(self, *, gradient_covariance: bool = False) -> Moments:
        """Expectations at the start; :class:`ConfigurationError` if they cannot be had."""
        try:
            return self.moments(self.start, gradient_covariance=gradient_covariance)
        except SolverError as error:
            raise ConfigurationError(f"the start is out of range: {error}") from None

    @property
    def engine_name(self) -> str:
        """The engine, and whether it ever missed the tolerance asked for."""
        if self.worst_error <= self.tolerance:
            return self.engine.name
        missed = f"tolerance {self.tolerance:g} not reached, errors up to {self.worst_error:.1e}"
        return f"{self.engine.name} ({missed})"

    def self_overlap_gradient(self, moments: Moments) -> Array:
        """Total derivative Γ of the risk in q: the norm bias β = −q_hh/2 differentiated through."""
        gamma = moments.self_overlap_gradient
        return gamma - 0.5 * np.diag(moments.bias_gradient) if self.norm_bias else gamma

    def rates(self, heads: Heads, residual: Array, moments: Moments) -> tuple[Array, ...]:
        """Time derivatives of the overlap, the residual as integrated, the bias, the head weights.

        ``moments`` must hold V if the rule is SGD.
        """
        gamma = self.self_overlap_gradient(moments)
        overlap = -(moments.overlap_gradient + 2 * gamma @ heads.overlap)
        overlap -= self.weight_decay * heads.overlap
        drift = -2 * gamma @ residual - self.weight_decay * residual
        if self.stochastic:
            assert moments.gradient_covariance is not None
            drift = drift + drift.T + self.temperature * moments.gradient_covariance
        bias = -self.bias_rate * moments.bias_gradient
        return overlap, drift, bias, -self.head_weight_rate * moments.head_weight_gradient

    def derivative(self, t: float, y: Array) -> Array:
        """dy/dt, autonomous in t."""
        if not np.isfinite(y).all():
            raise SolverError("the state is not finite")
        heads, residual = self.unpack(y)
        moments = self.moments(heads, gradient_covariance=self.stochastic)
        return self.pack(*self.rates(heads, residual, moments))

    def velocity(self, y: Array, moments: Moments) -> Velocity:
        """dm/dt, dq/dt and the rates of what is learned at a state, from its moments."""
        heads, residual = self.unpack(y)
        overlap, drift, bias, head_weights = self.rates(heads, residual, moments)
        half = overlap @ heads.overlap.T
        half = half + 0.5 * drift if self.stochastic else half + drift @ residual.T
        self_overlap = half + half.T
        if self.norm_bias:
            bias = -0.5 * np.diag(self_overlap)
        return Velocity(overlap, self_overlap, bias, head_weights)
