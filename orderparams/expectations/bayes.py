"""The Bayes risk E_Bayes: what no attention, of whatever form, can beat (theory 5c).

The likelihood ratio Λ of a token's projection splits. Components of P_θ in mutually orthogonal
subspaces give independent terms of a sum, so that E[e^{−tΛ}] is a product; P_θ that is a product
over coordinates gives independent terms of log Λ, whose laws are convolved. What remains is sampled
in the span of its components: on a line by Gauss–Legendre panels, elsewhere on a tensor grid, or by
quasi-Monte Carlo where that is too large.

Nothing grows with the strength or the breadth of a signal, since the law of a signal token is Λ
times that of a noise token: where log Λ is beyond what noise ever reaches the token is decided, and
where it is not, the noise's density is not small either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from orderparams.expectations.likelihood import grid_nodes, line_nodes, sampled_nodes
from orderparams.expectations.normaliser import (
    DEAD,
    TauGrid,
    kernel_table,
    other_tokens,
    transform,
)
from orderparams.expectations.resolution import Resolution, converge
from orderparams.expectations.scores import STENCIL, Lattice, Nodes, spread
from orderparams.task import Signal, Task

Array = NDArray[np.float64]

REPLICAS = 16


@dataclass(frozen=True)
class BayesRisk:
    """E_Bayes, plus Δ² for the scalar target, and its estimated absolute error."""

    value: float
    error: float


@dataclass(frozen=True, eq=False)
class TokenLaw:
    """Laws of log Λ for a noise token and for a signal token on one lattice, each (size,)."""

    lattice: Lattice
    noise: Array
    signal: Array


def of_size_one(arrays: Array) -> Array:
    """Each array along the first axis divided by its largest entry, if that is not zero."""
    sizes = np.abs(arrays).max(axis=tuple(range(1, arrays.ndim)), keepdims=True)
    return np.asarray(arrays / np.where(sizes > 0.0, sizes, 1.0))


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
    count, labels = connected_components(linked, directed=False)
    return [
        Signal(
            signal.weights[labels == label],
            signal.means[labels == label],
            signal.covariances[labels == label],
        )
        for label in range(count)
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


def certainty(resolution: Resolution, longest: int) -> float:
    """|log Λ| beyond which a token is decided, whatever a second independent term of log Λ says.

    Noise exceeds it, or a signal falls below its negative, with a probability below e^{−certainty};
    a third of it is what either may have against it in another term.
    """
    return 3.0 * float(resolution.digits + np.log(longest)) + 20.0


def _factor_law(nodes: Sequence[Nodes], resolution: Resolution) -> TokenLaw:
    """The two laws of log Λ from their nodes, the noise token's first."""
    extents = [law.extent for law in nodes]
    lattice = Lattice.over(
        min(low for low, _ in extents), max(high for _, high in extents), resolution.score_step
    )
    noise, signal = np.zeros(lattice.size), np.zeros(lattice.size)
    spread(nodes[0], lattice, noise)
    for component in nodes[1:]:
        spread(component, lattice, signal)
    return TokenLaw(lattice, noise, signal)


def _convolve(first: TokenLaw, second: TokenLaw, certain: float) -> TokenLaw:
    """Law of the sum of two independent scores; what is decided goes to the ends."""
    step = first.lattice.step
    start = first.lattice.start + second.lattice.start
    end = start + first.lattice.size + second.lattice.size - 2
    last = int(np.ceil(certain / step)) + STENCIL
    low, high = max(start, -last), min(end, last)

    def clipped(sums: Array) -> Array:
        law = sums[low - start : high - start + 1].copy()
        law[0] += sums[: low - start].sum()
        law[-1] += sums[high - start + 1 :].sum()
        return law

    return TokenLaw(
        Lattice(low, high - low + 1, step),
        clipped(np.convolve(first.noise, second.noise)),
        clipped(np.convolve(first.signal, second.signal)),
    )


