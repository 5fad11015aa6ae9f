"""The order parameters of in-context regression."""

from __future__ import annotations

from orderparams.models.in_context.sections import Problem
from orderparams.models.parameters import Axis, Observable, OrderParameter

HEAD = Axis("head", "attention head, counted from 1", "head")
BLOCK = Axis("block", "block of coordinates, counted from 1", "block")
TASK = Axis("task", "task, counted from 1", "task")

LENGTH = Axis(
    "length", "examples in a prompt", "length", key="task.test_lengths", usual="task.length"
)

KEY_QUERY = OrderParameter(
    "key_query", "omega", "key-query strength omega = tr(W_h on block b) / d_b", (HEAD, BLOCK)
)
OUTPUT = OrderParameter("output", "mu", "output mu = weight of a head's label", (HEAD, TASK))

RISK = "population risk, sum over tasks of E (y_q - prediction)^2"
"""What files call the risk; the query's own label noise is left out."""

REFERENCES = {
    "bayes_risk": "Bayes risk",
    "debiased_gd_risk": "debiased GD",
    "linear_gd_risk": "linear GD",
    "superposition_risk": "superposed",
    "zero_risk": "zero output",
    "single_head_risk": "single head",
}
"""Risks to compare with: sums over tasks."""

ASYMPTOTIC = {"superposition_risk": "in the limit of small omega"}
"""Those that are not exact at finite N, d and omega, and in which limit they are."""

PARAMETERS = (KEY_QUERY, OUTPUT)

OBSERVABLES = (
    Observable("task_risk", "E", "risk of a task E", (TASK,)),
    Observable("output_sum", "sum_mu", "sum of all outputs sum_mu", (TASK,)),
    Observable("gain", "M", "gain M = sum over heads of mu omega", (TASK, BLOCK)),
    Observable(
        "test_risk",
        "E",
        "risk of a task E = at other lengths",
        (LENGTH, TASK),
        last=True,
        usual="task_risk",
    ),
)


PART = Axis(
    "part",
    "key-query KQ of coordinates x, of labels y; output OV of x, of y of other tasks",
    "part",
    names=("KQ of x", "KQ of y", "OV of x", "OV of other y"),
)
OFF_MANIFOLD = OrderParameter(
    "off_manifold",
    "delta",
    "distance delta = of whole matrices from the manifold of omega and mu, root sum of squares",
    (HEAD, PART),
)
RECORDED = (OFF_MANIFOLD,)
"""What a simulation of whole matrices records beside the order parameters."""


def order_parameters(problem: Problem) -> tuple[OrderParameter, ...]:
    """All move."""
    return PARAMETERS


def sizes(problem: Problem) -> dict[str, int]:
    """Lengths of the axes."""
    task = problem.task
    return {
        HEAD.name: problem.attention.heads,
        BLOCK.name: len(task.blocks),
        TASK.name: len(task.rows),
        LENGTH.name: len(task.test_lengths or ()),
    }
