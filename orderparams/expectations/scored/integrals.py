"""Σ α_h A_h + Σ γ_hh' G_hh' of heads with shares φ(χ_hℓ)/(κ + Σ_j φ(χ_hj)), for any α and γ.

The integrals over the Laplace variables are those of theory 5b, with χ replaced by the score
log φ(χ); the laws of one and of two logits are integrated by trapezoid rules. How fast these
converge depends on φ, so that all steps are shortened until two rules agree.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.expectations.laws import Lengths
from orderparams.expectations.scored.tables import (
    Scores,
    in_score,
    kernels,
    scores,
    smooth_scores,
)
from orderparams.expectations.separate.laplace import lay_grids
from orderparams.expectations.separate.law import Law, Seeds, Slopes
from orderparams.expectations.separate.single_covariance import power_derivatives
from orderparams.expectations.separate.smoothing import FINITE, gaussian_rule

Array = NDArray[np.float64]

ATTEMPTS = 6
FINER = 0.8
"""Finer rules tried at most, and the step of each relative to that of the one before."""

CAUTION = 0.6
"""Digits of the first rule in units of those asked for: bounds are cautious, and the second rule
has a quarter more."""

ROUNDING = 1e-13


class Head(NamedTuple):
    """A head on its grid: e^τ and weights (n,); by component, nodes of g with weights, their
    scores, and kernels (5, n, g)."""

    scale: Array
    weight: Array
    nodes: list[Array]
    weights: list[Array]
    scores: list[Scores]
    tables: list[Array]


class Integral(NamedTuple):
    """A (H,), G (H, H), and the derivatives of the seeded sum in the law of the logits."""

    attended: Array
    overlaps: Array
    slopes: Slopes


class Scored:
    """Seeded sums of one curve, log φ, to an absolute tolerance; where it cannot be had, the error
    of the last two rules exceeds it."""

    def __init__(self, curve: Any, lengths: Lengths, kappa: float, tolerance: float) -> None:
        self.curve, self.lengths, self.kappa = curve, lengths, kappa
        self.tolerance = tolerance

    def sum(self, law: Law, seeds: Seeds, reach: float) -> tuple[Integral, float]:
        """The integrals and the largest error of sum and gradients in m, |∂mean/∂m| ≤ reach."""
        heavy = max(1.0, 0.5 * np.abs(seeds.alpha).max(), float(np.abs(seeds.gamma).max()))
        accuracy = max(self.tolerance / (heavy * reach), 1e-13)
        ends = np.log(10.0 / accuracy)
        located = np.array([self._locate(law, h, ends) for h in range(len(seeds.alpha))])
        digits, error = CAUTION * ends, np.inf
        step = 7.3 / (digits + np.log(10.0))
        found = self._integrate(law, located, seeds, step, digits)
        for _ in range(ATTEMPTS):
            step, digits, before = FINER * step, digits / FINER, found
            found = self._integrate(law, located, seeds, step, digits)
            error = heavy * reach * max(change(before, found), ROUNDING)
            if error <= self.tolerance:
                break
        return found, float(error)

    def nothing(self, law: Law) -> Array:
        """κ E[1/Z_h] given each component of the signal, (C, H)."""
        accuracy = max(self.tolerance, 1e-13)
        ends = np.log(10.0 / accuracy)
        digits = ends + np.log(float(self.lengths.others.max()))
        count = law.means.shape[1]
        located = np.array([self._locate(law, h, ends) for h in range(count)])
        grids = lay_grids(located, self.kappa, 7.3 / (ends + np.log(10.0)))
        found = np.empty((len(law.shares) - 1, count))
        for h, size in enumerate(grids.sizes):
            scale, weight = grids.scales[h, :size], grids.weights[h, :size]
            head = self._head(law, h, scale, weight, digits)
            left = [t[0] @ w for t, w in zip(head.tables, head.weights, strict=True)]
            rest = power_derivatives(-left[0], self.lengths)[0]
            found[:, h] = (1.0 + np.array(left[1:])) @ (self.kappa * weight * scale * rest)
        return found

    def _tokens(self, law: Law, h: int, digits: float) -> tuple[list[Array], list[Array]]:
        """Nodes and weights of the standard normal g of each component."""
        rules = [gaussian_rule(deviation, 4, digits) for deviation in law.deviations[:, h]]
        return [nodes for nodes, _ in rules], [weights for _, weights in rules]

    def _locate(self, law: Law, h: int, digits: float) -> Array:
        """Window of τ beyond which F or 1 − F is below e^{−digits}, and origin and stretch of the
        map u ↦ τ (see :func:`orderparams.expectations.separate.laplace.locate`)."""
        nodes, weights = self._tokens(law, h, 0.5 * digits)
        tau = np.arange(-40.0, 40.5, 0.5)
        for _ in range(20):
            gone = self._gone(law, h, tau, nodes, weights)
            low, high = gone[0] > np.exp(-digits), 1.0 - gone[-1] > np.exp(-digits)
            if not (low or high):
                break
            tau = np.arange(tau[0] - 20.0 * low, tau[-1] + 20.5 * high, 0.5)
        else:
            raise SolverError(
                "the logits are too large for quadrature; use expectation.engine = 'sampling'"
            )
        first = np.flatnonzero(gone > np.exp(-digits))[0] - 1
        last = np.flatnonzero(1.0 - gone > np.exp(-digits))[-1] + 1
        middle = np.interp(0.5, gone, tau)
        return np.array([tau[max(first, 0)], tau[min(last, len(tau) - 1)], middle - 1.5, 1.0])

    def _gone(
        self, law: Law, h: int, tau: Array, nodes: list[Array], weights: list[Array]
    ) -> Array:
        """1 − F(τ) of a head: F = e^{−κe^τ} Ψ_0 E[Φ_0^{L−1}]."""
        scale = np.exp(np.minimum(tau, FINITE))
        left = np.zeros((len(law.shares), len(tau)))
        for c, (g, w) in enumerate(zip(nodes, weights, strict=True)):
            logits = law.means[c, h] + law.deviations[c, h] * g
            y = scale[:, None] * scores(self.curve, logits).factor
            left[c] = np.expm1(-np.minimum(y, FINITE)) @ w
        noise = np.clip(-left[0], 0.0, 1.0)
        token = np.clip(-(law.shares[1:] @ left[1:]), 0.0, 1.0)
        powers = np.zeros(len(tau))
        for power, share in zip(*self.lengths, strict=True):
            powers += share * np.expm1(power * np.log1p(-np.minimum(noise, 1.0 - 1e-16)))
        gone: Array = -np.expm1(-self.kappa * scale)
        for factor in (-powers, token):  # 1 − (1 − a)(1 − b), each small on the left
            gone = gone + factor * (1.0 - gone)
        return gone

    def _head(self, law: Law, h: int, scale: Array, weight: Array, digits: float) -> Head:
        nodes, weights = self._tokens(law, h, digits)
        found = [
            scores(self.curve, mean + deviation * g)
            for mean, deviation, g in zip(law.means[:, h], law.deviations[:, h], nodes, strict=True)
        ]
        tables = [kernels(scale, score.factor) for score in found]
        return Head(scale, weight, nodes, weights, found, tables)

    def _integrate(
        self, law: Law, located: Array, seeds: Seeds, step: float, digits: float
    ) -> Integral:
        """All by one rule."""
        digits = digits + np.log(float(self.lengths.others.max()))
        grids = lay_grids(located, self.kappa, step)
        count = len(seeds.alpha)
        heads = [
            self._head(law, h, grids.scales[h, :size], grids.weights[h, :size], digits)
            for h, size in enumerate(grids.sizes)
        ]
        slopes = Slopes(np.zeros(law.means.shape), np.zeros(law.covariances.shape))
        found = Integral(np.empty(count), np.empty((count, count)), slopes)
        for h in range(count):
            self._single(h, heads[h], law, seeds, found)
            for k in range(h):
                wide, narrow = (h, k) if law.deviations[0, h] >= law.deviations[0, k] else (k, h)
                self._pair((wide, narrow), (heads[wide], heads[narrow]), law, seeds, digits, found)
        return found

    def _single(self, h: int, head: Head, law: Law, seeds: Seeds, found: Integral) -> None:
        """A_h, G_hh, and the slopes of αA + γG."""
        alpha, gamma, w = seeds.alpha[h], seeds.gamma[h, h], head.weight
        own = law.own
        means = [t[:3] @ weights for t, weights in zip(head.tables, head.weights, strict=True)]
        phi = means[0]
        psi = np.tensordot(law.shares[1:], means[1:], 1)
        g0, g1, g2 = power_derivatives(-phi[0], self.lengths)[:3]
        psi0 = 1.0 + psi[0]
        found.attended[h] = w @ (psi[1] * g0)
        found.overlaps[h, h] = w @ (own * psi[2] * g0 + phi[2] * psi0 * g1)
        signal = own * gamma * psi[2] + alpha * psi[1]
        of_noise = w * np.array(
            [signal * g1 + gamma * phi[2] * psi0 * g2, np.zeros_like(w), gamma * psi0 * g1]
        )
        of_signal = w * np.array([gamma * phi[2] * g1, alpha * g0, own * gamma * g0])
        for c, share in enumerate(law.shares):
            adjoint, table = of_signal if c else of_noise, head.tables[c]
            once = sum(adjoint[j] @ in_score(table, j, 1) for j in range(3))
            twice = sum(adjoint[j] @ in_score(table, j, 2) for j in range(3))
            _, first, second = head.scores[c]
            weights = share * head.weights[c]
            found.slopes.means[c, h] += weights @ (first * once)
            curvature = first**2 * twice + second * once
            found.slopes.covariances[c, h, h] += 0.5 * weights @ curvature

    def _pair(
        self,
        pair: tuple[int, int],
        heads: tuple[Head, Head],
        law: Law,
        seeds: Seeds,
        digits: float,
        found: Integral,
    ) -> None:
        """G_hk and the slopes of 2γG_hk; the logit of k is split into a part fixed by that of h and
        a rest."""
        (h, k), (lead, other) = pair, heads
        others = [
            self._rest(law, c, h, k, lead.nodes[c], other.scale, digits)
            for c in range(len(law.shares))
        ]
        products = []  # E[(K_0−1)(K_0'−1)] and E[K_1 K_1'] by component
        for c, rest in enumerate(others):
            weighted = lead.tables[c][:2] * lead.weights[c]
            products.append([weighted[j] @ rest[j, 0].T for j in range(2)])
        marginal = np.array([t[0] @ w for t, w in zip(lead.tables, lead.weights, strict=True)])
        beside = np.array([t[0] @ w for t, w in zip(other.tables, other.weights, strict=True)])
        tokens = np.tensordot(law.shares[1:], np.array(products[1:]), 1)
        own, own_beside = law.shares[1:] @ marginal[1:], law.shares[1:] @ beside[1:]
        deficit = -(marginal[0][:, None] + beside[0] + products[0][0])
        psi0 = 1.0 + own[:, None] + own_beside + tokens[0]
        shape = deficit.shape
        g0, g1, g2 = power_derivatives(deficit.ravel(), self.lengths)[:3].reshape(3, *shape)
        w = np.outer(lead.weight, other.weight)
        phi1, psi1 = products[0][1], law.own * tokens[1]
        overlap = float((w * (psi1 * g0 + phi1 * psi0 * g1)).sum())
        found.overlaps[h, k] = found.overlaps[k, h] = overlap
        w *= 2.0 * seeds.gamma[h, k]
        of_noise = [w * (psi1 * g1 + phi1 * psi0 * g2), w * psi0 * g1]
        of_signal = [w * phi1 * g1, law.own * w * g0]
        for c, share in enumerate(law.shares):
            adjoints = of_signal if c else of_noise
            self._contract(c, pair, lead, others[c], adjoints, share, found.slopes)

    def _rest(
        self, law: Law, c: int, h: int, k: int, nodes: Array, scale: Array, digits: float
    ) -> Array:
        """K_0 − 1 and K_1 of the second logit and their derivatives, given the nodes of the first:
        (2, 3, n', g)."""
        deviation = law.deviations[c, h]
        slope = law.covariances[c, h, k] / deviation if deviation > 0.0 else 0.0
        rest = np.sqrt(max(law.deviations[c, k] ** 2 - slope**2, 0.0))
        rule, weights = gaussian_rule(rest, 4, digits)
        logits = law.means[c, k] + slope * nodes[:, None] + rest * rule
        out = np.empty((2, 3, scale.size, nodes.size))
        smooth_scores(scale, *scores(self.curve, logits), weights, out)
        return out

    def _contract(
        self,
        c: int,
        pair: tuple[int, int],
        lead: Head,
        rest: Array,
        adjoints: list[Array],
        share: float,
        slopes: Slopes,
    ) -> None:
        """Adds the derivatives in the law of a component; adjoints (n, n') of K_0K_0' and K_1K_1'.

        K_0 in place of K_0 − 1 here: it takes in the marginals.
        """
        (h, k), table = pair, lead.tables[c]
        _, first, second = lead.scores[c]
        weights = share * lead.weights[c]
        mean, variance, other_mean, other_variance, covariance = (np.zeros(len(first)),) * 5
        for j, adjoint in enumerate(adjoints):
            value = table[j] + 1.0 if j == 0 else table[j]
            other_value = rest[j, 0] + 1.0 if j == 0 else rest[j, 0]
            here = adjoint.T @ value
            once, twice = (adjoint.T @ in_score(table, j, order) for order in (1, 2))
            mean = mean + first * (once * other_value).sum(axis=0)
            curvature = first**2 * twice + second * once
            variance = variance + (curvature * other_value).sum(axis=0)
            other_mean = other_mean + (here * rest[j, 1]).sum(axis=0)
            other_variance = other_variance + (here * rest[j, 2]).sum(axis=0)
            covariance = covariance + first * (once * rest[j, 1]).sum(axis=0)
        slopes.means[c, h] += weights @ mean
        slopes.means[c, k] += weights @ other_mean
        slopes.covariances[c, h, h] += 0.5 * weights @ variance
        slopes.covariances[c, k, k] += 0.5 * weights @ other_variance
        slopes.covariances[c, h, k] += 0.5 * weights @ covariance
        slopes.covariances[c, k, h] += 0.5 * weights @ covariance


def change(before: Integral, after: Integral) -> float:
    """The largest difference of two results among A, G and the slopes."""
    pairs = [
        (before.attended, after.attended),
        (before.overlaps, after.overlaps),
        (before.slopes.means, after.slopes.means),
        (before.slopes.covariances, after.slopes.covariances),
    ]
    return max(float(np.abs(one - two).max()) for one, two in pairs)
