"""Vectors at several times, from which their order parameters are computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams import memory
from orderparams.config import Problem
from orderparams.config.words import counted
from orderparams.errors import ConfigurationError
from orderparams.measured.tables import numbers
from orderparams.models import registry
from orderparams.models.vectors.geometry import geometry_of
from orderparams.models.vectors.weights import gram_of_hidden, overlaps_of
from orderparams.results import schema

ORTHOGONAL = 0.02
"""How far overlaps of hidden directions may be off, in units of 1/√D, which is what they are by
chance: ten times less than what replicas scatter by."""

Arrays = Mapping[str, NDArray[Any]]


def vector_names(problem: Problem) -> tuple[str, str] | None:
    """What learned vectors and hidden directions of a problem are called in data."""
    found: tuple[str, str] | None = getattr(registry.configuration(problem.model), "WEIGHTS", None)
    return found


def with_overlaps(arrays: Arrays, problem: Problem, place: str) -> tuple[Arrays, int | None]:
    """Arrays with order parameters in place of vectors, if there are any, and their dimension.

    :class:`ConfigurationError` for vectors whose shapes do not fit, and for hidden directions that
    are not those of the problem.
    """
    names = vector_names(problem)
    given = [name for name in names or () if name in arrays]
    if not given or names is None:
        return arrays, None
    learned, known = names
    if len(given) < 2:
        other = learned if given == [known] else known
        raise ConfigurationError(f"{place}: there are {given[0]} and no {other}; both are needed")
    check_model(problem, learned, place)
    vectors, hidden = np.asarray(arrays[learned]), numbers(arrays[known], known, place)
    check_shapes(vectors, hidden, problem, names, place)
    memory.require(
        8 * 3 * vectors.shape[-2] * vectors.shape[-1] + 16 * vectors.size // vectors.shape[-1],
        f"{place}: overlaps of {learned}",
        "store fewer times",
    )
    check_hidden(hidden, problem, known, place)
    found = overlaps_of(vectors, hidden)
    rest = {name: values for name, values in arrays.items() if name not in names}
    return {**rest, **found}, int(vectors.shape[-1])


def check_model(problem: Problem, learned: str, place: str) -> None:
    """:class:`ConfigurationError` unless overlaps with hidden directions are all that there is."""
    moving = registry.configuration(problem.model).order_parameters(problem)
    more = [one for one in moving if len(one.axes) > 1][2:]
    if more:
        raise ConfigurationError(
            f"{place}: {learned} do not tell {more[0].words}; give all order parameters in their "
            "place"
        )


def check_shapes(
    vectors: NDArray[Any],
    hidden: NDArray[Any],
    problem: Problem,
    names: tuple[str, str],
    place: str,
) -> None:
    """:class:`ConfigurationError` for shapes that do not fit to each other or to the problem."""
    one = next(p for p in schema.table(problem.model) if p.crossed)
    count, features = (schema.sizes(problem)[axis.name] for axis in one.axes)
    rows, columns = counted(count, one.axes[0].word), counted(features, one.axes[1].word)
    if vectors.dtype.kind not in "fiu":
        raise ConfigurationError(f"{place}: {names[0]} are no numbers")
    if vectors.ndim not in (3, 4) or vectors.shape[-2] != count:
        raise ConfigurationError(
            f"{place}: {names[0]} have the shape {vectors.shape}; by the configuration it is "
            f"(times, {count}, D) or (replicas, times, {count}, D), of {rows}"
            + ordered(vectors.shape, count)
        )
    dimension, replicas = vectors.shape[-1], vectors.shape[0] if vectors.ndim == 4 else 1
    fits = {(features, dimension)} | ({(replicas, features, dimension)} if replicas > 1 else set())
    if hidden.ndim == 3 and replicas == 1 and vectors.ndim == 4:
        fits.add((1, features, dimension))
    if hidden.shape not in fits:
        raise ConfigurationError(
            f"{place}: {names[1]} have the shape {hidden.shape}; beside {names[0]} of the shape "
            f"{vectors.shape} it is ({features}, {dimension}), of {columns}, or has the replicas "
            "before that" + "; transpose it" * (hidden.T.shape in fits)
        )
    for name, values in zip(names, (vectors, hidden), strict=True):
        if not np.isfinite(values).all():
            raise ConfigurationError(
                f"{place}: {name} have numbers that are not finite; leave out times at which SGD "
                "had diverged"
            )


def ordered(shape: tuple[int, ...], count: int) -> str:
    """What may have happened to the axes of vectors that have another shape."""
    if len(shape) == 2 and shape[0] == count:
        return "; this is one time, and two or more are judged"
    if len(shape) in (3, 4) and shape[-1] == count:
        return "; the last two axes are in the other order: swap them"
    if len(shape) == 3 and shape[0] == count:
        return "; times come first: swap the first two axes"
    return ""


def check_hidden(hidden: NDArray[np.float64], problem: Problem, known: str, place: str) -> None:
    """:class:`ConfigurationError` for hidden directions that are not orthogonal with squares D, or
    have not the overlaps that the problem gives them."""
    dimension = hidden.shape[-1]
    gram = hidden @ np.swapaxes(hidden, -1, -2) / dimension
    expected = gram_of_hidden(geometry_of(problem))
    off = float(np.abs(gram - expected).max())
    if off <= ORTHOGONAL / np.sqrt(dimension):
        return
    squares = float(np.einsum("...ii->...", gram).mean() / np.trace(expected))
    told = f"{place}: {known} have overlaps that are off by {off:.2g} from "
    told += f"{np.round(expected, 6).tolist()}"
    if abs(squares * dimension - 1) < ORTHOGONAL:
        raise ConfigurationError(
            f"{told}: they have the length 1, and the program's have √D; multiply them by √D"
        )
    raise ConfigurationError(
        f"{told}; scalar products over D are to be those. Random directions are so only when they "
        "are made orthogonal, each with the length √D: np.linalg.qr(x.T)[0].T * D**0.5"
    )
