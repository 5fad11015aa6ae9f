"""The theory from the starts of replicas, and how far a simulation is from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from orderparams.config import Problem
from orderparams.errors import SolverError
from orderparams.models.interface import model_of
from orderparams.models.schedule import schedule_of
from orderparams.results.simulation import SimulationRun
from orderparams.results.trajectory import Trajectory
from orderparams.run.solve import solve

Array = NDArray[np.float64]

REFINEMENTS = 3
"""Of the theory's times, fourfold each, where they do not tell the mean of the risk."""

ACCUMULATED = 10.0
"""Errors of a run in units of the tolerances of one step (measured: below one)."""


def theory_of(
    problem: Problem,
    run: SimulationRun,
    start: str,
    earlier: Iterable[list[Trajectory]] = (),
    report: Callable[[float], None] = lambda _: None,
) -> list[Trajectory]:
    """Flows from the overlaps with which the replicas started, at the simulation's times.

    start "replica": from each replica's own, or once where they are all the same; "mean": from
    their mean. Where the risk falls so fast that these times do not tell its mean, there are more.
    Flows of other dimensions are taken where they are the same. ``report`` is called with
    the fraction of them that is done.
    """
    starts = {name: values[:, 0] for name, values in run.parameters.items()}
    if start == "mean" or all(np.ptp(values, axis=0).max() < 1e-12 for values in starts.values()):
        starts = {name: values.mean(axis=0, keepdims=True) for name, values in starts.items()}
    own = common_times([run])
    times, ends = np.unique(run.time), run.time[own]
    known = (flows for flows in earlier if same_flows(flows, starts, times))
    flows = next(known, None) or flows_from(problem, starts, times, report)
    for _ in range(REFINEMENTS):
        told = resolves(loss_deviation(run, flows, own), flows, ends)
        if told.all():
            break
        times = refined(times, ends, told)
        last = ends[np.flatnonzero(~told)[-1] + 1]
        finer = flows_from(problem, starts, times[times <= last], lambda _: None)
        flows = [going_on(*both) for both in zip(finer, flows, strict=True)]
    return flows


def going_on(first: Trajectory, whole: Trajectory) -> Trajectory:
    """A flow that ends early, and from there on the whole of it."""
    later = whole.time > first.time[-1]
    return dataclasses.replace(
        first,
        time=np.concatenate([first.time, whole.time[later]]),
        parameters={
            name: np.concatenate([values, whole.parameters[name][later]])
            for name, values in first.parameters.items()
        },
        risk=np.concatenate([first.risk, whole.risk[later]]),
        observables={},
    )


def same_flows(flows: list[Trajectory], starts: dict[str, Array], times: Array) -> bool:
    """Whether flows begin at these starts, name → (R, …), and are known at these times."""
    return bool(np.isin(times, flows[0].time).all()) and all(
        values.shape[0] == len(flows)
        and np.allclose([flow[name][0] for flow in flows], values, rtol=0, atol=1e-12)
        for name, values in starts.items()
    )


def refined(times: Array, ends: Array, told: NDArray[np.bool_]) -> Array:
    """The times, and between those ends that are not told three more in every interval."""
    middle = 0.5 * (times[1:] + times[:-1])
    within = np.searchsorted(ends, middle) - 1
    split = ~told[within.clip(0, len(told) - 1)]
    parts = [np.linspace(a, b, 5) for a, b in zip(times[:-1][split], times[1:][split], strict=True)]
    return np.unique(np.concatenate([times, *(part[1:-1] for part in parts)]))


def flows_from(
    problem: Problem, starts: dict[str, Array], times: Array, report: Callable[[float], None]
) -> list[Trajectory]:
    """Flows from given order parameters, name → (R, …); :class:`SolverError` if one fails."""
    model = model_of(problem)
    flows: list[Trajectory] = []
    count = min(map(len, starts.values()))
    for replica in range(count):
        own = {name: values[replica] for name, values in starts.items()}
        flow = solve(model.starting_at(problem, own), times=times)
        if flow.status == "interrupted":
            raise KeyboardInterrupt
        if not flow.complete:
            raise SolverError(f"the theory could not be solved: {flow.message}")
        flows.append(flow)
        report(len(flows) / count)
    return flows


