"""Bayes-softmax on the manifold k·v* = v·k*_f = k·v' = 0 by quadrature: values weigh shares.

With the share π_h = e^{χ_h+β_h−x} of a head in its token's score x = log Σ_h e^{χ_h+β_h}, and
a = Σ_h m^v_h π_h, b = Σ_hh' q^v_hh' π_h π_h' (m^v = v·v*/D, q^v = v·v'/D), the risk is

    E = 1 + Δ² + ∫ dτ e^{−κe^τ} { E_s[b K_2 − 2a K_1] Φ_0^{L−1} + (L−1) E_n[b K_2] Ψ_0 Φ_0^{L−2} },

that of known values, theory 5b, with laws of the score that are weighted by a and b. To first order
it changes by the mean of T = t_0(x) + a t_1(x) + b t_2(x) over tokens of each kind, t_j(x) the
integral of an adjoint against K_j(τ+x). With t_j^i that against K_i and c_h = Σ_h' q^v_hh' π_h',

    ∂T/∂χ_h = π_h S_h,    S_h = −t_0^1 − a t_1^2 − b t_2^3 + m^v_h t_1^1 + 2c_h t_2^2,
    ∂²T/∂χ_h∂χ_h' = δ_hh' π_h S_h + π_h π_h' [t_0^2 + a t_1^3 + b t_2^4
                    − (m^v_h + m^v_h') t_1^2 − 2(c_h + c_h') t_2^3 + 2q^v_hh' t_2^2],

from K_j' = j K_j − K_{j+1} and ∂π_h/∂χ_h' = π_h (δ_hh' − π_h').
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.expectations.joint.normaliser import Transforms
from orderparams.expectations.joint.resolution import Resolution
from orderparams.expectations.joint.scores import Nodes, pull, spread
from orderparams.expectations.joint.tokens import NOISE, Law, Tokens
from orderparams.models.single_location.engines import Moments, Risk
from orderparams.models.single_location.engines.joint import (
    JointQuadrature,
    missing_share,
    risk_with_adjoints,
    sorting,
)

Array = NDArray[np.float64]

MASS, LINEAR, SQUARE = range(3)
"""What laws of the score are weighted by: one, a and b."""


class Values(NamedTuple):
    """Alignments m^v (H,) and self-overlaps q^v (H, H)."""

    alignment: Array
    square: Array

    @property
    def size(self) -> float:
        """How much larger than those of known values expectations can be."""
        return max(1.0, float(np.diag(self.square).max()))


class Weighted(NamedTuple):
    """Nodes of a token, and their weights times a, b and each c_h."""

    nodes: Nodes
    linear: Nodes
    square: Nodes
    by_head: list[Nodes]


def weighted(nodes: Nodes, values: Values) -> Weighted:
    """Nodes that stand by themselves, by what values make of their shares."""
    shares = nodes.factors / nodes.factors.sum(axis=0)
    partial = values.square @ shares
    linear, square = values.alignment @ shares, np.einsum("hn,hn->n", partial, shares)

    def times(factor: Array) -> Nodes:
        return nodes._replace(weights=nodes.weights * factor)

    return Weighted(nodes, times(linear), times(square), [times(own) for own in partial])


class JointManifold(JointQuadrature):
    """Bayes-softmax on the manifold, for stacked rows of keys and values."""

    nodes_apart = True

    def evaluate(
        self, weights: Array, bias: Array, head_weights: Array, *, gradient_covariance: bool = False
    ) -> Moments:
        """See :class:`~orderparams.models.single_location.engines.Engine`, for stacked rows."""
        keys, values, order = self._sorted(weights, bias)
        tokens = self._tokens(keys, bias[order])

        def found_on(laws: Sequence[Law], resolution: Resolution) -> tuple[Array, float]:
            return self._valued(keys, values, tokens, laws, resolution)

        sizes = self._value_sizes(keys, values)
        judged = len(sizes) - self.heads
        found, errors, engine = self._expect(tokens, found_on, sizes, judged, False)
        return self._stacked(found, errors, engine, np.argsort(order))

    def risk(self, weights: Array, bias: Array, head_weights: Array) -> Risk:
        """The risk alone, at the level that the gradients ask for."""
        keys, values, order = self._sorted(weights, bias)
        tokens = self._tokens(keys, bias[order])

        def found_on(laws: Sequence[Law], resolution: Resolution) -> tuple[Array, float]:
            transforms, _, missed = self._weighted(laws, values, resolution, (2, 2))
            risk, _ = risk_with_adjoints(transforms, self.task.signal_variance)
            return np.array([risk]), missed

        sizes = self._value_sizes(keys, values).max(keepdims=True)
        found, errors, engine = self._expect(tokens, found_on, sizes, 1, False)
        return Risk(float(found[0]) + self.task.label_noise, float(errors[0]), engine)

    def _sorted(self, weights: Array, bias: Array) -> tuple[Array, Values, NDArray[np.int64]]:
        """Reduced weights of keys (H, F+H) and values, in an order (H,) of the heads in which
        permuted ones meet the same arithmetic."""
        heads, hidden = self.heads, self.task.signal.features
        residual = slice(hidden + 1, hidden + 1 + heads)
        keys = np.hstack([weights[:heads, :hidden], weights[:heads, residual]])
        rows = weights[heads:]
        square = rows @ rows.T
        order = sorting(np.column_stack([np.diag(square), rows[:, hidden], keys]), bias)
        own = Values(rows[order, hidden], np.ascontiguousarray(square[np.ix_(order, order)]))
        return np.ascontiguousarray(keys[order]), own, order

    def _value_sizes(self, keys: Array, values: Values) -> Array:
        """As :meth:`_sizes`, of risk, P, Γ, derivatives in m^v and q^v, and in the bias."""
        heads, features = self.heads, self.task.signal.features
        plain = self._sizes(keys, False)
        ends = np.cumsum([1, heads * features, heads * heads])
        risk, overlap, self_overlap, bias = np.split(plain, ends)
        of_values = np.ones(heads + heads * heads)
        scaled = [values.size * part for part in (risk, overlap, self_overlap)]
        return np.concatenate([*scaled, of_values, values.size * bias])

    def _weighted(
        self,
        laws: Sequence[Law],
        values: Values,
        resolution: Resolution,
        orders: tuple[int, int],
    ) -> tuple[Transforms, list[tuple[Weighted, Array]], float]:
        """Φ_0, Ψ_0 and weighted E[aK_1], E[bK_2] in place of Φ_j and Ψ_j; nodes of each law by
        their weights, with their coordinates on the lattice; the missing share."""
        lattice = self._lattice(laws, resolution)
        of_token, nodes = np.zeros((3, 2, lattice.size)), []
        for law in laws:
            own = weighted(law.nodes, values)
            for which, some in enumerate(own[:3]):
                scores = np.zeros((len(law.smoothing.weights), 2, lattice.size))
                positions = spread(some, lattice, scores.reshape(-1, lattice.size))
                of_token[which] += law.smoothing.laws(scores)
            nodes.append((own, positions))
        lengths, kappa = self.task.other_tokens, self.activation.kappa
        plain = Transforms.of(lattice, of_token[MASS], lengths, kappa, resolution, orders)
        linear = plain.of_kernel(1, of_token[LINEAR])
        square = plain.of_kernel(2, of_token[SQUARE])
        noise, signal = (
            np.array([mass[0], linear[kind], square[kind]])
            for kind, mass in enumerate((plain.noise, plain.signal))
        )
        missed = missing_share(plain, kappa)
        return dataclasses.replace(plain, noise=noise, signal=signal), nodes, missed

    def _valued(
        self,
        keys: Array,
        values: Values,
        tokens: Sequence[Tokens],
        laws: Sequence[Law],
        resolution: Resolution,
    ) -> tuple[Array, float]:
        """Risk, P, Γ, ∂E/∂m^v, ∂E/∂q^v and ∂E/∂β in one flat array; the missing share."""
        transforms, nodes, missed = self._weighted(laws, values, resolution, (2, 4))
        risk, adjoints = risk_with_adjoints(transforms, self.task.signal_variance)

        def table(j: int, i: int) -> Array:
            """t_j^i at the scores of the lattice, of noise and signal (2, x)."""
            rows = np.zeros((2, i + 1, adjoints.shape[2]))
            rows[:, i] = adjoints[:, j]
            return transforms.on_lattice(rows)

        tables = {
            (j, i): table(j, i)
            for j, i in ((0, 1), (0, 2), (1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (2, 4))
        }
        signal, heads = self.task.signal, self.heads
        overlap = keys[:, : signal.features]
        overlap_gradient, attended = np.zeros_like(overlap), np.zeros(heads)
        self_overlap_gradient, pairs = np.zeros((2, heads, heads))
        bias_gradient = np.zeros(heads)
        for some, law, (own, positions) in zip(tokens, laws, nodes, strict=True):
            t = {which: law.smoothing.functions(of) for which, of in tables.items()}
            found = derivatives(own, positions, t, values, len(some.numbers))
            of_logits = 0.5 * (found.second + np.diag(found.first.sum(axis=0)))
            bias_gradient += found.first.sum(axis=0)
            size = 1.0 if some.numbers[0] == NOISE else self.task.signal_variance
            self_overlap_gradient += size * of_logits
            attended += found.attended
            pairs += found.pairs
            for number, of_token in zip(some.numbers, found.first, strict=True):
                if number != NOISE:
                    overlap_gradient += np.outer(of_token, signal.means[number])
            if some.numbers[0] != NOISE:
                overlap_gradient += 2.0 * of_logits @ overlap @ signal.covariances[some.numbers[0]]
        parts = [overlap_gradient, self_overlap_gradient, attended, pairs, bias_gradient]
        return np.concatenate([[risk], *(part.ravel() for part in parts)]), missed

    def _stacked(
        self, found: Array, errors: Array, engine: str, rank: NDArray[np.int64]
    ) -> Moments:
        """Moments of stacked rows, with the heads in the caller's order."""
        heads, features = self.heads, self.task.signal.features
        ends = np.cumsum([1, heads * features, heads * heads, heads, heads * heads])
        risk, overlap, self_overlap, attended, pairs, bias = np.split(found, ends)
        of_overlap = np.zeros((2 * heads, features + 1))
        of_overlap[:heads, :features] = overlap.reshape(heads, features)[rank]
        of_overlap[heads:, features] = attended[rank]
        gamma = np.zeros((2 * heads, 2 * heads))
        for block, square in ((slice(heads), self_overlap), (slice(heads, None), pairs)):
            gamma[block, block] = square.reshape(heads, heads)[np.ix_(rank, rank)]
        return Moments(
            risk=float(risk[0]) + self.task.label_noise,
            overlap_gradient=of_overlap,
            self_overlap_gradient=gamma,
            bias_gradient=bias[rank],
            head_weight_gradient=np.zeros(heads),
            gradient_covariance=None,
            error=float(errors[: ends[-1]].max()),
            engine=engine,
        )


