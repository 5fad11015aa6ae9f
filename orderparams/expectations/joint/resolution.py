"""How finely to discretise for a given error, and how to know the error that remains.

Along one Gaussian axis the integrands of a single normaliser are analytic in a strip (see
:func:`axis_rules`), so that the trapezoid rule converges exponentially; where the integrand hardly
varies a few Gauss–Hermite nodes do better. In τ the trapezoid rule converges as e^{−π²/step}. Each
step is chosen by a bound on its error, so that an error cannot exceed its level because two levels
happen to agree.
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
Integers = NDArray[np.int64]

MIDDLE = (0.5 * 1.5 * 2.5 * 3.5) ** 2 / 40320
"""Largest |Π (u − i)|/8! of eight nodes i between the two in the middle."""

MOST_HERMITE = 12
"""Nodes of the largest Gauss–Hermite rule."""

FINEST = 5e-14
"""No level is finer: rounding dominates there."""

BOUND = 2.0
"""Largest error in units of the level and of a value's size; measured: 1.8 in 20,000 values."""

ROUNDING = 1e-13
"""Error that no level falls below; part of every estimate."""

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
    def order(self) -> int:
        """Highest n of the K_n that occur: 4 for the gradient, 6 for V."""
        return 6 if self.covariance else 4

    @property
    def tau_step(self) -> float:
        """Step in τ."""
        return tau_step(self.error, self.order)

    @property
    def scores_per_step(self) -> int:
        """Points of the lattice in the score x (see ``scores``) for one step in τ."""
        return scores_per_step(self.error, self.order)

    @property
    def score_step(self) -> float:
        """Step of the lattice in the score x."""
        return self.tau_step / self.scores_per_step

    @property
    def axis_digits(self) -> float:
        """Digits of the trapezoid rule along a Gaussian axis: its integrands have poles.

        A pole of the order n multiplies the error by about its logarithm to the (n−1)th over (n−1)!
        """
        return self.digits + (10.5 if self.covariance else 7.0)

    @property
    def small_enough(self) -> float:
        """Bound below which an error of a Gauss–Hermite rule may be neglected."""
        return 0.5 * self.error

    def cut(self, tokens: float = 1.0) -> float:
        """Smallest density, relative to the largest, of a node that is kept.

        ``tokens`` is the number of tokens of which each may be the one far out in the tail.
        """
        return self.error / (100.0 * tokens)


def waves_of_kernel(frequencies: Array, order: int) -> Array:
    """|Γ(n+ik)|/(n−1)! at frequencies k > 0: the spectrum of K_n(τ), n the order, over its mass."""
    factors = np.log(1.0 + np.divide.outer(frequencies, np.arange(1, order)) ** 2).sum(axis=1)
    first = np.log(2.0 * np.pi * frequencies) - np.pi * frequencies
    first -= np.log(-np.expm1(-2.0 * np.pi * frequencies))
    waves: Array = np.exp(0.5 * (first + factors))
    return waves


@cache
def tau_step(error: float, order: int) -> float:
    """Step at which the trapezoid rule for K_n errs by half of the error, in units of its mass."""
    frequencies = np.arange(2.0, 80.0, 0.01)
    aliases = 2.0 * waves_of_kernel(frequencies, order)
    return float(2.0 * np.pi / frequencies[np.argmax(aliases <= 0.5 * error)])


@cache
def scores_per_step(error: float, order: int) -> int:
    """Points a step in τ at which the interpolation of K_n from eight of them errs by ≤ 2 error.

    Bounds the error of each wave, in the middle where it is largest, by its next term.
    """
    frequencies = np.arange(0.05, 80.0, 0.05)
    spectrum = 0.05 / np.pi * waves_of_kernel(frequencies, order)
    for count in range(5, 64):
        waves = np.minimum((frequencies * tau_step(error, order) / count) ** 8 * MIDDLE, 2.0)
        if waves @ spectrum <= 2.0 * error:
            break
    return count


