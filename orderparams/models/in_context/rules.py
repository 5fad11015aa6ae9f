"""Rules of the integrals: over τ, and over scores."""

from __future__ import annotations

import numpy as np

from orderparams.arrays import Array1
from orderparams.compiled import kernel, part
from orderparams.expectations.laws import Lengths
from orderparams.expectations.separate.laplace import lay_grids, locate
from orderparams.expectations.separate.law import Law
from orderparams.expectations.separate.smoothing import normal_weights, progression

ROWS = 6
"""K_0 − 1, K_1, …: values need four, derivatives two more."""

LINES = 24
"""Lines in the complex plane, parallel to the real one, among which a step is chosen."""

WEIGHTLESS = -300.0
"""Score of a token that counts for nothing."""


@kernel()
def step_of(length: int, digits: float) -> float:
    """The step h of τ at which the trapezoidal rule has so many digits (natural logarithms).

    Its error is the Fourier transform of e^{jτ − ce^τ} at ω = 2π/h, Γ(j + iω) ~ ω^{j−½} e^{−πω/2}.
    The powers that count are the smaller the longer the prompt.
    """
    power = 1.0 + 3.0 * np.sqrt(2.0 / length)
    step = 0.4
    for _ in range(6):
        step = np.pi**2 / (digits + power * np.log(2.0 * np.pi / step))
    return float(step)


@part()
def score_rule(deviation: float, digits: float) -> tuple[Array1, Array1]:
    """Trapezoid nodes g and weights for E[K_j(τ + deviation·g)], j ≤ ROWS, to e^{−digits}.

    On the line Im g = y the integrand grows by at most e^{y²/2} cos(y·deviation)^{−j}, and
    the step makes e^{−2πy/step} outweigh that at the best y.
    """
    if deviation == 0.0:
        return np.zeros(1), np.ones(1)
    step, widest = 0.0, min(0.5 * np.pi / deviation, np.sqrt(2.0 * digits))
    for i in range(1, LINES):
        y = widest * i / LINES
        growth = 0.5 * y * y - ROWS * np.log(np.cos(y * deviation))
        step = max(step, 2.0 * np.pi * y / (digits + growth))
    half = int(np.ceil((np.sqrt(2.0 * digits) + 1.0) / step))
    nodes = progression(-half * step, step, 2 * half + 1)
    return nodes, normal_weights(nodes, step)


@part()
def law_of(first: float, second: float, cross: float) -> Law:
    """The law of two heads' scores as grids ask for it, with a signal token that has no weight.

    In the place of the covariance of both stands the one with which their difference has the
    deviation that one of them has given the other: as wide is the ridge of Φ, whatever its slope.
    """
    covariances, deviations = np.zeros((2, 2, 2)), np.zeros((2, 2))
    covariances[0, 0, 0], covariances[0, 1, 1] = first, second
    largest = max(first, second)
    rest = max(first * second - cross * cross, 0.0) / largest if largest > 0.0 else 0.0
    ridge = 0.5 * (first + second - rest)
    covariances[0, 0, 1], covariances[0, 1, 0] = ridge, ridge
    deviations[0, 0], deviations[0, 1] = np.sqrt(first), np.sqrt(second)
    means = np.zeros((2, 2))
    means[1, 0], means[1, 1] = WEIGHTLESS, WEIGHTLESS
    return Law(means, covariances, deviations, np.ones(2), 1.0)


@part()
def grid_of(head: int, law: Law, length: int, kappa: float, digits: float) -> tuple[Array1, Array1]:
    """e^τ and the weights e^{−κe^τ} dτ (n,) of a head."""
    others, shares = np.empty(1, np.int64), np.ones(1)
    others[0] = length - 1
    located = locate(law, Lengths(others, shares), kappa, digits)
    grids = lay_grids(located[head : head + 1], kappa, step_of(length, digits))
    return grids.scales[0], grids.weights[0]
