"""What an analysis found, read from the groups of a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.models.vectors.geometry import Direction, Floor, Vectors
from orderparams.models.vectors.inertia import inertia_of
from orderparams.results import schema
from orderparams.results.analyzed.escapes import Escape, Escaped
from orderparams.results.analyzed.optimum import Optimum, Pruning, Removal, Synergy
from orderparams.results.analyzed.rests import Growth, Mode, Rest, StationaryPoint
from orderparams.results.analyzed.stages import Event, Excursion, Plateau, Stages
from orderparams.results.analyzed.variables import ESCAPED, ESCAPES, GROWTH, learner_of
from orderparams.results.trajectory import check_axes

if TYPE_CHECKING:
    from orderparams.storage.nodes import Node

Array = NDArray[np.float64]


def whole(values: NDArray[Any], most: int) -> list[int]:
    """Whole numbers from 0 to ``most``; ValueError for others."""
    found = np.atleast_1d(values)
    if not ((found >= 0) & (found <= most) & (found == np.rint(found))).all():
        raise ValueError(f"expected whole numbers from 0 to {most}")
    return [int(number) for number in found]


def directions_in(node: Node) -> tuple[Direction, ...]:
    """The group /directions or /targets."""
    names, variances, vectors = map(node.array, ("name", "variance", "vector"))
    return tuple(
        Direction(name, vectors[names == name].T.copy(), float(variances[names == name][0]))
        for name in dict.fromkeys(map(str, names))
    )


def stages_in(file: Node, problem: Problem) -> Stages:
    """What happened in the run, of several groups."""
    targets = directions_in(file["targets"])
    known = {direction.name: direction for direction in targets}
    about = file["analysis"]
    labels = about.array("equals")
    most = max(whole(labels, len(labels)))
    equal = float(about.array("equal_from")), float(about.array("equal_to"))
    groups = [tuple(map(int, np.flatnonzero(labels == n))) for n in range(1, most + 1)]
    return Stages(
        directions=targets,
        events=events_in(file["stages"], problem, known),
        plateaus=plateaus_in(file["plateaus"]),
        unspecialized=None if np.isnan(equal[0]) else equal,
        excursions=excursions_in(file["excursions"], problem, known),
        groups=tuple(groups),
        dormant=tuple(map(int, np.flatnonzero(labels == 0))),
        remaining=float(about.array("remaining")),
    )


def plateaus_in(node: Node) -> tuple[Plateau, ...]:
    """The group /plateaus."""
    columns = (node.array(field.name).tolist() for field in dataclasses.fields(Plateau))
    return tuple(Plateau(*row) for row in zip(*columns, strict=True))


def learners_in(node: Node, problem: Problem) -> list[int]:
    """The learner of each row, counted from 0; ValueError for one that there is not."""
    axis = learner_of(schema.table(problem.model)).axes[0].name
    count = schema.sizes(problem)[axis]
    found = [number - 1 for number in whole(node.array(axis), count)]
    if min(found, default=0) < 0:
        raise ValueError(f"{node.place} counts a {axis} from 0")
    return found


def sided(name: str, known: Mapping[str, Direction]) -> Direction:
    """A direction by its name with a side."""
    return known[name] if name in known else known[name[1:]]


TURN = (
    *("start", "half_time", "complete", "cosine_before", "cosine_after"),
    *("risk_before", "risk_after"),
)
"""The numbers of an event."""


def numbers_in(node: Node, names: Sequence[str]) -> list[dict[str, Any]]:
    """Some columns of a group, row by row."""
    columns = (node.array(name).tolist() for name in names)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def events_in(node: Node, problem: Problem, known: Mapping[str, Direction]) -> tuple[Event, ...]:
    """The group /stages."""
    targets, changes = node.array("target"), node.array("change")
    stages = whole(node.array("stage"), len(targets))
    rows = (learners_in(node, problem), targets, changes, stages, numbers_in(node, TURN))
    return tuple(
        Event(
            learner=learner,
            direction=sided(str(target), known),
            vector=change,
            common=stage == 0,
            stage=stage,
            **numbers,
        )
        for learner, target, change, stage, numbers in zip(*rows, strict=True)
    )


def excursions_in(
    node: Node, problem: Problem, known: Mapping[str, Direction]
) -> tuple[Excursion, ...]:
    """The group /excursions."""
    names = [node.array(name).tolist() for name in ("origin", "destination")]
    numbers = numbers_in(node, ("peak", "peak_time", "turn_time"))
    return tuple(
        Excursion(
            learner=learner,
            origin=sided(source, known),
            destination=sided(target, known),
            source=source,
            target=target,
            **row,
        )
        for learner, source, target, row in zip(
            learners_in(node, problem), *names, numbers, strict=True
        )
    )


def point_in(node: Node, problem: Problem, directions: int) -> StationaryPoint:
    """The stationary point of a group, among so many hidden directions."""
    check_axes(node, problem)
    table = schema.table(problem.model)
    state = {one.name: node.array(one.name) for one in table if one.name in node}
    numbers = {
        one.name: state[one.name] for one in table if len(one.axes) == 1 and one.name in state
    }
    weights = node.array("weights")
    hidden, outside = weights[:, :directions].copy(), weights[:, directions:].copy()
    risk, slope, penalty = (float(node.array(name)) for name in ("risk", "slope", "penalty"))
    vectors = Vectors(hidden, outside, numbers)
    return StationaryPoint(node.array("x"), vectors, state, risk, slope, penalty)


def rest_in(node: Node, problem: Problem, directions: int) -> Rest:
    """A group /rest_…."""
    rows = node.array("vector")
    ends = np.cumsum(whole(node.array("multiplicity"), len(rows)))
    vectors = np.split(rows, ends[:-1])
    shares = ("eigenvalue", "common", "share", "residual_share")
    columns = zip(vectors, *(node.array(name) for name in shares), strict=True)
    inertia = inertia_of(problem)
    modes = tuple(
        Mode(float(value), block, float(common), tuple(map(float, share)), float(residual), inertia)
        for block, value, common, share, residual in columns
    )
    (unstable,) = whole(node.array("unstable"), len(modes))
    growths = zip(*(node.array(name)[:unstable].tolist() for name in GROWTH), strict=True)
    names = ("nearest_distance", "nearest_time", "end_distance")
    distance, time, end = (float(node.array(name)) for name in names)
    return Rest(
        point_in(node, problem, directions),
        modes,
        tuple(None if np.isnan(row[0]) else Growth(*row) for row in growths),
        distance,
        time,
        end,
    )


def optimum_in(node: Node, problem: Problem, directions: int) -> Optimum:
    """The group /optimum or /optimum_penalised."""
    name, words = (str(node.attribute(name)) for name in ("floor_name", "floor_words"))
    floor = Floor(name, words, float(node.array("floor")))
    values = tuple(node.array("search_value").tolist())
    return Optimum(point_in(node, problem, directions), floor, values)


def pruning_in(node: Node, problem: Problem) -> Pruning:
    """The group /pruning."""
    check_axes(node, problem)
    gone = removed(node.array("removed"))
    columns = zip(gone, node.array("risk"), node.array("reoptimized_risk"), strict=True)
    subsets = zip(removed(node.array("subset_removed")), node.array("subset_risk"), strict=True)
    return Pruning(
        tuple(Removal(learners, float(risk), float(again)) for learners, risk, again in columns),
        bool(node.array("exhaustive")),
        {learners: float(risk) for learners, risk in subsets},
        node.array("interaction"),
    )


def synergy_in(node: Node, problem: Problem) -> Synergy:
    """The group /synergy."""
    check_axes(node, problem)
    return Synergy(node.array("cost"), node.array("interaction"))


def escapes_in(node: Node) -> tuple[Escape, ...]:
    """The group /escapes."""
    columns = {name: node.array(name) for name in (*ESCAPES, *ESCAPED) if name in node}
    rows = [
        {name: plain(column) for name, column in zip(columns, row, strict=True)}
        for row in zip(*columns.values(), strict=True)
    ]
    found = []
    for row in rows:
        escape = Escape(**{name: row[name] for name in ESCAPES} | {"common": bool(row["common"])})
        if "verdict" in row:
            own = {name.removeprefix("simulated_"): row[name] for name in ESCAPED}
            escape = escape.with_simulated(Escaped(**own))
        found.append(escape)
    return tuple(found)


def plain(value: Any) -> Any:
    """A number or a text of Python, or an array."""
    return value if isinstance(value, np.ndarray | str) else value.item()


def removed(rows: Array) -> Sequence[tuple[int, ...]]:
    """Who is gone in each row."""
    return [tuple(map(int, np.flatnonzero(row))) for row in rows]
