"""SciPy's integrators in, a trajectory out.

The solver classes are stepped one by one from a single start to the end, with dense output at the
requested times: what is stored does not change the path, and each step can report progress, check
for NaN and respect limits.
"""

from __future__ import annotations

import time as clock
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.integrate
from numpy.typing import NDArray

from orderparams import memory
from orderparams.config.sections import IntegratorConfig, OutputConfig
from orderparams.config.toml import Settings
from orderparams.config.unused import heed
from orderparams.errors import SolverError
from orderparams.expectations.auto import bayes_risk_of, make_engine
from orderparams.flow import Flow
from orderparams.sources import Source, load
from orderparams.trajectory import Trajectory

Array = NDArray[np.float64]

Progress = Callable[[float, float], None]
"""Called with the fraction of the run that is done and the current risk."""

FIRST_LOG_TIME = 1e-4  # of the duration

IMPLICIT = {"LSODA", "Radau", "BDF"}
"""Methods that hold matrices as large as the square of the state."""


def output_times(output: OutputConfig, duration: float) -> Array:
    """The stored times: 0, then ``points`` − 1 evenly or logarithmically spaced up to the end."""
    if output.spacing == "linear":
        return np.linspace(0.0, duration, output.points)
    later = np.geomspace(FIRST_LOG_TIME * duration, duration, output.points - 1)
    later[-1] = duration
    return np.concatenate([[0.0], later])


def check_memory(count: int, unknowns: int, method: str) -> None:
    """:class:`ConfigurationError` if ``count`` stored states or the method need too much memory."""
    memory.require(
        8 * (3 * count * unknowns + 2 * (method in IMPLICIT) * unknowns**2),
        f"{count} stored times of {unknowns} order parameters with integrator.method = {method!r}",
        "lower output.points or attention.heads"
        + (", or set integrator.method = 'DOP853'" if method in IMPLICIT else ""),
    )


@dataclass(frozen=True, eq=False)
class Ending:
    """How an integration ended (see :class:`Trajectory`) and the work it took."""

    status: str
    message: str
    statistics: dict[str, int]


def integrate(
    flow: Flow,
    times: Array,
    settings: IntegratorConfig,
    record: Callable[[float, Array], None],
    max_seconds: float = np.inf,
    started: float | None = None,
) -> Ending:
    """Advance the flow from times[0] to times[-1] and hand each requested state to ``record``.

    Stops early, with what was recorded, when a state or a velocity is not finite, when the method
    gives up, after ``settings.max_steps`` steps or ``max_seconds`` (since ``started`` on the
    monotonic clock, or the call), or on an interrupt.
    """
    deadline = (clock.monotonic() if started is None else started) + max_seconds
    method = getattr(scipy.integrate, settings.method)
    steps, done = 0, 0
    status, message = "finished", ""
    solver = None
    try:
        solver = method(
            flow.derivative,
            times[0],
            flow.initial_state,
            times[-1],
            rtol=settings.rtol,
            atol=settings.atol,
        )
        while solver.status == "running":
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                problem = solver.step()
            steps += 1
            if problem is not None or solver.status == "failed":
                reason = problem or "; ".join(str(entry.message) for entry in caught)
                raise SolverError(f"{settings.method} gave up: {reason}")
            if not np.isfinite(solver.y).all():
                raise SolverError("the state is not finite")
            reached = int(np.searchsorted(times, solver.t, side="right"))
            if reached > done:
                interpolant = solver.dense_output()
                for i in range(done, reached):
                    record(times[i], interpolant(times[i]))
                done = reached
            if steps >= settings.max_steps and solver.status == "running":
                raise SolverError(f"integrator.max_steps = {settings.max_steps} steps were taken")
            if clock.monotonic() > deadline and solver.status == "running":
                raise SolverError(f"the limit of {max_seconds:g} seconds was reached")
    except SolverError as error:
        reached_time = times[0] if solver is None else solver.t
        status, message = "failed", f"stopped at t = {reached_time:.6g}: {error}"
    except KeyboardInterrupt:
        status, message = "interrupted", "interrupted"
    statistics = {"steps": steps}
    if solver is not None:
        statistics |= {"right_hand_sides": int(solver.nfev), "jacobians": int(solver.njev)}
    return Ending(status, message, statistics)


def solve(
    source: Source,
    *,
    settings: Settings | None = None,
    times: Array | None = None,
    progress: Progress | None = None,
    max_seconds: float = np.inf,
) -> Trajectory:
    """Integrate the order-parameter flow of a problem (theory 4).

    ``source`` and ``settings`` are what :func:`orderparams.load` takes.
    :class:`ConfigurationError` for more than fits into memory. Never raises for a flow that cannot
    be continued: the trajectory then holds what was reached and its ``status`` is "failed" or
    "interrupted". ``times``, increasing from 0, are stored instead of those of the configuration.
    ``progress`` is called at every stored time.
    """
    problem, started = heed(load(source, settings=settings), "solve"), clock.monotonic()
    engine = make_engine(problem)
    flow = Flow(problem, engine)
    if times is None:
        times = output_times(problem.output, problem.training.duration)
    check_memory(len(times), flow.initial_state.size, problem.integrator.method)
    flow.moments_at_start()
    rows: list[tuple[Array, Array, float, Array, Array]] = []

    def record(t: float, y: Array) -> None:
        heads, _ = flow.unpack(y)
        risk = flow.moments(heads).risk
        rows.append((heads.overlap, heads.self_overlap, risk, heads.bias, heads.head_weights))
        if progress is not None:
            progress(t / times[-1], risk)

    bayes_risk = bayes_risk_of(problem.task)  # first: what is interrupted here loses nothing
    ending = integrate(flow, times, problem.integrator, record, max_seconds, started)
    if not rows:  # stopped before the first step: the start is known all the same
        heads = flow.start
        rows.append((heads.overlap, heads.self_overlap, np.nan, heads.bias, heads.head_weights))
    overlap, self_overlap, risk, bias, head_weight = map(np.array, zip(*rows, strict=True))
    return Trajectory(
        problem=problem,
        time=times[: len(rows)],
        overlap=overlap,
        self_overlap=self_overlap,
        risk=risk,
        bias=bias if flow.learns_bias else None,
        head_weight=head_weight if flow.learns_head_weights else None,
        bayes_risk=bayes_risk,
        status=ending.status,
        message=ending.message,
        engine=flow.engine_name,
        statistics=ending.statistics,
        seconds=clock.monotonic() - started,
    )
