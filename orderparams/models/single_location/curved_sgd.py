"""SGD of single-location regression with any function of a logit in place of the exponential.

Shapes as in :mod:`orderparams.models.single_location.sgd`, whose sequences these are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.expectations.curves import curve
from orderparams.expectations.sampling.curved import share_out
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.importance import (
    NO_IMPORTANCE,
    Importance,
    learn_head_weights,
)
from orderparams.models.single_location.setup import Heads
from orderparams.models.single_location.sgd import Numbers, build_model, draw, recorded_numbers
from orderparams.models.single_location.task import Task
from orderparams.models.vectors.sgd import Sizes

__all__ = ["CurvedModel", "CurvedRule", "build_curved_model", "draw", "learn", "respond"]

Array = NDArray[np.float64]


class CurvedRule(NamedTuple):
    """One step of SGD: learning rate γ, batch size B, weight decay λ, the learning rates of
    numbers in units of γ, zero for what is not learned, and importances."""

    learning_rate: float
    batch_size: int = 1
    weight_decay: float = 0.0
    bias_rate: float = 0.0
    head_weight_rate: float = 0.0
    slope_rate: float = 0.0
    intercept_rate: float = 0.0
    importance: Importance = NO_IMPORTANCE


class Lines(NamedTuple):
    """Learned numbers: bias β, head weights u, and of element-wise activations slope s and
    intercept c, else 1 and 0; each (H,)."""

    bias: Array
    head_weights: Array
    slope: Array
    intercept: Array


class CurvedModel(NamedTuple):
    """Task and activation as kernels take them; the fields of
    :class:`orderparams.models.single_location.sgd.Model`, and the curve."""

    sizes: Sizes
    lengths: NDArray[np.int64]
    length_cumulative: Array
    component_cumulative: Array
    means: Array
    factors: Array
    noise: float
    scalar: bool
    elementwise: bool
    kappa: float
    importance_total: float
    curve: Any

    @property
    def features(self) -> int:
        """Number F of signal directions."""
        return int(self.means.shape[1])

    @property
    def words(self) -> str:
        """What limits the dimension."""
        return "features, heads, tokens and batch"

    def numbers(self, rule: CurvedRule, start: Heads, squares: Array) -> Lines:
        """The learned numbers of a start."""
        ones = np.ones(len(squares))
        slope = start.numbers.get("logit_slope", ones)
        intercept = start.numbers.get("intercept", 0.0 * ones)
        return Lines(start.bias.copy(), start.head_weights.copy(), slope.copy(), intercept.copy())

    def records(self, overlap: Array, self_overlap: Array, numbers: Lines) -> dict[str, Array]:
        """What is recorded, by the names of the order parameters."""
        known = recorded_lines(numbers, self.importance_total)
        return {"overlap": overlap, "self_overlap": self_overlap, **known}


def recorded_lines(numbers: Lines, importance_total: float) -> dict[str, Array]:
    """Copies of the numbers and, where there are any, importances."""
    plain = Numbers(numbers.bias, numbers.head_weights)
    return {
        **recorded_numbers(plain, importance_total),
        "logit_slope": numbers.slope.copy(),
        "intercept": numbers.intercept.copy(),
    }


def build_curved_model(
    task: Task, activation: Activation, importance_total: float = 0.0
) -> CurvedModel:
    """The model of a task and an activation with a curve; zero as for :func:`build_model`."""
    plain = build_model(task, activation, importance_total)._asdict()
    shared = {name: plain[name] for name in CurvedModel._fields if name in plain}
    return CurvedModel(**shared, elementwise=activation.elementwise, curve=activation.curve)


@kernel()
def respond(
    model: CurvedModel,
    rule: CurvedRule,
    generator: np.random.Generator,
    position: int,
    numbers: Lines,
    values: Array,
    rows: Array,
    radial: Array,
    gradient: Array,
) -> float:
    """From logits to the gradient of one sequence's loss (theory 4); returns the scalar target's.

    rows (H+1, L) holds the logits χ and a last row that is free; on return g_hℓ and, last, r_ℓ. The
    derivatives in bias, head weight, slope and intercept are added to gradient (4, H).
    """
    heads, length = rows.shape[0] - 1, rows.shape[1]
    bias, head_weights, line_slope, intercept = numbers
    residual = rows[heads]
    curves, slopes = np.empty((heads, length)), np.empty((heads, length))
    shares = np.empty((heads, length))
    for h in range(heads):
        for token in range(length):
            value, slope, _ = curve(model.curve, rows[h, token] + bias[h])
            curves[h, token], slopes[h, token] = value, slope
            shares[h, token] = value
    if not model.elementwise:
        share_out(curves, model.kappa, shares)
    for token in range(length):
        residual[token] = 0.0
        for h in range(heads):
            line = intercept[h] + line_slope[h] * shares[h, token]
            residual[token] += head_weights[h] * line
    residual[position] -= 1.0
    upstream = np.empty(length)
    error = 0.0
    if model.scalar:
        error = -model.noise * generator.standard_normal()
        for token in range(length):
            error += residual[token] * values[0, token]
        for token in range(length):
            upstream[token] = 2.0 * error * values[0, token]
            residual[token] = 0.0
    else:
        for token in range(length):
            upstream[token] = 2.0 * residual[token]
        upstream[position] *= model.sizes.noise**2
    for h in range(heads):
        center, total = 0.0, 0.0
        for token in range(length):
            center += upstream[token] * shares[h, token]
            total += upstream[token]
        weight = head_weights[h] * line_slope[h]
        for token in range(length):
            if model.elementwise:
                pull = weight * upstream[token]
            else:
                pull = weight * shares[h, token] * (upstream[token] - center)
            rows[h, token] = pull * slopes[h, token]
            gradient[0, h] += rows[h, token]
        gradient[1, h] += intercept[h] * total + line_slope[h] * center
        gradient[2, h] += head_weights[h] * center
        gradient[3, h] += head_weights[h] * total
    return error**2


@kernel()
def learn(
    model: CurvedModel,
    rule: CurvedRule,
    rate: float,
    gradient: Array,
    squares: Array,
    numbers: Lines,
) -> None:
    """Update bias, slopes, intercepts, and head weights or their importances, each (H,)."""
    bias, head_weights, slope, intercept = numbers
    for h in range(bias.size):
        bias[h] -= rate * rule.bias_rate * gradient[0, h]
        slope[h] -= rate * rule.slope_rate * gradient[2, h]
        intercept[h] -= rate * rule.intercept_rate * gradient[3, h]
    learn_head_weights(rule, rate, gradient[1], head_weights)
