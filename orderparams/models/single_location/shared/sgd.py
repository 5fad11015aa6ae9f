"""Shared keys as both backends of SGD see them: bases, and the loss of one sequence.

Bases κ_j have the fields ψ_jℓ = κ_j·X_ℓ/√D, of which heads make the logits χ = C ψ. With g_hℓ the
derivative of the loss in a logit, that in a field of a base is Σ_h C_hj g_hℓ, and that in C_hj is
Σ_ℓ g_hℓ ψ_jℓ. The norm bias β_h = −|k_h|²/2D knows the products q of bases: with ρ_h = Σ_ℓ g_hℓ it
adds −Σ_h ρ_h C_hj k_h/D to the gradient by κ_j, and −ρ_h (C q)_hj to that by C_hj.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orderparams.compiled import kernel
from orderparams.models.single_location.importance import importance_of
from orderparams.models.single_location.sections import Problem
from orderparams.models.single_location.setup import Setup
from orderparams.models.single_location.sgd import Model, Numbers, UpdateRule, build_model
from orderparams.models.single_location.sgd import draw as draw_for_heads
from orderparams.models.single_location.sgd import learn as learn_of_heads
from orderparams.models.single_location.sgd import respond as respond_of_heads
from orderparams.models.single_location.shared.bases import BaseKeys
from orderparams.models.vectors.replicas import Ensemble, replicas_of
from orderparams.models.vectors.sgd import Sizes

Array = NDArray[np.float64]


class SharedNumbers(NamedTuple):
    """Learned numbers: bias β (H,), head weights u (H,), and C (H·J,) row by row."""

    bias: Array
    head_weights: Array
    mixing: Array


class SharedModel(NamedTuple):
    """The model of heads with ``plain`` keys, the rate η_C of the mixing, zero where it is fixed,
    and whether the bias is that of norms."""

    sizes: Sizes
    plain: Model
    mixing_rate: float
    norm_bias: bool

    @property
    def features(self) -> int:
        """Number F of signal directions."""
        return self.plain.features

    @property
    def words(self) -> str:
        """What limits the dimension."""
        return "features, bases, tokens and batch"

    def numbers(self, rule: UpdateRule, start: BaseKeys, squares: Array) -> SharedNumbers:
        """Those of a start; the norm bias follows before each step."""
        mixing = np.ascontiguousarray(start.mixing).ravel().copy()
        return SharedNumbers(start.bias.copy(), start.head_weights.copy(), mixing)

    def records(
        self, overlap: Array, self_overlap: Array, numbers: SharedNumbers
    ) -> dict[str, Array]:
        """What is recorded of heads and bases, by the names of the order parameters."""
        bases = overlap.shape[-2]
        mixing = numbers.mixing.reshape(*numbers.bias.shape, bases)
        keys = mixing @ self_overlap @ np.swapaxes(mixing, -1, -2)
        bias = -0.5 * np.einsum("...hh->...h", keys) if self.norm_bias else numbers.bias.copy()
        found = {
            "overlap": mixing @ overlap,
            "self_overlap": keys,
            "base_overlap": overlap,
            "base_self_overlap": self_overlap,
            "mixing": mixing.copy(),
            "bias": bias,
            "head_weight": numbers.head_weights.copy(),
        }
        if self.plain.importance_total:
            found["importance"] = numbers.head_weights / self.plain.importance_total
        return found


def shared_replicas(problem: Problem, setup: Setup, rule: UpdateRule, time: ArrayLike) -> Ensemble:
    """The replicas of a problem at step zero; those of a random start draw bases of their own, and
    all have one mixing."""
    sharing = problem.attention.sharing
    assert sharing is not None
    plain = build_model(setup.task, setup.activation, importance_of(problem).total)
    rate = problem.training.mixing_rate * sharing.learned
    model = SharedModel(plain.sizes, plain, rate, rule.norm_bias)
    return replicas_of(problem, model, rule, setup.start, time)


@kernel()
def draw(model: SharedModel, generator: np.random.Generator, shift: Array) -> tuple[int, int]:
    """Length and hidden position of a sequence, as with free keys."""
    return draw_for_heads(model.plain, generator, shift)


@kernel()
def prepare(
    model: SharedModel, rule: UpdateRule, vectors: Array, scale: float, numbers: SharedNumbers
) -> None:
    """The norm bias β (H,) of the keys that bases (J, r) make."""
    if not rule.norm_bias:
        return
    bases = len(vectors)
    for h in range(numbers.bias.size):
        square = 0.0
        for i in range(vectors.shape[1]):
            component = 0.0
            for j in range(bases):
                component += numbers.mixing[h * bases + j] * vectors[j, i]
            square += component**2
        numbers.bias[h] = -0.5 * scale * square


@kernel()
def respond(
    model: SharedModel,
    rule: UpdateRule,
    generator: np.random.Generator,
    position: int,
    numbers: SharedNumbers,
    values: Array,
    rows: Array,
    radial: Array,
    gradient: Array,
) -> float:
    """The gradient of one sequence's loss; returns that of the scalar target.

    rows (J+1, L) holds the fields of the bases and a last row that is free; on return their
    derivatives, and r_ℓ. The rows of gradient (3, H·J) are ∂loss/∂β and ∂loss/∂u, H entries of
    them, and ∂loss/∂C at given β.
    """
    heads, bases, length = numbers.bias.size, rows.shape[0] - 1, rows.shape[1]
    own, turned = np.empty((heads + 1, length)), np.empty(heads)
    for h in range(heads):
        for token in range(length):
            logit = 0.0
            for j in range(bases):
                logit += numbers.mixing[h * bases + j] * rows[j, token]
            own[h, token] = logit
    of_heads = Numbers(numbers.bias, numbers.head_weights)
    loss = respond_of_heads(
        model.plain, rule, generator, position, of_heads, values, own, turned, gradient
    )
    for h in range(heads):
        for j in range(bases):
            for token in range(length):
                gradient[2, h * bases + j] += own[h, token] * rows[j, token]
    for token in range(length):
        for j in range(bases):
            field = 0.0
            for h in range(heads):
                field += numbers.mixing[h * bases + j] * own[h, token]
            rows[j, token] = field
        rows[bases, token] = own[heads, token]
    return loss


@kernel()
def couple(
    model: SharedModel,
    rule: UpdateRule,
    vectors: Array,
    scale: float,
    factor: float,
    numbers: SharedNumbers,
    gradient: Array,
    change: Array,
) -> None:
    """What the norm bias adds to the gradients of bases (J, ≥ r) and mixing."""
    if not rule.norm_bias:
        return
    bases, size = vectors.shape
    for h in range(numbers.bias.size):
        row, pull = numbers.mixing[h * bases : (h + 1) * bases], gradient[0, h]
        for i in range(size):
            component = 0.0
            for j in range(bases):
                component += row[j] * vectors[j, i]
            for j in range(bases):
                change[j, i] -= factor * pull * row[j] * component
                gradient[2, h * bases + j] -= pull * scale * vectors[j, i] * component


@kernel()
def learn(
    model: SharedModel,
    rule: UpdateRule,
    rate: float,
    gradient: Array,
    squares: Array,
    numbers: SharedNumbers,
) -> None:
    """Update bias, head weights and mixing; the norm bias follows before the next step."""
    heads = numbers.bias.size
    of_heads = Numbers(numbers.bias, numbers.head_weights)
    kept = gradient[:, :heads].copy()
    learn_of_heads(model.plain, rule, rate, kept, -2.0 * numbers.bias, of_heads)
    for entry in range(numbers.mixing.size):
        numbers.mixing[entry] -= rate * model.mixing_rate * gradient[2, entry]
