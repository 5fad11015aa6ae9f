"""What a scan came to: the best point, a table of the points, and which of them did not settle."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from orderparams.config.words import counted
from orderparams.results import schema
from orderparams.results.analyzed.rests import CONVERGED
from orderparams.results.analyzed.stages import NOTHING
from orderparams.views.story.blocks import Block, Chapter, Table, sentences
from orderparams.views.story.words import instants, listed

if TYPE_CHECKING:
    from orderparams.results.scan import Scan

Index = tuple[int, ...]

SETTLED = 0.01
"""Change of the risk in the last tenth of a run, relative to its range, of one that has settled."""

LEFT = 0.005
"""Change of the risk in the last tenth of a run, relative to what it lies above the risk that it is
compared with, of one that has settled."""

SMALL = 1e-4
"""Risks below this have too few digits with six decimals."""

FAINT = 1e-5
"""Changes of the risk below this part of its range settle nothing and leave nothing open."""

RULES = {
    "remaining": (
        SETTLED,
        f"the risk changed by more than {SETTLED:.0%} of its range in the last tenth of the run",
    ),
    "remaining_excess": (
        LEFT,
        f"the risk changed by more than {LEFT:.1%} of what it lies above {{reference}} in the "
        "last tenth of the run",
    ),
    "gradient_residual": (
        CONVERGED,
        f"the search left a derivative of the risk above {CONVERGED:.0e}",
    ),
}
"""Values by which a point did not settle: above which limit, and what that means."""


def results(scan: Scan, most: int, room: int | None = None) -> Chapter:
    """The best point and up to so many, the lowest risks if there are more, in the scan's order.

    Keys have their short names in a table that is else wider than the ``room``.
    """
    points = list(np.ndindex(scan["status"].shape))
    shown = chosen(scan, points, most)
    keys = [*scan.keys.values()]
    found = table(scan, shown, keys)
    if room is not None and width_of(found) > room:
        keys = [*scan.keys]
        found = table(scan, shown, keys)
    blocks: list[Block] = [*sentences(best_words(scan, keys)), found]
    blocks += sentences(left_out(scan, len(shown), len(points)), unsettled_words(scan))
    return Chapter("Results", blocks)


def chosen(scan: Scan, points: list[Index], most: int) -> list[Index]:
    """Those that are shown."""
    if len(points) <= most or "risk" not in scan.arrays:
        return points[:most]
    known = {index: float(scan["risk"][index]) for index in points}
    order = sorted(points, key=lambda index: (math.isnan(known[index]), known[index]))
    return sorted(order[:most])


def left_out(scan: Scan, shown: int, count: int) -> str:
    """What is said of points that are not shown."""
    if shown == count:
        return ""
    which = "those of lowest risk" if "risk" in scan.arrays else "the first"
    return f"Shown are {shown} of {count} points, {which}; the file has all."


def best(scan: Scan) -> Index | None:
    """The finished point of lowest risk."""
    if "risk" not in scan.arrays:
        return None
    risk = np.where(scan["status"] == "finished", scan["risk"], np.nan)
    if not np.isfinite(risk).any():
        return None
    return tuple(map(int, np.unravel_index(np.nanargmin(risk), risk.shape)))


def best_words(scan: Scan, keys: Sequence[str]) -> str:
    """The best point in a sentence, its keys by these names."""
    index = best(scan)
    if index is None:
        return ""
    where = listed([f"{key} = {text}" for key, text in zip(keys, at(scan, index), strict=True)])
    words = f"The lowest risk is {scan['risk'][index]:{form_of(scan, 'risk')}}, at {where}"
    for name, called in compared(scan):
        if math.isfinite(scan[name][index]):
            words += f", {scan['risk'][index] - scan[name][index]:.2g} above the {called}"
    return f"{words}{', and not settled' * (unsettled(scan, index) != '')}."


def compared(scan: Scan) -> list[tuple[str, str]]:
    """The first risk to compare with that is known, its name and what it is called; where points
    have none of it, the next one of theirs."""
    names = schema.references(scan.problem.model).items()
    known = [(name, called) for name, called in names if name in scan.arrays]
    found = known[:1]
    for name, called in known[1:]:
        unknown = np.all([~np.isfinite(scan[one]) for one, _ in found], axis=0)
        if (unknown & np.isfinite(scan[name])).any():
            found.append((name, called))
    return found


def width_of(table: Table) -> int:
    """Columns of a screen that a table takes."""
    return sum(2 + max(map(len, cells)) for cells in zip(table.columns, *table.rows, strict=True))


def table(scan: Scan, points: Iterable[Index], keys: Iterable[str]) -> Table:
    """A point a row: varied keys, risk, what that is compared with, stages, what is amiss."""
    columns = dict(quantities(scan))
    rows = [
        (*at(scan, index), *(text(scan, index) for text in columns.values()), amiss(scan, index))
        for index in points
    ]
    names = dict(zip(scan.keys, keys, strict=True))
    kept = [*names.values(), *columns, *([""] if any(row[-1] for row in rows) else [])]
    words = [names[name] for name in names if scan[name].dtype == object]
    return Table(kept, [row[: len(kept)] for row in rows], left=(*words, ""))


def quantities(scan: Scan) -> Iterator[tuple[str, Any]]:
    """What is told of each point, and how."""
    for name, called in [("risk", "risk"), *compared(scan), ("least_pvalue", "p-value")]:
        if name in scan.arrays:
            form = form_of(scan, name) if name != "least_pvalue" else ".2g"
            yield called, lambda s, i, name=name, form=form: number(float(s[name][i]), form)
    if "stage_time" in scan.arrays and np.isfinite(scan["stage_time"]).any():
        times = scan["stage_time"]
        texts = np.full(times.shape, "", object)
        texts[np.isfinite(times)] = instants(finite(times.flat))
        yield "stages at t", lambda _, i: ", ".join(filter(None, texts[i]))


def form_of(scan: Scan, name: str) -> str:
    """How risks are written: with six decimals, or with powers where too few digits were left."""
    values = np.abs(finite(scan[name].flat))
    return ".3e" if ((values > NOTHING) & (values < SMALL)).any() else "z.6f"


def finite(values: Any) -> list[float]:
    """Those that there are."""
    return [float(value) for value in values if math.isfinite(value)]


def number(value: float, form: str) -> str:
    """A number, or nothing where there is none."""
    return format(value, form) if math.isfinite(value) else ""


def at(scan: Scan, index: Index) -> list[str]:
    """The varied values of a point."""
    axes = list(scan.dimensions)
    found = (scan[name][index[axes.index(name)] if name in axes else index] for name in scan.keys)
    return [f"{value:.6g}" if isinstance(value, float) else str(value) for value in found]


def amiss(scan: Scan, index: Index) -> str:
    """Why the numbers of a point are not what they should be; mostly nothing."""
    status = str(scan["status"][index])
    if status != "finished":
        return status
    if "agreement" in scan.arrays:
        agreement = float(scan["agreement"][index])
        return {1.0: "agree", 0.0: "disagree"}.get(agreement, "inconclusive")
    return "not settled" * (unsettled(scan, index) != "")


def unsettled(scan: Scan, index: Index) -> str:
    """By which value a point did not settle; "" if it did, or nothing is known of that."""
    for name, (limit, _) in RULES.items():
        if name in scan.arrays and scan[name][index] > limit and not faint(scan, name, index):
            return name
    return ""


def faint(scan: Scan, name: str, index: Index) -> bool:
    """Whether by this rule next to nothing is open."""
    return name == "remaining_excess" and bool(scan["remaining"][index] < FAINT)


def unsettled_points(scan: Scan) -> list[int]:
    """Numbers of the points that did not settle, from 1."""
    points = enumerate(np.ndindex(scan["status"].shape), 1)
    return [number for number, index in points if unsettled(scan, index)]


def unsettled_words(scan: Scan) -> str:
    """How many did not settle, and by which rule."""
    names = {name for index in np.ndindex(scan["status"].shape) if (name := unsettled(scan, index))}
    if not names:
        return ""
    count = counted(len(unsettled_points(scan)), "point")
    reference = next((f"the {called}" for _, called in compared(scan)), "zero")
    rules = "; or ".join(
        words.format(reference=reference) for name, (_, words) in RULES.items() if name in names
    )
    return f"{count} did not settle: {rules}."
