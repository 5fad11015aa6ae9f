"""Theory against simulation: both, how they compare, and the verdict."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.models import registry
from orderparams.models.interface import Named, State, model_of
from orderparams.models.limit import Limit, Value
from orderparams.results.comparison import (
    Comparison,
    Extreme,
    Scaling,
    extremes,
    read_comparison,
    variables,
)
from orderparams.results.result import Result
from orderparams.results.schema import axis_names, replicas, table, undimensioned
from orderparams.results.simulation import SimulationRun, read_simulation
from orderparams.results.trajectory import Trajectory, read_compared, read_courses
from orderparams.storage.schema import Variable
from orderparams.storage.tree import Tree

if TYPE_CHECKING:
    from orderparams.storage.nodes import Node

Array = NDArray[np.float64]

NEAR = 0.01
"""Part of the duration that whole steps may leave out."""


@dataclass(frozen=True, eq=False, repr=False)
class Validation(Named, Result):
    """Simulations by dimension, the theory for each of their replicas, and how they compare.

    Of a model that tends to its theory at small learning rates, by these instead.

    ``validation["overlap"]`` is the deviation of an order parameter, ``comparison.deviation``.
    theory[D] has one trajectory a replica, or a single one for all. ``comparison`` judges the order
    parameters of the two nearest to the limit, extrapolated in 1/D, and with them the measured loss
    against the risk, whose own p-value is ``loss_pvalue``. ``scaling`` is the fall of the spread
    with D. Where replicas drift apart, both are of the ``time`` (T,) before.

    Examples
    --------
    >>> small = {"simulation.replicas": 4, "training.duration": 1, "output.points": 4}
    >>> found = op.validate("single-head", settings=small, dimensions=[20, 80])
    >>> sorted(found.simulations), found["overlap"].shape
    ([20, 80], (4, 1, 1))
    """

    main: ClassVar[str] = "comparison"
    along: ClassVar[tuple[str, ...]] = ("time",)

    problem: Problem
    simulations: dict[Value, SimulationRun]
    theory: dict[Value, list[Trajectory]]
    comparison: Comparison
    loss_pvalue: float
    scaling: Scaling

    @property
    def limit(self) -> Limit:
        """Where simulations follow the theory."""
        return registry.limit(self.problem.model)

    @property
    def nearest(self) -> SimulationRun:
        """The simulation nearest to the limit."""
        return self.simulations[self.limit.nearest(self.simulations)]

    @property
    def nearest_theory(self) -> list[Trajectory]:
        """Its theory."""
        return self.theory[self.limit.nearest(self.theory)]

    @property
    def time(self) -> Array:
        """The times that were judged (T,): those of the simulations, until replicas drift apart."""
        judged = next(iter(self.comparison.deviation.values()))
        return self.nearest.time[: len(judged)]

    @property
    def stretch(self) -> str:
        """Until when there is a verdict, and why not longer; empty of the whole time."""
        whole, end, until = self.problem.training.duration, self.nearest.time[-1], self.time[-1]
        if until < end:
            return (
                f"Judged until t = {until:.4g} of {whole:g}: after that replicas drift apart, so "
                f"that their spread does not fall as {self.limit.fall}. To judge longer, "
                f"{self.limit.nearer}."
            )
        if not end < (1 - NEAR) * whole:
            return ""
        return (
            f"Judged until t = {end:.4g} of {whole:g}, where SGD ends; to judge longer, raise "
            "simulation.duration."
        )

    @property
    def verdict(self) -> str:
        """ "agree", "disagree" or "inconclusive"."""
        return self.comparison.verdict

    @property
    def reason(self) -> str:
        """What the verdict rests on, in a sentence or two."""
        comparison = self.comparison
        if comparison.doubt:
            return "\n".join(filter(None, (self.stretch, comparison.doubt)))
        return " ".join(filter(None, (self.chance, self.stretch)))

    @property
    def chance(self) -> str:
        """How probable the deviations are, in words."""
        comparison = self.comparison
        chance = f"p = {comparison.least_pvalue:.2g}"
        if comparison.verdict == "disagree":
            return f"By chance alone the deviations would be improbable ({chance})."
        words = f"The deviations are not beyond chance ({chance})"
        if np.isnan(comparison.resolution):
            return f"{words}."
        error = f"an error of {100 * comparison.resolution:.2g} % of the theory's motion"
        return f"{words}; {error} would have been seen."

    @property
    def extremes(self) -> list[Extreme]:
        """All entries of order parameters that vary, the least probable first."""
        return extremes(self.comparison, self.order_parameters)

    @property
    def parameters(self) -> State:  # type: ignore[override]
        """The deviation (T, …) of each order parameter, simulation − theory."""
        return self.comparison.deviation

    def groups(self) -> dict[str, Tree]:
        """Simulations, theories and /comparison; those nearest to the limit carry no suffix."""
        found = {}
        for value, run in self.simulations.items():
            suffix = "" if run is self.nearest else f"_{value}"
            found[f"simulation{suffix}"] = run.course()
            found[f"theory{suffix}"] = theory_tree(self.theory[value])
        return found | {"comparison": self.compared()}

    def compared(self) -> Tree:
        """The group /comparison: deviations, z-scores and p-values, and the verdict."""
        comparison, fall, limit = self.comparison, self.scaling, self.limit
        about = "spread of the deviations over replicas, root mean square"
        spread = {"spread": (Variable((limit.axis,), about), fall.spread)}
        own = undimensioned(self.problem) | {limit.axis: limit.long_name}
        return Tree(
            variables=variables(comparison, self.order_parameters, limit.order) | spread,
            coordinates={"time": self.time, limit.axis: fall.values},
            axis_names=axis_names(table(self.problem.model)) | own,
            attributes={
                "verdict": comparison.verdict,
                "doubt": comparison.doubt,
                "resolution": comparison.resolution,
                "least_pvalue": comparison.least_pvalue,
                "judged": comparison.judged,
                "false_alarm": comparison.false_alarm,
                "degrees": comparison.degrees,
                "loss_pvalue": self.loss_pvalue,
                "spread_exponent": fall.exponent,
                "spread_exponent_error": fall.standard_error,
            },
        )

    def facts(self) -> dict[str, str]:
        """Dimensions, or what else leads to the limit, and the verdict."""
        return {
            self.limit.plural: ", ".join(map(str, self.simulations)),
            "replicas": str(self.problem.simulation.replicas),
            "verdict": self.verdict,
            "reason": " ".join(self.reason.splitlines()),
        }


def value_of(problem: Problem) -> Value:
    """A problem's own value of what leads to the limit."""
    limit = registry.limit(problem.model)
    value: Value = getattr(getattr(problem, limit.section), limit.name)
    return value


