"""Panels of order parameters: which there are, and what stands above and beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.errors import ConfigurationError
from orderparams.models import registry
from orderparams.models.parameters import OrderParameter
from orderparams.views.plots.request import Request

Array = NDArray[np.float64]

MOST_PANELS = 6


class Panel(NamedTuple):
    """Of an order parameter the lines that are drawn together; what stands above and beside."""

    parameter: OrderParameter
    number: int
    title: str
    label: str

    def lines(self, state: Mapping[str, Array]) -> Array | None:
        """(…, line) of a state with values (…, own axes); None where it has no such panel."""
        values = state.get(self.parameter.name)
        if values is None:
            return None
        lines: Array = self.parameter.lines(values)
        return lines[..., self.number] if self.number < lines.shape[-1] else None


def rows_of(parameters: Sequence[OrderParameter], sizes: Mapping[str, int]) -> list[list[Panel]]:
    """Rows of panels: one for each order parameter with two axes, and one for all others together.

    ``sizes`` are the lengths of axes by their names.
    """
    rows = []
    for one in parameters:
        if one.crossed:
            axis = one.axes[1]
            numbers = range(min(len(axis.names) or sizes[axis.name], MOST_PANELS))
            label = f"{one.words} {one.sign}"
            rows.append([Panel(one, i, axis.entry(i), label) for i in numbers])
    single = [one for one in parameters if not one.crossed]
    if single:
        rows.append([Panel(one, 0, one.words, one.sign) for one in single])
    return rows


def sizes_of(problems: Iterable[Problem]) -> dict[str, int]:
    """The largest length of each axis."""
    found: dict[str, int] = {}
    for problem in problems:
        for name, size in registry.configuration(problem.model).sizes(problem).items():
            found[name] = max(size, found.get(name, 0))
    return found


def chosen(
    parameters: Sequence[OrderParameter],
    usual: Sequence[str],
    more: Sequence[str],
    request: Request,
    model: str,
    aside: Sequence[OrderParameter] = (),
) -> tuple[list[OrderParameter], list[str]]:
    """What is drawn of order parameters, and of other quantities by name: those that were asked
    for, or the ``usual`` ones, and order parameters that are not prominent only beside others with
    a single panel; what was recorded ``aside`` only where it is asked for.

    :class:`ConfigurationError` for a quantity that there is not.
    """
    if not request.quantity:
        beside = any(not one.crossed and one.prominent for one in parameters)
        return [one for one in parameters if one.crossed or beside], list(usual)
    parameters = [*parameters, *aside]
    known = [*(one.name for one in parameters), *usual, *more]
    for name in request.quantity:
        if name not in known:
            table = registry.configuration(model).PARAMETERS
            still = any(name == one.name for one in table)
            what = (
                f"{name} does not change here" if still else f"there is no quantity {name!r} here"
            )
            raise ConfigurationError(f"{what}; there is {', '.join(known)}")
    others = [name for name in (*usual, *more) if name in request.quantity]
    return [one for one in parameters if one.name in request.quantity], others
