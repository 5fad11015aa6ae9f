"""Order parameters of vectors in R^D that are given as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.models.vectors.geometry import Geometry, parted

Array = NDArray[np.float64]


def gram_of_hidden(geometry: Geometry) -> Array:
    """The overlaps w*_f·w*_g/D (M, M) that the hidden directions have."""
    dimensions = len(geometry.directions[0].basis)
    found = geometry.measured(np.eye(dimensions))
    gram: Array = found.T @ found
    return gram


def overlaps_of(vectors: NDArray[Any], hidden: Array) -> dict[str, Array]:
    """Overlaps (…, n, M) and self-overlaps (…, n, n) of vectors (…, n, D) and hidden directions
    (M, D), or (R, M, D) of vectors (R, …, n, D); scalar products over D, in float64."""
    *leading, count, dimension = vectors.shape
    overlap = np.empty((*leading, count, hidden.shape[-2]))
    own = np.empty((*leading, count, count))
    for index in np.ndindex(*leading):
        learned = np.asarray(vectors[index], dtype=np.float64)
        against = hidden[index[0]] if hidden.ndim == 3 else hidden
        with np.errstate(over="ignore", invalid="ignore"):  # of SGD that has diverged
            overlap[index] = learned @ against.T / dimension
            own[index] = learned @ learned.T / dimension
    return {"overlap": overlap, "self_overlap": own}


def least_residual(geometry: Geometry, parameters: Mapping[str, Array]) -> Array:
    """The least eigenvalue (…) of q − m mᵀ, of which none is negative: no vector is shorter than
    its overlaps."""
    _, residual = parted(geometry, parameters)
    least: Array = np.asarray(np.linalg.eigvalsh(residual)[..., 0], dtype=np.float64)
    return least
