"""Softmax and softmax-1 by quadrature: one normaliser a head factorises over tokens (theory 5b).

E = 1 − 2 Σ_h u_h A_h + Σ_hh' u_h u_h' G_hh': the seeded sum of α = −2u and γ = u uᵀ.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError, SolverError
from orderparams.expectations.separate.integrals import Integrals, SeededSum
from orderparams.expectations.separate.law import Seeds
from orderparams.expectations.separate.single_covariance import single_covariance
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.engines import Moments, Risk
from orderparams.models.single_location.task import Task

Array = NDArray[np.float64]

HEAVIEST = 1e5
"""Head weights up to which risk and gradient are known to some digits."""


class Quadrature:
    """Engine for one normaliser a head, to an absolute ``tolerance`` in risk, P and Γ.

    Where the tolerance cannot be reached, ``error`` exceeds it (see :class:`Integrals`). The
    gradient covariance V is served for one head and the token target.
    """

    name = "quadrature"

    def __init__(
        self, task: Task, activation: Activation, heads: int, *, tolerance: float = 1e-8
    ) -> None:
        if activation.joint:
            raise ConfigurationError(
                f"quadrature of separate normalisers does not serve {activation.name}: "
                "engines.joint.JointQuadrature does"
            )
        self.task, self.tolerance = task, tolerance
        self.serves_gradient_covariance = heads == 1 and task.target == "token"
        self.integrals = Integrals(
            task.signal, task.other_tokens, activation.kappa, tolerance, task.signal_variance
        )

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """See :class:`~orderparams.models.single_location.engines.Engine`."""
        if gradient_covariance and not self.serves_gradient_covariance:
            raise ConfigurationError(
                "the quadrature engine gives the gradient covariance V for a single head and the "
                "token target only; use expectation.engine = 'sampling' (or 'auto')"
            )
        found = self._sum(weights, bias, head_weights, gradient=True)
        assert found.gradient is not None
        covariance, covariance_error = None, 0.0
        attended = self.task.signal_variance * found.attended
        if gradient_covariance:
            integrals = self.integrals
            law, _ = integrals.law(
                weights[:, : self.task.signal.features], weights @ weights.T, bias
            )
            variance, covariance_error = single_covariance(
                law, integrals.lengths, integrals.kappa, head_weights[0], self.tolerance
            )
            covariance = np.array([[variance]])
        return Moments(
            risk=self._risk(found, head_weights),
            overlap_gradient=found.gradient.overlap,
            self_overlap_gradient=found.gradient.self_overlap,
            bias_gradient=found.gradient.bias,
            head_weight_gradient=2.0 * (found.overlaps @ head_weights - attended),
            gradient_covariance=covariance,
            error=found.error,
            engine=self.name,
            gradient_covariance_error=covariance_error,
        )

    def risk(self, weights: Array, bias: Array, head_weights: Array) -> Risk:
        """See :class:`~orderparams.models.single_location.engines.Engine`."""
        found = self._sum(weights, bias, head_weights, gradient=False)
        return Risk(self._risk(found, head_weights), found.error, self.name)

    def _sum(self, weights: Array, bias: Array, head_weights: Array, gradient: bool) -> SeededSum:
        """Σ α_h A_h + Σ γ_hh' G_hh' = E − γ_s²; :class:`SolverError` for too heavy heads."""
        if np.abs(head_weights).max() > HEAVIEST:
            raise SolverError(
                f"the head weights are as large as {np.abs(head_weights).max():.3g}, quadrature "
                f"serves up to {HEAVIEST:g}; use smaller ones"
            )
        own = self.task.signal_variance
        seeds = Seeds(-2.0 * own * head_weights, np.outer(head_weights, head_weights))
        overlap = weights[:, : self.task.signal.features]
        return self.integrals.sum(overlap, weights @ weights.T, bias, seeds, gradient=gradient)

    def _risk(self, found: SeededSum, head_weights: Array) -> float:
        """E of theory 3."""
        own = self.task.signal_variance
        per_head = found.overlaps @ head_weights - 2.0 * own * found.attended
        return float(own + per_head @ head_weights + self.task.label_noise)
