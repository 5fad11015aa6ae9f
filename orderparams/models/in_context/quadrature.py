"""The population risk of softmax heads and its gradient by direct quadrature, to a tolerance."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.models.in_context.assembly import assembled, pairs_of, queries
from orderparams.models.in_context.found import Found
from orderparams.models.in_context.integrals import pair, single
from orderparams.models.in_context.radii import LEAST, RADII, radii_rule
from orderparams.models.in_context.sections import MOST_BLOCKS
from orderparams.models.in_context.setup import Prompts
from orderparams.ordered import ordered
from orderparams.processors import threads

Array = NDArray[np.float64]

MOST_RADII = {1: 64, 2: 24, 3: 10}
"""Nodes of each radius beyond which the error is told as it is."""

PAIRED, ALONE = 40.0, 400.0
"""Largest standard deviation of scores that are taken, of several heads and of one: a pair takes a
second at each radius there, and its time grows as the cube."""

OWN = 400.0
"""Largest score Σ_b ω_hb r_b² of a query in the softmax: its exponential must not overflow at
farther radii either, which come with finer rules."""

COARSER = 0.88
"""Digits of the rules that the error is estimated by, in units of those that are used."""

MOST_DIGITS = 36.0
"""Of the rules over scores and τ: beyond them there is rounding."""


def by_quadrature(
    prompts: Prompts,
    key_query: Array,
    output: Array,
    tolerance: float = 1e-8,
    radii: int | None = None,
) -> Found:
    """Risk and gradient at ω (H, B) and μ (H, J), to an absolute tolerance.

    The error is the difference from coarser rules, over the radii and over scores and τ. Where it
    stays above the tolerance it is told as it is; with ``radii`` nodes given, these are kept.

    Raises
    ------
    SolverError
        With more than three blocks, weights that are not finite, or scores beyond reach.
    """
    blocks = len(prompts.blocks)
    if blocks > MOST_BLOCKS:
        raise SolverError(
            f"{blocks} blocks: quadrature over the radii takes at most {MOST_BLOCKS}; sample them"
        )
    if not (np.isfinite(key_query).all() and np.isfinite(output).all()):
        raise SolverError("the weights are not finite")
    size = 1.0 + float((np.abs(output).sum(0) ** 2).max())
    digits = min(max((np.log(size / tolerance) + 2.0) / COARSER, 12.0), MOST_DIGITS)
    count = RADII[blocks] if radii is None else radii
    most = MOST_RADII[blocks] if radii is None else radii
    check_scores(prompts, key_query, count)
    least = 1e-3 * tolerance / size
    while True:
        fewer = max(1, min(count - 1, (3 * count) // 4))
        found = integrated(prompts, key_query, output, digits, count, least)
        coarse = integrated(prompts, key_query, output, digits, fewer, least)
        missed = found.distance(coarse)
        if missed <= 0.4 * tolerance or count == most:
            break
        count = min(count + max(2, count // 2), most)
    while True:
        coarser = integrated(prompts, key_query, output, COARSER * digits, fewer, least)
        blurred = coarse.distance(coarser)
        if blurred <= 0.25 * tolerance or digits == MOST_DIGITS:
            break
        digits = min(1.15 * digits, MOST_DIGITS)
        coarse = integrated(prompts, key_query, output, digits, fewer, least)
        found = integrated(prompts, key_query, output, digits, count, least)
    if missed > 0.4 * tolerance:  # not where rules converge: the next could differ by more
        missed *= 4.0
    error = missed + 2.0 * blurred + found.error + 2e-15 * size
    return Found(found.risk, found.key_query, found.output, error)


def check_scores(prompts: Prompts, key_query: Array, count: int) -> None:
    """:class:`SolverError` where the largest scores would take all day, or the query's overflow."""
    radii = radii_rule(prompts.sizes, count, LEAST)[0][:, None, :]
    keys = key_query * radii
    largest, reach = np.sqrt((keys**2).sum(2).max()), reach_of_quadrature(pairs=len(key_query) > 1)
    if largest > reach:
        raise SolverError(
            f"scores of standard deviation {largest:.4g} are beyond quadrature, which reaches "
            f"{reach:g}; set expectation.engine = 'sampling'"
        )
    own = float((keys * radii).sum(2).max())
    if prompts.query_in_softmax and own > OWN:
        raise SolverError(
            f"a score {own:.4g} of the query in the softmax is beyond quadrature, which reaches "
            f"{OWN:g}; set expectation.engine = 'sampling'"
        )


def reach_of_quadrature(*, pairs: bool) -> float:
    """Largest standard deviation of scores that it takes."""
    return PAIRED if pairs else ALONE


def integrated(
    prompts: Prompts, key_query: Array, output: Array, digits: float, count: int, least: float
) -> Found:
    """Risk and gradient by one rule; the error is that of the radii that are left out, alone."""
    radii, shares, lost = radii_rule(prompts.sizes, count, least)
    keys = key_query * radii[:, None, :]
    expectations = expected(prompts.length, keys, queries(prompts, radii, keys), digits)
    found = assembled(prompts, (radii, shares), key_query, output, expectations)
    size = max(1.0, float(np.abs(output).sum(0).max()) ** 2, float(np.abs(keys).max(initial=0.0)))
    error = lost * size * float(prompts.labels.max())
    return Found(found.risk, found.key_query, found.output, error)


def expected(length: int, keys: Array, own: Array, digits: float) -> tuple[Array, Array]:
    """Expectations of heads (R, H, 3, 3) and of pairs (R, P, 4, 6) at keys (R, H, B)."""
    heads = range(keys.shape[1])
    singles = np.empty((len(keys), len(heads), 3, 3))
    pairs = np.empty((len(keys), pairs_of(len(heads)), 4, 6))

    def fill(r: int) -> None:
        covariance = keys[r] @ keys[r].T
        for h in heads:
            singles[r, h] = single(length, float(covariance[h, h]), float(own[r, h]), digits)
        for p, (h, g) in enumerate(itertools.combinations(heads, 2)):
            three = np.array([covariance[h, h], covariance[h, g], covariance[g, g]])
            pairs[r, p] = pair(length, three, own[r, [h, g]], digits)

    for _ in ordered(fill, range(len(keys)), threads()):
        pass
    return singles, pairs
