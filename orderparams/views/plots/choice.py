"""Which part of a scan is drawn, and how: over one or two parameters, a line for each of the rest.

Of the varied parameters some are fixed, those that are numbers are drawn over, words become lines,
and seeds are a sample, of which the median and the range are drawn.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config.words import symbols
from orderparams.errors import ConfigurationError
from orderparams.results.scan import Scan
from orderparams.views.plots.naming import assigned, in_words

MOST_LINES = 8
MOST_NAMED = 12


@dataclass(frozen=True, eq=False)
class Parameter:
    """A varied key, its name in the scan, values (N,), numbers or texts, what stands at its axis,
    and whether that was asked to be logarithmic."""

    name: str
    key: str
    values: NDArray[Any]
    label: str
    asked: bool = False

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers."""
        return self.values.dtype != object

    @property
    def order(self) -> NDArray[np.intp]:
        """Indices that sort numbers; words stay as they were given."""
        return np.argsort(self.values) if self.numeric else np.arange(len(self.values))

    @property
    def seed(self) -> bool:
        """Whether it only chooses random numbers."""
        return self.key.endswith("seed")

    @property
    def logarithmic(self) -> bool:
        """Whether this was asked for, or the values are more evenly spaced in the logarithm."""
        if self.asked:
            return True
        values = np.unique(self.values)
        if not self.numeric or len(values) < 3 or values[0] <= 0:
            return False
        steps, ratios = np.diff(values), np.diff(np.log(values))
        return bool(ratios.std() / ratios.mean() < steps.std() / steps.mean())


@dataclass(frozen=True, eq=False)
class Choice:
    """A scan ready to be drawn.

    ``over`` are one or two parameters; arrays have the axes (line, sample, over…, own axes). On a
    ``grid`` there is an axis for each of ``over``; else one for points scattered over them.
    ``lines`` are their names, a single empty one if there is nothing to tell apart; ``fixed`` says
    what holds for all of them. Where each is one curve in every panel they are ``single``.
    """

    over: tuple[Parameter, ...]
    lines: tuple[str, ...]
    fixed: str
    grid: bool
    arrays: Mapping[str, NDArray[Any]]
    single: bool = False


def choose(scan: Scan, at: Mapping[str, str], over: Sequence[str]) -> Choice:
    """The part of a scan ``at`` given values of some parameters, ``over`` those that are named.

    :class:`ConfigurationError` if it takes more than two axes or too many lines.
    """
    paired = tuple(scan.dimensions) == ("point",)
    known = symbols(scan.problem)
    parameters = {
        name: Parameter(
            name, scan.keys[name], scan.parameters[name], in_words(scan.keys[name], known)
        )
        for name in (scan.keys if paired else scan.dimensions)
    }
    fixed = {find(parameters, key).name: value for key, value in at.items()}
    named = list(dict.fromkeys(find(parameters, key).name for key in over))
    places = {name: matching(parameters[name], value) for name, value in fixed.items()}
    if paired:
        return scattered(scan, parameters, places, named)
    return gridded(scan, parameters, places, named)


def find(parameters: Mapping[str, Parameter], key: str) -> Parameter:
    """The parameter of a name or a key of the configuration."""
    for parameter in parameters.values():
        if key in (parameter.name, parameter.key):
            return parameter
    known = ", ".join(parameter.key for parameter in parameters.values())
    raise ConfigurationError(f"{key} is not varied in this scan; varied are {known}")


def matching(parameter: Parameter, value: str) -> NDArray[np.intp]:
    """Where a parameter has a value."""
    if parameter.numeric:
        try:
            equal = np.isclose(parameter.values, float(value), rtol=1e-6, atol=0)
        except ValueError:
            equal = np.zeros(len(parameter.values), dtype=bool)
    else:
        equal = parameter.values == value
    if not equal.any():
        raise ConfigurationError(
            f"{parameter.name} = {value}: no point of the scan has this value; it is "
            f"{shown(np.unique(parameter.values))}"
        )
    return np.flatnonzero(equal)


def shown(values: NDArray[Any]) -> str:
    """Values for a message."""
    texts = [value if isinstance(value, str) else f"{value:g}" for value in values]
    return ", ".join(texts[:MOST_NAMED]) + ", …" * (len(texts) > MOST_NAMED)


def axes_of(parameters: Sequence[Parameter], named: Sequence[str]) -> tuple[Parameter, ...]:
    """What to draw over: those named, or all numbers that vary, or else the first of the words."""
    known = {parameter.name: parameter for parameter in parameters}
    if missing := [name for name in named if name not in known]:
        raise ConfigurationError(f"{missing[0]} has a single value here, which makes no axis")
    numbers = [parameter for parameter in parameters if parameter.numeric and not parameter.seed]
    over = tuple(known[name] for name in named) or tuple(numbers) or tuple(parameters[:1])
    if not over:
        raise ConfigurationError(
            "only one point is left, which makes no line; fix fewer parameters, or scan more values"
        )
    if len(over) > 2:
        names = ", ".join(parameter.name for parameter in over)
        raise ConfigurationError(
            f"lines are drawn over one parameter and maps over two, and {names} vary; "
            f"{over[-1].name} is {shown(over[-1].values)}",
            "choose", over=over[0].name, name=over[-1].name, value=shown(over[-1].values[:1]),
        )  # fmt: skip
    return over


