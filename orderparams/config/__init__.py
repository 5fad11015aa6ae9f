"""The configuration: TOML ↔ frozen dataclasses.

Reading is strict: unknown keys, wrong types, shapes and values out of range raise one
:class:`~orderparams.errors.ConfigurationError`. It lists all of them, each with its key, what is
allowed and the remedy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orderparams.config.plain import plain
from orderparams.config.sections import Problem, problem_type, read_problem, to_table
from orderparams.config.titles import retitled, same
from orderparams.config.toml import (
    Settings,
    assigned,
    listed,
    model_name,
    parse_toml,
    setting_keys,
    to_toml,
)
from orderparams.config.unknown import Errors, Unknown
from orderparams.errors import ConfigurationError
from orderparams.models import registry

__all__ = ["Problem", "override", "parse", "parse_toml", "resolve", "to_table", "to_toml"]


def parse(table: Mapping[str, Any]) -> Problem:
    """Configuration table → validated problem with every default filled in."""
    return resolve(table)[0]


def resolve(table: Mapping[str, Any]) -> tuple[Problem, bool]:
    """The same, and whether all checks could be made: not where they ask for what the table has as
    :class:`~orderparams.config.unknown.Unknown`."""
    errors, name = Errors(), model_name(table)
    configuration = registry.configuration(name)
    problem: Any = errors.attempt(read_problem, problem_type(name), plain(table))
    filled = errors.attempt(configuration.filled, problem)
    problem = problem if isinstance(filled, Unknown) else filled
    errors.add_all(configuration.contradictions(problem))
    return errors.conclude(problem), not errors.undecided


def override(table: Mapping[str, Any], settings: Settings | None) -> dict[str, Any]:
    """A copy of the table with settings applied, as of :func:`~orderparams.config.toml.assigned`.

    The title is marked where it was given for another problem.
    """
    given = listed(settings)
    changed = assigned(table, given)
    return retitled(changed, setting_keys(given)) if altered(table, changed) else changed


def altered(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether two tables differ in what a title may speak of, however it is written."""
    if same(before, after):
        return False
    try:
        return not same(to_table(parse(before)), to_table(parse(after)))
    except ConfigurationError:  # which is told elsewhere
        return True
