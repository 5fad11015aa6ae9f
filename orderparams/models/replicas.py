"""Many replicas of SGD, over threads; results do not depend on how many.

Replica r draws from the r-th child of the seed. The kernels release the GIL. A replica advances in
short slices, each a pure function of its state, so that at every call of ``progress`` the whole
ensemble can be copied out with :meth:`Replicas.state` and later continued to the same bits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError
from orderparams.models.interface import Progress, Records

Array = NDArray[np.float64]
Shapes = Mapping[str, tuple[int, ...]]
State = dict[str, NDArray[Any]]
Record = tuple[NDArray[np.intp], State]
Slice = tuple[State, list[Record]]

FIRST = 10**5
"""Numbers that the first stride of a slice works with, a millisecond or less; the next are longer
and longer."""

SLICE = 0.5
"""Seconds between two chances to report, to stop, and to hand a thread to another replica."""

MOST_STEPS = 2.0**53
OVERHEAD = 2048
"""Bytes that a replica takes beside its numbers."""


def freeze(generator: np.random.Generator) -> NDArray[np.uint64]:
    """State of an SFC64 generator, (6,)."""
    state: Any = generator.bit_generator.state
    return np.array([*state["state"]["state"], state["has_uint32"], state["uinteger"]], np.uint64)


def thaw(words: NDArray[np.uint64]) -> np.random.Generator:
    """The generator of a state."""
    bits = np.random.SFC64()
    bits.state = {
        "bit_generator": "SFC64",
        "state": {"state": words[:4]},
        "has_uint32": int(words[4]),
        "uinteger": int(words[5]),
    }
    return np.random.Generator(bits)


def whole_steps(steps: Array, formula: str) -> NDArray[np.int64]:
    """Steps (T,) rounded; ``formula`` says by keys how many the last are."""
    if not (0.5 < steps[-1] < MOST_STEPS or steps[-1] == 0.0):
        raise ConfigurationError(
            f"{formula} = {steps[-1]:.3g} steps of SGD; between 1 and {MOST_STEPS:.3g} are "
            "possible: change the duration or the learning rate"
        )
    return np.rint(steps).astype(np.int64)


def check_count(replicas: int) -> None:
    """:class:`~orderparams.errors.ConfigurationError` for none."""
    if replicas < 1:
        raise ConfigurationError(f"simulation.replicas = {replicas}: at least 1 is needed")


class Replicas(ABC):
    """Replicas of SGD from step zero on, recorded at the times that fall on ``step`` (T,).

    What SGD is, a subclass says by its three methods. ``shapes`` are those of what is recorded of a
    replica at a time, ``step_time`` is the time that a step takes. A replica is a dictionary of
    arrays, with ``loss`` (1,), a sum over steps, among them.
    """

    def __init__(
        self,
        step: NDArray[np.int64],
        step_time: float,
        shapes: Shapes,
        replicas: int,
        seed: int,
        first_stride: int,
    ) -> None:
        self.step, self.marks = step, np.unique(step)
        self.step_time = step_time
        self.first_stride = first_stride
        axes = (replicas, len(step))
        self.records: State = {
            key: np.full(axes + shape, np.nan) for key, shape in {**shapes, "loss": ()}.items()
        }
        self.replicas: list[State] = []
        for r, seeds in enumerate(np.random.SeedSequence(seed).spawn(replicas)):
            own, more = seeds.spawn(2)
            generator = np.random.Generator(np.random.SFC64(own))
            replica = self.start(generator, more)
            replica |= {"step": np.zeros(1, np.int64), "generator": freeze(generator)}
            self.replicas.append(replica)
            begun = self._record(self.marks[self.marks == 0], self.measure(replica), np.zeros(1))
            self._commit(r, (replica, [begun]))

    @abstractmethod
    def start(self, generator: np.random.Generator, seeds: np.random.SeedSequence) -> State:
        """The arrays of a replica at step zero; ``seeds`` are for what the generator cannot."""

    @abstractmethod
    def measure(self, replica: State) -> State:
        """What is recorded of a replica as it is, with a leading axis of length one."""

    @abstractmethod
    def course(
        self, replica: State, generator: np.random.Generator, strides: NDArray[np.int64]
    ) -> tuple[State, Array]:
        """Advance a replica in place by strides (N,) of so many steps.

        What is recorded after each (N, …), and the loss (N,), a sum over the steps of each; that of
        the first adds to what the replica had.
        """

    def run(self, workers: int = 1, progress: Progress | None = None) -> Records:
        """Advance every replica to the last time, on ``workers`` threads.

        ``progress`` is called from this thread with the steps done and their total, over replicas;
        an exception it raises, or an interrupt, leaves the ensemble in a state that can go on.
        """
        last = int(self.step[-1])
        pool = ThreadPoolExecutor(workers)
        running: dict[Future[Slice], int] = {}

        def submit(r: int) -> None:
            if self.replicas[r]["step"] < last:
                running[pool.submit(self._advance, self.replicas[r])] = r

        try:
            for r in range(len(self.replicas)):
                submit(r)
            while running:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    r = running.pop(future)
                    self._commit(r, future.result())
                    submit(r)
                if progress is not None:
                    done = sum(int(replica["step"][0]) for replica in self.replicas)
                    progress(done, last * len(self.replicas))
        finally:
            pool.shutdown(cancel_futures=True)
        return self.result()

    def result(self) -> Records:
        """What was recorded so far."""
        time = self.step.astype(np.float64) * self.step_time
        parameters = {name: values for name, values in self.records.items() if name != "loss"}
        return Records(time, self.step, parameters, self.records["loss"])

    def state(self) -> State:
        """A copy of everything that changes in a run, as arrays with a leading replica axis."""
        replicas = {
            f"state/{key}": np.array([replica[key] for replica in self.replicas])
            for key in self.replicas[0]
        }
        return replicas | {f"record/{key}": value.copy() for key, value in self.records.items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a :meth:`state` of an ensemble that was made with the same arguments."""
        own = self.state()
        for key, value in own.items():
            if key not in state or state[key].shape != value.shape:
                raise ConfigurationError(
                    f"the stored state is of another simulation: {key} must have the shape "
                    f"{value.shape}; resume with the configuration that the run was started with"
                )
            own[key] = state[key].astype(value.dtype)
        for r, replica in enumerate(self.replicas):
            replica.update({key: own[f"state/{key}"][r].copy() for key in replica})
        self.records = {key: own[f"record/{key}"] for key in self.records}

    def _advance(self, replica: State) -> Slice:
        """The replica some steps later, and what was recorded on the way."""
        replica = {key: value.copy() for key, value in replica.items()}
        generator = thaw(replica["generator"])
        records: list[Record] = []
        deadline, stride, going = monotonic() + SLICE, self.first_stride, True
        while going:
            begun = int(replica["step"][0])
            end = min(begun + stride, int(self.step[-1]))
            marks = self.marks[slice(*np.searchsorted(self.marks, (begun, end), side="right"))]
            ends = marks if len(marks) and marks[-1] == end else np.append(marks, end)
            strides = np.diff(ends, prepend=begun)
            with np.errstate(over="ignore", invalid="ignore"):  # of SGD that diverges
                measured, loss = self.course(replica, generator, strides)
                records.append(self._record(marks, measured, loss))
            if len(ends) == len(marks):  # the loss starts anew
                replica["loss"][:] = 0.0
            replica["step"][:] = end
            stride *= 2
            going = end < self.step[-1] and monotonic() < deadline
        replica["generator"] = freeze(generator)
        return replica, records

    def _record(self, marks: NDArray[np.int64], measured: State, loss: Array) -> Record:
        """The times, by index, that fall on steps (N,) at which was measured, and what is recorded
        of them; of those on one step the first has the loss."""
        first, after = (np.searchsorted(self.step, marks, side) for side in ("left", "right"))
        chosen = np.repeat(np.arange(len(marks)), after - first)
        before = np.append(0, self.marks)[np.searchsorted(self.marks, marks)]
        losses = np.full(len(self.step), np.nan)
        losses[first] = loss[: len(marks)] / np.where(marks > 0, marks - before, np.nan)
        times = np.arange(first[0], after[-1]) if len(marks) else np.empty(0, np.int64)
        record = {name: values[chosen] for name, values in measured.items()}
        return times, {**record, "loss": losses[times]}

    def _commit(self, r: int, outcome: Slice) -> None:
        """Make a slice of replica r part of the ensemble."""
        self.replicas[r], records = outcome
        for times, record in records:
            for key, values in record.items():
                self.records[key][r, times] = values
