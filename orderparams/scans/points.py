"""The points of a scan: rows of values → configurations, each of them valid.

Validating a table takes 0.1 ms, too long for a million. So each value is checked by its key alone,
and only keys that others depend on, such as the number of heads, are validated together: for each
combination of their values one table is read, with an Unknown for every other varied key, and its
text is the template that those are filled into.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from orderparams.config import resolve, to_table, to_toml
from orderparams.config.sections import problem_type
from orderparams.config.toml import assign, model_name
from orderparams.config.unknown import Undecidable, Unknown
from orderparams.config.values import Check, ListOf, toml_value
from orderparams.errors import MOST_ERRORS, ConfigurationError
from orderparams.scans.axes import check_alone, shown

Report = Callable[[int, int], None]
"""Called with the points that are ready, and their number."""

REPORT_EVERY = 100


class Point(NamedTuple):
    """One configuration of a scan; points are counted from 1."""

    number: int
    values: tuple[Any, ...]
    config: str
    hash: str


class Value(NamedTuple):
    """A value of a varied key: as the configuration has it, as a check returns it, and as TOML."""

    value: Any
    normal: Any
    text: str


def read_value(key: str, check: Check | None, value: Any) -> Value:
    """A value that a key allows; :class:`ConfigurationError` for others."""
    if check is None:
        return Value(value, shown(value), toml_value(value))
    try:
        normal = check(value, key)
    except ConfigurationError as error:
        raise explained(error, key, value, check) from None
    if dataclasses.is_dataclass(normal):
        return Value(value, normal, toml_value(to_table(normal)))
    return Value(listed(normal), normal, toml_value(normal))


def explained(error: ConfigurationError, key: str, value: Any, check: Check) -> ConfigurationError:
    """The error for a value, with how the list of values is written instead."""
    if error.remedy == "scan":
        written = ",".join(map(shown, value))
        return ConfigurationError(error.message, "unlisted", key=key, values=value, written=written)
    if isinstance(check, ListOf) and not isinstance(value, list):
        one = f"[{shown(value)}]"
        return ConfigurationError(error.message, "listed", key=key, values=[[value]], written=one)
    return error


def listed(value: Any) -> Any:
    """Tuples as lists, as TOML has them."""
    return [listed(entry) for entry in value] if isinstance(value, tuple) else value


class Templates:
    """Texts of configurations with gaps for the values of the ``free`` keys.

    A key is free until a check asks for its value, or its value stands nowhere in the text.
    """

    def __init__(self, keys: Sequence[str], base: Mapping[str, Any]) -> None:
        self.keys, self.base = keys, base
        kind = problem_type(model_name(base))
        self.free = {key for key in keys if check_alone(key, kind) is not None}
        self.known: dict[tuple[str, ...], list[str]] = {}
        self.bound: list[int] = []
        self.gaps: list[int] = []

    def config(self, row: Sequence[Value]) -> str:
        """The text of a point; :class:`ConfigurationError` where its values do not go together."""
        template = self.known.get(tuple([row[i].text for i in self.bound]))
        if template is None:
            template = self.template(row)
        pieces = template.copy()
        pieces[1::2] = [row[i].text for i in self.gaps]
        return "".join(pieces)

    def template(self, row: Sequence[Value]) -> list[str]:
        """The pieces of a text, every second of them a gap."""
        while (pieces := self.pieces(row, self.free)) is None:
            bound = {key for key in self.free if self.pieces(row, {key}) is None}
            self.free -= bound or self.free.copy()
            self.known.clear()
        self.gaps = [self.keys.index(key) for key in pieces[1::2]]
        self.bound = [i for i, key in enumerate(self.keys) if key not in self.free]
        self.known[tuple([row[i].text for i in self.bound])] = pieces
        return pieces

    def pieces(self, row: Sequence[Value], free: set[str]) -> list[str] | None:
        """The text with gaps for some keys, split there; None if something depends on them."""
        table: Any = self.base
        try:
            for key, value in zip(self.keys, row, strict=True):
                table = assign(table, key, Unknown(key) if key in free else value.value)
            problem, decided = resolve(table)
            pieces = to_toml(problem).split("\0")
        except Undecidable:
            return None
        return pieces if decided and sorted(pieces[1::2]) == sorted(free) else None


def write_points(
    rows: Iterable[Sequence[Value]],
    count: int,
    keys: Sequence[str],
    base: Mapping[str, Any],
    report: Report | None = None,
) -> tuple[Point, ...]:
    """All points. :class:`ConfigurationError` with the first of those that are not possible."""
    templates = Templates(keys, base)
    points: list[Point] = []
    errors: list[ConfigurationError] = []
    for number, row in enumerate(rows, 1):
        if report is not None and number % REPORT_EVERY == 1:
            report(number - 1, count)
        try:
            config = templates.config(row)
        except ConfigurationError as error:
            pairs = zip(keys, row, strict=True)
            where = ", ".join(f"{key}={shown(value.value)}" for key, value in pairs)
            errors.append(error.within(f"point {number} ({where})"))
            if len(errors) == MOST_ERRORS:
                break
            continue
        digest = hashlib.sha256(config.encode()).hexdigest()[:16]
        points.append(Point(number, tuple([value.value for value in row]), config, digest))
    if errors:
        raise ConfigurationError.joined(errors)
    if report is not None:
        report(count, count)
    return tuple(points)
