"""The parts of an analysis as they stand in a JSON document; what learns is counted from 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from orderparams.models.vectors.geometry import Direction
from orderparams.results.analyzed.escapes import PROBABILITIES, Escape
from orderparams.results.analyzed.optimum import Optimum, Pruning, Synergy
from orderparams.results.analyzed.rests import Rest, StationaryPoint
from orderparams.results.analyzed.stages import Event, Stages
from orderparams.results.finite import finite


def from_one(learners: Iterable[int]) -> list[int]:
    """As people count."""
    return [int(learner) + 1 for learner in learners]


def directions_table(directions: Sequence[Direction]) -> list[dict[str, Any]]:
    """What the modes are named by."""
    return [
        {"name": d.name, "basis": d.basis.tolist(), "variance": float(d.variance)}
        for d in directions
    ]


def stages_table(stages: Stages, word: str) -> dict[str, Any]:
    """What happened to what is called by this word."""
    return {
        "events": [event_table(event, word) for event in stages.events],
        "plateaus": [vars(plateau) for plateau in stages.plateaus],
        "unspecialized": stages.unspecialized,
        "excursions": [
            renamed(excursion, "learner", word, excursion.learner + 1)
            | {"origin": excursion.source, "destination": excursion.target}
            for excursion in stages.excursions
        ],
        "groups": [from_one(group) for group in stages.groups],
        "dormant": from_one(stages.dormant),
        "remaining": stages.remaining,
    }


def renamed(part: object, name: str, word: str, value: object) -> dict[str, Any]:
    """All fields of a part, one of them by another name and with another value."""
    return {
        word if key == name else key: value if key == name else own
        for key, own in vars(part).items()
    }


def event_table(event: Event, word: str) -> dict[str, Any]:
    """One row of the stages."""
    row = renamed(event, "learner", word, event.learner + 1)
    row |= {"target": event.target, "vector": event.vector.tolist()}
    del row["direction"]
    return row


def point_table(point: StationaryPoint) -> dict[str, Any]:
    """A stationary point."""
    return {
        "risk": point.risk,
        "objective": point.objective,
        "residual": point.residual,
        **{name: values.tolist() for name, values in point.state.items()},
    }


def optimum_table(found: Optimum) -> dict[str, Any]:
    """A minimum, and how it was found."""
    return point_table(found.point) | {
        "found": found.found,
        f"is_{found.floor.name}": found.proven,
        "values_of_searches": list(found.values),
    }


def rest_table(rest: Rest) -> dict[str, Any]:
    """A stationary point with its modes, and the growth of the run along them."""
    modes = []
    for i, mode in enumerate(rest.modes):
        growth = rest.growth[i] if i < len(rest.growth) else None
        own = vars(mode).items()
        row = {name: value for name, value in own if name not in ("vectors", "inertia")}
        row |= {"multiplicity": mode.multiplicity, "growth": growth and vars(growth)}
        modes.append(row)
    return point_table(rest.point) | {
        "modes": modes,
        "distance": rest.distance,
        "time": rest.time,
    }


def pruning_table(pruning: Pruning, word: str) -> dict[str, Any]:
    """What those called by this word are worth."""
    return {
        "exhaustive": pruning.exhaustive,
        "removals": [
            renamed(removal, "learners", f"{word}s", from_one(removal.learners))
            for removal in pruning.removals
        ],
        "interaction": np.asarray(pruning.interaction).tolist(),
    }


def synergy_table(found: Synergy) -> dict[str, Any]:
    """What they are worth with all weights held."""
    return {"cost": found.cost.tolist(), "interaction": found.interaction.tolist()}


def escape_table(found: Escape) -> dict[str, Any]:
    """The law of an escape, and replicas beside it."""
    row = vars(found) | {
        "crossover": finite(found.crossover),
        "quantile": found.quantile.tolist(),
        "probability": PROBABILITIES.tolist(),
    }
    if found.simulated is not None:
        own = {
            name: finite(v) if isinstance(v, float) else v
            for name, v in vars(found.simulated).items()
        }
        times = [finite(time) for time in found.simulated.time.tolist()]
        row["simulated"] = own | {"time": times}
    return row
