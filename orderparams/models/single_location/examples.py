"""What heads attend to in example sequences (theory 1 to 3).

A token's projections on the hidden directions and on those of the residual W are standard normals
x_ℓ in R^(F+H), times γ_s and shifted by θ for the informative one, and its logits are
χ_hℓ = K_h·x_ℓ. Given m and q this is their law as D → ∞.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError
from orderparams.expectations.curves import tabulate
from orderparams.models.interface import Example
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.correlation import positions
from orderparams.models.single_location.setup import Heads
from orderparams.models.single_location.task import Task

Array = NDArray[np.float64]

EXAMPLES, SHOWN, SEED = 3, 16, 2

LONGEST = 100_000
"""Tokens of a sequence that is drawn."""


class Drawn(NamedTuple):
    """The tokens (L, F+H) of a sequence, the signal θ (F,) and the token (from 0) that has it."""

    tokens: Array
    signal: Array
    informative: int


def draw(task: Task, heads: int, generator: np.random.Generator) -> Iterator[Drawn]:
    """Sequences without end. The informative token is among the first SHOWN, where any place is as
    good as another."""
    signal = task.signal
    while True:
        length = int(generator.choice(task.lengths, p=task.length_weights))
        component = generator.choice(len(signal.weights), p=signal.weights)
        theta = generator.multivariate_normal(
            signal.means[component], signal.covariances[component], method="eigh"
        )
        informative = int(generator.integers(min(length, SHOWN)))
        tokens = generator.standard_normal((length, signal.features + heads))
        tokens[informative] *= task.signal_noise
        tokens[informative, : signal.features] += theta
        yield Drawn(tokens, positions(theta, task.frame), informative)


def shares_of(activation: Activation, logits: Array) -> Array:
    """s_hℓ, p_hℓ, or φ(χ_hℓ) of element-wise activations, of logits with their biases (…, H, L)."""
    if activation.curve is not None:
        values = np.empty((3, logits.size))
        tabulate(activation.curve, np.ascontiguousarray(logits).reshape(-1), values)
        logits = values[0].reshape(logits.shape)
    if activation.elementwise:
        return logits
    axis = (-2, -1) if activation.joint else -1
    top = logits.max(axis=axis, keepdims=True)
    if activation.kappa > 0:
        top = np.maximum(top, 0.0)
    exponentials = np.exp(logits - top)
    totals = exponentials.sum(axis=axis, keepdims=True)
    if activation.kappa > 0:
        totals = totals + activation.kappa * np.exp(-top)
    shares: Array = exponentials / totals
    return shares


def attend_to(activation: Activation, heads: Heads, drawn: Drawn) -> Example:
    """What some heads attend to in a sequence."""
    shares = shares_of(activation, heads.weights @ drawn.tokens.T + heads.bias[:, None])
    if activation.elementwise:
        shares = heads.intercept[:, None] + heads.slope[:, None] * shares
    attention = (np.ones(heads.count) if activation.joint else heads.head_weights) @ shares
    return Example(
        drawn.signal,
        drawn.informative,
        max(0, len(attention) - SHOWN),
        shares[:, :SHOWN],
        attention[:SHOWN],
        shares[:, SHOWN:].sum(axis=1),
        float(attention[SHOWN:].sum()),
    )


def attend_to_examples(
    task: Task, activation: Activation, states: Sequence[Heads]
) -> list[list[Example]]:
    """What heads attend to in each of some states, in the same EXAMPLES of sequences.

    :class:`ConfigurationError` where these are too long to be drawn.
    """
    if (longest := int(task.lengths.max())) > LONGEST:
        raise ConfigurationError(
            f"task.length = {longest}: the attention to example sequences is shown for lengths up "
            f"to {LONGEST}"
        )
    sequences = draw(task, states[0].count, np.random.default_rng(SEED))
    examples = [next(sequences) for _ in range(EXAMPLES)]
    return [[attend_to(activation, heads, one) for one in examples] for heads in states]
