"""Arguments and options that several subcommands share, and how they print settings."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import numpy as np

    from orderparams.config import Problem

config = click.argument("config", default="two-stage", metavar="[CONFIG]")
assignments = click.option(
    "-s",
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a key of the configuration, such as attention.heads=8. Repeatable.",
)
output = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE.h5",
    help="File to write; left out, a new one is named after CONFIG.",
)
force = click.option("--force", is_flag=True, help="Replace the output file if it exists.")
as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."
)
quiet = click.option("-q", "--quiet", is_flag=True, help="Print no progress and no summary.")


def command_line() -> str:
    """The command as it was typed, for the record."""
    return shlex.join(["orderparams", *sys.argv[1:]])


def target(output: Path | None, config: str, *, force: bool) -> Path:
    """The file to write, checked before any work is done."""
    from orderparams.storage.files import check_target, unused

    path = unused(Path(Path(config).stem + ".h5")) if output is None else output
    check_target(path, force=force)
    return path


def describe(problem: Problem) -> list[str]:
    """Task, attention and training in a few lines of text."""
    task, attention, training = problem.task, problem.attention, problem.training
    length = task.length if isinstance(task.length, int) else list(task.length.values)
    target = f"{task.target} target" + (f", label noise {task.noise:g}" if task.noise else "")
    heads = "1 head" if attention.heads == 1 else f"{attention.heads} heads"
    words = {key: getattr(attention, key) for key in ("bias", "head_weights")}
    given = {key: word if isinstance(word, str) else "given" for key, word in words.items()}
    weights = (
        "" if attention.activation == "bayes-softmax" else f", weights {given['head_weights']}"
    )
    rule = "gradient flow"
    if training.rule == "sgd":
        rule = f"SGD, learning rate {training.learning_rate:g}, batch size {training.batch_size}"
    decay = f", weight decay {training.weight_decay:g}" if training.weight_decay else ""
    return [
        f"task       {task.signal.kind} signal, F = {task.signal.features}, L = {length}, {target}",
        f"attention  {heads}, {attention.activation}, bias {given['bias']}{weights}",
        f"training   {rule}{decay}, to t = {training.duration:g}",
    ]


MOST_HEADS, MOST_FEATURES = 24, 7


def overlap_table(overlap: np.ndarray, self_overlap: np.ndarray) -> list[str]:
    """Overlaps m (H, F) and squared lengths q_hh as lines of at most 80 columns."""
    heads, features = overlap.shape
    shown = min(features, MOST_FEATURES)
    title = "  head" + "".join(f"{f'm_{f + 1}':>9}" for f in range(shown)) + f"{'q':>9}"
    lines = [title]
    for h in range(min(heads, MOST_HEADS)):
        cells = [*overlap[h, :shown], self_overlap[h, h]]
        lines.append(f"  {h + 1:4d}" + "".join(f"{cell:9.4f}" for cell in cells))
    if heads > MOST_HEADS or features > MOST_FEATURES:
        lines.append(f"  (the first of {heads} heads and {features} directions; the file has all)")
    return lines
