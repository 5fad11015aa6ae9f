"""Arguments of Python's functions, checked as the shell checks its options: before any work."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from orderparams.config.plain import plain
from orderparams.config.values import integer, shown
from orderparams.errors import ConfigurationError

MOST = 2**20
"""Of threads, processes and replicas."""


def count(value: Any, name: str) -> int:
    """A whole number from 1 on."""
    return integer(1, MOST)(plain(value), name)


def count_or_none(value: Any, name: str) -> int:
    """A whole number from 0 on."""
    return integer(0, MOST)(plain(value), name)


def seconds(value: Any, name: str) -> float:
    """A time above 0, which may be infinite."""
    found = plain(value)
    if not isinstance(found, int | float) or isinstance(found, bool) or not found > 0:
        raise ConfigurationError(
            f"{name}: expected seconds, such as 60 or {math.inf}, got {shown(value)}"
        )
    return float(found)


def probability(value: Any, name: str) -> float:
    """A number between 0 and 1."""
    found = plain(value)
    if not isinstance(found, float) or not 0 < found < 1:
        raise ConfigurationError(f"{name}: expected a number between 0 and 1, got {shown(value)}")
    return found


def flag(value: Any, name: str) -> bool:
    """True or False."""
    if not isinstance(found := plain(value), bool):
        raise ConfigurationError(f"{name}: expected True or False, got {value!r:.60}")
    return found


def path(value: Any, what: str) -> Path:
    """The path of ``what`` is read or written."""
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        raise ConfigurationError(f"expected the path of {what}, got {shown(value)}")
    return Path(value)


def text(value: Any, name: str) -> str:
    """A text."""
    if not isinstance(value, str):
        raise ConfigurationError(f"{name}: expected a text, got {shown(value)}")
    return value


def texts(value: Any, name: str) -> list[str]:
    """A text, or several."""
    found = [value] if isinstance(value, str) else plain(value)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ConfigurationError(f"{name}: expected a text or a list of texts, got {shown(value)}")
    return found


def function(value: Any, name: str) -> None:
    """What is called, or None."""
    if value is not None and not callable(value):
        raise ConfigurationError(f"{name}: expected a function to call, got {shown(value)}")
