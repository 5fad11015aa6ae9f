"""What a command was given: its configuration, and what is said of it before the work begins."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orderparams.cli.screen import note

if TYPE_CHECKING:
    from orderparams.config import Problem
    from orderparams.sources import Source

KINDS = {
    "scan": "a scan",
    "comparison": "a validation",
    "innovations": "a validation",
    "checks": "the evidence of a claim",
    "plan": "a validation that was interrupted",
    "simulation": "a simulation",
    "analysis": "the analysis of a run",
    "trajectory": "a run",
}
"""Words for what a result file holds, by the first of these groups that it has."""

DONE = {
    "solve": "solved from t = 0",
    "evaluate": "evaluated at its initial condition, not at the end",
    "simulate": "simulated anew, from step 0",
    "validate": "validated anew",
    "judge": "what the data are held against",
    "analyze": "solved anew and analyzed",
    "scan": "what the points of this scan start from",
}

HINTS = {
    ("solve", "scan"): "orderparams scan {} runs the scan again",
    ("validate", "plan"): "--resume goes on with it",
    ("simulate", "simulation"): "--resume goes on with one that did not finish",
    ("analyze", "simulation"): "without -s the simulation itself is analyzed",
    ("analyze", "trajectory"): "without -s the stored run itself is analyzed",
    ("analyze", "analysis"): "without -s the stored analysis is shown",
}


def kind_of(config: str) -> str | None:
    """Which of KINDS the result file CONFIG holds; None for other sources."""
    from orderparams.sources import is_result

    if not is_result(config):
        return None
    from orderparams.results.files import read_attributes

    groups = read_attributes(Path(config))
    return next((name for name in KINDS if name in groups), None)


def announce(config: str, command: str) -> None:
    """Say what is done with a result file as CONFIG, of which only the configuration is used."""
    kind = kind_of(config)
    if kind is None or (command, kind) in (("solve", "trajectory"), ("solve", "analysis")):
        return
    if (command, kind) == ("scan", "scan"):
        text = "its plan is run again"
    else:
        text = f"its {'base ' * (kind == 'scan')}configuration is {DONE[command]}"
        if hint := HINTS.get((command, kind)):
            text += f"; {hint.format(config)}"
    note(f"{config} holds {KINDS[kind]}: {text}.")


def load(
    config: Source,
    assignments: Iterable[str],
    command: str,
    *,
    quiet: bool = False,
    rule: str | None = None,
    chosen: Mapping[str, object] | None = None,
    replicas: int | None = None,
) -> tuple[Problem, list[str]]:
    """The problem of CONFIG, or what stands for it, and -s, and warnings, which are printed as one
    line.

    ``rule`` is that of validate, and ``chosen`` the values that its options give; ``replicas`` are
    those that analyze simulates.
    """
    from orderparams.config.sections import Given
    from orderparams.config.unused import ignored, ruled_out
    from orderparams.models import registry
    from orderparams.models.unused import unsimulated
    from orderparams.sources import load

    problem = load(config, assignments)
    if not quiet and isinstance(config, str):
        announce(config, command)
    if rule is not None:
        training = dataclasses.replace(problem.training, rule=rule)
        problem = dataclasses.replace(problem, training=training)
    limit = registry.limit(problem.model)
    more = ruled_out(limit, (chosen or {}).get(limit.argument))
    more += unsimulated(problem, command, replicas)
    warnings = warned(ignored(problem, command, problem.given, more), command)
    return dataclasses.replace(problem, given=Given()), warnings


def warned(ignored: dict[str, str], command: str) -> list[str]:
    """Settings without effect, by key, as a list; they are printed as one line."""
    from orderparams.config.unused import sentence

    if ignored:
        click.echo(f"orderparams: warning: {sentence(command, ignored)}", err=True)
    return [f"{key}: {reason}" for key, reason in ignored.items()]
