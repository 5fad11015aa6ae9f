"""The sections of the committee machine. Every key, its default and its allowed values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from orderparams.config import sections
from orderparams.config.sections import (
    UNKNOWN,
    Given,
    IntegratorConfig,
    OutputConfig,
    Section,
    SimulationConfig,
    option,
)
from orderparams.config.values import (
    Matrix,
    Numbers,
    choice,
    integer,
    matrix,
    number,
    numbers,
    text,
    words_or_numbers,
)
from orderparams.models.vectors import sections as vectors

MAX_UNITS = 64
"""Of students, and of teachers: the noise of SGD takes K²(K+M)²/4 integrals."""

unit_count = integer(1, MAX_UNITS)

EXAMPLE = "a table [task] with teachers = 2"
"""The least that a configuration must have."""


@dataclass(frozen=True)
class TaskConfig:
    """The teachers: how many, or their overlaps T; teachers alone are orthonormal."""

    teachers: int | None = option(
        unit_count,
        None,
        meaning="number of teachers, orthonormal unless their overlaps are given",
        unit="units",
        left_out="required, or teacher_overlap, whose rows are counted",
    )
    teacher_overlap: Matrix | None = option(
        matrix,
        None,
        meaning="overlaps of the teachers with each other",
        unit="w*_m·w*_m' / D, of order 1",
        within="M rows of M, symmetric, ⪰ 0, positive on the diagonal",
        left_out="identity",
    )
    teacher_second_layer: str | Numbers = option(
        words_or_numbers("sum", "mean"),
        "sum",
        meaning="weights of the teachers in the labels: 1, 1/M, or given",
        unit="1",
        within="one number a teacher",
    )
    noise: float = option(number(low=0.0), 0.0, meaning=sections.NO_NOISE, unit="labels")

    @property
    def count(self) -> int:
        """Number M of teachers; Unknown where neither key says it."""
        if self.teacher_overlap is not None:
            return len(self.teacher_overlap)
        return UNKNOWN if self.teachers is None else self.teachers


@dataclass(frozen=True)
class NetworkConfig:
    """The students: φ = Σ_k a_k g(λ_k)."""

    students: int = option(
        unit_count, 2, meaning="number of students, the hidden units that learn", unit="units"
    )
    activation: str = option(
        choice("erf", "relu"),
        "erf",
        meaning="g of students and teachers: erf(x/√2), or max(x, 0)",
    )
    second_layer: str | Numbers = option(
        words_or_numbers("sum", "mean", "learned"),
        "sum",
        meaning="weights of the students in the output: 1, 1/K, learned, or given",
        unit="1",
        within="one number a student",
    )


@dataclass(frozen=True)
class TrainingConfig(vectors.TrainingConfig):
    """The learning rule, and the learning rate of the second layer in units of the students'."""

    duration: float = option(
        number(low=0.0, above=True), 200.0, meaning=sections.LAST_TIME, unit=sections.TIME
    )
    second_layer_rate: float = option(
        number(low=0.0),
        1.0,
        meaning="learning rate of a learned second layer",
        unit="learning_rate",
    )


@dataclass(frozen=True)
class InitialConfig(vectors.InitialConfig):
    """Where the students start: drawn at random in a finite dimension, or given by overlaps."""

    dimension: int = vectors.drawn_in("at least K + M")
    overlap: Matrix | None = option(
        matrix,
        None,
        meaning="overlaps R of the students with the teachers",
        unit="w_k·w*_m / D, of order 1",
        within="K rows of M",
        left_out="required by kind = explicit",
    )
    self_overlap: Matrix | None = option(
        matrix,
        None,
        meaning="overlaps Q of the students with each other",
        unit="w_k·w_k' / D, of order 1",
        within="K rows of K, symmetric, Q - R T⁻¹ Rᵀ ⪰ 0",
        left_out="R T⁻¹ Rᵀ for kind = explicit",
    )
    second_layer: Numbers | None = option(
        numbers,
        None,
        meaning="where a learned second layer starts",
        unit="1",
        within="one number a student",
        left_out="1",
    )


@dataclass(frozen=True)
class Problem(sections.Problem):
    """A complete, validated configuration of the committee machine."""

    model: ClassVar[str] = "committee"

    task: TaskConfig = option(
        Section(TaskConfig),
        meaning="the teachers, whose labels are to be learned",
        example=EXAMPLE,
        remedy="saad-solla",
    )
    title: str = option(text, "", meaning=sections.TITLE)
    network: NetworkConfig = option(
        Section(NetworkConfig), NetworkConfig(), meaning="the students, who learn"
    )
    training: TrainingConfig = option(
        Section(TrainingConfig), TrainingConfig(), meaning=sections.TRAINING
    )
    initial: InitialConfig = option(
        Section(InitialConfig), InitialConfig(), meaning=sections.INITIAL
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
