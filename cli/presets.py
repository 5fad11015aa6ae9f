"""``orderparams presets``."""

from __future__ import annotations

import click


@click.command()
@click.argument("name", required=False)
def presets(name: str | None) -> None:
    """List the shipped configurations, or print one.

    Example: orderparams presets two-stage > my.toml
    """
    from orderparams.sources import load, preset_names, preset_text

    if name is not None:
        click.echo(preset_text(name), nl=False)
        return
    for preset in preset_names():
        click.echo(f"{preset:<16}{load(preset).title}")
