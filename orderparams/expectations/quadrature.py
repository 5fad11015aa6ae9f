"""Softmax and softmax-1 by quadrature: one normaliser a head factorises over tokens (theory 5b).

E = 1 − 2 Σ_h u_h A_h + Σ_hh' u_h u_h' G_hh'. A_h and G_hh are integrals over one Laplace variable
τ (:mod:`heads`), G_hh' over two (:mod:`pairs`), by trapezoid rules whose error falls exponentially
in 1/step. The cost grows as H² and with the number of signal components; it does not depend on L.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.attention import Activation
from orderparams.errors import ConfigurationError, SolverError
from orderparams.expectations import Moments
from orderparams.expectations.laplace import (
    Gradients,
    Grids,
    Integers,
    Law,
    Seeds,
    lay_grids,
    locate,
)
from orderparams.expectations.pairs import risk_integrals, series_lengths
from orderparams.expectations.single_covariance import single_covariance
from orderparams.expectations.smoothing import gaussian_rule
from orderparams.task import Task

Array = NDArray[np.float64]

ATTEMPTS = 8
MOST_NODES = 1024
"""Rules tried, and nodes in τ that a second one may have, before a larger error is reported."""

HEAVIEST = 1e5
"""Head weights up to which risk and gradient are known to some digits."""

MARGIN = 16.0
"""The error of risk and gradients in units of what a rule misses of two identities."""

NEGLECTED = 0.3
"""The same of what windows, rules in the logits and Mehler's series leave out, in units of the
accuracy asked of each."""

FINEST = 1e-13
"""Accuracy relative to head weights and signals that is asked for at most."""

ROUNDING = 4e-14
"""Its error from rounding."""

BROADEST = 32.0
"""Largest standard deviation of a logit: nodes and time grow with it."""

FARTHEST = 600.0
"""Largest mean of a logit: exponentials stay finite."""

MEMORY_LIMIT = 4 * 2**30
"""Bytes of tables beyond which an evaluation is refused."""


class Quadrature:
    """Engine for one normaliser a head, to an absolute ``tolerance`` in risk, P and Γ.

    ``evaluate`` is a pure function of its arguments. The step in τ starts from a rule of thumb and
    is shortened until two exact identities hold; where they never do, ``Moments.error`` exceeds
    the tolerance. Errors below 1e-13 are not to be had. The gradient covariance V is served for one
    head and the token target.
    """

    name = "quadrature"

    def __init__(
        self, task: Task, activation: Activation, heads: int, *, tolerance: float = 1e-8
    ) -> None:
        if activation.joint:
            raise ConfigurationError(
                f"quadrature of separate normalisers does not serve {activation.name}: "
                "expectations.joint.JointQuadrature does"
            )
        self.task, self.kappa, self.tolerance = task, activation.kappa, tolerance
        self.serves_gradient_covariance = heads == 1 and task.target == "token"
        self.lengths = (task.lengths - 1, task.length_weights)
        self.pairs = np.triu_indices(heads, 1)
        self.shares = np.concatenate([[1.0], task.signal.weights])
        self.covariances = task.signal.covariances if task.signal.covariances.any() else None

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """See :class:`~orderparams.expectations.Engine`."""
        if gradient_covariance and not self.serves_gradient_covariance:
            raise ConfigurationError(
                "the quadrature engine gives the gradient covariance V for a single head and the "
                "token target only; use expectation.engine = 'sampling' (or 'auto')"
            )
        if np.abs(head_weights).max() > HEAVIEST:
            raise SolverError(
                f"the head weights are as large as {np.abs(head_weights).max():.3g}, quadrature "
                f"serves up to {HEAVIEST:g}; use smaller ones"
            )
        law, spread = self._law(weights, bias)
        seeds = -2.0 * head_weights, np.outer(head_weights, head_weights)
        # P carries factors μ_c and m Σ_c, and pairs of heads factors u_h u_h'
        heavy = max(1.0, float(np.max(head_weights**2)))
        size = heavy * max(1.0, np.abs(self.task.signal.means).max(), 2.0 * np.abs(spread).max())
        accuracy = max(self.tolerance / size, FINEST)
        digits = np.log(self.lengths[0].max() / accuracy)
        located = locate(law, self.lengths, self.kappa, np.log(100.0 / accuracy))
        terms = series_lengths(law, 0.02 * accuracy)
        step = 7.3 / np.log(100.0 / accuracy)
        for attempt in range(ATTEMPTS):
            grids = lay_grids(located, self.kappa, step)
            if attempt > 0 and grids[0].shape[1] > MOST_NODES:
                break
            attended, products, gradients, missed = self._integrate(
                law, grids, terms, seeds, digits
            )
            missed /= heavy
            error = NEGLECTED * accuracy + MARGIN * missed + ROUNDING
            if error <= accuracy or missed <= 0.1 * ROUNDING:
                break
            step *= np.clip(np.log(100.0 / missed) / np.log(3000.0 / accuracy), 0.3, 0.85)
        covariance, covariance_error = None, 0.0
        if gradient_covariance:
            variance, covariance_error = single_covariance(
                law, self.lengths, self.kappa, head_weights[0], self.tolerance
            )
            covariance = np.array([[variance]])
        slopes, curvatures = gradients
        drift = slopes[1:].T @ self.task.signal.means
        drift += 2.0 * (curvatures[1:] @ spread).sum(axis=0)
        noise = self.task.noise if self.task.target == "scalar" else 0.0
        return Moments(
            risk=float(1.0 + (products @ head_weights - 2.0 * attended) @ head_weights + noise**2),
            overlap_gradient=drift,
            self_overlap_gradient=curvatures.sum(axis=0),
            bias_gradient=slopes.sum(axis=0),
            head_weight_gradient=2.0 * (products @ head_weights - attended),
            gradient_covariance=covariance,
            error=float(size * error),
            gradient_covariance_error=covariance_error,
        )

    def _law(self, weights: Array, bias: Array) -> tuple[Law, Array]:
        """Law of the logits, and m Σ_c (C, H, F); :class:`SolverError` where it is out of range."""
        signal = self.task.signal
        overlap, self_overlap = weights[:, : signal.features], weights @ weights.T
        spread = np.zeros((len(signal.weights), *overlap.shape))
        if self.covariances is not None:
            spread = overlap @ self.covariances
        means = np.concatenate([bias[None], bias + signal.means @ overlap.T])
        covariances = np.concatenate([self_overlap[None], self_overlap + spread @ overlap.T])
        deviations = np.sqrt(np.maximum(np.einsum("chh->ch", covariances), 0.0))
        broadest, farthest = deviations.max(), np.abs(means).max()
        if not (broadest <= BROADEST and farthest <= FARTHEST):
            raise SolverError(
                f"the logits have standard deviations up to {broadest:.3g} and means up to "
                f"{farthest:.3g}; quadrature serves {BROADEST:g} and {FARTHEST:g}, "
                "expectation.engine = 'sampling' more"
            )
        return (means, covariances, deviations, self.shares), spread

    def _integrate(
        self, law: Law, grids: Grids, terms: Integers, seeds: Seeds, digits: float
    ) -> tuple[Array, Array, Gradients, float]:
        """See :func:`pairs.risk_integrals`; :class:`SolverError` for tables that would not fit."""
        (components, heads), size = law[0].shape, grids[0].shape[1]
        rows = np.maximum(5, np.maximum(terms.max(axis=1), terms.max(axis=2)) + 3)
        split = (terms == 0).sum(axis=0)[self.pairs].max(initial=0)
        nodes = gaussian_rule(law[2].max(), 4, digits)[0].size
        check_memory(8 * size * (heads * components * rows.max() + 6 * split * nodes))
        return risk_integrals(grids, law, self.lengths, self.kappa, seeds, rows, terms, digits)


def check_memory(size: int) -> None:
    """:class:`SolverError` for tables that would not fit."""
    if size > MEMORY_LIMIT:
        raise SolverError(
            f"the quadrature of these logits takes {size / 2**30:.0f} GiB, more than the "
            f"{MEMORY_LIMIT / 2**30:.0f} allowed: use expectation.engine = 'sampling', or a signal "
            "with fewer components"
        )
