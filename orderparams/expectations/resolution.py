"""How finely to discretise for a given error, and how to know the error that remains.

Along one Gaussian axis the integrands of a single normaliser are analytic in a strip (see
:func:`axis_rules`), so that the trapezoid rule converges exponentially; where the integrand hardly
varies a few Gauss–Hermite nodes do better. In τ the trapezoid rule converges as e^{−π²/step}.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SCORES_PER_STEP = 5
"""Points of the lattice in the score x (see ``scores``) for one step in τ."""

COARSER = 100.0
"""Ratio of the target errors of two neighbouring levels of refinement."""

MOST_HERMITE = 12
"""Nodes of the largest Gauss–Hermite rule."""

FINEST = 1e-14
"""No level is finer: rounding dominates there."""

COARSEST = 1e-5
"""A grid that can only be afforded at a coarser level than this is worse than sampling."""


@dataclass(frozen=True)
class Resolution:
    """A discretisation meant for an absolute error of about ``error``, or that of V too."""

    error: float
    covariance: bool = False

    @property
    def digits(self) -> float:
        """The error as a natural logarithm, positive."""
        return -float(np.log(self.error))

    @property
    def tau_step(self) -> float:
        """Step in τ; the Laplace transform's error at k = 2π/step is ≤ error.

        It is |Γ(4+ik)|/3! for the gradient, |Γ(6+ik)|/5! for V.
        """
        return float(np.pi**2 / (self.digits + (14.0 if self.covariance else 9.0)))

    @property
    def score_step(self) -> float:
        """Step of the lattice in the score x."""
        return self.tau_step / SCORES_PER_STEP

    @property
    def small_enough(self) -> float:
        """Bound below which an error of a Gauss–Hermite rule may be neglected; bounds are loose."""
        return 3.0 * self.error

    def cut(self, tokens: float = 1.0) -> float:
        """Smallest density, relative to the largest, of a node that is kept.

        ``tokens`` is the number of tokens of which each may be the one far out in the tail.
        """
        return self.error / (100.0 * tokens)


@dataclass(frozen=True, eq=False)
class Rule:
    """Nodes (k,) and weights (k,) for a standard normal variable, and a bound on their error."""

    nodes: Array
    weights: Array
    error: float


@cache
def _hermite_rules() -> tuple[tuple[Array, Array], ...]:
    """Gauss–Hermite rules with 1, 2, … nodes for the standard normal weight."""
    rules = []
    for count in range(1, MOST_HERMITE + 1):
        nodes, weights = np.polynomial.hermite_e.hermegauss(count)
        rules.append((nodes, weights / weights.sum()))
    return tuple(rules)


@cache
def _hermite_errors() -> tuple[Array, Array]:
    """Slopes (n,), and bounds (n, rules) on the errors of the Gauss–Hermite rules at these slopes.

    Bounds the error of E[f''(slope·g)] for functions f with the spectrum of the logistic function's
    derivative, πk/sinh πk, by the rule's error on each wave: what Γ needs.
    """
    frequencies = np.linspace(0.05, 12.0, 240)
    spectrum = 0.05 * np.pi * frequencies**3 / np.sinh(np.pi * frequencies)
    slopes = np.geomspace(1e-8, 4.0, 240)
    phases = slopes[:, None] * frequencies
    errors = np.empty((len(slopes), MOST_HERMITE))
    for rule, (nodes, weights) in enumerate(_hermite_rules()):
        waves = np.zeros_like(phases)
        for node, weight in zip(nodes, weights, strict=True):
            waves += weight * np.cos(phases * node)
        errors[:, rule] = np.abs(waves - np.exp(-0.5 * phases**2)) @ spectrum
    return slopes, errors


def axis_rules(slope: float, resolution: Resolution, cut: float) -> list[Rule]:
    """Rules for E[f(g)], g ~ N(0, 1), f analytic for |Im g| < π/slope, the last one exact enough.

    A function of the score x = log Σ_h e^{b_h + a_h g} that is analytic for |Im x| < π is such an f
    with slope = max(0, a) − min(0, a): no two of the phases a_h Im g and zero then differ by π.
    The trapezoid rule then errs by e^{y²/2 − 2πy/step} with y = min(π/slope, 2π/step). Its nodes
    end where the density has fallen to ``cut``; their number varies smoothly with the slope. Where
    Gauss–Hermite needs fewer nodes, all rules up to the one that does are returned.
    """
    digits = resolution.digits + 6.0
    strip = min(np.pi / max(slope, 1e-300), np.sqrt(2.0 * digits))
    step = 2.0 * np.pi * strip / (digits + 0.5 * strip**2)
    count = int(np.sqrt(-2.0 * np.log(cut)) / step)
    slopes, bounds = _hermite_errors()
    errors = bounds[min(int(np.searchsorted(slopes, slope)), len(slopes) - 1)]
    enough = np.flatnonzero(errors < resolution.small_enough)
    if len(enough) and enough[0] <= 2 * count:
        last = int(enough[0]) + 1
        return [
            Rule(*rule, float(error))
            for rule, error in zip(_hermite_rules()[:last], errors[:last], strict=True)
        ]
    nodes = step * np.arange(-count, count + 1)
    weights = step * np.exp(-0.5 * nodes**2) / np.sqrt(2.0 * np.pi)
    return [Rule(nodes, weights, resolution.error)]


def combination(
    axes: Sequence[Sequence[Rule]], threshold: float, most: int
) -> dict[tuple[int, ...], int] | None:
    """Sparse product of rules of growing accuracy: coefficient of each choice of one rule per axis.

    The product of the last rules is a sum, over choices, of products of differences between
    neighbouring rules; those are kept whose errors multiply to ``threshold`` or more. None if more
    than ``most`` are.
    """
    kept: list[tuple[tuple[int, ...], float]] = [((), 1.0)]
    for rules in axes:
        sizes = [1.0, *(rule.error for rule in rules[:-1])]
        kept = [
            ((*choice, level), size * other)
            for choice, size in kept
            for level, other in enumerate(sizes)
            if level == 0 or size * other >= threshold
        ]
        if len(kept) > most:
            return None
    coefficients: Counter[tuple[int, ...]] = Counter()
    for choice, _ in kept:
        for lowered in itertools.product(*((0, 1) if level else (0,) for level in choice)):
            coarser = tuple(level - by for level, by in zip(choice, lowered, strict=True))
            coefficients[coarser] += (-1) ** sum(lowered)
    return {choice: coefficient for choice, coefficient in coefficients.items() if coefficient}


def converge(
    solve: Callable[[Resolution], Array | None], tolerance: float, judged: int
) -> tuple[Array, Array] | None:
    """Values of ``solve`` and their estimated absolute errors, both of one shape.

    ``solve`` returns None at a level that is too costly for it. Starts at the level of the
    tolerance, or the finest one that can be afforded, and refines until the errors of the first
    ``judged`` values are within the tolerance or no finer level can be afforded; None if only
    useless levels can be.

    Errors are proportional to the level (measured: at most twice the level for risk and gradient),
    so that a hundredth of the change from a level a hundred times coarser is what to expect. The
    estimate is ten times that, plus a quarter of the level in case the change happens to be small.
    """
    level = max(tolerance, FINEST)
    while (fine := solve(Resolution(level))) is None:
        level *= 10.0
        if level > COARSEST:
            return None
    coarse = solve(Resolution(min(COARSER * level, 0.1)))
    while True:
        assert coarse is not None  # a coarser level costs less
        errors: Array = 10.0 * np.abs(fine - coarse) / COARSER + 0.25 * level
        if errors[:judged].max() <= tolerance or level <= FINEST:
            return fine, errors
        level = max(level / COARSER, FINEST)
        finer = solve(Resolution(level))
        if finer is None:
            return fine, errors
        coarse, fine = fine, finer
