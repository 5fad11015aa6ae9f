"""The population risk of softmax heads and its gradient, exact at any N and d.

Given the radii r_b = |x_q^(b)|, the scores of head h are k_h·g with k_hb = ω_hb r_b; Stein's and
Price's identities leave the pair functions G, X and U (``pairs``). Over r_b the rule is that of
Gauss and Laguerre.
"""

from __future__ import annotations

import functools
import itertools
from typing import NamedTuple

import numpy as np
import scipy.special
from numpy.typing import NDArray

from orderparams.models.in_context.setup import Prompts
from orderparams.models.in_context.tables import (
    Collinear,
    Correlated,
    collinear,
    correlated,
    shortened,
)

Array = NDArray[np.float64]

RADII = {1: 16, 2: 8, 3: 6}
"""Nodes of each radius by number of blocks."""

NEGLIGIBLE = {1: 1e-11, 2: 1e-10, 3: 1e-10}
"""Weights below it are left out: far radii would ask for scores beyond the tables."""

LEAST = 1e-6
"""Size of scores that have no direction."""


class Risk(NamedTuple):
    """The risk of each task (J,), and the gradient of their sum by ω (H, B) and μ (H, J)."""

    risk: Array
    key_query: Array
    output: Array


@functools.lru_cache(32)
def radii(blocks: tuple[float, ...]) -> tuple[Array, Array]:
    """Radii (R, B) and weights (R,)."""
    count, least = RADII[len(blocks)], NEGLIGIBLE[len(blocks)]
    rules = []
    for size in blocks:
        half, weight = scipy.special.roots_genlaguerre(count, size / 2 - 1)
        rules.append(list(zip(np.sqrt(2 * half), weight / weight.sum(), strict=True)))
    grid = list(itertools.product(*rules))
    at = np.array([[radius for radius, _ in node] for node in grid])
    weights = np.array([np.prod([weight for _, weight in node]) for node in grid])
    kept = weights > least * weights.max()
    return at[kept], weights[kept] / weights[kept].sum()


def risk(prompts: Prompts, key_query: Array, output: Array, *, shorter: bool = False) -> Risk:
    """Risk and gradient at ω (H, B) and μ (H, J); SolverError beyond the tables.

    With ``shorter`` tables, which are less exact, they tell the error.
    """
    at, weights = radii(tuple(prompts.blocks))
    keys = key_query * at[:, None, :]
    variances, labels = prompts.variances, prompts.labels
    functions, slopes = pairs_at(prompts.length, keys, shorter=shorter)
    gain, x, u = np.moveaxis(functions, -1, 0)
    own = np.arange(len(output))
    shared = 1 - gain[:, own, own]
    linear = np.einsum("r,jb,rb,rhb,rh->hj", weights, variances, at, keys, shared, optimize=True)
    square = keys**2
    turned = np.swapaxes(u, 1, 2)

    def quadratic(row: Array) -> Array:
        """Σ_b v_b (k k' X − 2k² U − 2k'² U') of a task's variances (B,), for each radius."""
        cross = np.einsum("b,rhb,rgb->rhg", row, keys, keys, optimize=True)
        size = square @ row
        return np.asarray(cross * x - 2 * size[:, :, None] * u - 2 * size[:, None, :] * turned)

    forms = np.stack(
        [
            np.einsum("r,rhg->hg", weights, noise * gain + quadratic(row))
            for noise, row in zip(labels, variances, strict=True)
        ]
    )
    total = np.einsum("hj,jhg,gj->j", output, forms, output)
    found = prompts.strengths.sum(1) - 2 * (output * linear).sum(0) + total
    by_output = -2 * linear + 2 * np.einsum("jhg,gj->hj", forms, output)
    return Risk(found, by_keys(prompts, keys, at, weights, output, functions, slopes), by_output)


def by_keys(
    prompts: Prompts,
    keys: Array,
    at: Array,
    weights: Array,
    output: Array,
    functions: Array,
    slopes: tuple[Array, Array],
) -> Array:
    """The derivative of the risk by ω (H, B).

    ``slopes`` (R, H, H, 3, B) are derivatives of the pair functions by the first and the second
    head's k.
    """
    gain, x, u = np.moveaxis(functions, -1, 0)
    own = np.arange(len(output))
    pairs = np.einsum("hj,gj,jb->hgb", output, output, prompts.variances)
    mixed = output @ prompts.variances
    noise = np.einsum("hj,gj,j->hg", output, output, prompts.labels)
    of_gain = np.broadcast_to(noise, gain.shape).copy()
    of_gain[:, own, own] += 2 * np.einsum("rb,rhb,hb->rh", at, keys, mixed)
    of_x = np.einsum("hgb,rhb,rgb->rhg", pairs, keys, keys, optimize=True)
    of_u = -4 * np.einsum("hgb,rhb->rhg", pairs, keys**2)
    parts = np.stack([of_gain, of_x, of_u], -1)
    first, second = slopes
    found = np.einsum("rhgf,rhgfb->rhb", parts, first, optimize=True)
    found += np.einsum("rghf,rghfb->rhb", parts, second, optimize=True)
    found += 2 * np.einsum("hgb,rhg,rgb->rhb", pairs, x, keys, optimize=True)
    found -= 8 * keys * np.einsum("hgb,rhg->rhb", pairs, u)
    found -= 2 * at[:, None, :] * mixed * (1 - gain[:, own, own])[:, :, None]
    return np.asarray(np.einsum("r,rb,rhb->hb", weights, at, found, optimize=True))


def pairs_at(length: int, keys: Array, *, shorter: bool) -> tuple[Array, tuple[Array, Array]]:
    """G, X, U (R, H, H, 3) at the keys (R, H, B), and their derivatives by the first and by the
    second head's key (R, H, H, 3, B)."""
    if keys.shape[2] == 1:
        line = collinear(length)
        line = Collinear(shortened(line.table)) if shorter else line
        found = line(keys[:, :, 0], keys[:, :, 0])
        one, other = found.derivatives
        return found.values, (one[..., None], other[..., None])
    size = np.sqrt((keys**2).sum(2) + LEAST**2)
    unit = keys / size[:, :, None]
    correlation = np.clip(np.einsum("rhb,rgb->rhg", unit, unit), -1.0, 1.0)
    cube = correlated(length)
    cube = Correlated(shortened(cube.table)) if shorter else cube
    found = cube(size, correlation)
    one, other, turn = (slope[..., None] for slope in found.derivatives)
    first, second = unit[:, :, None, None, :], unit[:, None, :, None, :]
    rho = correlation[:, :, :, None, None]
    by_first = one * first + turn * (second - rho * first) / size[:, :, None, None, None]
    by_second = other * second + turn * (first - rho * second) / size[:, None, :, None, None]
    return found.values, (by_first, by_second)
