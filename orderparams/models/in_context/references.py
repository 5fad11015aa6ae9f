"""Risks to compare with, all sums over tasks. All are exact but the superposition bound.

That bound is the limit ω → 0 of heads whose outputs sum to zero; at finite N heads can be slightly
below it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from orderparams.models.in_context.linear import curvature
from orderparams.models.in_context.setup import Prompts
from orderparams.models.interface import Reference

Array = NDArray[np.float64]

SAMPLES = 4000
"""Of Wishart matrices for the Bayes risk, fewer of large ones."""

CHUNK = 1_000_000
"""Numbers in the matrices that are drawn together."""

LARGEST = 1000
"""Examples or coordinates, the fewer of them, up to which the Bayes risk is sampled."""


def references(prompts: Prompts, heads: int, activation: str = "softmax") -> dict[str, Reference]:
    """All that are known of a task and so many heads."""
    found = {
        "bayes_risk": bayes(prompts),
        "debiased_gd_risk": Reference(float(debiased(prompts).sum())),
        "linear_gd_risk": Reference(float(linear(prompts).sum())),
    }
    if activation == "softmax" and np.isfinite(bound := superposition(prompts, heads)):
        found["superposition_risk"] = Reference(bound)
    return found | {"zero_risk": Reference(float(prompts.strengths.sum()))}


def debiased(prompts: Prompts) -> Array:
    """One step of preconditioned GD on debiased examples, at its best step (J,)."""
    n, scaled = prompts.length, prompts.length * prompts.variances
    gain = scaled / (scaled + prompts.labels[:, None])
    found: Array = prompts.strengths.sum(1) - (n - 1) / n * (prompts.strengths * gain).sum(1)
    return found


def linear(prompts: Prompts) -> Array:
    """Linear attention, which is one step of preconditioned GD, at its best step (J,)."""
    found: Array = (prompts.strengths * (1 - prompts.strengths / curvature(prompts))).sum(1)
    return found


def superposition(prompts: Prompts, heads: int) -> float:
    """Equal tasks on blocks of their own that share two heads or more: Σ_j S (p + D)/(Np + D),
    p = min(1, (H − 1)/J); NaN of other tasks, and with the query in the softmax, where heads share
    their mean with one token more."""
    used = prompts.strengths > 0
    alike = [
        np.unique(prompts.blocks),
        np.unique(prompts.strengths[used]),
        np.unique(prompts.noise),
    ]
    single = (used.sum(1) == 1).all() and (used.sum(0) == 1).all()
    lawful = heads >= 2 and not prompts.query_in_softmax
    if not lawful or not single or any(len(values) > 1 for values in alike):
        return float("nan")
    (size,), (strength,), (noise,) = alike
    count = len(prompts.strengths)
    share, effective = min(1.0, (heads - 1) / count), size * (1 + noise**2 / strength)
    risk = (share + effective) / (prompts.length * share + effective)
    return float(count * strength * risk)


def bayes(prompts: Prompts) -> Reference:
    """Ridge regression with the true variances: the mean over prompts, sampled."""
    risk = variance = 0.0
    for j, noise in enumerate(prompts.noise):
        variances = np.repeat(prompts.variances[j], prompts.blocks.astype(int))
        mean, square = posterior(prompts.length, variances[variances > 0], float(noise))
        risk, variance = risk + mean, variance + square
    return Reference(risk, float(np.sqrt(variance)))


def posterior(length: int, variances: Array, noise: float) -> tuple[float, float]:
    """The mean trace of a posterior covariance, and the variance of its estimate; NaN if large."""
    size = len(variances)
    fewer = min(length, size)
    if noise == 0 and length >= size:
        return 0.0, 0.0
    if fewer > LARGEST:
        return float("nan"), float("nan")
    drawn = np.random.default_rng(0)
    samples = max(8, min(SAMPLES, int(1e8 / (fewer * (fewer**2 + 1000)))))
    found = np.concatenate(
        [
            grams(drawn, count, length, variances, noise)
            if length <= size
            else traces(examples(drawn, count, length, size), variances, noise)
            for count in chunks(samples, fewer**2)
        ]
    )
    return float(found.mean()), float(found.var(ddof=1) / samples)


def chunks(samples: int, numbers: int) -> Iterator[int]:
    """Numbers of samples, of so many numbers each, that are taken together."""
    most = max(1, CHUNK // numbers)
    while samples > 0:
        yield min(most, samples)
        samples -= most


def traces(factors: Array, variances: Array, noise: float) -> Array:
    """Traces (n,) of posterior covariances, given factors of XᵀX (n, …, d)."""
    _, sizes, axes = np.linalg.svd(factors * np.sqrt(variances), full_matrices=False)
    kept = sizes**2 / (sizes**2 + noise**2)
    found: Array = variances.sum() - np.einsum("nk,nkd,d->n", kept, axes**2, variances)
    return found


def grams(
    drawn: np.random.Generator, count: int, length: int, variances: Array, noise: float
) -> Array:
    """The same (n,) from G = XΛXᵀ and XΛ²Xᵀ of N ≤ d examples: tr Λ − tr (G + σ²)⁻¹ XΛ²Xᵀ."""
    gram, square = np.zeros((2, count, length, length))
    for variance, size in zip(*np.unique(variances, return_counts=True), strict=True):
        factors = examples(drawn, count, int(size), length)
        own = variance * np.swapaxes(factors, 1, 2) @ factors
        gram, square = gram + own, square + variance * own
    gram[:, range(length), range(length)] += noise**2
    found: Array = variances.sum() - np.linalg.solve(gram, square).trace(axis1=1, axis2=2)
    return found


def examples(drawn: np.random.Generator, count: int, length: int, size: int) -> Array:
    """Factors of XᵀX of Gaussian X (N, d): X itself, or where N > d that of Bartlett (n, d, d)."""
    if length <= size:
        return drawn.standard_normal((count, length, size))
    factors: Array = np.triu(drawn.standard_normal((count, size, size)), 1)
    corner = np.arange(size)
    factors[:, corner, corner] = np.sqrt(drawn.chisquare(length - corner, (count, size)))
    return factors
