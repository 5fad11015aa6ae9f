"""E[φ(x)] and E[φ(x)φ(x′)] of Gaussian logits, for any function φ of one of them (theory 5d).

Of a pair x = μ + σg and x′ = μ′ + (c/σ)g + ρe with independent normals g and e. Trapezoid rules
converge exponentially where φ is analytic, else as a power of the step; the change at the last
halving of the step is the error.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from orderparams.arrays import Array1, Array2, Array3
from orderparams.compiled import kernel
from orderparams.expectations.curves import curve

REACH = 9.0
"""Deviations at which the rules end."""

STEP = 0.6
REFINEMENTS = 5
"""The first step, and how often it is halved at most."""


class Expected(NamedTuple):
    """By law of H logits, C of them: E[φ_h] and its first two derivatives in the mean (C, H);
    E[φ_h φ_h'], its first and second derivative in the mean of x_h, and the one in both means
    (C, H, H)."""

    value: Any
    slope: Any
    bend: Any
    product: Any
    first: Any
    second: Any
    cross: Any


class Derivatives(NamedTuple):
    """By law of H logits, C of them: derivatives 0 … 4 of E[φ_h] in the mean (5, C, H), and
    ∂^a ∂'^b E[φ_h φ_h'] in the means of x_h and x_h', a + b ≤ 4 (5, 5, C, H, H); zero beyond."""

    alone: Any
    together: Any


@kernel(inlined=False)
def alone(of: Any, means: Array2, deviations: Array2, nodes: Array1, weights: Array1) -> Array3:
    """E[φ], E[φ′], E[φ″] of each logit, (3, C, H)."""
    out = np.zeros((3, *means.shape))
    for c in range(means.shape[0]):
        for h in range(means.shape[1]):
            for i in range(nodes.size):
                f, d1, d2 = curve(of, means[c, h] + deviations[c, h] * nodes[i])
                out[0, c, h] += weights[i] * f
                out[1, c, h] += weights[i] * d1
                out[2, c, h] += weights[i] * d2
    return out


@kernel(inlined=False)
def together(
    of: Any,
    means: Array2,
    covariances: Array3,
    nodes: Array1,
    weights: Array1,
    out: Any,
) -> None:
    """E[φφ′] and its derivatives of each pair: fills out (4, C, H, H)."""
    heads = means.shape[1]
    for c in range(means.shape[0]):
        for h in range(heads):
            for k in range(heads):
                deviation = np.sqrt(max(covariances[c, h, h], 0.0))
                other = max(covariances[c, k, k], 0.0)
                slope = covariances[c, h, k] / deviation if deviation > 0.0 else 0.0
                rest = np.sqrt(max(other - slope**2, 0.0))
                value, first, second, cross = 0.0, 0.0, 0.0, 0.0
                for i in range(nodes.size):
                    f, d1, d2 = curve(of, means[c, h] + deviation * nodes[i])
                    mean, mean_slope = 0.0, 0.0
                    for j in range(nodes.size):
                        x = means[c, k] + slope * nodes[i] + rest * nodes[j]
                        g, g1, _ = curve(of, x)
                        mean += weights[j] * g
                        mean_slope += weights[j] * g1
                        if rest == 0.0:
                            mean, mean_slope = g, g1
                            break
                    value += weights[i] * f * mean
                    first += weights[i] * d1 * mean
                    second += weights[i] * d2 * mean
                    cross += weights[i] * d1 * mean_slope
                out[0, c, h, k], out[1, c, h, k] = value, first
                out[2, c, h, k], out[3, c, h, k] = second, cross


def at_step(of: Any, means: Array2, covariances: Array3, step: float) -> Expected:
    """All of it by the trapezoid rule of one step."""
    nodes = step * np.arange(-np.ceil(REACH / step), np.ceil(REACH / step) + 1)
    weights = np.exp(-0.5 * nodes**2)
    weights /= weights.sum()
    deviations = np.sqrt(np.maximum(np.diagonal(covariances, 0, 1, 2), 0.0))
    out = np.empty((4, *covariances.shape))
    together(of, means, covariances, nodes, weights, out)
    return Expected(*alone(of, means, np.ascontiguousarray(deviations), nodes, weights), *out)


def expected(
    of: Any, means: Array2, covariances: Array3, accuracy: float
) -> tuple[Expected, float]:
    """Expectations to an accuracy, as far as the finest rule comes, and the largest error."""
    step = STEP
    found = at_step(of, means, covariances, step)
    for _ in range(REFINEMENTS):
        step, before = 0.5 * step, found
        found = at_step(of, means, covariances, step)
        error = max(
            float(np.abs(a - b).max(initial=0.0)) for a, b in zip(found, before, strict=True)
        )
        if error <= accuracy:
            break
    return found, error
