"""The committee machine as both backends of SGD see it: examples, their gradient, the second layer.

A sequence is a single token x. The loss that is recorded is (φ − φ_teacher)²/2 without the label
noise, whose mean is the population risk; the gradient has the noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from orderparams.compiled import kernel
from orderparams.models.committee import erf, relu
from orderparams.models.vectors.sgd import Sizes, clear

Array = NDArray[np.float64]


class Rule(NamedTuple):
    """One step of SGD: learning rate η, batch size B, weight decay λ of the students, and the
    learning rate of the second layer a in units of η/D, zero if it is not learned:

    w_k ← w_k − (η/√D)(φ − y) a_k g′(λ_k) x − (ηλ/D) w_k,    a_k ← a_k − (η·rate/D)(φ − y) g(λ_k).
    """

    learning_rate: float
    batch_size: int = 1
    weight_decay: float = 0.0
    second_layer_rate: float = 0.0


class Numbers(NamedTuple):
    """What is learned beside the students: the second layer a (K,)."""

    second_layer: Array


class Students(Protocol):
    """Where K students start: overlap (K, d) with the hidden directions, residual (K, K), and the
    ``second_layer`` (K,) among their numbers."""

    @property
    def overlap(self) -> Array: ...
    @property
    def residual(self) -> Array: ...
    @property
    def numbers(self) -> Mapping[str, Array]: ...


class Model(NamedTuple):
    """The teachers in the form that kernels take (:mod:`orderparams.models.vectors.sgd`).

    Coordinates of the teachers in the hidden directions (M, d), with B Bᵀ = T; their second layer b
    (M,); label noise σ; whether g is ReLU and not erf.
    """

    sizes: Sizes
    teachers: Array
    second_layer: Array
    noise: float
    rectified: bool

    @property
    def features(self) -> int:
        """All hidden directions count in the overlaps with the teachers."""
        return self.sizes.directions

    @property
    def words(self) -> str:
        """What limits the dimension."""
        return "teachers, students and batch"

    def numbers(self, rule: Rule, start: Students, squares: Array) -> Numbers:
        """The second layer of a start."""
        return Numbers(np.array(start.numbers["second_layer"], dtype=np.float64))

    def records(self, overlap: Array, self_overlap: Array, numbers: Numbers) -> dict[str, Array]:
        """What is recorded, by the names of the order parameters."""
        return {
            "overlap": overlap @ self.teachers.T,
            "self_overlap": self_overlap,
            "second_layer": numbers.second_layer.copy(),
        }


def build_model(teachers: Array, second_layer: Array, noise: float, rectified: bool) -> Model:
    """The model of teachers B (M, d) with a second layer (M,)."""
    directions = teachers.shape[1]
    return Model(
        Sizes(directions, directions, 1, 0),
        np.ascontiguousarray(teachers, dtype=np.float64),
        np.ascontiguousarray(second_layer, dtype=np.float64),
        float(noise),
        rectified,
    )


@kernel()
def activate(rectified: bool, x: float) -> tuple[float, float]:
    """g and g′ of ReLU if ``rectified``, else of erf(x/√2)."""
    if rectified:
        return relu.activation(x), relu.slope(x)
    return erf.activation(x), erf.slope(x)


@kernel()
def draw(model: Model, generator: np.random.Generator, shift: Array) -> tuple[int, int]:
    """One token with mean zero, and nothing to remember."""
    clear(shift)
    return 1, 0


@kernel()
def respond(
    model: Model,
    rule: Rule,
    generator: np.random.Generator,
    mark: int,
    numbers: Numbers,
    read: Array,
    rows: Array,
    radial: Array,
    gradient: Array,
) -> float:
    """From the fields λ (K, 1) in ``rows`` to (φ − y) a_k g′(λ_k) in their place; returns the loss.

    (φ − y) g(λ_k) are added to gradient (1, K).
    """
    second_layer = numbers.second_layer
    error = 0.0
    for m in range(model.second_layer.size):
        field = 0.0
        for i in range(len(read)):
            field += model.teachers[m, i] * read[i, 0]
        error -= model.second_layer[m] * activate(model.rectified, field)[0]
    values = np.empty(second_layer.size)
    for k in range(second_layer.size):
        values[k], slope = activate(model.rectified, rows[k, 0])
        rows[k, 0] = second_layer[k] * slope
        error += second_layer[k] * values[k]
    loss = 0.5 * error**2
    error -= model.noise * generator.standard_normal()
    for k in range(second_layer.size):
        rows[k, 0] *= error
        gradient[0, k] += error * values[k]
    return loss


@kernel()
def learn(
    model: Model, rule: Rule, rate: float, gradient: Array, squares: Array, numbers: Numbers
) -> None:
    """Update the second layer."""
    for k in range(numbers.second_layer.size):
        numbers.second_layer[k] -= rate * rule.second_layer_rate * gradient[0, k]
