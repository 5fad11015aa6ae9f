"""Configurations by name: presets, TOML files, tables, results, and the files that runs wrote."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from orderparams import standard_input
from orderparams.config import Problem, override, parse, parse_toml, to_table
from orderparams.config.plain import plain
from orderparams.config.sections import Given
from orderparams.config.toml import Settings, listed, model_name, setting_keys
from orderparams.config.unknown import Errors
from orderparams.config.unused import given_in
from orderparams.config.values import nearest, shortened, shown
from orderparams.errors import ConfigurationError, FileError, reason
from orderparams.models import registry
from orderparams.phases import LOG
from orderparams.recognition import (
    EMPTY,
    FOLDER,
    HDF5,
    TABLE,
    TEXT,
    kind_of,
    kind_of_content,
    neighbours,
)
from orderparams.shipped import DEFAULT_PRESET, preset_names, preset_text
from orderparams.standard_input import NAME
from orderparams.storage.suffixes import RESULTS as RESULT_SUFFIXES

LONGEST = 2**26
"""Bytes of the longest text that is read as a configuration."""


class Result(Protocol):
    """What came out of a problem."""

    @property
    def problem(self) -> Problem: ...


Source: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | Problem | Result
"""What stands for a problem: a preset's name, the path of a TOML or result file, ``-`` for
standard input with a TOML text, a table, the problem itself, or a result of it."""


def is_result(source: object) -> bool:
    """Whether a source is the file of a run, by its name or its content."""
    if not isinstance(source, str | os.PathLike) or source in (NAME, *preset_names()):
        return False
    path = Path(os.fspath(source))
    named = path.suffix in RESULT_SUFFIXES
    try:
        kind = kind_of(path) if path.is_file() else None
    except OSError:
        return named
    return kind == HDF5 or (named and kind != TABLE)


def read_text(source: str) -> str:
    """The TOML text that a preset name, a TOML file, a result file or standard input stands for."""
    path = Path(source)
    if not source:
        raise no_source(source)
    LOG.info("reading the configuration of %s", place_of(source))
    if source == NAME:
        return text_of(standard_input.content(LONGEST + 1), standard_input.PLACE, "")
    if source in preset_names():
        return preset_text(source)
    if is_result(source):
        from orderparams.results.files import read_configuration

        return read_configuration(path)
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise no_source(source) from None
    except IsADirectoryError:
        held = neighbours(path / "in", ".toml", *RESULT_SUFFIXES)
        hint = f", such as {held[0]}" if held else ""
        raise FileError(
            f"{source!r} is {FOLDER}; name a preset, a configuration or a result file{hint}"
        ) from None
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise FileError(f"{shortened(source)!r} could not be read: {why}") from None
    return text_of(content, source, path.suffix.lower())


def text_of(content: bytes, place: str, suffix: str) -> str:
    """Bytes as the text of a configuration."""
    kind = kind_of_content(content, suffix)
    if len(content) > LONGEST or kind not in (TABLE, TEXT, EMPTY):
        what = f"{kind} of more than {LONGEST} bytes" if len(content) > LONGEST else kind
        raise ConfigurationError(f"{place} is {what}; a configuration is a text in TOML", "presets")
    try:
        return content.decode("utf-8-sig")  # editors of Windows begin with a mark
    except UnicodeDecodeError:
        raise ConfigurationError(f"{place} is not a text file in UTF-8", "presets") from None


def no_source(source: str) -> ConfigurationError:
    """The error for a name that is neither a file nor a preset, with the one that may be meant."""
    close = nearest(source, [*preset_names(), *neighbours(Path(source), ".toml", *RESULT_SUFFIXES)])
    return ConfigurationError(
        f"{shortened(source)!r} is neither a file nor a preset; the presets are "
        + ", ".join(preset_names())
        + (f"; did you mean {close!r}?" if close else "")
    )


def read_table(source: Source) -> dict[str, Any]:
    """The configuration table that a source stands for, as it was written.

    It is not validated; it may have a ``[scan]`` table, which :func:`load` leaves out.
    """
    if isinstance(source, Mapping):
        return dict(plain(source))
    problem = source if isinstance(source, Problem) else getattr(source, "problem", None)
    if isinstance(problem, Problem):
        return to_table(problem)
    if not isinstance(source, str | os.PathLike) or not isinstance(os.fspath(source), str):
        raise ConfigurationError(
            "expected a preset's name, a path, a table (dict), a problem or a result, got "
            f"{shown(source)}"
        )
    name = os.fspath(source)
    if name == NAME and not isinstance(source, str):
        name = os.path.join(os.curdir, name)  # a path is that of a file
    document = read_text(name)
    try:
        return parse_toml(document)
    except ConfigurationError as error:
        raise error.within(place_of(name)) from None


def without_defaults(table: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved configuration without what equals those defaults that other keys decide.

    When such a key is changed, its new value decides.
    """
    kept = {key: dict(v) if isinstance(v, Mapping) else v for key, v in table.items()}
    decided = registry.configuration(model_name(table)).dependent_defaults(table)
    for key, default in decided.items():
        section, _, name = key.partition(".")
        if kept[section].get(name) == default:
            del kept[section][name]
    return kept


