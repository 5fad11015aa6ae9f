"""What a point of a scan does: one entry an action."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from orderparams.config import Problem

if TYPE_CHECKING:
    import h5py

    from orderparams.problem import Heads


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a point came to.

    ``status`` is "finished" or "failed", with a message; ``values`` are arrays under names of
    ``storage.schema.POINT``; ``store`` writes all the rest, such as a trajectory, into a group.
    """

    status: str
    message: str = ""
    values: Mapping[str, ArrayLike] = field(default_factory=dict)
    store: Callable[[h5py.Group], None] | None = None


def solve(problem: Problem, start: Heads | None) -> Outcome:
    """The flow from the initial condition; its end, and the half-times of its stages."""
    from orderparams.analysis.stages import stages_of
    from orderparams.integrate import solve
    from orderparams.storage.hdf5 import write_trajectory

    trajectory = solve(problem)
    store = partial(write_trajectory, trajectory)
    if not trajectory.complete:
        return Outcome("failed", trajectory.message, store=store)
    values = {
        name: array[-1]
        for name in ("risk", "overlap", "self_overlap", "bias", "head_weight")
        if (array := getattr(trajectory, name)) is not None
    }
    half_times: dict[int, list[float]] = {}
    for event in stages_of(trajectory).specializations:
        half_times.setdefault(event.stage, []).append(event.half_time)
    values |= {
        "bayes_risk": trajectory.bayes_risk,
        "final_time": trajectory.time[-1],
        "stage_time": np.array([np.mean(half_times[stage]) for stage in sorted(half_times)]),
    }
    return Outcome("finished", values=values, store=store)


def evaluate(problem: Problem, start: Heads | None) -> Outcome:
    """Risk, gradient and velocity at the initial condition."""
    from orderparams.evaluation import evaluate

    result = evaluate(problem)
    values: dict[str, Any] = {
        name: getattr(result, name)
        for name in (
            "risk", "bayes_risk", "overlap_gradient", "self_overlap_gradient", "error_estimate",
        )
    }  # fmt: skip
    values |= {"overlap": result.heads.overlap, "self_overlap": result.heads.self_overlap}
    values["overlap_velocity"] = result.velocity.overlap
    values["self_overlap_velocity"] = result.velocity.self_overlap
    return Outcome("finished", values=values)


def optimum(problem: Problem, start: Heads | None) -> Outcome:
    """The least risk; ``start`` competes with the random starts."""
    from orderparams.analysis.optimum import optimum, resized

    same_features = start is not None and start.overlap.shape[1] == problem.task.signal.features
    best = optimum(problem, [resized(start, problem)] if start and same_features else [])
    heads = best.point.heads
    values: dict[str, ArrayLike] = {
        "risk": best.risk,
        "bayes_risk": best.bayes_risk,
        "overlap": heads.overlap,
        "self_overlap": heads.self_overlap,
        "bias": heads.bias,
        "head_weight": heads.head_weights,
        "gradient_residual": best.point.residual,
    }
    return Outcome("finished", values=values)


def simulate(problem: Problem, start: Heads | None) -> Outcome:
    """SGD at finite dimension; the ends of all replicas, and their mean risk."""
    from orderparams.sgd.run import simulate
    from orderparams.storage.simulations import write_simulation

    result = simulate(problem)
    if result.status != "finished":
        return Outcome("failed", result.message, store=partial(write_simulation, result))
    records = result.records
    values = {
        "risk": result.risk[:, -1].mean(),
        "replica_risk": result.risk[:, -1],
        "replica_overlap": records.overlap[:, -1],
        "replica_self_overlap": records.self_overlap[:, -1],
        "final_time": records.time[-1],
    }
    return Outcome("finished", values=values, store=partial(write_simulation, result))


def validate(problem: Problem, start: Heads | None) -> Outcome:
    """Theory against SGD at finite dimension; every verdict is a result, none is a failure."""
    from orderparams.storage.validations import write_validation
    from orderparams.validation import validate

    result = validate(problem)
    values = {
        "agreement": {"agree": 1.0, "disagree": 0.0}.get(result.verdict, np.nan),
        "least_pvalue": result.comparison.least_pvalue,
        "loss_pvalue": result.loss_pvalue,
        "spread_exponent": result.scaling.exponent,
    }
    doubt = result.comparison.doubt
    message = f"inconclusive: {doubt}" if doubt else ""
    return Outcome("finished", message, values, partial(write_validation, result))


ACTIONS: dict[str, Callable[[Problem, Heads | None], Outcome]] = {
    "solve": solve,
    "evaluate": evaluate,
    "optimum": optimum,
    "simulate": simulate,
    "validate": validate,
}


def kernels(action: str, problem: Problem) -> tuple[Any, ...]:
    """What decides which kernels an action needs."""
    attention = problem.attention
    simulated = (attention.bias, attention.head_weights, problem.simulation.backend)
    return (
        attention.activation,
        attention.heads > 1,
        problem.task.target,
        problem.training.rule,
        problem.expectation.engine,
        *(simulated if action in ("simulate", "validate") else ()),
    )


def rehearsal(action: str, problem: Problem) -> tuple[str, Problem]:
    """An action and a problem that need the same kernels, and little time."""
    if action not in ("simulate", "validate"):
        return "evaluate", problem
    replace, settings, training = dataclasses.replace, problem.simulation, problem.training
    steps = 4
    return "simulate", replace(
        problem,
        simulation=replace(settings, replicas=1),
        training=replace(training, duration=steps * training.learning_rate / settings.dimension),
        output=replace(problem.output, points=2),
    )


WARM_ACTIONS = ("optimum",)
"""Those that can start from the end of a neighbouring point."""

END = ("overlap", "self_overlap", "bias", "head_weight")
"""The values of a point from which its neighbour can start."""


def perform(action: str, problem: Problem, start: Mapping[str, ArrayLike] | None = None) -> Outcome:
    """Do it; whatever goes wrong becomes a failed outcome with its message.

    ``start`` are the values ``END`` of a neighbouring point.
    """
    from orderparams.errors import OrderparamsError

    try:
        with np.errstate(all="ignore"):
            return ACTIONS[action](problem, None if start is None else heads_at(start))
    except OrderparamsError as error:
        return Outcome("failed", error.message)
    except Exception as error:  # the scan must go on, and the message tells of the bug
        return Outcome("failed", f"{type(error).__name__}: {error}")


def heads_at(end: Mapping[str, ArrayLike]) -> Heads:
    """Heads from the values of a point."""
    from orderparams.models.vectors import residual_factor
    from orderparams.problem import Heads

    overlap, self_overlap, bias, head_weights = (np.asarray(end[name]) for name in END)
    return Heads(overlap, residual_factor(self_overlap - overlap @ overlap.T), bias, head_weights)
