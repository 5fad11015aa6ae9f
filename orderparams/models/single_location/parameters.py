"""The order parameters of single-location regression (theory 3)."""

from __future__ import annotations

from orderparams.models.parameters import Axis, OrderParameter
from orderparams.models.single_location.sections import Problem

HEAD = Axis("head", "attention head, counted from 1", "head")
FEATURE = Axis("feature", "signal direction, counted from 1", "direction")

OVERLAP = OrderParameter("overlap", "m", "overlap m = k_h . k*_f / D", (HEAD, FEATURE))
SELF_OVERLAP = OrderParameter(
    "self_overlap",
    "q",
    "self-overlap q = k_h . k_h' / D",
    (HEAD, HEAD),
    symmetric=True,
    prominent=False,
)
BIAS = OrderParameter("bias", "beta", "learned bias beta_h", (HEAD,))
HEAD_WEIGHT = OrderParameter("head_weight", "u", "learned head weight u_h", (HEAD,))

RISK = "population risk per dimension"
"""What the risk is called in files."""

REFERENCES = {"bayes_risk": "Bayes risk"}
"""Risks to compare with, and their names."""

OBSERVABLES = ()
"""Nothing else follows from a state that is not said of it."""

PARAMETERS = (OVERLAP, SELF_OVERLAP, BIAS, HEAD_WEIGHT)


def order_parameters(problem: Problem) -> tuple[OrderParameter, ...]:
    """Those that move in a problem."""
    attention = problem.attention
    learned = {BIAS: attention.bias == "learned", HEAD_WEIGHT: attention.head_weights == "learned"}
    return tuple(one for one in PARAMETERS if learned.get(one, True))


def sizes(problem: Problem) -> dict[str, int]:
    """Lengths of the axes."""
    return {HEAD.name: problem.attention.heads, FEATURE.name: problem.task.signal.features}
