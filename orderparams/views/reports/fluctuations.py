"""What a page says of the fluctuations of SGD around a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from orderparams.results.fluctuations import Fluctuations
from orderparams.results.trajectory import Trajectory
from orderparams.views.plots.bands import WIDE, usual
from orderparams.views.reports.markup import paragraph, section, table
from orderparams.views.tables import decimals

MOST_ROWS = 40
"""Order parameters of a table; the file has the others."""

STARTS = {"fixed": "around the run", "random": "over random starts, around the flow from them"}


def of_fluctuations(run: Trajectory) -> list[str]:
    """Mean and deviations for any dimension, at the last time at which they hold in that of the
    simulation, and from which dimension on they hold."""
    found = run.fluctuations
    if found is None:
        return []
    dimension = found.problem.simulation.dimension
    least = [(f"{time:.4g}", f"{d:.3g}") for time, d in found.linear().items()]
    far = section(
        "How far linear theory holds",
        paragraph(holds(found, dimension)),
        table(("until t", "least D"), least),
    )
    if not usual(run):
        return [far]
    index = int(np.flatnonzero(found.time <= found.linear_until(dimension))[-1])
    return [section("SGD in dimension D", *numbers(found, index)), far]


def numbers(found: Fluctuations, index: int) -> list[str]:
    """Flow, shift and standard deviations at a time."""
    problem: Any = found.problem
    start = STARTS[problem.fluctuations.start]
    about = (
        f"Where SGD in dimension D is at t = {found.time[index]:.4g}, to leading order, {start}: "
        "the mean is the flow plus the shift / D, and the standard deviation has a factor 1 / √D."
    )
    columns = {
        "order parameter": found.parameter.tolist(),
        "flow": list(map(written, found.flow[index])),
        "shift × D": list(map(written, found.shift[index])),
        "standard deviation × √D": list(map(written, found.deviations(1.0)[index])),
    }
    rows = list(zip(*columns.values(), strict=True))
    parts = [paragraph(about), table(list(columns), rows[:MOST_ROWS])]
    if len(rows) > MOST_ROWS:
        parts.append(paragraph(f"The first {MOST_ROWS} of {len(rows)}; the file has all."))
    return parts


def written(value: float) -> str:
    """A number, nothing where it is not known."""
    return f"{value:z{decimals(value)}}".replace("-", "−") if np.isfinite(value) else ""


def holds(found: Fluctuations, dimension: int) -> str:
    """Up to when fluctuations are small in a dimension."""
    until = found.linear_until(dimension)
    if until == found.time[-1]:
        return f"In D = {dimension} fluctuations are small throughout."
    if not until > found.time[0]:
        return f"In D = {dimension} fluctuations are large from the start."
    return f"In D = {dimension} fluctuations are small until t = {until:.4g}, and large afterwards."


def banded(caption: str, result: object) -> str:
    """A caption that tells what bands are drawn."""
    dimension = usual(result)
    words = f"; broken and shaded, SGD at D = {dimension}: mean and {WIDE:g} standard deviations"
    return caption + words * bool(dimension)
