"""The simulation of a problem: one-pass SGD from the configuration to a result."""

from __future__ import annotations

import contextlib
import dataclasses
import time as clock
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from orderparams import arguments, interruption
from orderparams.config import Problem
from orderparams.config.toml import Settings
from orderparams.config.unused import heed
from orderparams.config.words import of_backend
from orderparams.errors import ConfigurationError, SolverError, with_way
from orderparams.models.interface import Flow, Progress, Records, model_of
from orderparams.ordered import ordered
from orderparams.phases import phase
from orderparams.progress import heard, steps_on
from orderparams.results.simulation import SimulationRun
from orderparams.run.evaluate import start_in_range
from orderparams.run.times import output_times, simulated_time
from orderparams.sources import Source, load

Array = NDArray[np.float64]
Checkpoint = Callable[["SimulationRun"], None]


def drift(problem: Problem) -> Flow:
    """The flow for the risk alone, without V."""
    training = dataclasses.replace(problem.training, rule="gradient-flow")
    model = model_of(problem)
    return model.flow(dataclasses.replace(problem, training=training))


def risk_of(flow: Flow, records: Records, r: int, i: int) -> float:
    """The risk of replica r at time i; a :class:`SolverError` if it is not known."""
    state = {name: values[r, i] for name, values in records.parameters.items()}
    if not all(np.isfinite(values).all() for values in state.values()):
        raise SolverError("SGD diverged")
    return flow.risk(state)


def population_risk(problem: Problem, records: Records, workers: int = 1) -> tuple[Array, str]:
    """The risk at every recorded state (R, T), by so many threads.

    NaN where SGD diverged, with a message about the first such state.
    """
    flow = drift(problem)
    risk, message = np.full(records.loss.shape, np.nan), ""

    def of_replica(r: int, i: int) -> float | SolverError:
        try:
            return risk_of(flow, records, r, i)
        except SolverError as error:
            return error

    def at_time(i: int) -> list[float | SolverError]:
        return [of_replica(r, i) for r in range(len(risk))]

    with contextlib.closing(ordered(at_time, range(len(records.time)), workers)) as found:
        for i, values in enumerate(found):
            interruption.check()
            for r, value in enumerate(values):
                if not isinstance(value, SolverError):
                    risk[r, i] = value
                elif not message:
                    remedy = model_of(problem).remedy(problem, sgd=True)
                    remedy = remedy or "lower training.learning_rate"
                    message = (
                        f"replica {r + 1} at t = {records.time[i]:g}: {with_way(value, remedy)}"
                    )
    return risk, message


def risk_at_ends(problem: Problem, records: Records, workers: int) -> tuple[Array, str]:
    """The same at the last time alone; all of it where SGD has diverged there."""
    last = {name: values[:, -1:] for name, values in records.parameters.items()}
    ends = Records(records.time[-1:], records.step[-1:], last, records.loss[:, -1:])
    end, message = population_risk(problem, ends, workers)
    if message:
        return population_risk(problem, records, workers)
    risk = np.full(records.loss.shape, np.nan)
    risk[:, -1:] = end
    return risk, message


def simulate(
    source: Source,
    *,
    settings: Settings | None = None,
    workers: int = 1,
    risks: bool = True,
    progress: Progress | bool | None = None,
    checkpoint: Checkpoint | None = None,
    interval: float = 60.0,
    resume: SimulationRun | None = None,
) -> SimulationRun:
    """Run one-pass SGD, many replicas (theory 6); of vectors at finite dimension.

    An interrupt returns the run so far, with the status "interrupted".

    Parameters
    ----------
    source
        A problem in any form that :func:`orderparams.load` takes, such as the name of a preset.
    settings
        Changes to it, as :func:`orderparams.load` takes them.
    workers
        Threads. The result does not depend on their number.
    risks
        False leaves the population risk, which SGD does not need, unknown but at the end.
    progress
        True shows how far the run is. A function is called with the steps done and their total.
    checkpoint, interval
        A function that is called every ``interval`` seconds with the run so far.
    resume
        An interrupted run of the same problem, continued to the bits of an uninterrupted one.

    Raises
    ------
    ConfigurationError
        Where the problem has no meaning or does not fit into memory.

    Examples
    --------
    >>> small = {"simulation.dimension": 50, "simulation.replicas": 3, "training.duration": 2}
    >>> run = op.simulate("single-head", settings=small | {"output.points": 5})
    >>> run["overlap"].shape  # replica, time, head, feature
    (3, 5, 1, 1)
    """
    arguments.function(checkpoint, "checkpoint")
    workers = arguments.count(workers, "workers")
    interval = arguments.seconds(interval, "interval")
    problem = heed(load(source, settings=settings), "simulate")
    with heard(progress, steps_on) as told:
        return run(problem, workers, risks, told, checkpoint, interval, resume)


def run(
    problem: Problem,
    workers: int,
    risks: bool,
    told: Progress | None,
    checkpoint: Checkpoint | None,
    interval: float,
    resume: SimulationRun | None,
    times: Array | None = None,
) -> SimulationRun:
    """The same of a problem; at other ``times`` than those of its output, if they are given."""
    started, before = clock.monotonic(), 0.0
    model = model_of(problem)
    if times is None:
        times = output_times(problem.output, simulated_time(problem))
    with phase("building the simulation"):
        replicas = model.simulator(problem, times)
    if resume is not None:
        if not isinstance(resume, SimulationRun):
            raise ConfigurationError(
                f"resume: expected the simulation to go on with, as open gives it, got {resume!r}"
            )
        if resume.problem != problem:
            raise ConfigurationError(
                "the simulation to resume was made with another configuration; resume it with its "
                "own, or start a new one"
            )
        before = resume.seconds
        if resume.checkpoint is None:
            return resume
        replicas.restore(resume.checkpoint)
    else:
        with phase("the risk at the start"), start_in_range(problem):
            risk_of(drift(problem), replicas.result(), 0, 0)
    saved = clock.monotonic()

    def so_far(status: str) -> SimulationRun:
        records, state = replicas.result(), replicas.state()
        unknown = np.full(records.loss.shape, np.nan)
        seconds = before + clock.monotonic() - started
        return SimulationRun(problem, records, unknown, status, seconds, state)

    def report(done: int, total: int) -> None:
        nonlocal saved
        interruption.check()
        if told is not None:
            told(done, total)
        if checkpoint is not None and clock.monotonic() - saved > interval:
            checkpoint(so_far("interrupted"))
            saved = clock.monotonic()

    with interruption.keeping():
        try:
            with phase(f"SGD, {of_backend(problem)}"):
                records = replicas.run(workers, report)
            with phase("risks of the replicas"):
                measure = population_risk if risks else risk_at_ends
                risk, message = measure(problem, records, workers)
        except KeyboardInterrupt:
            return so_far("interrupted")
    seconds = before + clock.monotonic() - started
    status = "failed" if message else "finished"
    return SimulationRun(problem, records, risk, status, seconds, message=message)
