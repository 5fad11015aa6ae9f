"""V of linear attention with values, in closed form: what a token adds to the error is quadratic.

With q = Σ_h (d_h + w_h χ_h) ω_h on a noise token n, less z on the signal token s, the error is
Σ_ℓ q_ℓ − Δξ, and its slopes in the fields of one token are linear: of tokens ℓ and the rest R,

    V/4 = Σ_ℓ σ_ℓ² { E[q² g gᵀ] + 2 E[q g gᵀ] E[R] + E[g gᵀ] (E[R²] + Δ²) },

σ_s = γ_s and σ_n = 1. Moments of a quadratic and two linear functions of Gaussian variables are
Stein's lemma, twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.models.single_location.task import Task
from orderparams.models.single_location.values.fields import Fields

Array = NDArray[np.float64]


class Quadratic(NamedTuple):
    """Of a kind of token: E[q], E[q²] (1, 1); E[g gᵀ], E[q g gᵀ] and E[q² g gᵀ] (2H, 2H); of
    several estimates with a leading axis each."""

    mean: Array
    square: Array
    slopes: Array
    once: Array
    twice: Array


def noise_of_linear(task: Task, fields: Fields, head_weights: Array) -> Array:
    """V (2H, 2H) of weights [w; d] (2H,)."""
    kinds = range(len(fields.shares))
    return noise_of_tokens(
        task, [moments(fields, c, head_weights, task.signal_variance) for c in kinds]
    )


def risk_of_tokens(task: Task, kinds: Sequence[Quadratic]) -> Array:
    """The risk (…, 1, 1) of independent tokens."""
    noise, signal = kinds[0], signal_of(task, kinds)
    others = task.lengths - 1.0
    n1 = float(task.length_weights @ others)
    n2 = float(task.length_weights @ (others * (others - 1.0)))
    beside = n1 * (noise.square + 2.0 * signal.mean * noise.mean) + n2 * noise.mean**2
    return signal.square + beside + task.label_noise


def signal_of(task: Task, kinds: Sequence[Quadratic]) -> Quadratic:
    """That of signal tokens, of all components."""
    parts = zip(*kinds[1:], strict=True)
    return Quadratic(*(np.tensordot(task.signal.weights, np.array(part), 1) for part in parts))


def noise_of_tokens(task: Task, kinds: Sequence[Quadratic]) -> Array:
    """V (…, 2H, 2H) of independent tokens: noise tokens, then signal tokens by component."""
    noise, signal = kinds[0], signal_of(task, kinds)
    others = task.lengths - 1.0
    n1, n2, n3 = (
        float(task.length_weights @ count)
        for count in (
            others,
            others * (others - 1.0),
            others * (others - 1.0) * (others - 2.0),
        )
    )
    label = task.label_noise
    rest = n1 * noise.square + n2 * noise.mean**2 + label
    own = signal.twice + 2.0 * n1 * noise.mean * signal.once + rest * signal.slopes
    beside = n1 * signal.mean + n2 * noise.mean
    rest = n1 * (signal.square + label) + 2.0 * n2 * signal.mean * noise.mean
    rest = rest + n2 * noise.square + n3 * noise.mean**2
    other = n1 * noise.twice + 2.0 * beside * noise.once + rest * noise.slopes
    found: Array = 4.0 * (task.signal_variance * own + other)
    return found


def moments(fields: Fields, c: int, head_weights: Array, signal_variance: float) -> Quadratic:
    """Those of a kind of token, in the fields χ, ω and z, each less its mean."""
    rows = len(fields.target)
    heads = rows // 2
    w, d = np.split(head_weights, 2)
    keys, values = np.split(fields.means[c], 2)
    s = np.zeros((rows + 1, rows + 1))
    s[:rows, :rows] = fields.covariances[c]
    b = np.concatenate([w * values, d + w * keys, [0.0]])
    if c > 0:
        s[:rows, rows] = s[rows, :rows] = fields.target
        s[rows, rows], b[rows] = signal_variance, -1.0
    a = np.zeros_like(s)
    index = np.arange(heads)
    a[index, heads + index] = a[heads + index, index] = 0.5 * w
    constant = float((d + w * keys) @ values)
    levels = np.concatenate([w * values, d + w * keys])  # g = levels + turn·(fields)
    turn = np.zeros((rows, rows + 1))
    turn[index, heads + index] = turn[heads + index, index] = w

    sa = s @ a
    mean = constant + np.trace(sa)
    square = mean**2 + b @ s @ b + 2.0 * np.trace(sa @ sa)
    bends = 2.0 * np.outer(b, b) + 8.0 * a @ sa + 4.0 * mean * a
    first = (1.0, 0.0 * b, s)
    once = (mean, s @ b, mean * s + 2.0 * sa @ s)
    twice = (square, 2.0 * s @ (mean * b + 2.0 * a @ s @ b), square * s + s @ bends @ s)

    def pairs(of: tuple[float, Array, Array]) -> Array:
        """E[G g gᵀ] from E[G], E[G y] and E[G y yᵀ]."""
        along = np.outer(levels, turn @ of[1])
        total: Array = of[0] * np.outer(levels, levels) + along + along.T + turn @ of[2] @ turn.T
        return total

    return Quadratic(
        np.full((1, 1), mean), np.full((1, 1), square), pairs(first), pairs(once), pairs(twice)
    )
