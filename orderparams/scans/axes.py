"""What is varied: ``KEY=SPEC`` or an entry of ``[scan.vary]`` → values of one key."""

from __future__ import annotations

import re
import typing
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.config.sections import known_keys, unknown_key
from orderparams.config.toml import override_value
from orderparams.config.values import toml_value
from orderparams.errors import ConfigurationError

FORMS = "a list a,b,c, an even range low:high:count or log:low:high:count"
MAX_VALUES = 1_000_000

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"(log:)?({_NUMBER}):({_NUMBER})(?::([-+]?\d+))?")
_KEY = re.compile(r"[\w-]+(?:\.[\w-]+|\[\d+\])*")


@dataclass(frozen=True)
class Range:
    """Numbers between two ends, both included; whole numbers for a key that takes only those."""

    low: float
    high: float
    count: int | None
    logarithmic: bool
    whole: bool

    def __str__(self) -> str:
        """As it is written after ``--vary``."""
        ends = f"{'log:' if self.logarithmic else ''}{self.low!r}:{self.high!r}"
        return ends if self.count is None else f"{ends}:{self.count}"

    def grid(self) -> list[Any]:
        """``count`` values, even or even in the logarithm, to 15 digits; rounded to whole numbers
        where needed, each of them once."""
        assert self.count is not None
        space = np.geomspace if self.logarithmic else np.linspace
        values = space(self.low, self.high, self.count)
        if self.whole:
            return list(dict.fromkeys(int(value) for value in np.rint(values)))
        return [float(f"{value:.15g}") for value in values]

    def at(self, fraction: float) -> Any:
        """The value at a fraction in [0, 1) of the range; whole numbers are equally likely."""
        low, high = self.low, self.high
        if self.logarithmic:
            value = low * (high / low) ** fraction
            return round(value) if self.whole else value
        if self.whole:
            return int(low + np.floor(fraction * (high - low + 1)))
        return low + fraction * (high - low)


@dataclass(frozen=True)
class Axis:
    """One varied key: its name in the result, and its values or the range to draw them from."""

    key: str
    name: str
    values: tuple[Any, ...] | Range


def read_axes(vary: Mapping[str, Any], reserved: Iterable[str]) -> tuple[Axis, ...]:
    """All axes, named by the last part of their keys, or by the whole key where that name is taken.

    Raises :class:`ConfigurationError` for an unknown key and for a specification that makes no
    sense.
    """
    for key in vary:
        known = key.split("[")[0]
        if not _KEY.fullmatch(key) or known not in set(known_keys()):
            raise unknown_key(known)
    names = {key: _name(key.rsplit(".", 1)[-1]) for key in vary}
    taken = Counter([*names.values(), *reserved])
    return tuple(
        Axis(key, _name(key) if taken[names[key]] > 1 else names[key], read_spec(key, spec))
        for key, spec in vary.items()
    )


def _name(key: str) -> str:
    """``task.signal.strengths[0]`` → task_signal_strengths_0."""
    return "_".join(re.findall(r"[\w-]+", key)).replace("-", "_")


def read_spec(key: str, spec: Any) -> tuple[Any, ...] | Range:
    """The values of a key from a text such as ``1:16:16``, or from a list."""
    if isinstance(spec, str):
        return read_text(key, spec.strip())
    if isinstance(spec, np.ndarray):
        spec = spec.tolist()
    if not isinstance(spec, Sequence) or not spec:
        raise ConfigurationError(
            f"varied key {key}: expected a non-empty list of values, or a text with {FORMS}; "
            f"got {spec!r}"
        )
    return tuple(value.item() if isinstance(value, np.generic) else value for value in spec)


def read_text(key: str, spec: str) -> tuple[Any, ...] | Range:
    """A range, or a list of TOML values and words separated by commas."""
    if match := _RANGE.fullmatch(spec):
        logarithmic, low, high, count = match.groups()
        return check_range(
            key,
            spec,
            Range(
                float(low),
                float(high),
                None if count is None else int(count),
                bool(logarithmic),
                takes_whole_numbers(key),
            ),
        )
    try:
        return tuple(override_value(key, item) for item in split(spec))
    except (ConfigurationError, IndexError):
        raise ConfigurationError(
            f"varied key {key}: {spec!r} cannot be read; expected {FORMS}, where the entries of a "
            "list are words or TOML values, such as 'softmax,softmax-1' or '[4, 1],[9, 1]'"
        ) from None


def check_range(key: str, spec: str, given: Range) -> Range:
    if given.count is not None and not 1 <= given.count <= MAX_VALUES:
        raise ConfigurationError(
            f"varied key {key}: the range {spec} is empty or too long; its last number counts the "
            f"values, from 1 to {MAX_VALUES}"
        )
    if not np.isfinite([given.low, given.high]).all():
        raise ConfigurationError(f"varied key {key}: the ends of the range {spec} must be finite")
    if given.logarithmic and min(given.low, given.high) <= 0:
        raise ConfigurationError(
            f"varied key {key}: the ends of the logarithmic range {spec} must be positive"
        )
    return given


def split(spec: str) -> list[str]:
    """Items between commas; commas inside brackets, braces and quotes do not count."""
    items, depth, quote = [""], 0, ""
    for character in spec:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        else:
            depth += (character in "[{") - (character in "]}")
        if character == "," and depth == 0 and not quote:
            items.append("")
        else:
            items[-1] += character
    return [item.strip() for item in items]


def takes_whole_numbers(key: str) -> bool:
    """Whether a key of the configuration is a whole number rather than a real one."""
    if "[" in key:
        return False
    hint: Any = Problem
    for part in key.split("."):
        section = next(kind for kind in (hint, *typing.get_args(hint)) if is_dataclass(kind))
        hint = typing.get_type_hints(section)[part]
    return int in (hint, *typing.get_args(hint))


def coordinates(values: Sequence[Any]) -> NDArray[Any]:
    """Values of one key as an array: numbers where all are, else texts (lists written as TOML)."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return np.array(values)
    return np.array([shown(value) for value in values], dtype=object)


def shown(value: Any) -> str:
    """A value as one would write it after ``--vary``."""
    return value if isinstance(value, str) else toml_value(value)
