"""A problem in words, for screens and pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orderparams.config import Problem


def describe(problem: Problem, rule: str | None = None) -> dict[str, str]:
    """Task, attention and training in a few words each; ``rule`` if not the configuration's."""
    task, attention, training = problem.task, problem.attention, problem.training
    length = task.length if isinstance(task.length, int) else list(task.length.values)
    target = f"{task.target} target" + (f", label noise {task.noise:g}" if task.noise else "")
    heads = "1 head" if attention.heads == 1 else f"{attention.heads} heads"
    words = {key: getattr(attention, key) for key in ("bias", "head_weights")}
    given = {key: word if isinstance(word, str) else "given" for key, word in words.items()}
    weights = (
        "" if attention.activation == "bayes-softmax" else f", weights {given['head_weights']}"
    )
    learning = "gradient flow"
    if (rule or training.rule) == "sgd":
        learning = (
            f"SGD, learning rate {training.learning_rate:g}, batch size {training.batch_size}"
        )
    decay = f", weight decay {training.weight_decay:g}" if training.weight_decay else ""
    return {
        "task": f"{task.signal.kind} signal, F = {task.signal.features}, L = {length}, {target}",
        "attention": f"{heads}, {attention.activation}, bias {given['bias']}{weights}",
        "training": f"{learning}{decay}, to t = {training.duration:g}",
    }