def at_value(problem: Problem, value: Value) -> Problem:
    """The same problem with another value of what leads to the limit; each value has random numbers
    of its own."""
    limit, seed = registry.limit(problem.model), problem.simulation.seed
    word = value if isinstance(value, int) else int(np.float64(value).view(np.uint64))
    own = int(np.random.SeedSequence([seed, word]).generate_state(1)[0])
    simulation = dataclasses.replace(problem.simulation, seed=own)
    problem = dataclasses.replace(problem, simulation=simulation)
    section = dataclasses.replace(getattr(problem, limit.section), **{limit.name: value})
    return dataclasses.replace(problem, **{limit.section: section})


def theory_tree(flows: list[Trajectory]) -> Tree:
    """Flows with a leading replica axis, of length one if all replicas start alike."""
    first = flows[0]
    known = replicas(first.problem.model)
    arrays = {name: np.array([flow[name] for flow in flows]) for name in first.parameters}
    arrays["risk"] = np.array([flow.risk for flow in flows])
    return Tree(
        variables={name: (known[name], values) for name, values in arrays.items()},
        coordinates={"time": first.time},
        axis_names=axis_names(table(first.problem.model)) | undimensioned(first.problem),
        attributes={**first.compared(), "engine": first.engine},
    )


def read_validation(file: Node, problem: Problem) -> Validation:
    """The validation in a file."""
    node = file["comparison"]
    limit = registry.limit(problem.model)
    values = node.array(limit.axis)
    simulations: dict[Value, SimulationRun] = {}
    theory: dict[Value, list[Trajectory]] = {}
    for value in values.tolist():
        suffix = "" if value == limit.nearest(values.tolist()) else f"_{value}"
        own = at_value(problem, value)
        simulations[value] = read_simulation(file[f"simulation{suffix}"], own, "finished")
        theory[value] = read_theory(file[f"theory{suffix}"], problem)
    return Validation(
        problem=problem,
        simulations=simulations,
        theory=theory,
        comparison=read_comparison(node, table(problem.model)),
        loss_pvalue=float(node.attribute("loss_pvalue")),
        scaling=Scaling(
            values=values,
            spread=node.array("spread"),
            exponent=float(node.attribute("spread_exponent")),
            standard_error=float(node.attribute("spread_exponent_error")),
        ),
    )


def read_theory(node: Node, problem: Problem) -> list[Trajectory]:
    """The flows of a group /theory, each with its start as the initial condition."""
    time, arrays = read_courses(node, problem)
    risk, attributes = arrays.pop("risk"), node.attributes
    known, errors = read_compared(attributes, problem)
    model = model_of(problem)
    flows = []
    for replica in range(len(risk)):
        own = {name: values[replica] for name, values in arrays.items()}
        start = {name: values[0] for name, values in own.items()}
        flows.append(
            Trajectory(
                model.starting_at(problem, start),
                time,
                own,
                risk[replica],
                known,
                engine=str(attributes["engine"]),
                reference_errors=errors,
            )
        )
    return flows
