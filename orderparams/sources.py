"""Configurations by name: presets, TOML files, tables, and the files that runs wrote."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from orderparams.config import Problem, override, parse, parse_toml
from orderparams.config.sections import ACTIVATION_DEFAULTS, Given
from orderparams.config.unused import given_in
from orderparams.errors import ConfigurationError, FileError
from orderparams.storage.suffixes import is_result

DEFAULT_PRESET = "two-stage"


def preset_names() -> list[str]:
    """Names of the shipped configurations."""
    folder = resources.files("orderparams.data") / "presets"
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    )


def preset_text(name: str) -> str:
    """TOML text of a shipped configuration."""
    if name not in preset_names():
        raise ConfigurationError(
            f"no preset is called {name!r}; the presets are {', '.join(preset_names())}"
        )
    return (resources.files("orderparams.data") / "presets" / f"{name}.toml").read_text("utf-8")


def read_text(source: str) -> str:
    """The TOML text that a preset name, a TOML file or a result file stands for."""
    path = Path(source)
    if source in preset_names():
        return preset_text(source)
    if is_result(source):
        from orderparams.storage.hdf5 import read_configuration

        return read_configuration(path)
    try:
        return path.read_text("utf-8-sig")  # editors of Windows begin with a mark
    except FileNotFoundError:
        raise ConfigurationError(
            f"{source!r} is neither a file nor a preset; the presets are "
            + ", ".join(preset_names())
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{source} is not a text file in UTF-8") from None
    except (OSError, ValueError) as error:
        raise FileError(f"{source} could not be read: {error}") from None


def read_table(source: str | Path | Mapping[str, Any]) -> dict[str, Any]:
    """The configuration table that a preset, a TOML or result file, or a table stands for.

    It is not validated; it may have a ``[scan]`` table, which :func:`load` leaves out.
    """
    if isinstance(source, Mapping):
        return dict(source)
    document = read_text(str(source))
    try:
        return parse_toml(document)
    except ConfigurationError as error:
        raise ConfigurationError(f"{source}: {error}") from None


def without_defaults(table: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved configuration without what equals the defaults of its activation.

    When the activation is changed, the other one takes its own.
    """
    attention = table["attention"]
    defaults = ACTIVATION_DEFAULTS[attention["activation"]]
    kept = {key: value for key, value in attention.items() if value != defaults.get(key)}
    return dict(table) | {"attention": kept}


def assigned_keys(overrides: Iterable[str]) -> list[str]:
    """The keys of ``KEY=VALUE`` assignments."""
    return [assignment.partition("=")[0].strip() for assignment in overrides]


def given(
    source: str | Path | Mapping[str, Any], table: Mapping[str, Any], assigned: Iterable[str]
) -> Given:
    """What of a table from ``source`` its user gave: of a preset or a result file, what was
    assigned."""
    own = isinstance(source, Mapping) or not (is_result(source) or str(source) in preset_names())
    return given_in(table, assigned, stored=own)


def load(
    source: str | Path | Mapping[str, Any] = DEFAULT_PRESET, overrides: Iterable[str] = ()
) -> Problem:
    """A validated problem from a preset's name, a TOML or result file, or a table.

    ``overrides`` are ``KEY=VALUE`` assignments as for ``orderparams solve -s``. Raises
    :class:`ConfigurationError` or :class:`FileError`.
    """
    table = {key: value for key, value in read_table(source).items() if key != "scan"}
    overrides = list(overrides)
    if is_result(source) and "attention.activation" in assigned_keys(overrides):
        table = without_defaults(table)
    try:
        table = override(table, overrides)
        problem = parse(table)
        return dataclasses.replace(problem, given=given(source, table, assigned_keys(overrides)))
    except ConfigurationError as error:
        if isinstance(source, Mapping):
            raise
        raise ConfigurationError(f"{source}: {error}") from None
