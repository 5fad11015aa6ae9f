"""The population risk of softmax heads and its gradient by direct quadrature, to a tolerance."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import replace

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

PAIRED, ALONE = 40.0, 72.0
"""Largest standard deviation of scores that are taken, of several heads and of one: a pair takes a
second at each radius there, and its time grows as the cube; of one head larger ones would leave the
range of exponentials."""

QUICK = 12.0
"""The same of several heads with engine = "auto", in seconds: as without the query in the
softmax."""

OWN = 400.0
"""Largest score Σ_b ω_hb r_b² of a query in the softmax: its exponential must not overflow at
farther radii either, which come with finer rules."""

SURE = 1e-4
"""Tolerance up to which Gauss's rules of the radii do not agree by chance: heads of large scores
change fast near r = 0, where neither may have a node."""

COARSER = 0.88
"""Digits of the rules that the error is estimated by, in units of those that are used."""

LEAST_DIGITS = 8.0
"""Of radii whose weight leaves fewer that matter."""

MOST_DIGITS = 36.0
"""Of the rules over scores and τ: beyond them there is rounding."""


def by_quadrature(
    prompts: Prompts,
    key_query: Array,
    output: Array,
    tolerance: float = 1e-8,
    radii: int | None = None,
    *,
    error: bool = True,
    quick: bool = False,
) -> Found:
    """Risk and gradient at ω (H, B) and μ (H, J), to an absolute tolerance.

    The error is the difference from coarser rules, over the radii and over scores and τ. Where it
    stays above the tolerance it is told as it is, by a rule of the radii that has r = 0 among its
    nodes; with ``radii`` nodes given, these are kept. Without ``error`` several heads take as many
    as they need by themselves, and no other rule. ``quick`` keeps to scores that take seconds.

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
    check_scores(prompts, key_query, count, quick=quick)
    at = functools.partial(integrated, prompts, key_query, output, least=1e-3 * tolerance / size)
    if len(key_query) > 1 and count < most:  # heads by themselves need about as many, and cost less
        alone = functools.partial(at, pairs=False)
        count = refined(alone, digits, (count, most), tolerance)[0]
        if not error:
            return at(digits, count)
    together = functools.cache(at)
    found = together(digits, count)
    missed = 2.0 * found.distance(together(COARSER * digits, fewer_than(count)))
    if missed > 0.5 * tolerance or tolerance > SURE:
        found, missed = told_apart(together, digits, (count, most), tolerance)
    return replace(found, error=missed + found.error + 2e-15 * size)


def told_apart(
    together: Callable[..., Found],
    digits: float,
    counts: tuple[int, int],
    tolerance: float,
) -> tuple[Found, float]:
    """What finer rules find and its error: over the radii first, then over scores and τ."""
    count, found, coarse = refined(together, digits, counts, tolerance)
    missed, fewer = found.distance(coarse), fewer_than(count)
    while True:
        blurred = coarse.distance(together(COARSER * digits, fewer))
        if blurred <= 0.25 * tolerance or digits == MOST_DIGITS:
            break
        digits = min(1.15 * digits, MOST_DIGITS)
        coarse, found = together(digits, fewer), together(digits, count)
    if missed > 0.4 * tolerance or tolerance > SURE:
        missed = max(missed, found.distance(together(digits, fewer, origin=True)))
    return found, missed + 2.0 * blurred


