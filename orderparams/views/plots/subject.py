"""What a figure of one run is drawn of: the run that a result is about."""

from __future__ import annotations

from typing import Any

from orderparams.analysis.simulated import replica_trajectory
from orderparams.models.parameters import OrderParameter
from orderparams.results.scan import Scan
from orderparams.results.simulation import SimulationRun
from orderparams.results.trajectory import Trajectory
from orderparams.results.validation import Validation


def run_of(result: Any) -> Trajectory:
    """The run that a result is about: of a comparison the theory of the last simulation, of a
    simulation the first replica."""
    if isinstance(result, Validation):
        return result.nearest_theory[0]
    if isinstance(result, SimulationRun):
        return replica_trajectory(result, 0)
    run: Trajectory = getattr(result, "trajectory", result)
    return run


def rule_of(result: Any) -> str | None:
    """How what is drawn has learned, where that is not the configuration's rule."""
    simulated = isinstance(result, Scan) and result.action in ("simulate", "validate")
    return "sgd" if simulated or isinstance(result, SimulationRun) else None


def overlaps_of(run: Trajectory) -> OrderParameter:
    """The order parameter that stages tell of."""
    return next(one for one in run.order_parameters if one.crossed)
