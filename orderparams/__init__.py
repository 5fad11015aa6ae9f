"""Exact high-dimensional dynamics of multi-head attention, and of the soft committee machine.

>>> import orderparams as op
>>> trajectory = op.solve("two-stage", settings={"attention.heads": 8})
>>> trajectory.save("run.h5")

Every function takes the name of a preset, a path, a table, a problem or a result, and settings.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orderparams.analysis.analyze import analyze as analyze
    from orderparams.config import Problem as Problem
    from orderparams.errors import ConfigurationError as ConfigurationError
    from orderparams.errors import FileError as FileError
    from orderparams.errors import IgnoredSettingWarning as IgnoredSettingWarning
    from orderparams.errors import OrderparamsError as OrderparamsError
    from orderparams.errors import SolverError as SolverError
    from orderparams.results.analysis import Analysis as Analysis
    from orderparams.results.evaluation import Evaluation as Evaluation
    from orderparams.results.files import open_result as open  # noqa: F401
    from orderparams.results.scan import Scan as Scan
    from orderparams.results.simulation import SimulationRun as SimulationRun
    from orderparams.results.trajectory import Trajectory as Trajectory
    from orderparams.results.validation import Validation as Validation
    from orderparams.run.evaluate import evaluate as evaluate
    from orderparams.run.simulate import simulate as simulate
    from orderparams.run.solve import solve as solve
    from orderparams.run.validate import validate as validate
    from orderparams.scans.run import scan as scan
    from orderparams.sources import load as load

if not os.path.isdir(os.path.join(__path__[0], "cli")):
    # A checkout: cli/ and data/, which an installation has inside, stand beside this folder.
    __path__.append(os.path.dirname(__path__[0]))

_HOMES = {
    "IgnoredSettingWarning": ("errors", "IgnoredSettingWarning"),
    "Problem": ("config", "Problem"),
    "Analysis": ("results.analysis", "Analysis"),
    "Evaluation": ("results.evaluation", "Evaluation"),
    "Trajectory": ("results.trajectory", "Trajectory"),
    "SimulationRun": ("results.simulation", "SimulationRun"),
    "Validation": ("results.validation", "Validation"),
    "Scan": ("results.scan", "Scan"),
    "ConfigurationError": ("errors", "ConfigurationError"),
    "FileError": ("errors", "FileError"),
    "OrderparamsError": ("errors", "OrderparamsError"),
    "SolverError": ("errors", "SolverError"),
    "analyze": ("analysis.analyze", "analyze"),
    "evaluate": ("run.evaluate", "evaluate"),
    "load": ("sources", "load"),
    "open": ("results.files", "open_result"),
    "scan": ("scans.run", "scan"),
    "simulate": ("run.simulate", "simulate"),
    "solve": ("run.solve", "solve"),
    "validate": ("run.validate", "validate"),
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Public names, imported at first use: importing the package itself costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(f"{__name__}.{module}"), attribute)


def __dir__() -> list[str]:
    return __all__
