"""One of SciPy's solvers on a flow: time steps, the state after each, and what is counted."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate
from numpy.typing import NDArray

from orderparams.config.sections import IntegratorConfig
from orderparams.errors import SolverError
from orderparams.models.interface import Flow
from orderparams.processors import threads
from orderparams.results.trajectory import Reached
from orderparams.run.jacobian import Jacobian
from orderparams.run.rest import NOISE, at_rest

Array = NDArray[np.float64]

IMPLICIT = {"LSODA", "Radau", "BDF"}
"""Methods that hold matrices as large as the square of the state."""

ONE_STEP = {"RK45", "RK23", "DOP853"}
"""Methods that know nothing but the state and the next time step, and go on to the same bits."""

SHORT = 1e-100
"""Durations below are integrated in units of themselves: the methods square times."""


class Stepper:
    """A solver of SciPy between a state and an end, and what is counted.

    ``pulse`` is called with the time before every velocity. The solver measures time in units of
    ``unit``. Where the flow changes in time a new solver begins, as if the run had been resumed.
    """

    def __init__(
        self,
        flow: Flow,
        state: Reached,
        end: float,
        settings: IntegratorConfig,
        pulse: Callable[[float], None],
    ) -> None:
        self.state, self.settings = state, settings
        self.unit = end if end < SHORT else 1.0
        self.solver: Any = None
        self.steps = self.velocities = self.jacobians = 0
        self.ends = [*sorted(t for t in flow.changes if state.time < t < end), end]
        self.settled = max(flow.changes, default=0.0)
        self.now, self.side = state.time, np.inf

        def velocity(y: Array) -> Array:
            return self.unit * flow.derivative(self.now, y)

        def derivative(t: float, y: Array) -> Array:
            pulse(self.state.time)
            self.velocities += 1
            self.now = min(t * self.unit, self.side)
            return velocity(y)

        self.derivative = derivative
        self.error = NOISE if np.isinf(flow.tolerance) else max(NOISE, flow.tolerance)
        workers = threads() if flow.long_work else 1
        self.jacobian = Jacobian(
            velocity, flow.units, flow.variances, workers, lambda: pulse(self.state.time)
        )
        self._begin()

    def _begin(self) -> None:
        """A solver from the state to the next end, where it sees the flow as it is before."""
        state, settings, end = self.state, self.settings, self.ends.pop(0)
        if self.solver is not None:
            self.jacobians += int(self.solver.njev)
            self.solver = None
        self.side = np.nextafter(end, 0.0) if self.ends else np.inf
        options: dict[str, Any] = {"rtol": settings.rtol, "atol": settings.atol}
        start, bound = state.time / self.unit, end / self.unit
        if settings.method in IMPLICIT:
            options["jac"] = self._jacobian
        elif state.step:
            options["first_step"] = min(state.step / self.unit, bound - start)
        method = getattr(scipy.integrate, settings.method)
        self.solver = method(self.derivative, start, state.y.copy(), bound, **options)
        if "first_step" in options:
            self.solver.h_abs = state.step / self.unit

    def _jacobian(self, t: float, y: Array) -> Array:
        """The Jacobian for the time step that is tried, or was made last.

        BDF keeps it as long as it can, for steps of any length.
        """
        self.now = min(t * self.unit, self.side)
        if self.settings.method == "BDF":
            return self.jacobian(y)
        solver = self.solver
        return self.jacobian(y, max(t - solver.t, solver.step_size or 0.0) if solver else 0.0)

    @property
    def running(self) -> bool:
        return bool(self.solver.status == "running" or self.ends)

    def step(self) -> None:
        """One time step; a :class:`SolverError` if the method gives up."""
        if self.ends and self.solver.status != "running":
            self._begin()
        solver, method = self.solver, self.settings.method
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            problem = solver.step()
        self.steps += 1
        if problem is not None:
            reason = "; ".join(dict.fromkeys(str(entry.message) for entry in caught)) or problem
            raise SolverError(f"{method} gave up: {reason}")
        if not np.isfinite(solver.y).all():
            raise SolverError("the state is not finite")
        step = solver.h_abs * self.unit if method in ONE_STEP else 0.0
        self.state = Reached(solver.t * self.unit, solver.y.copy(), step)

    def at_rest(self) -> bool:
        """Whether the flow moves by less than the method's tolerance from here on."""
        solver, settings = self.solver, self.settings
        if self.state.time <= self.settled:
            return False
        time, y = solver.t, self.state.y
        tolerance = np.full(len(y), settings.atol + settings.rtol * np.abs(y).max())
        velocity = self.derivative(time, y)
        left = solver.t_bound - time
        return at_rest(y, velocity, self.jacobian, time, left, tolerance, self.error)

    @property
    def statistics(self) -> dict[str, int]:
        """Steps, velocities, and, where the method is implicit, Jacobians and what they took."""
        return {
            "steps": self.steps,
            "right_hand_sides": self.velocities,
            "jacobians": self.jacobians + (0 if self.solver is None else int(self.solver.njev)),
            "jacobian_right_hand_sides": self.jacobian.evaluations,
        }
