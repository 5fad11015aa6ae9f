"""Standard input as the place of a configuration, or of data, which the name ``-`` stands for."""

from __future__ import annotations

import functools
import sys
from typing import BinaryIO

from orderparams.errors import ConfigurationError, FileError, reason

NAME = "-"
PLACE = "standard input"
"""How messages name it."""


def content(
    limit: int, what: str = "a configuration", form: str = "TOML", remedy: str = "presets"
) -> bytes:
    """What comes in, up to a length; it comes once, and is the same when asked again."""
    if _closed():
        raise ConfigurationError(f"{PLACE} is closed; {what} in {form} is read from it")
    try:
        read = _read(sys.stdin.buffer, limit)
    except OSError as error:
        raise FileError(f"{PLACE} could not be read: {reason(error)}") from None
    if not read.strip():
        raise ConfigurationError(f"{PLACE} is empty; {what} is a text in {form}", remedy)
    return read


@functools.lru_cache(maxsize=1)
def _read(stream: BinaryIO, limit: int) -> bytes:
    return stream.read(limit)


def is_typed() -> bool:
    """Whether somebody has to type it."""
    return not _closed() and sys.stdin.isatty()


def _closed() -> bool:
    stream = getattr(sys.stdin, "buffer", None)
    return stream is None or stream.closed
