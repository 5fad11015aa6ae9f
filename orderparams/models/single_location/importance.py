"""Head weights that compete: importances u_h = U p_h, p = softmax(π) (theory 10c).

The risk is lowered together with a penalty σ S(p), S = −Σ p log p: with σ > 0 importances become
unequal, with σ < 0 equal. The scores π learn at a rate η, in units of the heads':

    dπ_h/dt = −η p_h (G_h − Σ_g p_g G_g),    G_h = U ∂E/∂u_h − σ(1 + log p_h).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.models.single_location.sections import AttentionConfig, Problem
from orderparams.models.vectors.fluctuations.momentum import Turned

Array = NDArray[np.float64]

LEAST = 1e-300
"""Importances below are this, so that they have a logarithm."""


class Importance(NamedTuple):
    """The sum U of the head weights, zero where they have no importances; penalty σ; rate η."""

    total: float = 0.0
    penalty: float = 0.0
    rate: float = 0.0


NO_IMPORTANCE = Importance()


def importance_of(problem: Problem) -> Importance:
    """What a configuration asks for."""
    attention, training = problem.attention, problem.training
    if attention.head_weights != "importance":
        return NO_IMPORTANCE
    return Importance(
        total_importance(attention), training.importance_penalty, training.importance_rate
    )


def total_importance(attention: AttentionConfig) -> float:
    """U of head weights that are importances."""
    return 1.0 if attention.importance_total is None else attention.importance_total


def importances(scores: Array) -> Array:
    """p (…, H) of scores π (…, H)."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    p: Array = powers / powers.sum(axis=-1, keepdims=True)
    return p


def scores(p: Array) -> Array:
    """π = log p (H,)."""
    found: Array = np.log(np.maximum(p, LEAST))
    return found


def entropy(p: Array) -> float:
    """S(p) of importances (H,)."""
    return float(-(p * scores(p)).sum())


def turned(importance: Importance, p: Array) -> Turned:
    """Scores as steps with momentum move them: by diag(p) − ppᵀ of what these remember of
    −ηU ∂E/∂u, and at once by the penalty."""
    one = np.eye(len(p))
    matrix = np.diag(p) - np.outer(p, p)
    bent = (
        one[:, :, None] * matrix[:, None] - p[:, None] * matrix[:, None] - p[:, None, None] * matrix
    )
    pull = importance.rate * importance.penalty * (1.0 + scores(p))
    return Turned("importance", matrix @ pull, matrix, bent)


@kernel()
def by_scores(importance: Importance, p: Array, by_weights: Array, out: Array) -> None:
    """The derivatives by π (H,) of risk and penalty, from those of the risk by u (H,)."""
    mean = 0.0
    for h in range(p.size):
        out[h] = importance.total * by_weights[h]
        out[h] -= importance.penalty * (1.0 + np.log(max(p[h], LEAST)))
        mean += p[h] * out[h]
    for h in range(p.size):
        out[h] = p[h] * (out[h] - mean)


@kernel()
def learn_importances(
    importance: Importance, rate: float, by_weights: Array, head_weights: Array
) -> None:
    """A step of π on head weights u (H,) in place; rate = γ/D, by_weights (H,) of one batch."""
    p, change = head_weights / importance.total, np.empty(head_weights.size)
    by_scores(importance, p, by_weights, change)
    top, total = -np.inf, 0.0
    for h in range(p.size):
        change[h] = np.log(max(p[h], LEAST)) - rate * importance.rate * change[h]
        top = max(top, change[h])
    for h in range(p.size):
        p[h] = np.exp(change[h] - top)
        total += p[h]
    for h in range(p.size):
        head_weights[h] = importance.total * p[h] / total


@kernel()
def learn_head_weights(rule: Any, rate: float, by_weights: Array, head_weights: Array) -> None:
    """A step of SGD on u (H,) in place, or on the scores of which it follows; by_weights (H,) of
    all B sequences, rate = γ/(DB) of a sequence. The rule has what the weights learn by."""
    for h in range(head_weights.size):
        head_weights[h] -= rate * rule.head_weight_rate * by_weights[h]
    if rule.importance.total > 0.0:
        mean = by_weights / rule.batch_size
        learn_importances(rule.importance, rate * rule.batch_size, mean, head_weights)
