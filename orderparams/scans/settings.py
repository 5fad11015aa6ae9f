"""The table ``[scan]`` of a configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orderparams.config.sections import option, seed
from orderparams.config.unknown import Errors
from orderparams.config.values import boolean, choice, integer, nearest, text
from orderparams.errors import ConfigurationError
from orderparams.scans.actions import ACTIONS, WARM_ACTIONS

MAX_POINTS = 1_000_000


def varied_keys(value: Any, key: str) -> Mapping[str, Any]:
    """A non-empty table of varied keys."""
    if not isinstance(value, Mapping) or not value:
        raise ConfigurationError(f"{key}: a scan needs at least one varied key", "vary")
    return value


@dataclass(frozen=True)
class ScanConfig:
    """The table ``[scan]``: what is varied, how the values are combined, what each point does."""

    vary: Mapping[str, Any] = option(
        varied_keys,
        None,
        meaning='keys, each with its values: a list, or a range such as "log:1:36:4"',
        left_out="required",
    )
    action: str = option(choice(*ACTIONS), "solve", meaning="what is done at each point")
    mode: str = option(
        choice("product", "zip", "random"),
        "product",
        meaning="all combinations, first with first, or points drawn at random",
    )
    points: int | None = option(
        integer(1, MAX_POINTS),
        None,
        meaning="points that are drawn",
        unit="points",
        left_out="required by mode = random, and only there",
    )
    seed: int = option(seed, 0, meaning="seed of the points that are drawn")
    trajectories: bool = option(
        boolean, False, meaning="keep all that each point stores, not only its end"
    )
    warm_start: str | None = option(
        text,
        None,
        meaning="varied key along which points of an optimum start from their neighbours",
        left_out="each starts on its own",
    )


def read_settings(table: Mapping[str, Any]) -> ScanConfig:
    """The ``[scan]`` table, checked."""
    entries = {entry.name: entry for entry in dataclasses.fields(ScanConfig)}
    errors = Errors()
    for key in table:
        if key not in entries:
            close = nearest(key, entries)
            hint = f"did you mean 'scan.{close}'?" if close else f"known: {', '.join(entries)}"
            errors.found.append(ConfigurationError(f"unknown key 'scan.{key}'; {hint}"))
    given = {"vary": {}} | {key: value for key, value in table.items() if key in entries}
    settings = ScanConfig(
        **{
            key: errors.attempt(entries[key].metadata["check"], value, f"scan.{key}")
            for key, value in given.items()
        }
    )
    errors.conclude(None)
    if (settings.points is not None) != (settings.mode == "random"):
        raise ConfigurationError(
            "scan.points: the number of points is given for mode = 'random', and only there"
        )
    check_warm_start(settings)
    return settings


def check_warm_start(settings: ScanConfig) -> None:
    key = settings.warm_start
    if key is None:
        return
    if key not in settings.vary or settings.mode != "product":
        raise ConfigurationError(
            f"scan.warm_start = {key!r}: points can start from their neighbours along a key that "
            f"is varied in all combinations; varied are {', '.join(settings.vary)}"
        )
    if settings.action not in WARM_ACTIONS:
        raise ConfigurationError(
            f"scan.warm_start: {settings.action!r} always starts from its own configuration; warm "
            f"starts are for action = {' or '.join(map(repr, WARM_ACTIONS))}"
        )
