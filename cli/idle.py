"""Options that change nothing beside others. They are named, as settings without effect are."""

from __future__ import annotations

import click
from click.core import ParameterSource

from orderparams.cli import given

COLLECTS = "--collect runs no points"
SHOWS = "--dry-run only shows the plan and estimates its whole time"
GOES_ON = "--resume goes on with the file, and replaces it by the longer run"
BEGUN = "--resume goes on with the validation as it was begun"
BEGINS = ("test", "dimensions", "learning_rates", "start", "rule", "false_alarm")
LISTS = "--list runs nothing and writes nothing"
NEW = "without -o a new file gets a name of its own, and none is replaced"
UNWRITTEN = "without -o nothing is written"

BESIDE = {
    ("scan", "workers", "collecting"): COLLECTS,
    ("scan", "timeout", "collecting"): COLLECTS,
    ("scan", "scheduler", "collecting"): COLLECTS,
    ("scan", "scheduler_file", "collecting"): COLLECTS,
    ("scan", "resume", "collecting"): COLLECTS,
    ("scan", "shard", "dry_run"): SHOWS,
    ("scan", "collecting", "dry_run"): SHOWS,
    ("scan", "force", "dry_run"): SHOWS,
    ("solve", "force", "resume"): GOES_ON,
    ("simulate", "force", "resume"): GOES_ON,
    ("validate", "force", "resume"): GOES_ON,
    **{("validate", name, "resume"): BEGUN for name in BEGINS},
    ("reproduce", "output", "only_list"): LISTS,
    ("reproduce", "force", "only_list"): LISTS,
}
"""Command, an option, another beside which it changes nothing, and why."""

FORCED = {
    "analyze": UNWRITTEN,
    **dict.fromkeys(("solve", "simulate", "validate", "judge", "plot", "export", "report"), NEW),
}
"""Why --force changes nothing where no file is named."""


def found(context: click.Context) -> dict[str, str]:
    """Of the options that were given, those that change nothing, and why."""
    command = str(context.command.name)
    written = {str(option.name): max(option.opts, key=len) for option in context.command.params}
    used = {
        name
        for name in written
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    idle = {
        written[one]: reason
        for (name, one, other), reason in BESIDE.items()
        if name == command and {one, other} <= used
    }
    if command in FORCED and "force" in used and not {"output", "resume"} & used:
        idle["--force"] = FORCED[command]
    return idle


def warned() -> list[str]:
    """Warnings about the options of this call, which are printed as one line."""
    context = click.get_current_context()
    return given.warned(found(context), str(context.command.name))
