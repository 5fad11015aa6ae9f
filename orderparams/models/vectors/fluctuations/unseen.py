"""Overlaps p_i = w_i·v/D with directions v that the flow of a model need not know, v → −v.

They are zero in the flow, and fluctuate: p decouples from the other order parameters X in S, and
enters their mean as X's own fluctuations do (:mod:`derivatives`), at fixed s = q − m mᵀ − p pᵀ by
½ Σ Cov(p_i, p_j) ∂²f/∂p_i∂p_j − Σ_ij ∂f/∂s_ij Σ Cov(p_i, p_j). Means of nodes are differentiated.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from orderparams.models.vectors.fluctuations.coordinates import Coordinates
from orderparams.models.vectors.fluctuations.derivatives import NONE, Slope
from orderparams.models.vectors.fluctuations.step import Step

Array = NDArray[np.float64]

STEP = 1e-2
"""Of p, in first and second differences of means over fixed nodes."""


class Unseen:
    """The last ``hidden`` directions of ``whole`` coordinates, the others of which are ``seen``.

    ``step`` gives a step at overlaps p (n, hidden).
    """

    def __init__(self, seen: Coordinates, whole: Coordinates) -> None:
        self.seen, self.whole = seen, whole
        shape = (whole.count, whole.directions)
        own = np.arange(whole.overlaps).reshape(shape)[:, seen.directions :].ravel()
        self.own = own
        self.others = np.delete(np.arange(whole.size), own)

    @property
    def size(self) -> int:
        """Entries of p."""
        return len(self.own)

    def jacobian(self, step: Callable[[Array], Step]) -> Array:
        """∂f_p/∂p at p = 0."""
        shape = (self.whole.count, -1)
        unit = STEP * np.eye(self.size)
        columns = [
            (step(move.reshape(shape)).mean - step(-move.reshape(shape)).mean)[self.own]
            for move in unit
        ]
        return np.array(columns).T / (2 * STEP)

    def curvature(
        self, step: Callable[[Array], Step], slope: Slope, here: Step, covariance: Array
    ) -> Array:
        """What a covariance of p (hidden·n, hidden·n) makes of the mean of f in X and of the loss
        (N+1,)."""
        shape = (self.whole.count, -1)
        sizes, axes = np.linalg.eigh(covariance)
        found = np.zeros(len(slope.value))
        for size, axis in zip(sizes, axes.T, strict=True):
            if size > NONE * max(sizes[-1], 0.0):
                move = STEP * axis.reshape(shape)
                second = sum(self.moments(step(way)) for way in (move, -move))
                found += 0.5 * size / STEP**2 * (second - 2 * self.moments(here))
        hidden = self.size // self.whole.count
        blocks = covariance.reshape(self.whole.count, hidden, self.whole.count, hidden)
        spread = np.einsum("ifjf->ij", blocks)
        rows, columns = self.seen.triangle
        first = self.seen.overlaps
        own = slope.by_y[:, first : first + len(rows)]
        shift: Array = found - own @ spread[rows, columns]
        return shift

    def moments(self, step: Step) -> Array:
        """f in X and the loss (N+1,)."""
        return np.append(step.mean[self.others], step.loss)
