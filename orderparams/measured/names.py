"""What the arrays of data are called: order parameters by their symbols or names, whole or entry by
entry, or the vectors that they are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.config.values import nearest
from orderparams.errors import ConfigurationError
from orderparams.measured.tables import numbers
from orderparams.models import registry
from orderparams.models.parameters import OrderParameter
from orderparams.results import schema

Array = NDArray[np.float64]
Index = tuple[int, ...]

ENTRY = re.compile(r"(.+?)((?:[_,]\d+)+)")
"""A name with places behind it, such as m_1_2 or m_1,2."""

MOST_NAMED = 4
SAME = 1e-6
"""Relative difference up to which two halves of a symmetric matrix are equal."""


class Named(NamedTuple):
    """Order parameters (…, own axes) by name, which have the leading axes ``shape``, and names that
    nothing was made of."""

    parameters: dict[str, Array]
    shape: tuple[int, ...]
    idle: list[str]


def tables(problem: Problem) -> tuple[dict[str, OrderParameter], dict[str, int]]:
    """The order parameters that move in a problem by all their names, and the lengths of axes."""
    moving = registry.configuration(problem.model).order_parameters(problem)
    known = {name: one for one in moving for name in (one.name, one.symbol, one.sign)}
    return known, schema.sizes(problem)


def shape_of(one: OrderParameter, lengths: Mapping[str, int]) -> tuple[int, ...]:
    """The shape of an order parameter."""
    return tuple(lengths[axis.name] for axis in one.axes)


def idle_names(problem: Problem) -> set[str]:
    """What stands beside order parameters in files of this program: what else was recorded, axes,
    and what is known of the file."""
    recorded = schema.replicas(problem.model)
    axes = {axis for variable in recorded.values() for axis in variable.axes}
    moving = {one.name for one in tables(problem)[0].values()}
    table = {one.name for one in schema.table(problem.model)}
    return (recorded.keys() - table - moving) | axes | {"metadata", "dimension", "replica"}


def told_apart(arrays: Mapping[str, NDArray[Any]], problem: Problem, place: str) -> Named:
    """Order parameters among arrays that are not those of time; :class:`ConfigurationError` for
    those that are missing or have other shapes than in the problem."""
    known, lengths = tables(problem)
    parts: dict[str, dict[Index, Array]] = {one.name: {} for one in known.values()}
    whole: dict[str, Array] = {}
    idle: list[str] = []
    for name, values in arrays.items():
        found = ENTRY.fullmatch(name)
        if one := known.get(name):
            whole[one.name] = in_shape(one, numbers(values, name, place), lengths, name, place)
        elif found and (one := known.get(found[1])):
            index = place_of(one, found[2], lengths, name, place)
            parts[one.name][index] = numbers(values, name, place)
        else:
            check_unmoved(name, found[1] if found else name, problem, place)
            idle.append(name)
    if not whole and not any(parts.values()):
        raise none_known(known, lengths, list(arrays), place)
    for one in dict.fromkeys(known.values()):
        if one.name not in whole:
            whole[one.name] = assembled(one, parts[one.name], lengths, idle, place)
        check_symmetric(one, whole[one.name], place)
    shapes = {
        one.name: whole[one.name].shape[: whole[one.name].ndim - len(one.axes)]
        for one in known.values()
    }
    (first, shape), *others = shapes.items()
    if 0 in shape:
        raise ConfigurationError(f"{place}: {first} has no times; there is nothing to judge")
    for name, other in others:
        if other != shape:
            raise ConfigurationError(
                f"{place}: {first} is known of {shape} replicas and times, and {name} of {other}; "
                "both have the same"
            )
    return Named(whole, shape, [name for name in idle if name not in idle_names(problem)])


def in_shape(
    one: OrderParameter, values: Array, lengths: Mapping[str, int], name: str, place: str
) -> Array:
    """A whole order parameter (…, own axes)."""
    expected = shape_of(one, lengths)
    leading = values.ndim - len(expected)
    if leading < 1 and set(expected) == {1}:  # a single number, written without its axes
        values, leading = values.reshape(*values.shape, *expected), values.ndim
    if leading not in (1, 2) or values.shape[leading:] != expected:
        words, own = ", ".join(axis.word for axis in one.axes), ", ".join(map(str, expected))
        raise ConfigurationError(
            f"{place}: {name} has the shape {values.shape}; by the configuration it is (times, "
            f"{own}) or (replicas, times, {own}), the last axes those of {words}"
            + turned(values.shape, expected)
        )
    return values


def turned(shape: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """What may have happened to the axes of an array that has another shape."""
    count = len(expected)
    if len(shape) in (count + 1, count + 2):
        if shape[-count:] == expected[::-1]:
            return "; the last axes are in the other order: swap them"
        if shape[:count] == expected:
            return "; times come before them: move the last axis to the front"
    return ""


def none_known(
    known: Mapping[str, OrderParameter],
    lengths: Mapping[str, int],
    names: list[str],
    place: str,
) -> ConfigurationError:
    """The error for data in which no name is one of an order parameter."""
    like = [
        spelled(one, next(iter(one.entries(shape_of(one, lengths)))))
        for one in dict.fromkeys(known.values())
    ]
    some = ", ".join(map(repr, names[:MOST_NAMED])) + ", …" * (len(names) > MOST_NAMED)
    close = nearest(like[0], names, 0.7)
    return ConfigurationError(
        f"{place}: no order parameter of the configuration, such as {', '.join(like)}, is there"
        + (f", but {some}" if names else "")
        + f"; is {close!r} what is meant?" * bool(close)
    )


def check_symmetric(one: OrderParameter, values: Array, place: str) -> None:
    """:class:`ConfigurationError` for a matrix whose two halves are not equal."""
    if not one.symmetric or np.allclose(
        values, np.swapaxes(values, -1, -2), rtol=SAME, atol=SAME, equal_nan=True
    ):
        return
    raise ConfigurationError(
        f"{place}: {one.symbol} is not symmetric, and {one.words} is; fill both halves"
    )


def place_of(
    one: OrderParameter, text: str, lengths: Mapping[str, int], name: str, place: str
) -> Index:
    """The index that is written behind a symbol; of a symmetric matrix in either half."""
    index = tuple(int(part) - 1 for part in re.split("[_,]", text)[1:])
    if not one.symmetric and all(lengths[axis.name] == 1 for axis in one.axes[len(index) :]):
        index += (0,) * (len(one.axes) - len(index))
    if len(index) != len(one.axes):
        like = "_".join(str(i + 1) for i in range(len(one.axes)))
        raise ConfigurationError(
            f"{place}: {name} has {len(index)} places, and {one.words} has {len(one.axes)}, such "
            f"as {one.symbol}_{like}"
        )
    for axis, at in zip(one.axes, index, strict=True):
        if not 0 <= at < lengths[axis.name]:
            raise ConfigurationError(
                f"{place}: {name} is of {axis.word} {at + 1}, and the configuration has "
                f"{lengths[axis.name]}, counted from 1; change the configuration, or leave the "
                "column out"
            )
    return index


def check_unmoved(name: str, stem: str, problem: Problem, place: str) -> None:
    """:class:`ConfigurationError` for an order parameter that does not move in the problem."""
    for one in schema.table(problem.model):
        if stem in (one.name, one.symbol, one.sign):
            raise ConfigurationError(
                f"{place}: {name} is a {one.words}, which nothing moves in this configuration; "
                "change the configuration, or leave it out"
            )


def assembled(
    one: OrderParameter,
    parts: Mapping[Index, Array],
    lengths: Mapping[str, int],
    idle: Iterable[str],
    place: str,
) -> Array:
    """A whole order parameter from its entries; :class:`ConfigurationError` for what is missing,
    with the one that may be meant, and for two halves that are not equal."""
    expected = shape_of(one, lengths)
    entries = list(one.entries(expected))
    missing = [i for i in entries if i not in parts and not (one.symmetric and i[::-1] in parts)]
    if missing:
        raise lacking(one, missing, [*parts], lengths, idle, place)
    first = next(iter(parts.values()))
    found = np.empty((*first.shape, *expected))
    for index, values in parts.items():
        if values.shape != first.shape:
            raise ConfigurationError(
                f"{place}: {spelled(one, index)} has the shape {values.shape}, and other entries "
                f"{first.shape}; all are of the same times"
            )
        mirrored = parts.get(index[::-1], values) if one.symmetric else values
        if not np.allclose(mirrored, values, rtol=SAME, atol=SAME, equal_nan=True):
            raise ConfigurationError(
                f"{place}: {spelled(one, index)} and {spelled(one, index[::-1])} are not equal, "
                f"and {one.words} is symmetric; leave one of them out"
            )
        halves: Any = {index, index[::-1] if one.symmetric else index}
        for at in halves:
            found[(..., *at)] = values
    return found


def spelled(one: OrderParameter, index: Index) -> str:
    """An entry as a column is called."""
    return "_".join([one.symbol, *(str(i + 1) for i in index)])


def lacking(
    one: OrderParameter,
    missing: list[Index],
    present: list[Index],
    lengths: Mapping[str, int],
    idle: Iterable[str],
    place: str,
) -> ConfigurationError:
    """The error for entries that are missing."""
    names = [spelled(one, index) for index in missing]
    close = next(filter(None, (nearest(name, idle, 0.7) for name in names)), None)
    some = ", ".join(names[:MOST_NAMED]) + ", …" * (len(names) > MOST_NAMED)
    text = f"{place}: {some} {'is' if len(names) == 1 else 'are'} missing; all order parameters "
    text += "of the configuration are needed at every time"
    if close:
        return ConfigurationError(f"{text}; {close!r} is in the data, is that what is meant?")
    seen = [*present, *(index[::-1] for index in present if one.symmetric)]
    counts = [
        f"{max(known) + 1} of {lengths[axis.name]} {axis.word}s"
        for axis, known in zip(one.axes, zip(*seen, strict=True), strict=False)
        if max(known) + 1 < lengths[axis.name]
    ]
    if counts:
        return ConfigurationError(
            f"{text}: the data have {counts[0]}; change the number in the configuration"
        )
    return ConfigurationError(text)