def is_resolved(source: Source) -> bool:
    """Whether a source has every default written out."""
    return not isinstance(source, Mapping | str | os.PathLike) or is_result(source)


def given(source: Source, table: Mapping[str, Any], assigned: Iterable[str]) -> Given:
    """What of a table from a source its user gave: of a preset, a result or its file, what was
    assigned."""
    if isinstance(source, Problem):
        earlier = source.given.stored | source.given.assigned
        own = given_in(table, assigned, stored=False).assigned
        return Given(earlier - own, own)
    nobody = is_resolved(source) or str(source) in preset_names()
    return given_in(table, assigned, stored=not nobody)


def changed(
    table: Mapping[str, Any], settings: Iterable[Settings | None], *, resolved: bool
) -> dict[str, Any]:
    """A table without ``[scan]``, with settings applied; the error for some that make no sense
    carries the table with the others."""
    table = {key: value for key, value in table.items() if key != "scan"}
    given = [setting for part in settings for setting in listed(part)]
    if resolved and setting_keys(given).intersection(deciding(table)):
        table = without_defaults(table)
    return override(table, given)


def load(
    source: Source = DEFAULT_PRESET,
    overrides: Settings | None = None,
    *,
    settings: Settings | None = None,
) -> Problem:
    """A validated problem from a preset's name, a TOML or result file, a table or a result.

    Parameters
    ----------
    source
        The name of a preset, the path of a TOML or result file, ``-`` for standard input, a table
        (dict), a problem, which is returned as it is without settings, or a result.
    overrides
        Changes: a table of dotted keys, ``{"attention.heads": 8}``, or texts ``KEY=VALUE`` as for
        ``orderparams solve``.
    settings
        The same by the name that all other functions have for it; applied after ``overrides``.

    Raises
    ------
    ConfigurationError
        With all that is wrong.
    FileError
        Where a file cannot be read.

    Examples
    --------
    >>> problem = op.load("two-stage", settings={"attention.heads": 8})
    >>> problem.attention.heads
    8
    >>> op.load(problem, settings=["attention.heads=2", "task.length=16"]).task.length
    16
    """
    if isinstance(source, Problem) and overrides is None and settings is None:
        return source
    written, errors = read_table(source), Errors()
    changes = [*listed(overrides), *listed(settings)]  # once: they may be generators
    table = errors.attempt(changed, written, (changes,), resolved=is_resolved(source))
    problem = errors.attempt(parse, table)
    try:
        problem = errors.conclude(problem)
    except ConfigurationError as error:
        place = place_of(source)
        raise error.within(place) if place else error from None
    return dataclasses.replace(problem, given=given(source, table, setting_keys(changes)))


def deciding(table: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys on which defaults of others depend."""
    keys: tuple[str, ...] = registry.configuration(model_name(table)).DECIDING
    return keys


def place_of(source: Source) -> str:
    """How messages name a source; "" if it has no name."""
    if isinstance(source, str) and source == NAME:
        return standard_input.PLACE
    return os.fspath(source) if isinstance(source, str | os.PathLike) else ""
