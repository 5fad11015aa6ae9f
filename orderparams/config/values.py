"""What a single value may be: small checks that name the key, what is allowed, what was given."""

from __future__ import annotations

import difflib
import math
import typing
from collections.abc import Callable, Mapping
from typing import Any

from orderparams.errors import ConfigurationError

Check = Callable[[Any, str], Any]
"""Takes a value and its dotted key; returns the value in its normal form or raises."""

Numbers = tuple[float, ...]
Matrix = tuple[Numbers, ...]


def shortened(text: str) -> str:
    """At most 60 characters of a text."""
    return text if len(text) <= 60 else text[:57] + "..."


def shown(value: object) -> str:
    """A value as the user would write it, shortened."""
    try:
        text = toml_value(value) if isinstance(value, str | bool | int | float) else str(value)
    except ValueError:  # Python does not write out whole numbers beyond a length
        return "a number of thousands of digits"
    return shortened(text)


LARGEST = 1e50
"""Of all numbers in size: they are multiplied and squared a few times, and must stay finite."""


def number(low: float = -math.inf, high: float = math.inf, *, above: bool = False) -> Check:
    """A finite number in [low, high], or in (low, high] if ``above``."""
    lower = f"greater than {low:g}" if above else f"at least {low:g}"
    bounds = [lower] * math.isfinite(low) + [f"at most {high:g}"] * math.isfinite(high)
    expected = "a finite number" + (", " + " and ".join(bounds) if bounds else "")

    def check(value: Any, key: str) -> float:
        valid = isinstance(value, int | float) and not isinstance(value, bool)
        if valid and LARGEST < abs(value) < math.inf and low <= value <= high:
            raise ConfigurationError(
                f"{key}: {shown(value)} is too large; numbers up to {LARGEST:g} in size are allowed"
            )
        if not valid or not low <= value <= high or math.isinf(value):
            raise ConfigurationError(f"{key}: expected {expected}, got {shown(value)}")
        if above and value == low:
            raise ConfigurationError(f"{key}: expected {expected}, got {shown(value)}")
        return float(value)

    return check


def integer(low: int, high: int) -> Check:
    """A whole number in [low, high]."""

    def check(value: Any, key: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ConfigurationError(
                f"{key}: expected a whole number from {low} to {high}, got {shown(value)}"
            )
        return value

    return check


def text(value: Any, key: str) -> str:
    """Any string."""
    if not isinstance(value, str):
        raise ConfigurationError(f"{key}: expected a text in quotes, got {shown(value)}")
    return value


def choice(*words: str) -> Check:
    """One of some words."""

    def check(value: Any, key: str) -> str:
        if value not in words:
            folded = {word.casefold(): word for word in words}
            written = value.casefold() if isinstance(value, str) else ""
            close = difflib.get_close_matches(written, folded, 1)
            hint = f"; did you mean {folded[close[0]]!r}?" if close else ""
            allowed = ", ".join(words)
            raise ConfigurationError(f"{key}: expected one of {allowed}; got {shown(value)}{hint}")
        return str(value)

    return check


def sequence(item: Check, what: str) -> Check:
    """A non-empty list whose entries pass ``item``."""

    def check(value: Any, key: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or not value:
            raise ConfigurationError(f"{key}: expected a non-empty {what}, got {shown(value)}")
        return tuple(item(entry, f"{key}[{i}]") for i, entry in enumerate(value))

    return check


numbers = sequence(number(), "list of numbers")
rows = sequence(numbers, "list of rows, such as [[1.0, 0.0], [0.0, 1.0]]")


def matrix(value: Any, key: str) -> Matrix:
    """Rows of numbers of one length."""
    checked: Matrix = rows(value, key)
    if len({len(row) for row in checked}) > 1:
        raise ConfigurationError(f"{key}: the rows of a matrix must have the same length")
    return checked


def weights(value: Any, key: str) -> Numbers:
    """Non-negative numbers with a positive sum, not necessarily one."""
    checked: Numbers = sequence(number(low=0.0), "list of weights")(value, key)
    if sum(checked) <= 0:
        raise ConfigurationError(f"{key}: the weights sum to zero; at least one must be positive")
    return checked


def words_or_numbers(*words: str) -> Check:
    """One of some words, or a list of numbers."""
    word = choice(*words, "a list of numbers")

    def check(value: Any, key: str) -> str | Numbers:
        if isinstance(value, list | tuple):
            return typing.cast(Numbers, numbers(value, key))
        return typing.cast(str, word(value, key))

    return check


def toml_value(value: Any) -> str:
    """A number, text, list or small table as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = "".join(
            f"\\u{ord(c):04X}" if ord(c) < 32 or ord(c) == 127 else c
            for c in value.replace("\\", "\\\\").replace('"', '\\"')
        )
        return f'"{escaped}"'
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml_value(v)}" for key, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return repr(value)
