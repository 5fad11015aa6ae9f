"""What vectors are worth while the weights of all others are held."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.pruning import TOLERANCE
from orderparams.config import Problem
from orderparams.models.vectors.geometry import Vectors, geometry_of
from orderparams.models.vectors.landscape import Landscape
from orderparams.results.analyzed.optimum import Synergy

Array = NDArray[np.float64]


def synergy(problem: Problem, vectors: Vectors) -> Synergy | None:
    """Costs and interactions of vectors with weights u; None where they have none.

    The risk E = E_0 − 2 A·u + uᵀGu is quadratic in them: without head h it is higher by
    −u_h ∂E/∂u_h + G_hh u_h², without two by 2 u_h u_h' G_hh' more than both together.
    """
    name = geometry_of(problem).weights
    if name is None:
        return None
    flow, count = Landscape(problem, tolerance=TOLERANCE).flow, vectors.learners
    weights = vectors.numbers[name][:count]

    def slope(at: Array) -> Array:
        """∂E/∂u = 2 (Gu − A)."""
        moved = flow.altered(vectors, {name: at})
        return flow.gradient(moved, covariance=False).numbers[name][:count]

    base = slope(np.zeros(count))
    curvature = np.array([slope(unit) - base for unit in np.eye(count)])
    both = np.outer(weights, weights) * 0.5 * (curvature + curvature.T)
    cost = 0.5 * np.diag(both) - weights * (base + curvature @ weights)
    return Synergy(cost, both - np.diag(np.diag(both)))
