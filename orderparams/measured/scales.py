"""Slips of normalisation: order parameters that are scalar products over D, and were not divided by
it, or by its root.

A slip shows where vectors would be shorter than their overlaps, or in the start, where the data
begin with the steps: it is a power of D off from that of the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.errors import ConfigurationError
from orderparams.models.interface import model_of
from orderparams.models.parameters import OrderParameter
from orderparams.models.vectors.geometry import geometry_of
from orderparams.models.vectors.weights import least_residual
from orderparams.results import schema

Array = NDArray[np.float64]
State = Mapping[str, Array]

BELOW = 1e-6
"""Least eigenvalue of q − m mᵀ, below zero, in units of the largest q or 1."""

DIGITS = 1e-3
"""The same that few digits can do."""

POWERS = {1.0: "D", 0.5: "√D", -0.5: "1/√D", -1.0: "1/D"}
REMEDIES = {
    1.0: "divide {} by D",
    0.5: "divide {} by √D",
    -0.5: "multiply {} by √D",
    -1.0: "multiply {} by D",
}

NEAR = 0.35
"""How far the logarithm of a ratio may be from that of a power of D."""

ENOUGH = 4
"""Overlaps of random vectors from which on their size is known well enough to tell powers of D."""


def check_scales(problem: Problem, time: Array, state: State, place: str) -> None:
    """:class:`ConfigurationError` for order parameters (R, T, …), at times (T,), that cannot be, or
    that begin a power of D off."""
    found = slips(problem, {name: values[:, 0] for name, values in state.items()}, time[0])
    least = least_residual(geometry_of(problem), state)
    own = next(one for one in schema.table(problem.model) if one.symmetric)
    scale = max(1.0, float(np.abs(state[own.name]).max()))
    r, i = np.unravel_index(np.argmin(least), least.shape)
    impossible = least[r, i] < -BELOW * scale
    if not (found or impossible):
        return
    crossed = next(one for one in schema.table(problem.model) if one.crossed)
    text = f"{place}: "
    if impossible:
        text += (
            f"{own.symbol} - {crossed.symbol} {crossed.symbol}ᵀ has the eigenvalue "
            f"{least[r, i]:.3g} at t = {time[i]:g}" + f", replica {r + 1}" * (len(least) > 1)
        )
        text += f", but no {own.axes[0].word} is shorter than its overlaps; "
    if found:
        alike = {power: [name for name in found if found[name] == power] for power in POWERS}
        slipped = {power: " and ".join(names) for power, names in alike.items() if names}
        looks = ", ".join(f"{names} about {POWERS[of]} times" for of, names in slipped.items())
        mend = ", ".join(REMEDIES[of].format(names) for of, names in slipped.items())
        text += f"at t = 0 the data have {looks} that of the configuration's start: {mend}"
        text += "" if impossible else ", or change initial in the configuration if it is so large"
    elif least[r, i] > -DIGITS * scale:
        text += "it may be rounded: write all digits"
    else:
        text += (
            f"both are scalar products over D ({crossed.long_name}, {own.long_name}): divide by D"
        )
    raise ConfigurationError(text)


def slips(problem: Problem, first: State, begin: float) -> dict[str, float]:
    """The power of D by which order parameters (R, …) with two axes are off from the start of the
    configuration, by their symbols; none of data that begin later."""
    if begin > problem.step_time / 2:
        return {}
    start = start_sizes(problem)
    dimension = float(np.log(getattr(problem.simulation, "dimension", 1)))
    found = {}
    for one in schema.table(problem.model):
        expected = start.get(one.name, 0.0)
        size = measure(one, first[one.name]) if one.name in start else 0.0
        if expected > 0 and size > 0 and np.isfinite(size):
            ratio = float(np.log(size / expected))
            near = [power for power in POWERS if abs(ratio - power * dimension) < NEAR]
            found |= {one.symbol: near[0]} if near else {}
    return found


def measure(one: OrderParameter, values: Array) -> float:
    """The size of an order parameter (R, …): of a symmetric one the mean of the diagonal, else the
    root mean square."""
    if one.symmetric:
        return float(np.einsum("...ii->...i", values).mean())
    return float(np.sqrt(np.square(values).mean()))


def start_sizes(problem: Any) -> dict[str, float]:
    """The same at the start of a configuration, of random vectors on the average, as far as it is
    known."""
    crossed = next(one for one in schema.table(problem.model) if one.crossed)
    own = next(one for one in schema.table(problem.model) if one.symmetric)
    if problem.initial.kind == "random":
        variance, lengths = problem.initial.variance, schema.sizes(problem)
        count = np.prod([lengths[axis.name] for axis in crossed.axes])
        size = np.sqrt(variance / problem.simulation.dimension) if count >= ENOUGH else 0.0
        return {crossed.name: float(size), own.name: float(variance)}
    flow = model_of(problem).flow(problem)
    state = flow.state(flow.initial_state)
    return {one.name: measure(one, state[one.name][None]) for one in (crossed, own)}
