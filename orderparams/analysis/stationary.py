"""Stationary points of the risk: minima, saddles, and the unspecialized point."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.models.vectors.landscape import ROUGH, Landscape, differentiate
from orderparams.results.analyzed.rests import StationaryPoint

Array = NDArray[np.float64]

SERVES = 0.7
"""Of a gradient, what a step may leave for the Hessian to serve on."""

LEADS = 1e2 * ROUGH
"""Gradients above are so long that a rough Hessian leads to the root."""

RESTS = 1e-11
"""Gradients below are errors of the expectations."""

SHORTEST = 1e-11
"""Steps below, relative to the point, end a search."""

FLAT = 1e-14
"""Curvatures that are none, relative to the largest."""

NEARLY_FLAT = 1e-2
"""The same along a line of stationary points that bends away from it."""

MOST_STEPS, MOST_HESSIANS = 24, 10

ROUNDS = 4
"""Searches on spheres, one from where the other ended."""

PLATEAU = 1e3
"""Risk, above that at the start, of points outside the range of the expectations."""


def point_at(landscape: Landscape, x: Array) -> StationaryPoint:
    """The point with its residual, whatever that is; on spheres with the lengths of its vectors."""
    x = landscape.normed(x)
    risk, gradient = landscape.risk_and_gradient(x)
    residual, there = float(np.abs(gradient).max()), landscape.vectors(x)
    vectors = there.with_residual(there.residual)  # as a file gives them, of no model
    state, penalty = landscape.state(there), landscape.penalty(x)
    return StationaryPoint(x, vectors, state, risk, residual, penalty)


def root(
    gradient: Callable[[Array], Array],
    x: Array,
    rough: Callable[[Array], Array] | None = None,
    flat: float = FLAT,
) -> Array:
    """Where a gradient vanishes near x, by Newton's method on |∇E|² within a trust region.

    Finds saddles as well as minima, and takes singular Hessians. Steps to where the gradient cannot
    be had are shortened. The Hessian is differentiated as rarely as it serves: steps correct it by
    what the gradient did over them (the symmetric rank-one formula). ``rough`` is the same gradient
    for less work, enough for the Hessian where the gradient is long. Nothing moves along axes whose
    curvature is ``flat``, relative to the largest.
    """
    slope = gradient(x)  # an error here is the caller's
    radius = float(np.linalg.norm(x)) or 1.0
    hessian, exact, serves, taken = np.empty(0), False, False, 0
    for _ in range(MOST_STEPS):
        before = float(np.linalg.norm(slope))
        if before <= RESTS:
            break
        if not (exact or serves):
            if taken == MOST_HESSIANS:
                break
            large = rough is not None and np.abs(slope).max(initial=0.0) > LEADS
            hessian = differentiate(rough if rough and large else gradient, x)
            exact, taken = True, taken + 1
        step = newton_step(hessian, slope, radius, flat)
        length = float(np.linalg.norm(step))
        if length <= SHORTEST * float(np.linalg.norm(x)):
            break
        try:
            there = gradient(x + step)
        except SolverError:
            there = np.full(x.size, np.inf)
        after = float(np.linalg.norm(there))
        serves = after <= SERVES * before
        if not after < before:
            radius = 0.25 * length if exact else radius
            continue
        if exact and length > 0.9 * radius:
            radius *= 2
        hessian = corrected(hessian, step, there - slope)
        x, slope, exact = x + step, there, False
    return x


def corrected(hessian: Array, step: Array, change: Array) -> Array:
    """The Hessian with which the gradient changes over a step as it did: the symmetric rank-one
    formula, left out where it divides by nothing."""
    missed = change - hessian @ step
    along = float(missed @ step)
    if abs(along) <= 1e-8 * float(np.linalg.norm(missed) * np.linalg.norm(step)):
        return hessian
    return hessian + np.outer(missed, missed) / along


def newton_step(hessian: Array, slope: Array, radius: float, flat: float = FLAT) -> Array:
    """The step p (n,) no longer than the radius that makes |∇²E p + ∇E| least, across flat axes."""
    curvatures, axes = np.linalg.eigh(hessian)
    parts = axes.T @ slope
    seen = np.abs(curvatures) > flat * np.abs(curvatures).max(initial=0.0)

    def damped(damping: float) -> Array:
        size = curvatures**2 + damping
        return np.divide(-curvatures * parts, size, out=np.zeros_like(parts), where=seen)

    if np.linalg.norm(damped(0.0)) > radius:
        from scipy.optimize import brentq  # slow to import, and what tells of runs searches nothing

        most = float(np.abs(curvatures * parts).max()) * len(parts) ** 0.5 / radius
        low, high = np.log(most) - 80, np.log(most)
        found = brentq(
            lambda log: float(np.linalg.norm(damped(np.exp(log)))) - radius, low, high, rtol=1e-3
        )
        parts = damped(np.exp(found))
    else:
        parts = damped(0.0)
    step: Array = axes @ parts
    return step


def descend(
    value_and_gradient: Callable[[Array], tuple[float, Array]],
    x: Array,
    iterations: int = 2000,
    *,
    least_fall: float = 1e-14,
) -> Array:
    """A minimum below x by a quasi-Newton method, to a gradient of about 1e-6.

    An iteration that lowers the value by ``least_fall`` only ends it as well. Where the risk cannot
    be had there is a high plateau, so that the line search turns back.
    """
    from scipy.optimize import minimize  # as above

    plateau = value_and_gradient(x)[0] + PLATEAU

    def guarded(x: Array) -> tuple[float, Array]:
        try:
            return value_and_gradient(x)
        except SolverError:
            return plateau, np.zeros_like(x)

    found = minimize(
        guarded,
        x,
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": iterations,
            "maxfun": 2 * iterations,
            "gtol": 1e-6,
            "ftol": least_fall,
        },
    )
    lowest: Array = found.x
    return lowest


def nearest_stationary(landscape: Landscape, x: Array) -> StationaryPoint:
    """The stationary point that a second-order method reaches from x: a minimum or a saddle."""
    return point_at(landscape, searched(landscape, x))


def searched(landscape: Landscape, x: Array, flat: float = FLAT) -> Array:
    """Where the search of :func:`root` comes to from x; on spheres it begins again a few times,
    with the lengths that it has left on the way."""
    sphere, rough = landscape.flow.rule.sphere, landscape.rough.held_gradient
    for _ in range(ROUNDS if sphere else 1):
        x = landscape.normed(root(landscape.held_gradient, landscape.normed(x), rough, flat))
        if sphere and np.abs(landscape.gradient(x)).max() < RESTS:
            break
    return x


def nearest_beside_lines(landscape: Landscape, x: Array) -> StationaryPoint:
    """The same where stationary points form lines: one across which x is nearest, if there is one,
    for along a line noise would carry the search far away."""
    across = searched(landscape, x, NEARLY_FLAT)
    point = point_at(landscape, across)
    return point if point.converged else nearest_stationary(landscape, across)


def nearest_minimum(landscape: Landscape, x: Array) -> StationaryPoint:
    """A minimum of the objective by descent from x, polished to second order."""
    lowest = descend(landscape.rough.value_and_gradient, x)
    polished = nearest_stationary(landscape, lowest)
    # Where the landscape is nearly flat the root may be a neighbouring saddle.
    unpolished = point_at(landscape, lowest)
    return polished if polished.objective <= unpolished.objective + 1e-9 else unpolished


def unspecialized_point(landscape: Landscape) -> StationaryPoint:
    """All vectors equal: one effective vector (theory 7). The landscape must have no residual.

    The descent starts at K = 0, and stays there if nothing drives equal vectors, such as heads if
    E[θ] = 0; at the mean of the problem's start where there is no velocity at K = 0. Where vectors
    are given numbers of their own that differ no such point need exist, and the residual shows it.
    """
    count, directions = landscape.weights_shape
    start = landscape.point(landscape.equal)
    learned = start.size // count - directions
    copies = scipy.linalg.block_diag(
        np.tile(np.eye(directions), (count, 1)), *[np.ones((count, 1))] * learned
    )

    def reduced(whole: Landscape) -> Callable[[Array], tuple[float, Array]]:
        def value_and_gradient(z: Array) -> tuple[float, Array]:
            value, gradient = whole.value_and_gradient(copies @ z)
            return value, copies.T @ gradient

        return value_and_gradient

    exact, rough = reduced(landscape), reduced(landscape.rough)
    z = descend(rough, copies.T @ start / count)
    z = root(lambda z: exact(z)[1], z, lambda z: rough(z)[1])
    return point_at(landscape, copies @ z)
