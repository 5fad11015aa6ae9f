"""What click refuses — commands, options and arguments that do not exist or make no sense — as an
error of this program, in its words."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Container, Iterable

import click

from orderparams.errors import ConfigurationError


class UsageError(ConfigurationError):
    """A command line that makes no sense."""


class Commands(click.Group):
    """A group that knows which command is meant."""

    def resolve_command(
        self, context: click.Context, words: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(context, words[0]) is None and not words[0].startswith("-"):
            text = f"there is no command {words[0]!r}{guess(words[0], self.commands)}"
            raise UsageError(with_help(text))
        return super().resolve_command(context, words)


def guess(written: str, known: Iterable[str]) -> str:
    """``; did you mean …?``, or nothing."""
    close = difflib.get_close_matches(written.lower(), list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def refusal(error: click.UsageError, commands: Container[str]) -> UsageError:
    """An error of click's in our words, with the help that tells more."""
    named = [word for word in sys.argv[1:2] if word in commands]
    return UsageError(with_help(reason(error), *named))


def with_help(text: str, *command: str) -> str:
    """A message with the help that tells more."""
    see = f"{'See' if text.endswith('?') else 'see'} {' '.join(['orderparams', *command])} --help"
    return f"{text} {see}" if text.endswith("?") else f"{text}; {see}"


def reason(error: click.UsageError) -> str:
    """What is wrong with a command line."""
    if isinstance(error, click.NoSuchOption):
        known = options(error.ctx)
        return f"there is no option {error.option_name}{guess(error.option_name, known)}"
    if isinstance(error, click.MissingParameter):
        return f"{named(error)} is missing{choices(error)}"
    if isinstance(error, click.BadParameter):
        return f"{named(error)}: {bad_value(error)}"
    if isinstance(error, click.BadOptionUsage):
        needs = "requires" in error.message
        return f"{error.option_name} needs a value" if needs else sentence(error.message)
    if extra := re.search(r"unexpected extra arguments? \((.*)\)", error.message):
        setting = "; a setting is written -s KEY=VALUE" * ("=" in extra[1])
        return f"too many arguments: {extra[1]}{setting}"
    return sentence(error.message)


def sentence(text: str) -> str:
    """A sentence of click's as a part of ours."""
    return text[:1].lower() + text[1:].rstrip(".")


def options(context: click.Context | None) -> list[str]:
    """All options of a command."""
    found = context.command.get_params(context) if context is not None else []
    return [name for parameter in found for name in parameter.opts if name.startswith("-")]


def named(error: click.BadParameter) -> str:
    """An option as it is written, an argument as the help shows it."""
    parameter = error.param
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    if parameter is not None:
        return (parameter.metavar or parameter.name or "").strip("[].").upper()
    return "the command line"


def words_of(error: click.BadParameter) -> list[str]:
    """The words that a parameter can be."""
    kind = error.param.type if error.param is not None else None
    return list(map(str, kind.choices)) if isinstance(kind, click.Choice) else []


def choices(error: click.BadParameter) -> str:
    words = words_of(error)
    return f"; it is one of {', '.join(words)}" if words else ""


def bad_value(error: click.BadParameter) -> str:
    """What is wrong with a value, and for a word the one that is meant."""
    if not (words := words_of(error)):
        return re.sub("valid (integer|float)( range)?", simple, sentence(error.message))
    written = error.message.split("'")[1] if "'" in error.message else ""
    return f"{written!r} is not one of {', '.join(words)}{guess(written, words)}"


def simple(kind: re.Match[str]) -> str:
    """What click calls a type, in plain words."""
    return "whole number" if kind[1] == "integer" else "number"
