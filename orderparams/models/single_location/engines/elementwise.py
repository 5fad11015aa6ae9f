"""Activations without a normaliser: expectations of one token are all (theory 5d).

With a_ℓ = C + Σ_h v_h φ(χ_hℓ), tokens being independent,

    E = Σ_c n_c σ_c² E_c[(C + Σ_h v_h φ_h − y_c)²],

c a noise token, n = E[L] − 1 of them with y = 0 and σ = 1, or a component of the signal token with
n = w_c, y = 1 and σ = γ_s. With r_c = C + Σ_h v_h φ_h − y_c, R_c = σ_c² E_c[r_c²], D_c = σ_c⁴
E_c[φ′_h φ′_h'] and Q_c = σ_c⁶ E_c[r_c² φ′_h φ′_h'], the gradient covariance V/(4 v_h v_h') is
Σ_c n_c Q_c, or of the scalar target

    3 Σ_c n_c Q_c + Δ² Σ_c n_c D_c + E[L−1] (R_s D_n + R_n D_s) + E[(L−1)(L−2)] R_n D_n,

n a noise token and s the signal token.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError, SolverError
from orderparams.expectations import elementwise
from orderparams.expectations.elementwise import Expected
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.engines import Moments, Risk
from orderparams.models.single_location.task import Task

Array = NDArray[np.float64]

ROUNDING = 1e-15
"""Error of a closed form, relative to the squared attention weights."""

HEAVIEST = 1e5
"""Head weights up to which risk and gradient are known to some digits."""

BROADEST = 1e6
"""The same of standard deviations and means of a logit."""


class Elementwise:
    """Engine for φ without a normaliser (an
    :class:`~orderparams.models.single_location.engines.OffsetEngine`).

    Closed forms where the curve has them (``expected``), else quadrature over one or two logits to
    an absolute ``tolerance``. V is served where the curve has Q (``squares``).
    """

    def __init__(self, task: Task, activation: Activation, *, tolerance: float = 1e-8) -> None:
        self.task, self.curve, self.tolerance = task, activation.curve, tolerance
        self.serves_gradient_covariance = hasattr(self.curve, "squares")
        self._closed = getattr(self.curve, "expected", None)
        self.name = "closed form" if self._closed else "quadrature"
        others = task.lengths - 1.0
        self._others = float(task.length_weights @ others)
        self._counts = np.concatenate([[self._others], task.signal.weights])
        self._targets = np.concatenate([[0.0], np.ones(len(task.signal.weights))])
        self._variances = 1.0 + (task.signal_variance - 1.0) * self._targets

    def evaluate(
        self,
        weights: Array,
        bias: Array,
        head_weights: Array,
        *,
        gradient_covariance: bool = False,
        offset: float = 0.0,
    ) -> Moments:
        """See :class:`~orderparams.models.single_location.engines.OffsetEngine`."""
        if gradient_covariance and not self.serves_gradient_covariance:
            raise ConfigurationError(
                "the gradient covariance V of this activation has no closed form; use "
                "expectation.engine = 'sampling' (or 'auto')"
            )
        means, covariances, spread = self._law(weights, bias, head_weights)
        found, error = self._expected(means, covariances, head_weights)
        v, n = head_weights, self._counts * self._variances
        away = offset - self._targets
        mixed = found.product @ v
        of_means = 2.0 * n[:, None] * v * (away[:, None] * found.slope + found.first @ v)
        bends = v * (away[:, None] * found.bend + found.second @ v)
        gamma = n[:, None, None] * np.outer(v, v) * found.cross
        gamma[:, range(len(v)), range(len(v))] += n[:, None] * bends
        of_overlap = of_means[1:].T @ self.task.signal.means
        of_overlap += 2.0 * (gamma[1:] @ spread).sum(axis=0)
        gamma *= self._variances[:, None, None]
        parts, covariance = self._parts(found, v, offset), None
        if gradient_covariance:
            squares = self.curve.squares(means, covariances, v, away)
            covariance = self._covariance(parts, found.cross, squares, v)
        return Moments(
            risk=float(self._counts @ parts) + self.task.label_noise,
            overlap_gradient=of_overlap,
            self_overlap_gradient=gamma.sum(axis=0),
            bias_gradient=of_means.sum(axis=0),
            head_weight_gradient=2.0 * n @ (away[:, None] * found.value + mixed),
            gradient_covariance=covariance,
            error=error,
            engine=self.name,
            gradient_covariance_error=0.0 if covariance is None else self._noise_error(error, v),
            offset_gradient=float(2.0 * n @ (away + found.value @ v)),
        )

    def risk(
        self, weights: Array, bias: Array, head_weights: Array, *, offset: float = 0.0
    ) -> Risk:
        """See :class:`~orderparams.models.single_location.engines.OffsetEngine`."""
        means, covariances, _ = self._law(weights, bias, head_weights)
        found, error = self._expected(means, covariances, head_weights)
        value = float(self._counts @ self._parts(found, head_weights, offset))
        return Risk(value + self.task.label_noise, error, self.name)

    def _parts(self, found: Expected, v: Array, offset: float) -> Array:
        """σ_c² E_c[(a − y_c)²] of each kind of token, (C+1,)."""
        away = offset - self._targets
        parts: Array = away**2 + 2.0 * away * (found.value @ v) + (found.product @ v) @ v
        return self._variances * parts

    def _covariance(self, parts: Array, slopes: Array, squares: Array, v: Array) -> Array:
        """V from R (C+1,), and D and Q (C+1, H, H) without their variances."""
        task, variances = self.task, self._variances[:, None, None]
        slopes, squares = variances**2 * slopes, variances**3 * squares
        own = np.tensordot(self._counts, squares, 1)
        if task.target == "scalar":
            others, shares = task.lengths - 1.0, task.length_weights
            noise, signal = parts[0], float(task.signal.weights @ parts[1:])
            of_noise, of_signal = slopes[0], np.tensordot(task.signal.weights, slopes[1:], 1)
            own = 3.0 * own + task.label_noise * np.tensordot(self._counts, slopes, 1)
            own = own + self._others * (signal * of_noise + noise * of_signal)
            own = own + float(shares @ (others * (others - 1.0))) * noise * of_noise
        covariance: Array = 4.0 * np.outer(v, v) * own
        return covariance

    def _noise_error(self, error: float, v: Array) -> float:
        """The error of V, whose terms are products of two expectations."""
        longest = float(self.task.lengths.max())
        return 16.0 * longest * error * max(1.0, float(np.abs(v).sum()) ** 2)

    def _law(self, weights: Array, bias: Array, v: Array) -> tuple[Array, Array, Array]:
        """Means (C+1, H) and covariances (C+1, H, H) of the logits by kind of token, and m Σ_c;
        :class:`SolverError` for numbers out of range."""
        overlap = weights[:, : self.task.signal.features]
        self_overlap = weights @ weights.T
        spread = overlap @ self.task.signal.covariances
        means = np.concatenate([bias[None], bias + self.task.signal.means @ overlap.T])
        own = self.task.signal_variance * self_overlap + spread @ overlap.T
        covariances = np.concatenate([self_overlap[None], own])
        size = max(np.abs(means).max(), np.sqrt(np.abs(covariances).max()))
        heaviest = np.abs(v).max()
        if not (size <= BROADEST and heaviest <= HEAVIEST):
            raise SolverError(
                f"the logits are as large as {size:.3g} and the head weights as {heaviest:.3g}; "
                f"this engine serves up to {BROADEST:g} and {HEAVIEST:g}; use smaller ones"
            )
        return means, covariances, spread

    def _expected(self, means: Array, covariances: Array, v: Array) -> tuple[Expected, float]:
        """Expectations of the tokens, and the error that they leave in risk, P and Γ."""
        heavy = self._counts.sum() * max(1.0, np.abs(v).sum()) ** 2
        reach = max(1.0, float(np.abs(self.task.signal.means).max()))
        reach *= max(1.0, self.task.signal_variance) ** 2
        if self._closed:
            found = self._closed(means, covariances)
            size = max(float(np.abs(part).max()) for part in found)
            return found, float(ROUNDING * heavy * reach * max(1.0, size))
        accuracy = self.tolerance / (4.0 * heavy * reach)
        found, error = elementwise.expected(self.curve, means, covariances, accuracy)
        return found, float(4.0 * heavy * reach * error + ROUNDING * heavy)
