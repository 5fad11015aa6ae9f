"""The run to analyze: one that was made, a replica of a simulation, or one to be solved first."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from orderparams.analysis.course import Told, part
from orderparams.analysis.simulated import replica_trajectory
from orderparams.config.toml import Settings
from orderparams.config.unused import heed
from orderparams.errors import ConfigurationError
from orderparams.models.unused import unsimulated
from orderparams.results.analysis import Analysis
from orderparams.results.files import open_group, read_attributes
from orderparams.results.findings import Findings
from orderparams.results.scan import Scan
from orderparams.results.simulation import SimulationRun
from orderparams.results.trajectory import Trajectory
from orderparams.results.validation import Validation
from orderparams.run.solve import solve
from orderparams.sources import Source, is_result, load

INTEGRATED = 0.4
"""Part of the work that is about done with a new run."""


def analyzed(source: Source) -> Analysis | Findings | None:
    """What was found before: an analysis, in memory or in a file."""
    if isinstance(source, Analysis | Findings):
        return source
    if not is_result(source):
        return None
    path = Path(cast(str, source))
    if "analysis" not in read_attributes(path):
        return None
    found: Analysis | Findings = open_group(path, "analysis")
    return found


def run_of(
    source: Source, settings: Settings | None, replica: int, simulate: int, progress: Told
) -> tuple[Trajectory, int | None, Told]:
    """What a result is about, in memory or in a file; with settings, or of all else, a new run.

    ``replica`` counts from 1; of a comparison those nearest to the limit are taken; ``simulate`` is
    how many replicas are made later. Beside the run the replica where it is one, and the progress
    of what is left to do.
    """
    if settings is None:
        result: object = opened(Path(cast(str, source))) if is_result(source) else source
        if isinstance(result, Scan):
            raise ConfigurationError("a scan is many runs; solve one of its points to analyze it")
        if isinstance(result, Validation):
            result = result.nearest
        if isinstance(result, SimulationRun):
            return replica_trajectory(result, replica - 1), replica, progress
        number = result.replica if isinstance(result, Analysis | Findings) else None
        if not isinstance(result, Trajectory):
            result = getattr(result, "trajectory", None)
        if isinstance(result, Trajectory):
            return result, number, progress
    problem = load(source, settings=settings)
    problem = heed(problem, "analyze", unsimulated(problem, "analyze", simulate), depth=4)
    told = part(progress, 0.0, INTEGRATED, "integrating the flow")
    run = solve(problem, progress=lambda fraction, risk: told(fraction, ""))
    if run.status == "interrupted":
        raise KeyboardInterrupt
    return run, None, lambda done, what: progress(INTEGRATED + (1 - INTEGRATED) * done, what)


def opened(path: Path) -> Trajectory | SimulationRun | Analysis | Findings:
    """The simulation in a file, or else its analysis or trajectory."""
    groups = read_attributes(path)
    kind = next((name for name in ("simulation", "analysis") if name in groups), "trajectory")
    found: Trajectory | SimulationRun | Analysis | Findings = open_group(path, kind)
    return found
