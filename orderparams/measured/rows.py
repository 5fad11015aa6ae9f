"""Rows of data as replicas in time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError

Whole = NDArray[np.int64]
Arrays = dict[str, NDArray[np.float64]]

CLOSE = 1e-9
"""Relative difference up to which times of replicas are equal."""


def places(labels: NDArray[Any] | None, count: int, place: str) -> Whole:
    """Indices (R, T) of so many rows, of each replica in the order in which they stand.

    :class:`ConfigurationError` where replicas have not equally many.
    """
    if labels is None:
        return np.arange(count)[None]
    names = labels.astype(str)
    known, first, replica = np.unique(names, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rows = [np.flatnonzero(replica == number) for number in order]
    for number, own in zip(order[1:], rows[1:], strict=True):
        if len(own) != len(rows[0]):
            raise ConfigurationError(
                f"{place}: replica {called(known[order[0]])} has {len(rows[0])} times, and replica "
                f"{called(known[number])} has {len(own)}; all are to have the same"
            )
    return np.array(rows)


def distinct(clocks: Arrays, state: Arrays) -> tuple[Arrays, Arrays]:
    """Times and order parameters (R, T, …) without those times at which nothing has changed since
    the one before, as where times between two steps were asked for."""
    together = [
        values.reshape(*values.shape[:2], -1) for values in (*clocks.values(), *state.values())
    ]
    whole = np.concatenate(together, axis=2)
    kept = np.append(True, np.any(np.diff(whole, axis=1) != 0, axis=(0, 2)))
    return (
        {name: values[:, kept] for name, values in clocks.items()},
        {name: values[:, kept] for name, values in state.items()},
    )


def check_replicas(state: Arrays, place: str) -> None:
    """:class:`ConfigurationError` where two replicas (R, T, …) are one: evidence counted twice."""
    whole = np.concatenate([of.reshape(*of.shape[:2], -1) for of in state.values()], axis=2)
    for number, own in enumerate(whole):
        for other in range(number):
            if np.array_equal(own, whole[other]):
                raise ConfigurationError(
                    f"{place}: replicas {other + 1} and {number + 1} are the same at all times; "
                    "each is to have random numbers of its own: leave one out, or simulate it with "
                    "another seed"
                )


def check_moves(state: Arrays, place: str) -> None:
    """:class:`ConfigurationError` where a replica (R, T, …) stays exactly where it begins."""
    still = stays(state)
    for number, own in enumerate(still):
        if own.all():
            raise ConfigurationError(
                f"{place}: no order parameter changes at any time{of_replica(still, number)}, to "
                "the last digit, and SGD changes all of them at every step; was it run, and was "
                "the state copied at each time (keys.copy())?"
            )


def held(state: Arrays, time: NDArray[np.float64], place: str) -> str:
    """What is told of times at which a replica (R, T, …) is exactly where it was before, which a
    step of SGD leaves nowhere; "" if there are none."""
    still = stays(state)
    if not still.any():
        return ""
    r, i = np.argwhere(still)[0]
    return (
        f"{place}: at t = {time[i + 1]:g}{of_replica(still, int(r))}, and {still.sum()} of "
        f"{still.size} times, all order parameters are exactly those of the time before: if values "
        "are repeated until the next measurement, leave the repeated ones out"
    )


def stays(state: Arrays) -> NDArray[np.bool_]:
    """Whether nothing changes from one time to the next (R, T-1)."""
    whole = np.concatenate([of.reshape(*of.shape[:2], -1) for of in state.values()], axis=2)
    return np.asarray(~(np.diff(whole, axis=1) != 0).any(axis=2))


def called(label: Any) -> str:
    """A replica as it was written; a number as short as it can be."""
    try:
        return f"{float(label):g}"
    except ValueError:
        return str(label)


def check_times(values: NDArray[np.float64], name: str, place: str, *, told_apart: bool) -> None:
    """:class:`ConfigurationError` for times or steps (R, T) that are not finite, below zero, one
    only, do not increase, or are not those of all replicas."""
    what = f"{place}: {name}"
    if not np.isfinite(values).all():
        r, i = np.argwhere(~np.isfinite(values))[0]
        raise ConfigurationError(f"{what} is {values[r, i]} in row {i + 1}{of_replica(values, r)}")
    if values.shape[1] < 2:
        raise ConfigurationError(
            f"{what} has one value only; what SGD does between two times is judged, so that at "
            "least two are needed"
        )
    if values.min() < 0:
        raise ConfigurationError(f"{what} is {values.min():g} at its least; it counts from 0")
    falls = np.argwhere(np.diff(values, axis=1) <= 0)
    if len(falls):
        r, i = falls[0]
        hint = "" if told_apart else "; several replicas are told apart by a column replica"
        raise ConfigurationError(
            f"{what} must increase, and {values[r, i + 1]:g} follows {values[r, i]:g} in row "
            f"{i + 2}{of_replica(values, r)}{hint}"
        )
    off = np.argwhere(~np.isclose(values, values[0], rtol=CLOSE, atol=0))
    if len(off):
        r, i = off[0]
        raise ConfigurationError(
            f"{what} is {values[r, i]:g} in row {i + 1} of replica {r + 1}, and {values[0, i]:g} "
            "of replica 1; replicas are judged at the same times"
        )


def of_replica(values: NDArray[Any], number: int) -> str:
    """Which replica it is, where there are several."""
    return f" of replica {number + 1}" if len(values) > 1 else ""
