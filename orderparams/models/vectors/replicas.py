"""Many replicas of one simulation, over threads; results do not depend on how many.

Replica r draws from the r-th child of the seed. The kernels release the GIL. A replica advances in
short slices, each a pure function of its state, so that at every call of ``progress`` the whole
ensemble can be copied out with :meth:`Ensemble.state` and later continued to the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from time import monotonic
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orderparams import memory
from orderparams.compiled import require_distinct
from orderparams.errors import ConfigurationError
from orderparams.models.interface import Progress, Records
from orderparams.models.vectors import direct, gram
from orderparams.models.vectors.sgd import Course, Model, Rule, Start

State = dict[str, NDArray[Any]]
Record = tuple[NDArray[np.intp], State]
Slice = tuple[State, list[Record]]

BACKENDS: dict[str, ModuleType] = {"gram": gram, "direct": direct}
FIRST = 10**5
"""Numbers that the first stride of a slice works with, a millisecond or less; the next are longer
and longer."""

SLICE = 0.5
"""Seconds between two chances to report, to stop, and to hand a thread to another replica."""

MOST_STEPS = 2.0**53
OVERHEAD = 2048
"""Bytes that a replica takes beside its numbers."""

STORED = {"vectors": "heads"}
"""Names of a backend's arrays in a checkpoint, where they are others."""


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


