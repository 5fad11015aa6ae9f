"""Writes docs/commands.md from the commands themselves: ``python docs/commands.py``."""

from pathlib import Path

import click

from orderparams.cli.main import orderparams

HEADING = """# Commands

What every command says of itself with `--help`, written by `python docs/commands.py`.

Exit status: 0 done; 1 the self-test of `doctor` failed; 2 a usage or configuration error; 3 the
solver failed; 4 theory and simulation disagree, or a claim fails; 5 a file could not be read or
written; 6 a scan finished with failed points; 7 the evidence of `validate` cannot decide; 130
interrupted. What was done by then is kept.
"""


def section(context: click.Context) -> str:
    """The help of a command."""
    return f"## {context.command_path}\n\n```text\n{context.get_help()}\n```\n"


def page() -> str:
    """The whole page, as on a terminal of 80 columns."""
    group = click.Context(
        orderparams, info_name="orderparams", terminal_width=80, **orderparams.context_settings
    )
    commands = [
        click.Context(command, info_name=name, parent=group)
        for name, command in orderparams.commands.items()
    ]
    return "\n".join([HEADING, *map(section, [group, *commands])])


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), "utf-8")
