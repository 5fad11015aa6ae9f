"""Single-location regression as both backends see it: its sequences, their gradient, the numbers.

Shapes: H heads, L tokens, F features.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.models.single_location.attention import Activation, attend, backpropagate
from orderparams.models.single_location.importance import (
    NO_IMPORTANCE,
    Importance,
    learn_head_weights,
)
from orderparams.models.single_location.setup import Heads
from orderparams.models.single_location.task import Task
from orderparams.models.vectors.sgd import Sizes, clear

Array = NDArray[np.float64]


class UpdateRule(NamedTuple):
    """How one step of SGD changes the heads, the bias and the head weights (theory 4).

    learning_rate γ, batch_size B, weight_decay λ; norm_bias: β_h = −|k_h|²/2D, differentiated
    through; bias_rate η_b and head_weight_rate η_u, zero for what is not learned; importances.
    """

    learning_rate: float
    batch_size: int = 1
    weight_decay: float = 0.0
    norm_bias: bool = False
    bias_rate: float = 0.0
    head_weight_rate: float = 0.0
    importance: Importance = NO_IMPORTANCE


class Numbers(NamedTuple):
    """Learned numbers: bias β (H,) and head weights u (H,)."""

    bias: Array
    head_weights: Array


class Model(NamedTuple):
    """Task and activation in the form that kernels take (:mod:`orderparams.models.vectors.sgd`).

    lengths (n,) with cumulative probabilities (n,); components of P_θ with cumulative probabilities
    (C,), means (C, F) and square roots of the covariances (C, F, F); label noise Δ; whether the
    target is scalar; the activation. The hidden directions are the k* and, for the scalar target,
    v*, which alone is read; the error is Σ_ℓ r_ℓ X_ℓ of the token target. importance_total is the
    sum of head weights that are importances, else zero.
    """

    sizes: Sizes
    lengths: NDArray[np.int64]
    length_cumulative: Array
    component_cumulative: Array
    means: Array
    factors: Array
    noise: float
    scalar: bool
    joint: bool
    kappa: float
    importance_total: float

    @property
    def features(self) -> int:
        """Number F of signal directions."""
        return int(self.means.shape[1])

    @property
    def words(self) -> str:
        """What limits the dimension."""
        return "features, heads, tokens and batch"

    def numbers(self, rule: UpdateRule, start: Heads, squares: Array) -> Numbers:
        """Bias and head weights of a start with squares q_hh (H,)."""
        bias = -0.5 * squares if rule.norm_bias else start.bias.copy()
        return Numbers(bias, start.head_weights.copy())

    def records(self, overlap: Array, self_overlap: Array, numbers: Numbers) -> dict[str, Array]:
        """What is recorded, by the names of the order parameters."""
        known = recorded_numbers(numbers, self.importance_total)
        return {"overlap": overlap, "self_overlap": self_overlap, **known}


def recorded_numbers(numbers: Numbers, importance_total: float) -> dict[str, Array]:
    """Copies of bias, head weights and, where there are any, importances."""
    found = {"bias": numbers.bias.copy(), "head_weight": numbers.head_weights.copy()}
    if importance_total:
        found["importance"] = numbers.head_weights / importance_total
    return found


def build_model(task: Task, activation: Activation, importance_total: float = 0.0) -> Model:
    """The model of a task and an activation; zero for head weights that are no importances."""
    eigenvalues, axes = np.linalg.eigh(task.signal.covariances)
    scalar = task.target == "scalar"
    longest, noise = int(task.lengths.max()), float(task.signal_noise)
    sizes = Sizes(len(axes[0]) + scalar, int(scalar), longest, 1, noise)
    return Model(
        sizes,
        np.ascontiguousarray(task.lengths, dtype=np.int64),
        cumulative(task.length_weights),
        cumulative(task.signal.weights),
        np.ascontiguousarray(task.signal.means, dtype=np.float64),
        np.ascontiguousarray(axes * np.sqrt(eigenvalues.clip(0.0))[:, None, :]),
        float(task.noise),
        scalar,
        activation.joint,
        float(activation.kappa),
        float(importance_total),
    )


def cumulative(weights: Array) -> Array:
    """Cumulative probabilities whose last entry is one."""
    total = np.cumsum(weights)
    return np.ascontiguousarray(total / total[-1], dtype=np.float64)


@kernel()
def draw(model: Model, generator: np.random.Generator, shift: Array) -> tuple[int, int]:
    """Length and hidden position of a sequence, whose token is shifted by its signal θ (F,)."""
    choice = np.searchsorted(model.length_cumulative, generator.random(), side="right")
    length = model.lengths[choice]
    position = int(length * generator.random())
    component = np.searchsorted(model.component_cumulative, generator.random(), side="right")
    mean, factor = model.means[component], model.factors[component]
    clear(shift)
    for f in range(mean.size):
        shift[f, position] = mean[f]
    for g in range(mean.size):
        normal = generator.standard_normal()
        for f in range(mean.size):
            shift[f, position] += factor[f, g] * normal
    return length, position


@kernel()
def respond(
    model: Model,
    rule: UpdateRule,
    generator: np.random.Generator,
    position: int,
    numbers: Numbers,
    values: Array,
    rows: Array,
    radial: Array,
    gradient: Array,
) -> float:
    """From logits to the gradient of one sequence's loss (theory 4); returns the scalar target's.

    rows (H+1, L) holds the logits χ (H, L) and a last row that is free; on return g_hℓ and, last,
    r_ℓ = a_ℓ − δ_ℓε. The scalar target has the error Σ_ℓ r_ℓ z_ℓ − Δξ of values z_ℓ = X_ℓ·v*/√D
    (1, L), and no error that is a vector. ∂loss/∂β_h = Σ_ℓ g_hℓ and ∂loss/∂u_h are added to the two
    rows of gradient (2, H); under the norm bias the first is ρ_h.
    """
    heads = rows.shape[0] - 1
    logits, residual = rows[:heads], rows[heads]
    attend(logits, numbers.bias, numbers.head_weights, model.kappa, model.joint, logits, residual)
    error = 0.0
    upstream = np.empty(residual.size)
    if model.scalar:
        error = -values[0, position] - model.noise * generator.standard_normal()
        for token in range(residual.size):
            error += residual[token] * values[0, token]
        for token in range(residual.size):
            upstream[token] = 2.0 * error * values[0, token]
    else:
        for token in range(residual.size):
            upstream[token] = 2.0 * residual[token]
        upstream[position] = model.sizes.noise**2 * (upstream[position] - 2.0)
    head_weight_gradient = np.empty(heads)
    backpropagate(
        logits, residual, numbers.head_weights, model.joint, upstream, logits, head_weight_gradient
    )
    residual[position] -= 1.0
    if model.scalar:
        for token in range(residual.size):
            residual[token] = 0.0
    for h in range(heads):
        for token in range(residual.size):
            gradient[0, h] += logits[h, token]
        gradient[1, h] += head_weight_gradient[h]
        if rule.norm_bias:
            radial[h] = gradient[0, h]
    return error**2


@kernel()
def learn(
    model: Model,
    rule: UpdateRule,
    rate: float,
    gradient: Array,
    squares: Array,
    numbers: Numbers,
) -> None:
    """Update bias β (H,) and head weights u (H,), or their importances; the norm bias follows the
    squares q_hh (H,)."""
    bias, head_weights = numbers
    for h in range(bias.size):
        if rule.norm_bias:
            bias[h] = -0.5 * squares[h]
        else:
            bias[h] -= rate * rule.bias_rate * gradient[0, h]
    learn_head_weights(rule, rate, gradient[1], head_weights)
