"""What an analysis finds as the groups of a file; what learns is counted from 1."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.models.vectors.geometry import Direction, geometry_of
from orderparams.results import schema
from orderparams.results.analyzed.escapes import PROBABILITIES, Escape
from orderparams.results.analyzed.optimum import Optimum, Pruning, Synergy
from orderparams.results.analyzed.rests import Growth, Rest, StationaryPoint
from orderparams.results.analyzed.stages import Excursion, Plateau, Stages
from orderparams.results.analyzed.variables import ESCAPED, ESCAPES, GROWTH
from orderparams.storage.tree import Tree


def tree(problem: Problem, kind: str, arrays: Mapping[str, Any], **attributes: str) -> Tree:
    """A group of this kind."""
    known = schema.known(problem.model).groups[kind]
    return Tree(
        variables={name: (known[name], np.asarray(values)) for name, values in arrays.items()},
        axis_names=schema.axis_names(schema.table(problem.model)),
        attributes=attributes,
    )


def texts(values: Sequence[Any]) -> NDArray[Any]:
    """An array of texts; it may be empty."""
    return np.array(values, dtype=object)


def of_stages(problem: Problem, stages: Stages) -> Tree:
    """The group /stages: one row an event; vectors as overlaps are measured, and as they are."""
    geometry, known = geometry_of(problem), schema.stages(problem.model)
    learner, *names = known
    columns = {name: [getattr(event, name, None) for event in stages.events] for name in names}
    columns[learner] = [event.learner + 1 for event in stages.events]
    arrays = {name: np.array(columns[name]) for name in known}
    arrays["target"] = texts(columns["target"])
    change = arrays["vector"].reshape(-1, len(geometry.targets[0].basis))
    arrays |= {"vector": geometry.measured(change), "change": change}
    return tree(problem, "stages", arrays)


def all_of_stages(problem: Problem, stages: Stages) -> dict[str, Tree]:
    """All groups that hold what happened in a run."""
    return {
        "stages": of_stages(problem, stages),
        "plateaus": of_plateaus(problem, stages.plateaus),
        "excursions": of_excursions(problem, stages.excursions),
        "targets": of_directions(problem, "targets", stages.directions),
    }


def about_stages(stages: Stages) -> dict[str, Any]:
    """What the group /analysis has of it."""
    start, end = stages.unspecialized or (np.nan, np.nan)
    return {
        "equals": grouped(stages),
        "remaining": stages.remaining,
        "equal_from": start,
        "equal_to": end,
    }


def of_plateaus(problem: Problem, plateaus: Sequence[Plateau]) -> Tree:
    """The group /plateaus."""
    names = [field.name for field in dataclasses.fields(Plateau)]
    return tree(problem, "plateaus", {n: [float(getattr(p, n)) for p in plateaus] for n in names})


def of_excursions(problem: Problem, excursions: Sequence[Excursion]) -> Tree:
    """The group /excursions."""
    learner = next(iter(schema.known(problem.model).groups["excursions"]))
    numbers = {
        name: [float(getattr(path, name)) for path in excursions]
        for name in ("peak", "peak_time", "turn_time")
    }
    return tree(
        problem,
        "excursions",
        {
            learner: np.array([path.learner + 1 for path in excursions], dtype=np.int64),
            "origin": texts([path.source for path in excursions]),
            "destination": texts([path.target for path in excursions]),
            **numbers,
        },
    )


def of_directions(problem: Problem, kind: str, directions: Sequence[Direction]) -> Tree:
    """The group /directions or /targets: a row a basis vector."""
    names = [d.name for d in directions for _ in d.basis.T]
    variances = [float(d.variance) for d in directions for _ in d.basis.T]
    vectors = np.concatenate([d.basis.T for d in directions])
    return tree(problem, kind, {"name": texts(names), "variance": variances, "vector": vectors})


def point_arrays(point: StationaryPoint) -> dict[str, Any]:
    """What is stored of any stationary point."""
    return {
        **point.state,
        "risk": point.risk,
        "penalty": point.penalty,
        "slope": point.residual,
        "weights": point.vectors.weights,
        "x": point.x,
    }


def of_rest(problem: Problem, rest: Rest) -> Tree:
    """A group /rest_…, such as /rest_final."""
    modes = rest.modes
    growths = [*rest.growth, *[None] * (len(modes) - len(rest.growth))]
    return tree(
        problem,
        "rest",
        {
            **point_arrays(rest.point),
            "nearest_distance": rest.distance,
            "nearest_time": rest.time,
            "end_distance": rest.end,
            "unstable": len(rest.growth),
            "eigenvalue": [mode.eigenvalue for mode in modes],
            "multiplicity": [mode.multiplicity for mode in modes],
            "common": [mode.common for mode in modes],
            "share": [mode.directions for mode in modes],
            "residual_share": [mode.residual for mode in modes],
            **{name: [seen(growth, name) for growth in growths] for name in GROWTH},
            "vector": np.concatenate([mode.vectors for mode in modes]),
        },
    )


def seen(growth: Growth | None, name: str) -> float:
    """A number of the growth along a mode; NaN where none was seen."""
    return np.nan if growth is None else float(getattr(growth, name.removeprefix("growth_")))


def of_optimum(problem: Problem, found: Optimum) -> Tree:
    """The group /optimum or /optimum_penalised."""
    floor = found.floor
    numbers = {"search_value": found.values, "floor": floor.value}
    about = {"floor_name": floor.name, "floor_words": floor.words}
    return tree(problem, "optimum", point_arrays(found.point) | numbers, **about)


def of_pruning(problem: Problem, found: Pruning) -> Tree:
    """The group /pruning."""
    count = len(found.interaction)

    def marked(removed: Sequence[tuple[int, ...]]) -> NDArray[np.int8]:
        rows = np.zeros((len(removed), count), dtype=np.int8)
        for row, learners in zip(rows, removed, strict=True):
            row[list(learners)] = 1
        return rows

    return tree(
        problem,
        "pruning",
        {
            "removed": marked([removal.learners for removal in found.removals]),
            "risk": [removal.risk for removal in found.removals],
            "reoptimized_risk": [removal.reoptimized_risk for removal in found.removals],
            "interaction": found.interaction,
            "subset_removed": marked(list(found.subsets)),
            "subset_risk": list(found.subsets.values()),
            "exhaustive": np.int8(found.exhaustive),
        },
    )


def of_synergy(problem: Problem, found: Synergy) -> Tree:
    """The group /synergy."""
    arrays = {"cost": found.cost, "interaction": found.interaction}
    return tree(problem, "synergy", arrays, weights="held")


def of_escapes(problem: Problem, escapes: Sequence[Escape]) -> Tree:
    """The group /escapes: a row a state that is left, with replicas where all have them."""
    words = ("name", "verdict", "doubt")
    whole = ("common", "multiplicity", "plateau", "dimension")
    columns = {name: [getattr(one, name) for one in escapes] for name in ESCAPES}
    simulated = [one.simulated for one in escapes if one.simulated is not None]
    if len(simulated) == len(escapes):
        columns |= {
            name: [getattr(one, name.removeprefix("simulated_")) for one in simulated]
            for name in ESCAPED
        }
    arrays = {
        name: texts(values)
        if name in words
        else np.array(values, dtype=np.int64)
        if name in whole
        else np.array(values, dtype=np.float64)
        for name, values in columns.items()
    }
    found = tree(problem, "escapes", arrays)
    return dataclasses.replace(found, coordinates={"probability": PROBABILITIES})


def grouped(stages: Stages) -> NDArray[np.int64]:
    """The group of each learner at the end, counted from 1; 0 for dormant ones."""
    count = sum(map(len, stages.groups)) + len(stages.dormant)
    labels = np.zeros(count, dtype=np.int64)
    for number, group in enumerate(stages.groups, 1):
        labels[list(group)] = number
    return labels
