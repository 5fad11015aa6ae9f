"""The simulation of a problem: SGD at finite dimension from the configuration to a result."""

from __future__ import annotations

import dataclasses
import time as clock
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orderparams import interruption
from orderparams.config import Problem
from orderparams.config.toml import Settings
from orderparams.config.unused import heed
from orderparams.errors import ConfigurationError, SolverError
from orderparams.expectations import Engine
from orderparams.expectations.auto import make_engine
from orderparams.integrate import output_times
from orderparams.models.vectors import residual_factor
from orderparams.problem import build_activation, build_task, initial_heads
from orderparams.sgd import Simulation, UpdateRule
from orderparams.sgd.replicas import Progress
from orderparams.sgd.sequence import Ensemble
from orderparams.sources import Source, load

Array = NDArray[np.float64]
Checkpoint = Callable[["SimulationRun"], None]


@dataclasses.dataclass(frozen=True, eq=False)
class SimulationRun:
    """Replicas of SGD at finite dimension, and what they were made from.

    ``records`` has the order parameters; risk (R, T) is the population risk of theory 3 at each of
    them, NaN where it is not known. ``status`` is "finished", "interrupted", or "failed" where SGD
    diverged, and ``message`` says why. ``state`` is what an interrupted run goes on from, or None.
    """

    problem: Problem
    records: Simulation
    risk: Array
    status: str
    seconds: float
    state: Mapping[str, NDArray[Any]] | None = None
    message: str = ""

    def save(self, path: str | Path, *, force: bool = False, command: str = "") -> None:
        """Write an HDF5 file (docs/file-format.md).

        :class:`~orderparams.errors.FileError` if it exists and ``force`` is not given.
        """
        from orderparams.storage import simulations

        simulations.save(self, Path(path), force=force, command=command)


def update_rule(problem: Problem) -> UpdateRule:
    """The step of SGD that a configuration asks for."""
    training, attention = problem.training, problem.attention
    return UpdateRule(
        learning_rate=training.learning_rate,
        batch_size=training.batch_size,
        weight_decay=training.weight_decay,
        norm_bias=attention.bias == "norm",
        bias_rate=training.bias_rate * (attention.bias == "learned"),
        head_weight_rate=training.head_weight_rate * (attention.head_weights == "learned"),
    )


def make_ensemble(problem: Problem) -> Ensemble:
    """The replicas of a problem at step zero.

    An ``explicit`` start is realised exactly; a ``random`` one is drawn anew for every replica, in
    the dimension of the simulation. :class:`ConfigurationError` as of :class:`Ensemble`.
    """
    settings, initial = problem.simulation, problem.initial
    return Ensemble(
        build_task(problem.task),
        build_activation(problem.attention),
        update_rule(problem),
        initial_heads(problem),
        time=output_times(problem.output, problem.training.duration),
        dimension=settings.dimension,
        replicas=settings.replicas,
        seed=settings.seed,
        backend=settings.backend,
        variance=initial.variance if initial.kind == "random" else None,
    )


def check_start(problem: Problem, records: Simulation) -> None:
    """:class:`ConfigurationError` if the risk of the first replica cannot be had at its start."""
    try:
        risk_of(drift_engine(problem), records, 0, 0)
    except SolverError as error:
        raise ConfigurationError(f"the start is out of range: {error}") from None


def drift_engine(problem: Problem) -> Engine:
    """The engine for the risk alone, without V."""
    training = dataclasses.replace(problem.training, rule="gradient-flow")
    return make_engine(dataclasses.replace(problem, training=training))


def risk_of(engine: Engine, records: Simulation, r: int, i: int) -> float:
    """The risk of theory 3 of replica r at time i; a :class:`SolverError` if it is not known."""
    overlap, self_overlap = records.overlap[r, i], records.self_overlap[r, i]
    if not np.isfinite(self_overlap - overlap @ overlap.T).all():
        raise SolverError("SGD diverged; lower training.learning_rate")
    weights = reduced_weights(overlap, self_overlap)
    return engine.evaluate(weights, records.bias[r, i], records.head_weight[r, i]).risk


def population_risk(problem: Problem, records: Simulation) -> tuple[Array, str]:
    """The risk of theory 3 at every recorded state (R, T).

    NaN where SGD diverged, with a message about the first such state.
    """
    engine = drift_engine(problem)
    risk, message = np.full(records.loss.shape, np.nan), ""
    for i, r in np.ndindex(risk.shape[::-1]):
        interruption.check()
        try:
            risk[r, i] = risk_of(engine, records, r, i)
        except SolverError as error:
            message = message or f"replica {r + 1} at t = {records.time[i]:g}: {error}"
    return risk, message


def reduced_weights(overlap: Array, self_overlap: Array) -> Array:
    """Weights K = [m W] (H, F+H) with the given overlaps."""
    return np.concatenate([overlap, residual_factor(self_overlap - overlap @ overlap.T)], axis=1)


def simulate(
    source: Source,
    *,
    settings: Settings | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
    interval: float = 60.0,
    resume: SimulationRun | None = None,
) -> SimulationRun:
    """Run one-pass SGD at finite dimension, many replicas (theory 6).

    ``source`` and ``settings`` are what :func:`orderparams.load` takes.
    The result does not depend on the number of ``workers`` (threads). ``progress`` is called with
    the steps done and their total; ``checkpoint`` every ``interval`` seconds with the run so far.
    An interrupt returns the run so far, with status "interrupted"; given as ``resume`` with the
    same problem it is continued to the bits of an uninterrupted run.
    """
    problem, started = heed(load(source, settings=settings), "simulate"), clock.monotonic()
    before = 0.0
    ensemble = make_ensemble(problem)
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
        if resume.state is None:
            return resume
        ensemble.restore(resume.state)
    else:
        check_start(problem, ensemble.result())
    saved = clock.monotonic()

    def so_far(status: str) -> SimulationRun:
        unknown = np.full(ensemble.records["loss"].shape, np.nan)
        seconds = before + clock.monotonic() - started
        return SimulationRun(problem, ensemble.result(), unknown, status, seconds, ensemble.state())

    def report(done: int, total: int) -> None:
        nonlocal saved
        interruption.check()
        if progress is not None:
            progress(done, total)
        if checkpoint is not None and clock.monotonic() - saved > interval:
            checkpoint(so_far("interrupted"))
            saved = clock.monotonic()

    with interruption.keeping():
        try:
            records = ensemble.run(workers, report)
            risk, message = population_risk(problem, records)
        except KeyboardInterrupt:
            return so_far("interrupted")
    seconds = before + clock.monotonic() - started
    status = "failed" if message else "finished"
    return SimulationRun(problem, records, risk, status, seconds, message=message)
