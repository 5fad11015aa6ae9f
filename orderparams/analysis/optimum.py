"""The least population risk that can be reached."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.course import Told, untold
from orderparams.analysis.stationary import descend, nearest_minimum
from orderparams.config import Problem
from orderparams.models.interface import State
from orderparams.models.vectors.geometry import Smaller, Vectors, squares
from orderparams.models.vectors.landscape import ROUGH, Landscape
from orderparams.ordered import ordered
from orderparams.results.analyzed.optimum import SAME, Optimum
from orderparams.results.analyzed.rests import StationaryPoint

Array = NDArray[np.float64]

COMPETING = 200
"""Iterations of a descent while the starts compete."""

LEAST_FALL = 1e-10
"""An iteration that lowers the value by less ends such a descent."""

LEAST = 8
MOST = 24
"""Random starts; twice as many at least where more than vectors is learned."""

ABSENT = 1e-3
"""Residuals this much shorter than the longest vector are taken to vanish."""


def optimum(
    problem: Problem,
    starts: Sequence[Vectors] = (),
    *,
    decay: bool = False,
    workers: int = 1,
    told: Told = untold,
) -> Optimum:
    """The lowest risk found over all that is learned.

    Descents from the given starts and from random ones, of which the lowest is polished to second
    order. Weight decay is left out, or with ``decay`` kept: the objective is then E + λ|K|²/2. The
    search is local and bounds the optimum from above. It is made by so many threads, which does not
    change the result; ``told`` is called with the part of it that is done, and in words.
    """
    if not decay:
        problem = without_decay(problem)
    landscape = Landscape(problem)
    smaller = landscape.geometry.smaller()
    if smaller is not None:
        begin = [smaller.lowered(start) for start in starts]
        found = optimum(smaller.problem, begin, workers=workers, told=told)
        return dataclasses.replace(found, point=lifted(landscape, smaller, found.point))
    ends = search(landscape.rough, starts, workers, told)
    return Optimum(
        point=refined_minimum(landscape, landscape.vectors(ends[0][1])),
        floor=landscape.geometry.floor,
        values=tuple(value for value, _ in ends),
    )


def lifted(landscape: Landscape, smaller: Smaller, point: StationaryPoint) -> StationaryPoint:
    """A stationary point of a smaller problem as one of the whole."""
    vectors = smaller.lifted(point.vectors)
    x, state = landscape.point(vectors), landscape.state(vectors)
    return dataclasses.replace(
        point, x=x, vectors=vectors.with_residual(vectors.residual), state=state
    )


def search(
    landscape: Landscape,
    starts: Sequence[Vectors],
    workers: int = 1,
    told: Told = untold,
) -> list[tuple[float, Array]]:
    """Values and points, the lowest first, of descents from the given starts and from random ones.

    It is over with the floor, below which there is nothing, or after LEAST to MOST random starts
    when there should be no other minimum.
    """
    geometry = landscape.geometry
    more = 1 + bool(landscape.flow.rule.rates)
    least, most = len(starts) + LEAST * more, len(starts) + MOST * more
    floor = geometry.floor.value
    random = itertools.islice(geometry.starts(), MOST * more)
    ends: list[tuple[float, Array]] = []

    def follow(start: Vectors) -> tuple[float, Array]:
        x = landscape.point(start)
        x = descend(landscape.value_and_gradient, x, COMPETING, least_fall=LEAST_FALL)
        return landscape.risk(x) + landscape.penalty(x), x

    def followed() -> Generator[tuple[float, Array], None, None]:
        yield from ordered(follow, starts, workers)  # these may end it
        yield from ordered(follow, random, workers)

    with contextlib.closing(followed()) as found:
        for end in found:
            ends.append(end)
            values = [value for value, _ in ends]
            told(len(ends) / most, f"search {len(ends)} of at most {most}")
            if len(ends) >= len(starts) and min(values) <= floor + ROUGH:
                break
            if len(ends) >= least and exhausted(values):
                break
    return sorted(ends, key=lambda end: end[0])


def exhausted(values: Sequence[float]) -> bool:
    """Whether the searches should have found every minimum.

    With W different ones after N searches, W(N − 1)/(N − W − 2) are expected in all if any law of
    their basins' sizes is as likely as another (Boender & Rinnooy Kan, Math. Prog. 37, 59 (1987)).
    """
    searches, different = len(values), 1 + int((np.diff(np.sort(values)) > SAME).sum())
    spare = searches - different - 2
    return spare > 0 and different * (searches - 1) <= (different + 0.5) * spare


def without_decay(problem: Problem) -> Problem:
    """The problem without weight decay and other penalties, whose landscape is the risk."""
    return dataclasses.replace(problem, training=problem.training.unpenalised())


def refined_minimum(everywhere: Landscape, vectors: Vectors) -> StationaryPoint:
    """The minimum below some vectors, with as many residual directions as it needs."""
    landscape = everywhere.with_residual(residual_rank(vectors))
    point = nearest_minimum(landscape, landscape.point(vectors))
    if np.linalg.eigvalsh(landscape.transverse(point.x))[0] >= -ROUGH:
        return point
    return nearest_minimum(everywhere, everywhere.point(vectors))


def residual_rank(vectors: Vectors) -> int:
    """Number of directions outside the hidden ones in which the vectors have a part."""
    sizes = np.linalg.svd(vectors.residual, compute_uv=False)
    longest = np.sqrt(squares(vectors.state).max())
    return int((sizes > ABSENT * longest).sum())


def starts_from(problem: Problem, state: State | None) -> list[Vectors]:
    """Vectors with a neighbouring problem's order parameters, as many as this one has; none where
    it has other directions."""
    found = None if state is None else Landscape(problem, tolerance=ROUGH).vectors_near(state)
    return [] if found is None else [found]
