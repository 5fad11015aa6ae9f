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
    text,
    words_or_numbers,
)

MAX_UNITS = 64
"""Of students, and of teachers: the noise of SGD takes K²(K+M)²/4 integrals."""

unit_count = integer(1, MAX_UNITS)

EXAMPLE = "a table [task] with teachers = 2"
"""The least that a configuration must have."""


@dataclass(frozen=True)
class TaskConfig:
    """The teachers: how many, or their overlaps T; teachers alone are orthonormal."""

    teachers: int | None = option(unit_count, None)
    teacher_overlap: Matrix | None = option(matrix, None)
    teacher_second_layer: str | Numbers = option(words_or_numbers("sum", "mean"), "sum")
    noise: float = option(number(low=0.0), 0.0)

    @property
    def count(self) -> int:
        """Number M of teachers; Unknown where neither key says it."""
        if self.teacher_overlap is not None:
            return len(self.teacher_overlap)
        return UNKNOWN if self.teachers is None else self.teachers


@dataclass(frozen=True)
class NetworkConfig:
    """The students: φ = Σ_k a_k g(λ_k)."""

    students: int = option(unit_count, 2)
    activation: str = option(choice("erf", "relu"), "erf")
    second_layer: str | Numbers = option(words_or_numbers("sum", "mean", "learned"), "sum")


@dataclass(frozen=True)
class TrainingConfig(sections.TrainingConfig):
    """The learning rule, and the learning rate of the second layer in units of the students'."""

    duration: float = option(number(low=0.0, above=True), 200.0)
    second_layer_rate: float = option(number(low=0.0), 1.0)


@dataclass(frozen=True)
class InitialConfig:
    """Where the students start: drawn at random in a finite dimension, or given by overlaps."""

    kind: str = option(choice("random", "explicit"), "random")
    variance: float = option(number(low=0.0), 0.01)
    dimension: int = option(integer(1, 10**12), 1000)
    seed: int = option(seed, 0)
    overlap: Matrix | None = option(matrix, None)
    self_overlap: Matrix | None = option(matrix, None)
    second_layer: Numbers | None = option(numbers, None)


@dataclass(frozen=True)
class Problem(sections.Problem):
    """A complete, validated configuration of the committee machine."""

    model: ClassVar[str] = "committee"

    task: TaskConfig = option(Section(TaskConfig), example=EXAMPLE, remedy="saad-solla")
    title: str = option(text, "")
    network: NetworkConfig = option(Section(NetworkConfig), NetworkConfig())
    training: TrainingConfig = option(Section(TrainingConfig), TrainingConfig())
    initial: InitialConfig = option(Section(InitialConfig), InitialConfig())
    integrator: IntegratorConfig = option(Section(IntegratorConfig), IntegratorConfig())
    output: OutputConfig = option(Section(OutputConfig), OutputConfig())
    simulation: SimulationConfig = option(Section(SimulationConfig), SimulationConfig())
    given: Given = field(default=Given(), compare=False, repr=False)
