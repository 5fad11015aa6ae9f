"""Values of element-wise activations, a_hℓ = d_h + w_h φ(χ_hℓ): tokens are independent, and
expectations of one are all (theory 11).

With F = Σ_h a_hℓ ω_hℓ what one token adds to the prediction, z the target on the signal token s,
and n a noise token, E[z²] = γ_s² and

    E = γ_s² + Δ² + E_s[F² − 2Fz] + E[L−1] (E_n[F²] + 2 E_s[F] E_n[F]) + E[(L−1)(L−2)] E_n[F]².

Fields under an expectation are derivatives in the means of the logits (Stein), ω_h → E[ω_h] +
Σ_g Cov(ω_h, χ_g) ∂_g and z → Σ_g Cov(z, χ_g) ∂_g, so that all follows from derivatives of E[φ] and
E[φφ′]. The constant is one more function for each head: its rows i are the H of φ, then the H of 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.expectations.elementwise import Derivatives
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.engines import Moments, Risk
from orderparams.models.single_location.engines.elementwise import BROADEST, HEAVIEST, ROUNDING
from orderparams.models.single_location.task import Task
from orderparams.models.single_location.values.fields import Fields, fields_of, pulled_back
from orderparams.models.single_location.values.linear_noise import noise_of_linear

Array = NDArray[np.float64]

Polynomials = dict[tuple[int, int], Array]
"""By powers of ∂ and ∂' their coefficients (C+1, 2H, 2H)."""


class Tokens(NamedTuple):
    """What is known of a kind of token, C+1 of them with a leading axis each, rows i as above.

    mean (2H,) of ω_i; own (2H,) Cov(ω_i, χ_i), and with_keys (2H, 2H) Cov(ω_i, χ_j); between
    (2H, 2H) Cov(ω_i, ω_j); key_target and value_target (2H,) Cov(χ_i, z) and Cov(ω_i, z)."""

    mean: Array
    own: Array
    with_keys: Array
    between: Array
    key_target: Array
    value_target: Array

    def polynomials(self) -> Polynomials:
        """Of ∂^a ∂'^b E[φφ′] in E[φφ′ωω′]."""
        mean, other = self.mean[:, :, None], self.mean[:, None, :]
        a, b = self.own[:, :, None], self.with_keys
        c, d = self.with_keys.swapaxes(1, 2), self.own[:, None, :]
        return {
            (0, 0): mean * other + self.between,
            (1, 0): other * a + mean * c,
            (0, 1): other * b + mean * d,
            (2, 0): a * c,
            (1, 1): a * d + b * c,
            (0, 2): b * d,
        }


def applied(p: Polynomials, m: Array, a: int = 0, b: int = 0) -> Array:
    """∂^a ∂'^b E[φφ′ωω′] (C+1, 2H, 2H), from m_ab = ∂^a ∂'^b E[φφ′]."""
    total = np.zeros(m.shape[2:])
    for (first, second), factor in p.items():
        total += factor * m[a + first, b + second]
    return total


def folded(rows: Array) -> Array:
    """Sums (…, H) of what belongs to one head in the last axis (…, 2H)."""
    heads = rows.shape[-1] // 2
    total: Array = rows[..., :heads] + rows[..., heads:]
    return total


def both_folded(square: Array) -> Array:
    """The same of the two last axes."""
    heads = square.shape[-1] // 2
    return folded(square[..., :heads, :] + square[..., heads:, :])


def with_constant(of: Derivatives) -> Derivatives:
    """Derivatives of H functions φ, and of H times the function 1."""
    orders, kinds, heads = of.alone.shape
    alone = np.zeros((orders, kinds, 2 * heads))
    alone[:, :, :heads], alone[0, :, heads:] = of.alone, 1.0
    together = np.zeros((orders, orders, kinds, 2 * heads, 2 * heads))
    together[:, :, :, :heads, :heads] = of.together
    together[:, 0, :, :heads, heads:] = of.alone[..., None]
    together[0, :, :, heads:, :heads] = of.alone[..., None, :]
    together[0, 0, :, heads:, heads:] = 1.0
    return Derivatives(alone, together)