def refined(
    rule: Callable[[float, int], Found], digits: float, counts: tuple[int, int], tolerance: float
) -> tuple[int, Found, Found]:
    """As many nodes of each radius as the tolerance needs, of the least and the most of ``counts``,
    what they find, and what fewer do."""
    count, most = counts
    while True:
        found, coarse = rule(digits, count), rule(digits, fewer_than(count))
        if found.distance(coarse) <= 0.4 * tolerance or count == most:
            return count, found, coarse
        count = min(count + max(2, count // 2), most)


def fewer_than(count: int) -> int:
    """Nodes of each radius by which the error of ``count`` is estimated."""
    return max(1, min(count - 1, (3 * count) // 4))


def check_scores(prompts: Prompts, key_query: Array, count: int, *, quick: bool = False) -> None:
    """:class:`SolverError` where the largest scores take too long, or the query's overflow."""
    radii = radii_rule(prompts.sizes, count, LEAST)[0][:, None, :]
    keys, pairs = key_query * radii, len(key_query) > 1
    largest, reach = np.sqrt((keys**2).sum(2).max()), reach_of_quadrature(pairs=pairs, quick=quick)
    if largest > reach:
        what, other = "quadrature", "'sampling'"
        if quick and len(key_query) > 1:
            what += " in seconds"
            if largest <= reach_of_quadrature(pairs=pairs):
                other = "'quadrature' (minutes) or 'sampling'"
        raise SolverError(
            f"scores of standard deviation {largest:.4g} are beyond {what}, which reaches "
            f"{reach:g}; set expectation.engine = {other}"
        )
    own = float((keys * radii).sum(2).max())
    if prompts.query_in_softmax and own > OWN:
        raise SolverError(
            f"a score {own:.4g} of the query in the softmax is beyond quadrature, which reaches "
            f"{OWN:g}; set expectation.engine = 'sampling'"
        )


def reach_of_quadrature(*, pairs: bool, quick: bool = False) -> float:
    """Largest standard deviation of scores that it takes."""
    if not pairs:
        return ALONE
    return QUICK if quick else PAIRED


def integrated(
    prompts: Prompts,
    key_query: Array,
    output: Array,
    digits: float,
    count: int,
    least: float,
    *,
    pairs: bool = True,
    origin: bool = False,
) -> Found:
    """Risk and gradient by one rule, without what different heads do together if not ``pairs``;
    the error is that of the radii that are left out, alone."""
    radii, shares, lost = radii_rule(prompts.sizes, count, least, origin=origin)
    keys, needed = key_query * radii[:, None, :], digits_at(radii, shares, digits)
    own = queries(prompts, radii, keys)
    expectations = expected(prompts.length, keys, own, needed, pairs=pairs)
    found = assembled(prompts, (radii, shares), key_query, output, expectations)
    size = max(1.0, float(np.abs(output).sum(0).max()) ** 2, float(np.abs(keys).max(initial=0.0)))
    error = lost * size * float(prompts.labels.max())
    return Found(found.risk, found.key_query, found.output, error)


def digits_at(radii: Array, shares: Array, digits: float) -> Array:
    """What radii (R, B) of these weights (R,) need, for so many digits of their sum."""
    sizes = np.maximum(np.abs(shares) * (1.0 + (radii**2).sum(1)), np.exp(-digits))
    return np.asarray(np.maximum(digits + np.log(sizes), LEAST_DIGITS), np.float64)


def expected(
    length: int, keys: Array, own: Array, digits: Array, *, pairs: bool = True
) -> tuple[Array, Array]:
    """Expectations of heads (R, H, 3, 3) and of pairs (R, P, 4, 6) at keys (R, H, B), to so many
    digits (R,) each; zero instead of pairs without ``pairs``."""
    heads = range(keys.shape[1])
    singles = np.empty((len(keys), len(heads), 3, 3))
    both = np.zeros((len(keys), pairs_of(len(heads)), 4, 6))
    chosen = list(itertools.combinations(heads, 2)) if pairs else []

    def fill(r: int) -> None:
        covariance, needed = keys[r] @ keys[r].T, float(digits[r])
        for h in heads:
            singles[r, h] = single(length, float(covariance[h, h]), float(own[r, h]), needed)
        for p, (h, g) in enumerate(chosen):
            three = np.array([covariance[h, h], covariance[h, g], covariance[g, g]])
            both[r, p] = pair(length, three, own[r, [h, g]], needed)

    for _ in ordered(fill, range(len(keys)), threads() if pairs else 1):
        pass
    return singles, both
