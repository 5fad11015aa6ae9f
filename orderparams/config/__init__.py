"""The configuration: TOML ↔ frozen dataclasses.

Reading is strict: unknown keys, wrong types, shapes and values out of range raise one
:class:`~orderparams.errors.ConfigurationError`. It lists all of them, each with its key, what is
allowed and the remedy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orderparams.config.consistency import contradictions, with_activation_defaults
from orderparams.config.plain import plain
from orderparams.config.sections import Problem, read_section, to_table
from orderparams.config.toml import override, parse_toml, to_toml
from orderparams.config.unknown import Errors, Unknown

__all__ = ["Problem", "override", "parse", "parse_toml", "resolve", "to_table", "to_toml"]


def parse(table: Mapping[str, Any]) -> Problem:
    """Configuration table → validated problem with every default filled in."""
    return resolve(table)[0]


def resolve(table: Mapping[str, Any]) -> tuple[Problem, bool]:
    """The same, and whether all checks could be made: not where they ask for what the table has as
    :class:`~orderparams.config.unknown.Unknown`."""
    errors = Errors()
    problem: Problem = errors.attempt(read_section, Problem, plain(table), "")
    filled = errors.attempt(with_activation_defaults, problem)
    problem = problem if isinstance(filled, Unknown) else filled
    for found in contradictions(problem):
        errors.add(found)
    return errors.conclude(problem), not errors.undecided