@dataclass(frozen=True, eq=False)
class Rule:
    """Nodes (k,) and weights (k,) for a standard normal variable, and a bound on their error."""

    nodes: Array
    weights: Array
    error: float


@cache
def hermite_rule(count: int) -> tuple[Array, Array]:
    """Nodes and weights of the Gauss–Hermite rule with ``count`` nodes, for the normal weight."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(count)
    return nodes.astype(np.float64), (weights / weights.sum()).astype(np.float64)


SLOPES = np.geomspace(1e-16, 1e4, 600)
"""Slopes at which rules are made: any other has the rules of the next larger one, so that states
that differ little share them."""

FREQUENCIES = np.linspace(0.05, 12.0, 240)

SPECTRUM = 0.05 * np.pi * FREQUENCIES**3 / np.sinh(np.pi * FREQUENCIES)
"""That of the logistic function's derivative, πk/sinh πk, differentiated twice: what Γ needs."""


@cache
def hermite_errors() -> Array:
    """Bounds (SLOPES, rules) on the errors of the Gauss–Hermite rules with 1, 2, … nodes.

    Bounds the error of E[f''(slope·g)] for functions f with the spectrum of the logistic function's
    derivative by the rule's error on each wave.
    """
    phases = SLOPES[:, None] * FREQUENCIES
    errors = np.empty((len(SLOPES), MOST_HERMITE))
    for count in range(1, MOST_HERMITE + 1):
        nodes, weights = hermite_rule(count)
        waves = np.tensordot(weights, np.cos(np.multiply.outer(nodes, phases)), 1)
        errors[:, count - 1] = np.abs(waves - np.exp(-0.5 * phases**2)) @ SPECTRUM
    return errors


@cache
def interpolation_errors() -> Array:
    """Bounds (SLOPES, rules) on the errors of interpolation from Gauss–Hermite nodes.

    As :func:`hermite_errors`, for E[f''(slope·g) w(g)] with any |w| ≤ 1: by the root of the mean
    square error of the interpolated wave.
    """
    phases = np.geomspace(1e-18, 48.0, 600)
    points = np.arange(-9.0, 9.0, 0.1)
    density = 0.1 * np.exp(-0.5 * points**2) / np.sqrt(2.0 * np.pi)
    waves = np.exp(1j * np.multiply.outer(phases, points))
    errors = np.empty((len(SLOPES), MOST_HERMITE))
    for count in range(1, MOST_HERMITE + 1):
        nodes, _ = hermite_rule(count)
        found = np.exp(1j * np.multiply.outer(phases, nodes)) @ lagrange(nodes, points)
        of_wave = np.sqrt(np.abs(found - waves) ** 2 @ density)
        logs = np.log(SLOPES[:, None] * FREQUENCIES)
        errors[:, count - 1] = np.interp(logs, np.log(phases), of_wave) @ SPECTRUM
    return errors


def lagrange(nodes: Array, points: Array) -> Array:
    """Lagrange's polynomials (n, k) of n nodes at k points."""
    gaps = nodes[:, None] - nodes
    own = np.eye(len(nodes), dtype=bool)
    ratios = (points - nodes[:, None]) / np.where(own, 1.0, gaps)[..., None]
    ratios[own] = 1.0
    return np.asarray(ratios.prod(axis=1))


def places(slopes: Array) -> Integers:
    """Places (n,) of slopes (n,) among SLOPES."""
    return np.minimum(np.searchsorted(SLOPES, slopes), len(SLOPES) - 1)


def _nodes_needed(errors: Array, resolution: Resolution) -> Array:
    """How many nodes have small enough an error (SLOPES,); infinite where no rule has."""
    enough = errors < resolution.small_enough
    return np.where(enough.any(axis=1), 1.0 + enough.argmax(axis=1), np.inf)


