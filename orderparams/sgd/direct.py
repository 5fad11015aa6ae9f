"""SGD on heads held as D-vectors, every token drawn in full: the ground truth (theory 6)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import FAST, kernel
from orderparams.problem import Heads
from orderparams.sgd import UpdateRule, normals
from orderparams.sgd.normals import LANES, fill
from orderparams.sgd.sequence import Model, draw, learn, respond

Array = NDArray[np.float64]


class State(NamedTuple):
    """heads k (H, D); hidden directions k* and, for the scalar target, v* (F or F+1, D), orthogonal
    with squares D; state of the token generator; bias and head weights (H,); loss (1,), a sum over
    steps."""

    heads: Array
    directions: Array
    lanes: NDArray[np.uint64]
    bias: Array
    head_weights: Array
    loss: Array


def least_dimension(model: Model, rule: UpdateRule, heads: int) -> int:
    """The smallest D: the hidden directions and the heads must be able to be independent."""
    return model.directions + heads


def numbers(model: Model, heads: int, dimension: int) -> tuple[int, int]:
    """How many numbers a replica holds, and about how many its start and its steps work with."""
    held = (model.directions + heads) * dimension
    return held, 4 * held + (int(model.lengths.max()) + heads + 1) * dimension


def start(
    model: Model,
    rule: UpdateRule,
    heads: Heads,
    variance: float | None,
    dimension: int,
    seed: np.random.SeedSequence,
    generator: np.random.Generator,
) -> State:
    """Random hidden directions, and heads with exactly the given overlaps m and W.

    With a ``variance`` the heads are N(0, variance·I_D) instead.
    """
    count = len(heads.overlap)
    vectors = generator.standard_normal((dimension, model.directions + count))
    frame = np.linalg.qr(vectors)[0].T * np.sqrt(dimension)
    directions, rest = np.split(frame, [model.directions])
    if variance is None:
        vectors = heads.overlap @ directions[: model.features] + heads.residual @ rest
    else:
        vectors = np.sqrt(variance) * generator.standard_normal((count, dimension))
    bias = -0.5 * (vectors**2).mean(1) if rule.norm_bias else heads.bias.copy()
    return State(
        np.ascontiguousarray(vectors),
        np.ascontiguousarray(directions),
        normals.start(seed),
        bias,
        heads.head_weights.copy(),
        np.zeros(1),
    )


def measure(state: State, features: int) -> tuple[Array, Array]:
    """Overlap m (H, F) and self-overlap q (H, H)."""
    dimension = state.heads.shape[1]
    overlap = state.heads @ state.directions[:features].T / dimension
    return overlap, state.heads @ state.heads.T / dimension


@kernel(fastmath=FAST)
def dot(x: Array, y: Array) -> float:
    """Σ_i x_i y_i."""
    total = 0.0
    for i in range(x.size):
        total += x[i] * y[i]
    return total


@kernel(fastmath=FAST)
def add(scale: float, x: Array, out: Array) -> None:
    """out ← out + scale·x."""
    for i in range(x.size):
        out[i] += scale * x[i]


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
    heads, features = len(state.heads), model.means.shape[1]
    longest = model.lengths.max()
    root = np.sqrt(dimension)
    rate = rule.learning_rate / (dimension * rule.batch_size)
    buffer = np.empty((longest * dimension + LANES - 1) // LANES * LANES)
    gradient = np.empty((heads + 1, dimension))
    signal, values, squares = np.empty(features), np.empty(longest), np.empty(heads)
    learned = np.empty((2, heads))
    for _ in range(steps):
        gradient[:heads] = 0.0
        learned[:] = 0.0
        loss = 0.0
        for _ in range(rule.batch_size):
            length, position = draw(model, generator, signal)
            fill(state.lanes, buffer[: (length * dimension + LANES - 1) // LANES * LANES])
            tokens = buffer[: length * dimension].reshape(length, dimension)
            for f in range(features):
                add(signal[f] / root, state.directions[f], tokens[position])
            rows = np.empty((heads + 1, length))
            for token in range(length):
                for h in range(heads):
                    rows[h, token] = dot(state.heads[h], tokens[token]) / root
                if model.scalar:
                    values[token] = dot(state.directions[features], tokens[token]) / root
            error = respond(
                model, generator, rows, values, position, state.bias, state.head_weights, learned
            )
            gradient[heads] = 0.0
            for h in range(heads + 1):
                for token in range(length):
                    add(rows[h, token], tokens[token], gradient[h])
            misfit = dot(gradient[heads], gradient[heads]) / dimension
            loss += error**2 if model.scalar else misfit
        for h in range(heads):
            head = state.heads[h]
            growth = rate * learned[0, h] if rule.norm_bias else 0.0
            decay = rule.learning_rate * rule.weight_decay / dimension
            add(growth - decay, head, head)
            add(-rate * root, gradient[h], head)
            squares[h] = dot(head, head) / dimension
        learn(rule, rate, learned, squares, state.bias, state.head_weights)
        state.loss[0] += loss / rule.batch_size
