"""Chapters on vectors, beside those of a model that analyzes its runs by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.course import Told, part
from orderparams.analysis.optimum import optimum
from orderparams.analysis.pruning import prune
from orderparams.analysis.stages import stages_of
from orderparams.config.words import counted
from orderparams.models.findings import Column, Finding, texts
from orderparams.models.vectors.landscape import Landscape
from orderparams.results.analyzed.optimum import SAME, Optimum, Pruning
from orderparams.results.analyzed.stages import Stages
from orderparams.results.trajectory import Trajectory

FEWEST_TIMES = 5
"""Stored times below which there are no stages to tell."""


def joined(run: Trajectory, workers: int, progress: Told) -> list[Finding]:
    """Stages of a run, the optimum, and what vectors are worth at its end."""
    problem, landscape = run.problem, Landscape(run.problem)
    word, end = landscape.geometry.word, landscape.flow.vectors_at(run.state(-1))
    found = [of_stages(stages_of(run), word)] if len(run.time) >= FEWEST_TIMES else []
    told = part(progress, 0.1, 0.6, "the optimum")
    best = optimum(problem, [end], workers=workers, told=told)
    told = part(progress, 0.6, 1.0, "pruning")
    worth = prune(problem, end, workers=workers, told=told)
    return [*found, of_optimum(best, float(run.risk[-1])), of_pruning(worth, word)]


def listed(numbers: Sequence[int]) -> str:
    """Numbers that count from 0, as they are counted from 1."""
    return ", ".join(str(number + 1) for number in numbers) or "none"


def of_stages(stages: Stages, word: str) -> Finding:
    """Who turned where, and when; who are alike at the end."""
    alike = [group for group in stages.groups if len(group) > 1]
    turned = len({event.learner for event in stages.specializations})
    said = [
        f"{counted(turned, word)} specialized."
        if turned
        else f"No {word} specialized: all did the same."
    ]
    said += [f"Alike at the end (within 10 %): {word}s {listed(group)}." for group in alike]
    if stages.dormant:
        said.append(f"Without overlaps at the end: {word}s {listed(stages.dormant)}.")
    events = stages.events
    return Finding(
        "turns",
        "Who turned where",
        "turn",
        f"a {word} that turns to a direction",
        tuple(said),
        {
            "who": Column(word, f"{word}, from 1", np.array([e.learner + 1 for e in events], int)),
            "to": Column("to", "direction, with its side", texts([e.target for e in events])),
            "half": Column(
                "t", "time of half of the change", floats([e.half_time for e in events])
            ),
            "cosine": Column("cosine", "cosine after it", floats([e.cosine_after for e in events])),
        },
    )


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
