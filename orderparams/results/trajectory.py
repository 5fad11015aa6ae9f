"""Order parameters in time: what comes out of a flow."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.errors import FileError
from orderparams.models import registry
from orderparams.models.interface import Reference, State
from orderparams.results.fluctuations import Fluctuations, read_fluctuations
from orderparams.results.result import Measured, shapes, span
from orderparams.results.schema import (
    all_of,
    axis_names,
    coordinates,
    courses,
    observables,
    undimensioned,
)
from orderparams.storage.schema import Variable
from orderparams.storage.tree import Tree

if TYPE_CHECKING:
    from orderparams.storage.nodes import Node

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Reached:
    """Where a run goes on: the time, the vector y (N,) that is integrated, and the next time step
    (0 where the method finds its own). ``extra``: the last stored time is this one, and stands
    there only because the run stopped.
    """

    time: float
    y: Array
    step: float = 0.0
    extra: bool = False


COMPLETE = ("finished", "at rest")
"""What the status of a run is whose order parameters are known at all times."""


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory(Measured):
    """A solved flow at T stored times.

    time (T,); ``parameters`` the order parameters that move (T, …), which can be read as items,
    ``run["overlap"]``; risk (T,). ``observables`` are what else the model says of these states
    (T, …), and of the last one alone (…); they can be read likewise. ``references`` are risks to
    compare with, such as ``bayes_risk`` (NaN where it was not computed), and ``reference_errors``
    their errors, by the same names, of those that are known. ``status`` is "finished",
    "at rest" (from some time on the state no longer moves, and is stored at all times), "failed" or
    "interrupted"; of a run that stopped early the times that were reached are kept, the last of
    them where it stopped.
    ``message`` says why. ``engine`` names how the expectations were taken; ``statistics`` counts
    the integrator's work; ``seconds`` is wall time. ``reached`` is what the run goes on from, None
    where it is not known. ``fluctuations`` are those of SGD around the flow, if they were asked
    for.

    Examples
    --------
    >>> run = op.solve("single-head", settings={"training.duration": 5, "output.points": 6})
    >>> run["overlap"].shape, run.risk.shape  # time, head, feature
    ((6, 1, 1), (6,))
    >>> run.bayes_risk == run.references["bayes_risk"]
    True
    >>> run.to_dataframe().columns.tolist()
    ['overlap_1_1', 'self_overlap_1_1', 'risk']
    """

    main: ClassVar[str] = "trajectory"

    problem: Problem
    time: Array
    parameters: State
    risk: Array
    references: Mapping[str, float] = field(default_factory=dict)
    status: str = "finished"
    message: str = ""
    engine: str = ""
    statistics: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    reached: Reached | None = None
    observables: State = field(default_factory=dict)
    fluctuations: Fluctuations | None = None
    reference_errors: Mapping[str, float] = field(default_factory=dict)

    @property
    def known(self) -> dict[str, Reference]:
        """The references with their errors, 0 where they were not stored."""
        errors = self.reference_errors
        return {name: Reference(at, errors.get(name, 0.0)) for name, at in self.references.items()}

    def compared(self) -> dict[str, float]:
        """The references and their errors as a file names them."""
        errors = {f"{name}_error": error for name, error in self.reference_errors.items()}
        return {**self.references, **errors}

    @property
    def complete(self) -> bool:
        """Whether all times of the run are known."""
        return self.status in COMPLETE

    @property
    def ended(self) -> str:
        """The status of a file."""
        return self.status

    def state(self, index: int) -> State:
        """The order parameters at a stored time."""
        return {name: values[index] for name, values in self.parameters.items()}

    def observed(self, index: int) -> dict[str, Array]:
        """The observables at a stored time, without those of the last time alone."""
        courses = observables(self.problem.model, last=False)
        return {name: self.observables[name][index] for name in courses if name in self.observables}

    @property
    def observed_last(self) -> dict[str, Array]:
        """All observables at the last stored time."""
        return dict(self.observables) | self.observed(-1)

    def groups(self) -> dict[str, Tree]:
        """/trajectory, /fluctuations, and /checkpoint from which the run goes on."""
        found = {"trajectory": self.course()}
        if self.fluctuations is not None:
            found |= self.fluctuations.groups()
        return found if self.reached is None else found | {"checkpoint": stored(self.reached)}

    def course(self) -> Tree:
        """The group /trajectory."""
        known = courses(self.problem.model)
        arrays = {**self.parameters, **self.observables, "risk": self.risk}
        return Tree(
            variables={name: (known[name], values) for name, values in arrays.items()},
            coordinates={"time": self.time} | coordinates(self.problem),
            axis_names=axis_names(all_of(self.problem.model)) | undimensioned(self.problem),
            attributes={
                **self.compared(),
                "engine": self.engine,
                "message": self.message,
                "seconds": self.seconds,
                **self.statistics,
            },
        )

    def facts(self) -> dict[str, str]:
        """Times, order parameters, risk, and how it ended."""
        ended = f"{self.status}{': ' * bool(self.message)}{self.message}"
        references = registry.configuration(self.problem.model).REFERENCES
        return {
            "times": f"{len(self.time)}, {span(self.time)}",
            "parameters": shapes(self.parameters),
            "risk": span(self.risk),
            **{references[name]: f"{value:.6g}" for name, value in self.references.items()},
            "engine": self.engine,
            "status": ended,
        }


@dataclass(frozen=True, eq=False, repr=False)
class AboutRun(Measured):
    """What is said of a run, and is read as the run is."""

    main: ClassVar[str] = "trajectory"

    trajectory: Trajectory

    @property
    def problem(self) -> Problem:  # type: ignore[override]
        """The problem that was solved."""
        return self.trajectory.problem

    @property
    def parameters(self) -> State:  # type: ignore[override]
        """The order parameters of the run (T, …)."""
        return self.trajectory.parameters

    @property
    def references(self) -> Mapping[str, float]:
        """Risks to compare with."""
        return self.trajectory.references

    @property
    def time(self) -> Array:
        """The times of the run (T,)."""
        return self.trajectory.time

    @property
    def risk(self) -> Array:
        """The risk in time (T,)."""
        return self.trajectory.risk

    @property
    def ended(self) -> str:
        """The status of a file, that of the run."""
        return self.trajectory.ended


def stored(reached: Reached) -> Tree:
    """The group /checkpoint."""
    vector = Variable(("component",), "what is integrated: overlaps, residual, and what is learned")
    return Tree(
        variables={"vector": (vector, reached.y)},
        attributes={"time": reached.time, "step": reached.step, "extra": int(reached.extra)},
    )


def read_reached(file: Node) -> Reached | None:
    """Where the run in a file goes on; None in files that do not have it."""
    if "checkpoint" not in file or "vector" not in file["checkpoint"]:
        return None
    node = file["checkpoint"]
    vector = node.array("vector").astype(np.float64)
    time, step, extra = (float(node.attribute(name)) for name in ("time", "step", "extra"))
    if not (0 <= time < np.inf and 0 <= step < np.inf and np.isfinite(vector).all()):
        raise ValueError("the state in /checkpoint is not finite")
    return Reached(time, vector, step, bool(extra))


def check_axes(node: Node, problem: Problem) -> None:
    """:class:`FileError` unless axes have the lengths that they should have by the problem."""
    for axis, size in registry.configuration(problem.model).sizes(problem).items():
        for name in (axis, f"{axis}_2"):
            if name in node and node.length(name) != size:
                raise FileError(
                    f"{node.place}/{name} is damaged: it has {node.length(name)} entries, and by "
                    f"its configuration it should have {size}"
                )


def read_courses(
    node: Node, problem: Problem
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """Times, and all that is stored along them, with the lengths of the problem's axes."""
    check_axes(node, problem)
    configuration = registry.configuration(problem.model)
    moving = [parameter.name for parameter in configuration.order_parameters(problem)]
    if missing := [name for name in moving if name not in node]:
        raise KeyError(f"{missing[0]} is missing in {node.place}")
    arrays = {name: node.array(name) for name in node.variables}
    time = node.array("time")
    if not np.isfinite(time).all():
        raise ValueError("its times are not finite")
    return time, arrays


