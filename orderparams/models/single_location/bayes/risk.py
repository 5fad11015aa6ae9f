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
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.expectations.joint.normaliser import (
    DEAD,
    TauGrid,
    kernel_table,
    other_tokens,
    transform,
)
from orderparams.expectations.joint.resolution import Resolution, converge
from orderparams.expectations.joint.scores import Lattice, Nodes, spread
from orderparams.expectations.joint.stencil import STENCIL
from orderparams.models.single_location.bayes.factors import (
    counted,
    in_span,
    independent_factors,
    orthogonal_blocks,
)
from orderparams.models.single_location.bayes.likelihood import (
    grid_nodes,
    line_nodes,
    sampled_nodes,
)
from orderparams.models.single_location.task import Signal, Task

Array = NDArray[np.float64]

REPLICAS = 16

COARSER = 1e4
"""Ratio of the level of a check to the level that it checks."""


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
    noise, signal = np.zeros((2, 1, lattice.size))
    spread(nodes[0], lattice, noise)
    for component in nodes[1:]:
        spread(component, lattice, signal)
    return TokenLaw(lattice, noise[0], signal[0])


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
    beyond t it has at most (L−1)/t, since tΨ ≤ 1. Where the signal's token has the variance γ_s²
    the best attention is γ_s²Λ/(γ_s²Λ + ΣΛ of the others), and the same steps lead to
    γ_s² (L−1) ∫ dτ t Ψ(γ_s²t) Ψ Φ^{L−2}.
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
    deficit, signal = _survival(laws, grid, 0.0)
    variance, weighed = task.signal_variance, signal
    if variance != 1.0:
        _, weighed = _survival(laws, grid, float(np.log(variance)))
    others = other_tokens(deficit, task.other_tokens, 1)[1]
    return np.array([variance * grid.step * (grid.rates * (signal * weighed)) @ others])


def _survival(laws: Sequence[TokenLaw], grid: TauGrid, shift: float) -> tuple[Array, Array]:
    """1 − Φ and Ψ at τ + shift, each (τ,)."""
    deficit, signal = np.zeros(grid.size), np.zeros(grid.size)
    for law in laws:
        table = kernel_table(grid, law.lattice, 0, shift)
        (own, _), (_, own_signal) = transform(
            table, 2, np.array([law.noise, law.signal]), grid.size
        )
        own = np.clip(own, 0.0, 1.0 - 1e-16)
        signal = signal * (1.0 - own) + own_signal * (1.0 - deficit)
        deficit = deficit + own - deficit * own
    return deficit, signal


def bayes_risk(task: Task, tolerance: float = 1e-8) -> BayesRisk:
    """E_Bayes of a task, to the absolute tolerance wherever a grid can reach it (theory 5c).

    The error estimate exceeds the tolerance where quasi-Monte Carlo had to be used. Where the token
    with the signal has noise of another variance than the others, it is the least risk of attention
    that knows the projections on the hidden directions alone.
    """
    signal = task.signal
    present = signal.weights > 0.0
    if not present.all():
        signal = Signal(signal.weights[present], signal.means[present], signal.covariances[present])
    if task.signal_variance != 1.0:  # relative to noise of variance 1, in all directions
        more = (task.signal_variance - 1.0) * np.eye(signal.features)
        signal = Signal(signal.weights, signal.means, signal.covariances + more)
        blocks = [independent_factors(signal)]
    else:
        blocks = [
            [in_span(factor) for factor in independent_factors(block)]
            for block in orthogonal_blocks(signal)
        ]
    noise = task.label_noise

    def solve(resolution: Resolution) -> tuple[Array, float] | None:
        """The risk, and how much more it differs from that of a coarser level than it may."""
        fine = _risk(task, blocks, resolution)
        if fine is None:
            return None
        coarser = Resolution(min(COARSER * resolution.error, 0.1))
        coarse = _risk(task, blocks, coarser)
        assert coarse is not None  # it costs less
        change = 1.5 * resolution.error / coarser.error * np.abs(fine - coarse)
        return fine, float(change[0])

    found = converge(solve, tolerance, np.ones(1), 1)
    if found is not None:
        return BayesRisk(float(found[0][0]) + noise, float(found[1][0]))
    replicas = np.array(
        [_risk(task, blocks, Resolution(1e-8), replica) for replica in range(REPLICAS)]
    )
    spread_of_mean = float(replicas.std(ddof=1)) / np.sqrt(REPLICAS)
    return BayesRisk(float(replicas.mean()) + noise, 4.0 * float(spread_of_mean))
