"""What is stored of a run, one row a time: order parameters, and the risk, taken beside the run."""

from __future__ import annotations

import contextlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import SolverError
from orderparams.models.interface import Flow, State
from orderparams.results.trajectory import Reached, Trajectory
from orderparams.run.path import Path

Array = NDArray[np.float64]

OUTSTANDING = 16
"""Risks that a run goes on without; one that is interrupted waits for them."""


class Record:
    """Times, states and their risks; first those of an earlier run, if there is one.

    Nothing in a run waits for the risk at a stored time. Where it is long work, it is taken in a
    thread of its own: kernels release the GIL. When it is waited for depends on the run alone,
    never on the clock. A ``path`` is told of every step.
    """

    def __init__(
        self, flow: Flow, earlier: Trajectory | None, reached: Reached, path: Path | None = None
    ) -> None:
        self.flow, self.path = flow, path
        self.times: list[float] = []
        self.states: list[State] = []
        self.risks: list[float] = []
        self.observables: list[State] = []
        self.outstanding: deque[Future[tuple[float, State]]] = deque()
        self.thread = ThreadPoolExecutor(1)
        if earlier is not None:
            kept = len(earlier.time) - reached.extra
            self.times = earlier.time[:kept].tolist()
            self.states = [earlier.state(i) for i in range(kept)]
            self.risks = earlier.risk[:kept].tolist()
            self.observables = [earlier.observed(i) for i in range(kept)]

    def __enter__(self) -> Record:
        return self

    def __exit__(self, *_: object) -> None:
        self.thread.shutdown()

    @property
    def last(self) -> float:
        """The last time that is stored."""
        return self.times[-1] if self.times else -np.inf

    @property
    def risk(self) -> float:
        """The last risk that is known."""
        return self.risks[-1] if self.risks else np.nan

    def add(self, time: float, y: Array) -> None:
        """Store a state."""
        state = self.flow.state(y)
        if self.flow.long_work:
            context = copy_context()  # what NumPy does about divisions by zero
            self.outstanding.append(self.thread.submit(context.run, self.flow.recorded, state))
        else:
            self.keep(*self.flow.recorded(state))
        self.times.append(time)
        self.states.append(state)
        self.settle(OUTSTANDING)

    def keep(self, risk: float, observables: State) -> None:
        """Store what was measured next."""
        self.risks.append(risk)
        self.observables.append(observables)

    def settle(self, left: int = 0) -> None:
        """Wait until no more risks than these are outstanding.

        :class:`SolverError` of the first that cannot be had; nothing is stored from there on.
        """
        while len(self.outstanding) > left:
            try:
                self.keep(*self.outstanding[0].result())
            except SolverError:
                del self.times[len(self.risks) :], self.states[len(self.risks) :]
                self.outstanding.clear()
                raise
            self.outstanding.popleft()

    def hold(self, times: Array, y: Array) -> None:
        """Store a state that does not move any more at all of some times."""
        self.settle()
        state = self.flow.state(y)
        risk, observables = self.flow.recorded(state)
        self.risks += [risk] * len(times)
        self.observables += [observables] * len(times)
        self.states += [state] * len(times)
        self.times += times.tolist()

    def until(self, reached: Reached) -> tuple[dict[str, Any], Reached]:
        """Times, order parameters, risk and what else is stored up to a state, which is stored in
        any case; and that state."""
        with contextlib.suppress(SolverError):  # the run itself has told of it
            self.settle()
        times, states, risks = list(self.times), list(self.states), list(self.risks)
        observables = list(self.observables)
        extra = bool(reached.time > self.last)
        if extra:
            times.append(reached.time)
            states.append(self.flow.state(reached.y))
            try:
                risk, observed = self.flow.recorded(states[-1])
            except SolverError:
                risk, observed = np.nan, unknown(observables)
            risks.append(risk)
            observables.append(observed)
        found = {
            "time": np.array(times),
            "parameters": stacked(states),
            "risk": np.array(risks),
            "observables": self.at_end(states[-1]) | stacked(observables),
        }
        return found, Reached(reached.time, reached.y, reached.step, extra)

    def at_end(self, state: State) -> dict[str, Array]:
        """What is stored of the last state alone; nothing if it cannot be had."""
        try:
            return dict(self.flow.at_end(state))
        except SolverError:
            return {}


def stacked(states: list[State]) -> dict[str, Array]:
    """Arrays (T, …) of what is stored of each time."""
    return {name: np.array([state[name] for state in states]) for name in states[0]}


def unknown(observables: list[State]) -> State:
    """What stands in the place of those that cannot be had."""
    known = observables[-1] if observables else {}
    return {name: np.full_like(values, np.nan) for name, values in known.items()}
