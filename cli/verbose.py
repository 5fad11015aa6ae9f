"""The option ``--verbose``: what is being done, on standard error."""

from __future__ import annotations

import contextlib
import logging
import sys
import time

import click

from orderparams.cli.screen import note
from orderparams.phases import LOG


class Told(logging.Handler):
    """Each record as a line with the seconds since the command began; progress makes way."""

    def __init__(self) -> None:
        super().__init__()
        self.started = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError, ValueError):
            if sys.stderr.isatty():
                click.echo("\r\x1b[K", nl=False, err=True)
            note(f"[{time.monotonic() - self.started:8.2f} s] {record.getMessage()}")


def listen(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Tell from now on, until the command ends, if that is wanted."""
    if not wanted or context.resilient_parsing:
        return
    handler, level = Told(), LOG.level
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)

    from orderparams.kernel_log import Compilations

    compilations = Compilations()
    compilations.begin()

    def end() -> None:
        compilations.end()
        LOG.removeHandler(handler)
        LOG.setLevel(level)

    context.call_on_close(end)


verbose = click.option(
    "-v",
    "--verbose",
    is_flag=True,
    expose_value=False,
    callback=listen,
    help="Tell what is read, built, compiled and written, with seconds.",
)
