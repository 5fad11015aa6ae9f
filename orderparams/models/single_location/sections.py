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

AMPLITUDE = "standard deviation of a token's noise"
SQUARED = "variance of a token's noise"
"""Units of θ and of its square: the noise of a token has variance 1 in every direction."""

token_count = integer(2, MAX_LENGTH)


@dataclass(frozen=True)
class LengthLaw:
    """A law on the number L of tokens: ``{ values = [2, 4, 8], weights = [1, 1, 2] }``."""

    values: tuple[int, ...] = option(
        sequence(token_count, "list of lengths"),
        meaning="lengths that a sequence can have",
        unit="tokens",
        within="each once",
        example="values = [2, 4, 8]",
    )
    weights: Numbers | None = option(
        weights,
        None,
        meaning="how often each length comes",
        unit="their sum",
        within="one a length",
        left_out="all equal",
    )


@dataclass(frozen=True)
class ComponentConfig:
    """One Gaussian of a mixture; without variances or covariance, a point."""

    mean: Numbers = option(
        numbers,
        meaning="mean of the amplitudes θ",
        unit=AMPLITUDE,
        within="one a direction",
        example="mean = [1.5, 0.2]",
    )
    weight: float = option(
        number(low=0.0), 1.0, meaning="how often this Gaussian comes", unit="sum of the weights"
    )
    variances: Numbers | None = option(
        sequence(number(low=0.0), "list of variances"),
        None,
        meaning="variances of the amplitudes θ",
        unit=SQUARED,
        within="one a direction",
        left_out="0",
    )
    covariance: Matrix | None = option(
        matrix,
        None,
        meaning="covariance of the amplitudes θ, in place of variances",
        unit=SQUARED,
        within="F rows of F, symmetric, ⪰ 0",
        left_out="0",
    )


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

    kind: str = option(
        choice(*SIGNAL_KEYS),
        meaning="shape of the law of the signal; it decides which other keys are allowed",
        example='kind = "spikes"',
    )
    mean: Numbers | None = option(
        numbers,
        None,
        meaning="mean of the amplitudes θ, of a hypercube or a Gaussian",
        unit=AMPLITUDE,
        within="one a direction",
        left_out="0",
    )
    strengths: Numbers | None = option(
        sequence(number(low=0.0), "list of strengths ν ≥ 0"),
        None,
        meaning="strengths of the directions, of spikes and a hypercube; θ is ±√ν",
        unit=SQUARED,
        within="one a direction",
        left_out="required by spikes, flipped-spikes and hypercube",
    )
    variances: Numbers | None = option(
        sequence(number(low=0.0), "list of variances"),
        None,
        meaning="variances of the amplitudes θ of a Gaussian",
        unit=SQUARED,
        within="one a direction",
        left_out="required by gaussian, or covariance",
    )
    covariance: Matrix | None = option(
        matrix,
        None,
        meaning="covariance of the amplitudes θ of a Gaussian",
        unit=SQUARED,
        within="F rows of F, symmetric, ⪰ 0",
        left_out="required by gaussian, or variances",
    )
    components: tuple[ComponentConfig, ...] | None = option(
        sequence(Section(ComponentConfig), "list of components"),
        None,
        meaning="the Gaussians of a mixture",
        within=f"at most {MAX_COMPONENTS}",
        left_out="required by mixture",
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

    signal: SignalConfig = option(
        Section(SignalConfig),
        meaning="the law P_θ of the signal in F hidden directions",
        example=EXAMPLE,
        remedy="presets",
    )
    length: int | LengthLaw = option(
        Section(LengthLaw, otherwise=token_count),
        4,
        meaning="number of tokens of a sequence, or a law on it",
        unit="tokens",
        within="or { values = [2, 4, 8], weights = [1, 1, 2] }",
    )
    target: str = option(
        choice("token", "scalar"),
        "token",
        meaning="what is predicted: the token with the signal, or a projection of it",
    )
    noise: float = option(
        number(low=0.0),
        0.0,
        meaning=sections.NO_NOISE,
        unit="standard deviation of the scalar target without it",
        within="positive only for the scalar target",
    )


@dataclass(frozen=True)
class AttentionConfig:
    """The attention layer (theory 2). None means: the default of the activation."""

    heads: int = option(integer(1, MAX_HEADS), 4, meaning="number of attention heads", unit="heads")
    activation: str = option(
        choice("softmax", "softmax-1", "bayes-softmax"),
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
        words_or_numbers("mean", "sum", "learned"),
        None,
        meaning="weight u of each head in the prediction: 1/H, 1, learned, or given",
        unit="1",
        within="one number a head; it plays no role in bayes-softmax",
    )


ACTIVATION_DEFAULTS: dict[str, dict[str, Any]] = {
    "softmax": {"kappa": 0.0, "bias": "none", "head_weights": "mean"},
    "softmax-1": {"kappa": 1.0, "bias": "norm", "head_weights": "sum"},
    "bayes-softmax": {"kappa": 0.0, "bias": "norm", "head_weights": "sum"},
}


@dataclass(frozen=True)
class TrainingConfig(sections.TrainingConfig):
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


@dataclass(frozen=True)
class InitialConfig:
    """Where the heads start: drawn at random in a finite dimension, or given by their overlaps."""

    kind: str = option(choice("random", "explicit"), "random", meaning=sections.STARTS)
    variance: float = option(number(low=0.0), 0.01, meaning=sections.VARIANCE, unit="1")
    dimension: int = option(
        integer(1, 10**12),
        1000,
        meaning=sections.DRAWN,
        unit="components",
        within="at least F + H",
    )
    seed: int = option(seed, 0, meaning=sections.START_SEED)
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
        left_out="1/H for softmax, else 1",
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
    simulation: SimulationConfig = option(
        Section(SimulationConfig), SimulationConfig(), meaning=sections.SIMULATION
    )
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
