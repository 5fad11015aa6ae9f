"""What a configuration says, built once: task, activation, and where the heads start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.models.single_location import task as tasks
from orderparams.models.single_location.activations.table import TABLE
from orderparams.models.single_location.attention import Activation
from orderparams.models.single_location.correlation import frame_of, oriented, positions
from orderparams.models.single_location.importance import scores, total_importance
from orderparams.models.single_location.sections import (
    AttentionConfig,
    InitialConfig,
    Problem,
)
from orderparams.models.single_location.task_sections import (
    ComponentConfig,
    LengthLaw,
    SignalConfig,
    TaskConfig,
)
from orderparams.models.vectors.geometry import Vectors, draw_vectors, residual_factor

Array = NDArray[np.float64]

LINE = {"slope": "logit_slope", "intercept": "intercept"}
"""Keys of what element-wise activations have beside bias and head weights, and their numbers."""

MORE = (*LINE.values(), "importance")
"""All numbers beside bias and head weights."""


def key_of(name: str) -> str:
    """The key of a slope or an intercept; other numbers are their own."""
    return next((key for key, of in LINE.items() if of == name), name)


class Heads(Vectors):
    """H heads: overlap m (H, F), residual W (H, H) with q = m mᵀ + W Wᵀ, bias β (H,) and head
    weights u (H,) (theory 3, 4). Under the norm bias β follows from q and ``bias`` is what it is at
    this state. ``more`` are slope s and intercept c of element-wise activations, and scores π (H,)
    under "importance" where u follows from them."""

    def __init__(
        self,
        overlap: Array,
        residual: Array,
        bias: Array,
        head_weights: Array,
        more: Mapping[str, Array] | None = None,
    ) -> None:
        numbers = {"bias": bias, "head_weight": head_weights, **(more or {})}
        super().__init__(overlap, residual, numbers)

    @property
    def bias(self) -> Array:
        """β (H,)."""
        return self.numbers["bias"]

    @property
    def head_weights(self) -> Array:
        """u (H,)."""
        return self.numbers["head_weight"]

    @property
    def more(self) -> dict[str, Array]:
        """What there is beside bias and head weights."""
        return {name: of for name, of in self.numbers.items() if name in MORE}

    @property
    def slope(self) -> Array:
        """s (H,), 1 where it is no setting."""
        return self.numbers.get("logit_slope", np.ones(self.count))

    @property
    def intercept(self) -> Array:
        """c (H,)."""
        return self.numbers.get("intercept", np.zeros(self.count))


def build_signal(config: SignalConfig) -> tasks.Signal:
    """P_θ of a configuration."""
    if config.kind == "mixture":
        return mixture(config.components or ())
    features = config.features
    mean = config.mean or (0.0,) * features
    if config.kind == "gaussian":
        return tasks.gaussian(mean, covariance(config, features))
    strengths = config.strengths or ()
    if config.kind == "hypercube":
        return tasks.hypercube(mean, strengths)
    return tasks.spikes(strengths) if config.kind == "spikes" else tasks.flipped_spikes(strengths)


def covariance(config: SignalConfig | ComponentConfig, features: int) -> Array:
    """Covariance (F, F) from variances or a full matrix; zero where neither is given."""
    if config.covariance is not None:
        return np.array(config.covariance)
    return np.diag(config.variances or (0.0,) * features)


def mixture(components: tuple[ComponentConfig, ...]) -> tasks.Signal:
    """A mixture from its components; those of weight zero are dropped."""
    kept = [component for component in components if component.weight > 0]
    weights = np.array([component.weight for component in kept])
    return tasks.Signal(
        weights / weights.sum(),
        np.array([component.mean for component in kept]),
        np.array([covariance(component, len(component.mean)) for component in kept]),
    )


def build_task(config: TaskConfig) -> tasks.Task:
    """The task of a configuration."""
    law = config.length if isinstance(config.length, LengthLaw) else LengthLaw((config.length,))
    weights = np.array(law.weights or (1.0,) * len(law.values))
    kept, frame = weights > 0, frame_of(config.feature_correlation)
    return tasks.Task(
        np.array(law.values)[kept],
        weights[kept] / weights.sum(),
        oriented(build_signal(config.signal), frame),
        config.target,
        config.noise,
        config.signal_noise,
        frame,
    )


def build_activation(config: AttentionConfig) -> Activation:
    """The activation of a configuration."""
    facts = TABLE[config.activation]
    return Activation(
        config.activation,
        facts.joint,
        float(config.kappa or 0.0),
        facts.curve(),
        facts.elementwise,
    )


def initial_head_weights(config: AttentionConfig, initial: InitialConfig) -> Array:
    """u (H,) at the start; learned head weights start at the activation's default."""
    choice = config.head_weights
    if choice == "learned":
        choice = initial.head_weights or TABLE[config.activation].head_weights
    if isinstance(choice, tuple):
        return np.array(choice)
    return np.full(config.heads, 1 / config.heads if choice == "mean" else 1.0)


