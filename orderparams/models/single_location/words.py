"""A problem of single-location regression in words, for screens, pages and figures."""

from __future__ import annotations

from orderparams.config.words import Words, of_training
from orderparams.models.single_location.sections import Problem
from orderparams.models.single_location.shared.sections import SharedConfig


def describe(problem: Problem, rule: str) -> dict[str, Words]:
    """Task, attention and training in a few words each."""
    return {
        "task": of_task(problem),
        "attention": of_attention(problem),
        "training": of_training(problem, rule) + of_importance(problem),
    }


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
    pieces += [("task.noise", f"label noise {task.noise:g}")] * bool(task.noise)
    noisy, correlated = task.signal_noise != 1.0, task.feature_correlation is not None
    pieces += [("task.signal_noise", f"signal noise {task.signal_noise:g}")] * noisy
    return pieces + [("task.feature_correlation", "correlated directions")] * correlated


def of_attention(problem: Problem) -> Words:
    """Heads, activation, bias and head weights."""
    attention = problem.attention
    given = {
        key: word if isinstance(word := getattr(attention, key), str) else "given"
        for key in ("bias", "head_weights")
    }
    sharing = attention.sharing
    if attention.bias == "norm" and problem.training.constraint == "sphere" and sharing is None:
        given["bias"] = "norm, which spheres keep"
    pieces = [
        ("attention.heads", "1 head" if attention.heads == 1 else f"{attention.heads} heads"),
        ("attention.activation", attention.activation),
        ("attention.bias", f"bias {given['bias']}"),
    ]
    if attention.activation != "bayes-softmax":
        pieces.append(("attention.head_weights", f"weights {given['head_weights']}"))
    for key in ("slope", "intercept"):
        value = getattr(attention, key)
        if value is not None:
            word = f"{value:g}" if isinstance(value, float) else value
            pieces.append(
                (f"attention.{key}", f"{key} {word if isinstance(word, str) else 'given'}")
            )
    if sharing is not None:
        pieces.append(("attention.shared.bases", of_bases(sharing)))
    if attention.value != "known":
        pieces.append(("attention.value", f"values {attention.value}"))
    return pieces


def of_bases(sharing: SharedConfig) -> str:
    """How keys are shared."""
    bases = "1 base" if sharing.bases == 1 else f"{sharing.bases} bases"
    given = "random" if sharing.mixing is None else "given"
    return f"keys shared, {bases}, mixing {'learned' if sharing.learned else given}"


def of_importance(problem: Problem) -> Words:
    """The penalty of importances, where there is any."""
    penalty = problem.training.importance_penalty
    return [("training.importance_penalty", f"importance penalty {penalty:g}")] * bool(penalty)


SYMBOLS = {
    "task.length": "L",
    "task.noise": "Δ",
    "task.signal_noise": "γ_s",
    "task.signal.strengths": "ν",
    "task.signal.mean": "μ",
    "attention.heads": "H",
    "attention.kappa": "κ",
    "attention.shared.bases": "J",
    "attention.shared.mixing": "C",
    "training.bias_rate": "η_b",
    "attention.slope": "s",
    "attention.intercept": "c",
    "training.head_weight_rate": "η_u",
    "attention.importance_total": "U",
    "training.importance_rate": "η_p",
    "training.importance_penalty": "σ",
    "training.slope_rate": "η_s",
    "training.intercept_rate": "η_c",
    "training.value_rate": "ρ",
    "training.mixing_rate": "η_C",
    "training.inertia.gain": "η",
}
"""Those of docs/theory.md; others all models have."""
