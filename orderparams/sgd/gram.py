"""SGD on the order parameters alone: exact in law at any D, at a cost that does not know D.

Only the projections of the tokens on the hidden directions and the heads, and the Gram matrix of
what is left of them, enter the update of m and q (theory 6). The state is the coordinates of the
heads in an orthonormal frame of that span; what a step adds outside of it is drawn by Bartlett's
decomposition of a Wishart matrix and rotated back into the frame by an LQ factorisation, which
unlike differences of Gram matrices cancels nothing and bears rank-deficient gradients.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import FAST, kernel
from orderparams.problem import Heads
from orderparams.sgd import UpdateRule
from orderparams.sgd.sequence import Model, draw, learn, respond

Array = NDArray[np.float64]


class State(NamedTuple):
    """weights K = [m W] (H, F+H), for the scalar target [m, k·v*/D, W] (H, F+1+H), with q = K Kᵀ;
    bias and head weights (H,); loss (1,), a sum over steps."""

    weights: Array
    bias: Array
    head_weights: Array
    loss: Array


def least_dimension(model: Model, rule: UpdateRule, heads: int) -> int:
    """The smallest D in which the tokens of a batch, and the heads, can be independent.

    A sequence adds min(H+1, L) directions to the frame: H of its gradients and one of its error;
    up to H further ones hold what the sequences before it in the batch have added.
    """
    longest = int(model.lengths.max())
    rank = min(heads + 1, longest)
    before = min(heads, (rule.batch_size - 1) * rank)
    return model.directions + heads + max(longest, before + rank)


def numbers(model: Model, heads: int, dimension: int) -> tuple[int, int]:
    """How many numbers a replica holds, and about how many its steps work with."""
    held = (model.directions + heads) * heads
    return held, (model.directions + 4 * heads + 2) * int(model.lengths.max())


def start(
    model: Model,
    rule: UpdateRule,
    heads: Heads,
    variance: float | None,
    dimension: int,
    seed: np.random.SeedSequence,
    generator: np.random.Generator,
) -> State:
    """The given overlaps; with a ``variance``, those of heads drawn from N(0, variance·I_D)."""
    count = len(heads.overlap)
    weights = np.zeros((count, model.directions + count))
    if variance is None:
        weights[:, : model.features] = heads.overlap
        weights[:, model.directions :] = heads.residual
    else:
        weights[:, : model.directions] = generator.standard_normal((count, model.directions))
        bartlett(generator, dimension - model.directions, weights[:, model.directions :])
        weights *= np.sqrt(variance / dimension)
    bias = -0.5 * (weights**2).sum(1) if rule.norm_bias else heads.bias.copy()
    return State(weights, bias, heads.head_weights.copy(), np.zeros(1))


def measure(state: State, features: int) -> tuple[Array, Array]:
    """Overlap m (H, F) and self-overlap q (H, H)."""
    return state.weights[:, :features].copy(), state.weights @ state.weights.T


@kernel()
def bartlett(generator: np.random.Generator, degrees: int, out: Array) -> None:
    """Lower triangle B (n, n) with B Bᵀ ~ Wishart_n(degrees): Gram matrix of n normal vectors."""
    for i in range(len(out)):
        for j in range(i):
            out[i, j] = generator.standard_normal()
        out[i, i] = np.sqrt(generator.chisquare(degrees - i))
        out[i, i + 1 :] = 0.0


@kernel(fastmath=FAST)
def triangularize(a: Array) -> None:
    """Rotate the rows of a (n, k) in place into lower triangular form: L of the LQ factorisation.

    a aᵀ stays; columns from n on become zero. Householder reflections.
    """
    rows, columns = a.shape
    for i in range(min(rows, columns)):
        tail = 0.0
        for j in range(i + 1, columns):
            tail += a[i, j] ** 2
        if tail == 0.0:
            continue
        norm = np.sqrt(tail + a[i, i] ** 2)
        pivot = a[i, i] + np.copysign(norm, a[i, i])
        diagonal = a[i, i] - pivot
        a[i, i] = pivot
        for other in range(i + 1, rows):
            product = 0.0
            for j in range(i, columns):
                product += a[i, j] * a[other, j]
            product /= -diagonal * pivot
            for j in range(i, columns):
                a[other, j] -= product * a[i, j]
        a[i, i] = diagonal
        a[i, i + 1 :] = 0.0


@kernel(fastmath=FAST)
def project(weights: Array, x: Array, rows: Array) -> None:
    """Logits K x of tokens x (≥ frame, L) into the first H rows."""
    heads, frame = weights.shape
    rows[:] = 0.0
    for h in range(heads):
        for i in range(frame):
            for token in range(x.shape[1]):
                rows[h, token] += weights[h, i] * x[i, token]


@kernel(fastmath=FAST)
def collect(rows: Array, x: Array, change: Array) -> float:
    """Add g xᵀ to ``change`` (H, ≥ width); rows (H+1, L) are g and r. Returns |x r|²."""
    heads = len(change)
    square = 0.0
    for i in range(len(x)):
        for h in range(heads + 1):
            product = 0.0
            for token in range(x.shape[1]):
                product += rows[h, token] * x[i, token]
            if h < heads:
                change[h, i] += product
            else:
                square += product**2
    return square


@kernel(fastmath=FAST)
def collect_outside(rows: Array, factor: Array, change: Array) -> float:
    """The same for the rest of the tokens: lower triangles L of [g; r] and B of its Gram matrix.

    change (H, rank) becomes the first H rows of L B; returns the square of the last row.
    """
    heads, rank = change.shape
    square = 0.0
    for h in range(heads + 1):
        for j in range(rank):
            product = 0.0
            for i in range(j, min(h + 1, rank)):
                product += rows[h, i] * factor[i, j]
            if h < heads:
                change[h, j] = product
            else:
                square += product**2
    return square


@kernel()
def advance(
    model: Model,
    rule: UpdateRule,
    state: State,
    dimension: int,
    generator: np.random.Generator,
    steps: int,
) -> None:
    """Take steps of SGD in place; adds the mean loss of each batch to ``state.loss``."""
    heads, frame = state.weights.shape
    features, directions = model.means.shape[1], frame - heads
    longest = model.lengths.max()
    rate = rule.learning_rate / (dimension * rule.batch_size)
    decay = rule.learning_rate * rule.weight_decay / dimension
    widest = frame + 2 * heads + 1
    change, factor = np.empty((heads, widest)), np.empty((heads + 1, heads + 1))
    tokens, answers = np.empty(widest * longest), np.empty((heads + 1) * longest)
    signal, squares, learned = np.empty(features), np.empty(heads), np.empty((2, heads))
    for _ in range(steps):
        change[:] = 0.0
        learned[:] = 0.0
        loss = 0.0
        width = frame
        for _ in range(rule.batch_size):
            if width > frame:  # what earlier sequences of the batch added has at most H directions
                triangularize(change[:, frame:width])
                width = min(width, frame + heads)
            length, position = draw(model, generator, signal)
            x = tokens[: width * length].reshape(width, length)
            for i in range(width * length):
                tokens[i] = generator.standard_normal()
            for f in range(features):
                x[f, position] += signal[f]
            rows = answers[: (heads + 1) * length].reshape(heads + 1, length)
            project(state.weights, x, rows)
            error = respond(
                model,
                generator,
                rows,
                x[features],
                position,
                state.bias,
                state.head_weights,
                learned,
            )
            misfit = collect(rows, x, change)
            rank = min(heads + 1, length)
            triangularize(rows)
            bartlett(generator, dimension - width, factor[:rank, :rank])
            misfit += collect_outside(rows, factor[:rank, :rank], change[:, width : width + rank])
            loss += error**2 if model.scalar else misfit / dimension
            width += rank
        for h in range(heads):
            growth = rate * learned[0, h] if rule.norm_bias else 0.0
            change[h] *= -rate
            squares[h] = 0.0
            for i in range(frame):
                change[h, i] += (1.0 + growth - decay) * state.weights[h, i]
            for i in range(width):
                squares[h] += change[h, i] ** 2
        triangularize(change[:, directions:width])
        state.weights[:] = change[:, :frame]
        learn(rule, rate, learned, squares, state.bias, state.head_weights)
        state.loss[0] += loss / rule.batch_size
