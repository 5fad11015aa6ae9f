"""The sections of in-context regression. Every key, its default and its allowed values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from orderparams.config import sections
from orderparams.config.sections import (
    Given,
    IntegratorConfig,
    OutputConfig,
    Section,
    option,
    seed,
)
from orderparams.config.values import (
    ListOf,
    Matrix,
    Numbers,
    Rows,
    boolean,
    choice,
    integer,
    matrix,
    number,
    number_or_numbers,
    sequence,
    text,
)

MAX_LENGTH = 10**6
MAX_HEADS = 64
MAX_BLOCKS = 16
MOST_BLOCKS = 3
MOST_RADII = 64
"""What quadrature takes."""

STEPS_TIME = "learning_rate × steps"

EXAMPLE = "a table [task] with length = 40 and blocks = [5]"
"""The least that a configuration must have."""

strengths = Rows(
    ListOf(number(low=0.0), "list of numbers"), "list of rows, such as [[1.0, 0.0], [0.0, 1.0]]"
)


@dataclass(frozen=True)
class TaskConfig:
    """Prompts of N examples of J linear functions on B blocks of coordinates."""

    length: int = option(
        integer(2, MAX_LENGTH),
        meaning="examples in a prompt",
        unit="examples",
        example="length = 40",
    )
    blocks: tuple[int, ...] = option(
        sequence(integer(1, 10**6), "list of whole numbers"),
        meaning="coordinates of each block; a task has one variance a block",
        unit="coordinates",
        within=f"at most {MAX_BLOCKS} blocks",
        example="blocks = [5]",
    )
    strengths: Matrix | None = option(
        strengths,
        None,
        meaning="variance of a task's noiseless labels from each block",
        unit="labels squared",
        within="J rows of B, none of zeros",
        left_out="identity, a task of strength 1 on each block",
    )
    noise: float | Numbers = option(
        number_or_numbers(low=0.0),
        0.0,
        meaning=sections.NO_NOISE,
        unit="labels",
        within="one for all tasks, or one a task",
    )

    query_in_softmax: bool = option(
        boolean,
        False,
        meaning="whether the query itself is in the softmax, with label 0",
    )
    test_lengths: tuple[int, ...] | None = option(
        sequence(integer(2, MAX_LENGTH), "list of whole numbers"),
        None,
        meaning="other lengths of prompts at which the trained heads are tested",
        unit="examples",
        left_out="none",
    )

    @property
    def rows(self) -> Matrix:
        """The strengths (J, B)."""
        if self.strengths is not None:
            return self.strengths
        count = len(self.blocks)
        return tuple(tuple(float(j == b) for b in range(count)) for j in range(count))

    @property
    def noises(self) -> Numbers:
        """The noise of each task (J,)."""
        return self.noise if isinstance(self.noise, tuple) else (self.noise,) * len(self.rows)


@dataclass(frozen=True)
class AttentionConfig:
    """The heads: ŷ_j = Σ_h μ_hj Σ_i s_hi y_ij."""

    heads: int = option(integer(1, MAX_HEADS), 4, meaning="number of attention heads", unit="heads")
    activation: str = option(
        choice("softmax", "linear"),
        "softmax",
        meaning="weights s_hi of the examples: softmax of the scores, or the scores over N",
    )


@dataclass(frozen=True)
class TrainingConfig(sections.TrainingConfig):
    """The learning rule. Time is t = learning_rate · steps: nothing scales with a dimension."""

    rule: str = option(
        choice("gradient-flow", "sgd"),
        "gradient-flow",
        meaning="solve follows gradient flow with either, the limit of small learning rates",
    )
    metric: str = option(
        choice("matrix", "scalar", "factored"),
        "matrix",
        meaning="gradient flow of whole matrices, of the order parameters, or of balanced factors",
    )
    learning_rate: float = option(
        number(low=0.0, above=True), 0.02, meaning="learning rate of SGD", unit="1"
    )
    batch_size: int = option(
        integer(1, 2**31), 64, meaning="fresh prompts that a step of SGD takes", unit="prompts"
    )
    weight_decay: float = option(
        number(low=0.0),
        0.0,
        meaning="weight decay; beside the gradient weights fall as exp(-weight_decay t)",
        unit="1 / time",
    )
    duration: float = option(
        number(low=0.0, above=True), 1e4, meaning=sections.LAST_TIME, unit=STEPS_TIME
    )


@dataclass(frozen=True)
class InitialConfig:
    """Where the heads start: drawn at random, one task a head, or given."""

    kind: str = option(
        choice("random", "allocated", "explicit"),
        "random",
        meaning="how heads start: drawn, each with a task of its own, or given",
    )
    scale: float = option(
        number(low=0.0),
        0.01,
        meaning="standard deviation of a random start, or key-query strength of an allocated one",
        unit="1",
    )
    output_scale: float | None = option(
        number(low=0.0),
        None,
        meaning="the same of the outputs",
        unit="1",
        left_out="scale",
    )
    seed: int = option(seed, 0, meaning=sections.START_SEED)
    key_query: Matrix | None = option(
        matrix,
        None,
        meaning="key-query strengths of the heads on the blocks",
        unit="1",
        within="H rows of B",
        left_out="required by kind = explicit",
    )
    output: Matrix | None = option(
        matrix,
        None,
        meaning="outputs of the heads for the tasks",
        unit="1",
        within="H rows of J",
        left_out="required by kind = explicit",
    )


@dataclass(frozen=True)
class ExpectationConfig:
    """How expectations over prompts are taken."""

    engine: str = option(
        choice("auto", "tables", "quadrature", "sampling"),
        "auto",
        meaning="method; auto is tables, and quadrature beyond them and for a query in the softmax",
    )
    tolerance: float = option(
        number(low=1e-12, high=1e-2),
        1e-8,
        meaning="absolute error that quadrature may make",
        unit="risk and its gradient",
    )
    radii: int | None = option(
        integer(2, MOST_RADII),
        None,
        meaning="nodes of the radius of the query in each block",
        unit="nodes",
        left_out="16, 8, 5 for 1, 2, 3 blocks; quadrature takes more where it must",
    )
    samples: int = option(
        integer(64, 2**26), 16384, meaning="prompts that sampling takes", unit="prompts"
    )
    seed: int = option(seed, 0, meaning="seed of the prompts of sampling")


@dataclass(frozen=True)
class SimulationConfig:
    """One-pass SGD, many replicas."""

    backend: str = option(
        choice("reduced", "restricted", "full"),
        "reduced",
        meaning="SGD on ω and μ by prompts in the reduced law or in d dimensions, or on matrices",
    )
    replicas: int = option(integer(1, 1_000_000), 8, meaning="independent runs of SGD", unit="runs")
    seed: int = option(seed, 0, meaning="seed of the replicas, of their prompts")
    duration: float | None = option(
        number(low=0.0, above=True),
        None,
        meaning="the time at which SGD ends, if that of the flow is not earlier",
        unit=STEPS_TIME,
        left_out="training.duration",
        later=True,
    )


@dataclass(frozen=True)
class Problem(sections.Problem):
    """A complete, validated configuration of in-context regression."""

    model: ClassVar[str] = "in-context-regression"

    task: TaskConfig = option(
        Section(TaskConfig),
        meaning="what a prompt shows, and what is to be predicted from it",
        example=EXAMPLE,
        remedy="in-context-pairs",
    )
    title: str = option(text, "", meaning=sections.TITLE)
    attention: AttentionConfig = option(
        Section(AttentionConfig), AttentionConfig(), meaning="the heads, which learn"
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
        meaning="how expectations over prompts are taken",
    )
    integrator: IntegratorConfig = option(
        Section(IntegratorConfig), IntegratorConfig(), meaning=sections.INTEGRATOR
    )
    output: OutputConfig = option(Section(OutputConfig), OutputConfig(), meaning=sections.OUTPUT)
    simulation: SimulationConfig = option(
        Section(SimulationConfig), SimulationConfig(), meaning="one-pass SGD, many replicas"
    )
    given: Given = field(default=Given(), compare=False, repr=False)
