"""One training sequence as both backends see it: its law, its gradient, and what is learned.

Shapes: H heads, L tokens, F features.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.attention import Activation, attend, backpropagate
from orderparams.compiled import kernel
from orderparams.sgd import UpdateRule
from orderparams.task import Task

Array = NDArray[np.float64]


class Model(NamedTuple):
    """Task and activation in the form that kernels take.

    lengths (n,) with cumulative probabilities (n,); components of P_θ with cumulative probabilities
    (C,), means (C, F) and square roots of the covariances (C, F, F); label noise Δ; whether the
    target is scalar; the activation.
    """

    lengths: NDArray[np.int64]
    length_cumulative: Array
    component_cumulative: Array
    means: Array
    factors: Array
    noise: float
    scalar: bool
    joint: bool
    kappa: float

    @property
    def features(self) -> int:
        """Number F of signal directions."""
        return int(self.means.shape[1])

    @property
    def directions(self) -> int:
        """Number of hidden directions: F, and one more for the value of the scalar target."""
        return self.features + self.scalar


def build_model(task: Task, activation: Activation) -> Model:
    """The model of a task and an activation."""
    eigenvalues, axes = np.linalg.eigh(task.signal.covariances)
    return Model(
        np.ascontiguousarray(task.lengths, dtype=np.int64),
        cumulative(task.length_weights),
        cumulative(task.signal.weights),
        np.ascontiguousarray(task.signal.means, dtype=np.float64),
        np.ascontiguousarray(axes * np.sqrt(eigenvalues.clip(0.0))[:, None, :]),
        float(task.noise),
        task.target == "scalar",
        activation.joint,
        float(activation.kappa),
    )


def cumulative(weights: Array) -> Array:
    """Cumulative probabilities whose last entry is one."""
    total = np.cumsum(weights)
    return np.ascontiguousarray(total / total[-1], dtype=np.float64)


@kernel()
def draw(model: Model, generator: np.random.Generator, signal: Array) -> tuple[int, int]:
    """Length and hidden position of a sequence; fills its signal θ (F,)."""
    choice = np.searchsorted(model.length_cumulative, generator.random(), side="right")
    length = model.lengths[choice]
    position = int(length * generator.random())
    component = np.searchsorted(model.component_cumulative, generator.random(), side="right")
    signal[:] = model.means[component]
    factor = model.factors[component]
    for g in range(signal.size):
        normal = generator.standard_normal()
        for f in range(signal.size):
            signal[f] += factor[f, g] * normal
    return length, position


@kernel()
def respond(
    model: Model,
    generator: np.random.Generator,
    rows: Array,
    values: Array,
    position: int,
    bias: Array,
    head_weights: Array,
    learned: Array,
) -> float:
    """From logits to the gradient of one sequence's loss (theory 4).

    rows (H+1, L) holds the logits χ (H, L) and a last row that is free; on return g_hℓ and, last,
    r_ℓ = a_ℓ − δ_ℓε. values z_ℓ = X_ℓ·v*/√D (L,) are used by the scalar target alone, whose error
    Σ_ℓ r_ℓ z_ℓ − Δξ is returned (else 0). ∂loss/∂β_h = Σ_ℓ g_hℓ and ∂loss/∂u_h are added to the
    two rows of learned (2, H).
    """
    heads = rows.shape[0] - 1
    logits, residual = rows[:heads], rows[heads]
    attend(logits, bias, head_weights, model.kappa, model.joint, logits, residual)
    error = 0.0
    upstream = np.empty(residual.size)
    if model.scalar:
        error = -values[position] - model.noise * generator.standard_normal()
        for token in range(residual.size):
            error += residual[token] * values[token]
        for token in range(residual.size):
            upstream[token] = 2.0 * error * values[token]
    else:
        for token in range(residual.size):
            upstream[token] = 2.0 * residual[token]
        upstream[position] -= 2.0
    head_weight_gradient = np.empty(heads)
    backpropagate(
        logits, residual, head_weights, model.joint, upstream, logits, head_weight_gradient
    )
    residual[position] -= 1.0
    for h in range(heads):
        for token in range(residual.size):
            learned[0, h] += logits[h, token]
        learned[1, h] += head_weight_gradient[h]
    return error


@kernel()
def learn(
    rule: UpdateRule,
    rate: float,
    learned: Array,
    squares: Array,
    bias: Array,
    head_weights: Array,
) -> None:
    """Update bias β (H,) and head weights u (H,) by the summed gradients ``learned`` (2, H).

    rate = γ/(D·B); squares (H,) are the new q_hh, which the norm bias follows.
    """
    for h in range(bias.size):
        if rule.norm_bias:
            bias[h] = -0.5 * squares[h]
        else:
            bias[h] -= rate * rule.bias_rate * learned[0, h]
        head_weights[h] -= rate * rule.head_weight_rate * learned[1, h]
