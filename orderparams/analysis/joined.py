"""Chapters on vectors, beside those of a model that analyzes its runs by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.course import Told, part
from orderparams.analysis.optimum import optimum
from orderparams.analysis.pruning import prune
from orderparams.config.words import counted
from orderparams.models.findings import Column, Finding, texts
from orderparams.models.vectors.landscape import Landscape
from orderparams.results.analyzed.optimum import SAME, Optimum, Pruning
from orderparams.results.trajectory import Trajectory


def joined(run: Trajectory, workers: int, progress: Told) -> list[Finding]:
    """The optimum, and what vectors are worth at the end of a run."""
    problem, landscape = run.problem, Landscape(run.problem)
    word, end = landscape.geometry.word, landscape.flow.vectors_at(run.state(-1))
    told = part(progress, 0.1, 0.6, "the optimum")
    best = optimum(problem, [end], workers=workers, told=told)
    told = part(progress, 0.6, 1.0, "pruning")
    worth = prune(problem, end, workers=workers, told=told)
    return [of_optimum(best, float(run.risk[-1])), of_pruning(worth, word)]


def listed(numbers: Sequence[int]) -> str:
    """Numbers that count from 0, as they are counted from 1."""
    return ", ".join(str(number + 1) for number in numbers) or "none"


def floats(values: Sequence[float]) -> NDArray[np.float64]:
    """An array, perhaps of none."""
    return np.array(values, dtype=np.float64)


def of_optimum(best: Optimum, risk: float) -> Finding:
    """The least risk that a search found."""
    said = (
        f"The least risk found is {best.risk:.6g}, in {best.found} of {len(best.values)} searches; "
        f"the run ends {risk - best.risk:.3g} above it."
    )
    values = np.array(best.values)
    apart = np.flatnonzero(np.diff(values, prepend=-np.inf) > SAME)
    count = np.diff(np.append(apart, len(values)))
    return Finding(
        "least",
        "The optimum",
        "minimum",
        "minimum that a search came to, the lowest first",
        (said,),
        {
            "reached": Column("risk", "risk there", values[apart]),
            "searches": Column("searches", "how many searches came to it", count),
        },
    )


def of_pruning(worth: Pruning, word: str) -> Finding:
    """The cheapest removals of each size."""
    removals = worth.removals
    free = worth.removable(1e-3)
    said = (
        f"No {word} can be removed for less than 0.1 % of the risk."
        if free == 0
        else f"{counted(free, word)} can be removed for less than 0.1 % of the risk."
    )
    return Finding(
        "removals",
        f"What {word}s are worth",
        "removal",
        f"{word}s removed, the cheapest of each number",
        (said,),
        {
            "removed": Column("removed", f"{word}s", texts([listed(r.learners) for r in removals])),
            "left": Column("risk", "risk of the rest", floats([r.risk for r in removals])),
            "again": Column(
                "trained again",
                "the same, trained again",
                floats([r.reoptimized_risk for r in removals]),
            ),
        },
    )