def check_range(fields: Fields, heads: int, head_weights: Array) -> None:
    """:class:`SolverError` for numbers out of range."""
    size = max(float(np.abs(fields.means).max()), float(np.sqrt(np.abs(fields.covariances).max())))
    heaviest = float(np.abs(head_weights).max())
    if not (size <= BROADEST and heaviest <= HEAVIEST):
        raise SolverError(
            f"the fields of keys and values are as large as {size:.3g} and the head weights as "
            f"{heaviest:.3g}; this engine serves up to {BROADEST:g} and {HEAVIEST:g}; use smaller "
            "ones"
        )


class ElementwiseValues:
    """Engine for stacked keys and values of φ with ``derivatives`` in closed form, and V where φ is
    linear. What it takes as head weights, and gives derivatives in, is [w; d] (2H,)."""

    name = "closed form"

    def __init__(self, task: Task, activation: Activation, heads: int) -> None:
        self.task, self.curve, self.heads = task, activation.curve, heads
        others, shares = task.lengths - 1.0, task.length_weights
        self._others = float(shares @ others)
        self._pairs = float(shares @ (others * (others - 1.0)))

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """See :class:`~orderparams.models.single_location.engines.Engine`, for stacked rows."""
        task, signal = self.task, self.task.signal
        overlap = weights[:, : signal.features + 1]
        fields = fields_of(task, overlap, weights @ weights.T, bias)
        check_range(fields, self.heads, head_weights)
        linear, square, slopes = self._sum(fields, head_weights)
        of_overlap, gamma, of_means = pulled_back(task, slopes, overlap)
        mixed = square @ head_weights
        sizes = np.abs(head_weights) @ (np.abs(square) @ np.abs(head_weights) + np.abs(linear))
        reach = max(1.0, float(np.abs(signal.means).max()))
        covariance = noise_of_linear(task, fields, head_weights) if gradient_covariance else None
        largest = 0.0 if covariance is None else float(np.abs(covariance).max())
        return Moments(
            risk=task.signal_variance
            + task.label_noise
            + float((mixed - 2 * linear) @ head_weights),
            overlap_gradient=of_overlap,
            self_overlap_gradient=gamma,
            bias_gradient=of_means[: self.heads],
            head_weight_gradient=2.0 * (mixed - linear),
            gradient_covariance=covariance,
            error=float(16.0 * ROUNDING * reach * max(1.0, sizes)),
            engine=self.name,
            gradient_covariance_error=16.0 * ROUNDING * largest,
        )

    def risk(self, weights: Array, bias: Array, head_weights: Array) -> Risk:
        """The risk alone."""
        found = self.evaluate(weights, bias, head_weights)
        return Risk(found.risk, found.error, found.engine)

    def _sum(self, fields: Fields, weights: Array) -> tuple[Array, Array, Fields]:
        """C (2H,) and S (2H, 2H) of E = γ_s² + Δ² − 2 C·w + wᵀSw, and derivatives in the law."""
        heads = self.heads
        means = np.ascontiguousarray(fields.means[:, :heads])
        keys = np.ascontiguousarray(fields.covariances[:, :heads, :heads])
        of = with_constant(self.curve.derivatives(means, keys))
        tokens = self._tokens(fields)
        p = tokens.polynomials()
        products = applied(p, of.together)
        singles = tokens.mean * of.alone[0] + tokens.own * of.alone[1]
        targets = (
            tokens.value_target * of.alone[0]
            + tokens.mean * tokens.key_target * of.alone[1]
            + tokens.own * tokens.key_target * of.alone[2]
        )
        shares, counts = fields.shares[1:], fields.shares.copy()
        counts[0] = self._others
        noise, signal = singles[0], shares @ singles[1:]
        linear = shares @ targets[1:]
        square = np.tensordot(counts, products, 1) + self._pairs * np.outer(noise, noise)
        both = np.outer(signal, noise)
        square += self._others * (both + both.T)

        of_noise, of_signal = noise @ weights, signal @ weights
        towards = np.outer(fields.shares, weights) * (2.0 * self._others * of_noise)
        towards[0] = weights * (2.0 * self._others * of_signal + 2.0 * self._pairs * of_noise)
        slopes = fields.zeros()
        self._add_pairs(slopes, tokens, of, p, counts[:, None, None] * np.outer(weights, weights))
        self._add_singles(slopes, tokens, of, towards, -2.0 * np.outer(fields.shares, weights))
        return linear, square, slopes

    def _tokens(self, fields: Fields) -> Tokens:
        """What stands in the operators, by row."""
        heads, covariances = self.heads, fields.covariances
        keys, values = slice(heads), slice(heads, None)
        signal = (np.arange(len(fields.shares)) > 0)[:, None].astype(np.float64)
        with_keys = covariances[:, values, keys]
        return Tokens(
            np.tile(fields.means[:, values], 2),
            np.tile(np.diagonal(with_keys, 0, 1, 2), 2),
            np.tile(with_keys, (2, 2)),
            np.tile(covariances[:, values, values], (2, 2)),
            signal * np.tile(fields.target[keys], 2),
            signal * np.tile(fields.target[values], 2),
        )

    def _add_pairs(
        self, slopes: Fields, tokens: Tokens, of: Derivatives, p: Polynomials, adjoint: Array
    ) -> None:
        """Adds derivatives of Σ_ij adjoint_ij E[φφ′ωω′] (C+1, 2H, 2H), symmetric in i and j."""
        heads, m = self.heads, of.together
        keys, values = slice(heads), slice(heads, None)
        mean, a, b = tokens.mean[:, None, :], tokens.with_keys, tokens.own[:, None, :]
        c = a.swapaxes(1, 2)
        of_mean = adjoint * (mean * m[0, 0] + c * m[1, 0] + b * m[0, 1])
        of_own = adjoint * (mean * m[1, 0] + c * m[2, 0] + b * m[1, 1])
        across = adjoint * (mean * m[0, 1] + c * m[1, 1] + b * m[0, 2])
        slopes.means[:, values] += 2.0 * folded(of_mean.sum(axis=2))
        slopes.means[:, keys] += 2.0 * folded((adjoint * applied(p, m, 1, 0)).sum(axis=2))
        slopes.covariances[:, values, values] += both_folded(adjoint * m[0, 0])
        slopes.covariances[:, values, keys] += 2.0 * both_folded(across)
        slopes.covariances[:, keys, keys] += both_folded(adjoint * applied(p, m, 1, 1))
        diagonal = range(heads)
        own = slopes.covariances[:, values, keys]
        own[:, diagonal, diagonal] += 2.0 * folded(of_own.sum(axis=2))
        variances = slopes.covariances[:, keys, keys]
        variances[:, diagonal, diagonal] += folded((adjoint * applied(p, m, 2, 0)).sum(axis=2))

    def _add_singles(
        self, slopes: Fields, tokens: Tokens, of: Derivatives, single: Array, target: Array
    ) -> None:
        """Adds derivatives of Σ_i single_i E[φω] + target_i E[φωz], both (C+1, 2H)."""
        heads, m = self.heads, of.alone
        mean, own = tokens.mean, tokens.own
        b, t = tokens.key_target, tokens.value_target
        of_mean = single * m[0] + target * b * m[1]
        of_own = single * m[1] + target * b * m[2]
        of_keys = [
            single * (mean * m[k] + own * m[k + 1])
            + target * (t * m[k] + b * (mean * m[k + 1] + own * m[k + 2]))
            for k in (1, 2)
        ]
        diagonal = np.arange(heads)
        slopes.means[:, :heads] += folded(of_keys[0])
        slopes.means[:, heads:] += folded(of_mean)
        slopes.covariances[:, heads + diagonal, diagonal] += folded(of_own)
        slopes.covariances[:, diagonal, diagonal] += 0.5 * folded(of_keys[1])
        slopes.target[:heads] += folded(target * (mean * m[1] + own * m[2]))[1:].sum(axis=0)
        slopes.target[heads:] += folded(target * m[0])[1:].sum(axis=0)