class Derivatives(NamedTuple):
    """Of T: first (T, H) by token, second (H, H) without its diagonal part; those of the risk in
    m^v (H,) and in q^v (H, H)."""

    first: Array
    second: Array
    attended: Array
    pairs: Array


def derivatives(
    own: Weighted,
    positions: Array,
    t: dict[tuple[int, int], Array],
    values: Values,
    tokens: int,
) -> Derivatives:
    """Those of so many tokens, from t_j^i at the scores of their laws."""

    def means(nodes: Nodes, single: tuple[int, int], pair: tuple[int, int]) -> tuple[Array, Array]:
        return pull(nodes, positions, t[single], t[pair], tokens)

    of_mass, bend = means(own.nodes, (0, 1), (0, 2))
    of_linear, linear_bend = means(own.linear, (1, 2), (1, 3))
    of_square, square_bend = means(own.square, (2, 3), (2, 4))
    attended, mixed = means(own.nodes, (1, 1), (1, 2))
    _, pairs = means(own.nodes, (2, 2), (2, 2))
    first = values.alignment * attended - of_mass - of_linear - of_square
    second = bend + linear_bend + square_bend + 2.0 * values.square * pairs
    second -= np.add.outer(values.alignment, values.alignment) * mixed
    for head, nodes in enumerate(own.by_head):
        of_head, triples = means(nodes, (2, 2), (2, 3))
        first[:, head] += 2.0 * of_head[:, head]
        second[head] -= 2.0 * triples[head]
        second[:, head] -= 2.0 * triples[head]
    return Derivatives(first, second, attended.sum(axis=0), pairs)
