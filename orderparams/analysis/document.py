"""An analysis as one JSON document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from orderparams.analysis.events import Event
from orderparams.analysis.optimum import Optimum
from orderparams.analysis.pruning import Pruning
from orderparams.analysis.stages import Stages
from orderparams.analysis.stationary import StationaryPoint

if TYPE_CHECKING:
    from orderparams.analysis.analyze import Analysis
    from orderparams.analysis.rests import Rest


def from_one(heads: Iterable[int]) -> list[int]:
    """Heads as people count them."""
    return [int(head) + 1 for head in heads]


def document(analysis: Analysis) -> dict[str, Any]:
    """Everything in plain lists, numbers and words."""
    run, best, penalised = analysis.trajectory, analysis.optimum, analysis.penalised
    return {
        "status": run.status,
        "risk": float(run.risk[-1]),
        "objective": analysis.objective,
        "bayes_risk": best.bayes_risk,
        "directions": [
            {"name": d.name, "basis": d.basis.tolist(), "variance": float(d.variance)}
            for d in analysis.directions
        ],
        "predicted_order": list(analysis.predicted_order),
        "observed_order": list(analysis.observed_order),
        "stages": stages_table(analysis.stages),
        "unspecialized": rest_table(analysis.unspecialized),
        "plateaus": [rest_table(rest) for rest in analysis.rests],
        "final": rest_table(analysis.final),
        "optimum": optimum_table(best),
        "penalised_optimum": penalised and optimum_table(penalised),
        "pruning": pruning_table(analysis.pruning),
    }


def stages_table(stages: Stages) -> dict[str, Any]:
    """What happened."""
    return {
        "events": [event_table(event) for event in stages.events],
        "plateaus": [vars(plateau) for plateau in stages.plateaus],
        "unspecialized": stages.unspecialized,
        "excursions": [
            vars(excursion)
            | {
                "head": excursion.head + 1,
                "origin": excursion.origin.name,
                "destination": excursion.destination.name,
            }
            for excursion in stages.excursions
        ],
        "groups": [from_one(group) for group in stages.groups],
        "dormant": from_one(stages.dormant),
        "remaining": stages.remaining,
    }


def event_table(event: Event) -> dict[str, Any]:
    """One row of the stages."""
    row = vars(event) | {"head": event.head + 1, "target": event.target}
    row["vector"] = event.vector.tolist()
    del row["direction"]
    return row


def point_table(point: StationaryPoint) -> dict[str, Any]:
    """A stationary point."""
    heads = point.heads
    return {
        "risk": point.risk,
        "objective": point.objective,
        "residual": point.residual,
        "overlap": heads.overlap.tolist(),
        "self_overlap": heads.self_overlap.tolist(),
        "bias": heads.bias.tolist(),
        "head_weights": heads.head_weights.tolist(),
    }


def optimum_table(found: Optimum) -> dict[str, Any]:
    """A minimum, and how it was found."""
    return point_table(found.point) | {
        "found": found.found,
        "is_bayes_risk": found.proven,
        "values_of_searches": list(found.values),
    }


def rest_table(rest: Rest) -> dict[str, Any]:
    """A stationary point with its modes, and the growth of the run along them."""
    modes = []
    for i, mode in enumerate(rest.modes):
        growth = rest.growth[i] if i < len(rest.growth) else None
        row = {name: value for name, value in vars(mode).items() if name != "vectors"}
        row |= {"multiplicity": mode.multiplicity, "growth": growth and vars(growth)}
        modes.append(row)
    return point_table(rest.point) | {
        "modes": modes,
        "distance": rest.distance,
        "time": rest.time,
    }


def pruning_table(pruning: Pruning) -> dict[str, Any]:
    """What the heads are worth."""
    return {
        "exhaustive": pruning.exhaustive,
        "removals": [
            vars(removal) | {"heads": from_one(removal.heads)} for removal in pruning.removals
        ],
        "interaction": np.asarray(pruning.interaction).tolist(),
    }
