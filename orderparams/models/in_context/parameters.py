"""The order parameters of in-context regression."""

from __future__ import annotations

from orderparams.models.in_context.sections import Problem
from orderparams.models.parameters import Axis, OrderParameter

HEAD = Axis("head", "attention head, counted from 1", "head")
BLOCK = Axis("block", "block of coordinates, counted from 1", "block")
TASK = Axis("task", "task, counted from 1", "task")

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
}
"""Risks to compare with: sums over tasks."""

PARAMETERS = (KEY_QUERY, OUTPUT)


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
    }
