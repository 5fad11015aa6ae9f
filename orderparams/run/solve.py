"""SciPy's integrators in, what a run reached out.

The solver classes are stepped one by one from a single start to the end, with dense output at the
requested times: what is stored does not change the path, and each step can report progress, check
for NaN and respect limits.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time as clock
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orderparams import arguments, interruption, memory
from orderparams.config import Problem
from orderparams.config.sections import IntegratorConfig
from orderparams.config.toml import Settings
from orderparams.config.unused import heed
from orderparams.errors import ConfigurationError, SolverError, with_way
from orderparams.models.interface import Flow, Noise, model_of
from orderparams.models.vectors.fluctuations.consistency import wanted
from orderparams.phases import phase
from orderparams.progress import heard, shown_on
from orderparams.results.schema import table
from orderparams.results.trajectory import Reached, Trajectory
from orderparams.run.evaluate import start_in_range
from orderparams.run.fluctuations import fluctuate, noise_of
from orderparams.run.path import Path
from orderparams.run.record import Record
from orderparams.run.resume import check_left, check_same, has_fluctuations, start_of
from orderparams.run.stepper import IMPLICIT, Stepper
from orderparams.run.times import checked_times, output_times
from orderparams.sources import Source, load

Array = NDArray[np.float64]

Progress = Callable[[float, float], None]
"""Called with the fraction of the run that is done and the last risk that is known."""

Checkpoint = Callable[[Trajectory], None]

LONG = 1e12
"""Duration up to which time steps can grow against the noise of the expectations."""

REST_INTERVAL = 1.1
"""Factor in time between two looks at whether the flow has come to rest."""


def check_memory(count: int, unknowns: int, method: str, learner: str) -> None:
    """:class:`ConfigurationError` if ``count`` stored states or the method need too much memory; a
    ``learner`` is what adds unknowns, such as a head."""
    memory.require(
        8 * (3 * count * unknowns + 4 * (method in IMPLICIT) * unknowns**2),
        f"{count} stored times of {unknowns} order parameters with integrator.method = {method!r}",
        f"lower output.points or the number of {learner}s"
        + (", or set integrator.method = 'DOP853'" if method in IMPLICIT else ""),
    )


def check_duration(duration: float, flow: Flow, settings: IntegratorConfig) -> None:
    """:class:`ConfigurationError` for a time that no method reaches step by step."""
    flow.check_rates(min(duration, 1.0 if settings.stop_at_rest else LONG), LONG)
    if duration > LONG and not settings.stop_at_rest:
        raise ConfigurationError(
            f"training.duration = {duration:g}: times up to {LONG:g} can be integrated, beyond "
            "them the last digits of the expectations move the state; set "
            "integrator.stop_at_rest = true to end where the flow has come to rest"
        )


@dataclass(frozen=True, eq=False)
class Ending:
    """How an integration ended (see :class:`Trajectory`), where, and the work that it took."""

    status: str
    message: str
    state: Reached
    statistics: dict[str, int]


def integrate(
    flow: Flow,
    state: Reached,
    times: Array,
    settings: IntegratorConfig,
    record: Record,
    watch: Callable[[Ending], None],
    pulse: Callable[[float], None],
    remedy: str = "",
) -> Ending:
    """Advance the flow from a state to times[-1], and record it at the requested times.

    ``watch`` is called after every step with how the run would end there, ``pulse`` with the time
    before every evaluation. Stops early when a state or a velocity is not finite, when the method
    gives up, after ``settings.max_steps`` steps, at rest if ``settings.stop_at_rest``, on a
    :class:`SolverError` of ``pulse``, and on an interrupt. ``remedy`` is what would help then.
    """
    next_look = 0.0
    stepper = None

    def ending(status: str, message: str) -> Ending:
        counts = {"steps": 0} if stepper is None else stepper.statistics
        return Ending(status, message, state, counts)

    try:
        stepper = Stepper(flow, state, times[-1], settings, pulse)
        while stepper.running:
            stepper.step()
            due = times[times <= stepper.state.time] if stepper.running else times
            if record.path is not None:
                record.path.add(stepper)
            if due.size:
                interpolant = stepper.solver.dense_output()
                for t in due:
                    pulse(t)
                    record.add(t, interpolant(t / stepper.unit))
            times = times[due.size :]
            state = stepper.state  # not before: a run that is stopped here must step again
            if not stepper.running:
                record.settle()
                break
            watch(ending("interrupted", f"not finished, kept at t = {state.time:.6g}"))
            if settings.stop_at_rest and state.time >= next_look:
                next_look = REST_INTERVAL * state.time
                if stepper.at_rest():
                    record.hold(times, state.y)
                    message = f"at rest from t = {state.time:.6g} on"
                    state = Reached(times[-1], state.y)
                    return ending("at rest", message)
            if stepper.steps >= settings.max_steps:
                raise SolverError(f"integrator.max_steps = {settings.max_steps} steps were taken")
    except SolverError as error:
        told = with_way(error, remedy) if remedy else str(error)
        return ending("failed", f"stopped at t = {state.time:.6g}: {told}")
    except KeyboardInterrupt:
        return ending("interrupted", f"interrupted at t = {state.time:.6g}")
    return ending("finished", "")


def prepare(flow: Flow, y: Array) -> None:
    """Load or compile the kernels: until they are there, nothing is worth keeping."""
    with contextlib.suppress(SolverError):  # the run itself will tell of it
        flow.derivative(0.0, y)


def solve(
    source: Source,
    *,
    settings: Settings | None = None,
    times: ArrayLike | None = None,
    progress: Progress | bool | None = None,
    max_seconds: float = np.inf,
    checkpoint: Checkpoint | None = None,
    interval: float = 60.0,
    resume: Trajectory | None = None,
) -> Trajectory:
    """Integrate the order-parameter flow of a problem (theory 4).

    Never raises for a flow that cannot be continued, nor for an interrupt: the trajectory then
    holds what was reached and its ``status`` is "failed" or "interrupted".

    Parameters
    ----------
    source
        A problem in any form that :func:`orderparams.load` takes, such as the name of a preset.
    settings
        Changes to it, as :func:`orderparams.load` takes them.
    times
        Stored instead of the times of the configuration; increasing from 0.
    progress
        True shows how far the run is. A function is called before every right-hand side, with the
        fraction that is done and the last known risk.
    max_seconds
        Wall time after which the run stops and keeps what it reached.
    checkpoint, interval
        A function that is called every ``interval`` seconds with the run so far.
    resume
        A run of the same problem, but for duration, output and limits, that is continued
        (docs/configuration.md says to which bits); it is returned if nothing is left to do.

    Raises
    ------
    ConfigurationError
        Where the problem has no meaning, does not fit into memory, or lasts too long.

    Examples
    --------
    >>> run = op.solve("single-head", settings={"training.duration": 20})
    >>> run.status, float(run.time[-1])
    ('finished', 20.0)
    >>> longer = op.solve("single-head", settings={"training.duration": 40}, resume=run)
    >>> bool(longer.risk[-1] < run.risk[-1])
    True
    """
    arguments.function(checkpoint, "checkpoint")
    max_seconds = arguments.seconds(max_seconds, "max_seconds")
    interval = arguments.seconds(interval, "interval")
    problem = heed(load(source, settings=settings), "solve")
    if times is None:
        times = output_times(problem.output, problem.training.duration)
    times = checked_times(times)
    with heard(progress, lambda line: shown_on(line, float(times[-1]))) as told:
        return run(problem, times, told, max_seconds, checkpoint, interval, resume)


def run(
    problem: Problem,
    times: Array,
    told: Progress | None,
    max_seconds: float,
    checkpoint: Checkpoint | None,
    interval: float,
    resume: Trajectory | None,
) -> Trajectory:
    """The same of a problem at given times."""
    model, started = model_of(problem), clock.monotonic()
    with phase("building the flow"):
        flow = model.flow(problem)
    end = float(times[-1])
    check_duration(end, flow, problem.integrator)
    learner = table(problem.model)[0].axes[0].word
    check_memory(len(times), flow.initial_state.size, problem.integrator.method, learner)
    state = Reached(0.0, flow.initial_state)
    with phase("the risk at the start"), start_in_range(problem):
        flow.risk(flow.state(state.y))
    if resume is not None:
        check_same(resume, problem)
        state = start_of(resume, flow)
        check_left(state.time, end)
    noise = noise_of(problem, flow, len(times)) if wanted(problem) else None
    path = Path(state.y) if noise is not None and resume is None else None
    record = Record(flow, resume, state, path)

    def pulse(time: float) -> None:
        interruption.check()
        if clock.monotonic() - started > max_seconds:
            raise SolverError(f"the limit of {max_seconds:g} seconds was reached")
        if told is not None:
            told(time / end, record.risk)

    if resume is not None and state.time == end:
        if noise is None or has_fluctuations(resume, problem):
            return resume
        resume = dataclasses.replace(resume, problem=problem, status="finished", message="")
        return with_fluctuations(resume, flow, noise, None, pulse)
    known = {} if resume is None else resume.known
    if not known or any(np.isnan(one.value) for one in known.values()):
        with phase("risks to compare with"):
            known = dict(model.references(problem))
    with phase("the velocity at the start"):
        prepare(flow, state.y)
    saved = clock.monotonic()

    def so_far(ending: Ending) -> Trajectory:
        statistics, seconds = ending.statistics, clock.monotonic() - started
        if resume is not None:
            earlier = resume.statistics
            statistics = earlier | {k: n + earlier.get(k, 0) for k, n in statistics.items()}
            seconds += resume.seconds
        arrays, state = record.until(ending.state)
        return Trajectory(
            problem=problem,
            **arrays,
            references={name: one.value for name, one in known.items()},
            reference_errors={name: one.error for name, one in known.items()},
            status=ending.status,
            message=ending.message,
            engine=flow.engine_name,
            statistics=statistics,
            seconds=seconds,
            reached=state,
        )

    def watch(ending: Ending) -> None:
        nonlocal saved
        if checkpoint is not None and clock.monotonic() - saved > interval:
            checkpoint(so_far(ending))
            saved = clock.monotonic()

    due = times[times > record.last]
    remedy = model.remedy(problem, sgd=problem.training.rule == "sgd")
    with phase(f"integrating to t = {end:g}"), interruption.keeping(), record:
        ending = integrate(flow, state, due, problem.integrator, record, watch, pulse, remedy)
        found = so_far(ending)
    if noise is not None and found.complete:
        found = with_fluctuations(found, flow, noise, path, pulse)
    if told is not None:
        told(found.time[-1] / end, record.risk)
    return found


def with_fluctuations(
    run: Trajectory, flow: Flow, noise: Noise, path: Path | None, pulse: Callable[[float], None]
) -> Trajectory:
    """A complete run with its fluctuations; one that is stopped in them says so."""
    settings, end = run.problem.integrator, float(run.time[-1])

    def follow(start: Array) -> Path:
        if path is not None and np.array_equal(start, path.states[0]):
            return path
        found, state = Path(start), Reached(0.0, start)
        with Record(flow, None, state, found) as record:
            ending = integrate(
                flow, state, np.array([end]), settings, record, lambda _: None, pulse
            )
        if ending.status == "interrupted":
            raise KeyboardInterrupt
        if ending.status == "failed":
            raise SolverError(ending.message)
        return found

    begun = clock.monotonic()
    try:
        with phase("fluctuations"), interruption.keeping():
            found = fluctuate(run.problem, flow, noise, follow, run.time, pulse)
    except SolverError as error:
        return dataclasses.replace(run, status="failed", message=f"in its fluctuations: {error}")
    except KeyboardInterrupt:
        return dataclasses.replace(run, status="interrupted", message="in its fluctuations")
    seconds = run.seconds + clock.monotonic() - begun
    return dataclasses.replace(run, seconds=seconds, fluctuations=found.beside(run.parameters))
