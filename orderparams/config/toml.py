"""TOML text ↔ configuration table, and the ``KEY=VALUE`` assignments of the command line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from orderparams.config.plain import plain
from orderparams.config.sections import (
    Problem,
    Section,
    known_keys,
    problem_type,
    settings_of,
    to_table,
    unknown_key,
)
from orderparams.config.unknown import Errors
from orderparams.config.values import nearest, shortened, shown, toml_value
from orderparams.errors import ConfigurationError
from orderparams.models import registry

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


Setting: TypeAlias = str | tuple[str, Any]
Settings: TypeAlias = Mapping[str, Any] | Iterable[Setting]
"""Dotted keys with their values, or ``KEY=VALUE`` texts with values in TOML."""

EXAMPLE: Any = {"key": "attention.heads", "value": 8}


def model_name(table: Mapping[str, Any]) -> str:
    """The name of the model that a table is of; :class:`ConfigurationError` for an unknown one."""
    name = table.get("model", registry.DEFAULT)
    if not registry.known(name):
        close = nearest(name, registry.names()) if isinstance(name, str) else ""
        raise ConfigurationError(
            f"model: there is none called {shown(name)}; the models are "
            + ", ".join(registry.names())
            + (f"; did you mean {close!r}?" if close else ""),
            "model",
        )
    return str(name)


def listed(settings: Settings | None) -> list[Setting]:
    """Settings in any form as a list."""
    if isinstance(settings, Mapping):
        return list(plain(settings).items())
    if isinstance(settings, str):
        return [settings]
    if settings is not None and not isinstance(settings, Iterable):
        message = f"settings: expected a table of keys and values, got {shown(settings)}"
        raise ConfigurationError(message, "set", **EXAMPLE)
    return list(settings or ())


def setting_keys(settings: Iterable[Setting]) -> set[str]:
    """The keys that settings give a value to; what is no setting is passed over."""
    keys = [
        setting[0] if isinstance(setting, tuple) and setting else setting for setting in settings
    ]
    return {key.partition("=")[0].strip() for key in keys if isinstance(key, str)}


def assigned(table: Mapping[str, Any], settings: Settings | None) -> dict[str, Any]:
    """A copy of the table with settings applied in order.

    The key ``key.path[i]`` is an entry, counted from 0, of a list that the table has. A value in a
    text that is not valid TOML but a plain word is taken as a string. The error for settings that
    make no sense carries the table with the others.
    """
    errors = Errors()
    result, given = dict(table), listed(settings)
    for setting in given:
        try:
            result = assign(result, *read_setting(setting, problem_type(model_name(result))))
        except ConfigurationError as error:
            errors.found.append(error)
    return errors.conclude(result)


def read_setting(setting: Setting, kind: type[Problem]) -> tuple[str, Any]:
    """Key and value of a setting of that kind of problem."""
    if isinstance(setting, str):
        key, separator, written = setting.partition("=")
        if not separator or not key.strip():
            what = f"setting {shortened(setting)}: expected KEY=VALUE"
            raise ConfigurationError(what, "set", **EXAMPLE)
    elif isinstance(setting, tuple) and len(setting) == 2 and isinstance(setting[0], str):
        key = setting[0]
    else:
        raise ConfigurationError(f"{shown(setting)} is not a setting", "set", **EXAMPLE)
    key = key.strip()
    if ENTRY.sub("", key) not in set(known_keys(kind)):
        raise unknown_key(key, kind)
    return key, override_value(key, written.strip()) if isinstance(setting, str) else setting[1]


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
        raise not_toml(key, written) from None
    if list(table) != ["value"]:
        raise ConfigurationError(f"{key}: one value is expected, got several lines")
    return table["value"]


def not_toml(key: str, written: str) -> ConfigurationError:
    """The error for a value that is not TOML; for several values, with the way to run them."""
    what = f"{key}={shortened(written)}: the value is not TOML"
    try:
        several = tomllib.loads(f"value = [{quoted_words(written)}]")["value"]
    except (ValueError, RecursionError):
        several = []
    if RANGE.fullmatch(written):
        return ConfigurationError(
            f"{what}, but a range", "scan", key=key, values=repr(written), written=written
        )
    if len(several) < 2:
        return ConfigurationError(f"{what}; examples: 8, 0.5, [4, 1], 'softmax-1'")
    return ConfigurationError(
        f"{what}, but several values; a list is written {toml_value(several)}",
        "scan", key=key, values=several, written=written,
    )  # fmt: skip


RANGE = re.compile(r"(log:)?[^:,]+:[^:,]+(:\d+)?")


def quoted_words(written: str) -> str:
    """The same with quotes around plain words."""
    return re.sub(r"(?<![\w\"'.+-])[A-Za-z][\w-]*(?![\w\"'.-])", r'"\g<0>"', written)


def to_toml(problem: Problem) -> str:
    """The configuration as TOML text, which :func:`parse_toml` and :func:`parse` read back."""
    table = to_table(problem)
    lines = [f"{key} = {toml_value(table.pop(key))}" for key in ("model", "title") if key in table]
    for name, entries in section_tables(type(problem), table):
        lines += ["", f"[{name}]"]
        lines += [f"{key} = {toml_value(value)}" for key, value in entries.items()]
    return "\n".join(lines) + "\n"


def section_tables(
    kind: type[Any], table: Mapping[str, Any], path: str = ""
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The sections in a table with the values that stand in each, each before those in it."""
    for name, entry in settings_of(kind).items():
        check = entry.metadata["check"]
        if isinstance(check, Section) and check.otherwise is None and name in table:
            own = settings_of(check.table)
            inner = [key for key in own if isinstance(own[key].metadata["check"], Section)]
            inner = [key for key in inner if own[key].metadata["check"].otherwise is None]
            values = {
                key: value
                for key, value in table[name].items()
                if key not in inner
                and not (own[key].metadata["later"] and value == own[key].default)
            }
            yield f"{path}{name}", values
            yield from section_tables(check.table, table[name], f"{path}{name}.")
