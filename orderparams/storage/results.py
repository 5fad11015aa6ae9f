"""Any result file → the class of what it holds."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from orderparams.config.values import shown
from orderparams.errors import ConfigurationError, FileError
from orderparams.storage.hdf5 import read

if TYPE_CHECKING:
    from orderparams.claims.evidence import Evidence
    from orderparams.scans.result import Scan
    from orderparams.sgd.run import SimulationRun
    from orderparams.trajectory import Trajectory
    from orderparams.validation import Validation

    Result: TypeAlias = Trajectory | SimulationRun | Validation | Scan | Evidence

OPENERS = {
    "scan": ("scans", "open_scan"),
    "comparison": ("validations", "open_validation"),
    "checks": ("claims", "open_evidence"),
    "simulation": ("simulations", "open_simulation"),
    "trajectory": ("hdf5", "open_trajectory"),
}
"""Module and function by the first of these groups that a file has; imported when needed."""


def open_result(path: str | Path) -> Result:
    """What a result file holds: a trajectory, a simulation, a validation, a scan, or the evidence
    of a claim. :class:`FileError` if it cannot be read."""
    if not isinstance(path, str | os.PathLike):
        raise ConfigurationError(f"expected the path of a result file, got {shown(path)}")
    with read(Path(path)) as file:
        kind = next((name for name in OPENERS if name in file), None)
        if kind is None:
            has = ", ".join(file) or "no groups"
            raise FileError(f"{path} holds no result; it has {has}", "result")
    module, function = OPENERS[kind]
    result: Result = getattr(importlib.import_module(f"orderparams.storage.{module}"), function)(
        Path(path)
    )
    return result
