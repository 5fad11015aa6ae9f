"""The configuration of a model of one's own: what it is made of, and keys that it names itself."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from orderparams.config import sections
from orderparams.config.matrices import Found
from orderparams.config.sections import (
    Given,
    IntegratorConfig,
    OutputConfig,
    Section,
    SimulationConfig,
    option,
    seed,
)
from orderparams.config.values import Matrix, integer, matrix, number, numbers, text
from orderparams.errors import ConfigurationError
from orderparams.models.vectors import sections as vectors
from orderparams.models.vectors.starts import Learners, check_explicit, check_no_overlaps

RESERVED = ("vectors", "hidden", "tokens", "random")
"""Names that no setting can have."""

count = integer(1, 64)
whole = integer(1, 1024)


@dataclass(frozen=True)
class ExpectationConfig:
    """How Gaussian expectations are sampled."""

    samples: int = option(
        integer(512, 2**26), 16384, meaning="nodes that sampling takes", unit="nodes"
    )
    seed: int = option(seed, 0, meaning="seed of the nodes of sampling")


@dataclass(frozen=True)
class TrainingConfig(vectors.TrainingConfig):
    """The learning rule."""

    duration: float = option(
        number(low=0.0, above=True), 100.0, meaning=sections.LAST_TIME, unit=sections.TIME
    )


@dataclass(frozen=True)
class InitialConfig(vectors.InitialConfig):
    """Where the vectors start."""

    dimension: int = vectors.drawn_in("at least n + d")
    overlap: Matrix | None = option(
        matrix,
        None,
        meaning="overlaps of the vectors with the hidden directions",
        unit="w_i·w*_f / D, of order 1",
        within="n rows of d",
        left_out="required by kind = explicit",
    )
    self_overlap: Matrix | None = option(
        matrix,
        None,
        meaning="overlaps of the vectors with each other",
        unit="w_i·w_j / D, of order 1",
        within="n rows of n, symmetric, q - m mᵀ ⪰ 0",
        left_out="m mᵀ for kind = explicit",
    )


def problem_of(model: Any) -> type[Any]:
    """The kind of problem of a model (:class:`~orderparams.models.own.description.OwnModel`)."""
    own: list[tuple[str, Any, Any]] = [
        ("vectors", int, option(count, model.vectors, meaning=f"number of {model.vector}s")),
        ("hidden", int, option(count, model.hidden, meaning="number of hidden directions")),
        ("tokens", int, option(whole, model.tokens, meaning="tokens of a sequence")),
    ]
    for name, default in model.settings.items():
        check: Any = number() if isinstance(default, float) else numbers
        own.append((name, Any, option(check, default, meaning="a setting of the model")))
    task = dataclasses.make_dataclass("TaskConfig", own, frozen=True)

    def section(kind: type[Any], meaning: str) -> Any:
        return option(Section(kind), kind(), meaning=meaning)

    fields: list[Any] = [
        ("task", task, section(task, "what learns what, and settings of the model")),
        ("title", str, option(text, "", meaning=sections.TITLE)),
        ("training", TrainingConfig, section(TrainingConfig, sections.TRAINING)),
        ("initial", InitialConfig, section(InitialConfig, sections.INITIAL)),
        ("expectation", ExpectationConfig, section(ExpectationConfig, "sampling of expectations")),
        ("integrator", IntegratorConfig, section(IntegratorConfig, sections.INTEGRATOR)),
        ("output", OutputConfig, section(OutputConfig, sections.OUTPUT)),
        ("simulation", SimulationConfig, section(SimulationConfig, sections.SIMULATION)),
        (
            "fluctuations",
            vectors.FluctuationsConfig | None,
            option(
                Section(vectors.FluctuationsConfig),
                None,
                meaning=vectors.FLUCTUATIONS,
                left_out="none",
            ),
        ),
        ("given", Given, field(default=Given(), compare=False, repr=False)),
    ]
    return dataclasses.make_dataclass(
        "Problem", fields, bases=(sections.Problem,), frozen=True, namespace={"model": model.name}
    )


def plain_problem() -> type[Any]:
    """The kind of problem of a model that has no settings of its own."""
    sizes = {"vectors": 1, "hidden": 1, "tokens": 1}
    return problem_of(SimpleNamespace(name="own", vector="vector", settings={}, **sizes))


def check_rule(training: vectors.TrainingConfig) -> Found:
    """Inertia, which takes derivatives by self-overlaps that one kernel does not tell."""
    if training.inertia is not None:
        yield ConfigurationError(
            "training.inertia is not served for models of one's own; leave it out, or use "
            "training.momentum, a shorter memory"
        )


def check_start(learners: Learners, directions: int) -> Found:
    """Shapes and lengths of a start."""
    initial, least = learners.initial, learners.count + directions
    if initial.kind == "random":
        yield from check_no_overlaps(initial)
        if initial.dimension < least:
            yield ConfigurationError(
                f"initial.dimension = {initial.dimension} is too small; {learners.count} "
                f"{learners.word}s and {directions} hidden directions need at least {least}"
            )
    yield from check_explicit(learners, directions, "hidden direction", "task.hidden")
