"""The order parameters of the committee machine."""

from __future__ import annotations

from orderparams.models.committee.sections import Problem
from orderparams.models.parameters import Axis, OrderParameter
from orderparams.models.vectors.observables import PENALTY

STUDENT = Axis("student", "student, counted from 1", "student")
OTHER_STUDENT = Axis("student_2", "student, counted from 1", "student")
TEACHER = Axis("teacher", "teacher, counted from 1", "teacher")

OVERLAP = OrderParameter("overlap", "R", "overlap R = w_k . w*_m / D", (STUDENT, TEACHER))
SELF_OVERLAP = OrderParameter(
    "self_overlap", "Q", "self-overlap Q = w_k . w_k' / D", (STUDENT, STUDENT), symmetric=True
)
SECOND_LAYER = OrderParameter("second_layer", "a", "learned second layer a_k", (STUDENT,))

VELOCITIES = (
    OrderParameter(
        "velocity_overlap", "Rp", "velocity overlap Rp = p_k . w*_m / D", (STUDENT, TEACHER),
        prominent=False,
    ),
    OrderParameter(
        "student_velocity_overlap", "Qwp", "student-velocity overlap Qwp = w_k . p_k' / D",
        (STUDENT, OTHER_STUDENT), prominent=False,
    ),
    OrderParameter(
        "velocity_self_overlap", "Qpp", "velocity self-overlap Qpp = p_k . p_k' / D",
        (STUDENT, STUDENT), symmetric=True, prominent=False,
    ),
)  # fmt: skip
"""Of students with inertia, which have velocities p (theory 10e)."""

MOTION = tuple(one.name for one in VELOCITIES)
"""Their names, of R^p, Q^wp and Q^pp."""

RISK = "population risk E(phi - phi_teacher)^2 / 2"
"""What files call the risk."""

REFERENCES: dict[str, str] = {}
"""No risk to compare with is known beforehand: the least one is that of a fit."""

OBSERVABLES = (PENALTY,)
"""What else is stored of a state: what a repulsion adds to the risk."""

PARAMETERS = (OVERLAP, SELF_OVERLAP, SECOND_LAYER, *VELOCITIES)


def order_parameters(problem: Problem) -> tuple[OrderParameter, ...]:
    """Those that move in a problem."""
    second_layer = (SECOND_LAYER,) * (problem.network.second_layer == "learned")
    moving = VELOCITIES if problem.training.inertia is not None else ()
    return (OVERLAP, SELF_OVERLAP, *second_layer, *moving)


def sizes(problem: Problem) -> dict[str, int]:
    """Lengths of the axes."""
    found = {STUDENT.name: problem.network.students, TEACHER.name: problem.task.count}
    if problem.training.inertia is not None:
        found[OTHER_STUDENT.name] = problem.network.students
    return found
