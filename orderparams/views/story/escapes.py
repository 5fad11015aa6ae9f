"""When SGD leaves symmetric states: the laws, and replicas beside them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orderparams.analysis.escapes import guessed
from orderparams.views.story.blocks import Block, Chapter, Table, sentences
from orderparams.views.story.words import Words, along, instant

if TYPE_CHECKING:
    from orderparams.results.analysis import Analysis
    from orderparams.results.analyzed.escapes import Escape, Escaped


def escapes(result: Analysis, words: Words) -> list[Chapter]:
    """A chapter where fluctuations are known."""
    if result.escapes is None:
        return []
    if not result.escapes:
        nothing = "Noise brings SGD away from no state in which the flow would stay."
        return [Chapter("Escapes", sentences(nothing))]
    blocks: list[Block] = sentences(
        f"Where the flow keeps what {words.learner}s differ by, or have in common, at zero, or "
        "near to it, and fluctuations grow, SGD leaves at random times T, also in a large "
        "dimension D. It has left where the deviation has a tenth of its length at the optimum.",
        small(result, result.escapes[0].dimension),
    )
    for escape in result.escapes:
        blocks += sentences(
            law(escape, result, words), formula(escape), started(escape), doubted(escape, result)
        )
    blocks.append(table(result.escapes, result, words))
    for escape in result.escapes:
        if escape.simulated is not None:
            blocks += sentences(verdict(escape, escape.simulated, result, words))
    return [Chapter("Escapes", blocks)]


def small(result: Analysis, dimension: int) -> str:
    """Until when mean and deviations around the flow tell where SGD is."""
    found = result.trajectory.fluctuations
    if found is None or found.linear_until(dimension) == found.time[-1]:
        return ""
    until = found.linear_until(dimension)
    if not until > found.time[0]:
        return f"In D = {dimension} fluctuations around the flow are large from the start."
    return (
        f"In D = {dimension} fluctuations around the flow are small until t = {instant(until)}; "
        "later no mean and deviation tell where SGD is, and the law of the first T does."
    )


def who(escape: Escape, result: Analysis, words: Words) -> str:
    """What leaves, and where to."""
    known = {one.name: one for one in result.directions}
    everyone = words.every(len(result.pruning.interaction))
    who = everyone if escape.common else f"between {words.learner}s"
    return f"{who}, {along(known[escape.name], words)}"


def law(escape: Escape, result: Analysis, words: Words) -> str:
    """What grows, how fast, and how far it has to."""
    what = who(escape, result, words)
    many = f" in each of {escape.multiplicity} dimensions" if escape.multiplicity > 1 else ""
    after = f" (plateau {escape.plateau})" if escape.plateau else ""
    return (
        f"{what[0].upper()}{what[1:]}{after}: variances grow as {escape.noise:.4g} "
        f"exp(2 × {escape.rate:.4g} t)/D{many}, and SGD has left at the length "
        f"{escape.threshold:.4g}."
    )


def formula(escape: Escape) -> str:
    """The mean for any dimension, where noise decides alone and grows at one rate."""
    if not (escape.by_noise and escape.steady):
        return ""
    tenfold = math.log(10) / (2 * escape.rate)
    return (
        f"So T has the mean (log D {'+' if escape.constant >= 0 else '-'} "
        f"{abs(escape.constant):.4g})/{2 * escape.rate:.4g}, {tenfold:.4g} later in ten times the "
        f"dimension, and the standard deviation {escape.scatter:.4g} in every dimension."
    )


def started(escape: Escape) -> str:
    """From which dimension on noise does not decide."""
    if math.isinf(escape.crossover):
        return ""
    return (
        f"Noise decides below D = {escape.crossover:.3g}; above, the start, which is not quite "
        "symmetric."
    )


def doubted(escape: Escape, result: Analysis) -> str:
    """Where linear theory does not hold any more by then, for others."""
    found = result.trajectory.fluctuations
    if found is None or not guessed(escape, result.escapes or (), found):
        return ""
    return (
        "By then fluctuations are large, since SGD has left otherwise before: this law is a guess."
    )


def table(found: tuple[Escape, ...], result: Analysis, words: Words) -> Table:
    """An escape a row: the law in one dimension, and what was simulated."""
    columns = ["D", "mean T", "deviation", "5 % before", "95 % before", "escape"]
    rows = []
    for one in found:
        few, most = one.quantile[[len(one.quantile) // 20, -(len(one.quantile) // 20)]]
        numbers = [one.mean, one.deviation, few, most]
        rows.append([f"{one.dimension}", *map(instant, numbers), who(one, result, words)])
    return Table(columns, rows, left=("escape",))


def verdict(escape: Escape, found: Escaped, result: Analysis, words: Words) -> str:
    """How replicas are held against the law."""
    count = len(found.time)
    text = f"{who(escape, result, words)}: {found.left} of {count} replicas left by the end"
    text = f"{text[0].upper()}{text[1:]}"
    if found.left > 1:
        error = found.deviation / found.left**0.5
        text += (
            f", at {found.mean:.4g} +- {error:.2g} with the deviation {found.deviation:.4g} (law "
            f"until then: {found.law_mean:.4g}, {found.law_deviation:.4g}; p = {found.pvalue:.2g})"
        )
    if found.verdict == "inconclusive":
        return f"{text}. Inconclusive: {found.doubt}."
    return f"{text}. Law and simulation {found.verdict}."
