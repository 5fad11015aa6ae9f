"""Risk and gradient from prompts drawn, at a cost that does not depend on d.

Given the query, examples matter by their coordinates g_ib along it, and labels beside these by
vectors across it, whose products are Wishart's: the reduced law is exact.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from orderparams.models.in_context.found import Found
from orderparams.models.in_context.setup import Prompts

Array = NDArray[np.float64]

CHUNK = 400_000
"""Numbers of a kind that are drawn at once."""


def by_sampling(law: Prompts, key_query: Array, output: Array, samples: int, seed: int) -> Found:
    """Risk and gradient at ω (H, B) and μ (H, J): means over prompts, the error is the largest
    standard error."""
    drawn = np.random.default_rng(seed)
    sizes = [len(law.noise), key_query.size, output.size]
    total, squares, done = np.zeros(sum(sizes)), np.zeros(sum(sizes)), 0
    for count in chunks(law, samples):
        terms = losses(law, key_query, output, count, drawn)
        total += terms.sum(0)
        squares += (terms**2).sum(0)
        done += count
    mean = total / done
    error = np.sqrt(np.maximum(squares / done - mean**2, 0.0) / max(done - 1, 1))
    risk, by_key_query, by_output = np.split(mean, np.cumsum(sizes)[:-1])
    return Found(
        risk,
        by_key_query.reshape(key_query.shape),
        by_output.reshape(output.shape),
        float(error.max()),
    )


def chunks(law: Prompts, samples: int) -> Iterator[int]:
    """Numbers of prompts that are drawn together."""
    most = max(1, CHUNK // (law.length * max(law.variances.shape)))
    while samples > 0:
        yield min(most, samples)
        samples -= most


def losses(
    law: Prompts, key_query: Array, output: Array, count: int, drawn: np.random.Generator
) -> Array:
    """Of each prompt the squared errors and their derivatives by ω and μ, a row each."""
    radii, coordinates, labels, targets = prompts(law, count, drawn)
    slopes = coordinates * radii[:, None, :]
    if law.query_in_softmax:
        slopes = np.concatenate([slopes, radii[:, None, :] ** 2], 1)
        labels = np.concatenate([labels, np.zeros((count, 1, labels.shape[2]))], 1)
    scores = np.einsum("nib,hb->nhi", slopes, key_query)
    weights = np.exp(scores - scores.max(2, keepdims=True))
    weights /= weights.sum(2, keepdims=True)
    read = np.einsum("nhi,nij->nhj", weights, labels)
    mean = np.einsum("nhi,nib->nhb", weights, slopes)
    missed = targets - np.einsum("nhj,hj->nj", read, output)
    by_output = -2 * missed[:, None, :] * read
    seen = np.einsum("nij,nj,hj->nhi", labels, missed, output)
    by_key_query = -2 * np.einsum("nhi,nhi,nib->nhb", weights, seen, slopes)
    by_key_query += 2 * mean * np.einsum("nhi,nhi->nh", weights, seen)[:, :, None]
    parts = missed**2, by_key_query.reshape(count, -1), by_output.reshape(count, -1)
    return np.concatenate(parts, 1)


def prompts(
    law: Prompts, count: int, drawn: np.random.Generator
) -> tuple[Array, Array, Array, Array]:
    """Radii (n, B), coordinates of examples along the query (n, N, B), labels (n, N, J) and targets
    (n, J) of n prompts."""
    tasks, blocks = law.variances.shape
    roots = np.sqrt(law.variances)
    radii = np.sqrt(drawn.chisquare(law.blocks, (count, blocks)))
    along = roots * drawn.standard_normal((count, tasks, blocks))
    coordinates = drawn.standard_normal((count, law.length, blocks))
    labels = np.einsum("nib,njb->nij", coordinates, along)
    labels += law.noise * drawn.standard_normal((count, law.length, tasks))
    for b, size in enumerate(law.blocks):
        if size > 1:
            factor = wishart_factor(int(size) - 1, tasks, count, drawn) * roots[:, b, None]
            across = drawn.standard_normal((count, law.length, factor.shape[2]))
            labels += np.einsum("nik,njk->nij", across, factor)
    return radii, coordinates, labels, np.einsum("nb,njb->nj", radii, along)


def wishart_factor(freedom: int, size: int, count: int, drawn: np.random.Generator) -> Array:
    """Lower triangles L (n, size, k) for which L Lᵀ has Wishart's law (Bartlett)."""
    columns = min(size, freedom)
    out: Array = np.tril(drawn.standard_normal((count, size, columns)))
    corner = np.arange(columns)
    out[:, corner, corner] = np.sqrt(drawn.chisquare(freedom - corner, (count, columns)))
    return out
