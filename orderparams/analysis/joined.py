"""Chapters on vectors, beside those of a model that analyzes its runs by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.course import Told, part
from orderparams.analysis.optimum import optimum, without_decay
from orderparams.analysis.pruning import prune
from orderparams.analysis.saddles import of_saddles
from orderparams.analysis.synergy import synergy
from orderparams.config.words import counted
from orderparams.models.findings import Column, Finding, texts
from orderparams.models.vectors.geometry import OfKinds, Smaller, geometry_of
from orderparams.models.vectors.landscape import Landscape
from orderparams.results.analyzed.optimum import SAME, Optimum, Pruning, Synergy
from orderparams.results.analyzed.stages import Plateau
from orderparams.results.trajectory import Trajectory


def joined(
    run: Trajectory, plateaus: Sequence[Plateau], workers: int, progress: Told
) -> list[Finding]:
    """Points at rest next to a run with plateaus, the optimum, and what vectors are worth at its
    end."""
    problem, landscape = run.problem, Landscape(run.problem)
    word, end = run.order_parameters[0].axes[0].word, landscape.flow.vectors_at(run.state(-1))
    geometry, found = geometry_of(problem), []
    if isinstance(geometry, OfKinds):
        told = part(progress, 0.1, 0.3, "points at rest")
        found.append(of_saddles(run, geometry, plateaus, workers, told))
    told = part(progress, 0.3, 0.7, "the optimum")
    best = optimum(problem, [end], workers=workers, told=told)
    told = part(progress, 0.7, 1.0, "pruning")
    worth = prune(problem, end, workers=workers, told=told)
    smaller = geometry_of(without_decay(problem)).smaller()
    found += [of_optimum(best, float(run.risk[-1]), smaller), of_pruning(worth, word)]
    held = synergy(problem, end) if end.learners > 1 else None
    return found if held is None else [*found, of_synergy(held, word)]


def listed(numbers: Sequence[int]) -> str:
    """Numbers that count from 0, as they are counted from 1."""
    return ", ".join(str(number + 1) for number in numbers) or "none"


def floats(values: Sequence[float]) -> NDArray[np.float64]:
    """An array, perhaps of none."""
    return np.array(values, dtype=np.float64)


def of_optimum(best: Optimum, risk: float, smaller: Smaller | None) -> Finding:
    """The least risk that a search found, perhaps of a smaller problem."""
    said = (
        f"The least risk found is {best.risk:.6g}, in {best.found} of {len(best.values)} searches; "
        f"the run ends {risk - best.risk:.3g} above it."
    )
    if smaller is not None:
        said += f" The searches are among {smaller.words}."
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


def of_synergy(held: Synergy, word: str) -> Finding:
    """What vectors are worth while the weights of all others are held."""
    between, partner = held.interaction, np.abs(held.interaction).argmax(axis=1)
    one, most = int(held.cost.argmax()), np.unravel_index(between.argmax(), between.shape)
    first, second = sorted(int(index) for index in most)
    said = [f"{word.capitalize()} {one + 1} is worth most, {held.cost[one]:.3g}."]
    if between[first, second] > 0.0:
        said.append(
            f"{word.capitalize()}s {first + 1} and {second + 1} stand in for each other most: to "
            f"lose both costs {between[first, second]:.3g} more than to lose each alone."
        )
    rows = range(len(partner))
    return Finding(
        "held",
        f"What {word}s are worth while the weights of all others are held",
        "held_head",
        word,
        tuple(said),
        {
            "cost": Column("cost", "risk without it, less that with it", held.cost),
            "partner": Column(
                "partner",
                "the one that it has the largest interaction with",
                texts([str(partner[row] + 1) for row in rows]),
            ),
            "interaction": Column(
                "interaction",
                "risk without both, less that of losing each alone",
                between[list(rows), partner],
            ),
        },
    )
