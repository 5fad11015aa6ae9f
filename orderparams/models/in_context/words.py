"""In-context regression in words, for screens, pages and figures."""

from __future__ import annotations

from orderparams.config.words import Words, counted, of_training
from orderparams.models.in_context.sections import Problem


def describe(problem: Problem, rule: str) -> dict[str, Words]:
    """Prompts, heads and training in a few words each."""
    return {
        "task": of_prompts(problem),
        "attention": of_heads(problem),
        "training": of_training(problem, rule),
    }


def of_prompts(problem: Problem) -> Words:
    """Examples, tasks, blocks and noise."""
    task = problem.task
    blocks = " + ".join(map(str, task.blocks))
    noises = ", ".join(f"{noise:.4g}" for noise in dict.fromkeys(task.noises))
    return [
        ("task.length", f"{task.length} examples a prompt"),
        ("task.strengths", counted(len(task.rows), "task")),
        ("task.blocks", f"{blocks} coordinate{'s' * (task.blocks != (1,))}"),
        *[("task.noise", f"label noise {noises}")] * any(task.noises),
    ]


def of_heads(problem: Problem) -> Words:
    """How many, and their activation."""
    attention = problem.attention
    return [
        ("attention.heads", counted(attention.heads, "head")),
        ("attention.activation", attention.activation),
    ]


SYMBOLS = {
    "task.length": "N",
    "task.blocks": "d_b",
    "task.strengths": "S_jb",
    "task.noise": "σ_j",
    "attention.heads": "H",
    "initial.key_query": "ω",
    "initial.output": "μ",
}
"""Those of docs/in-context.md; others all models have."""
