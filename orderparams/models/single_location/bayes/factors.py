"""How P_θ splits: into blocks of components that are orthogonal, and into independent factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from orderparams.models.single_location.task import Signal

Array = NDArray[np.float64]


def of_size_one(arrays: Array) -> Array:
    """Each array along the first axis divided by its largest entry, if that is not zero."""
    sizes = np.abs(arrays).max(axis=tuple(range(1, arrays.ndim)), keepdims=True)
    return np.asarray(arrays / np.where(sizes > 0.0, sizes, 1.0))


def connected(linked: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The part (n,) that each point belongs to, of which links (n, n) are symmetric; parts are
    counted in the order of their first points. SciPy has it, where it is slow to import."""
    parts, count = np.full(len(linked), -1), 0
    for point in range(len(linked)):
        if parts[point] < 0:
            reached = np.array([point])
            while reached.size:
                parts[reached] = count
                reached = np.flatnonzero(linked[reached].any(axis=0) & (parts < 0))
            count += 1
    return parts


def orthogonal_blocks(signal: Signal) -> list[Signal]:
    """Groups of components in mutually orthogonal subspaces; their weights sum to one together."""
    if signal.covariances.any():
        squares = of_size_one(signal.covariances)
        rows = of_size_one(signal.means)
        squares = squares @ squares + rows[:, :, None] * rows[:, None, :]
        flat = squares.reshape(len(squares), -1)
        overlaps = flat @ flat.T  # zero if and only if the ranges of μμᵀ + Σ² are orthogonal
    else:
        rows = of_size_one(signal.means)
        overlaps = (rows @ rows.T) ** 2
    sizes = np.sqrt(np.diag(overlaps))
    linked = np.abs(overlaps) > 1e-14 * np.outer(sizes, sizes)
    labels = connected(linked)
    return [
        Signal(
            signal.weights[labels == label],
            signal.means[labels == label],
            signal.covariances[labels == label],
        )
        for label in range(labels.max() + 1)
    ]


def _classes(rows: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the distinct rows, and each row's class."""
    _, first, labels = np.unique(rows.round(12), axis=0, return_index=True, return_inverse=True)
    return first.astype(np.int64), labels.ravel()


def independent_factors(signal: Signal) -> list[Signal]:
    """Signals in fewer coordinates whose product P_θ is; weights beyond the first sum to one."""
    if len(signal.weights) == 1:
        variances, axes = np.linalg.eigh(signal.covariances[0])
        laws = zip((signal.means @ axes)[0], variances, strict=True)
        found = [Signal(np.ones(1), np.array([[m]]), np.array([[[v]]])) for m, v in laws]
        return [replace(found[0], weights=signal.weights), *found[1:]]
    factors = []
    rest = signal
    for coordinate in reversed(range(signal.features)):
        one = np.array([coordinate])
        others = np.delete(np.arange(rest.features), one)
        if len(others) == 0 or rest.covariances[:, one, others].any():
            continue
        alone, group = _classes(
            np.column_stack([rest.means[:, one], rest.covariances[:, one, one]])
        )
        remainder = rest.covariances[:, others[:, None], others]
        kept, other_group = _classes(
            np.column_stack([rest.means[:, others], remainder.reshape(len(remainder), -1)])
        )
        joint = np.zeros((len(alone), len(kept)))
        np.add.at(joint, (group, other_group), rest.weights)
        marginal = joint.sum(axis=1) / joint.sum()
        if np.abs(joint - np.outer(marginal, joint.sum(axis=0))).max() > 1e-14:
            continue
        variances = rest.covariances[alone][:, one[:, None], one]
        factors.append(Signal(marginal, rest.means[alone][:, one], variances))
        rest = Signal(joint.sum(axis=0), rest.means[kept][:, others], remainder[kept])
    return [rest, *factors]


def in_span(signal: Signal) -> Signal:
    """The same signal in principal coordinates of the span of its components, at least one."""
    if signal.covariances.any():
        squares = np.einsum("cf,cg->fg", signal.means, signal.means)
        squares += signal.covariances.sum(axis=0)
        sizes, axes = np.linalg.eigh(squares)
    else:
        _, roots, rows = np.linalg.svd(signal.means, full_matrices=False)
        sizes, axes = roots**2, rows.T
    axes = axes[:, (sizes > 1e-14 * sizes.max()) | (sizes == sizes.max())]
    return Signal(signal.weights, signal.means @ axes, axes.T @ signal.covariances @ axes)


def counted(factors: Sequence[Signal]) -> list[tuple[Signal, int]]:
    """Factors that differ, mirror images and the first's weight aside, and how many there are.

    The first one's share in P_θ is that of the block.
    """
    kinds: dict[tuple[bytes, ...], tuple[Signal, int]] = {}
    for factor in factors:
        single = factor.features == len(factor.weights) == 1
        means = np.abs(factor.means) if single else factor.means
        parts = (factor.weights, means, factor.covariances)
        key = tuple((part + 0.0).tobytes() for part in parts)
        kinds[key] = (factor, kinds.get(key, (factor, 0))[1] + 1)
    return list(kinds.values())
