"""The flow of the order parameters of single-location regression (theory 4).

Its expectations, and the bias and head weights that heads have beside their vectors, make it a
:class:`~orderparams.models.vectors.VectorFlow`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.errors import ConfigurationError, SolverError
from orderparams.expectations import Engine, Moments
from orderparams.models.vectors import Gradient, Rule, VectorFlow, Vectors, Velocity
from orderparams.problem import Heads, build_signal, initial_heads

Array = NDArray[np.float64]


class Flow(VectorFlow):
    """The ordinary differential equation dy/dt = velocity(y) of one problem.

    y is the overlap m, the residual (W, or the lower triangle of S for SGD), then the bias and the
    head weights where they are learned. ``worst_error`` is the largest error estimate met so far.
    """

    start: Heads

    def __init__(self, problem: Problem, engine: Engine) -> None:
        training, attention = problem.training, problem.attention
        self.engine = engine
        self.tolerance = problem.expectation.tolerance
        if engine.name.startswith("sampling"):
            self.tolerance = np.inf  # nothing was asked for
        self.worst_error = 0.0
        self.norm_bias = attention.bias == "norm"
        learned = {"bias": training.bias_rate} if attention.bias == "learned" else {}
        if attention.head_weights == "learned":
            learned["head_weight"] = training.head_weight_rate
        rule = Rule(
            training.rule == "sgd",
            training.learning_rate / training.batch_size,
            training.weight_decay,
            learned,
        )
        super().__init__(initial_heads(problem), self._expectations, rule)
        self.heads, self.features = self.start.overlap.shape
        self._signal = np.sqrt(1 + np.diag(build_signal(problem.task.signal).second_moment))

    @property
    def learns_bias(self) -> bool:
        """Whether β is learned."""
        return "bias" in self.rule.rates

    @property
    def learns_head_weights(self) -> bool:
        """Whether u is learned."""
        return "head_weight" in self.rule.rates

    @property
    def units(self) -> Array:
        """Of each component of y, the change that matters to the scores: m acts through m·θ."""
        heads = np.ones(self.heads)
        overlap = np.outer(heads, 1 / self._signal)
        weights = np.maximum(1.0, np.abs(self.start.head_weights))
        return self.pack(overlap, np.outer(heads, heads), {"bias": heads, "head_weight": weights})

    @property
    def variances(self) -> NDArray[np.bool_]:
        """Which components of y cannot be negative: the diagonal of S."""
        none = np.zeros((self.heads, self.features))
        diagonal = np.eye(self.heads) * self.rule.stochastic
        numbers = dict.fromkeys(self.rule.rates, none[:, 0])
        return self.pack(none, diagonal, numbers) > 0

    def unpack(self, y: Array) -> tuple[Heads, Array]:
        """The heads of a state, and its residual in the form in which it is integrated (H, H)."""
        vectors, residual = super().unpack(y)
        bias = vectors.numbers["bias"]
        if self.norm_bias:
            bias = -0.5 * ((vectors.overlap**2).sum(1) + (vectors.residual**2).sum(1))
        weights = vectors.numbers["head_weight"]
        return Heads(vectors.overlap, vectors.residual, bias, weights), residual

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

    def gradient_of(self, moments: Moments) -> Gradient:
        """Total derivatives of the risk: the norm bias β = −q_hh/2 is differentiated through."""
        gamma = moments.self_overlap_gradient
        if self.norm_bias:
            gamma = gamma - 0.5 * np.diag(moments.bias_gradient)
        return Gradient(
            moments.risk,
            moments.overlap_gradient,
            gamma,
            {"bias": moments.bias_gradient, "head_weight": moments.head_weight_gradient},
            moments.gradient_covariance,
            moments.error,
            moments.gradient_covariance_error,
        )

    def _expectations(self, vectors: Vectors, covariance: bool) -> Gradient:
        assert isinstance(vectors, Heads)
        return self.gradient_of(self.moments(vectors, gradient_covariance=covariance))

    def velocity(self, y: Array, gradient: Gradient) -> Velocity:
        """dm/dt, dq/dt and those of the bias and the head weights at a state."""
        found = super().velocity(y, gradient)
        still = dict.fromkeys(("bias", "head_weight"), np.zeros(self.heads))
        if self.norm_bias:
            still["bias"] = -0.5 * np.diag(found.self_overlap)
        return Velocity(found.overlap, found.self_overlap, {**still, **found.numbers})
