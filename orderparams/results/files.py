"""Result files: what they hold, as the result that was saved."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from orderparams.config import Problem, parse, parse_toml
from orderparams.config.toml import model_name
from orderparams.config.values import shown
from orderparams.errors import ConfigurationError, FileError
from orderparams.models import registry
from orderparams.results import schema
from orderparams.results.analysis import Analysis, read_analysis
from orderparams.results.evaluation import Evaluation, read_evaluation
from orderparams.results.evidence import Evidence, read_evidence
from orderparams.results.findings import Findings, read_findings
from orderparams.results.innovations import Innovations, read_innovations
from orderparams.results.scan import Scan, read_scan
from orderparams.results.simulation import SimulationRun, read_checkpoint, read_simulation
from orderparams.results.trajectory import Trajectory, read_run
from orderparams.results.unfinished import Unfinished, read_last, read_unfinished
from orderparams.results.validation import Validation, read_validation
from orderparams.storage import hdf5
from orderparams.storage.nodes import Node
from orderparams.storage.schema import Known

AnyResult: TypeAlias = (
    Trajectory
    | SimulationRun
    | Validation
    | Innovations
    | Scan
    | Evidence
    | Evaluation
    | Analysis
    | Findings
    | Unfinished
)


def trajectory_in(file: Node, problem: Problem) -> Trajectory:
    """The trajectory in a file."""
    return read_run(file, problem, str(file.attribute("status")))


def simulation_in(file: Node, problem: Problem) -> SimulationRun:
    """The simulation in a file; of a validation that was interrupted, its last."""
    if "plan" in file:
        return dataclasses.replace(read_last(file, problem), status="interrupted")
    run = read_simulation(file["simulation"], problem, str(file.attribute("status")))
    return dataclasses.replace(run, checkpoint=read_checkpoint(file))


def analysis_in(file: Node, problem: Problem) -> Analysis | Findings:
    """The analysis in a file."""
    own = registry.own_analysis(problem)
    return read_findings(file, problem) if own else read_analysis(file, problem)


READERS: dict[str, tuple[str, Callable[[Node, Problem], AnyResult]]] = {
    "scan": ("scan", read_scan),
    "comparison": ("validate", read_validation),
    "innovations": ("validate", read_innovations),
    "checks": ("reproduce", read_evidence),
    "simulation": ("simulate", simulation_in),
    "plan": ("validate", read_unfinished),
    "analysis": ("analyze", analysis_in),
    "trajectory": ("solve", trajectory_in),
    "evaluation": ("evaluate", read_evaluation),
}
"""By the first of these groups that a file has: the command that makes it, and what reads it."""

NAMES = {"checks": "claim", "plan": "validation that was interrupted"}
"""What a group is called in messages, where not by its name."""


@contextlib.contextmanager
def read(path: Path) -> Iterator[Node]:
    """An existing file that keeps to the schema of its model, open; else :class:`FileError`."""
    with hdf5.read(path, lambda config: known(path, config)) as file:
        yield Node(file)


def known(path: Path, config: str) -> Known:
    """What a file with this configuration can hold; :class:`FileError` if its model is unknown."""
    try:
        table = parse_toml(config)
    except ConfigurationError:  # which is told when the configuration is needed
        return schema.known(registry.DEFAULT)
    try:
        return schema.known(model_name(table))
    except ConfigurationError as error:
        raise unreadable(path, error) from None


def unreadable(path: object, error: ConfigurationError) -> FileError:
    """The error for a file whose configuration makes no sense here."""
    text = f"{path}: its configuration cannot be read: {error.message}"
    return FileError(text, error.remedy, **error.values)


def read_configuration(path: Path) -> str:
    """The TOML text of the configuration that a file was made from."""
    with read(path) as file:
        return str(file.attribute("config"))


def read_attributes(path: Path) -> dict[str, Any]:
    """The root attributes of a file, and those of each of its groups under the group's name, with
    the shapes of its variables."""
    with read(path) as file:
        return file.attributes | {
            name: file[name].attributes | {"variables": file[name].shapes} for name in file
        }


def stored_problem(file: Node) -> Problem:
    """The problem that a file was made from; of a scan, the one that it varies."""
    try:
        table = parse_toml(str(file.attribute("config")))
        return parse({key: value for key, value in table.items() if key != "scan"})
    except ConfigurationError as error:
        raise unreadable(file.file_name, error) from None


def open_group(path: str | Path, name: str) -> Any:
    """What the group of a file is of; :class:`FileError` if there is none."""
    command, reader = READERS[name]
    with read(Path(path)) as file:
        if "scan" in file and name != "scan":
            raise FileError(f"{path} is a scan, not one run; plot, report and export show it")
        if name not in file:
            has = ", ".join(file) or "no groups"
            what = NAMES.get(name, name)
            raise FileError(f"{path} holds no {what}; it has {has}", "make", command=command)
        return reader(file, stored_problem(file))


def open_result(path: str | Path) -> AnyResult:
    """What a result file holds: a trajectory, an analysis, a simulation, a validation, a scan, an
    evaluation, or the evidence of a claim.

    Raises
    ------
    FileError
        Where the file cannot be read, or holds no result.

    Examples
    --------
    >>> run = op.solve("single-head", settings={"training.duration": 5})
    >>> run.save("run.h5", force=True)
    >>> bool((op.open("run.h5").risk == run.risk).all())
    True
    """
    if not isinstance(path, str | os.PathLike):
        raise ConfigurationError(f"expected the path of a result file, got {shown(path)}")
    with read(Path(path)) as file:
        kind = next((name for name in READERS if name in file), None)
        if kind is None:
            has = ", ".join(file) or "no groups"
            raise FileError(f"{path} holds no result; it has {has}", "result")
        return READERS[kind][1](file, stored_problem(file))