def gridded(
    scan: Scan,
    parameters: Mapping[str, Parameter],
    places: Mapping[str, NDArray[np.intp]],
    named: Sequence[str],
) -> Choice:
    """A product: an axis of the arrays for each parameter."""
    single = {name: 0 for name, p in parameters.items() if len(p.values) == 1}
    fixed = single | {name: int(found[0]) for name, found in places.items()}
    free = [parameter for name, parameter in parameters.items() if name not in fixed]
    over = axes_of(free, named)
    samples = [p for p in free if p.seed and p not in over]
    lines = [p for p in free if p not in over and p not in samples]
    order = [*lines, *samples, *over]
    index = tuple(fixed.get(name, slice(None)) for name in scan.dimensions)
    shape = [math.prod(len(p.values) for p in group) for group in (lines, samples)]
    shape += [len(p.values) for p in over]
    source = [free.index(p) for p in order]
    arrays = {}
    for name, array in scan.arrays.items():
        part = array[index]
        part = np.moveaxis(part, source, range(len(source)))
        part = part.reshape(*shape, *part.shape[len(source) :])
        for axis, p in enumerate(over, 2):
            part = part.take(p.order, axis)
        arrays[name] = part
    labels = [", ".join(row) for row in combinations(lines)]
    sorted_over = tuple(dataclasses.replace(p, values=p.values[p.order]) for p in over)
    return Choice(sorted_over, checked(labels), said(parameters, fixed), True, arrays)


def combinations(parameters: Sequence[Parameter]) -> list[list[str]]:
    """Every combination of values, in words; the last varies fastest."""
    rows: list[list[str]] = [[]]
    for parameter in parameters:
        rows = [
            [*row, assigned(parameter.label, value)] for row in rows for value in parameter.values
        ]
    return rows


def said(parameters: Mapping[str, Parameter], fixed: Mapping[str, int]) -> str:
    """What all that is drawn has in common."""
    return ", ".join(
        assigned(parameters[n].label, parameters[n].values[i]) for n, i in fixed.items()
    )


def with_logs(choice: Choice, log: str) -> Choice:
    """The same over logarithmic axes, those of ``log``; :class:`ConfigurationError` where values
    have no place on one."""
    over = list(choice.over)
    for i, name in enumerate("xy"[: len(over)]):
        if log in (name, "both"):
            parameter = over[i]
            if not parameter.numeric or parameter.values.min() <= 0:
                values = shown(np.unique(parameter.values))
                raise ConfigurationError(
                    f"{parameter.label} is {values}, and a logarithmic axis has place for positive "
                    "numbers alone"
                )
            over[i] = dataclasses.replace(parameter, asked=True)
    return dataclasses.replace(choice, over=tuple(over))


def checked(labels: Sequence[str]) -> tuple[str, ...]:
    """Names of lines, if they are not too many."""
    if len(labels) > MOST_LINES:
        raise ConfigurationError(
            f"{len(labels)} lines cannot be told apart, at most {MOST_LINES} can; the first is "
            f"{labels[0]}",
            "fix",
        )
    return tuple(labels)


def scattered(
    scan: Scan,
    parameters: Mapping[str, Parameter],
    places: Mapping[str, NDArray[np.intp]],
    named: Sequence[str],
) -> Choice:
    """Paired or random values: all parameters vary along the points."""
    kept = np.arange(len(scan["status"]))
    for found in places.values():
        kept = np.intersect1d(kept, found)
    if not kept.size:
        raise ConfigurationError(
            "no point of the scan has all of these values together; leave some out"
        )
    local = [dataclasses.replace(p, values=p.values[kept]) for p in parameters.values()]
    fixed = {p.name: int(kept[0]) for p in local if len(np.unique(p.values)) == 1}
    free = [p for p in local if p.name not in fixed]
    over = axes_of(free, named)
    words = [p for p in free if not p.numeric and p not in over]
    rows = list(zip(*(p.values for p in words), strict=True)) or [()] * kept.size
    lines = sorted(set(rows))
    members = np.array([[row == line for row in rows] for line in lines])
    arrays = {}
    for name, array in scan.arrays.items():
        text = array.dtype == object
        own = np.repeat(array[None, kept], len(lines), axis=0).astype(object if text else float)
        own[~members] = "" if text else np.nan
        arrays[name] = own[:, None]
    labels = [
        ", ".join(assigned(p.label, one) for p, one in zip(words, line, strict=True))
        for line in lines
    ]
    return Choice(over, checked(labels), said(parameters, fixed), False, arrays)
