"""Risk and gradient of heads with values of their own, by quadrature (softmax, softmax-1).

E = γ_s² + Δ² − 2 Σ_h u_h C_h + Σ_hh' u_h u_h' S_hh', sums of one head (:mod:`single`) and of pairs
(:mod:`pairs`). The step in τ is shortened until the exact identities of theory 5b hold: −F′ has the
integral 1, and a shift of a head's τ changes nothing, Σ ∂E/∂mean_h = κ ∫ e^τ (its integrand).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.ahead import compile_missing
from orderparams.arrays import Array1, Array2
from orderparams.compiled import kernel
from orderparams.errors import SolverError
from orderparams.expectations.separate.integrals import (
    ATTEMPTS,
    BROADEST,
    FARTHEST,
    FINEST,
    MARGIN,
    MOST_NODES,
    NEGLECTED,
    ROUNDING,
)
from orderparams.expectations.separate.laplace import lay_grids, locate
from orderparams.expectations.separate.law import Grids, Law
from orderparams.expectations.separate.pairs import table_depth
from orderparams.expectations.separate.single_covariance import power_derivatives
from orderparams.expectations.separate.smoothing import gaussian_rule, smooth
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.engines import Moments, Risk
from orderparams.models.single_location.task import Task
from orderparams.models.single_location.values.fields import Fields, fields_of, pulled_back
from orderparams.models.single_location.values.pairs import (
    ORDERS,
    Law2,
    PairToken,
    Series,
    Shared,
    pair_sum,
)
from orderparams.models.single_location.values.single import Token, head_sum

Array = NDArray[np.float64]

ROWS = 7
"""Derivatives 0 … 6 of one head's kernel: four of ω²K_2, two of its derivatives."""

BEYOND = 10.0
"""By what more than the accuracy asked for the windows of τ are cut: values multiply the tails."""

STEEP = 1e3
"""The same for Mehler's series, whose terms Stein's derivatives multiply."""


@kernel(inlined=False)
def fill_table(scale: Array1, mean: float, deviation: float, digits: float, out: Array2) -> None:
    """Rows ∂^k E[K_0(τ+x)] at e^τ = scale (n,), x ~ N(mean, deviation²), the first less one."""
    smooth(scale, mean, deviation, digits, out)


class Depth(NamedTuple):
    """Digits of the rules in the logits; terms (C+1, H, H) of Mehler's series, 0 where they are
    split; rows (C+1, H) of tables."""

    digits: float
    terms: NDArray[np.int64]
    rows: NDArray[np.int64]


