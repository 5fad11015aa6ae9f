"""``orderparams config``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from orderparams.cli import options
from orderparams.cli.screen import note

if TYPE_CHECKING:
    from orderparams.config import Problem

COMMANDS = ("solve", "evaluate", "simulate", "analyze")
"""Commands that may make no use of a setting; of validate its own option decides."""


@click.command()
@options.config
@options.assignments
@options.as_json
def config(config: str, assignments: tuple[str, ...], as_json: bool) -> None:
    """Print the resolved configuration; nothing is run.

    Every key with its value, and in comments what it means, its type, range
    and unit, and whether it has its default. What is printed is a
    configuration of the same problem. -s KEY=VALUE is checked and applied.

    \b
    Examples:
      orderparams config
      orderparams config saad-solla -s training.duration=50 > my.toml
      orderparams config excursion --json
    """
    from orderparams.sources import load, place_of, read_table

    problem = load(config, assignments)
    if "scan" in read_table(config):
        place = place_of(config)
        note(f"The table [scan] of {place} is left out; orderparams scan runs what it varies.")
    warnings = warned(problem)
    if as_json:
        click.echo(json.dumps({**document(problem), "warnings": warnings}))
        return
    from orderparams.config.annotated import annotated

    click.echo(annotated(problem), nl=False)


def document(problem: Problem) -> dict[str, Any]:
    """The configuration as a table, and all that is known of each key in it."""
    from orderparams.config import to_table
    from orderparams.config.annotated import tables

    settings = [setting for table in tables(problem) for setting in table.settings]
    return {
        "config": {"model": problem.model, **to_table(problem)},
        "keys": [
            setting.key.document() | {"value": setting.value, "is_default": setting.is_default}
            for setting in settings
        ],
    }


def warned(problem: Problem) -> list[str]:
    """Settings without effect, by key, with the commands in which they have none; one line."""
    from orderparams.config.unused import ruled_out_by_settings, sentence

    found = ruled_out_by_settings(problem, COMMANDS, problem.given)
    if found:
        text = "; ".join(sentence(", ".join(names), keys) for names, keys in found.items())
        click.echo(f"orderparams: warning: {text}", err=True)
    return [
        f"{key}: {reason} (in {', '.join(names)})"
        for names, keys in found.items()
        for key, reason in keys.items()
    ]
