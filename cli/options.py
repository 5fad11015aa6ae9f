"""Arguments and options that several subcommands share, and how they print settings."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import time
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orderparams import interruption, standard_input
from orderparams.cli import completion
from orderparams.cli.screen import note
from orderparams.config import words
from orderparams.errors import FileError
from orderparams.processors import MOST_PROCESSES, processors

if TYPE_CHECKING:
    from orderparams.config import Problem


MOST_DIGITS = 20
"""Of whole numbers."""


def announced(_: click.Context, __: click.Parameter, config: str | None) -> str | None:
    """CONFIG, and where it is - a word to who has to type it."""
    if config == standard_input.NAME and standard_input.is_typed():
        note("Reading a configuration in TOML from the terminal; Ctrl-D ends it.")
    return config


def base_name(config: str) -> str:
    """How a new file that comes out of CONFIG begins."""
    return "stdin" if config == standard_input.NAME else Path(config).stem


config = click.argument(
    "config",
    default="two-stage",
    metavar="[CONFIG]",
    callback=announced,
    shell_complete=completion.configurations,
)
assignments = click.option(
    "-s",
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=completion.assignments,
    help="Override a key of the configuration, such as attention.heads=8. Repeatable.",
)


class NewFile(click.Path):
    """The path of a file to write. One that ends in a slash is that of a folder."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        if str(value).endswith("/"):
            raise FileError(f"{value} names a directory; name a file in it")
        return Path(str(value))


def whole(text: str) -> int | None:
    """A whole number, also one like 1e6 or 250.0; None for other texts."""
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        return None
    small = found.is_finite() and found.adjusted() < MOST_DIGITS
    return int(found) if small and found == found.to_integral_value() else None


class Whole(click.IntRange):
    """A whole number as it may be written."""

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        known = whole(value) if isinstance(value, str) else value
        found: Any = value if known is None else known
        return super().convert(found, param, ctx)


output = click.option(
    "-o",
    "--output",
    type=NewFile(),
    metavar="FILE.h5",
    help="File to write; left out, a new one is named after CONFIG.",
)
force = click.option("--force", is_flag=True, help="Replace the output file if it exists.")
as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."
)


def registered(_: click.Context, __: click.Parameter, files: tuple[Path, ...]) -> None:
    """Models of the user's own are made known."""
    if files:
        from orderparams.models.own.register import register

        for path in files:
            register(path)


model_file = click.option(
    "--model-file",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE.py",
    expose_value=False,
    is_eager=True,
    callback=registered,
    help="Python file to run, with models of your own. Repeatable.",
)
rule = click.option(
    "--rule",
    type=click.Choice(["sgd", "gradient-flow"]),
    default=None,
    show_default="sgd",
    help="Theory with or without the noise term of the finite learning rate.",
)
false_alarm = click.option(
    "--false-alarm",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    metavar="P",
    help="Probability of a disagreement by chance.",
)
quiet = click.option("-q", "--quiet", is_flag=True, help="Print no progress and no summary.")


workers = click.option(
    "--workers",
    type=Whole(min=1),
    default=processors(),
    show_default="all cores",
    metavar="N",
    help="Threads. The result does not depend on it.",
)


class Rate:
    """Steps per second since it was made."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.first: int | None = None

    def text(self, done: int) -> str:
        """Rate in words, from the first report on."""
        if self.first is None:
            self.started, self.first = time.monotonic(), done
        elapsed = time.monotonic() - self.started
        return f"{(done - self.first) / elapsed:.3g} steps/s" if elapsed > 0 else ""


def command_line() -> str:
    """The command as it was typed, for the record; in UTF-8, unlike names of files."""
    typed = shlex.join(["orderparams", *sys.argv[1:]])
    return typed.encode("utf-8", "backslashreplace").decode()


SECONDS_OF_KERNEL = 0.5


def say_compiling(count: int) -> None:
    """Say that kernels are compiled, in place of a progress line; ``count`` of them if known."""
    start = "\r\x1b[K" if sys.stderr.isatty() else ""
    how_long = "up to half a minute"
    if count > 1:
        seconds = max(1.0, SECONDS_OF_KERNEL * count / min(processors(), MOST_PROCESSES))
        how_long = f"{count} of them, about {seconds:.0f} s"
    with contextlib.suppress(OSError, ValueError):
        click.echo(start, nl=False, err=True)
        note(
            f"Compiling kernels: {how_long}, more on a busy machine. They are kept for the next "
            "time."
        )


def say_compiling_again(_: int = 0) -> None:
    """Say the same where kernels cannot be kept."""
    note(
        "Compiling the kernels, as every run will: no folder can be written to keep them in. "
        "Set NUMBA_CACHE_DIR to one that can."
    )


def announce_compilation() -> None:
    """Say why the beginning takes long: when a kernel is not compiled yet, or none can be kept."""
    from orderparams.compiled import cache_root, is_writable, on_compiling

    root = cache_root()
    if root is None:
        say_compiling_again()
    else:
        on_compiling[:] = [say_compiling if is_writable(root) else say_compiling_again]


def target(output: Path | None, config: str, *, force: bool) -> Path:
    """The file to write, checked before any work is done."""
    from orderparams.storage.files import check_target, unused
    from orderparams.storage.suffixes import RESULTS, check_suffix

    path = unused(Path(base_name(config) + ".h5")) if output is None else output
    check_suffix(path, RESULTS, "a result file")
    check_target(path, force=force)
    return path


def save(write: Callable[..., None], path: Path, *, force: bool) -> None:
    """Write what cost work by ``write(path, force=, command=)``; where that fails, elsewhere."""
    with interruption.writing():
        from orderparams.storage.rescue import save_somewhere

        save_somewhere(partial(write, command=command_line()), path, force=force)


def describe(problem: Problem, rule: str | None = None) -> list[str]:
    """A problem in a few lines of text; ``rule`` if not the configuration's."""
    parts = words.describe(problem, rule)
    return [f"{part:<11}{text}" for part, text in parts.items()]
