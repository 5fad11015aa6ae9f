"""The plan of a scan: configuration and table ``[scan]`` → every point, validated beforehand."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import itertools
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams import memory
from orderparams.config import Problem, parse, to_table, to_toml
from orderparams.config.sections import option, seed
from orderparams.config.toml import assign, override
from orderparams.config.values import choice, integer, shown, text, toml_value
from orderparams.errors import ConfigurationError
from orderparams.scans.actions import ACTIONS, WARM_ACTIONS
from orderparams.scans.axes import Axis, Range, coordinates, read_axes
from orderparams.scans.axes import shown as value_shown
from orderparams.sources import read_table, without_defaults
from orderparams.storage.schema import AXES, POINT, SCAN

MAX_POINTS = 1_000_000
OVERHEAD = 1024
"""Bytes that a point takes in the plan beside its configuration."""


def varied_keys(value: Any, key: str) -> Mapping[str, Any]:
    """A non-empty table of varied keys."""
    if not isinstance(value, Mapping) or not value:
        raise ConfigurationError(
            f"{key}: a scan needs at least one varied key", "vary"
        )
    return value


def switch(value: Any, key: str) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"{key}: expected true or false, got {shown(value)}")
    return value


@dataclass(frozen=True)
class ScanConfig:
    """The table ``[scan]``: what is varied, how the values are combined, what each point does."""

    vary: Mapping[str, Any] = option(varied_keys, None)
    action: str = option(choice(*ACTIONS), "solve")
    mode: str = option(choice("product", "zip", "random"), "product")
    points: int | None = option(integer(1, MAX_POINTS), None)
    seed: int = option(seed, 0)
    trajectories: bool = option(switch, False)
    warm_start: str | None = option(text, None)


def read_settings(table: Mapping[str, Any]) -> ScanConfig:
    """The ``[scan]`` table, checked."""
    entries = {entry.name: entry for entry in dataclasses.fields(ScanConfig)}
    for key in table:
        if key not in entries:
            close = difflib.get_close_matches(key, entries, 1)
            hint = f"did you mean 'scan.{close[0]}'?" if close else f"known: {', '.join(entries)}"
            raise ConfigurationError(f"unknown key 'scan.{key}'; {hint}")
    given = {"vary": {}} | dict(table)
    settings = ScanConfig(
        **{
            key: entries[key].metadata["check"](value, f"scan.{key}")
            for key, value in given.items()
        }
    )
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


@dataclass(frozen=True)
class Point:
    """One configuration of a scan; points are counted from 1."""

    number: int
    values: tuple[Any, ...]
    config: str
    hash: str


@dataclass(frozen=True)
class Plan:
    """A scan: ``config`` is its TOML text, ``base`` with a ``[scan]`` table; ``shape`` that of the
    result, one dimension a varied key in a product and one for all of them otherwise."""

    config: str
    settings: ScanConfig
    axes: tuple[Axis, ...]
    shape: tuple[int, ...]
    points: tuple[Point, ...]

    @property
    def fingerprint(self) -> str:
        """Equal for plans with the same points, in the same order, that do the same."""
        settings = self.settings
        parts = [settings.action, settings.trajectories, settings.warm_start, self.shape]
        parts += [[axis.key for axis in self.axes], [point.hash for point in self.points]]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    @property
    def chains(self) -> list[list[Point]]:
        """Points that start one from the other, in this order; without warm starts single ones."""
        keys = [axis.key for axis in self.axes]
        if self.settings.warm_start is None:
            return [[point] for point in self.points]
        numbers = np.arange(len(self.points)).reshape(self.shape)
        along = np.moveaxis(numbers, keys.index(self.settings.warm_start), -1)
        return [[self.points[i] for i in row] for row in along.reshape(-1, along.shape[-1])]

    @property
    def parameters(self) -> dict[str, NDArray[Any]]:
        """The values of each varied key, by the name of its axis: along that axis in a product,
        of every point otherwise."""
        if self.settings.mode == "product":
            columns: Iterable[tuple[Any, ...]] = (
                axis.values for axis in self.axes if isinstance(axis.values, tuple)
            )
        else:
            columns = zip(*(point.values for point in self.points), strict=True)
        return {
            axis.name: coordinates(column) for axis, column in zip(self.axes, columns, strict=True)
        }

    @property
    def dimensions(self) -> dict[str, NDArray[Any]]:
        """The axes of the result and the values along them."""
        if self.settings.mode == "product":
            return self.parameters
        return {"point": np.arange(1, len(self.points) + 1)}

    def describe(self, point: Point) -> str:
        """The varied keys of a point in one line."""
        pairs = zip(self.axes, point.values, strict=True)
        return "  ".join(f"{axis.key}={value_shown(value)}" for axis, value in pairs)


def base_table(source: str | Path | Mapping[str, Any] | Problem) -> dict[str, Any]:
    """The configuration that a scan starts from, as it was written.

    Of a resolved one (a problem, or the file of a run) what equals the defaults of its activation
    is left out again: when the activation is varied, each takes its own defaults.
    """
    resolved = isinstance(source, Problem) or Path(str(source)).suffix in (".h5", ".hdf5")
    table = to_table(source) if isinstance(source, Problem) else read_table(source)
    if not resolved or "scan" in table:
        return table
    return without_defaults(table)


def make_plan(
    table: Mapping[str, Any], scan: Mapping[str, Any] | None = None, overrides: Iterable[str] = ()
) -> Plan:
    """The plan of a configuration table whose ``[scan]`` is overridden by the entries of ``scan``.

    ``overrides`` are ``KEY=VALUE`` assignments to the rest. Every point is validated; raises
    :class:`ConfigurationError` with the first that is not possible.
    """
    base = override({key: value for key, value in table.items() if key != "scan"}, overrides)
    parse(base)  # the result will hold it beside the points
    settings = read_settings(dict(table.get("scan", {})) | dict(scan or {}))
    axes = read_axes(settings.vary, [*AXES, *POINT, *SCAN])
    if settings.mode != "random":
        axes = tuple(dataclasses.replace(axis, values=tuple(grid(axis))) for axis in axes)
    rows = {"product": product_rows, "zip": zip_rows, "random": random_rows}[settings.mode](
        axes, settings
    )
    shape = tuple(len(grid(axis)) for axis in axes) if settings.mode == "product" else (len(rows),)
    memory.require(
        len(rows) * (len(make_point(1, rows[0], axes, base).config) + OVERHEAD),
        f"a plan of {len(rows)} points",
        "vary fewer values",
    )
    points = tuple(make_point(number, row, axes, base) for number, row in enumerate(rows, 1))
    return Plan(plan_toml(base, settings, axes), settings, axes, shape, points)


Rows = list[tuple[Any, ...]]


def grid(axis: Axis) -> Sequence[Any]:
    """The values of an axis that is a list or a range with a count."""
    if not isinstance(axis.values, Range):
        return axis.values
    if axis.values.count is None:
        raise ConfigurationError(
            f"varied key {axis.key}: the range {axis.values} lacks the number of its values, such "
            f"as {axis.values}:16",
            "draw",
        )
    return axis.values.grid()


def product_rows(axes: tuple[Axis, ...], settings: ScanConfig) -> Rows:
    """Every combination; the last key varies fastest."""
    values = [grid(axis) for axis in axes]
    for axis, given in zip(axes, values, strict=True):
        text, times = Counter(map(value_shown, given)).most_common(1)[0]
        if times > 1:
            raise ConfigurationError(f"varied key {axis.key}: the value {text} stands twice")
    if (number := math.prod(map(len, values))) > MAX_POINTS:
        raise ConfigurationError(f"the scan has {number} points; at most {MAX_POINTS} are allowed")
    return list(itertools.product(*values))


def zip_rows(axes: tuple[Axis, ...], settings: ScanConfig) -> Rows:
    """First values together, second values together, …"""
    values = {axis.key: grid(axis) for axis in axes}
    if len(set(map(len, values.values()))) > 1:
        lengths = ", ".join(f"{key} has {len(given)}" for key, given in values.items())
        raise ConfigurationError(f"paired lists must have the same number of values; {lengths}")
    return list(zip(*values.values(), strict=True))


def random_rows(axes: tuple[Axis, ...], settings: ScanConfig) -> Rows:
    """Independent draws from ranges and lists. More points of the same seed begin with these."""
    assert settings.points is not None
    fractions = np.random.default_rng(settings.seed).random((settings.points, len(axes)))

    def value(axis: Axis, fraction: float) -> Any:
        if isinstance(axis.values, Range) and axis.values.count is None:
            return axis.values.at(fraction)
        choices = grid(axis)
        return choices[int(fraction * len(choices))]

    return [tuple(map(value, axes, row)) for row in fractions.tolist()]


def make_point(
    number: int, values: tuple[Any, ...], axes: tuple[Axis, ...], base: Mapping[str, Any]
) -> Point:
    """A validated point."""
    table: Any = base
    try:
        for axis, value in zip(axes, values, strict=True):
            table = assign(table, axis.key, value)
        config = to_toml(parse(table))
    except ConfigurationError as error:
        pairs = zip(axes, values, strict=True)
        where = ", ".join(f"{axis.key}={value_shown(value)}" for axis, value in pairs)
        raise ConfigurationError(f"point {number} ({where}): {error}") from None
    return Point(number, values, config, hashlib.sha256(config.encode()).hexdigest()[:16])


def plan_toml(base: Mapping[str, Any], settings: ScanConfig, axes: tuple[Axis, ...]) -> str:
    """TOML text from which :func:`make_plan` makes the same plan."""
    lines = [f"{key} = {toml_value(base[key])}" for key in base if key == "title"]
    for name, entries in base.items():
        if isinstance(entries, Mapping):
            lines += ["", f"[{name}]"]
            lines += [f"{key} = {toml_value(value)}" for key, value in entries.items()]
    scan = {key: value for key, value in vars(settings).items() if value is not None}
    del scan["vary"]
    lines += ["", "[scan]", *(f"{key} = {toml_value(value)}" for key, value in scan.items())]
    lines += ["", "[scan.vary]"]
    for axis in axes:
        spec = str(axis.values) if isinstance(axis.values, Range) else axis.values
        lines.append(f"{toml_value(axis.key)} = {toml_value(spec)}")
    return "\n".join(lines) + "\n"
