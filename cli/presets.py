"""``orderparams presets``."""

from __future__ import annotations

import click

from orderparams.cli import completion
from orderparams.cli.screen import show


@click.command()
@click.argument("name", required=False, shell_complete=completion.presets)
def presets(name: str | None) -> None:
    """List the shipped configurations, or print one.

    \b
    Examples:
      orderparams presets
      orderparams presets two-stage > my.toml
    """
    from orderparams import shipped

    if name is not None:
        click.echo(shipped.preset_text(name), nl=False)
        return
    titles = shipped.presets()
    width = max(map(len, titles)) + 2
    show(f"{preset:<{width}}{title}" for preset, title in titles.items())
