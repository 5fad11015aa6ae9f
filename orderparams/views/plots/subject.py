"""What a figure of one run is drawn of: the run that a result is about."""

from __future__ import annotations

from typing import Any

from orderparams.analysis.simulated import replica_trajectory
from orderparams.models.parameters import OrderParameter
from orderparams.results.analysis import Analysis
from orderparams.results.findings import Findings
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


def saddles_of(result: Any) -> list[tuple[float, float]]:
    """Time and risk of each saddle behind a plateau that an analysis of a run has found."""
    if isinstance(result, Analysis):
        rests = (result.unspecialized, *result.rests)
        return [(rest.time, rest.point.risk) for rest in rests if rest.passed and rest.unstable]
    if not isinstance(result, Findings) or "saddles" not in {one.name for one in result.chapters}:
        return []
    found = result.chapter("saddles")
    known = zip(found["when"], found["risk_there"], found["growing"], strict=True)
    return [(float(when), float(risk)) for when, risk, growing in known if growing]