class FullQuadrature:
    """Risk and gradient of stacked keys and values; with H of both the cost grows as H²."""

    name = "quadrature"

    def __init__(self, task: Task, activation: Activation, heads: int, tolerance: float) -> None:
        self.task, self.kappa, self.heads, self.tolerance = task, activation.kappa, heads, tolerance
        self.lengths = task.other_tokens

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """See :class:`~orderparams.models.single_location.engines.Engine`, for stacked rows; V is
        never there."""
        overlap = weights[:, : self.task.signal.features + 1]
        fields = fields_of(self.task, overlap, weights @ weights.T, bias)
        linear, square, slopes, error = self._sum(fields, head_weights)
        of_overlap, gamma, of_means = pulled_back(self.task, slopes, overlap)
        doubled = 2.0 * (square @ head_weights - linear)
        risk = (
            self.task.signal_variance
            + self.task.label_noise
            + (0.5 * doubled - linear) @ head_weights
        )
        return Moments(
            risk=float(risk),
            overlap_gradient=of_overlap,
            self_overlap_gradient=gamma,
            bias_gradient=of_means[: self.heads],
            head_weight_gradient=doubled,
            gradient_covariance=None,
            error=error,
            engine=self.name,
        )

    def risk(self, weights: Array, bias: Array, head_weights: Array) -> Risk:
        """The risk, with the gradients on which its error rests."""
        found = self.evaluate(weights, bias, head_weights)
        return Risk(found.risk, found.error, found.engine)

    def _sum(self, fields: Fields, u: Array) -> tuple[Array, Array, Fields, float]:
        """C (H,), S (H, H), derivatives of the risk in the law, and their error."""
        law = self._law(fields)
        compile_missing((fill_table, locate, lay_grids, table_depth, gaussian_rule))
        values = fields.means[:, self.heads :] ** 2
        values = values + np.diagonal(fields.covariances, 0, 1, 2)[:, self.heads :]
        heavy = max(1.0, float((np.abs(u) * np.sqrt(values.max(axis=0))).max())) ** 2
        heavy = max(heavy, float(np.abs(u).max()) ** 2)
        reach = max(float(np.abs(self.task.signal.means).max()), self.task.signal_variance)
        size = heavy * max(1.0, reach)
        accuracy = max(self.tolerance / size, FINEST)
        digits = float(np.log(BEYOND * self.lengths.others.max() / accuracy))
        located = locate(law, self.lengths, self.kappa, np.log(100.0 * BEYOND / accuracy))
        found = table_depth(law, 0.02 * accuracy / STEEP, digits)
        terms = found.terms
        reach = np.maximum(terms, terms.transpose(0, 2, 1)).max(axis=2)
        depth = Depth(digits, terms, np.maximum(ROWS, reach + ORDERS))
        step = 7.3 / np.log(100.0 * BEYOND / accuracy)
        for attempt in range(ATTEMPTS):
            grids = lay_grids(located, self.kappa, step)
            if attempt > 0 and grids.scales.shape[1] > MOST_NODES:
                break
            linear, square, slopes, missed = self._integrate(fields, law, grids, depth, u)
            missed /= heavy
            error = NEGLECTED * accuracy + MARGIN * missed + ROUNDING
            if error <= accuracy or missed <= 0.1 * ROUNDING:
                break
            step *= np.clip(np.log(100.0 / missed) / np.log(3000.0 / accuracy), 0.3, 0.85)
        return linear, square, slopes, float(size * error)

    def _law(self, fields: Fields) -> Law:
        """Law of the logits alone; :class:`SolverError` where it is out of range."""
        keys = slice(self.heads)
        means = np.ascontiguousarray(fields.means[:, keys])
        covariances = np.ascontiguousarray(fields.covariances[:, keys, keys])
        deviations = np.sqrt(np.maximum(np.diagonal(covariances, 0, 1, 2), 0.0))
        broadest, farthest = deviations.max(), np.abs(means).max()
        if not (broadest <= BROADEST and farthest <= FARTHEST):
            raise SolverError(
                f"the logits have standard deviations up to {broadest:.3g} and means up to "
                f"{farthest:.3g}; quadrature serves {BROADEST:g} and {FARTHEST:g}, "
                "expectation.engine = 'sampling' more"
            )
        return Law(means, covariances, deviations, fields.shares)

    def _integrate(
        self, fields: Fields, law: Law, grids: Grids, depth: Depth, u: Array
    ) -> tuple[Array, Array, Fields, float]:
        """C, S, derivatives of the risk in the law, and by how much two identities are missed."""
        heads, sizes, shares = self.heads, grids.sizes, fields.shares
        slopes = fields.zeros()
        linear, square = np.zeros(heads), np.zeros((heads, heads))
        masses = [np.zeros(size) for size in sizes]
        tables = self._tables(law, grids, depth)
        missed = 0.0
        for h in range(heads):
            own = head_sum(
                [table[:ROWS] for table in tables[h]],
                self._tokens(fields, h),
                shares,
                grids.weights[h, : sizes[h]],
                self.lengths,
                -2.0 * u[h],
                u[h] ** 2,
            )
            linear[h], square[h, h], v = own.linear, own.square, heads + h
            masses[h] += own.mass
            slopes.means[:, h] += own.means
            slopes.covariances[:, h, h] += own.variances
            slopes.means[:, v] += own.tokens[:, 0]
            slopes.covariances[:, v, h] += own.tokens[:, 1]
            slopes.covariances[:, v, v] += own.tokens[:, 2]
            slopes.target[[h, v]] += own.tokens[:, 3:].sum(axis=0)
            missed = max(missed, abs(self._total(tables[h], grids, h, shares) - 1.0))
        for h in range(heads):
            for k in range(h + 1, heads):
                square[h, k] = square[k, h] = self._pair(
                    fields, law, grids, depth, tables, (h, k), 2.0 * u[h] * u[k], slopes, masses
                )
        for h in range(heads):
            scale = grids.scales[h, : sizes[h]]
            shifted = slopes.means[:, h].sum() - self.kappa * scale @ masses[h]
            missed = max(missed, abs(float(shifted)))
        return linear, square, slopes, missed

    def _tables(self, law: Law, grids: Grids, depth: Depth) -> list[list[Array]]:
        """Tables (rows, n) of every head and kind of token."""
        found: list[list[Array]] = []
        for h, size in enumerate(grids.sizes):
            scale = np.ascontiguousarray(grids.scales[h, :size])
            found.append([])
            for c in range(len(law.shares)):
                table = np.empty((int(depth.rows[c, h]), size))
                fill_table(scale, law.means[c, h], law.deviations[c, h], depth.digits, table)
                found[h].append(table)
        return found

    def _total(self, tables: list[Array], grids: Grids, h: int, shares: Array) -> float:
        """−∫ F′, which is one."""
        size = grids.sizes[h]
        scale, weight = grids.scales[h, :size], grids.weights[h, :size]
        noise = tables[0]
        psi, slope = 1.0, 0.0
        for share, table in zip(shares[1:], tables[1:], strict=True):
            psi, slope = psi + share * table[0], slope + share * table[1]
        powers = power_derivatives(-noise[0], self.lengths)
        integrand = (self.kappa * scale * psi - slope) * powers[0] - psi * noise[1] * powers[1]
        return float(weight @ integrand)

    def _tokens(self, fields: Fields, h: int) -> list[Token]:
        """One head's numbers by kind of token."""
        v, found = self.heads + h, []
        for c, (mean, covariance) in enumerate(zip(fields.means, fields.covariances, strict=True)):
            target = fields.target[[h, v]] * (c > 0)
            found.append(Token(mean[v], covariance[v, h], covariance[v, v], *target))
        return found

    def _pair(
        self,
        fields: Fields,
        law: Law,
        grids: Grids,
        depth: Depth,
        tables: list[list[Array]],
        pair: tuple[int, int],
        factor: float,
        slopes: Fields,
        masses: list[Array],
    ) -> float:
        """S of a pair; adds to derivatives of factor·S and to its integrand."""
        keys, values = np.array(pair), np.array(pair) + self.heads
        laws, tokens = [], []
        for c, (mean, covariance) in enumerate(zip(fields.means, fields.covariances, strict=True)):
            laws.append(joint_law(law, grids, depth, tables, pair, c))
            tokens.append(
                PairToken(
                    mean[values], covariance[np.ix_(values, keys)], covariance[values[0], values[1]]
                )
            )
        first, second = (grids.weights[h, : grids.sizes[h]] for h in pair)
        found = pair_sum(laws, tokens, fields.shares, first[:, None] * second, self.lengths, factor)
        for h, mass in zip(pair, found.masses, strict=True):
            masses[h] += mass
        slopes.means[:, keys] += found.means
        slopes.means[:, values] += found.values
        slopes.covariances[:, keys[:, None], keys] += found.covariances
        slopes.covariances[:, values[:, None], keys] += found.with_keys
        slopes.covariances[:, values[0], values[1]] += found.between
        return found.square