def _power(law: TokenLaw, count: int, certain: float) -> TokenLaw:
    """Law of the sum of ``count`` independent scores of one law."""
    total = None
    while True:
        if count % 2:
            total = law if total is None else _convolve(total, law, certain)
        count //= 2
        if not count:
            assert total is not None
            return total
        law = _convolve(law, law, certain)


def _block_law(
    factors: Sequence[Signal],
    resolution: Resolution,
    tokens: float,
    certain: float,
    replica: int | None,
) -> TokenLaw | None:
    """Law of log Λ of a block, from its independent factors; None if it is too costly."""
    law: TokenLaw | None = None
    for factor, count in counted(factors):
        nodes: list[Nodes] | None
        if factor.features == 1:
            nodes = line_nodes(factor, resolution, certain)
        else:
            nodes = grid_nodes(factor, resolution, tokens, certain)
        if nodes is None and replica is not None:
            nodes = sampled_nodes(factor, replica, certain)
        if nodes is None:
            return None
        another = _power(_factor_law(nodes, resolution), count, certain)
        law = another if law is None else _convolve(law, another, certain)
    return law


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


def _risk(
    task: Task,
    blocks: Sequence[Sequence[Signal]],
    resolution: Resolution,
    replica: int | None = None,
) -> Array | None:
    """E_Bayes as an array (1,), or None if the grids are too large and no replica is given.

    With Φ = E_noise[e^{−tΛ}] and Ψ = E_signal[e^{−tΛ}] = −dΦ/dt (the signal's density is Λ times
    the noise's), E_signal[tΛ e^{−tΛ}] = t Φ''; an integration by parts turns theory 5c into
    E_Bayes = (L−1) ∫ dτ t Ψ² Φ^{L−2}, t = e^τ, which is positive and keeps small risks' digits;
    beyond t it has at most (L−1)/t, since tΨ ≤ 1.
    """
    tokens = float(task.length_weights @ task.lengths)
    certain = certainty(resolution, int(task.lengths.max()))
    laws = []
    for factors in blocks:
        law = _block_law(factors, resolution, tokens, certain, replica)
        if law is None:
            return None
        laws.append(law)
    longest = np.log(float(task.lengths.max()))
    low = -resolution.digits - longest - DEAD
    high = min(-low, DEAD - min(law.lattice.extent[0] for law in laws))
    grid = TauGrid.over(low, max(high, DEAD), resolution)
    deficit, signal = np.zeros(grid.size), np.zeros(grid.size)  # 1 − Φ and Ψ
    for law in laws:
        table = kernel_table(grid, law.lattice, 0)
        own = np.clip(transform(table[:1], law.noise, grid)[0], 0.0, 1.0 - 1e-16)
        own_signal = transform(table[1:], law.signal, grid)[0]
        signal = signal * (1.0 - own) + own_signal * (1.0 - deficit)
        deficit = deficit + own - deficit * own
    others = other_tokens(deficit, task, 1)[1]
    return np.array([grid.step * (grid.rates * signal**2) @ others])


def bayes_risk(task: Task, tolerance: float = 1e-8) -> BayesRisk:
    """E_Bayes of a task, to the absolute tolerance wherever a grid can reach it (theory 5c).

    The error estimate exceeds the tolerance where quasi-Monte Carlo had to be used.
    """
    signal = task.signal
    present = signal.weights > 0.0
    if not present.all():
        signal = Signal(signal.weights[present], signal.means[present], signal.covariances[present])
    blocks = [
        [in_span(factor) for factor in independent_factors(block)]
        for block in orthogonal_blocks(signal)
    ]
    noise = task.noise**2 if task.target == "scalar" else 0.0
    found = converge(lambda resolution: _risk(task, blocks, resolution), tolerance, np.ones(1), 1)
    if found is not None:
        return BayesRisk(float(found[0][0]) + noise, float(found[1][0]))
    replicas = np.array(
        [_risk(task, blocks, Resolution(1e-8), replica) for replica in range(REPLICAS)]
    )
    spread_of_mean = float(replicas.std(ddof=1)) / np.sqrt(REPLICAS)
    return BayesRisk(float(replicas.mean()) + noise, 4.0 * float(spread_of_mean))