def initial_bias(config: AttentionConfig, initial: InitialConfig, self_overlap: Array) -> Array:
    """β (H,) at the start; learned biases start at zero unless ``initial.bias`` is given."""
    if config.bias == "norm":
        return -0.5 * np.diag(self_overlap)
    choice = initial.bias if config.bias == "learned" else config.bias
    return np.array(choice) if isinstance(choice, tuple) else np.zeros(config.heads)


def initial_line(config: AttentionConfig, initial: InitialConfig) -> dict[str, Array]:
    """Slope s and intercept c (H,) at the start, as far as the activation has them; learned ones
    start at its defaults unless ``initial`` has them."""
    defaults = TABLE[config.activation].defaults
    found = {}
    for key, name in LINE.items():
        if key in defaults:
            choice = getattr(config, key)
            if choice == "learned":
                given = getattr(initial, key)
                choice = defaults[key] if given is None else given
            found[name] = np.array(choice) + np.zeros(config.heads)
    return found


def initial_heads(problem: Problem) -> Heads:
    """Where the flow starts."""
    initial, attention = problem.initial, problem.attention
    if initial.kind == "random":
        features = problem.task.signal.features
        overlap, residual = draw_vectors(
            initial.seed, initial.variance, initial.dimension, attention.heads, features
        )
    else:
        overlap = positions(np.array(initial.overlap), frame_of(problem.task.feature_correlation))
        residual = np.zeros((attention.heads, attention.heads))
        if initial.self_overlap is not None:
            residual = residual_factor(np.array(initial.self_overlap) - overlap @ overlap.T)
    numbers = initial_numbers(attention, initial, overlap @ overlap.T + residual @ residual.T)
    return Heads(overlap, residual, numbers.pop("bias"), numbers.pop("head_weight"), numbers)


def initial_numbers(
    attention: AttentionConfig, initial: InitialConfig, self_overlap: Array
) -> dict[str, Array]:
    """What heads with such self-overlaps (H, H) have beside their keys at the start, by name."""
    found = {"bias": initial_bias(attention, initial, self_overlap)}
    line = initial_line(attention, initial)
    if attention.head_weights == "importance":
        start = np.array(initial.importance or (1.0,) * attention.heads)
        p, total = start / start.sum(), total_importance(attention)
        return {**found, "head_weight": total * p, **line, "importance": scores(p)}
    return {**found, "head_weight": initial_head_weights(attention, initial), **line}


@dataclass(frozen=True, eq=False)
class Setup:
    """The numerical objects of a problem, which are handed to all that work with it."""

    task: tasks.Task
    activation: Activation
    start: Heads


def build(problem: Problem) -> Setup:
    """The objects that a problem describes."""
    return Setup(
        build_task(problem.task), build_activation(problem.attention), initial_heads(problem)
    )
