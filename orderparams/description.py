"""A problem in words, for screens and pages."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from orderparams.config.unused import covers

if TYPE_CHECKING:
    from orderparams.config import Problem

Words = list[tuple[str, str]]
"""A key, and what its value is called."""


def describe(
    problem: Problem, rule: str | None = None, varied: Collection[str] = ()
) -> dict[str, str]:
    """Task, attention and training in a few words each; ``rule`` if not the configuration's.

    What the ``varied`` keys decide is left out.
    """
    parts = {
        "task": of_task(problem),
        "attention": of_attention(problem),
        "training": of_training(problem, rule or problem.training.rule),
    }
    if any(covers(key, "attention.activation") for key in varied):  # its defaults vary with it
        varied = {*varied, "attention.bias", "attention.head_weights"}
    words = {
        part: ", ".join(text for key, text in pieces if not decided(key, varied))
        for part, pieces in parts.items()
    }
    return {part: text for part, text in words.items() if text}


def decided(key: str, varied: Iterable[str]) -> bool:
    """Whether a varied key is this one or holds it."""
    return any(covers(other, key) for other in varied)


def of_task(problem: Problem) -> Words:
    """Signal, length and target."""
    task = problem.task
    length = task.length if isinstance(task.length, int) else list(task.length.values)
    pieces = [
        ("task.signal.kind", f"{task.signal.kind} signal"),
        ("task.signal.kind", f"F = {task.signal.features}"),
        ("task.length.values", f"L = {length}"),
        ("task.target", f"{task.target} target"),
    ]
    return pieces + [("task.noise", f"label noise {task.noise:g}")] * bool(task.noise)


def of_attention(problem: Problem) -> Words:
    """Heads, activation, bias and head weights."""
    attention = problem.attention
    given = {
        key: word if isinstance(word := getattr(attention, key), str) else "given"
        for key in ("bias", "head_weights")
    }
    pieces = [
        ("attention.heads", "1 head" if attention.heads == 1 else f"{attention.heads} heads"),
        ("attention.activation", attention.activation),
        ("attention.bias", f"bias {given['bias']}"),
    ]
    if attention.activation != "bayes-softmax":
        pieces.append(("attention.head_weights", f"weights {given['head_weights']}"))
    return pieces


def of_training(problem: Problem, rule: str) -> Words:
    """The rule with its settings, and the time."""
    training = problem.training
    pieces = [("training.rule", "SGD" if rule == "sgd" else "gradient flow")]
    if rule == "sgd":
        pieces += [
            ("training.learning_rate", f"learning rate {training.learning_rate:g}"),
            ("training.batch_size", f"batch size {training.batch_size}"),
        ]
    if training.weight_decay:
        pieces.append(("training.weight_decay", f"weight decay {training.weight_decay:g}"))
    return [*pieces, ("training.duration", f"to t = {training.duration:g}")]
