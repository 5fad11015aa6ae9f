"""Calls of a kernel of one's own, and what goes wrong in them in one line."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numba.core import errors

from orderparams.errors import ConfigurationError

COMPILING = (errors.NumbaError, errors.UnsupportedBytecodeError, AttributeError)
"""What numba raises of a function that it does not understand."""

LAST_FRAME = re.compile(r'File ".*", line (\d+)')


def call(what: str, kernel: Any, *arguments: Any) -> Any:
    """What a kernel returns; :class:`ConfigurationError` that begins with ``what`` otherwise."""
    try:
        return kernel(*arguments)
    except COMPILING as error:
        raise ConfigurationError(f"{what} does not compile: {reason(str(error))}") from None
    except Exception as error:
        text = " ".join(str(error).split())
        told = f"{type(error).__name__}: {text}" if text else type(error).__name__
        raise ConfigurationError(f"{what} fails at random fields: {told}") from None


def reason(text: str) -> str:
    """What is wrong, of one of numba's messages, and the line of the source where it is."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Failed in", "During:", "File ", "<"))]
    first = (told or ["no reason is told"])[0]
    specific = [line for line in lines if line.startswith("NumbaTypeError: ")]
    called = [line for line in lines if line.startswith(">>> ")]
    if specific:
        first = specific[0].removeprefix("NumbaTypeError: ")
    elif called and first.endswith("found for signature:"):
        first = f"there is no {called[0].removeprefix('>>> ')}"
    if "^" not in lines:
        return first
    at = lines.index("^")
    number = [found for line in lines[:at] if (found := LAST_FRAME.match(line))]
    place = f"line {number[-1][1]}" if number else "the line"
    return f"{first.rstrip('.')}, in {place}: {lines[at - 1]}"


def described(value: Any) -> str:
    """What a value is, and of one that is short what it says."""
    if value is None:
        return "nothing"
    if callable(value) and hasattr(value, "__name__"):
        return f"{type(value).__name__} {value.__name__}"
    text = repr(value)
    short = len(text) < 40 and not isinstance(value, np.ndarray)
    return f"{type(value).__name__} {text}" if short else type(value).__name__