def courses(flows: Sequence[Trajectory], run: SimulationRun) -> dict[str, Array]:
    """The theory's order parameters at the times of a simulation (R, T, …), R of the flows."""
    where = np.searchsorted(flows[0].time, run.time)
    return {name: np.array([flow[name][where] for flow in flows]) for name in flows[0].parameters}


def deviations(run: SimulationRun, flows: Sequence[Trajectory]) -> dict[str, Array]:
    """Simulation − theory of every order parameter, (R, T, …)."""
    return {name: run[name] - values for name, values in courses(flows, run).items()}


def motion(run: SimulationRun, flows: Sequence[Trajectory]) -> dict[str, Array]:
    """How far the theory has moved of every order parameter since the start, (R, T, …)."""
    replicas = len(run.risk)
    return {
        name: np.broadcast_to(values - values[:, :1], (replicas, *values.shape[1:]))
        for name, values in courses(flows, run).items()
    }


def integration_errors(flows: Sequence[Trajectory]) -> dict[str, float]:
    """By order parameter what the integrator's tolerances leave of the theory's."""
    settings = flows[0].problem.integrator
    return {
        name: ACCUMULATED
        * (settings.atol + settings.rtol * max(float(np.abs(flow[name]).max()) for flow in flows))
        for name in flows[0].parameters
    }


def common_times(runs: Sequence[SimulationRun]) -> NDArray[np.int64]:
    """Indices of stored times between which every run makes a step: the others are passed over."""
    chosen = [0]
    for index in range(1, len(runs[0].records.step)):
        if all(run.records.step[index] > run.records.step[chosen[-1]] for run in runs):
            chosen.append(index)
    return np.array(chosen)


def loss_deviation(
    run: SimulationRun, flows: Sequence[Trajectory], times: NDArray[np.int64]
) -> Array:
    """Measured mean loss between the times of these indices − mean risk of the theory, (R, N)."""
    records = run.records
    steps = np.diff(records.step, prepend=0)
    total = np.cumsum(np.where(steps > 0, records.loss, 0.0) * steps, axis=1)[:, times]
    measured = np.diff(total, axis=1) / np.diff(records.step[times])
    ends = records.time[times]
    means = [mean_over_steps(flow, ends) for flow in flows]
    deviation: Array = measured - np.array(means)
    return deviation


def mean_over_steps(flow: Trajectory, ends: Array, stored: slice | Array = slice(None)) -> Array:
    """Mean over the steps of SGD between neighbouring ends of a theory's risk, as it is known at
    some of its stored times."""
    elapsed = schedule_of(flow.problem).elapsed
    return mean_risk(elapsed(flow.time[stored]), flow.risk[stored], elapsed(ends))


def mean_risk(time: Array, risk: Array, ends: Array) -> Array:
    """Mean between neighbouring ends (N − 1,) of a risk that is known at these times."""
    mean: Array = np.diff(CubicSpline(time, risk).antiderivative()(ends)) / np.diff(ends)
    return mean


def resolves(deviation: Array, flows: Sequence[Trajectory], ends: Array) -> NDArray[np.bool_]:
    """Between which ends the stored risks tell their mean better than replicas the loss (N − 1,).

    Every second of them must tell it to a standard error of the deviations (R, N − 1); where the
    risk falls fast between stored times the loss cannot be judged.
    """
    time = flows[0].time
    half = np.unique(np.append(np.arange(0, len(time), 2), len(time) - 1))
    if len(half) == len(time):
        return np.zeros(len(ends) - 1, bool)
    error = deviation.std(0, ddof=1) / len(deviation) ** 0.5
    differences = [
        mean_over_steps(flow, ends) - mean_over_steps(flow, ends, half) for flow in flows
    ]
    told: NDArray[np.bool_] = np.abs(differences).max(0) < error
    return told
