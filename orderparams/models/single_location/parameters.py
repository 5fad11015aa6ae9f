"""The order parameters of single-location regression (theory 3)."""

from __future__ import annotations

from orderparams.models.parameters import Axis, Observable, OrderParameter
from orderparams.models.single_location.sections import Problem
from orderparams.models.vectors.observables import PENALTY

HEAD = Axis("head", "attention head, counted from 1", "head")
FEATURE = Axis("feature", "signal direction, counted from 1", "direction")
COMPONENT = Axis(
    "signal_component", "component of the law of the signal, counted from 1", "component"
)

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
IMPORTANCE = OrderParameter("importance", "p", "importance p_h = u_h / U", (HEAD,))
SLOPE = OrderParameter("logit_slope", "s", "learned slope s_h", (HEAD,))
INTERCEPT = OrderParameter("intercept", "c", "learned intercept c_h", (HEAD,))

RISK = "population risk per dimension"
"""What the risk is called in files."""

REFERENCES = {"bayes_risk": "Bayes risk"}
"""Risks to compare with, and their names."""

NOTHING = Observable(
    "nothing",
    "s_0",
    "mass on nothing s_0 = kappa E[1/Z_h]",
    (HEAD,),
    beyond=0.999,
    called="dormant",
)
BY_COMPONENT = Observable(
    "nothing_by_component",
    "s_0",
    "mass on nothing s_0 given the component of the signal",
    (HEAD, COMPONENT),
    last=True,
)
OBSERVABLES = (PENALTY, NOTHING, BY_COMPONENT)
"""What a repulsion adds to the risk; of heads with normalisers of their own and a κ in them."""

PARAMETERS = (OVERLAP, SELF_OVERLAP, BIAS, HEAD_WEIGHT, SLOPE, INTERCEPT, IMPORTANCE)


def order_parameters(problem: Problem) -> tuple[OrderParameter, ...]:
    """Those that move in a problem."""
    attention = problem.attention
    learned = {
        BIAS: attention.bias == "learned",
        HEAD_WEIGHT: attention.head_weights == "learned",
        IMPORTANCE: attention.head_weights == "importance",
        SLOPE: attention.slope == "learned",
        INTERCEPT: attention.intercept == "learned",
    }
    return tuple(one for one in PARAMETERS if learned.get(one, True))


def sizes(problem: Problem) -> dict[str, int]:
    """Lengths of the axes."""
    signal = problem.task.signal
    return {
        HEAD.name: problem.attention.heads,
        FEATURE.name: signal.features,
        COMPONENT.name: signal.count,
    }
