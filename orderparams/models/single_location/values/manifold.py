"""Risk and gradient on the manifold k·v* = v·k*_f = k·v' = 0, where values weigh heads.

    E = γ_s² + Δ² − 2 γ_s² Σ_h u_h m^v_h A_h + Σ_hh' u_h u_h' q^v_hh' G_hh',

the seeded sum of theory 5b with α = −2 γ_s² u m^v and γ = u uᵀ q^v (m^v = v·v*/D, q^v = v·v'/D).
The derivatives in all crosses vanish: they are odd under the reflection of values and v*.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from orderparams.expectations.separate.integrals import Integrals
from orderparams.expectations.separate.law import Seeds
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.engines import Engine, Moments, Risk
from orderparams.models.single_location.task import Task
from orderparams.models.single_location.values.scored import ScoredSums

Array = NDArray[np.float64]


class ManifoldQuadrature:
    """Activations with a normaliser a head on the manifold."""

    name = "quadrature"

    def __init__(self, task: Task, activation: Activation, heads: int, tolerance: float) -> None:
        self.task, self.heads = task, heads
        kappa, variance = activation.kappa, task.signal_variance
        self.integrals: Integrals | ScoredSums = (
            Integrals(task.signal, task.other_tokens, kappa, tolerance, variance)
            if activation.curve is None
            else ScoredSums(task, activation, tolerance)
        )

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """See :class:`~orderparams.models.single_location.engines.Engine`, for stacked rows."""
        heads, hidden, own = self.heads, self.task.signal.features, self.task.signal_variance
        square, alignment = weights @ weights.T, weights[heads:, hidden]
        keys, values = square[:heads, :heads], square[heads:, heads:]
        u, pairs = head_weights, np.outer(head_weights, head_weights)
        found = self.integrals.sum(
            np.ascontiguousarray(weights[:heads, :hidden]),
            np.ascontiguousarray(keys),
            bias,
            Seeds(-2.0 * own * u * alignment, pairs * values),
        )
        assert found.gradient is not None
        of_overlap = np.zeros((2 * heads, hidden + 1))
        of_overlap[:heads, :hidden] = found.gradient.overlap
        of_overlap[heads:, hidden] = -2.0 * own * u * found.attended
        gamma = np.zeros((2 * heads, 2 * heads))
        gamma[:heads, :heads] = found.gradient.self_overlap
        gamma[heads:, heads:] = pairs * found.overlaps
        of_weights = (values * found.overlaps) @ u - own * alignment * found.attended
        return Moments(
            risk=found.value + own + self.task.label_noise,
            overlap_gradient=of_overlap,
            self_overlap_gradient=gamma,
            bias_gradient=found.gradient.bias,
            head_weight_gradient=2.0 * of_weights,
            gradient_covariance=None,
            error=found.error,
            engine=self.name,
        )

    def risk(self, weights: Array, bias: Array, head_weights: Array) -> Risk:
        """The risk alone."""
        found = self.evaluate(weights, bias, head_weights)
        return Risk(found.risk, found.error, found.engine)


@dataclasses.dataclass(frozen=True)
class Reflected:
    """An engine of stacked rows at states that the reflection of values leaves as they are: what is
    odd under it is zero."""

    stacked: Engine
    heads: int

    @property
    def name(self) -> str:
        """That of the engine."""
        return self.stacked.name

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """See :class:`~orderparams.models.single_location.engines.Engine`, for stacked rows."""
        found = self.stacked.evaluate(
            weights, bias, head_weights, gradient_covariance=gradient_covariance
        )
        overlap = found.overlap_gradient.copy()
        overlap[: self.heads, -1] = 0.0
        overlap[self.heads :, :-1] = 0.0
        covariance = found.gradient_covariance
        return dataclasses.replace(
            found,
            overlap_gradient=overlap,
            self_overlap_gradient=self._even(found.self_overlap_gradient),
            gradient_covariance=None if covariance is None else self._even(covariance),
        )

    def risk(self, weights: Array, bias: Array, head_weights: Array) -> Risk:
        """The risk alone."""
        return self.stacked.risk(weights, bias, head_weights)

    def _even(self, square: Array) -> Array:
        """The same without the blocks that mix keys and values."""
        square = square.copy()
        square[: self.heads, self.heads :] = 0.0
        square[self.heads :, : self.heads] = 0.0
        return square
