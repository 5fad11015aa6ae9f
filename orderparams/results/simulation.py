"""Replicas of SGD in time: what comes out of a simulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.config.words import counted, of_backend
from orderparams.models.interface import Records, State
from orderparams.models.parameters import OrderParameter
from orderparams.models.schedule import steps_at
from orderparams.results.result import Measured, shapes, span
from orderparams.results.schema import (
    axis_names,
    besides,
    names_along,
    replicas,
    table,
    undimensioned,
)
from orderparams.results.trajectory import read_courses
from orderparams.storage.tree import Tree

if TYPE_CHECKING:
    from orderparams.storage.nodes import Node

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class SimulationRun(Measured):
    """Replicas of SGD, and what they were made from.

    ``records`` has the times, steps, order parameters and losses, of which the parameters can be
    read as items of the run, ``run["overlap"]`` (R, T, …); risk (R, T) is the population risk at
    each of them, NaN where it is not known. ``status`` is "finished", "interrupted", or "failed"
    where SGD diverged, and ``message`` says why. ``checkpoint`` is what an interrupted run goes on
    from, or None.

    Examples
    --------
    >>> small = {"simulation.dimension": 50, "simulation.replicas": 3, "training.duration": 2}
    >>> run = op.simulate("single-head", settings=small | {"output.points": 5})
    >>> run.loss.shape, run.end(0)["overlap"].shape
    ((3, 5), (1, 1))
    """

    main: ClassVar[str] = "simulation"

    problem: Problem
    records: Records
    risk: Array
    status: str
    seconds: float
    checkpoint: Mapping[str, NDArray[Any]] | None = None
    message: str = ""

    @property
    def parameters(self) -> State:  # type: ignore[override]
        """Those of the records that move."""
        return {one.name: self.records.parameters[one.name] for one in self.order_parameters}

    @property
    def besides(self) -> list[OrderParameter]:
        """What was recorded beside the order parameters, in a table like theirs."""
        known = besides(self.problem.model)
        return [one for one in known if one.name in self.records.parameters]

    @property
    def time(self) -> Array:
        """Times (T,)."""
        return self.records.time

    @property
    def loss(self) -> Array:
        """Measured loss (R, T)."""
        return self.records.loss

    @property
    def ended(self) -> str:
        """The status of a file."""
        return self.status

    def end(self, replica: int) -> State:
        """The order parameters of a replica, counted from 0, at the last time."""
        return {name: values[replica, -1] for name, values in self.parameters.items()}

    def groups(self) -> dict[str, Tree]:
        """/simulation; of a run that did not finish also what it goes on from."""
        found = {"simulation": self.course()}
        return found if not self.checkpoint else found | {"checkpoint": nested(self.checkpoint)}

    def course(self) -> Tree:
        """The group /simulation."""
        known, problem = replicas(self.problem.model), self.problem
        more = {p.name: self.records.parameters[p.name] for p in self.besides}
        arrays = {**self.parameters, **more, "risk": self.risk, "loss": self.loss}
        settings = problem.simulation
        size = {"dimension": settings.dimension} if hasattr(settings, "dimension") else {}
        along = {
            axis: np.array(names, dtype=object) for axis, names in names_along(self.besides).items()
        }
        return Tree(
            variables={name: (known[name], values) for name, values in arrays.items()},
            coordinates={"time": self.time} | along,
            axis_names=axis_names([*table(problem.model), *self.besides]) | undimensioned(problem),
            attributes={
                **size,
                "steps": int(self.records.step[-1]),
                "seconds": self.seconds,
                "message": self.message,
            },
        )

    def facts(self) -> dict[str, str]:
        """Replicas, times, order parameters, and how it ended."""
        replicas = counted(len(self.risk), "replica")
        steps = counted(int(self.records.step[-1]), "step")
        return {
            "simulation": f"{replicas}, {of_backend(self.problem)}",
            "times": f"{len(self.time)}, {span(self.time)}, {steps}",
            "parameters": shapes(self.parameters),
            "risk": f"{span(self.risk.mean(0))}, mean over replicas",
            "status": f"{self.status}{': ' * bool(self.message)}{self.message}",
        }


def nested(checkpoint: Mapping[str, NDArray[Any]]) -> Tree:
    """Arrays by paths of two names as a group of groups."""
    groups: dict[str, dict[str, NDArray[Any]]] = {}
    for path, values in checkpoint.items():
        group, _, name = path.partition("/")
        groups.setdefault(group, {})[name] = values
    return Tree(groups={name: Tree(arrays=arrays) for name, arrays in groups.items()})


def read_simulation(node: Node, problem: Problem, status: str) -> SimulationRun:
    """The group /simulation of a problem."""
    time, arrays = read_courses(node, problem)
    risk, loss = arrays.pop("risk"), arrays.pop("loss")
    steps = np.rint(steps_at(problem, time))
    records = Records(time, steps.astype(np.int64), arrays, loss)
    attributes = node.attributes
    message = str(attributes.get("message", ""))
    return SimulationRun(
        problem, records, risk, status, float(attributes["seconds"]), message=message
    )


def read_checkpoint(file: Node) -> dict[str, NDArray[Any]] | None:
    """What the simulation in a file goes on from; None where it finished."""
    return (file["checkpoint"].arrays() or None) if "checkpoint" in file else None
