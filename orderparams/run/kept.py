"""What a validation simulates, kept for another to go on with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config import Problem
from orderparams.errors import SolverError
from orderparams.models.limit import Value
from orderparams.results.simulation import SimulationRun
from orderparams.results.unfinished import Plan, Unfinished
from orderparams.results.validation import at_value
from orderparams.run.simulate import run as simulate

Array = NDArray[np.float64]
Checkpoint = Callable[[Unfinished], None]


class Kept:
    """Simulations of a problem by a plan, some of which have been made ``before``.

    ``checkpoint`` is called every ``interval`` seconds of a simulation with all so far, and where
    it is interrupted, or what comes after it is (:meth:`interrupted`).
    """

    def __init__(
        self,
        problem: Problem,
        plan: Plan,
        before: Mapping[Value, SimulationRun],
        checkpoint: Checkpoint | None,
        interval: float,
    ) -> None:
        self.problem, self.plan, self.interval = problem, plan, interval
        self.checkpoint = checkpoint
        self.simulations = dict(before)

    def interrupted(self) -> None:
        """Keep what there is."""
        if self.checkpoint is not None and self.simulations:
            self.checkpoint(Unfinished(self.problem, self.plan, self.simulations))

    def keep(self, value: Value, run: SimulationRun) -> None:
        """Keep a simulation so far, and those before it."""
        self.simulations |= {value: run}
        self.interrupted()

    def simulated(
        self,
        value: Value,
        workers: int,
        risks: bool,
        progress: Callable[[float], None],
        problem: Any = None,
        times: Array | None = None,
    ) -> SimulationRun:
        """Of the problem, or of the one that stands for it, at a value; at other ``times`` than
        those of its output, if they are given. ``progress`` is called with the fraction done.

        KeyboardInterrupt where it is interrupted, :class:`SolverError` where SGD diverges.
        """
        run = simulate(
            at_value(problem or self.problem, value),
            workers,
            risks,
            lambda done, steps: progress(done / steps),
            lambda run: self.keep(value, run),
            self.interval,
            self.simulations.get(value),
            times,
        )
        if run.status == "failed":
            raise SolverError(run.message)
        self.simulations |= {value: run}
        if run.status == "interrupted":
            raise KeyboardInterrupt
        return run
