"""The sections of single-location regression beside the task. Keys, defaults, allowed values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from orderparams.config import sections
from orderparams.config.sections import (
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
    learned_or_numbers,
    matrix,
    number,
    numbers,
    sequence,
    text,
    words_or_numbers,
)
from orderparams.models.single_location.activations.table import TABLE
from orderparams.models.single_location.shared.sections import SharedConfig
from orderparams.models.single_location.task_sections import EXAMPLE, TaskConfig
from orderparams.models.vectors import sections as vectors

MAX_HEADS = 256

Filled = TypeVar("Filled", bound="AttentionConfig | TrainingConfig")


@dataclass(frozen=True)
class AttentionConfig:
    """The attention layer (theory 2). None means: the default of the activation."""

    heads: int = option(integer(1, MAX_HEADS), 4, meaning="number of attention heads", unit="heads")
    activation: str = option(
        choice(*TABLE),
        "softmax",
        meaning="how the logits of the heads become attention weights",
    )
    kappa: float | None = option(
        number(low=0.0),
        None,
        meaning="constant in the normaliser, by which a head may attend to nothing",
        unit="exp(logit) of one token",
        within="positive for softmax-1, 0 for softmax",
    )
    bias: str | Numbers | None = option(
        words_or_numbers("none", "norm", "learned"),
        None,
        meaning="bias β of each head: 0, -q/2 (norm), learned or given; it cancels in softmax",
        unit="logits",
        within="one number a head",
    )
    head_weights: str | Numbers | None = option(
        words_or_numbers("mean", "sum", "learned", "importance"),
        None,
        meaning="weight u of each head in the prediction: 1/H, 1, learned, by importance, or given",
        unit="1",
        within="one number a head; it plays no role in bayes-softmax",
    )
    importance_total: float | None = option(
        number(low=0.0, above=True),
        None,
        meaning="sum of head weights that are importances, shares p of it that are learned",
        unit="1",
        left_out="1 for head_weights = importance",
    )
    slope: str | float | Numbers | None = option(
        learned_or_numbers,
        None,
        meaning="slope s of each head in linear attention c + s χ, learned or given",
        unit="1",
        within="one number for all heads or one a head; only of linear",
    )
    intercept: str | float | Numbers | None = option(
        learned_or_numbers,
        None,
        meaning="intercept c of each head, which all tokens get, learned or given",
        unit="1",
        within="one number for all heads or one a head; only of linear and erf",
    )
    value: str = option(
        choice("known", "learned", "tied"),
        "known",
        meaning="values of heads: v* (known), vectors of their own (learned), or keys (tied)",
        within="learned and tied with target = scalar",
        later=True,
    )
    keys: str = option(
        choice("free", "shared"),
        "free",
        meaning="keys of heads: their own vectors (free), or mixtures of a few base keys (shared)",
        later=True,
    )
    shared: SharedConfig | None = option(
        Section(SharedConfig),
        None,
        meaning="the base keys of keys = shared, and how heads mix them",
        left_out="two bases in a random mixture, for keys = shared",
    )

    @property
    def sharing(self) -> SharedConfig | None:
        """What heads share, None where keys are free."""
        return (self.shared or SharedConfig()) if self.keys == "shared" else None


@dataclass(frozen=True)
class TrainingConfig(vectors.TrainingConfig):
    """The learning rule, and the learning rates of what heads have beside their vectors."""

    bias_rate: float = option(
        number(low=0.0),
        1.0,
        meaning="learning rate of biases that are learned",
        unit="learning_rate",
    )
    head_weight_rate: float = option(
        number(low=0.0),
        1.0,
        meaning="learning rate of head weights that are learned",
        unit="learning_rate",
    )
    importance_rate: float = option(
        number(low=0.0),
        1.0,
        meaning="learning rate of the scores of importances, p = softmax(scores)",
        unit="learning_rate",
        later=True,
    )
    importance_penalty: float = option(
        number(),
        0.0,
        meaning="penalty of their entropy: above 0 importances part, below 0 they become equal",
        unit="risk",
        later=True,
    )

    slope_rate: float | None = option(
        number(low=0.0),
        None,
        meaning="learning rate of slopes that are learned",
        unit="learning_rate",
    )
    intercept_rate: float | None = option(
        number(low=0.0),
        None,
        meaning="learning rate of intercepts that are learned",
        unit="learning_rate",
    )
    value_rate: float = option(
        number(low=0.0),
        1.0,
        meaning="learning rate ρ of values that are learned",
        unit="learning_rate",
        later=True,
    )
    mixing_rate: float = option(
        number(low=0.0),
        1.0,
        meaning="learning rate of a mixing of shared keys that is learned",
        unit="learning_rate",
        later=True,
    )

    @property
    def penalties(self) -> tuple[str, ...]:
        """What is lowered beside the risk, in words."""
        return super().penalties + ("importances",) * (self.importance_penalty != 0)

    def unpenalised(self) -> TrainingConfig:
        """The same of the risk alone."""
        return dataclasses.replace(self, weight_decay=0.0, repulsion=None, importance_penalty=0.0)


@dataclass(frozen=True)
class InitialConfig(vectors.InitialConfig):
    """Where the heads start: drawn at random in a finite dimension, or given by their overlaps."""

    dimension: int = vectors.drawn_in("at least F + H")
    overlap: Matrix | None = option(
        matrix,
        None,
        meaning="overlaps m of the heads with the hidden directions",
        unit="k_h·k*_f / D, of order 1",
        within="H rows of F",
        left_out="required by kind = explicit",
    )
    self_overlap: Matrix | None = option(
        matrix,
        None,
        meaning="overlaps q of the heads with each other",
        unit="k_h·k_h' / D, of order 1",
        within="H rows of H, symmetric, q - m mᵀ ⪰ 0",
        left_out="m mᵀ for kind = explicit",
    )
    bias: Numbers | None = option(
        numbers,
        None,
        meaning="where learned biases β start",
        unit="logits",
        within="one number a head",
        left_out="0",
    )
    head_weights: Numbers | None = option(
        numbers,
        None,
        meaning="where learned head weights u start",
        unit="1",
        within="one number a head",
        left_out="1/H, or 1 for softmax-1",
    )
    slope: Numbers | None = option(
        numbers,
        None,
        meaning="where learned slopes s start",
        unit="1",
        within="one number a head",
        left_out="1",
    )
    intercept: Numbers | None = option(
        numbers,
        None,
        meaning="where learned intercepts c start",
        unit="1",
        within="one number a head",
        left_out="0",
    )
    importance: Numbers | None = option(
        sequence(number(low=0.0, above=True), "list of numbers"),
        None,
        meaning="where importances start, up to a factor",
        unit="1",
        within="one number a head",
        left_out="1/H",
    )
    values: str = option(
        choice("random", "zero"),
        "random",
        meaning="learned values of a random start: drawn like the keys, or zero",
        later=True,
    )
    key_target_overlap: Numbers | None = option(
        numbers,
        None,
        meaning="overlaps of keys with v*, where values are not known",
        unit="k_h·v* / D, of order 1",
        within="one number a head",
        left_out="0",
    )
    value_alignment: Numbers | None = option(
        numbers,
        None,
        meaning="overlaps of learned values with v*",
        unit="v_h·v* / D, of order 1",
        within="one number a head",
        left_out="0",
    )
    value_self_overlap: Matrix | None = option(
        matrix,
        None,
        meaning="overlaps of learned values with each other",
        unit="v_h·v_h' / D, of order 1",
        within="H rows of H, symmetric",
        left_out="what the overlaps with hidden directions make",
    )
    value_overlap: Matrix | None = option(
        matrix,
        None,
        meaning="overlaps of learned values with the hidden directions of keys",
        unit="v_h·k*_f / D, of order 1",
        within="H rows of F",
        left_out="0",
    )
    key_value_overlap: Matrix | None = option(
        matrix,
        None,
        meaning="overlaps of keys with learned values",
        unit="k_h·v_h' / D, of order 1",
        within="H rows of H",
        left_out="what the overlaps with hidden directions make",
    )
    base_overlap: Matrix | None = option(
        matrix,
        None,
        meaning="overlaps of base keys with the hidden directions, where keys are shared",
        unit="κ_j·k*_f / D, of order 1",
        within="J rows of F",
        left_out="required by kind = explicit of shared keys",
    )
    base_self_overlap: Matrix | None = option(
        matrix,
        None,
        meaning="overlaps of base keys with each other",
        unit="κ_j·κ_j' / D, of order 1",
        within="J rows of J, symmetric",
        left_out="what the overlaps with hidden directions make",
    )


@dataclass(frozen=True)
class ExpectationConfig:
    """How Gaussian expectations are taken (theory 5)."""

    engine: str = option(
        choice("auto", "quadrature", "sampling"),
        "auto",
        meaning="method; auto is quadrature, and sampling for a V that has no quadrature",
    )
    tolerance: float = option(
        number(low=1e-13, high=1e-2),
        1e-8,
        meaning="absolute error that quadrature may make",
        unit="risk and its gradient",
    )
    samples: int = option(
        integer(64, 2**26), 16384, meaning="nodes that sampling takes", unit="nodes"
    )
    seed: int = option(seed, 0, meaning="seed of the nodes of sampling")


@dataclass(frozen=True)
class Problem(sections.Problem):
    """A complete, validated configuration of single-location regression."""

    model: ClassVar[str] = "single-location"

    task: TaskConfig = option(
        Section(TaskConfig),
        meaning="single-location regression: what is to be learned",
        example=EXAMPLE,
        remedy="presets",
    )
    title: str = option(text, "", meaning=sections.TITLE)
    attention: AttentionConfig = option(
        Section(AttentionConfig), AttentionConfig(), meaning="the attention layer that learns"
    )
    training: TrainingConfig = option(
        Section(TrainingConfig), TrainingConfig(), meaning=sections.TRAINING
    )
    initial: InitialConfig = option(
        Section(InitialConfig), InitialConfig(), meaning=sections.INITIAL
    )
    expectation: ExpectationConfig = option(
        Section(ExpectationConfig),
        ExpectationConfig(),
        meaning="how Gaussian expectations are taken",
    )
    integrator: IntegratorConfig = option(
        Section(IntegratorConfig), IntegratorConfig(), meaning=sections.INTEGRATOR
    )
    output: OutputConfig = option(Section(OutputConfig), OutputConfig(), meaning=sections.OUTPUT)
    fluctuations: vectors.FluctuationsConfig | None = option(
        Section(vectors.FluctuationsConfig), None, meaning=vectors.FLUCTUATIONS, left_out="none"
    )
    simulation: SimulationConfig = option(
        Section(SimulationConfig), SimulationConfig(), meaning=sections.SIMULATION
    )
    given: Given = field(default=Given(), compare=False, repr=False)

    @property
    def repelling(self) -> int:
        """How many of the vectors repel each other, the first ones: of keys and values the keys;
        0 for all."""
        return self.attention.heads if self.attention.value == "learned" else 0


DECIDING = ("attention.activation",)
"""The keys on which defaults of others depend."""


def dependent_defaults(table: Mapping[str, Any]) -> dict[str, Any]:
    """By dotted key the defaults that a configuration table decides."""
    attention = table.get("attention", {})
    activation = attention.get("activation") if isinstance(attention, Mapping) else None
    known = TABLE.get(activation if isinstance(activation, str) else "softmax")
    if known is None:
        return {}
    found = {f"attention.{key}": value for key, value in known.defaults.items()}
    return found | {f"training.{key}": value for key, value in known.rates.items()}


def filled(problem: Problem) -> Problem:
    """What the activation decides of attention and training, where it was left out (theory 2)."""
    facts = TABLE[problem.attention.activation]
    return dataclasses.replace(
        problem,
        attention=completed(problem.attention, facts.defaults),
        training=completed(problem.training, facts.rates),
    )


def completed(section: Filled, defaults: Mapping[str, Any]) -> Filled:
    """A section with defaults where it has nothing."""
    left_out = {key: value for key, value in defaults.items() if getattr(section, key) is None}
    return dataclasses.replace(section, **left_out) if left_out else section
