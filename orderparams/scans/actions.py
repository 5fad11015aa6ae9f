"""What a point of a scan does: one entry an action."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orderparams.config import Problem, parse_toml
from orderparams.config.toml import model_name
from orderparams.models import registry
from orderparams.models.interface import Searching, State, model_of
from orderparams.results.schema import axis_names, noise_of, point, table
from orderparams.results.trajectory import Trajectory
from orderparams.results.validation import Validation
from orderparams.storage.points import point_image
from orderparams.storage.tree import Tree

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a point came to.

    ``status`` is "finished" or "failed", with a message; ``values`` are arrays under names of
    ``results.schema.point``; ``groups`` are all the rest, such as a trajectory.
    """

    status: str
    message: str = ""
    values: Mapping[str, ArrayLike] = field(default_factory=dict)
    groups: Mapping[str, Tree] = field(default_factory=dict)


class Task(Protocol):
    """A point to run, as far as its file says it."""

    @property
    def config(self) -> str: ...
    @property
    def hash(self) -> str: ...
    @property
    def keep(self) -> bool: ...


def image(outcome: Outcome, task: Task, seconds: float) -> bytes:
    """The file of a point."""
    model = model_name(parse_toml(task.config))
    known = point(model)
    values = {name: (known[name], np.asarray(value)) for name, value in outcome.values.items()}
    attributes = {
        "config": task.config,
        "status": outcome.status,
        "message": outcome.message,
        "hash": task.hash,
        "seconds": seconds,
    }
    tree = Tree(values, axis_names=axis_names(table(model)))
    return point_image(tree, outcome.groups if task.keep else {}, attributes)


def remaining(time: Array, risk: Array) -> float:
    """What was left to fall in the last tenth of a run; NaN where too few times tell."""
    from orderparams.analysis.plateaus import FEWEST, remaining_change

    return remaining_change(time, risk) if len(time) >= FEWEST else np.nan


def remaining_excess(run: Trajectory) -> float:
    """The same in relation to the height of the end above the risk to compare with, or above zero
    in a model without one; NaN too where that risk is unknown, or the end is not above it."""
    above = run.risk[-1] - next(iter(run.references.values()), 0.0)
    return remaining(run.time, run.risk) * np.ptp(run.risk) / above if above > 0 else np.nan


def solve(problem: Problem, start: State | None) -> Outcome:
    """The flow from the initial condition; its end, and the half-times of its stages."""
    from orderparams.analysis.stages import stage_times
    from orderparams.run.solve import solve

    run = solve(problem)
    groups = {"trajectory": run.course()}
    if run.fluctuations is not None:
        groups |= run.fluctuations.groups()
    if not run.complete:
        return Outcome("failed", run.message, groups=groups)
    values: dict[str, ArrayLike] = {
        **run.state(-1),
        **run.references,
        "risk": run.risk[-1],
        "final_time": run.time[-1],
        **({"stage_time": stage_times(run)} if registry.staged(problem) else {}),
        "remaining": remaining(run.time, run.risk),
        "remaining_excess": remaining_excess(run),
    }
    return Outcome("finished", values=values, groups=groups)


def evaluate(problem: Problem, start: State | None) -> Outcome:
    """Risk, gradient and velocity at the initial condition."""
    from orderparams.run.evaluate import evaluate

    result = evaluate(problem)
    values: dict[str, ArrayLike] = {
        **result.parameters,
        **result.references,
        **{f"{name}_gradient": value for name, value in result.gradient.items()},
        **{f"{name}_velocity": value for name, value in result.velocity.items()},
        "risk": result.risk,
        "error_estimate": result.error_estimate,
    }
    if result.noise is not None:
        values[noise_of(problem).name] = result.noise
    return Outcome("finished", values=values)


def optimum(problem: Problem, start: State | None) -> Outcome:
    """The least risk; ``start`` competes with the random starts."""
    model = model_of(problem)
    if hasattr(model, "optimum"):
        risk, state, residual = cast(Searching, model).optimum(problem, start)
    else:
        from orderparams.analysis.optimum import optimum, starts_from

        best = optimum(problem, starts_from(problem, start))
        risk, state, residual = best.risk, best.state, best.point.residual
    values: dict[str, ArrayLike] = {
        **state,
        **reference_values(problem),
        "risk": risk,
        "gradient_residual": residual,
    }
    return Outcome("finished", values=values)


def reference_values(problem: Problem) -> dict[str, float]:
    """The risks to compare with."""
    return {name: known.value for name, known in model_of(problem).references(problem).items()}


def simulate(problem: Problem, start: State | None) -> Outcome:
    """SGD at finite dimension; the ends of all replicas, and their mean risk."""
    from orderparams.run.simulate import simulate

    run = simulate(problem)
    groups = {"simulation": run.course()}
    if run.status != "finished":
        return Outcome("failed", run.message, groups=groups)
    values: dict[str, ArrayLike] = {
        **reference_values(problem),
        **{f"replica_{name}": courses[:, -1] for name, courses in run.parameters.items()},
        "risk": run.risk[:, -1].mean(),
        "replica_risk": run.risk[:, -1],
        "final_time": run.time[-1],
        "remaining": remaining(run.time, run.risk.mean(axis=0)),
    }
    return Outcome("finished", values=values, groups=groups)


def validate(problem: Problem, start: State | None) -> Outcome:
    """Theory against SGD at finite dimension; every verdict is a result, none is a failure."""
    from orderparams.run.validate import validate

    result = cast(Validation, validate(problem, test="replicas"))
    values = {
        "agreement": {"agree": 1.0, "disagree": 0.0}.get(result.verdict, np.nan),
        "least_pvalue": result.comparison.least_pvalue,
        "loss_pvalue": result.loss_pvalue,
        "spread_exponent": result.scaling.exponent,
    }
    doubt = result.comparison.doubt
    message = f"inconclusive: {doubt}" if doubt else ""
    return Outcome("finished", message, values, result.groups())


ACTIONS: dict[str, Callable[[Problem, State | None], Outcome]] = {
    "solve": solve,
    "evaluate": evaluate,
    "optimum": optimum,
    "simulate": simulate,
    "validate": validate,
}


def kernels(action: str, problem: Problem) -> tuple[Any, ...]:
    """What decides which kernels an action needs."""
    simulated = action in ("simulate", "validate")
    return (problem.model, *model_of(problem).kernel_key(problem, simulated))


def rehearsal(action: str, problem: Problem) -> tuple[str, Problem]:
    """An action and a problem that need the same kernels, and little time."""
    if action not in ("simulate", "validate"):
        return "evaluate", problem
    replace, settings, training = dataclasses.replace, problem.simulation, problem.training
    steps = 4
    return "simulate", replace(
        problem,
        simulation=replace(settings, replicas=1),
        training=replace(training, duration=steps * problem.step_time),
        output=replace(problem.output, points=2),
    )


WARM_ACTIONS = ("optimum",)
"""Those that can start from the end of a neighbouring point."""


def perform(action: str, problem: Problem, start: Mapping[str, ArrayLike] | None = None) -> Outcome:
    """Do it; whatever goes wrong becomes a failed outcome with its message.

    ``start`` are the order parameters of a neighbouring point.
    """
    from orderparams.errors import OrderparamsError

    begin = None if start is None else {name: np.asarray(value) for name, value in start.items()}
    try:
        with np.errstate(all="ignore"):
            return ACTIONS[action](problem, begin)
    except OrderparamsError as error:
        return Outcome("failed", error.message)
    except Exception as error:  # the scan must go on, and the message tells of the bug
        return Outcome("failed", f"{type(error).__name__}: {error}")
