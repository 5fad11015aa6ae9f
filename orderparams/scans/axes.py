"""What is varied: ``KEY=SPEC`` or an entry of ``[scan.vary]`` → values of one key."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config.plain import plain
from orderparams.config.sections import Problem, check_of, known_keys, unknown_key
from orderparams.config.toml import override_value
from orderparams.config.unknown import Errors
from orderparams.config.values import Check, Whole, toml_value
from orderparams.errors import ConfigurationError
from orderparams.models.registry import names

FORMS = "a list a,b,c, an even range low:high:count or log:low:high:count"
MAX_VALUES = 1_000_000

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"(log:)?({_NUMBER}):({_NUMBER})(?::([-+]?\d+))?")
_KEY = re.compile(r"[\w-]+(?:\.[\w-]+|\[\d+\])*")


@dataclass(frozen=True)
class Range:
    """Numbers between two ends, both included; whole numbers for a key that takes only those.

    ``ends`` are the two as they were written.
    """

    low: float
    high: float
    count: int | None
    logarithmic: bool
    whole: bool
    ends: str

    def __str__(self) -> str:
        """As it is written after ``--vary``."""
        ends = f"{'log:' if self.logarithmic else ''}{self.ends}"
        return ends if self.count is None else f"{ends}:{self.count}"

    def grid(self) -> list[Any]:
        """``count`` values, even or even in the logarithm, to 15 digits; rounded to whole numbers
        where needed, each of them once."""
        assert self.count is not None
        space = np.geomspace if self.logarithmic else np.linspace
        values = space(self.low, self.high, self.count)
        if self.whole:
            return list(dict.fromkeys(map(int, np.rint(values).tolist())))
        return [float(f"{value:.15g}") for value in values.tolist()]

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


def read_axes(
    vary: Mapping[str, Any], reserved: Iterable[str], kind: type[Problem]
) -> tuple[Axis, ...]:
    """All axes of a kind of problem, named by the last part of their keys, or by the whole key
    where that name is taken.

    Raises :class:`ConfigurationError` for an unknown key, for a specification that makes no sense,
    and for the model, which all points have in common.
    """
    if "model" in vary:
        raise ConfigurationError(
            "varied key model: all points of a scan are of one model, for its order parameters are "
            f"what the file holds; set model and make a scan of each of {', '.join(names())}"
        )
    errors = Errors()
    for key in vary:
        known = key.split("[")[0]
        if not _KEY.fullmatch(key) or known not in set(known_keys(kind)):
            errors.found.append(unknown_key(known if _KEY.fullmatch(key) else key, kind))
    errors.conclude(None)
    check_order(list(vary))
    short = {key: _name(key.rsplit(".", 1)[-1]) for key in vary}
    taken = Counter([*short.values(), *reserved])
    return tuple(
        Axis(key, _name(key) if taken[short[key]] > 1 else short[key], read_spec(key, spec, kind))
        for key, spec in vary.items()
    )


def check_order(keys: Sequence[str]) -> None:
    """A key that is varied within a table that is varied too must follow it."""
    for i, key in enumerate(keys):
        for later in keys[i + 1 :]:
            if key.startswith((f"{later}.", f"{later}[")):
                raise ConfigurationError(
                    f"varied keys {key} and {later}: {later} is set after {key} and replaces it; "
                    "vary it first, or one of them only"
                )


def _name(key: str) -> str:
    """``task.signal.strengths[0]`` → task_signal_strengths_0."""
    return "_".join(re.findall(r"[\w-]+", key)).replace("-", "_")


def read_spec(key: str, spec: Any, kind: type[Problem]) -> tuple[Any, ...] | Range:
    """The values of a key from a text such as ``1:16:16``, or from a list."""
    values = plain(spec)
    if isinstance(values, str):
        return read_text(key, values.strip(), kind)
    if not isinstance(values, list) or not values:
        raise ConfigurationError(
            f"varied key {key}: expected a non-empty list of values, or a text with {FORMS}; "
            f"got {spec!r}"
        )
    return tuple(values)


def read_text(key: str, spec: str, kind: type[Problem]) -> tuple[Any, ...] | Range:
    """A range, or a list of TOML values and words separated by commas."""
    if match := _RANGE.fullmatch(spec):
        log, low, high, count = match.groups()
        number = None if count is None else int(count)
        whole, ends = takes_whole_numbers(key, kind), f"{low}:{high}"
        given = Range(float(low), float(high), number, bool(log), whole, ends)
        return check_range(key, spec, given)
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


def check_alone(key: str, kind: type[Problem]) -> Check | None:
    """The check of a key; None for an entry of what need not be a list, where the table tells."""
    try:
        return check_of(key, kind)
    except ConfigurationError:
        return None


def takes_whole_numbers(key: str, kind: type[Problem]) -> bool:
    """Whether a key of the configuration is a whole number rather than a real one."""
    check = check_alone(key, kind)
    return isinstance(getattr(check, "otherwise", None) or check, Whole)


def coordinates(values: Sequence[Any]) -> NDArray[Any]:
    """Values of one key as an array: numbers where all are, else texts (lists written as TOML)."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return np.array(values)
    return np.array([shown(value) for value in values], dtype=object)


def shown(value: Any) -> str:
    """A value as one would write it after ``--vary``."""
    return value if isinstance(value, str) else toml_value(value)
