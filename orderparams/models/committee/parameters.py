"""The order parameters of the committee machine."""

from __future__ import annotations

from orderparams.models.committee.sections import Problem
from orderparams.models.parameters import Axis, OrderParameter
from orderparams.models.vectors.observables import PENALTY

STUDENT = Axis("student", "student, counted from 1", "student")
TEACHER = Axis("teacher", "teacher, counted from 1", "teacher")

OVERLAP = OrderParameter("overlap", "R", "overlap R = w_k . w*_m / D", (STUDENT, TEACHER))
SELF_OVERLAP = OrderParameter(
    "self_overlap", "Q", "self-overlap Q = w_k . w_k' / D", (STUDENT, STUDENT), symmetric=True
)
SECOND_LAYER = OrderParameter("second_layer", "a", "learned second layer a_k", (STUDENT,))

RISK = "population risk E(phi - phi_teacher)^2 / 2"
"""What files call the risk."""

REFERENCES: dict[str, str] = {}
"""No risk to compare with is known beforehand: the least one is that of a fit."""

OBSERVABLES = (PENALTY,)
"""What else is stored of a state: what a repulsion adds to the risk."""

PARAMETERS = (OVERLAP, SELF_OVERLAP, SECOND_LAYER)


def order_parameters(problem: Problem) -> tuple[OrderParameter, ...]:
    """Those that move in a problem."""
    learned = problem.network.second_layer == "learned"
    return PARAMETERS if learned else PARAMETERS[:2]


def sizes(problem: Problem) -> dict[str, int]:
    """Lengths of the axes."""
    return {STUDENT.name: problem.network.students, TEACHER.name: problem.task.count}
