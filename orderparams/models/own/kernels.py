"""Kernels around those of one model: executed anew for each model, as a module of its own.

``loss``, ``means`` and ``Settings`` are then those of the model, and the cache of kernels knows
them by the file of the model (:mod:`orderparams.models.own.building`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.models.own.building import MODEL, Numbers, Rule, Sums, given, tuple_of
from orderparams.models.vectors.sgd import clear

Array = NDArray[np.float64]

loss, means, Settings, NAME = given(__name__)


Model = tuple_of(NAME, MODEL, __name__)
Model.features = property(lambda model: model.sizes.directions)
Model.words = "hidden directions, vectors, tokens and batch"
Model.numbers = lambda model, rule, start, squares: Numbers(np.zeros(len(start.overlap)))
Model.records = lambda model, overlap, self_overlap, numbers: {
    "overlap": overlap,
    "self_overlap": self_overlap,
}


@kernel()
def draw(model: Any, generator: np.random.Generator, shift: Array) -> tuple[int, int, Array]:
    """The random numbers of a sequence, and the means of its tokens; none is marked."""
    clear(shift)
    random = np.empty(model.random)
    for i in range(random.size):
        random[i] = generator.standard_normal()
    means(random, model.settings, shift)
    return model.sizes.longest, 0, random


@kernel()
def respond(
    model: Any,
    rule: Rule,
    generator: np.random.Generator,
    mark: Array,
    numbers: Numbers,
    read: Array,
    rows: Array,
    radial: Array,
    gradient: Array,
) -> float:
    """Fields (n, L) in ``rows`` give way to derivatives of the loss, which is returned."""
    slopes = np.zeros(rows.shape)
    value: float = loss(rows, read, mark, model.settings, slopes)
    for i in range(rows.shape[0]):
        for token in range(rows.shape[1]):
            rows[i, token] = slopes[i, token]
    return value


@kernel()
def learn(
    model: Any, rule: Rule, rate: float, gradient: Array, squares: Array, numbers: Numbers
) -> None:
    """Nothing."""


@kernel()
def shift_all(model: Any, random: Array, shift: Array) -> None:
    """The means (N, d, L) of the tokens of sequences with such random numbers (N, R)."""
    for i in range(len(random)):
        means(random[i], model.settings, shift[i])


@kernel()
def answer_all(
    model: Any, fields: Array, known: Array, random: Array, gradient: Array, losses: Array
) -> None:
    """Losses (N,) and their derivatives (N, n, L), zero before, at fields (N, n, L) and (N, d, L)
    of learned vectors and hidden directions."""
    for i in range(len(losses)):
        losses[i] = loss(fields[i], known[i], random[i], model.settings, gradient[i])


@kernel()
def add_samples(
    model: Any, nodes: Array, weights: Array, gradient: bool, covariance: bool, sums: Sums
) -> None:
    """Adds nodes (B, N, R + L(d+n)) and their mirror images to the means of their blocks.

    weights K (n, d+n) are reduced weights.
    """
    directions, tokens = model.sizes.directions, model.sizes.longest
    vectors, frame = weights.shape
    random, shift = np.empty(model.random), np.empty((directions, tokens))
    x, known = np.empty((frame, tokens)), np.empty((directions, tokens))
    fields, slopes = np.empty((vectors, tokens)), np.empty((vectors, tokens))
    mass = 0.5 / nodes.shape[1]
    for block in range(nodes.shape[0]):
        for sample in range(2 * nodes.shape[1]):
            node, sign = nodes[block, sample // 2], 1.0 - 2.0 * (sample % 2)
            for i in range(random.size):
                random[i] = sign * node[i]
            clear(shift)
            means(random, model.settings, shift)
            for i in range(frame):
                for token in range(tokens):
                    x[i, token] = sign * node[random.size + token * frame + i]
                    if i < directions:
                        x[i, token] += shift[i, token]
                        known[i, token] = x[i, token]
            clear(fields)
            clear(slopes)
            for k in range(vectors):
                for i in range(frame):
                    for token in range(tokens):
                        fields[k, token] += weights[k, i] * x[i, token]
            sums.risk[block] += mass * loss(fields, known, random, model.settings, slopes)
            if not gradient:
                continue
            for k in range(vectors):
                for i in range(frame):
                    total = 0.0
                    for token in range(tokens):
                        total += slopes[k, token] * x[i, token]
                    sums.drift[block, k, i] += mass * total
            if not covariance:
                continue
            for k in range(vectors):
                for j in range(vectors):
                    total = 0.0
                    for token in range(tokens):
                        total += slopes[k, token] * slopes[j, token]
                    sums.covariance[block, k, j] += mass * total
                    if j == k:
                        sums.largest[block, k] = max(sums.largest[block, k], mass * total)
