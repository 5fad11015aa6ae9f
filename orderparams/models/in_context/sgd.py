"""One-pass SGD on key-query strengths ω (H, B) and outputs μ (H, J).

With g the mean over a batch of the derivatives of Σ_j (y_qj − ŷ_j)², a step is

    ω_hb ← ω_hb − γ (g_hb/d_b + λ ω_hb),    μ_hj ← μ_hj − γ (g_hj + λ μ_hj)

in the metric "matrix", without 1/d_b in the "scalar" one. The metric "factored" is SGD on balanced
factors, ω = ± w² with w ← w − γ (± w g + λ w/2), and likewise μ: signs are kept, and the factors
stay balanced exactly. The first order in γ is the flow in all of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel, part
from orderparams.models.in_context.drawing import Law, draw

Array = NDArray[np.float64]

METRICS = {"matrix": 0, "scalar": 1, "factored": 2}
MATRIX, FACTORED = METRICS["matrix"], METRICS["factored"]


class Rule(NamedTuple):
    """A step: learning rate γ, batch size, weight decay λ, one of METRICS; whether attention is
    linear."""

    learning_rate: float
    batch_size: int
    weight_decay: float
    metric: int
    linear: bool


@kernel()
def attend(linear: bool, length: int, scores: Array) -> None:
    """From the scores (n,) to weights in their place: the softmax, or scores over N."""
    if linear:
        for i in range(scores.size):
            scores[i] /= length
        return
    largest, total = scores.max(), 0.0
    for i in range(scores.size):
        scores[i] = np.exp(scores[i] - largest)
        total += scores[i]
    for i in range(scores.size):
        scores[i] /= total


@kernel(inlined=False)
def respond(
    linear: bool,
    length: int,
    products: Array,
    labels: Array,
    target: Array,
    key_query: Array,
    output: Array,
    by_key_query: Array,
    by_output: Array,
) -> float:
    """Add the derivatives of the loss of one prompt to by_key_query (H, B) and by_output (H, J);
    returns the loss."""
    heads, tasks = output.shape
    tokens, blocks = products.shape
    weights, read = np.zeros((heads, tokens)), np.zeros((heads, tasks))
    missed = np.empty(tasks)
    for j in range(tasks):
        missed[j] = -target[j]
    for h in range(heads):
        for b in range(blocks):
            for i in range(tokens):
                weights[h, i] += key_query[h, b] * products[i, b]
        attend(linear, length, weights[h])
        for i in range(tokens):
            for j in range(tasks):
                read[h, j] += weights[h, i] * labels[i, j]
        for j in range(tasks):
            missed[j] += output[h, j] * read[h, j]
    loss = 0.0
    for j in range(tasks):
        loss += missed[j] ** 2
    for h in range(heads):
        mean = 0.0
        for j in range(tasks):
            by_output[h, j] += 2.0 * missed[j] * read[h, j]
            mean += missed[j] * output[h, j] * read[h, j]
        for i in range(tokens):
            slope = 0.0
            for j in range(tasks):
                slope += missed[j] * output[h, j] * labels[i, j]
            slope = slope / length if linear else weights[h, i] * (slope - mean)
            for b in range(blocks):
                by_key_query[h, b] += 2.0 * slope * products[i, b]
    return loss


@part()
def move(rule: Rule, size: float, value: float, gradient: float) -> float:
    """A number after a step; its matrix is ``size`` times as large as itself, squared."""
    if rule.metric == FACTORED:
        sign = np.sign(value)
        factor = 1.0 - rule.learning_rate * (sign * gradient + 0.5 * rule.weight_decay)
        found: float = value * factor * factor
        return found
    if rule.metric == MATRIX:
        gradient /= size
    return value - rule.learning_rate * (gradient + rule.weight_decay * value)


@kernel(inlined=False)
def advance(
    law: Law,
    rule: Rule,
    key_query: Array,
    output: Array,
    loss: Array,
    generator: np.random.Generator,
    steps: int,
) -> None:
    """Take steps of SGD in place; adds the mean loss of each batch to loss (1,)."""
    heads, tasks = output.shape
    tokens = law.length + (law.query and not rule.linear)
    products, labels = np.empty((tokens, law.sizes.size)), np.empty((tokens, tasks))
    target = np.empty(tasks)
    by_key_query, by_output = np.empty_like(key_query), np.empty_like(output)
    for _ in range(steps):
        by_key_query[:] = 0.0
        by_output[:] = 0.0
        total = 0.0
        for _ in range(rule.batch_size):
            draw(law, generator, products, labels, target)
            total += respond(
                rule.linear,
                law.length,
                products,
                labels,
                target,
                key_query,
                output,
                by_key_query,
                by_output,
            )
        for h in range(heads):
            for b in range(law.sizes.size):
                mean = by_key_query[h, b] / rule.batch_size
                key_query[h, b] = move(rule, law.sizes[b], key_query[h, b], mean)
            for j in range(tasks):
                mean = by_output[h, j] / rule.batch_size
                output[h, j] = move(rule, 1.0, output[h, j], mean)
        loss[0] += total / rule.batch_size