def check_course(time: Array, *states: Array) -> None:
    """ValueError unless time increases from state to state, and all states are finite."""
    if not time.size or not (np.diff(time) > 0).all():
        raise ValueError("its times do not increase")
    if not all(np.isfinite(state).all() for state in states):
        raise ValueError("its order parameters are not finite")


def read_run(file: Node, problem: Problem, status: str) -> Trajectory:
    """The run in a file, with its fluctuations and where it goes on, if these are there."""
    about = read_fluctuations(file["fluctuations"], problem) if "fluctuations" in file else None
    run = read_trajectory(file["trajectory"], problem, status)
    about = about and about.beside(run.parameters)
    return dataclasses.replace(run, reached=read_reached(file), fluctuations=about)


def read_trajectory(node: Node, problem: Problem, status: str) -> Trajectory:
    """The group /trajectory."""
    time, arrays = read_courses(node, problem)
    risk = arrays.pop("risk")
    seen = {name: arrays.pop(name) for name in observables(problem.model) if name in arrays}
    check_course(time, *arrays.values())
    attributes = node.attributes
    own: dict[str, Any] = {name: attributes.pop(name) for name in ("engine", "message", "seconds")}
    known, errors = read_compared(attributes, problem)
    names = {*known, *(f"{name}_error" for name in errors)}
    return Trajectory(
        problem,
        time,
        arrays,
        risk,
        known,
        status,
        statistics={name: value for name, value in attributes.items() if name not in names},
        observables=seen,
        reference_errors=errors,
        **own,
    )


def read_compared(
    attributes: Mapping[str, Any], problem: Problem
) -> tuple[dict[str, float], dict[str, float]]:
    """References and their errors among the attributes of a group, of those that are there."""
    names = registry.configuration(problem.model).REFERENCES
    known = {name: float(attributes[name]) for name in names if name in attributes}
    errors = {name: attributes.get(f"{name}_error") for name in known}
    return known, {name: float(error) for name, error in errors.items() if error is not None}
