"""Stationary points of the risk: minima, saddles, and the unspecialized point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.optimize
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.models.interface import State
from orderparams.models.vectors.geometry import Vectors
from orderparams.models.vectors.landscape import Landscape, differentiate

Array = NDArray[np.float64]

CONVERGED = 1e-7
"""Residual below which a point counts as stationary."""

PLATEAU = 1e3
"""Risk, above that at the start, of points outside the range of the expectations."""


@dataclass(frozen=True, eq=False)
class StationaryPoint:
    """x of the landscape, the vectors there, their order parameters and all that is not learned as
    ``state``, and the risk; ``residual`` is max |∂E/∂x|.

    ``penalty`` is λ|K|²/2; with weight decay the point is one of the sum, the ``objective``.
    """

    x: Array
    vectors: Vectors
    state: State
    risk: float
    residual: float
    penalty: float = 0.0

    @property
    def objective(self) -> float:
        """What training lowers: the risk, and the penalty of weight decay."""
        return self.risk + self.penalty

    @property
    def converged(self) -> bool:
        """Whether the gradient vanishes to the accuracy of the expectations."""
        return self.residual < CONVERGED

    @classmethod
    def at(cls, landscape: Landscape, x: Array) -> StationaryPoint:
        """The point with its residual, whatever that is."""
        residual = float(np.abs(landscape.gradient(x)).max())
        vectors = landscape.vectors(x)
        risk, penalty = landscape.risk(x), landscape.penalty(x)
        return cls(x, vectors, landscape.state(vectors), risk, residual, penalty)


def root(gradient: Callable[[Array], Array], x: Array) -> Array:
    """Where a gradient vanishes near x: least squares with the Hessian as Jacobian.

    Second order; finds saddles as well as minima, and takes singular Hessians. Steps to where the
    gradient cannot be had are shortened.
    """
    gradient(x)  # an error at the start is the caller's

    def guarded(x: Array) -> Array:
        try:
            return gradient(x)
        except SolverError:
            return np.full(x.size, np.nan)

    def hessian(x: Array) -> Array:
        return differentiate(gradient, x)

    found = scipy.optimize.least_squares(
        guarded,
        x,
        jac=hessian,
        xtol=1e-10,
        gtol=1e-11,  # of the gradient of |∇E|²/2: the residual times a curvature
        ftol=1e-12,
        max_nfev=10,
    )
    nearest: Array = found.x
    return nearest


def descend(
    value_and_gradient: Callable[[Array], tuple[float, Array]], x: Array, iterations: int = 2000
) -> Array:
    """A minimum below x by a quasi-Newton method, to a gradient of about 1e-6.

    Where the risk cannot be had there is a high plateau, so that the line search turns back.
    """
    plateau = value_and_gradient(x)[0] + PLATEAU

    def guarded(x: Array) -> tuple[float, Array]:
        try:
            return value_and_gradient(x)
        except SolverError:
            return plateau, np.zeros_like(x)

    found = scipy.optimize.minimize(
        guarded,
        x,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": iterations, "maxfun": 2 * iterations, "gtol": 1e-6, "ftol": 1e-14},
    )
    lowest: Array = found.x
    return lowest


def nearest_stationary(landscape: Landscape, x: Array) -> StationaryPoint:
    """The stationary point that a second-order method reaches from x: a minimum or a saddle."""
    return StationaryPoint.at(landscape, root(landscape.gradient, x))


def nearest_minimum(landscape: Landscape, x: Array) -> StationaryPoint:
    """A minimum of the objective by descent from x, polished to second order."""
    lowest = descend(landscape.value_and_gradient, x)
    polished = nearest_stationary(landscape, lowest)
    # Where the landscape is nearly flat the root may be a neighbouring saddle.
    unpolished = StationaryPoint.at(landscape, lowest)
    return polished if polished.objective <= unpolished.objective + 1e-9 else unpolished


def unspecialized_point(landscape: Landscape) -> StationaryPoint:
    """All vectors equal: one effective vector (theory 7). The landscape must have no residual.

    The descent starts at K = 0, and stays there if nothing drives equal vectors, such as heads if
    E[θ] = 0. Where vectors are given numbers of their own that differ no such point need exist, and
    the residual shows it.
    """
    count, directions = landscape.weights_shape
    none = np.zeros((count, count))
    begin = Vectors(np.zeros((count, directions)), none, landscape.flow.start.numbers)
    start = landscape.point(begin)
    learned = start.size // count - directions
    copies = scipy.linalg.block_diag(
        np.tile(np.eye(directions), (count, 1)), *[np.ones((count, 1))] * learned
    )

    def value_and_gradient(z: Array) -> tuple[float, Array]:
        value, gradient = landscape.value_and_gradient(copies @ z)
        return value, copies.T @ gradient

    z = descend(value_and_gradient, copies.T @ start / count)
    z = root(lambda z: value_and_gradient(z)[1], z)
    return StationaryPoint.at(landscape, copies @ z)
