"""What heads can turn to, and what else they could be."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.models.single_location.bayes.known import known_bayes_risk
from orderparams.models.single_location.correlation import measured, oriented, positions
from orderparams.models.single_location.parameters import HEAD, HEAD_WEIGHT
from orderparams.models.single_location.sections import (
    AttentionConfig,
    InitialConfig,
    Problem,
)
from orderparams.models.single_location.setup import (
    LINE,
    Heads,
    build_signal,
    build_task,
    initial_heads,
    key_of,
)
from orderparams.models.single_location.task import Signal
from orderparams.models.vectors.geometry import Direction, Floor, Smaller, Vectors, eigenspaces

Array = NDArray[np.float64]

PLAIN = 6
"""Random starts on the support of P_θ; all others are diverse."""

NOISE = 0.1
"""Standard deviation of what is added to each weight of a start."""


def hidden_directions(signal: Signal, frame: Array | None = None) -> tuple[Direction, ...]:
    """The F hidden directions one by one; rows of ``frame`` (F, F), where they are not orthogonal,
    and θ is the signal along them."""
    variances = np.diag(signal.covariance)
    unit = np.eye(signal.features) if frame is None else frame.T
    return tuple(Direction(str(f + 1), unit[:, [f]], variances[f]) for f in range(len(unit)))


def principal_directions(signal: Signal, frame: Array | None = None) -> tuple[Direction, ...]:
    """The eigenspaces of Cov θ, or of that of Bθ with a ``frame`` B, strongest first."""
    axes = np.eye(signal.features) if frame is None else frame
    return eigenspaces(oriented(signal, frame).covariance, axes)


def signal_directions(signal: Signal, frame: Array | None = None) -> tuple[Direction, ...]:
    """What heads can specialize on: the hidden directions where P_θ lives on points on these axes,
    the eigenspaces of Cov θ elsewhere."""
    on_axes = (np.count_nonzero(signal.means, axis=1) <= 1).all() and not signal.covariances.any()
    of = hidden_directions if on_axes else principal_directions
    return of(signal, frame)


class HeadGeometry:
    """Heads against the hidden directions of a signal, with the Bayes risk below all
    (:class:`~orderparams.models.vectors.geometry.Geometry`)."""

    word, numbers = HEAD.word, "bias or weights"
    support_words = "support of the signal"

    def __init__(self, problem: Problem) -> None:
        signal, self.frame = build_signal(problem.task.signal), build_task(problem.task).frame
        self.problem, self.signal = problem, oriented(signal, self.frame)
        self.support = self.signal
        self.directions = principal_directions(signal, self.frame)
        self.targets = signal_directions(signal, self.frame)

    @property
    def weights(self) -> str | None:
        """Head weights; a joint normaliser has none."""
        joint = self.problem.attention.activation == "bayes-softmax"
        return None if joint else HEAD_WEIGHT.name

    @property
    def floor(self) -> Floor:
        """The Bayes risk (theory 5c); the label noise alone where the norm of a token reveals ε."""
        task = self.problem.task
        if task.signal_noise != 1.0:
            noise = build_task(task).label_noise
            return Floor("least_risk", "the label noise" if noise else "zero", noise)
        return Floor("bayes_risk", "the Bayes risk", known_bayes_risk(self.problem.task).value)

    def positions(self, parameters: Mapping[str, Array]) -> Array:
        """The overlaps with orthogonal directions."""
        return positions(parameters["overlap"], self.frame)

    def measured(self, positions: Array) -> Array:
        """The overlaps with the hidden directions."""
        return measured(positions, self.frame)

    def starts(self) -> Iterator[Heads]:
        """Heads without end: at E[θ], then drawn from P_θ, then diverse, each with noise.

        Diverse heads are shortened by random factors; learned biases and head weights, which else
        are as at the problem's start, are off it by standard normals.
        """
        attention, start = self.problem.attention, initial_heads(self.problem)
        generator = np.random.default_rng(self.problem.expectation.seed)
        count = attention.heads
        for number in itertools.count():
            mean = np.tile(self.signal.mean, (count, 1))
            overlap = spread_draw(self.signal, count, generator) if number else mean
            bias, head_weights, more = start.bias, start.head_weights, start.more
            if number >= PLAIN:
                overlap = overlap * generator.uniform(0, 1, (count, 1))
                if attention.bias == "learned":
                    bias = bias + generator.standard_normal(count)
                if attention.head_weights == "learned":
                    head_weights = head_weights + generator.standard_normal(count)
                more = {
                    name: values + generator.standard_normal(count) * learns(attention, name)
                    for name, values in more.items()
                }
            overlap = overlap + NOISE * generator.standard_normal(overlap.shape)
            residual = NOISE * generator.standard_normal((count, count))
            yield Heads(overlap, residual, bias, head_weights, more)

    def smaller(self) -> Smaller | None:
        """None: nothing of a head is known beforehand."""
        return None

    def without(self, vectors: Vectors, removed: tuple[int, ...]) -> Problem:
        """The layer without some heads.

        Mean head weights become the mean over the rest, a joint normaliser counts the rest only;
        of importances, of which the rest is the new sum, no weight changes;
        given or learned biases, head weights, slopes and intercepts stay as they are.
        """
        attention = self.problem.attention
        kept = np.delete(np.arange(attention.heads), removed)
        bias = tuple(vectors.numbers["bias"][kept])
        head_weights = tuple(vectors.numbers["head_weight"][kept])
        line: dict[str, Any] = {
            key: tuple(vectors.numbers[name][kept])
            for key, name in LINE.items()
            if name in vectors.numbers
        }
        initial = InitialConfig(
            bias=bias if attention.bias == "learned" else None,
            head_weights=head_weights if attention.head_weights == "learned" else None,
            importance=head_weights if attention.head_weights == "importance" else None,
            **{name: values for name, values in line.items() if learns(attention, name)},
        )
        own = attention.head_weights == "importance"
        given = isinstance(attention.bias, tuple), isinstance(attention.head_weights, tuple)
        attention = dataclasses.replace(
            attention,
            heads=len(kept),
            importance_total=sum(head_weights) if own else attention.importance_total,
            bias=bias if given[0] else attention.bias,
            head_weights=head_weights if given[1] else attention.head_weights,
            **{
                name: values
                for name, values in line.items()
                if isinstance(getattr(attention, name), tuple)
            },
        )
        return dataclasses.replace(self.problem, attention=attention, initial=initial)


def learns(attention: AttentionConfig, name: str) -> bool:
    """Whether slopes, intercepts or importances are learned."""
    if name == "importance":
        return attention.head_weights == "importance"
    return bool(getattr(attention, key_of(name)) == "learned")


def spread_draw(signal: Signal, count: int, generator: np.random.Generator) -> Array:
    """``count`` points (count, F) of P_θ, from different components as long as there are any."""
    components = len(signal.weights)
    rounds = -(-count // components)
    chosen = np.concatenate([generator.permutation(components) for _ in range(rounds)])[:count]
    points = [
        generator.multivariate_normal(signal.means[c], signal.covariances[c], method="eigh")
        for c in chosen
    ]
    return np.array(points)
