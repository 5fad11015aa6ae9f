"""The configuration: TOML ↔ frozen dataclasses.

Reading is strict: an unknown key, a wrong type, a shape or a value out of range raises one
:class:`~orderparams.errors.ConfigurationError` that names the key, what is allowed and the remedy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orderparams.config.consistency import check_consistency, with_activation_defaults
from orderparams.config.sections import Problem, read_section, to_table
from orderparams.config.toml import override, parse_toml, to_toml

__all__ = ["Problem", "override", "parse", "parse_toml", "to_table", "to_toml"]


def parse(table: Mapping[str, Any]) -> Problem:
    """Configuration table → validated problem with every default filled in."""
    problem: Problem = read_section(Problem, table, "")
    return check_consistency(with_activation_defaults(problem))