@cache
def interpolation_sizes(resolution: Resolution) -> Array:
    """Gauss–Hermite nodes (SLOPES,) from which to interpolate; infinite where they do not serve."""
    return _nodes_needed(interpolation_errors(), resolution)


def trapezoid_step(slope: float, resolution: Resolution) -> float:
    """Step of the trapezoid rule along an axis of the given slope (see :func:`axis_rules`)."""
    digits = resolution.axis_digits
    strip = min(np.pi / max(slope, 1e-300), np.sqrt(2.0 * digits))
    return float(2.0 * np.pi * strip / (digits + 0.5 * strip**2))


@cache
def axis_sizes(resolution: Resolution, cut: float) -> Array:
    """Nodes of the last of the :func:`axis_rules` at all SLOPES."""
    reach = np.sqrt(-2.0 * np.log(cut))
    steps = np.array([trapezoid_step(slope, resolution) for slope in SLOPES])
    return np.asarray(
        np.minimum(_nodes_needed(hermite_errors(), resolution), 2.0 * (reach // steps) + 1.0)
    )


@cache
def axis_rules(place: int, resolution: Resolution, cut: float) -> tuple[Rule, ...]:
    """Rules for E[f(g)], g ~ N(0, 1), f analytic for |Im g| < π/slope, the last one exact enough.

    ``place`` is that of the slope among SLOPES. A function of the score x = log Σ_h e^{b_h + a_h g}
    that is analytic for |Im x| < π is such an f with slope = max(0, a) − min(0, a): no two of the
    phases a_h Im g and zero then differ by π. The trapezoid rule then errs by e^{y²/2 − 2πy/step}
    with y = min(π/slope, 2π/step). Its nodes end where the density has fallen to ``cut``. Where
    Gauss–Hermite needs fewer nodes, all rules up to the one that does are returned.
    """
    count = int(axis_sizes(resolution, cut)[place])
    errors = hermite_errors()[place]
    if count <= MOST_HERMITE and errors[count - 1] < resolution.small_enough:
        return tuple(Rule(*hermite_rule(n), float(errors[n - 1])) for n in range(1, count + 1))
    step = trapezoid_step(float(SLOPES[place]), resolution)
    nodes = step * np.arange(-(count // 2), count // 2 + 1, dtype=np.float64)
    weights = step * np.exp(-0.5 * nodes**2) / np.sqrt(2.0 * np.pi)
    return (Rule(nodes, weights, resolution.error),)


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


def rounded(level: float) -> float:
    """A level of at least FINEST that many states share, at most an eighth below this one."""
    if not level > FINEST:
        return FINEST
    return max(float(10.0 ** (np.floor(20.0 * np.log10(level)) / 20.0)), FINEST)


def converge(
    solve: Callable[[Resolution], tuple[Array, float] | None],
    tolerance: float,
    sizes: Array,
    judged: int,
) -> tuple[Array, Array] | None:
    """Values of ``solve`` and bounds on their absolute errors, both of one shape.

    ``solve`` returns values and by how much a check fails, or None at a level that is too costly
    for it. The level is that at which the errors of the first ``judged`` values are within the
    tolerance, or the finest one that can be afforded; None if only useless levels can be.

    An error is at most BOUND levels, times the value's entry of ``sizes``: by how the steps are
    chosen. Should the check fail by more, errors grow with it and a finer level is tried.
    """
    wanted = rounded((0.999 * tolerance / sizes[:judged].max() - ROUNDING) / BOUND)
    level = wanted
    while (found := solve(Resolution(level))) is None:
        level *= 10.0
        if level > COARSEST:
            return None
    while True:
        values, missed = found
        errors: Array = sizes * (max(BOUND * level, missed) + ROUNDING)
        worst = errors[:judged].max()
        if worst <= tolerance or level <= FINEST or level > wanted:
            return values, errors
        level = rounded(0.5 * level * tolerance / worst)
        finer = solve(Resolution(level))
        if finer is None:
            return values, errors
        found = finer
