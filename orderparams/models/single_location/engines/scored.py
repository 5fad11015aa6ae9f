"""Normalised functions of a logit, s = φ(χ)/(κ + Σφ), by quadrature (theory 5d)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError
from orderparams.expectations.scored.integrals import Integral, Scored
from orderparams.expectations.separate.integrals import Integrals
from orderparams.expectations.separate.law import Seeds
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.engines import Moments, Risk
from orderparams.models.single_location.task import Task

Array = NDArray[np.float64]


class ScoredQuadrature:
    """Engine for one normaliser a head and any φ > 0, to an absolute ``tolerance`` in risk, P and
    Γ, or as far as its rules come: ``error`` is what two of them differ by."""

    name = "quadrature"
    serves_gradient_covariance = False

    def __init__(self, task: Task, activation: Activation, *, tolerance: float = 1e-8) -> None:
        self.task = task
        own = task.signal_variance
        self._laws = Integrals(task.signal, task.other_tokens, activation.kappa, tolerance, own)
        self._scored = Scored(activation.curve, task.other_tokens, activation.kappa, tolerance)

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """See :class:`~orderparams.models.single_location.engines.Engine`."""
        if gradient_covariance:
            raise ConfigurationError(
                "the gradient covariance V of this activation has no quadrature; use "
                "expectation.engine = 'sampling' (or 'auto')"
            )
        found, spread, error = self._found(weights, bias, head_weights)
        of_means, of_covariances = found.slopes
        overlap = of_means[1:].T @ self.task.signal.means
        overlap += 2.0 * (of_covariances[1:] @ spread).sum(axis=0)
        own = self.task.signal_variance
        of_covariances[1:] *= own
        return Moments(
            risk=self._risk(found, head_weights),
            overlap_gradient=overlap,
            self_overlap_gradient=of_covariances.sum(axis=0),
            bias_gradient=of_means.sum(axis=0),
            head_weight_gradient=2.0 * (found.overlaps @ head_weights - own * found.attended),
            gradient_covariance=None,
            error=error,
            engine=self.name,
        )

    def risk(self, weights: Array, bias: Array, head_weights: Array) -> Risk:
        """See :class:`~orderparams.models.single_location.engines.Engine`."""
        found, _, error = self._found(weights, bias, head_weights)
        return Risk(self._risk(found, head_weights), error, self.name)

    def nothing(self, overlap: Array, self_overlap: Array, bias: Array) -> Array:
        """κ E[1/Z_h] (C, H), what each head leaves to nothing given each component of the signal;
        :class:`SolverError` where it is out of range."""
        law, _ = self._laws.law(overlap, self_overlap, bias)
        return self._scored.nothing(law)

    def _found(
        self, weights: Array, bias: Array, head_weights: Array
    ) -> tuple[Integral, Array, float]:
        """The integrals, m Σ_c, and the largest error."""
        overlap = weights[:, : self.task.signal.features]
        law, spread = self._laws.law(overlap, weights @ weights.T, bias)
        own = self.task.signal_variance
        seeds = Seeds(-2.0 * own * head_weights, np.outer(head_weights, head_weights))
        largest = float(np.abs(self.task.signal.means).max())
        reach = max(1.0, own, largest, 2.0 * float(np.abs(spread).max()))
        found, error = self._scored.sum(law, seeds, reach)
        return found, spread, error

    def _risk(self, found: Integral, head_weights: Array) -> float:
        """E of theory 3."""
        own = self.task.signal_variance
        per_head = found.overlaps @ head_weights - 2.0 * own * found.attended
        return float(own + per_head @ head_weights + self.task.label_noise)
