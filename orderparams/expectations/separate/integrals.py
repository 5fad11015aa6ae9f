"""Σ α_h A_h + Σ γ_hh' G_hh' of heads with normalisers of their own, for any α and γ (theory 5b).

With the shares s_hℓ = e^{χ_hℓ+β_h}/(κ + Σ_j e^{χ_hj+β_h}) of L tokens, of which one, ε, has a law
of its own,

    A_h = E[s_hε],    G_hh' = E[Σ_ℓ σ_ℓ² s_hℓ s_h'ℓ],

σ_ε² being the variance of the noise of ε, and 1 that of the others.

Both are integrals over one Laplace variable τ a head (:mod:`heads`, :mod:`pairs`), by trapezoid
rules whose error falls exponentially in 1/step. The cost grows as H² and with the number of
components of ε; it does not depend on L.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.ahead import compile_missing
from orderparams.errors import SolverError
from orderparams.expectations.laws import Lengths, Mixture
from orderparams.expectations.separate.laplace import lay_grids, locate
from orderparams.expectations.separate.law import Depth, Grids, Integrated, Law, Seeds
from orderparams.expectations.separate.nothing import mass_on_nothing
from orderparams.expectations.separate.pairs import seeded_integrals, table_depth
from orderparams.expectations.separate.smoothing import gaussian_rule

Array = NDArray[np.float64]

KERNELS = (locate, lay_grids, table_depth, seeded_integrals)

ATTEMPTS = 8
MOST_NODES = 1024
"""Rules tried, and nodes in τ that a second one may have, before a larger error is reported."""

MARGIN = 16.0
"""The error of sum and gradients in units of what a rule misses of two identities."""

NEGLECTED = 0.3
"""The same of what windows, rules in the logits and Mehler's series leave out, in units of the
accuracy asked of each."""

FINEST = 1e-13
"""Accuracy relative to coefficients and laws that is asked for at most."""

ROUNDING = 4e-14
"""Its error from rounding."""

BROADEST = 32.0
"""Largest standard deviation of a logit: nodes and time grow with it."""

FARTHEST = 600.0
"""Largest mean of a logit: exponentials stay finite."""

MEMORY_LIMIT = 4 * 2**30
"""Bytes of tables beyond which an evaluation is refused."""


@dataclass(frozen=True, eq=False)
class Gradient:
    """Derivatives of a seeded sum: in the overlap m (H, F) at fixed q, in the self-overlap q, which
    is symmetric with all entries independent (H, H), and in the bias β (H,)."""

    overlap: Array
    self_overlap: Array
    bias: Array


@dataclass(frozen=True, eq=False)
class SeededSum:
    """Σ α_h A_h + Σ γ_hh' G_hh': A (H,), G (H, H), and the sum's gradient, None where it was not
    asked for. ``error`` is an estimate of the largest absolute error among sum and gradient."""

    seeds: Seeds
    attended: Array
    overlaps: Array
    gradient: Gradient | None
    error: float

    @property
    def value(self) -> float:
        """The sum."""
        alpha, gamma = self.seeds
        return float(alpha @ self.attended + (gamma * self.overlaps).sum())


class Integrals:
    """Seeded sums for logits χ_hℓ ~ N(0, q) of all tokens but ε, whose are σ_ε χ_hε + m_h·θ.

    ``variance`` is σ_ε². θ is distributed as ``signal`` in F directions; a model whose tokens are
    all alike has one component of mean and covariance zero. The step in τ starts from a rule of
    thumb and is shortened until two exact identities hold to the absolute ``tolerance``; where they
    never do, the error exceeds it. Errors below 1e-13 are not to be had. Without gradients the
    square of the difference between every other node and the rest stands for one of the two: the
    rule's error is a wave of the integrand of twice the frequency, and its size falls
    exponentially.
    """

    def __init__(
        self,
        signal: Mixture,
        lengths: Lengths,
        kappa: float,
        tolerance: float,
        variance: float = 1.0,
    ) -> None:
        self.signal, self.lengths, self.kappa = signal, lengths, kappa
        self.tolerance, self.variance = tolerance, variance
        self._longest = lengths.others.max()
        self._largest = max(1.0, np.abs(signal.means).max())
        self._shares = np.concatenate([[1.0], signal.weights])
        self._covariances = signal.covariances if signal.covariances.any() else None

    def sum(
        self,
        overlap: Array,
        self_overlap: Array,
        bias: Array,
        seeds: Seeds,
        *,
        gradient: bool = True,
    ) -> SeededSum:
        """The sum at m (H, F), q (H, H) and β (H,); :class:`SolverError` where it is out of range.

        Without its gradient it takes about half the time.
        """
        law, spread = self.law(overlap, self_overlap, bias)
        compile_missing(KERNELS)
        # of the gradients, those in m carry factors μ_c and m Σ_c
        most = max(1.0, self.variance)
        pairs = most * float(np.abs(seeds.gamma).max())
        heavy = max(1.0, 0.5 * np.abs(seeds.alpha).max(), pairs)
        size = heavy * max(self._largest, 2.0 * np.abs(spread).max(), most)
        accuracy = max(self.tolerance / size, FINEST)
        digits = np.log(self._longest / accuracy)
        located = locate(law, self.lengths, self.kappa, np.log(100.0 / accuracy))
        depth = table_depth(law, 0.02 * accuracy, digits)
        differentiate = gradient or depth.splits > 0  # a ripple does not see their ridges
        step = 7.3 / np.log(100.0 / accuracy)
        for attempt in range(ATTEMPTS):
            grids = lay_grids(located, self.kappa, step)
            if attempt > 0 and grids.scales.shape[1] > MOST_NODES:
                break
            found, missed, rippled = self.integrate(law, grids, seeds, depth, differentiate)
            missed = max(missed / heavy, (rippled / heavy) ** 2)
            error = NEGLECTED * accuracy + MARGIN * missed + ROUNDING
            if error <= accuracy or missed <= 0.1 * ROUNDING:
                break
            step *= np.clip(np.log(100.0 / missed) / np.log(3000.0 / accuracy), 0.3, 0.85)
        attended, overlaps, _, slopes = found
        return SeededSum(
            seeds,
            attended,
            overlaps,
            self._gradient(*slopes, spread) if gradient else None,
            float(size * error),
        )

    def nothing(self, overlap: Array, self_overlap: Array, bias: Array) -> Array:
        """κ E[1/Z_h] (C, H), what each head leaves to nothing given each component of the signal;
        :class:`SolverError` where it is out of range."""
        law, _ = self.law(overlap, self_overlap, bias)
        compile_missing((locate, lay_grids, mass_on_nothing))
        accuracy = max(self.tolerance, FINEST)
        located = locate(law, self.lengths, self.kappa, np.log(100.0 / accuracy))
        grids = lay_grids(located, self.kappa, 7.3 / np.log(100.0 / accuracy))
        digits = np.log(self._longest / accuracy)
        found: Array = mass_on_nothing(grids, law, self.lengths, self.kappa, digits)
        return found

    def law(self, overlap: Array, self_overlap: Array, bias: Array) -> tuple[Law, Array]:
        """Law of the logits, and m Σ_c (C, H, F); :class:`SolverError` where it is out of range."""
        spread = np.zeros((len(self.signal.weights), *overlap.shape))
        if self._covariances is not None:
            spread = overlap @ self._covariances
        means = np.concatenate([bias[None], bias + self.signal.means @ overlap.T])
        own = self.variance * self_overlap + spread @ overlap.T
        covariances = np.concatenate([self_overlap[None], own])
        deviations = np.sqrt(np.maximum(np.diagonal(covariances, 0, 1, 2), 0.0))
        broadest, farthest = deviations.max(), np.abs(means).max()
        if not (broadest <= BROADEST and farthest <= FARTHEST):
            raise SolverError(
                f"the logits have standard deviations up to {broadest:.3g} and means up to "
                f"{farthest:.3g}; quadrature serves {BROADEST:g} and {FARTHEST:g}, "
                "expectation.engine = 'sampling' more"
            )
        return Law(means, covariances, deviations, self._shares, self.variance), spread

    def integrate(
        self, law: Law, grids: Grids, seeds: Seeds, depth: Depth, gradient: bool
    ) -> tuple[Integrated, float, float]:
        """:func:`pairs.seeded_integrals`; :class:`SolverError` for tables that would not fit."""
        count = grids.sizes.size * len(law.shares) * int(depth.rows.max())
        if depth.splits:
            nodes = gaussian_rule(law.deviations.max(), 4, depth.digits)[0].size
            count += 6 * depth.splits * nodes
        check_memory(8 * grids.scales.shape[1] * count)
        return seeded_integrals(grids, law, self.lengths, self.kappa, seeds, depth, gradient)

    def _gradient(self, of_means: Array, of_covariances: Array, spread: Array) -> Gradient:
        """From derivatives in the law of the logits to those in m, q and β."""
        of_overlap = of_means[1:].T @ self.signal.means
        of_overlap += 2.0 * (of_covariances[1:] @ spread).sum(axis=0)
        of_covariances[1:] *= self.variance
        return Gradient(of_overlap, of_covariances.sum(axis=0), of_means.sum(axis=0))


def check_memory(size: int) -> None:
    """:class:`SolverError` for tables that would not fit."""
    if size > MEMORY_LIMIT:
        raise SolverError(
            f"the quadrature of these logits takes {size / 2**30:.0f} GiB, more than the "
            f"{MEMORY_LIMIT / 2**30:.0f} allowed: use expectation.engine = 'sampling', or a signal "
            "with fewer components"
        )
