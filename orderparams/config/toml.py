"""TOML text ↔ configuration table, and the ``KEY=VALUE`` assignments of the command line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from orderparams.config.sections import Problem, known_keys, to_table, unknown_key
from orderparams.config.titles import retitled
from orderparams.config.values import shortened, toml_value
from orderparams.errors import ConfigurationError

ENTRY = re.compile(r"(\[\d+\])+$")
"""Indices behind a key that name an entry of a list."""


def parse_toml(document: str) -> dict[str, Any]:
    """TOML text → table; a syntax error becomes a :class:`ConfigurationError`."""
    try:
        return tomllib.loads(document)
    except ValueError as error:  # also of a number with thousands of digits
        raise ConfigurationError(f"not valid TOML: {error}") from None
    except RecursionError:
        raise ConfigurationError("not valid TOML: nested too deeply") from None


def override(table: dict[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """A copy of the table with ``key.path=TOML value`` assignments applied in order.

    ``key.path[i]`` is an entry, counted from 0, of a list that the table has.
    A value that is not valid TOML but a plain word is taken as a string. The title is marked where
    it was given for another problem.
    """
    known = set(known_keys())
    result: dict[str, Any] = dict(table)
    assigned = set()
    for assignment in assignments:
        key, separator, written = assignment.partition("=")
        key = key.strip()
        if not separator or not key:
            raise ConfigurationError(
                f"-s {assignment}: expected KEY=VALUE, such as -s attention.heads=8"
            )
        if ENTRY.sub("", key) not in known:
            raise unknown_key(key)
        result = assign(result, key, override_value(key, written.strip()))
        assigned.add(key)
    return retitled(table, result, assigned)


def assign(table: Any, key: str, value: Any) -> Any:
    """A copy of a configuration table with one value replaced; ``key`` may end in ``[i]``."""
    path = [int(part) if part.isdigit() else part for part in re.findall(r"[\w-]+", key)]
    return _assign(table, path, value, key)


def _assign(branch: Any, path: list[str | int], value: Any, key: str) -> Any:
    if not path:
        return value
    head, *rest = path
    if isinstance(head, str):
        table = dict(branch) if isinstance(branch, Mapping) else {}
        return table | {head: _assign(table.get(head), rest, value, key)}
    if not isinstance(branch, list | tuple) or head >= len(branch):
        raise ConfigurationError(
            f"{key}: there is no entry [{head}] to replace; the configuration must give the list, "
            "and its entries are counted from 0"
        )
    entries = list(branch)
    entries[head] = _assign(entries[head], rest, value, key)
    return entries


def override_value(key: str, written: str) -> Any:
    """The value of an assignment: TOML, or a bare word."""
    try:
        table = tomllib.loads(f"value = {written}")
    except (ValueError, RecursionError):
        if written.replace("-", "").replace("_", "").isalnum() and written[0].isalpha():
            return written
        raise ConfigurationError(
            f"-s {key}={shortened(written)}: the value is not TOML; examples: 8, 0.5, [4, 1], "
            "'softmax-1'"
        ) from None
    if list(table) != ["value"]:
        raise ConfigurationError(f"-s {key}: one value is expected, got several lines")
    return table["value"]


def to_toml(problem: Problem) -> str:
    """The configuration as TOML text, which :func:`parse_toml` and :func:`parse` read back."""
    table = to_table(problem)
    lines = [f"title = {toml_value(table.pop('title'))}"]
    sections = {"task": table.pop("task")}
    sections["task.signal"] = sections["task"].pop("signal")
    for name, entries in (sections | table).items():
        lines += ["", f"[{name}]"]
        lines += [f"{key} = {toml_value(value)}" for key, value in entries.items()]
    return "\n".join(lines) + "\n"
