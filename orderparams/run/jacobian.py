"""The Jacobian of a flow by differences whose steps fit the problem, not the last digits of y.

The integrators' own differences take steps of about 1e-9 for components near zero. Near rest the
last digits of the quadrature drown them, Newton's method fails, and a long run crawls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import Context, copy_context

import numpy as np
from numpy.typing import NDArray

from orderparams.ordered import ordered

Array = NDArray[np.float64]

STEP = 1e-4
"""Of the unit of a component, over which the velocity changes by its own order of magnitude."""

HARMLESS = 0.03
"""Time step · error of the Jacobian that Newton's method does not feel."""


class Jacobian:
    """∂v_i/∂y_j of a velocity y → v; ``evaluations`` counts the velocities that it took.

    ``units`` (N,) of the components; those that are ``variances`` (N,) do not become negative.
    Velocities are taken by so many ``workers`` (threads); ``pulse`` is called, in this thread, with
    each of them.
    """

    def __init__(
        self,
        velocity: Callable[[Array], Array],
        units: Array,
        variances: NDArray[np.bool_],
        workers: int = 1,
        pulse: Callable[[], None] = lambda: None,
    ) -> None:
        self.velocity, self.units, self.variances = velocity, units, variances
        self.workers, self.pulse = workers, pulse
        self.evaluations = 0

    def __call__(self, y: Array, time_step: float = np.inf) -> Array:
        """The Jacobian at y (N, N), as exact as a time step of this length needs it.

        One-sided differences where their error, a fraction STEP of the Jacobian, does no harm; else
        central ones, at twice the cost: near rest, where the time steps are long.
        """
        steps = np.maximum(STEP * self.units, 1e-8 * np.abs(y))
        (here,) = self._velocities([y])
        above, up = self._displaced(y, steps)
        jacobian = (above - here) / up
        if time_step * STEP * np.abs(jacobian).max() <= HARMLESS:
            return jacobian.T.copy()
        least = np.where(self.variances, np.maximum(y, 0.0), np.inf)
        below, down = self._displaced(y, -np.minimum(steps, least))
        jacobian = (above - below) / (up - down)
        return jacobian.T.copy()

    def _displaced(self, y: Array, steps: Array) -> tuple[Array, Array]:
        """The velocity with each component displaced in turn (N, N), and by how much (N, 1)."""
        moved = y + np.diag(steps)
        return np.array(self._velocities(moved)), np.diagonal(moved - y)[:, None]

    def _velocities(self, points: Iterable[Array]) -> list[Array]:
        """The velocity at each point."""

        def work(item: tuple[Context, Array]) -> Array:
            context, y = item
            return context.run(self.velocity, y)

        found = []
        # the context says what NumPy does about divisions by zero
        for velocity in ordered(work, ((copy_context(), y) for y in points), self.workers):
            self.pulse()
            self.evaluations += 1
            found.append(velocity)
        return found
