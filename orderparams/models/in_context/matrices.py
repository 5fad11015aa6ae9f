"""One-pass SGD on whole matrices, which leave the manifold of ω and μ by their noise.

Tokens are z_i = (x_i, y_i) and the query (x_q, 0). Head h scores by z_i·K_h x_q, with K_h
(d + J, d), and adds O_h Σ_i s_hi z_i to the prediction, with O_h (J, d + J): what else the matrices
of keys and queries and of outputs and values have is read by nothing and has no gradient. In the
manifold K_h = ⊕ω_hb I on the coordinates and O_h = diag(μ_h) on the labels, and all else is zero.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.models.in_context.drawing import Law, draw_query, normal
from orderparams.models.in_context.sgd import Rule, attend

Array = NDArray[np.float64]


def on_the_manifold(
    sizes: NDArray[np.int64], key_query: Array, output: Array
) -> tuple[Array, Array]:
    """K (H, d + J, d) and O (H, J, d + J) at ω (H, B) and μ (H, J)."""
    heads, tasks = output.shape
    total = int(sizes.sum())
    keys, values = np.zeros((heads, total + tasks, total)), np.zeros((heads, tasks, total + tasks))
    corner, task = np.arange(total), np.arange(tasks)
    keys[:, corner, corner] = np.repeat(key_query, sizes, axis=1)
    values[:, task, total + task] = output
    return keys, values


def projected(sizes: NDArray[np.int64], keys: Array, values: Array) -> tuple[Array, Array]:
    """ω (H, B) and μ (H, J) of the nearest point of the manifold."""
    tasks, total = values.shape[1], int(sizes.sum())
    corner, task = np.arange(total), np.arange(tasks)
    diagonal = keys[:, corner, corner]
    ends = np.cumsum(sizes)[:-1]
    traces = [part.sum(1) for part in np.split(diagonal, ends, axis=1)]
    return np.stack(traces, 1) / sizes, values[:, task, total + task]


def off_manifold(sizes: NDArray[np.int64], keys: Array, values: Array) -> Array:
    """Distances (H, 4) from it, root sums of squares: of K beside ⊕ω_b I, of its rows of the
    labels, of O on coordinates, and of O from one task to another."""
    total = int(sizes.sum())
    nearest = on_the_manifold(sizes, *projected(sizes, keys, values))
    keys, values = keys - nearest[0], values - nearest[1]
    parts = keys[:, :total], keys[:, total:], values[:, :, :total], values[:, :, total:]
    return np.stack([np.sqrt((part**2).sum((1, 2))) for part in parts], 1)


@kernel(inlined=False)
def draw_tokens(
    law: Law, generator: np.random.Generator, tokens: Array, query: Array, target: Array
) -> None:
    """One prompt: tokens (N, d + J), where it is in the softmax with the query, query (d,), and
    targets (J,)."""
    tasks, total = target.size, query.size
    coefficients = np.empty((tasks, total))
    draw_query(law, generator, query, coefficients, target)
    for i in range(law.length):
        normal(generator, tokens[i, :total])
        for j in range(tasks):
            label = law.noise[j] * generator.standard_normal()
            for c in range(total):
                label += coefficients[j, c] * tokens[i, c]
            tokens[i, total + j] = label
    for i in range(law.length, len(tokens)):
        tokens[i, :total] = query
        tokens[i, total:] = 0.0


@kernel(inlined=False)
def respond(
    linear: bool,
    length: int,
    tokens: Array,
    query: Array,
    target: Array,
    keys: Array,
    values: Array,
    by_keys: Array,
    by_values: Array,
) -> float:
    """Add the derivatives of the loss of one prompt to by_keys (H, d + J, d) and by_values
    (H, J, d + J); returns the loss."""
    heads, tasks, width = values.shape
    count, total = len(tokens), query.size
    weights, mean = np.zeros((heads, count)), np.zeros((heads, width))
    missed, asked = np.empty(tasks), np.empty(width)
    for j in range(tasks):
        missed[j] = -target[j]
    for h in range(heads):
        for k in range(width):
            asked[k] = 0.0
            for c in range(total):
                asked[k] += keys[h, k, c] * query[c]
        for i in range(count):
            for k in range(width):
                weights[h, i] += tokens[i, k] * asked[k]
        attend(linear, length, weights[h])
        for i in range(count):
            for k in range(width):
                mean[h, k] += weights[h, i] * tokens[i, k]
        for j in range(tasks):
            for k in range(width):
                missed[j] += values[h, j, k] * mean[h, k]
    loss = 0.0
    for j in range(tasks):
        loss += missed[j] ** 2
    seen, slope = np.empty(width), np.empty(width)
    for h in range(heads):
        middle = 0.0
        for k in range(width):
            seen[k], slope[k] = 0.0, 0.0
            for j in range(tasks):
                by_values[h, j, k] += 2.0 * missed[j] * mean[h, k]
                seen[k] += missed[j] * values[h, j, k]
            middle += seen[k] * mean[h, k]
        for i in range(count):
            share = 0.0
            for k in range(width):
                share += seen[k] * tokens[i, k]
            share = share / length if linear else weights[h, i] * (share - middle)
            for k in range(width):
                slope[k] += 2.0 * share * tokens[i, k]
        for k in range(width):
            for c in range(total):
                by_keys[h, k, c] += slope[k] * query[c]
    return loss


@kernel(inlined=False)
def advance(
    law: Law,
    rule: Rule,
    keys: Array,
    values: Array,
    loss: Array,
    generator: np.random.Generator,
    steps: int,
) -> None:
    """Take steps of SGD in place; adds the mean loss of each batch to loss (1,)."""
    tasks, width = values.shape[1:]
    tokens = np.empty((law.length + (law.query and not rule.linear), width))
    query, target = np.empty(width - tasks), np.empty(tasks)
    by_keys, by_values = np.empty_like(keys), np.empty_like(values)
    rate = rule.learning_rate / rule.batch_size
    decay = 1.0 - rule.learning_rate * rule.weight_decay
    for _ in range(steps):
        by_keys[:] = 0.0
        by_values[:] = 0.0
        total = 0.0
        for _ in range(rule.batch_size):
            draw_tokens(law, generator, tokens, query, target)
            total += respond(
                rule.linear,
                law.length,
                tokens,
                query,
                target,
                keys,
                values,
                by_keys,
                by_values,
            )
        for h in range(len(keys)):
            for k in range(width):
                for c in range(width - tasks):
                    keys[h, k, c] = decay * keys[h, k, c] - rate * by_keys[h, k, c]
                for j in range(tasks):
                    values[h, j, k] = decay * values[h, j, k] - rate * by_values[h, j, k]
        loss[0] += total / rule.batch_size
