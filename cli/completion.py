"""``orderparams completion``, and what TAB offers for the arguments of the other commands."""

from __future__ import annotations

import dataclasses
import glob
import os
import typing
from collections.abc import Iterator
from pathlib import Path

import click

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script by which a shell completes commands with TAB.

    It completes commands and options, the names of presets and files, and the
    keys of -s and --vary. Put the line of your shell into its startup file:

    \b
      bash  eval "$(orderparams completion bash)"          ~/.bashrc
      zsh   eval "$(orderparams completion zsh)"           ~/.zshrc
      fish  orderparams completion fish | source           config.fish

    \b
    Examples:
      orderparams completion bash
      orderparams completion fish > orderparams.fish
    """
    click.echo(script(shell))


UNSPACED = {
    "bash": (
        "    return 0\n",
        "    [[ $COMPREPLY == *[=/] ]] && compopt -o nospace\n    return 0\n",
    ),
    "zsh": (
        "compadd -U -V unsorted -a completions",
        "local -a ending; [[ $completions[1] == *[=/] ]] && ending=(-S '')\n"
        '        compadd -U -V unsorted "${ending[@]}" -a completions',
    ),
}
"""Changes of click's scripts: after KEY= and a folder no space is inserted. (fish knows that.)"""


def script(shell: str) -> str:
    """The script of a shell, which asks the program what can follow what was typed."""
    from click.shell_completion import get_completion_class

    from orderparams.cli.main import orderparams

    kind = get_completion_class(shell)
    assert kind is not None
    source = kind(orderparams, {}, "orderparams", "_ORDERPARAMS_COMPLETE").source()
    return source.replace(*UNSPACED[shell]) if shell in UNSPACED else source


def configurations(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """Presets, TOML and result files, and folders, that begin with what was typed."""
    from orderparams.sources import preset_names

    paths = sorted(glob.glob(glob.escape(os.path.expanduser(typed)) + "*"))
    presets = [name for name in preset_names() if name.startswith(typed)]
    files = [path for path in paths if Path(path).suffix in (".toml", ".h5", ".hdf5")]
    return presets + files + [f"{path}/" for path in paths if os.path.isdir(path)]


def presets(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """Presets that begin with what was typed."""
    from orderparams.sources import preset_names

    return [name for name in preset_names() if name.startswith(typed)]


def claims(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """Claims that begin with what was typed, in any case."""
    from orderparams.claims import CLAIMS

    return [claim.name for claim in CLAIMS if claim.name.startswith(typed.upper())]


def assignments(_: click.Context, __: click.Parameter, typed: str) -> list[str]:
    """Keys that begin with what was typed, each with the sign that its value follows."""
    from orderparams.config import Problem

    return [f"{key}=" for key in setting_keys(Problem) if key.startswith(typed)]


def setting_keys(section: type, path: str = "") -> Iterator[str]:
    """Dotted keys of all settings in a section of the configuration."""
    from orderparams.config.sections import settings_of

    kinds = typing.get_type_hints(section)
    for name in settings_of(section):
        kind = kinds[name]
        if dataclasses.is_dataclass(kind):
            yield from setting_keys(typing.cast(type, kind), f"{path}{name}.")
        else:
            yield f"{path}{name}"
