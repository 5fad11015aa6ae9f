"""Softmax and softmax-1 by quadrature: one normaliser a head factorises over tokens (theory 5b).

E = 1 − 2 Σ_h u_h A_h + Σ_hh' u_h u_h' G_hh'. A_h and G_hh are integrals over one Laplace variable
τ (:mod:`heads`), G_hh' over two (:mod:`pairs`), by trapezoid rules whose error falls exponentially in
1/step. The cost grows as H² and with the number of signal components; it does not depend on L.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.attention import Activation
from orderparams.errors import ConfigurationError
from orderparams.expectations import Moments
from orderparams.expectations.heads import head_integrals
from orderparams.expectations.laplace import Gradients, Integers, Law, lay_grids, locate
from orderparams.expectations.pairs import pair_integrals, series_lengths
from orderparams.task import Task

Array = NDArray[np.float64]


class Quadrature:
    """Engine for one normaliser a head: deterministic, to an absolute ``tolerance``."""

    name = "quadrature"
    serves_gradient_covariance = False

    def __init__(
        self, task: Task, activation: Activation, heads: int, *, tolerance: float = 1e-8
    ) -> None:
        self.task, self.kappa, self.tolerance = task, activation.kappa, tolerance
        self.lengths = (task.lengths - 1, task.length_weights)
        self.shares = np.concatenate([[1.0], task.signal.weights])

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """Moments at reduced weights K (H, F+H), bias β (H,) and head weights u (H,)."""
        if gradient_covariance:
            raise ConfigurationError("V has no quadrature here: use engine = 'sampling'")
        law, spread = self._law(weights, bias)
        tolerance = self.tolerance
        accuracy = tolerance / self.lengths[0].max()
        located = locate(law, self.lengths, self.kappa, np.log(100.0 / tolerance))
        terms = series_lengths(law, 0.02 * accuracy)
        step = 7.7 / np.log(100.0 / tolerance)
        for _ in range(5):
            integrals = self._integrals(law, located, terms, head_weights, -np.log(accuracy), step)
            attended, products, (mean_gradient, covariance_gradient), missed = integrals
            error = 0.1 * tolerance + 8.0 * missed
            if error <= tolerance:
                break
            step *= min(0.85, np.log(100.0 / missed) / np.log(3000.0 / tolerance))
        drift = mean_gradient[1:].T @ self.task.signal.means
        drift += 2.0 * (covariance_gradient[1:] @ spread).sum(axis=0)
        risk = 1.0 - 2.0 * head_weights @ attended + head_weights @ products @ head_weights
        if self.task.target == "scalar":
            risk += self.task.noise**2
        return Moments(
            risk=float(risk),
            overlap_gradient=drift,
            self_overlap_gradient=covariance_gradient.sum(axis=0),
            bias_gradient=mean_gradient.sum(axis=0),
            head_weight_gradient=2.0 * (products @ head_weights - attended),
            gradient_covariance=None,
            error=float(error),
        )

    def _law(self, weights: Array, bias: Array) -> tuple[Law, Array]:
        """Law of the logits, and m Σ_c (C, H, F)."""
        signal = self.task.signal
        overlap, self_overlap = weights[:, : signal.features], weights @ weights.T
        spread = overlap @ signal.covariances
        means = np.concatenate([bias[None], bias + signal.means @ overlap.T])
        covariances = np.concatenate([self_overlap[None], self_overlap + spread @ overlap.T])
        deviations = np.sqrt(np.einsum("chh->ch", covariances))
        return (means, covariances, deviations, self.shares), spread

    def _integrals(
        self,
        law: Law,
        located: Array,
        terms: Integers,
        head_weights: Array,
        digits: float,
        step: float,
    ) -> tuple[Array, Array, Gradients, float]:
        """A (H,), G (H, H), derivatives of E, and what the rule of this step misses of two identities.

        The identities: −F′ has the integral 1 (see :mod:`heads`), and a shift of one head's τ changes
        nothing: Σ_c ∂E/∂mean_ch = κ ∫ e^τ (the part of E that head h enters).
        """
        scales, weights = lay_grids(located, self.kappa, step)
        (components, heads), size = law[0].shape, scales.shape[1]
        rows = np.maximum(5, np.maximum(terms.max(1), terms.max(2)) + 3)
        tables = np.empty((heads, components, rows.max(), size))
        tokens, masses = np.empty((heads, 3, size)), np.empty((heads, size))
        gradients = np.zeros((components, heads)), np.zeros((components, heads, heads))
        attended, squares, missed = head_integrals(
            scales,
            weights,
            law,
            self.lengths,
            self.kappa,
            head_weights,
            rows,
            digits,
            tables,
            tokens,
            masses,
            gradients,
        )
        products = pair_integrals(
            scales,
            weights,
            law,
            self.lengths,
            head_weights,
            terms,
            digits,
            tables,
            tokens,
            masses,
            gradients,
        )
        np.fill_diagonal(products, squares)
        shifted = gradients[0].sum(axis=0) - self.kappa * np.einsum("hi,hi->h", scales, masses)
        return attended, products, gradients, max(missed, np.abs(shifted).max())
