"""Data → replicas of order parameters in time, which can be what they claim to be."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.config.words import counted
from orderparams.errors import ConfigurationError
from orderparams.measured import rows
from orderparams.measured.clock import time_of
from orderparams.measured.names import Named, spelled, told_apart
from orderparams.measured.scales import check_scales
from orderparams.measured.tables import numbers
from orderparams.measured.vectors import with_overlaps
from orderparams.measured.written import Written
from orderparams.models import registry
from orderparams.models.vectors.geometry import geometry_of

Array = NDArray[np.float64]

CLOCKS = ("time", "step")
REPLICA = "replica"


class Measured(NamedTuple):
    """A problem in the dimension of the data; times (T,), whether steps have told them, order
    parameters (R, T, …) by name, and warnings."""

    problem: Problem
    time: Array
    stepped: bool
    parameters: dict[str, Array]
    warnings: list[str]


def measured(written: Written, problem: Problem, dimension: int | None) -> Measured:
    """The order parameters of a problem; :class:`ConfigurationError` for data that cannot be those,
    or are not enough to be judged."""
    place = written.place
    arrays, size = with_overlaps(written.arrays, problem, place)
    problem = in_dimension(problem, dimension, size or written.dimension, place)
    clocks = {name: numbers(arrays[name], name, place) for name in CLOCKS if name in arrays}
    rest = {name: of for name, of in arrays.items() if name not in (*CLOCKS, REPLICA)}
    named = told_apart(rest, problem, place)
    state, labels = by_replica(named, arrays.get(REPLICA), clocks, place)
    clocks, state = rows.distinct(clocks, state)
    for name, values in clocks.items():
        rows.check_times(values, name, place, told_apart=labels)
    check_finite(state, problem, place)
    rows.check_replicas(state, place)
    rows.check_moves(state, place)
    step = clocks["step"][0] if "step" in clocks else None
    given = clocks["time"][0] if "time" in clocks else None
    time = time_of(given, step, problem, place, named.idle)
    idle = f"{place}: not used: {', '.join(named.idle)}" if named.idle else ""
    told = [idle, rows.held(state, time, place), check_scales(problem, time, state, place)]
    stepped = step is not None
    return Measured(as_run(problem, time, state), time, stepped, state, list(filter(None, told)))


def as_run(problem: Any, time: Array, state: dict[str, Array]) -> Problem:
    """The problem with as many replicas, and as long, as the data."""
    replicas = len(next(iter(state.values())))
    simulation = dataclasses.replace(problem.simulation, replicas=replicas)
    training = dataclasses.replace(problem.training, duration=float(time[-1]))
    found: Problem = dataclasses.replace(problem, simulation=simulation, training=training)
    return found


def in_dimension(problem: Any, given: int | None, own: int | None, place: str) -> Problem:
    """The problem in the dimension of the data.

    :class:`ConfigurationError` where that is not known, is another than the data say, or too small
    for the vectors.
    """
    if given is not None and own is not None and given != own:
        raise ConfigurationError(
            f"is {given}, and {place} is of D = {own}; leave it out", argument="dimension"
        )
    size = own if given is None else given
    if size is None:
        raise ConfigurationError(
            f"is missing: {place} does not say in which dimension D it was simulated",
            argument="dimension",
        )
    geometry = geometry_of(problem)
    hidden, vectors = len(geometry.directions[0].basis), next(geometry.starts()).count
    if size < hidden + vectors:
        raise ConfigurationError(
            f"is {size}, in which {counted(vectors, 'vector')} and "
            f"{counted(hidden, 'hidden direction')} cannot be independent; it is at least "
            f"{hidden + vectors}",
            argument="dimension",
        )
    simulation = dataclasses.replace(problem.simulation, dimension=size)
    found: Problem = dataclasses.replace(problem, simulation=simulation)
    return found


def by_replica(
    named: Named, replica: NDArray[Any] | None, clocks: dict[str, Array], place: str
) -> tuple[dict[str, Array], bool]:
    """Order parameters (R, T, …), and whether replicas are told apart; ``clocks`` become (R, T)."""
    if len(named.shape) == 2:
        for name, values in clocks.items():
            own = fitting(values, named.shape, name, place)
            clocks[name] = np.broadcast_to(own, named.shape)
        return named.parameters, True
    (count,) = named.shape
    for name, values in clocks.items():
        fitting(values, (count,), name, place)
    if replica is not None and replica.shape != (count,):
        raise ConfigurationError(
            f"{place}: replica has the shape {replica.shape}, and there are {count} rows"
        )
    where = rows.places(replica, count, place)
    for name, values in clocks.items():
        clocks[name] = values[where]
    return {name: values[where] for name, values in named.parameters.items()}, replica is not None


def fitting(values: Array, shape: tuple[int, ...], name: str, place: str) -> Array:
    """Values of which one belongs to each time."""
    if values.shape[-1:] != shape[-1:] or values.ndim > len(shape):
        raise ConfigurationError(
            f"{place}: {name} has the shape {values.shape}, and order parameters are known at "
            f"{shape[-1]} times"
        )
    return values


def check_finite(state: dict[str, Array], problem: Problem, place: str) -> None:
    """:class:`ConfigurationError` for what is no number."""
    for one in registry.configuration(problem.model).order_parameters(problem):
        bad = np.argwhere(~np.isfinite(state[one.name]))
        if len(bad):
            r, i, *entry = map(int, bad[0])
            value = state[one.name][tuple(bad[0])]
            raise ConfigurationError(
                f"{place}: {spelled(one, tuple(entry))} is {value} at time {i + 1}"
                f"{rows.of_replica(state[one.name], r)}; leave out times that were not measured, "
                "or at which SGD had diverged"
            )
