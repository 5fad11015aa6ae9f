"""What stands in a file: groups, variables, their axes and units (docs/file-format.md)."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA_VERSION = 1
PROGRAM = "orderparams"


@dataclass(frozen=True)
class Variable:
    """A dataset: the axes it has, its units, and what it is. Order parameters have no unit: "1"."""

    axes: tuple[str, ...]
    long_name: str
    units: str = "1"


AXES = {
    "time": "time t = learning_rate * steps / D",
    "head": "attention head, counted from 1",
    "head_2": "attention head, counted from 1",
    "feature": "signal direction, counted from 1",
    "replica": "replica of the simulation, counted from 1",
    "dimension": "embedding dimension D",
    "stage": "stage of specialization, counted from 1",
    "event": "event, counted from 1",
}

TRAJECTORY = {
    "overlap": Variable(("time", "head", "feature"), "overlap m = k_h . k*_f / D"),
    "self_overlap": Variable(("time", "head", "head_2"), "self-overlap q = k_h . k_h' / D"),
    "risk": Variable(("time",), "population risk per dimension"),
    "bias": Variable(("time", "head"), "learned bias beta_h"),
    "head_weight": Variable(("time", "head"), "learned head weight u_h"),
}

SIMULATION = {
    name: Variable(("replica", *variable.axes), variable.long_name)
    for name, variable in TRAJECTORY.items()
} | {"loss": Variable(("replica", "time"), "measured loss per step, mean since the time before")}

COMPARISON = {
    "deviation": "simulation - theory, extrapolated in 1/D, mean over replicas",
    "standard_error": "standard error of the deviation",
    "z_score": "deviation / standard error, Student's t by chance",
    "pvalue": "p-value of the whole course in time",
}
"""What is stored of each order parameter, as ``overlap_deviation`` and so on."""

LEARNED = {"bias", "head_weight"}
"""Variables that stand in a file only where they are learned."""

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

POINT = {
    "risk": Variable((), "population risk per dimension"),
    "bayes_risk": Variable((), "Bayes risk"),
    "overlap": Variable(("head", "feature"), "overlap m = k_h . k*_f / D"),
    "self_overlap": Variable(("head", "head_2"), "self-overlap q = k_h . k_h' / D"),
    "bias": Variable(("head",), "learned bias beta_h"),
    "head_weight": Variable(("head",), "learned head weight u_h"),
    "final_time": Variable((), "time t at the end of the run"),
    "stage_time": Variable(("stage",), "mean half-time of the specializations of a stage"),
    "gradient_residual": Variable((), "largest derivative of the risk that is left"),
    "replica_risk": Variable(("replica",), "population risk per dimension"),
    "replica_overlap": Variable(("replica", "head", "feature"), "overlap m = k_h . k*_f / D"),
    "replica_self_overlap": Variable(
        ("replica", "head", "head_2"), "self-overlap q = k_h . k_h' / D"
    ),
    "agreement": Variable((), "1 if theory and simulation agree, 0 if not, NaN if undecided"),
    "least_pvalue": Variable((), "p-value of the agreement of all order parameters"),
    "loss_pvalue": Variable((), "p-value of the agreement of the measured loss with the risk"),
    "spread_exponent": Variable((), "exponent of the fall of the spread with D"),
    "overlap_gradient": Variable(("head", "feature"), "dE/dm at fixed q"),
    "self_overlap_gradient": Variable(("head", "head_2"), "dE/dq, all entries independent"),
    "overlap_velocity": Variable(("head", "feature"), "dm/dt"),
    "self_overlap_velocity": Variable(("head", "head_2"), "dq/dt"),
    "error_estimate": Variable((), "error estimate of risk and gradient"),
}
"""What the points of a scan know; which of it, the action decides."""

SCAN = {
    "status": Variable((), "finished, failed or missing"),
    "message": Variable((), "why a point failed, or cannot decide"),
    "seconds": Variable((), "wall time of the point", "s"),
    "hash": Variable((), "hash of the resolved configuration"),
    "group": Variable((), "group of this file with all that the point stored"),
    "point": Variable((), "points of the scan, counted from 1"),
}
"""What stands beside it for every point."""

TEXTS = {"target", "what", "expected", "found", "status", "message", "hash", "group"}
"""Variables that hold texts; the others hold numbers."""

GROUPS: dict[str, dict[str, Variable]] = {
    "trajectory": TRAJECTORY,
    "simulation": SIMULATION,
    "theory": SIMULATION,
    "comparison": {},
    "stages": STAGES,
    "checks": CHECKS,
    "point": POINT,
    "scan": SCAN | POINT,
}
"""What each group can hold; after an underscore its name may go on, as in ``theory_250``."""

TEXT_ATTRIBUTES = {
    *("program", "version", "created", "command", "platform", "config", "seeds", "status"),
    *("message", "engine", "hash", "verdict", "doubt", "action", "coordinates", "key"),
    *("axis", "scales", "ticks", "units", "long_name"),
}
NUMBER_ATTRIBUTES = {
    *("schema_version", "bayes_risk", "seconds", "steps", "right_hand_sides", "jacobians"),
    "jacobian_right_hand_sides",
    *("dimension", "least_pvalue", "false_alarm", "degrees", "loss_pvalue"),
    *("judged", "resolution"),
    *("spread_exponent", "spread_exponent_error"),
}
"""Attributes of the file, its groups and its datasets, by what they are."""
