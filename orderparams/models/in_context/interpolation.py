"""Risk and gradient of softmax heads by tables, and beside them beyond their reach."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.models.in_context.assembly import assembled, pairs_of
from orderparams.models.in_context.far import FARTHEST, FARTHEST_ALONE, Direct, errors_at
from orderparams.models.in_context.found import Found
from orderparams.models.in_context.quadrature import reach_of_quadrature
from orderparams.models.in_context.radii import LEAST, RADII, radii_rule
from orderparams.models.in_context.sections import MOST_BLOCKS
from orderparams.models.in_context.setup import Prompts
from orderparams.models.in_context.tables import LIGHT, PAIRED, RANGES, Table, built

Array = NDArray[np.float64]

Rule = tuple[Array, Array, float]
"""Radii (R, B), their weights (R,), and what is left out."""


def by_tables(
    prompts: Prompts,
    key_query: Array,
    output: Array,
    radii: int | None = None,
    *,
    error: bool = True,
    beyond: bool = False,
) -> Found:
    """Risk and gradient of softmax heads at ω (H, B) and μ (H, J), interpolated.

    With ``beyond``, radii at which scores are beyond the tables of pairs are taken directly.
    The error is the difference from shorter polynomials, or coarser rules, and from fewer radii
    with r = 0 among them, and a bound of what errors of the entries do.

    Raises
    ------
    SolverError
        Where scores are beyond the tables, the query is in the softmax, or blocks are too many.
    """
    if prompts.query_in_softmax:
        raise SolverError("the query is in the softmax, of which there are no tables")
    if len(prompts.blocks) > MOST_BLOCKS:
        raise SolverError(f"more than {MOST_BLOCKS} blocks, of which there are no tables")
    count = RADII[len(prompts.blocks)] if radii is None else radii
    rule, fewer = rules_of(prompts.sizes, count)
    at = prompts, key_query, output
    if not error:
        return interpolated(*at, rule, beyond=beyond)
    for one in (rule, fewer):  # before any table is made
        check_reach(largest_score(key_query, one[0]), pairs=len(key_query) > 1, beyond=beyond)
    found = interpolated(*at, rule, beyond=beyond)
    shorter = interpolated(*at, rule, shorter=True, beyond=beyond)
    missed = found.distance(shorter)
    missed += found.distance(interpolated(*at, fewer, beyond=beyond))
    bound = max(entries_errors(*at, rule, beyond=beyond))
    return Found(found.risk, found.key_query, found.output, missed + bound)


def rules_of(sizes: tuple[int, ...], count: int) -> tuple[Rule, Rule]:
    """The rule of so many nodes of each radius, and one with r = 0 among fewer that tells its
    error; of the two this may reach farther, as heavier radii are left out of it."""
    other = radii_rule(sizes, max(1, (3 * count) // 4), LEAST, origin=True)
    return radii_rule(sizes, count, LEAST), other


def largest_score(key_query: Array, radii: Array) -> float:
    """Standard deviation of the scores of a head of ω (H, B) at radii (R, B), the largest."""
    return float(np.linalg.norm(key_query * radii[:, None, :], axis=2).max(initial=0.0))


def interpolated(
    prompts: Prompts,
    key_query: Array,
    output: Array,
    rule: Rule,
    *,
    shorter: bool = False,
    beyond: bool = False,
) -> Found:
    """Risk and gradient by a rule of the radii."""
    keys = key_query * rule[0][:, None, :]
    singles = np.zeros((*keys.shape[:2], 3, 3))
    pairs = np.zeros((len(keys), pairs_of(keys.shape[1]), 4, 6))
    for at, table in tables_of(prompts.length, rule[0], rule[1], keys, beyond=beyond):
        singles[at], pairs[at] = (table.shorter if shorter else table).at(keys[at])
    return assembled(prompts, (rule[0], rule[1]), key_query, output, (singles, pairs))


def entries_errors(
    prompts: Prompts, key_query: Array, output: Array, rule: Rule, *, beyond: bool = False
) -> tuple[float, float]:
    """Bounds of what errors of the entries do to the risk and to its gradient: all of one sign."""
    radii, shares, lost = rule
    key_query, output = np.abs(key_query), np.abs(output)
    keys = key_query * radii[:, None, :]
    alone, pairs = (
        np.zeros((*keys.shape[:2], 3, 3)),
        np.zeros((len(keys), pairs_of(keys.shape[1]), 4, 6)),
    )
    for at, table in tables_of(prompts.length, radii, shares, keys, beyond=beyond):
        alone[at], pairs[at] = table.error, table.error
    alone[:, :, 0] *= -1.0
    bound = assembled(prompts, (radii, shares), key_query, output, (alone, pairs))
    size = max(1.0, float(output.sum(0).max()) ** 2, float(keys.max(initial=0.0)))
    risk = np.abs(bound.risk - prompts.strengths.sum(1)).max()
    slope = max(np.abs(bound.key_query).max(), np.abs(bound.output).max())
    missed = lost * size * float(prompts.labels.max())
    return float(risk) + missed, float(slope) + missed


def tables_of(
    length: int, radii: Array, shares: Array, keys: Array, *, beyond: bool = False
) -> Iterator[tuple[NDArray[np.bool_], Table | Direct]]:
    """Which radii (R,) take which table, for keys (R, H, B); :class:`SolverError` beyond all."""
    sizes = np.sqrt((keys**2).sum(2).max(1))
    line, pairs = keys.shape[2] == 1, keys.shape[1] > 1
    check_reach(float(sizes.max(initial=0.0)), pairs=pairs, beyond=beyond)
    weights = np.abs(shares) * (1.0 + (radii**2).sum(1))
    rungs = np.searchsorted(RANGES, sizes)
    far = rungs >= (PAIRED if pairs else len(RANGES))
    for rung in np.unique(rungs[~far]):
        at = rungs == rung
        fine = beyond and not pairs  # they are cheap
        light = not fine and weights[at].sum() < LIGHT[line]
        yield at, built(length, int(rung), line or fine, bool(light), pairs)
    if far.any():
        errors = errors_at(weights)
        for error in np.unique(errors[far]):
            yield far & (errors == error), Direct(length, float(error))


def check_reach(largest: float, *, pairs: bool, beyond: bool) -> None:
    """:class:`SolverError` where the largest scores are beyond all."""
    reach = reach_of(pairs=pairs, beyond=beyond)
    if largest <= reach:
        return
    what = "the tables and the quadrature beside them" if pairs and beyond else "the tables"
    other = "quadrature" if largest <= reach_of_quadrature(pairs=pairs) else "sampling"
    if pairs and not beyond and largest <= FARTHEST:
        other = "auto"
    raise SolverError(
        f"scores of standard deviation {largest:.4g} are beyond {what}, which reach {reach:g}; set "
        f"expectation.engine = {other!r}"
    )


def reach_of(*, pairs: bool, beyond: bool) -> float:
    """Largest standard deviation of scores that can be had."""
    if not pairs:
        return FARTHEST_ALONE if beyond else RANGES[-1]
    return FARTHEST if beyond else RANGES[PAIRED - 1]
