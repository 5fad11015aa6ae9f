"""The risk of a lone head at any strength, by radii in equal steps of their logarithm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.models.in_context.assembly import assembled, queries
from orderparams.models.in_context.far import FARTHEST_ALONE
from orderparams.models.in_context.found import Found
from orderparams.models.in_context.interpolation import Rule, entries_errors, interpolated
from orderparams.models.in_context.quadrature import MOST_DIGITS, digits_at, expected
from orderparams.models.in_context.radii import even_radii
from orderparams.models.in_context.setup import Prompts

Array = NDArray[np.float64]

OWN = 650.0
"""Largest score Σ_b ω_b r_b² of a query in the softmax, whose exponential must not overflow."""

ENOUGH = 1e-8
"""Error of the risk, in units of that without output, at which rules are fine enough."""

SMOOTH = 20.0
"""Digits at least of the expectations: their errors change in steps, at which a search halts."""

FINER = 1.2
"""Digits of a rule in units of those of the one before."""

MOST = {True: 150_000, False: 6_000}
"""Radii of the finest rule, by tables and without them."""


class LoneHead:
    """The risk of one head to about e^{−digits}, as a function of ω (1, B) and μ (1, J).

    Of several blocks it comes from tables, as there are many radii, but with the query in the
    softmax.
    """

    def __init__(self, prompts: Prompts, digits: float) -> None:
        self.prompts, self.digits = prompts, digits
        self.tables = len(prompts.blocks) > 1 and not prompts.query_in_softmax
        self.known: tuple[Array, Array] = np.zeros((0, 0)), np.zeros((0, 1, 3, 3))

    def __call__(self, key_query: Array, output: Array) -> Found:
        """Risk and gradient; :class:`SolverError` where scores are beyond reach."""
        rule = self.rule(key_query)
        keys = key_query * rule[0]
        largest, own = np.linalg.norm(keys, axis=1).max(), (keys * rule[0]).sum(axis=1).max()
        if largest > FARTHEST_ALONE or (self.prompts.query_in_softmax and own > OWN):
            raise SolverError(f"scores of standard deviation {largest:.4g} are too large")
        if self.tables:
            return interpolated(self.prompts, key_query, output, rule, beyond=True)
        if not np.array_equal(key_query, self.known[0]):  # the best output asks for the same
            self.known = key_query.copy(), self.expectations(keys[:, None], rule)
        pairs = np.zeros((len(keys), 0, 4, 6))
        return assembled(self.prompts, rule[:2], key_query, output, (self.known[1], pairs))

    def expectations(self, keys: Array, rule: Rule) -> Array:
        """Those of a head (R, 1, 3, 3) at keys (R, 1, B)."""
        digits = digits_at(*rule[:2], min(max(self.digits, SMOOTH) + 2.0, MOST_DIGITS))
        own = queries(self.prompts, rule[0], keys)
        return expected(self.prompts.length, keys, own, digits, pairs=False)[0]

    def rule(self, key_query: Array) -> Rule:
        """Radii for scores of this size."""
        largest = float(np.abs(key_query * np.sqrt(self.prompts.blocks)).max())
        scale = 2.0 ** np.ceil(np.log2(max(largest, 1.0)))
        return even_radii(self.prompts.sizes, self.digits, scale)

    def with_error(self, key_query: Array, output: Array) -> Found:
        """The same by finer rules, with the error of the risk: the difference from one that is
        coarser. They become finer until it is below ENOUGH, radii are too many or too far."""
        head, found, missed = self, self(key_query, output), np.inf
        while missed > ENOUGH * self.prompts.strengths.sum():
            finer = LoneHead(self.prompts, FINER * head.digits)
            if len(finer.rule(key_query)[0]) > MOST[self.tables]:
                break
            try:
                better = finer(key_query, output)
            except SolverError:
                break
            head, found, missed = finer, better, difference(better, found)
        if head is self:
            coarse = LoneHead(self.prompts, self.digits / FINER)
            missed = difference(found, coarse(key_query, output))
        entries = 0.0
        if self.tables:
            at = self.prompts, key_query, output, head.rule(key_query)
            entries = entries_errors(*at, beyond=True)[0]
        return replace(found, error=missed + entries)


def difference(one: Found, other: Found) -> float:
    """The largest one of risks."""
    return float(np.abs(one.risk - other.risk).max())
