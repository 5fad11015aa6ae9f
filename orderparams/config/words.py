"""A problem in words, for screens, pages and figures."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from orderparams.config.sections import Problem, to_table
from orderparams.config.unused import covers
from orderparams.models import registry

Words = list[tuple[str, str]]
"""A key, and what its value is called."""

SYMBOLS = {
    "training.learning_rate": "γ",
    "training.batch_size": "B",
    "training.weight_decay": "λ",
    "training.inertia.friction": "ζ",
    "simulation.dimension": "D",
}
"""Of keys that several models have."""


def describe(
    problem: Problem, rule: str | None = None, varied: Collection[str] = ()
) -> dict[str, str]:
    """What is learned, and how, in a few words each; ``rule`` if not the configuration's.

    What the ``varied`` keys decide is left out.
    """
    configuration = registry.configuration(problem.model)
    parts = configuration.describe(problem, rule or problem.training.rule)
    if any(covers(key, deciding) for key in varied for deciding in configuration.DECIDING):
        varied = {*varied, *configuration.dependent_defaults(to_table(problem))}
    words = {
        part: ", ".join(text for key, text in pieces if not decided(key, varied))
        for part, pieces in parts.items()
    }
    return {part: text for part, text in words.items() if text}


def decided(key: str, varied: Iterable[str]) -> bool:
    """Whether a varied key is this one or holds it."""
    return any(covers(other, key) for other in varied)


def symbols(problem: Problem) -> dict[str, str]:
    """Symbols by key, as docs/theory.md has them."""
    own: dict[str, str] = registry.configuration(problem.model).SYMBOLS
    return SYMBOLS | own


def of_training(problem: Problem, rule: str) -> Words:
    """The rule with its settings, and the time."""
    training = problem.training
    pieces = [("training.rule", "SGD" if rule == "sgd" else "gradient flow")]
    pieces += of_steps(training) if rule == "sgd" else of_simulated_steps(training)
    inertia = getattr(training, "inertia", None)
    if inertia is not None:
        words = f"friction {inertia.friction:g}, gain {inertia.gain:g}"
        pieces.append(("training.inertia", f"inertia with {words}"))
    if training.weight_decay:
        pieces.append(("training.weight_decay", f"weight decay {training.weight_decay:g}"))
    repulsion = getattr(training, "repulsion", None)
    if repulsion is not None and repulsion.strength:
        words = f"{repulsion.kind} repulsion {repulsion.strength:g}"
        pieces.append(("training.repulsion", words))
    if getattr(training, "constraint", "none") == "sphere":
        pieces.append(("training.constraint", "on spheres"))
    return [*pieces, ("training.duration", f"to t = {training.duration:g}")]


def of_steps(training: Any) -> Words:
    """The steps of SGD, and how they change where they do."""
    pieces = [
        ("training.learning_rate", f"learning rate {training.learning_rate:g}"),
        ("training.batch_size", f"batch size {training.batch_size}"),
    ]
    schedule, momentum = getattr(training, "schedule", None), getattr(training, "momentum", 0.0)
    if momentum:
        pieces.append(("training.momentum", f"momentum {momentum:g}"))
    if schedule is not None and schedule.kind != "constant":
        pieces.append(("training.schedule", f"{schedule.kind} schedule"))
    return pieces


def of_simulated_steps(training: Any) -> Words:
    """Those of a simulation where the theory has none, as far as they are no defaults."""
    return [
        (key, f"{words} in simulations")
        for key, words in of_steps(training)
        if getattr(training, name := key.partition(".")[2]) != getattr(type(training), name)
    ]


def of_backend(problem: Problem) -> str:
    """The backend, the dimension where SGD has one to be chosen, and an end of its own."""
    settings = problem.simulation
    dimension, end = getattr(settings, "dimension", None), getattr(settings, "duration", None)
    words = f"{settings.backend}" + f", D = {dimension}" * (dimension is not None)
    if end is None or end >= problem.training.duration:
        return words
    return f"{words}, to t = {end:g}"


def counted(count: int, word: str) -> str:
    """A number of things."""
    return f"{count} {word}{'s' * (count != 1)}"
