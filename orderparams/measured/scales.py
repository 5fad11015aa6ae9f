"""Slips of normalisation: order parameters that are scalar products over D, and were not divided by
it, or by its root.

A slip shows where vectors would be shorter than their overlaps, or in the start, where the data
begin with the steps: it is a power of D off from that of the configuration.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.errors import ConfigurationError
from orderparams.measured.rows import of_replica
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

CLOSE = 0.1
"""How far data may begin from a start that is given, as a part of its largest entry."""

CHANCE = 5.0
"""The same from the average of random vectors in R^D, in units of what they scatter by."""


def check_scales(problem: Any, time: Array, state: State, place: str) -> str:
    """:class:`ConfigurationError` for order parameters (R, T, …), at times (T,), that cannot be, or
    that begin a power of D off; what is told of those that may be meant so, "" of all others."""
    least = least_residual(geometry_of(problem), state)
    _, own = tabled(problem)
    scale = max(1.0, float(np.abs(state[own.name]).max()))
    impossible = bool(least.min() < -BELOW * scale)
    first = {name: values[:, 0] for name, values in state.items()}
    found = slips(problem, first, impossible=impossible) if begins(problem, time) else {}
    told = f"{place}: {slipped(found)}" if found else ""
    if impossible:
        check_squares(state[own.name], own, place)
        text = f"{place}: {shorter(problem, time, least)}; "
        if found:
            raise ConfigurationError(text + slipped(found))
        rounded, large = least.min() > -DIGITS * scale, scale > problem.simulation.dimension**0.5
        raise ConfigurationError(text + mended(problem, rounded=rounded, large=large))
    if told and (problem.initial.kind != "random" or 1.0 in map(abs, found.values())):
        raise ConfigurationError(
            f"{told}, or change initial in the configuration if it is meant so"
        )
    return told


def check_squares(q: Array, own: OrderParameter, place: str) -> None:
    """:class:`ConfigurationError` where self-overlaps (R, T, n, n) are not those of any vectors."""
    least = np.linalg.eigvalsh(q)[..., 0]
    if least.min() >= -BELOW * max(1.0, float(np.abs(q).max())):
        return
    word = own.axes[0].word
    diagonal = np.einsum("...ii->...i", q)
    none = (
        f"; those of a {word} with itself are zero: {own.symbol}_1_1 is its square over D"
        if not diagonal.any()
        else ""
    )
    raise ConfigurationError(
        f"{place}: {own.symbol} itself has the eigenvalue {least.min():.3g}, and scalar products "
        f"of {word}s with each other, divided by D, have none below zero{none}"
    )


def shorter(problem: Problem, time: Array, least: Array) -> str:
    """Where vectors would be shorter than their overlaps."""
    crossed, own = tabled(problem)
    r, i = np.unravel_index(np.argmin(least), least.shape)
    return (
        f"{own.symbol} - {crossed.symbol} {crossed.symbol}ᵀ has the eigenvalue {least[r, i]:.3g} "
        f"at t = {time[i]:g}{of_replica(least, int(r))}, but no {own.axes[0].word} is shorter than "
        "its overlaps"
    )


def mended(problem: Problem, *, rounded: bool, large: bool) -> str:
    """What is to be done where the start does not tell."""
    if rounded:
        return "it may be rounded: write all digits"
    crossed, own = tabled(problem)
    told = f"both are scalar products over D ({crossed.long_name}, {own.long_name})"
    if large:
        return f"{told}: divide by D"
    m, q = crossed.symbol, own.symbol
    return f"{told}: {m} is no cosine, and {q} neither a length nor {q} - {m} {m}ᵀ"


def elsewhere(problem: Any, time: Array, state: State) -> str:
    """What is told of order parameters (R, T, …), at times (T,), that do not begin where the
    configuration does; "" where they do, or where nobody knows."""
    if problem.initial.kind == "random" or not begins(problem, time):
        return ""
    start = start_of(problem)
    for one in tabled(problem):
        first = state[one.name][:, 0]
        off = np.abs(first - start[one.name])
        if off.max() > CLOSE * np.abs(start[one.name]).max():
            r, *entry = map(int, np.unravel_index(np.argmax(off), off.shape))
            label = "_".join([one.symbol, *(str(i + 1) for i in entry)])
            return (
                f"The data begin with {label} = {first[(r, *entry)]:.4g} where the configuration "
                f"begins with {start[one.name][tuple(entry)]:.4g}; if that is not meant so, "
                "vectors or directions have other lengths in the data."
            )
    return ""


def slipped(found: Mapping[str, float]) -> str:
    """What order parameters look like, and what is to be done."""
    alike = {power: [name for name in found if found[name] == power] for power in POWERS}
    names = {power: " and ".join(those) for power, those in alike.items() if those}
    looks = ", ".join(f"{those} about {POWERS[power]} times" for power, those in names.items())
    remedies = ", ".join(REMEDIES[power].format(those) for power, those in names.items())
    return f"at t = 0 the data have {looks} that of the configuration's start: {remedies}"


def begins(problem: Problem, time: Array) -> bool:
    """Whether data begin before the first step."""
    return bool(time[0] < problem.step_time / 2)


def slips(problem: Any, first: State, *, impossible: bool) -> dict[str, float]:
    """The powers of D by which overlaps and self-overlaps (R, …) are to be divided, so that they
    begin as the configuration does, by their symbols; none if they do so as they are, or if nothing
    helps. Random vectors that begin with larger overlaps alone may be meant so, unless they are
    ``impossible``."""
    dimension = problem.simulation.dimension
    crossed, own = tabled(problem)
    start = start_of(problem)
    against, square = first[crossed.name], first[own.name]
    size = float(np.abs(start[own.name]).max())
    if problem.initial.kind == "random":
        far, wide = CHANCE * np.sqrt(size / dimension), CHANCE * np.sqrt(2 / dimension) * size
    else:
        far, wide = CLOSE * float(np.abs(start[crossed.name]).max()), CLOSE * size
    powers = sorted(itertools.product((0.0, *POWERS), repeat=2), key=lambda two: sum(map(abs, two)))
    meant = problem.initial.kind == "random" and not impossible
    for one, other in powers:
        if meant and one and not other:
            continue
        near = np.abs(against / dimension**one - start[crossed.name]).max() <= far
        if near and np.abs(square / dimension**other - start[own.name]).max() <= wide:
            found = {crossed.symbol: one, own.symbol: other}
            return {name: power for name, power in found.items() if power}
    return {}


def tabled(problem: Problem) -> tuple[OrderParameter, OrderParameter]:
    """The overlaps with what is hidden, and the self-overlaps."""
    table = schema.table(problem.model)
    return next(one for one in table if one.crossed), next(one for one in table if one.symmetric)


def start_of(problem: Any) -> dict[str, Array]:
    """Where a configuration starts, on the average of random vectors."""
    if problem.initial.kind == "random":
        lengths = schema.sizes(problem)
        crossed, own = tabled(problem)
        count, hidden = (lengths[axis.name] for axis in crossed.axes)
        variance = problem.initial.variance
        return {crossed.name: np.zeros((count, hidden)), own.name: variance * np.eye(count)}
    flow = model_of(problem).flow(problem)
    return dict(flow.state(flow.initial_state))
