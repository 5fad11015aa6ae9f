"""A plane of two hidden directions, and what lies in it.

Coordinates are the overlaps as the model measures them, those with two of its directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.errors import ConfigurationError
from orderparams.models.vectors.geometry import Geometry, geometry_of

Array = NDArray[np.float64]

SAME = 1e-9
"""Relative difference up to which two variances are one."""


@dataclass(frozen=True, eq=False)
class Plane:
    """The plane of two entries of the overlaps, counted from 0, in ascending order.

    ``axes`` (d, 2) takes positions among the d hidden directions to overlaps with the two; of what
    is hidden, ``centers`` (C, 2) and ``covariances`` (C, 2, 2), zero for points.
    """

    entries: tuple[int, int]
    axes: Array
    centers: Array
    covariances: Array


def plane_of(problem: Problem, final: Array, chosen: Sequence[int] = ()) -> Plane:
    """The plane of two ``chosen`` directions, counted from 1.

    Where none are, those in which what is hidden varies most, among equals those with the largest
    of the ``final`` overlaps (n, M). :class:`ConfigurationError` if there are no such two.
    """
    geometry = geometry_of(problem)
    axes, support = measures(geometry), geometry.support
    first, second = checked(chosen, final.shape[1])
    if not chosen:
        variances = np.einsum("df,de,ef->f", axes, support.covariance, axes)
        ranks = np.round(variances / max(variances.max(), 1e-300) / SAME) * SAME
        order = np.lexsort((-np.linalg.norm(final, axis=0), -ranks))
        first, second = sorted(order[:2].tolist())
    axes = axes[:, [first, second]]
    return Plane(
        (first, second),
        axes,
        support.means @ axes,
        np.einsum("df,cde,eg->cfg", axes, support.covariances, axes),
    )


def measures(geometry: Geometry) -> Array:
    """(d, M): positions (…, d) times it are the overlaps as they are measured."""
    size = geometry.directions[0].basis.shape[0]
    return geometry.measured(np.eye(size))


def checked(chosen: Sequence[int], count: int) -> tuple[int, int]:
    """Two directions of so many, counted from 0; the first two if none are chosen."""
    if count < 2:
        raise ConfigurationError("a plane takes two directions, and this problem has one")
    wanted = tuple(chosen) or (1, 2)
    if len(wanted) != 2 or wanted[0] == wanted[1] or not all(1 <= one <= count for one in wanted):
        raise ConfigurationError(
            f"plane {','.join(map(str, wanted))}: it takes two different directions of 1 to "
            f"{count}, such as 1,2"
        )
    first, second = sorted(wanted)
    return first - 1, second - 1
