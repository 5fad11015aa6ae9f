"""Values of normalised functions of a logit on the manifold: the sums of
:class:`~orderparams.models.single_location.values.manifold.ManifoldQuadrature`, with scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.expectations.scored.integrals import Scored
from orderparams.expectations.separate.integrals import Gradient, Integrals, SeededSum
from orderparams.expectations.separate.law import Seeds
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.task import Task

Array = NDArray[np.float64]


class ScoredSums:
    """Seeded sums of shares φ(χ_hℓ)/(κ + Σ_j φ(χ_hj))."""

    def __init__(self, task: Task, activation: Activation, tolerance: float) -> None:
        self.task = task
        kappa, variance = activation.kappa, task.signal_variance
        self._laws = Integrals(task.signal, task.other_tokens, kappa, tolerance, variance)
        self._scored = Scored(activation.curve, task.other_tokens, kappa, tolerance)

    def sum(self, overlap: Array, self_overlap: Array, bias: Array, seeds: Seeds) -> SeededSum:
        """As :meth:`~orderparams.expectations.separate.integrals.Integrals.sum`."""
        law, spread = self._laws.law(overlap, self_overlap, bias)
        own, means = self.task.signal_variance, self.task.signal.means
        reach = max(1.0, own, float(np.abs(means).max()), 2.0 * float(np.abs(spread).max()))
        found, error = self._scored.sum(law, seeds, reach)
        of_means, of_covariances = found.slopes
        of_overlap = of_means[1:].T @ means + 2.0 * (of_covariances[1:] @ spread).sum(axis=0)
        gamma = of_covariances[0] + own * of_covariances[1:].sum(axis=0)
        gradient = Gradient(of_overlap, gamma, of_means.sum(axis=0))
        return SeededSum(seeds, found.attended, found.overlaps, gradient, error)
