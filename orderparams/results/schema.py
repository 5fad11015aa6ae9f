"""What stands in the groups of a file: variables of a model by name (docs/file-format.md)."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from orderparams.config import Problem
from orderparams.models import registry
from orderparams.models.parameters import Axis, Observable, OrderParameter
from orderparams.results.analyzed import variables
from orderparams.storage.schema import AXES, Known, Variable

COMPARISON = {
    "deviation": "simulation - theory, extrapolated in {order}, mean over replicas",
    "standard_error": "standard error of the deviation",
    "z_score": "deviation / standard error, Student's t by chance",
    "pvalue": "p-value of the whole course in time",
}
"""What is stored of each order parameter, as ``overlap_deviation`` and so on; the bias is of that
order."""

CHECKS = {
    "what": Variable(("check",), "what is compared"),
    "expected": Variable(("check",), "expected value, limit or words"),
    "found": Variable(("check",), "what was found"),
    "holds": Variable(("check",), "1 if the check holds, else 0"),
}

SCAN = {
    "status": Variable((), "finished, failed or missing"),
    "message": Variable((), "why a point failed, or cannot decide"),
    "seconds": Variable((), "wall time of the point", "s"),
    "hash": Variable((), "hash of the resolved configuration"),
    "group": Variable((), "group of this file with all that the point stored"),
    "point": Variable((), "points of the scan, counted from 1"),
}
"""What stands in a scan for every point, beside its values."""

FLUCTUATIONS = {
    "flow": Variable(("time", "parameter"), "the flow around which SGD fluctuates"),
    "covariance": Variable(
        ("time", "parameter", "parameter_2"), "D times the covariance of the order parameters"
    ),
    "shift": Variable(("time", "parameter"), "D times the mean deviation from the flow"),
    "propagator": Variable(
        ("interval", "parameter", "parameter_2"), "what fluctuations become over the interval"
    ),
    "innovation_covariance": Variable(
        ("interval", "parameter", "parameter_2"), "D times the covariance that the interval adds"
    ),
    "growth_rate": Variable(
        ("time",), "largest real part of the eigenvalues of the flow's Jacobian"
    ),
    "risk": Variable(("time",), "population risk of the flow"),
    "risk_variance": Variable(("time",), "D times the variance of the risk"),
    "risk_shift": Variable(("time",), "D times the mean deviation of the risk from the flow's"),
}
"""What is stored of the fluctuations of SGD around a flow."""

INNOVATIONS = {
    "measured": Variable(("replica", "time", "parameter"), "order parameters that were measured"),
    "innovation": Variable(
        ("replica", "interval", "parameter"), "measured - theory, whitened: N(0, 1) by chance"
    ),
    "motion": Variable(
        ("replica", "interval", "parameter"), "motion of the flow over the interval, whitened alike"
    ),
    "predicted": Variable(
        ("replica", "interval", "parameter"), "mean of the theory at the end of the interval"
    ),
    "standard_deviation": Variable(
        ("replica", "interval", "parameter"), "standard deviation of the theory there"
    ),
    "mean_statistic": Variable(
        ("wave", "parameter"), "mean of the innovations along cosines in time: N(0, 1) by chance"
    ),
    "score_value": Variable(("cause",), "fitted value of what the theory can be wrong about"),
    "score_error": Variable(("cause",), "standard error of that value"),
    "score_z": Variable(("cause",), "score test of the theory as it is: N(0, 1) by chance"),
    "score_pvalue": Variable(("cause",), "p-value of the score test"),
    "score_gain": Variable(("cause",), "what the fit adds to twice the log-likelihood"),
}
"""What is stored of the innovations of measured order parameters."""

NOISE = "covariance V of the gradient's coefficients"

STACKED_NOISE = OrderParameter(
    "row_gradient_covariance",
    "V",
    f"{NOISE} by rows",
    (Axis("row", AXES["row"], "row"), Axis("row_2", AXES["row_2"], "row")),
)
"""V where vectors of several kinds learn, one below the other."""


def table(model: str) -> tuple[OrderParameter, ...]:
    """All order parameters of a model."""
    parameters: tuple[OrderParameter, ...] = registry.configuration(model).PARAMETERS
    return parameters


def observables(model: str, *, last: bool | None = None) -> dict[str, Observable]:
    """What else is stored of a state, by name; of the ``last`` alone, or of all, if said."""
    known: tuple[Observable, ...] = registry.configuration(model).OBSERVABLES
    return {one.name: one for one in known if last in (None, one.last)}


def all_of(model: str) -> tuple[OrderParameter, ...]:
    """Order parameters and observables."""
    return (*table(model), *observables(model).values())


def coordinates(problem: Problem) -> dict[str, Any]:
    """Values along axes of observables that the configuration has."""
    axes = {axis for one in observables(problem.model).values() for axis in one.axes if axis.key}
    found = {axis.name: attrgetter(axis.key)(problem) for axis in axes}
    return {name: values for name, values in found.items() if values is not None}


def besides(model: str) -> tuple[OrderParameter, ...]:
    """What simulations of a model may record beside its order parameters."""
    found: tuple[OrderParameter, ...] = getattr(registry.configuration(model), "RECORDED", ())
    return found


def axis_names(parameters: Iterable[OrderParameter]) -> dict[str, str]:
    """Long names of the axes of order parameters."""
    return {
        name: axis.long_name
        for parameter in parameters
        for name, axis in zip(parameter.axis_names, parameter.axes, strict=True)
    }


def names_along(parameters: Iterable[OrderParameter]) -> dict[str, tuple[str, ...]]:
    """Names along the axes of order parameters that have them."""
    return {
        axis.name: axis.names for parameter in parameters for axis in parameter.axes if axis.names
    }


def undimensioned(problem: Problem) -> dict[str, str]:
    """The long name of time where nothing scales with a dimension."""
    scaled = hasattr(problem.simulation, "dimension")
    return {} if scaled else {"time": "time t = learning_rate * steps"}


def sizes(problem: Problem) -> dict[str, int]:
    """Lengths of the axes of order parameters."""
    return dict(registry.configuration(problem.model).sizes(problem))


def risk(model: str, axes: tuple[str, ...]) -> Variable:
    """The population risk over some axes."""
    return Variable(axes, registry.configuration(model).RISK)


def over(parameter: OrderParameter, *leading: str) -> Variable:
    """An order parameter over leading axes and its own."""
    return Variable((*leading, *parameter.axis_names), parameter.long_name)


def courses(model: str) -> dict[str, Variable]:
    """A flow in time."""
    found = {p.name: over(p, *["time"] * (not one_time(p))) for p in all_of(model)}
    return {"risk": risk(model, ("time",))} | found


def one_time(parameter: OrderParameter) -> bool:
    """Whether it is known of one time only, the last."""
    return isinstance(parameter, Observable) and parameter.last


def replicas(model: str) -> dict[str, Variable]:
    """Replicas in time."""
    loss = Variable(("replica", "time"), "measured loss per step, mean since the time before")
    return {"risk": risk(model, ("replica", "time")), "loss": loss} | {
        p.name: over(p, "replica", "time") for p in (*table(model), *besides(model))
    }


def point(model: str) -> dict[str, Variable]:
    """What the points of a scan know; which of it, the action decides."""
    found, symbol = {"risk": risk(model, ())}, registry.limit(model).symbol
    found |= {name: Variable((), words) for name, words in references(model).items()}
    found |= {p.name: over(p) for p in table(model)}
    found |= {
        "final_time": Variable((), "time t at the end of the run"),
        "stage_time": Variable(("stage",), "mean half-time of the specializations of a stage"),
        "remaining": Variable((), "change of the risk in the last tenth of the run over its range"),
        "remaining_excess": Variable(
            (), "the same change over the height of the end above the risk to compare with, or zero"
        ),
        "gradient_residual": Variable((), "largest derivative of the risk that is left"),
        "replica_risk": risk(model, ("replica",)),
    }
    found |= {f"replica_{p.name}": over(p, "replica") for p in table(model)}
    found |= {
        "agreement": Variable((), "1 if theory and simulation agree, 0 if not, NaN if undecided"),
        "least_pvalue": Variable((), "p-value of the agreement of all order parameters"),
        "loss_pvalue": Variable((), "p-value of the agreement of the measured loss with the risk"),
        "spread_exponent": Variable((), f"exponent of the fall of the spread with {symbol}"),
    }
    found |= derivatives(model) | noise(model)
    return found | {"error_estimate": Variable((), "error estimate of risk and gradient")}


def derivatives(model: str) -> dict[str, Variable]:
    """Gradient and velocity of each order parameter."""
    held = ", ".join(p.symbol for p in table(model) if p.symmetric)
    found = {}
    for p in table(model):
        words = ", all entries independent" if p.symmetric else f" at fixed {held}" if held else ""
        found[f"{p.name}_gradient"] = Variable(p.axis_names, f"dE/d{p.symbol}{words}")
        found[f"{p.name}_velocity"] = Variable(p.axis_names, f"d{p.symbol}/dt")
    return found


def noise(model: str) -> dict[str, Variable]:
    """The covariance V of the gradient."""
    if not any(p.symmetric for p in table(model)):
        return {}
    stacked = [STACKED_NOISE] * hasattr(registry.configuration(model), "stacked")
    return {p.name: over(p) for p in (noise_of_learners(model), *stacked)}


def noise_of(problem: Problem) -> OrderParameter:
    """V of a problem, in files and tables."""
    stacked = getattr(registry.configuration(problem.model), "stacked", None)
    rows = stacked and stacked(problem)
    if not rows:
        return noise_of_learners(problem.model)
    return dataclasses.replace(STACKED_NOISE, long_name=f"{STACKED_NOISE.long_name}: {rows}")


def noise_of_learners(model: str) -> OrderParameter:
    """V over what the order parameter has twice that it drives, the symmetric one."""
    driven = next(p for p in table(model) if p.symmetric)
    axes = zip(driven.axes, driven.axis_names, strict=True)
    own = tuple(dataclasses.replace(axis, name=name) for axis, name in axes)
    return OrderParameter("gradient_covariance", "V", NOISE, own)


def stages(model: str) -> dict[str, Variable]:
    """Events in which one of what learns takes up or leaves a direction."""
    moving = next(p for p in table(model) if len(p.axes) == 2 and not p.symmetric)
    learner, direction = moving.axes
    cosine = f"cosine of {learner.word} and {direction.word}"
    what = direction.long_name.partition(",")[0]
    vector = Variable(("event", direction.name), f"unit vector of the change of the {moving.name}s")
    zero = f"0 if all {learner.word}s move alike"
    return {
        learner.name: Variable(("event",), learner.long_name),
        "target": Variable(("event",), f"{what}, with its side"),
        "vector": vector,
        "change": Variable(("event", "coordinate"), "the same in orthonormal coordinates"),
        "stage": Variable(("event",), f"stage of specialization from 1; {zero}"),
        "start": Variable(("event",), "time at which 10 % of the change are done"),
        "half_time": Variable(("event",), "time at which half of the change is done"),
        "complete": Variable(("event",), "time at which 90 % of the change are done"),
        "cosine_before": Variable(("event",), f"{cosine} before the change"),
        "cosine_after": Variable(("event",), f"{cosine} after the change"),
        "risk_before": Variable(("event",), "risk at the start of the change"),
        "risk_after": Variable(("event",), "risk at the completion of the change"),
    }


def evaluation(model: str) -> dict[str, Variable]:
    """Order parameters, risk, gradient, velocity and V at one point."""
    found = {"risk": risk(model, ())} | {p.name: over(p) for p in all_of(model)}
    return found | derivatives(model) | noise(model)


@functools.cache
def known(model: str) -> Known:
    """What a file of a model can hold, by kind of group, with the axes that it then has."""
    groups = {
        "trajectory": courses(model),
        "simulation": replicas(model),
        "theory": replicas(model),
        "comparison": {},
        "stages": stages(model),
        "checks": CHECKS,
        "fluctuations": FLUCTUATIONS,
        "innovations": INNOVATIONS,
        "point": point(model),
        "scan": SCAN | point(model),
        "evaluation": evaluation(model),
        **variables.groups(table(model), {p.name: over(p) for p in table(model)}),
    }
    risks = references(model)
    return Known(groups, frozenset(risks).union(f"{name}_error" for name in risks))


def references(model: str) -> dict[str, str]:
    """Names of the risks to compare with, and what they are called."""
    return dict(registry.configuration(model).REFERENCES)
