"""The path of a flow at all times, and where on it to look."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from orderparams.run.stepper import Stepper

Array = NDArray[np.float64]

Interpolant = Callable[[float], Array]


class Path:
    """y of the flow at all times that it was followed to, and its last state from there on.

    ``start`` (N,) is y where it begins, at t = 0 if no ``time`` is given.
    """

    def __init__(self, start: Array, time: float = 0.0) -> None:
        self.times, self.states = [time], [start]
        self.pieces: list[Interpolant] = []
        self.unit = 1.0

    def add(self, stepper: Stepper) -> None:
        """The step that was made last."""
        self.unit = stepper.unit
        self.times.append(stepper.state.time)
        self.states.append(stepper.state.y)
        self.pieces.append(stepper.solver.dense_output())

    def __call__(self, t: float) -> Array:
        """y at a time."""
        if t >= self.times[-1]:
            return self.states[-1]
        piece = int(np.searchsorted(self.times, t, side="right")) - 1
        return np.asarray(self.pieces[piece](t / self.unit))

    def knots(self, count: int, end: float, units: Array) -> Array:
        """About so many times from 0 to an end, close where much happens.

        A third each follows the time, the steps of the integrator, and the way in ``units`` (N,).
        """
        times, states = np.array(self.times), np.array(self.states)
        if times[-1] < end:
            times, states = np.append(times, end), np.vstack([states, states[-1:]])
        way = np.append(0.0, np.abs(np.diff(states, axis=0) / units).max(axis=1).cumsum())
        steps = np.arange(len(times))
        done = sum(part / part[-1] for part in (times, steps, way) if part[-1] > 0)
        found = np.interp(np.linspace(0.0, done[-1], count), done, times)
        found[[0, -1]] = 0.0, end
        return np.unique(found)
