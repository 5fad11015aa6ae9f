"""Exact dynamics of multi-head attention, and of the soft committee machine.

>>> import orderparams as op
>>> run = op.solve("single-head", settings={"training.duration": 20})
>>> figure = op.plot(run, "run.png")

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
    from orderparams.models.own.description import OwnModel as OwnModel
    from orderparams.models.own.register import register as register
    from orderparams.outputs import export as export
    from orderparams.outputs import plot as plot
    from orderparams.outputs import report as report
    from orderparams.outputs import save as save
    from orderparams.results.analysis import Analysis as Analysis
    from orderparams.results.causes import Score as Score
    from orderparams.results.evaluation import Evaluation as Evaluation
    from orderparams.results.evidence import Evidence as Evidence
    from orderparams.results.files import open_result as open
    from orderparams.results.findings import Findings as Findings
    from orderparams.results.fluctuations import Fluctuations as Fluctuations
    from orderparams.results.innovations import Innovations as Innovations
    from orderparams.results.scan import Scan as Scan
    from orderparams.results.simulation import SimulationRun as SimulationRun
    from orderparams.results.trajectory import Trajectory as Trajectory
    from orderparams.results.validation import Validation as Validation
    from orderparams.run.evaluate import evaluate as evaluate
    from orderparams.run.judge import judge as judge
    from orderparams.run.simulate import simulate as simulate
    from orderparams.run.solve import solve as solve
    from orderparams.run.validate import validate as validate
    from orderparams.scans.scan import scan as scan
    from orderparams.shipped import presets as presets
    from orderparams.sources import load as load

    __version__: str

if not os.path.isdir(os.path.join(__path__[0], "cli")):
    # A checkout: cli/ and data/, which an installation has inside, stand beside this folder.
    __path__.append(os.path.dirname(__path__[0]))

_HOMES = {
    "Analysis": ("results.analysis", "Analysis"),
    "ConfigurationError": ("errors", "ConfigurationError"),
    "Evaluation": ("results.evaluation", "Evaluation"),
    "Evidence": ("results.evidence", "Evidence"),
    "FileError": ("errors", "FileError"),
    "Findings": ("results.findings", "Findings"),
    "Fluctuations": ("results.fluctuations", "Fluctuations"),
    "IgnoredSettingWarning": ("errors", "IgnoredSettingWarning"),
    "Innovations": ("results.innovations", "Innovations"),
    "OrderparamsError": ("errors", "OrderparamsError"),
    "OwnModel": ("models.own.description", "OwnModel"),
    "Problem": ("config", "Problem"),
    "Scan": ("results.scan", "Scan"),
    "Score": ("results.causes", "Score"),
    "SimulationRun": ("results.simulation", "SimulationRun"),
    "SolverError": ("errors", "SolverError"),
    "Trajectory": ("results.trajectory", "Trajectory"),
    "Validation": ("results.validation", "Validation"),
    "analyze": ("analysis.analyze", "analyze"),
    "evaluate": ("run.evaluate", "evaluate"),
    "export": ("outputs", "export"),
    "judge": ("run.judge", "judge"),
    "load": ("sources", "load"),
    "open": ("results.files", "open_result"),
    "plot": ("outputs", "plot"),
    "presets": ("shipped", "presets"),
    "register": ("models.own.register", "register"),
    "report": ("outputs", "report"),
    "save": ("outputs", "save"),
    "scan": ("scans.scan", "scan"),
    "simulate": ("run.simulate", "simulate"),
    "solve": ("run.solve", "solve"),
    "validate": ("run.validate", "validate"),
}

__all__ = [
    "Analysis",
    "ConfigurationError",
    "Evaluation",
    "Evidence",
    "FileError",
    "Findings",
    "Fluctuations",
    "IgnoredSettingWarning",
    "Innovations",
    "OrderparamsError",
    "OwnModel",
    "Problem",
    "Scan",
    "Score",
    "SimulationRun",
    "SolverError",
    "Trajectory",
    "Validation",
    "__version__",
    "analyze",
    "evaluate",
    "export",
    "judge",
    "load",
    "open",
    "plot",
    "presets",
    "register",
    "report",
    "save",
    "scan",
    "simulate",
    "solve",
    "validate",
]


def __getattr__(name: str) -> Any:
    """Public names, imported at first use: importing the package itself costs nothing."""
    if name == "__version__":
        return importlib.import_module(f"{__name__}.provenance").version()
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(f"{__name__}.{module}"), attribute)


def __dir__() -> list[str]:
    return __all__
