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
    from orderparams.shipped import preset_names, preset_text
    from orderparams.sources import load

    if name is not None:
        click.echo(preset_text(name), nl=False)
        return
    width = max(map(len, preset_names())) + 2
    show(f"{preset:<{width}}{load(preset).title}" for preset in preset_names())
