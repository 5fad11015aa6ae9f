"""Theory and simulation from the same starts, in two dimensions or more, and a verdict."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from orderparams.compare import Comparison, Scaling, compare, course_pvalue, scaling, without_bias
from orderparams.config import Problem
from orderparams.config.plain import plain
from orderparams.config.toml import Settings
from orderparams.config.unused import heed, ruled_out
from orderparams.errors import ConfigurationError, SolverError
from orderparams.integrate import solve
from orderparams.sgd.run import SimulationRun, simulate
from orderparams.sources import Source, load
from orderparams.trajectory import Trajectory

Array = NDArray[np.float64]
Report = Callable[[float, str], None]

STARTS = ("replica", "mean")


@dataclasses.dataclass(frozen=True, eq=False)
class Validation:
    """Simulations by dimension, the theory for each of their replicas, and how they compare.

    theory[D] has one trajectory a replica, or a single one for all. ``comparison`` judges the order
    parameters of the two largest dimensions, extrapolated in 1/D; ``loss_pvalue`` the measured loss
    against the risk, in the same way. ``scaling`` is the fall of the spread with D.
    """

    problem: Problem
    simulations: dict[int, SimulationRun]
    theory: dict[int, list[Trajectory]]
    comparison: Comparison
    loss_pvalue: float
    scaling: Scaling

    def save(self, path: str | Path, *, force: bool = False, command: str = "") -> None:
        """Write an HDF5 file (docs/file-format.md)."""
        from orderparams.storage import validations

        validations.save(self, Path(path), force=force, command=command)


def default_dimensions(problem: Problem) -> tuple[int, int]:
    """The configuration's D, and a quarter of it for the bias of order 1/D."""
    dimension = problem.simulation.dimension
    return max(1, dimension // 4), dimension


def in_dimension(problem: Problem, dimension: int) -> Problem:
    """The same problem with another D; each dimension has random numbers of its own."""
    settings = problem.simulation
    seed = int(np.random.SeedSequence([settings.seed, dimension]).generate_state(1)[0])
    return dataclasses.replace(
        problem, simulation=dataclasses.replace(settings, dimension=dimension, seed=seed)
    )


def starting_from(problem: Problem, overlap: Array, self_overlap: Array) -> Problem:
    """The same problem with explicit initial overlaps (H, F) and self-overlaps (H, H)."""
    initial = dataclasses.replace(
        problem.initial,
        kind="explicit",
        overlap=tuple(map(tuple, overlap.tolist())),
        self_overlap=tuple(map(tuple, self_overlap.tolist())),
    )
    return dataclasses.replace(problem, initial=initial)


def theory_of(problem: Problem, run: SimulationRun, start: str) -> list[Trajectory]:
    """Flows from the overlaps with which the replicas started, at the simulation's times.

    start "replica": from each replica's own, or once where they are all the same; "mean": from
    their mean.
    """
    records = run.records
    starts = [records.overlap[:, 0], records.self_overlap[:, 0]]
    if start == "mean" or all(np.ptp(values, axis=0).max() < 1e-12 for values in starts):
        starts = [values.mean(axis=0, keepdims=True) for values in starts]
    times = np.unique(records.time)
    flows = []
    for overlap, self_overlap in zip(*starts, strict=True):
        flow = solve(starting_from(problem, overlap, self_overlap), times=times)
        if flow.status == "interrupted":
            raise KeyboardInterrupt
        if not flow.complete:
            raise SolverError(f"the theory could not be solved: {flow.message}")
        flows.append(flow)
    return flows


def deviations(run: SimulationRun, flows: Sequence[Trajectory]) -> dict[str, Array]:
    """Simulation − theory of every order parameter, (R, T, …)."""
    names = ["overlap", "self_overlap"]
    names += [name for name in ("bias", "head_weight") if getattr(flows[0], name) is not None]
    where = np.searchsorted(flows[0].time, run.records.time)
    return {
        name: getattr(run.records, name) - np.array([getattr(flow, name)[where] for flow in flows])
        for name in names
    }


def loss_deviation(run: SimulationRun, flows: Sequence[Trajectory]) -> Array:
    """Measured mean loss of each interval − mean risk of the theory over it, (R, T)."""
    time = run.records.time
    means = np.full((len(flows), len(time)), np.nan)
    for row, flow in zip(means, flows, strict=True):
        integral = CubicSpline(flow.time, flow.risk).antiderivative()(time)
        lengths = np.diff(time)
        row[1:][lengths > 0] = np.diff(integral)[lengths > 0] / lengths[lengths > 0]
    deviation: Array = run.records.loss - means
    return deviation


def validate(
    source: Source,
    *,
    settings: Settings | None = None,
    dimensions: Sequence[int] | None = None,
    start: str = "replica",
    rule: str = "sgd",
    false_alarm: float = 0.01,
    workers: int = 1,
    report: Report | None = None,
) -> Validation:
    """Simulate in two or more dimensions, solve the theory from the same starts, and compare.

    ``source`` and ``settings`` are what :func:`orderparams.load` takes.
    The theory is that of SGD at the configuration's learning rate, V included, unless ``rule`` is
    "gradient-flow". ``report`` is called with the fraction done and what is being done. Raises
    :class:`ConfigurationError` for fewer than two replicas or dimensions, :class:`SolverError` if
    the theory cannot be solved.
    """
    problem = load(source, settings=settings)
    training = dataclasses.replace(problem.training, rule=rule)
    problem = dataclasses.replace(problem, training=training)
    problem = heed(problem, "validate", ruled_out(dimensions))
    sizes = sorted(set(plain(dimensions) or default_dimensions(problem)))
    if len(sizes) < 2:
        raise ConfigurationError(
            "validation takes out the bias of order 1/D with two dimensions, not one",
            "dimensions",
        )
    if problem.simulation.replicas < 2:
        raise ConfigurationError(
            f"simulation.replicas = {problem.simulation.replicas}: a comparison needs at least 2 "
            "replicas, for there is no spread without them"
        )
    total = float(sum(sizes))
    simulations: dict[int, SimulationRun] = {}
    theory: dict[int, list[Trajectory]] = {}
    for dimension in sizes:
        finished = sum(simulations)

        def progress(done: int, steps: int, size: int = dimension, before: int = finished) -> None:
            if report is not None:
                report((before + size * done / steps) / total, f"simulation, D = {size}")

        setting = in_dimension(problem, dimension)
        run = simulate(setting, workers=workers, progress=progress)
        if run.status == "interrupted":
            raise KeyboardInterrupt
        if run.status == "failed":
            raise SolverError(run.message)
        simulations[dimension] = run
        if report is not None:
            report((finished + dimension) / total, f"theory, D = {dimension}")
        theory[dimension] = theory_of(problem, run, start)
    parameters = {size: deviations(simulations[size], theory[size]) for size in sizes}
    losses = {size: {"loss": loss_deviation(simulations[size], theory[size])} for size in sizes}
    small, large = sizes[-2:]
    loss = without_bias(losses[small], small, losses[large], large)["loss"]
    return Validation(
        problem=problem,
        simulations=simulations,
        theory=theory,
        comparison=compare(
            without_bias(parameters[small], small, parameters[large], large),
            false_alarm=false_alarm,
        ),
        loss_pvalue=course_pvalue(loss),
        scaling=scaling(parameters),
    )