class Ensemble:
    """Replicas of SGD on a model from one start, recorded at given times.

    time (T,), non-decreasing from zero on, is rounded to steps t·D/γ. ``begin`` is realised
    exactly; with a ``variance`` every replica draws its own vectors from N(0, variance·I_D)
    instead. :class:`~orderparams.errors.ConfigurationError` if there are no replicas, if D is too
    small, for no step or too many, or for more than fits into memory.
    """

    def __init__(
        self,
        model: Model,
        rule: Rule,
        begin: Start,
        *,
        time: ArrayLike,
        dimension: int,
        replicas: int,
        seed: int,
        backend: str = "gram",
        variance: float | None = None,
    ) -> None:
        require_distinct(type(model))
        self.backend = BACKENDS[backend]
        self.model = model
        self.rule = rule
        self.dimension = dimension
        steps = np.asarray(time) * dimension / rule.learning_rate
        if not (0.5 < steps[-1] < MOST_STEPS or steps[-1] == 0.0):
            raise ConfigurationError(
                "training.duration · simulation.dimension / training.learning_rate = "
                f"{steps[-1]:.3g} steps of SGD; between 1 and {MOST_STEPS:.3g} are possible: "
                "change the duration or the learning rate"
            )
        self.step = np.rint(steps).astype(np.int64)
        self.marks = np.unique(self.step)
        count = len(begin.overlap)
        least = self.backend.least_dimension(model, rule, count)
        if dimension < least:
            remedy = ", or set simulation.backend = 'direct'" if backend == "gram" else ""
            raise ConfigurationError(
                f"simulation.dimension = {dimension} is too small: these {model.words} need at "
                f"least {least} in the {backend} backend; raise it{remedy}"
            )
        if replicas < 1:
            raise ConfigurationError(f"simulation.replicas = {replicas}: at least 1 is needed")
        self.numbers = type(model.numbers(rule, begin, np.zeros(count)))
        sample = model.records(
            np.zeros((count, model.features)),
            np.zeros((count, count)),
            model.numbers(rule, begin, np.zeros(count)),
        )
        shapes = {key: value.shape for key, value in sample.items()} | {"loss": ()}
        recorded = len(self.step) * sum(map(math.prod, shapes.values()))
        held, working = self.backend.size(model, count, dimension)
        memory.require(
            2 * replicas * (8 * (held + recorded) + OVERHEAD) + 8 * working,
            f"{replicas} replicas with D = {dimension} and {len(self.step)} times in the "
            f"{backend} backend",
            "lower simulation.replicas, simulation.dimension"
            + (", task.length" if model.sizes.longest > 1 else "")
            + " or output.points"
            + (", or set simulation.backend = 'gram'" if backend == "direct" else ""),
        )
        self.first_stride = max(1, FIRST // (working * rule.batch_size))
        axes = (replicas, len(self.step))
        self.records: State = {key: np.full(axes + shape, np.nan) for key, shape in shapes.items()}
        self.replicas: list[State] = []
        for r, seeds in enumerate(np.random.SeedSequence(seed).spawn(replicas)):
            self.replicas.append(self._start(begin, variance, seeds))
            self._commit(r, (self.replicas[r], [self._begin(self.replicas[r])]))

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
        time = self.step.astype(np.float64) * (self.rule.learning_rate / self.dimension)
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

    def _start(self, begin: Start, variance: float | None, seeds: np.random.SeedSequence) -> State:
        """A replica at step zero: the arrays of its backend, its step and its generator."""
        own, tokens = seeds.spawn(2)
        generator = np.random.Generator(np.random.SFC64(own))
        state = self.backend.start(
            self.model, self.rule, begin, variance, self.dimension, tokens, generator
        )
        arrays = state._asdict()
        arrays |= arrays.pop("numbers")._asdict()
        replica = {STORED.get(key, key): value for key, value in arrays.items()}
        return {**replica, "step": np.zeros(1, np.int64), "generator": freeze(generator)}

    def _view(self, replica: State) -> Any:
        """The state of the backend, sharing memory with the replica."""
        kind = self.backend.State
        numbers = self.numbers(*(replica[key] for key in self.numbers._fields))
        arrays = {key: replica.get(STORED.get(key, key)) for key in kind._fields}
        return kind(**arrays | {"numbers": numbers})

    def _advance(self, replica: State) -> Slice:
        """The replica some steps later, and what was recorded on the way."""
        replica = {key: value.copy() for key, value in replica.items()}
        generator, state = thaw(replica["generator"]), self._view(replica)
        records: list[Record] = []
        deadline, stride, going = monotonic() + SLICE, self.first_stride, True
        while going:
            begun = int(replica["step"][0])
            end = min(begun + stride, int(self.step[-1]))
            marks = self.marks[slice(*np.searchsorted(self.marks, (begun, end), side="right"))]
            ends = marks if len(marks) and marks[-1] == end else np.append(marks, end)
            strides = np.diff(ends, prepend=begun)
            with np.errstate(over="ignore", invalid="ignore"):  # of SGD that diverges
                course = self.backend.course(
                    self.model, self.rule, state, self.dimension, generator, strides
                )
                records.append(self._record(marks, course))
            if len(ends) == len(marks):  # the loss starts anew
                state.loss[:] = 0.0
            replica["step"][:] = end
            stride *= 2
            going = end < self.step[-1] and monotonic() < deadline
        replica["generator"] = freeze(generator)
        return replica, records

    def _record(self, marks: NDArray[np.int64], course: Course) -> Record:
        """The times, by index, that fall on steps (N,) on which a course was measured, and what is
        recorded of them; of those on one step the first has the loss."""
        first, after = (np.searchsorted(self.step, marks, side) for side in ("left", "right"))
        chosen = np.repeat(np.arange(len(marks)), after - first)
        parts = (course.overlap, course.self_overlap, *course.numbers)
        overlap, self_overlap, *numbers = (part[chosen] for part in parts)
        before = np.append(0, self.marks)[np.searchsorted(self.marks, marks)]
        loss = np.full(len(self.step), np.nan)
        loss[first] = course.loss[: len(marks)] / np.where(marks > 0, marks - before, np.nan)
        times = np.arange(first[0], after[-1]) if len(marks) else np.empty(0, np.int64)
        record = self.model.records(overlap, self_overlap, self.numbers(*numbers))
        return times, {**record, "loss": loss[times]}

    def _begin(self, replica: State) -> Record:
        """What is recorded of a replica at step zero."""
        state = self._view(replica)
        overlap, self_overlap = self.backend.measure(state, self.model.features)
        numbers = self.numbers(*(values[None] for values in state.numbers))
        course = Course(overlap[None], self_overlap[None], numbers, np.zeros(1))
        return self._record(self.marks[self.marks == 0], course)

    def _commit(self, r: int, outcome: Slice) -> None:
        """Make a slice of replica r part of the ensemble."""
        self.replicas[r], records = outcome
        for times, record in records:
            for key, values in record.items():
                self.records[key][r, times] = values


def replicas_of(problem: Any, model: Model, rule: Rule, begin: Start, time: ArrayLike) -> Ensemble:
    """The replicas that a configuration asks for, at step zero.

    An ``explicit`` start is realised exactly; a ``random`` one is drawn anew for every replica, in
    the dimension of the simulation. :class:`~orderparams.errors.ConfigurationError` as of
    :class:`Ensemble`.
    """
    settings, initial = problem.simulation, problem.initial
    return Ensemble(
        model,
        rule,
        begin,
        time=time,
        dimension=settings.dimension,
        replicas=settings.replicas,
        seed=settings.seed,
        backend=settings.backend,
        variance=initial.variance if initial.kind == "random" else None,
    )
