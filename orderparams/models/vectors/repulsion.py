"""A penalty for vectors that are alike, R(q), which keeps them apart (theory 10b).

    cosine:    R = σ Σ_{i<j} q_ij² / (q_ii q_jj)
    gaussian:  R = σ Σ_{i<j} exp(−(q_ii + q_jj − 2 q_ij) / 2ℓ²)

Both are functions of the self-overlaps alone. With Γ_R = ∂R/∂q, all entries independent, the
vectors have the further gradient 2 Γ_R K, on sequences and batches of any size.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel, part

Array = NDArray[np.float64]


class Repulsion(NamedTuple):
    """Strength σ, zero for none; whether it is of cosines, else of a Gaussian kernel of width ℓ;
    ``among`` how many vectors, the first ones, zero for all."""

    strength: float = 0.0
    cosine: bool = True
    width: float = 1.0
    among: int = 0


NO_REPULSION = Repulsion()


def repulsion_of(problem: Any) -> Repulsion:
    """What a configuration asks for."""
    config = problem.training.repulsion
    if config is None:
        return NO_REPULSION
    among = getattr(problem, "repelling", 0)
    return Repulsion(config.strength, config.kind == "cosine", config.width or 1.0, among)


def penalty(repulsion: Repulsion, q: Array) -> float:
    """R of self-overlaps q (n, n)."""
    squares, total = np.diag(q), 0.0
    if repulsion.strength == 0.0:
        return total
    for i in range(repulsion.among or len(q)):
        for j in range(i):
            if repulsion.cosine:
                total += q[i, j] ** 2 / (squares[i] * squares[j])
            else:
                total += np.exp(-(squares[i] + squares[j] - 2 * q[i, j]) / (2 * repulsion.width**2))
    return float(repulsion.strength * total)


@kernel()
def slopes(repulsion: Repulsion, q: Array, out: Array) -> None:
    """Γ_R = ∂R/∂q (n, n) with all entries independent, of self-overlaps q (n, n)."""
    for i in range(len(q)):
        for j in range(len(q)):
            out[i, j] = 0.0
    for i in range(repulsion.among or len(q)):
        for j in range(i):
            if repulsion.cosine:
                slope = repulsion.strength * q[i, j] / (q[i, i] * q[j, j])
                out[i, i] -= slope * q[i, j] / q[i, i]
                out[j, j] -= slope * q[i, j] / q[j, j]
            else:
                apart = q[i, i] + q[j, j] - 2.0 * q[i, j]
                square = 2.0 * repulsion.width**2
                slope = repulsion.strength * np.exp(-apart / square) / square
                out[i, i] -= slope
                out[j, j] -= slope
            out[i, j] = out[j, i] = slope


@part()
def repel(
    repulsion: Repulsion, vectors: Array, scale: float, factor: float, q: Array, change: Array
) -> None:
    """Add factor·2 Γ_R w to ``change`` (n, ≥ r) of vectors w (n, r) with q = scale·w wᵀ.

    ``q`` (2, n, n) is room to work in.
    """
    if repulsion.strength == 0.0:
        return
    count, size = repulsion.among or len(vectors), vectors.shape[1]
    for i in range(count):
        for j in range(i + 1):
            product = 0.0
            for k in range(size):
                product += vectors[i, k] * vectors[j, k]
            q[0, i, j] = q[0, j, i] = scale * product
    slopes(repulsion, q[0], q[1])
    for i in range(count):
        for j in range(count):
            weight = 2.0 * factor * q[1, i, j]
            for k in range(size):
                change[i, k] += weight * vectors[j, k]
