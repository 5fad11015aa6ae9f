"""``orderparams keys``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from orderparams.cli import completion, options
from orderparams.cli.screen import WIDTH, columns, show
from orderparams.errors import ConfigurationError
from orderparams.models import registry

if TYPE_CHECKING:
    from orderparams.config.keys import Key


@click.command()
@click.argument("pattern", required=False, shell_complete=completion.patterns)
@click.option(
    "--model",
    type=click.Choice(registry.names()),
    help="List the keys of this model; left out, those of all.",
)
@options.as_json
def keys(pattern: str | None, model: str | None, as_json: bool) -> None:
    """List the keys of a configuration, with their meanings.

    Each with its default, type, range and unit, and the model that has it where
    not all do. PATTERN is a text anywhere in the key or its meaning, in any
    case; * stands for any signs. What stands in [scan] is told by docs/scans.md.

    \b
    Examples:
      orderparams keys
      orderparams keys learning
      orderparams keys seed --model committee --json
    """
    from orderparams.config.keys import keys, matching

    known = keys(*[model] if model else [])
    found = known if pattern is None else matching(pattern, known)
    if not found:
        raise nothing(pattern or "", model, known)
    if as_json:
        click.echo(json.dumps([key.document() for key in found]))
    else:
        show(line for key in found for line in lines(key, model))


def nothing(pattern: str, model: str | None, known: list[Key]) -> ConfigurationError:
    """The error for a text that no key has, with keys that may be meant."""
    from orderparams.config.keys import keys, matching, near
    from orderparams.config.values import shortened

    close = near(pattern, known)
    elsewhere = sorted({name for key in matching(pattern, keys()) for name in key.models})
    hint = "orderparams keys lists all"
    if elsewhere:
        hint = f"{' and '.join(elsewhere)} has it; leave out --model"
    elif close:
        hint = f"did you mean {' or '.join(close[:3])}?"
    of = f" of {model}" if model else ""
    text = f"no key{of} has {shortened(pattern)!r} in its name or meaning; {hint}"
    return ConfigurationError(text)


def lines(key: Key, model: str | None) -> Iterator[str]:
    """A key for reading; its models where not all have it, and none was asked for."""
    name = f"[{key.name}]" if key.type == "table" else key.name
    first = name if key.default is None else f"{name} = {key.default_text()}"
    owners = "" if model or key.models == registry.names() else f"({', '.join(key.models)})"
    space = max(2, WIDTH - columns(first) - columns(owners)) if owners else 0
    yield f"{first}{' ' * space}{owners}"
    yield f"    {key.told()}"
    if facts := "; ".join(part for part in (key.facts(), key.without()) if part != "table"):
        yield f"    {facts.removesuffix('; ')}"
