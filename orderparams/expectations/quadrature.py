"""Softmax and softmax-1 by quadrature: one normaliser a head factorises over tokens (theory 5b).

E = 1 − 2 Σ_h u_h A_h + Σ_hh' u_h u_h' G_hh'. A_h and G_hh are integrals over one Laplace variable
τ (:mod:`heads`), G_hh' over two (:mod:`pairs`), by trapezoid rules whose error falls exponentially in
1/step. The cost grows as H² and with the number of signal components; it does not depend on L.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.attention import Activation
from orderparams.compiled import kernel
from orderparams.errors import ConfigurationError
from orderparams.expectations import Moments
from orderparams.expectations.heads import head_integrals, mix
from orderparams.expectations.laplace import Law, Lengths, lay_grids
from orderparams.expectations.pairs import pair_integral, series_lengths
from orderparams.expectations.smoothing import smooth
from orderparams.task import Task

Array = NDArray[np.float64]


@kernel()
def integrals(
    law: Law,
    lengths: Lengths,
    kappa: float,
    head_weights: Array,
    tolerance: float,
    step: float,
) -> tuple[Array, Array, Array, Array, float]:
    """A (H,), G (H, H), the derivatives of E in the means (C+1, H) and covariances (C+1, H, H) of
    the logits, and what the rule in τ misses of two exact identities.

    The identities: −F′ has the integral 1 (see :mod:`heads`), and shifting τ of one head changes
    nothing: Σ_c ∂E/∂mean_ch = κ ∫ e^τ (the part of E that depends on the head).
    """
    components, heads = law[0].shape
    longest = 1
    for power in lengths[0]:
        longest = max(longest, power)
    accuracy = tolerance / longest
    digits = -np.log(accuracy)
    scales, weights = lay_grids(law, lengths, kappa, np.log(100.0 / tolerance), step)
    terms = series_lengths(law, 0.02 * accuracy)
    rows = 5
    for count in terms.flat:
        rows = max(rows, count + 3)
    size = scales.shape[1]
    tables, tokens = np.empty((heads, components, rows, size)), np.empty((heads, 3, size))
    masses = np.empty((heads, size))
    mean_gradient = np.zeros((components, heads))
    covariance_gradient = np.zeros((components, heads, heads))
    attended, overlap = np.empty(heads), np.empty((heads, heads))
    missed = 0.0
    for h in range(heads):
        for c in range(components):
            needed = 5
            for k in range(heads):
                needed = max(needed, terms[c, h, k] + 3, terms[c, k, h] + 3)
            smooth(scales[h], law[0][c, h], law[2][c, h], digits, tables[h, c, :needed])
        mix(tables[h], law[3], tokens[h])
        attended[h], overlap[h, h], miss = head_integrals(
            h,
            tables[h],
            tokens[h],
            scales[h],
            weights[h],
            law,
            lengths,
            kappa,
            head_weights[h],
            masses[h],
            mean_gradient,
            covariance_gradient,
        )
        missed = max(missed, abs(miss))
    for h in range(heads):
        for k in range(h + 1, heads):
            overlap[h, k] = overlap[k, h] = pair_integral(
                (h, k),
                tables,
                tokens,
                scales,
                weights,
                law,
                lengths,
                terms,
                2.0 * head_weights[h] * head_weights[k],
                digits,
                masses,
                mean_gradient,
                covariance_gradient,
            )
    for h in range(heads):
        miss = 0.0
        for c in range(components):
            miss += mean_gradient[c, h]
        for i in range(size):
            miss -= kappa * scales[h, i] * masses[h, i]
        missed = max(missed, abs(miss))
    return attended, overlap, mean_gradient, covariance_gradient, missed


class Quadrature:
    """Engine for one normaliser a head: deterministic, to an absolute ``tolerance``."""

    name = "quadrature"
    serves_gradient_covariance = False

    def __init__(
        self, task: Task, activation: Activation, heads: int, *, tolerance: float = 1e-8
    ) -> None:
        self.task, self.activation, self.tolerance = task, activation, tolerance

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """Moments at reduced weights K (H, F+H), bias β (H,) and head weights u (H,)."""
        if gradient_covariance:
            raise ConfigurationError("V has no quadrature here: use engine = 'sampling'")
        signal = self.task.signal
        overlap = weights[:, : signal.features]
        self_overlap = weights @ weights.T
        shares = np.concatenate([[1.0], signal.weights])
        means = np.concatenate([bias[None], bias + signal.means @ overlap.T])
        spread = overlap @ signal.covariances
        covariances = np.concatenate([self_overlap[None], self_overlap + spread @ overlap.T])
        deviations = np.sqrt(np.einsum("chh->ch", covariances))
        law = (means, covariances, deviations, shares)
        lengths = (self.task.lengths - 1, self.task.length_weights)
        tolerance = self.tolerance
        step = 7.7 / np.log(100.0 / tolerance)
        for _ in range(5):
            attended, products, mean_gradient, covariance_gradient, missed = integrals(
                law, lengths, self.activation.kappa, head_weights, tolerance, step
            )
            error = 0.1 * tolerance + 8.0 * missed
            if error <= tolerance:
                break
            step *= min(0.85, np.log(100.0 / missed) / np.log(3000.0 / tolerance))
        drift = mean_gradient[1:].T @ signal.means
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
