"""What a single value may be: small checks that name the key, what is allowed, what was given."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orderparams.config.unknown import Errors, Unknown
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


def refusal(key: str, expected: str, value: object) -> ConfigurationError:
    """The error for a value that is not what is expected; for a list where one value should be,
    with the way to run several."""
    message = f"{key}: expected {expected}{';' if ',' in expected else ','} got {shown(value)}"
    if not isinstance(value, list | tuple) or not value or "[" in key:
        return ConfigurationError(message)
    if any(isinstance(entry, list | tuple | Mapping) for entry in value):
        return ConfigurationError(message)
    written = ",".join(entry if isinstance(entry, str) else shown(entry) for entry in value)
    return ConfigurationError(message, "scan", key=key, values=list(value), written=written)


LARGEST = 1e50
"""Of all numbers in size: they are multiplied and squared a few times, and must stay finite."""


@dataclass(frozen=True)
class Real:
    """A finite number in [low, high], without low if ``above``, without high if ``below``."""

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False

    def bounds(self) -> list[str]:
        """Its bounds in words."""
        lower = f"greater than {self.low:g}" if self.above else f"at least {self.low:g}"
        upper = f"less than {self.high:g}" if self.below else f"at most {self.high:g}"
        return [lower] * math.isfinite(self.low) + [upper] * math.isfinite(self.high)

    def __call__(self, value: Any, key: str) -> float:
        valid = isinstance(value, int | float) and not isinstance(value, bool)
        if valid and LARGEST < abs(value) < math.inf and self.low <= value <= self.high:
            raise ConfigurationError(
                f"{key}: {shown(value)} is too large; numbers up to {LARGEST:g} in size are allowed"
            )
        inside = valid and self.low <= value <= self.high and not math.isinf(value)
        left_out = (self.above and value == self.low) or (self.below and value == self.high)
        if not inside or left_out:
            bounds = self.bounds()
            expected = "a finite number" + (", " + " and ".join(bounds) if bounds else "")
            raise refusal(key, expected, value)
        return float(value)


def number(
    low: float = -math.inf, high: float = math.inf, *, above: bool = False, below: bool = False
) -> Real:
    """A finite number in [low, high], without low if ``above``, without high if ``below``."""
    return Real(low, high, above, below)


@dataclass(frozen=True)
class Whole:
    """A whole number in [low, high]; 8.0 is one too."""

    low: int
    high: int

    def __call__(self, value: Any, key: str) -> int:
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if not whole or isinstance(value, bool) or not self.low <= value <= self.high:
            raise refusal(key, f"a whole number from {self.low} to {self.high}", value)
        return int(value)


def integer(low: int, high: int) -> Whole:
    """A whole number in [low, high]."""
    return Whole(low, high)


def text(value: Any, key: str) -> str:
    """Any string that can be written to a file."""
    if not isinstance(value, str):
        raise ConfigurationError(f"{key}: expected a text in quotes, got {shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(f"{key}: {shortened(value)!a} is not UTF-8") from None
    return value


@dataclass(frozen=True)
class Boolean:
    """true or false."""

    words: tuple[str, ...] = ("true", "false")

    def __call__(self, value: Any, key: str) -> bool:
        if not isinstance(value, bool):
            raise refusal(key, "true or false", value)
        return value


boolean = Boolean()


@dataclass(frozen=True)
class Choice:
    """One of some words, or if ``numbers`` a list of numbers, if ``number`` also a single one."""

    words: tuple[str, ...]
    numbers: bool = False
    number: bool = False

    def __call__(self, value: Any, key: str) -> Any:
        if self.numbers and isinstance(value, list | tuple):
            return numbers(value, key)
        if self.number and isinstance(value, int | float) and not isinstance(value, bool):
            return number()(value, key)
        if isinstance(value, str) and value in self.words:
            return value
        more = ["a number"] * self.number + ["a list of numbers"] * self.numbers
        allowed = ", ".join([*self.words, *more])
        error = refusal(key, f"one of {allowed}", value)
        close = nearest(value, self.words) if isinstance(value, str) else ""
        raise ConfigurationError(f"{error}; did you mean {close!r}?") if close else error


def choice(*words: str) -> Choice:
    """One of some words."""
    return Choice(words)


def words_or_numbers(*words: str) -> Choice:
    """One of some words, or a list of numbers."""
    return Choice(words, numbers=True)


def nearest(written: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The name that is meant, in whatever case it is written; "" if none is like it."""
    folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(written.casefold(), folded, 1, cutoff)
    return folded[close[0]] if close else ""


@dataclass(frozen=True)
class ListOf:
    """A non-empty list whose entries pass ``item``."""

    item: Check
    what: str

    def __call__(self, value: Any, key: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or not value:
            raise ConfigurationError(f"{key}: expected a non-empty {self.what}, got {shown(value)}")
        errors = Errors()
        entries = tuple(
            entry if isinstance(entry, Unknown) else errors.attempt(self.item, entry, f"{key}[{i}]")
            for i, entry in enumerate(value)
        )
        return errors.conclude(entries)


class Rows(ListOf):
    """Lists of one length."""

    def __call__(self, value: Any, key: str) -> Matrix:
        checked: Matrix = super().__call__(value, key)
        if len({len(row) for row in checked}) > 1:
            raise ConfigurationError(f"{key}: the rows of a matrix must have the same length")
        return checked


class Weights(ListOf):
    """Non-negative numbers with a positive sum, not necessarily one."""

    def __call__(self, value: Any, key: str) -> Numbers:
        checked: Numbers = super().__call__(value, key)
        if sum(checked) <= 0:
            raise ConfigurationError(
                f"{key}: the weights sum to zero; at least one must be positive"
            )
        return checked


class OneOrList(ListOf):
    """One number for all, or a list with one for each."""

    def __call__(self, value: Any, key: str) -> Any:
        if isinstance(value, list | tuple):
            return super().__call__(value, key)
        return self.item(value, key)


def number_or_numbers(low: float = -math.inf) -> OneOrList:
    """A finite number of at least ``low``, or a list of them."""
    return OneOrList(number(low), "list of numbers")


def sequence(item: Check, what: str) -> ListOf:
    """A non-empty list whose entries pass ``item``."""
    return ListOf(item, what)


numbers = ListOf(number(), "list of numbers")
matrix = Rows(numbers, "list of rows, such as [[1.0, 0.0], [0.0, 1.0]]")
learned_or_numbers = Choice(("learned",), numbers=True, number=True)
weights = Weights(number(low=0.0), "list of weights")


def toml_value(value: Any) -> str:
    """A number, text, list or small table as TOML; an Unknown as its name between NULs, which no
    TOML has."""
    if isinstance(value, Unknown):
        return f"\0{value.name}\0"
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
