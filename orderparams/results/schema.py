"""What stands in the groups of a file: variables of a model by name (docs/file-format.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orderparams.models import registry
from orderparams.models.parameters import OrderParameter
from orderparams.storage.schema import Variable

COMPARISON = {
    "deviation": "simulation - theory, extrapolated in 1/D, mean over replicas",
    "standard_error": "standard error of the deviation",
    "z_score": "deviation / standard error, Student's t by chance",
    "pvalue": "p-value of the whole course in time",
}
"""What is stored of each order parameter, as ``overlap_deviation`` and so on."""

STAGES = {
    "head": Variable(("event",), "attention head, counted from 1"),
    "target": Variable(("event",), "signal direction, with its side"),
    "vector": Variable(("event", "feature"), "unit vector of the change of the overlaps"),
    "stage": Variable(("event",), "stage of specialization from 1; 0 if all heads move alike"),
    "start": Variable(("event",), "time at which 10 % of the change are done"),
    "half_time": Variable(("event",), "time at which half of the change is done"),
    "complete": Variable(("event",), "time at which 90 % of the change are done"),
    "cosine_before": Variable(("event",), "cosine of head and direction before the change"),
    "cosine_after": Variable(("event",), "cosine of head and direction after the change"),
    "risk_before": Variable(("event",), "risk at the start of the change"),
    "risk_after": Variable(("event",), "risk at the completion of the change"),
}

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


def table(model: str) -> tuple[OrderParameter, ...]:
    """All order parameters of a model."""
    parameters: tuple[OrderParameter, ...] = registry.configuration(model).PARAMETERS
    return parameters


def axis_names(parameters: Iterable[OrderParameter]) -> dict[str, str]:
    """Long names of the axes of order parameters."""
    return {
        name: axis.long_name
        for parameter in parameters
        for name, axis in zip(parameter.axis_names, parameter.axes, strict=True)
    }


def risk(model: str, axes: tuple[str, ...]) -> Variable:
    """The population risk over some axes."""
    return Variable(axes, registry.configuration(model).RISK)


def over(parameter: OrderParameter, *leading: str) -> Variable:
    """An order parameter over leading axes and its own."""
    return Variable((*leading, *parameter.axis_names), parameter.long_name)


def courses(model: str) -> dict[str, Variable]:
    """A flow in time."""
    return {"risk": risk(model, ("time",))} | {p.name: over(p, "time") for p in table(model)}


def replicas(model: str) -> dict[str, Variable]:
    """Replicas in time."""
    loss = Variable(("replica", "time"), "measured loss per step, mean since the time before")
    return {"risk": risk(model, ("replica", "time")), "loss": loss} | {
        p.name: over(p, "replica", "time") for p in table(model)
    }


def point(model: str) -> dict[str, Variable]:
    """What the points of a scan know; which of it, the action decides."""
    configuration = registry.configuration(model)
    found = {"risk": risk(model, ())}
    found |= {name: Variable((), words) for name, words in configuration.REFERENCES.items()}
    found |= {p.name: over(p) for p in table(model)}
    found |= {
        "final_time": Variable((), "time t at the end of the run"),
        "stage_time": Variable(("stage",), "mean half-time of the specializations of a stage"),
        "gradient_residual": Variable((), "largest derivative of the risk that is left"),
        "replica_risk": risk(model, ("replica",)),
    }
    found |= {f"replica_{p.name}": over(p, "replica") for p in table(model)}
    found |= {
        "agreement": Variable((), "1 if theory and simulation agree, 0 if not, NaN if undecided"),
        "least_pvalue": Variable((), "p-value of the agreement of all order parameters"),
        "loss_pvalue": Variable((), "p-value of the agreement of the measured loss with the risk"),
        "spread_exponent": Variable((), "exponent of the fall of the spread with D"),
    }
    return (
        found
        | derivatives(model)
        | {
            "error_estimate": Variable((), "error estimate of risk and gradient"),
        }
    )


def derivatives(model: str) -> dict[str, Variable]:
    """Gradient and velocity of each order parameter."""
    found = {}
    for p in table(model):
        words = f"dE/d{p.symbol}" + ", all entries independent" * p.symmetric
        found[f"{p.name}_gradient"] = Variable(p.axis_names, words)
        found[f"{p.name}_velocity"] = Variable(p.axis_names, f"d{p.symbol}/dt")
    return found


def known(model: str) -> Mapping[str, Mapping[str, Variable]]:
    """By kind of group what it can hold, with the axes that it then has."""
    return {
        "trajectory": courses(model),
        "simulation": replicas(model),
        "theory": replicas(model),
        "comparison": {},
        "stages": STAGES,
        "checks": CHECKS,
        "point": point(model),
        "scan": SCAN | point(model),
    }
