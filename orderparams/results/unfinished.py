"""A validation that was interrupted: how it was asked for, and what had been simulated."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from orderparams.config import Problem
from orderparams.models import registry
from orderparams.models.limit import Value
from orderparams.results.result import Result
from orderparams.results.simulation import (
    SimulationRun,
    read_checkpoint,
    read_simulation,
)
from orderparams.results.validation import at_value
from orderparams.storage.tree import Tree

if TYPE_CHECKING:
    from orderparams.storage.nodes import Node


class Plan(NamedTuple):
    """How a validation is done.

    ``test`` is "replicas" or "innovations"; ``why``, if it was not asked for; ``until`` which time
    SGD is judged; ``values`` of what leads to the limit, the nearest last, ``chosen`` unless they
    are those of the problem; ``start`` of the theory, "replica" or "mean".
    """

    test: str
    why: str = ""
    until: float = np.inf
    values: tuple[Value, ...] = ()
    chosen: bool = False
    start: str = "replica"
    false_alarm: float = 0.01


@dataclass(frozen=True, eq=False, repr=False)
class Unfinished(Result):
    """Simulations of a validation so far, by what leads to the limit; the last may be interrupted.

    A file with it reads as that simulation, and ``validate(problem, resume=…)`` goes on with all.
    """

    main: ClassVar[str] = "simulation"

    problem: Problem
    plan: Plan
    simulations: dict[Value, SimulationRun]

    @property
    def ended(self) -> str:
        """The status of a file."""
        return "interrupted"

    def groups(self) -> dict[str, Tree]:
        """/plan, the last simulation with what it goes on from, and the others with a suffix."""
        *others, last = self.simulations.items()
        found = {"plan": Tree(attributes=written(self.plan, last[0])), **last[1].groups()}
        return found | {f"simulation_{value}": run.course() for value, run in others}

    def facts(self) -> dict[str, str]:
        """How far it came."""
        limit = registry.limit(self.problem.model)
        return {"simulated": limit.at(*self.simulations), "status": self.ended}


def written(plan: Plan, last: Value) -> dict[str, str | float]:
    """A plan as attributes, and of which value the ``last`` simulation is."""
    values = ", ".join(map(repr, plan.values))
    return {**plan._asdict(), "values": values, "chosen": float(plan.chosen), "last": repr(last)}


def number(text: str) -> Value:
    """A value of what leads to the limit, from its text."""
    return int(text) if text.strip().isdecimal() else float(text)


def read_plan(node: Node) -> tuple[Plan, Value]:
    """The plan in a file, and of which value its last simulation is."""
    found = node.attributes
    plan = Plan(
        test=str(found["test"]),
        why=str(found["why"]),
        until=float(found["until"]),
        values=tuple(number(part) for part in str(found["values"]).split(",")),
        chosen=bool(found["chosen"]),
        start=str(found["start"]),
        false_alarm=float(found["false_alarm"]),
    )
    return plan, number(str(found["last"]))


def of_value(node: Node, problem: Problem, value: Value, status: str) -> SimulationRun:
    """The simulation in a group, of as many replicas as it has."""
    run = read_simulation(node, at_value(problem, value), status)
    simulation = dataclasses.replace(run.problem.simulation, replicas=len(run.risk))
    return dataclasses.replace(run, problem=dataclasses.replace(run.problem, simulation=simulation))


def read_last(file: Node, problem: Problem) -> SimulationRun:
    """The last simulation in a file with a plan."""
    _, last = read_plan(file["plan"])
    checkpoint = read_checkpoint(file)
    run = of_value(file["simulation"], problem, last, "interrupted" if checkpoint else "finished")
    return dataclasses.replace(run, checkpoint=checkpoint)


def read_unfinished(file: Node, problem: Problem) -> Unfinished:
    """The unfinished validation in a file."""
    plan, last = read_plan(file["plan"])
    names = [name for name in file if name.startswith("simulation_")]
    simulations = {}
    for name in names:
        value = number(name.removeprefix("simulation_"))
        simulations[value] = of_value(file[name], problem, value, "finished")
    return Unfinished(problem, plan, simulations | {last: read_last(file, problem)})
