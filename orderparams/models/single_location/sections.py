"""The sections of single-location regression. Every key, its default and its allowed values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from orderparams.config import sections
from orderparams.config.sections import (
    UNKNOWN,
    Given,
    IntegratorConfig,
    OutputConfig,
    Section,
    SimulationConfig,
    option,
    seed,
)
from orderparams.config.values import (
    Matrix,
    Numbers,
    choice,
    integer,
    matrix,
    number,
    numbers,
    sequence,
    text,
    weights,
    words_or_numbers,
)

MAX_LENGTH = 1_000_000
MAX_HEADS = 256
MAX_COMPONENTS = 4096
token_count = integer(2, MAX_LENGTH)


@dataclass(frozen=True)
class LengthLaw:
    """A law on the number L of tokens: ``{ values = [2, 4, 8], weights = [1, 1, 2] }``."""

    values: tuple[int, ...] = option(
        sequence(token_count, "list of lengths"), example="values = [2, 4, 8]"
    )
    weights: Numbers | None = option(weights, None)


@dataclass(frozen=True)
class ComponentConfig:
    """One Gaussian of a mixture; without variances or covariance, a point."""

    mean: Numbers = option(numbers, example="mean = [1.5, 0.2]")
    weight: float = option(number(low=0.0), 1.0)
    variances: Numbers | None = option(sequence(number(low=0.0), "list of variances"), None)
    covariance: Matrix | None = option(matrix, None)


SIGNAL_KEYS = {
    "flipped-spikes": {"strengths"},
    "spikes": {"strengths"},
    "hypercube": {"strengths", "mean"},
    "gaussian": {"mean", "variances", "covariance"},
    "mixture": {"components"},
}


@dataclass(frozen=True)
class SignalConfig:
    """P_θ, the law of the signal (theory 1). F is the length of the lists."""

    kind: str = option(choice(*SIGNAL_KEYS), example='kind = "spikes"')
    mean: Numbers | None = option(numbers, None)
    strengths: Numbers | None = option(sequence(number(low=0.0), "list of strengths ν ≥ 0"), None)
    variances: Numbers | None = option(sequence(number(low=0.0), "list of variances"), None)
    covariance: Matrix | None = option(matrix, None)
    components: tuple[ComponentConfig, ...] | None = option(
        sequence(Section(ComponentConfig), "list of components"), None
    )

    @property
    def features(self) -> int:
        """Number F of signal directions; Unknown where no list says it."""
        if self.components:
            return len(self.components[0].mean)
        lists = (self.strengths, self.variances, self.covariance, self.mean)
        return next((len(given) for given in lists if given is not None), UNKNOWN)


EXAMPLE = 'a table [task.signal] with kind = "spikes" and strengths = [4, 1]'
"""The least that a configuration must have."""


@dataclass(frozen=True)
class TaskConfig:
    """Single-location regression (theory 1)."""

    signal: SignalConfig = option(Section(SignalConfig), example=EXAMPLE, remedy="presets")
    length: int | LengthLaw = option(Section(LengthLaw, otherwise=token_count), 4)
    target: str = option(choice("token", "scalar"), "token")
    noise: float = option(number(low=0.0), 0.0)


@dataclass(frozen=True)
class AttentionConfig:
    """The attention layer (theory 2). None means: the default of the activation."""

    heads: int = option(integer(1, MAX_HEADS), 4)
    activation: str = option(choice("softmax", "softmax-1", "bayes-softmax"), "softmax")
    kappa: float | None = option(number(low=0.0), None)
    bias: str | Numbers | None = option(words_or_numbers("none", "norm", "learned"), None)
    head_weights: str | Numbers | None = option(words_or_numbers("mean", "sum", "learned"), None)


ACTIVATION_DEFAULTS: dict[str, dict[str, Any]] = {
    "softmax": {"kappa": 0.0, "bias": "none", "head_weights": "mean"},
    "softmax-1": {"kappa": 1.0, "bias": "norm", "head_weights": "sum"},
    "bayes-softmax": {"kappa": 0.0, "bias": "norm", "head_weights": "sum"},
}


@dataclass(frozen=True)
class TrainingConfig(sections.TrainingConfig):
    """The learning rule, and the learning rates of what heads have beside their vectors."""

    bias_rate: float = option(number(low=0.0), 1.0)
    head_weight_rate: float = option(number(low=0.0), 1.0)


@dataclass(frozen=True)
class InitialConfig:
    """Where the heads start: drawn at random in a finite dimension, or given by their overlaps."""

    kind: str = option(choice("random", "explicit"), "random")
    variance: float = option(number(low=0.0), 0.01)
    dimension: int = option(integer(1, 10**12), 1000)
    seed: int = option(seed, 0)
    overlap: Matrix | None = option(matrix, None)
    self_overlap: Matrix | None = option(matrix, None)
    bias: Numbers | None = option(numbers, None)
    head_weights: Numbers | None = option(numbers, None)


@dataclass(frozen=True)
class ExpectationConfig:
    """How Gaussian expectations are taken (theory 5)."""

    engine: str = option(choice("auto", "quadrature", "sampling"), "auto")
    tolerance: float = option(number(low=1e-13, high=1e-2), 1e-8)
    samples: int = option(integer(64, 2**26), 16384)
    seed: int = option(seed, 0)


@dataclass(frozen=True)
class Problem(sections.Problem):
    """A complete, validated configuration of single-location regression."""

    model: ClassVar[str] = "single-location"

    task: TaskConfig = option(Section(TaskConfig), example=EXAMPLE, remedy="presets")
    title: str = option(text, "")
    attention: AttentionConfig = option(Section(AttentionConfig), AttentionConfig())
    training: TrainingConfig = option(Section(TrainingConfig), TrainingConfig())
    initial: InitialConfig = option(Section(InitialConfig), InitialConfig())
    expectation: ExpectationConfig = option(Section(ExpectationConfig), ExpectationConfig())
    integrator: IntegratorConfig = option(Section(IntegratorConfig), IntegratorConfig())
    output: OutputConfig = option(Section(OutputConfig), OutputConfig())
    simulation: SimulationConfig = option(Section(SimulationConfig), SimulationConfig())
    given: Given = field(default=Given(), compare=False, repr=False)


DECIDING = ("attention.activation",)
"""The keys on which defaults of others depend."""


def dependent_defaults(table: Mapping[str, Any]) -> dict[str, Any]:
    """By dotted key the defaults that a configuration table decides."""
    attention = table.get("attention", {})
    activation = attention.get("activation") if isinstance(attention, Mapping) else None
    known = ACTIVATION_DEFAULTS.get(activation if isinstance(activation, str) else "softmax", {})
    return {f"attention.{key}": value for key, value in known.items()}


def filled(problem: Problem) -> Problem:
    """Kappa, bias and head weights where they were left out (theory 2)."""
    attention = problem.attention
    defaults = ACTIVATION_DEFAULTS[attention.activation]
    left_out = {key: value for key, value in defaults.items() if getattr(attention, key) is None}
    return dataclasses.replace(problem, attention=dataclasses.replace(attention, **left_out))
