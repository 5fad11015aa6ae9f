"""The plan of a scan: configuration and table ``[scan]`` → every point, validated beforehand."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams import memory
from orderparams.config import override, parse, parse_toml, to_toml
from orderparams.config.plain import plain
from orderparams.config.sections import Problem, problem_type, reading
from orderparams.config.toml import Settings, model_name
from orderparams.config.unknown import Errors
from orderparams.config.values import toml_value
from orderparams.errors import MOST_ERRORS, ConfigurationError
from orderparams.results import schema
from orderparams.scans.axes import Axis, Range, check_alone, coordinates, read_axes
from orderparams.scans.axes import shown as value_shown
from orderparams.scans.points import Point, Report, Value, read_value, write_points
from orderparams.scans.settings import MAX_POINTS, ScanConfig, read_settings
from orderparams.sources import Source, is_resolved, read_table, without_defaults
from orderparams.storage.schema import AXES

OVERHEAD = 1024
"""Bytes that a point takes in the plan beside its configuration."""


@dataclass(frozen=True)
class Plan:
    """A scan: ``config`` is its TOML text, ``base`` with a ``[scan]`` table; ``shape`` that of the
    result, one dimension a varied key in a product and one for all of them otherwise."""

    config: str
    settings: ScanConfig
    axes: tuple[Axis, ...]
    shape: tuple[int, ...]
    points: tuple[Point, ...]

    @functools.cached_property
    def model(self) -> str:
        """The model of all points."""
        return model_name(parse_toml(self.config))

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


def base_table(source: Source) -> dict[str, Any]:
    """The configuration that a scan starts from, as it was written.

    Of a resolved one (a problem, a result or its file) what equals the defaults of its activation
    is left out again: when the activation is varied, each takes its own defaults.
    """
    table = read_table(source)
    return without_defaults(table) if is_resolved(source) and "scan" not in table else table


def make_plan(
    table: Mapping[str, Any],
    scan: Mapping[str, Any] | None = None,
    overrides: Settings | None = None,
    report: Report | None = None,
    *,
    place: str = "",
) -> Plan:
    """The plan of a configuration table whose ``[scan]`` is overridden by the entries of ``scan``.

    ``overrides`` change the rest. Every point is valid; raises :class:`ConfigurationError` for
    those that are not. ``report`` is called with the points that are ready and their number;
    ``place`` is where the table is from, for messages.
    """
    errors = Errors()
    rest = {key: value for key, value in plain(table).items() if key != "scan"}
    base = errors.attempt(override, rest, overrides)
    errors.attempt(parse, base)  # the result will hold it beside the points
    try:
        errors.conclude(None)
    except ConfigurationError as error:
        raise error.within(place) if place else error from None
    settings = read_settings(dict(table.get("scan", {})) | dict(scan or {}))
    kind = problem_type(model_name(base))
    axes = read_axes(settings.vary, reserved(kind.model), kind)
    keys = [axis.key for axis in axes]
    if settings.mode == "random":
        rows, count = random_rows(axes, settings, kind), settings.points or 0
    else:
        if report is not None:  # at once: a million values take seconds
            report(0, math.prod(map(size, axes)))
        grids = [grid(axis) for axis in axes]
        product = settings.mode == "product"
        count = product_size(grids) if product else common_length(keys, grids)
        known = read_grids(keys, grids, kind, product=product)
        axes = tuple(
            dataclasses.replace(axis, values=tuple([value.value for value in values]))
            for axis, values in zip(axes, known, strict=True)
        )
        rows = itertools.product(*known) if product else zip(*known, strict=True)
    require_memory(count, base)
    points = write_points(rows, count, keys, base, report)
    if settings.mode == "product":
        check_different(points)
    shape = tuple(len(grid(axis)) for axis in axes) if settings.mode == "product" else (count,)
    return Plan(plan_toml(base, settings, axes), settings, axes, shape, points)


def reserved(model: str) -> list[str]:
    """Names in the file of a scan that varied keys cannot have."""
    own = schema.axis_names(schema.table(model))
    return [*AXES, *own, *schema.point(model), *schema.SCAN]


Rows = Iterable[Sequence[Value]]


def require_memory(count: int, base: Mapping[str, Any]) -> None:
    """:class:`ConfigurationError` for more points than fit into memory."""
    size = len(to_toml(parse(base))) + OVERHEAD
    memory.require(count * size, f"a plan of {count} points", "vary fewer values")


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


def size(axis: Axis) -> int:
    """How many values an axis has, at most."""
    return axis.values.count or 1 if isinstance(axis.values, Range) else len(axis.values)


def read_grids(
    keys: Sequence[str],
    grids: Sequence[Sequence[Any]],
    kind: type[Problem],
    *,
    product: bool,
) -> list[list[Value]]:
    """The values of each key, checked; in a product each of them once.

    :class:`ConfigurationError` with all that are not allowed, each with its first point.
    """
    known: list[list[Value]] = []
    errors: list[ConfigurationError] = []
    stride = math.prod(map(len, grids)) if product else 1
    for key, values in zip(keys, grids, strict=True):
        stride //= len(values) if product else 1
        read: list[Value] = []
        check = check_alone(key, kind)
        with reading(kind):
            for i, value in enumerate(values):
                try:
                    read.append(read_value(key, check, value))
                except ConfigurationError as error:
                    place = f"point {1 + i * stride} ({key}={value_shown(value)})"
                    errors.append(error.within(place))
                    if len(errors) == MOST_ERRORS:
                        raise ConfigurationError.joined(errors) from None
        if product:
            check_distinct(key, read)
        known.append(read)
    if errors:
        raise ConfigurationError.joined(errors)
    return known


def check_distinct(key: str, values: Iterable[Value]) -> None:
    """:class:`ConfigurationError` for a value that stands twice, however it is written."""
    seen: set[Any] = set()
    for value in values:
        if value.normal in seen:
            raise ConfigurationError(
                f"varied key {key}: {value_shown(value.value)} stands twice; leave one out"
            )
        seen.add(value.normal)


def check_different(points: Sequence[Point]) -> None:
    """:class:`ConfigurationError` for two points with one configuration: a key replaces another."""
    if len({point.hash for point in points}) == len(points):
        return
    first: dict[str, int] = {}
    for point in points:
        if (number := first.setdefault(point.hash, point.number)) != point.number:
            raise ConfigurationError(
                f"points {number} and {point.number} have the same configuration: one varied key "
                "is within another; vary one of them only"
            )


def product_size(grids: Sequence[Sequence[Any]]) -> int:
    """The number of all combinations."""
    if (number := math.prod(map(len, grids))) > MAX_POINTS:
        raise ConfigurationError(f"the scan has {number} points; at most {MAX_POINTS} are allowed")
    return number


def common_length(keys: Sequence[str], grids: Sequence[Sequence[Any]]) -> int:
    """The number of pairs: first values together, second values together, …"""
    if len(set(map(len, grids))) > 1:
        pairs = zip(keys, grids, strict=True)
        lengths = ", ".join(f"{key} has {len(given)}" for key, given in pairs)
        raise ConfigurationError(f"paired lists must have the same number of values; {lengths}")
    return len(grids[0])


def random_rows(axes: tuple[Axis, ...], settings: ScanConfig, kind: type[Problem]) -> Rows:
    """Independent draws from ranges and lists. More points of the same seed begin with these."""
    assert settings.points is not None
    fractions = np.random.default_rng(settings.seed).random((settings.points, len(axes)))
    choices = {
        axis.key: read_grids([axis.key], [grid(axis)], kind, product=False)[0]
        for axis in axes
        if not (isinstance(axis.values, Range) and axis.values.count is None)
    }

    checks = {axis.key: check_alone(axis.key, kind) for axis in axes}

    def value(axis: Axis, fraction: float) -> Value:
        if isinstance(axis.values, Range) and axis.key not in choices:
            return read_value(axis.key, checks[axis.key], axis.values.at(fraction))
        return choices[axis.key][int(fraction * len(choices[axis.key]))]

    for axis in axes:
        if isinstance(axis.values, Range) and axis.key not in choices:
            for end in (axis.values.low, axis.values.high):
                read_value(axis.key, checks[axis.key], int(end) if axis.values.whole else end)
    return ([value(*pair) for pair in zip(axes, row, strict=True)] for row in fractions.tolist())


def plan_toml(base: Mapping[str, Any], settings: ScanConfig, axes: tuple[Axis, ...]) -> str:
    """TOML text from which :func:`make_plan` makes the same plan."""
    lines = [f"{key} = {toml_value(base[key])}" for key in ("model", "title") if key in base]
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
