"""Scrambled Sobol' points as tokens of sequences (theory 5a).

Each stands beside its mirror image −x, and where their number allows all second moments are made
exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from orderparams.compiled import kernel
from orderparams.expectations.lanes import LANES, fma, lane_sum, row_vectors
from orderparams.expectations.laws import Mixture
from orderparams.expectations.sampling.kernels import NodeSet, inner

Array = NDArray[np.float64]

BLOCKS = 16
"""Parts of the node set: what a thread works on, and the replicates of the error estimate."""

MATCHING_LIMIT = 2**32
"""Points × directions² up to which second moments are made exact (about a second)."""


def aligned(shape: tuple[int, ...]) -> Array:
    """An uninitialised array whose rows of ``LANES`` begin on cache lines, which saves a fifth."""
    size = math.prod(shape)
    buffer = np.empty(size + 8)
    start = -buffer.ctypes.data // buffer.itemsize % 8
    return buffer[start : start + size].reshape(shape)


def draw_nodes(
    signal: Mixture, length: int, heads: int, samples: int, seed: int, deviation: float = 1.0
) -> NodeSet:
    """Nodes of ``samples`` sequences of ``length`` tokens, the signal in the first of them, whose
    noise has this standard deviation."""
    features = signal.features
    hidden = features if signal.covariances.any() else 0
    columns = hidden + length * (features + heads)
    points = samples // 2
    normals, masses = np.empty((columns, points)), np.empty(points)
    component = np.empty(points, dtype=np.int64)
    draw = uniforms(1 + columns, seed)
    for block in np.split(np.arange(points), BLOCKS):
        drawn = draw(len(block))
        component[block], masses[block] = allot(signal.weights, drawn[:, 0])
        normals[:, block] = ndtri(drawn[:, 1:]).T
    if points * columns**2 <= MATCHING_LIMIT and 4 * columns <= points:
        roots = np.sqrt(masses * (points / BLOCKS))
        normals *= roots
        orthonormalize(normals)
        normals /= roots

    def grouped(rows: Array) -> Array:
        """Of rows (…, points): (BLOCKS, groups, …, LANES)."""
        shape = (*rows.shape[:-1], BLOCKS, -1, LANES)
        return np.moveaxis(rows.reshape(shape), (-3, -2), (0, 1))

    random_part, noise, residual = np.split(normals, [hidden, hidden + length * features])
    nodes = aligned((BLOCKS, points // BLOCKS // LANES, length, features + heads, LANES))
    nodes[..., :features, :] = grouped(noise.reshape(length, features, points))
    nodes[..., features:, :] = grouped(residual.reshape(length, heads, points))
    nodes[:, :, 0] *= deviation
    if hidden:
        for c, root in enumerate(square_roots(signal.covariances)):
            part = component == c
            random_part[:, part] = np.einsum("fg,gn->fn", root, random_part[:, part])
        nodes[:, :, 0, :features] += grouped(random_part)
    centers = np.zeros((*nodes.shape[:2], features + features % 2, LANES))
    centers[:, :, :features] = grouped(signal.means[component].T)
    return NodeSet(nodes, centers, np.ascontiguousarray(grouped(0.5 * masses)))


@kernel()
def orthonormalize(columns: Array) -> None:
    """Modified Gram–Schmidt in place: rows of columns (D, N) become orthogonal, of norm √N."""
    rows, count = row_vectors(columns), columns.shape[1]
    for d in range(len(rows)):
        row = rows[d]
        factor = np.sqrt(count / lane_sum(inner(row, row)))
        for i in range(len(row)):
            row[i] *= factor
        for later in range(d + 1, len(rows)):
            other = rows[later]
            overlap = lane_sum(inner(row, other)) / count
            for i in range(len(row)):
                other[i] = fma(-overlap, row[i], other[i])


def uniforms(dimension: int, seed: int) -> Callable[[int], Array]:
    """Draws n uniforms (n, dimension) in the open unit cube: the next stretch of a Sobol' sequence.

    Coordinates beyond the 21201 that are tabulated are independent.
    """
    from scipy.stats import qmc  # slow to import, and not needed where quadrature serves

    generator = np.random.default_rng(seed)
    net = qmc.Sobol(min(dimension, qmc.Sobol.MAXDIM), rng=generator)
    step = 2.0**-net.bits

    def draw(count: int) -> Array:
        rest = generator.random((count, dimension - net.d))
        drawn: Array = np.hstack([net.random(count), rest]) * (1 - step) + 0.5 * step
        return drawn

    return draw


def allot(weights: Array, uniform: Array) -> tuple[NDArray[np.int64], Array]:
    """Component (n,) and mass (n,) of samples with these uniforms: every component has its weight.

    Each component is given a stretch of the unit interval with at least one sample; its weight is
    shared by the samples there.
    """
    count = len(uniform)
    spare = weights * (count - len(weights))
    counts = 1 + np.floor(spare).astype(np.int64)
    counts[np.argsort(np.floor(spare) - spare, kind="stable")[: count - counts.sum()]] += 1
    component = np.empty(count, dtype=np.int64)
    component[np.argsort(uniform, kind="stable")] = np.repeat(np.arange(len(weights)), counts)
    return component, (weights / counts)[component]


def square_roots(covariances: Array) -> Array:
    """Symmetric square roots of positive semidefinite matrices (C, F, F)."""
    eigenvalues, axes = np.linalg.eigh(covariances)
    roots = np.sqrt(np.maximum(eigenvalues, 0.0))
    root: Array = np.einsum("cfk,ck,cgk->cfg", axes, roots, axes)
    return root
