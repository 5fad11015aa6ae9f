"""Saddles behind the plateaus of a run, and what lies behind its end, as a chapter.

Vectors of several kinds learn at rates ρ of their own. With T = ρ^½ Y the flow dT/dt = −ρ ∂E/∂T is
steepest descent in Y, with the Hessian ρ^½ ∇²E ρ^½, whose eigenvalues are minus the rates at which
small deviations grow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.course import Told
from orderparams.analysis.rests import TINY, point_near
from orderparams.analysis.stability import DEGENERATE, clusters, growth_rate, near_interval
from orderparams.analysis.stationary import nearest_beside_lines
from orderparams.models.findings import Column, Finding, texts
from orderparams.models.vectors.geometry import OfKinds, Vectors, distances_from
from orderparams.models.vectors.inertia import inertia_of
from orderparams.models.vectors.landscape import Landscape
from orderparams.ordered import ordered
from orderparams.results.analyzed.rests import CONVERGED, NEAR, StationaryPoint, growth
from orderparams.results.analyzed.stages import Plateau
from orderparams.results.trajectory import Trajectory

Array = NDArray[np.float64]


BALANCED = (
    "These are points at rest of gradient flow. SGD rests where its noise balances the descent, "
    "which can be far from them: solve with training.rule = 'gradient-flow' to see where it ends "
    "without noise."
)
"""Why a run with noise ends beside points at rest."""


class Passed(NamedTuple):
    """The risk of a point at rest, NaN where none was found; the largest derivative where the
    search ended; how near the run comes to the point; how many directions grow there, the fastest
    rate and where to, and the rate of the run along all of them, NaN where none is seen."""

    risk: float
    slope: float
    distance: float
    growing: int
    rate: float
    towards: str
    observed: float


def of_saddles(
    run: Trajectory, geometry: OfKinds, plateaus: Sequence[Plateau], workers: int, told: Told
) -> Finding:
    """The points at rest that a search comes to from each plateau before the end, and from the end.

    None are sought where some vectors do not learn.
    """
    last = float(run.time[-1])
    spans = [one for one in plateaus if one.end < last]
    names = [*(f"plateau {number + 1}" for number in range(len(spans))), "the end"]
    spans.append(Plateau(last, last, last, float(run.risk[-1])))
    if not geometry.rates.all():
        none = "Some vectors do not learn: no point is sought where all of them rest."
        return chapter([none], [], run.time[:0], [])
    everywhere = Landscape(run.problem)
    course = [everywhere.flow.vectors_at(run.state(index)) for index in range(len(run.time))]
    found: list[Passed] = []
    for one in ordered(
        lambda span: passed(everywhere, geometry, run, course, span), spans, workers
    ):
        found.append(one)
        told(len(found) / len(spans), f"{len(found)} of {len(spans)}")
    said = [sentence(name, one) for name, one in zip(names, found, strict=True)]
    if run.problem.training.rule == "sgd" and not found[-1].distance < NEAR:
        said.append(BALANCED)
    return chapter(said, names, np.array([span.center for span in spans]), found)


def passed(
    everywhere: Landscape, geometry: OfKinds, run: Trajectory, course: list[Vectors], span: Plateau
) -> Passed:
    """What lies next to the center of a span of a run whose vectors are all known."""
    index = int(np.searchsorted(run.time, span.center))
    landscape, point = point_near(everywhere, run, index, nearest_beside_lines)
    if not point.converged:
        return Passed(np.nan, point.residual, np.nan, 0, np.nan, "", np.nan)
    length = max(float(np.linalg.norm(course[-1].weights)), TINY)
    distance = distances_from(point.vectors, course) / length
    there = (span.start <= run.time) & (run.time <= span.end)
    fastest, growing, axes = growing_at(landscape, geometry, point)
    rate = np.nan if not growing else growth(fastest[0], inertia_of(run.problem))
    observed = observed_rate(landscape, point, run, course, distance, axes)
    near = float(distance[there].min())
    return Passed(point.risk, point.residual, near, growing, rate, fastest[1], observed)


def growing_at(
    landscape: Landscape, geometry: OfKinds, point: StationaryPoint
) -> tuple[tuple[float, str], int, Array]:
    """The lowest eigenvalue at a point, and where it leads in words; how many lead away; and the
    axes (N, k) of the landscape along which the deviation of a run is read off."""
    speed = geometry.rates**0.5
    each = np.repeat(speed, landscape.weights_shape[1])
    units = np.append(each, np.ones(point.x.size - landscape.size))
    values, vectors = np.linalg.eigh(units[:, None] * landscape.hessian(point.x) * units)
    beside, across = np.linalg.eigh(speed[:, None] * landscape.transverse(point.x) * speed)
    zero = DEGENERATE * max(np.abs(values).max(), np.abs(beside).max())
    inner, outer = values < -zero, beside < -zero
    growing = int(inner.sum() + outer.sum())
    block = landscape.weights(vectors[:, clusters(values)[0]].T)
    if beside[0] < values[0]:
        block = np.zeros((1, landscape.count, landscape.directions + 1))
        block[0, :, -1] = across[:, 0]
    towards = words(geometry.shares(block)) if growing else ""
    lowest = float(min(values[0], beside[0]))
    return (lowest, towards), growing, vectors[:, inner] / units[:, None]


def observed_rate(
    landscape: Landscape,
    point: StationaryPoint,
    run: Trajectory,
    course: list[Vectors],
    distance: Array,
    axes: Array,
) -> float:
    """How fast a run leaves a point along some axes while it is near; NaN where it is not seen."""
    near = near_interval(distance)
    if not near or not axes.size:
        return np.nan
    path = np.array([landscape.point(course[index]) for index in near])
    amplitude = np.linalg.norm((path - point.x) @ axes, axis=1)
    found = growth_rate(run.time[near.start : near.stop], amplitude)
    return np.nan if found is None else found[0]


def words(shares: dict[str, float]) -> str:
    """The two largest parts of a direction."""
    largest = sorted(shares, key=lambda name: -shares[name])[:2]
    return ", ".join(f"{name} {shares[name]:.0%}" for name in largest if shares[name] > 0.02)


def sentence(name: str, one: Passed) -> str:
    """What a point at rest explains."""
    if np.isnan(one.risk):
        return (
            f"Next to {name} no point at rest was found: a search by Newton's method from there "
            f"ends at a slope of {one.slope:.1g} of the risk, and at rest it is below "
            f"{CONVERGED:g}."
        )
    kind = "a saddle" if one.growing else "a minimum"
    said = f"Next to {name} lies {kind} of the risk {one.risk:.6g}"
    if one.distance >= NEAR:
        said = (
            f"From {name} a search leads to {kind} of the risk {one.risk:.6g}, "
            f"{one.distance:.0%} of the length of the vectors away"
        )
    if not one.growing:
        return f"{said}."
    grows = "direction grows" if one.growing == 1 else "directions grow"
    said += (
        f", where {one.growing} {grows}, the fastest at a rate of {one.rate:.4g}: {one.towards}."
    )
    left = "" if np.isnan(one.observed) else f" The run leaves it at {one.observed:.4g}."
    return said + left


def chapter(said: list[str], names: list[str], time: Array, found: list[Passed]) -> Finding:
    """Sentences and table."""
    return Finding(
        "saddles",
        "Points at rest next to the run",
        "rest",
        "where the search began",
        tuple(said),
        {
            "began": Column("next to", "where the search began", texts(names)),
            "when": Column("t", "time", time),
            "risk_there": Column(
                "risk",
                "risk of the point at rest, NaN where none was found",
                np.array([one.risk for one in found], dtype=float),
            ),
            "distance": Column(
                "distance",
                "least distance of the run there, over the length of its vectors at the end",
                np.array([one.distance for one in found]),
            ),
            "growing": Column(
                "grow",
                "directions that grow, one outside of all hidden ones counted once",
                np.array([one.growing for one in found], dtype=np.int64),
            ),
            "rate": Column(
                "rate", "rate of the fastest", np.array([one.rate for one in found], dtype=float)
            ),
            "observed": Column(
                "observed",
                "rate of the run along those that grow",
                np.array([one.observed for one in found], dtype=float),
            ),
        },
    )