def joint_law(
    law: Law,
    grids: Grids,
    depth: Depth,
    tables: list[list[Array]],
    pair: tuple[int, int],
    c: int,
) -> Law2:
    """J of two heads on one kind of token: Mehler's series, or where it is too long the narrower
    logit at nodes, and the other one given it."""
    h, k = pair
    terms = depth.terms[c, h, k]
    covariance = law.covariances[c]
    if terms > 0:
        rows = terms + ORDERS - 1
        return Series(
            tables[h][c][:rows],
            tables[k][c][:rows],
            coefficients(covariance[h, k], terms),
        )
    lead = h if covariance[h, h] <= covariance[k, k] else k
    deviation = float(np.sqrt(covariance[lead, lead]))
    nodes, weights = gaussian_rule(deviation, ORDERS, depth.digits)
    found = []
    for head in pair:
        scale = grids.scales[head, : grids.sizes[head]]
        part = covariance[lead, head] / deviation
        own = 0.0 if head == lead else np.sqrt(max(covariance[head, head] - part**2, 0.0))
        moved = (np.exp(part * nodes)[:, None] * scale).ravel()
        table = np.empty((ORDERS, moved.size))
        fill_table(np.minimum(moved, 1e300), law.means[c, head], own, depth.digits, table)
        found.append(table.reshape(ORDERS, nodes.size, scale.size))
    return Shared(found[0], found[1], weights)


def coefficients(covariance: float, terms: int) -> Array:
    """covarianceʳ/r!, shape (terms,)."""
    return np.cumprod(np.concatenate([[1.0], covariance / np.arange(1.0, terms)]))
