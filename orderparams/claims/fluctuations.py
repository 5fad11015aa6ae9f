"""N1, N3, N5: bands, means and innovations of SGD around its flow."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

import orderparams as op
from orderparams.models.interface import State, model_of
from orderparams.results.evidence import Evidence, Panel, above, below, close
from orderparams.results.fluctuations import Fluctuations
from orderparams.results.trajectory import Trajectory
from orderparams.results.validation import at_value

Array = NDArray[np.float64]

PRESET = "finite-learning-rate"
WIDE = 1.959964
"""Standard deviations to each side that hold 95 %."""


def solved(**settings: Any) -> Trajectory:
    """The preset with its fluctuations; keys with two underscores for a dot."""
    own: dict[str, Any] = {key.replace("__", "."): value for key, value in settings.items()}
    return op.solve(PRESET, settings=own | {"fluctuations.enabled": True})


def entries(run: Trajectory, parameters: State) -> Array:
    """Order parameters (…, T, …) as the fluctuations of a run have them, (…, T, N)."""
    found = []
    for one in run.order_parameters:
        values: Any = parameters[one.name]
        shape = values.shape[values.ndim - len(one.axes) :]
        found += [values[..., *index] for index in one.entries(shape)]
    return np.stack(found, axis=-1)


def replicas(run: Trajectory, dimension: int, count: int) -> Array:
    """Order parameters (R, T, N) of replicas at the times of a run."""
    settings = {"simulation.dimension": dimension, "simulation.replicas": count}
    problem = op.load(run.problem, settings)
    return entries(run, model_of(problem).simulator(problem, run.time).run().parameters)


def replicas_in(run: Trajectory, dimension: int, count: int) -> Array:
    """The same, with random numbers of their own in each dimension."""
    own = dataclasses.replace(run, problem=at_value(run.problem, dimension))
    return replicas(own, dimension, count)


def whitened(found: Fluctuations, x: Array, dimension: int) -> Array:
    """Innovations (R, T−1, N) around one flow: Φ of the deviation before is taken away, and the
    rest whitened by Q."""
    off = x - found.mean(dimension)
    expected = np.einsum("tij,rtj->rti", found.propagator, off[:, :-1])
    factors = np.linalg.cholesky(found.innovation_covariance)
    rest = (off[:, 1:] - expected)[..., None]
    return np.asarray(np.sqrt(dimension) * np.linalg.solve(factors, rest)[..., 0])


def bands_hold() -> Evidence:
    """Preset `finite-learning-rate` (two heads, γ = 5), 1000 replicas of SGD at D = 1000, at ten
    times to t = 10. Of each order parameter the band of 95 %, the finite-D mean ± 1.96 standard
    deviations of the theory, holds 95 % of the replicas, and its half, ± 0.674, half of them.
    """
    run, dimension = solved(), 1000
    found = run.fluctuations
    assert found is not None
    x = replicas(run, dimension, 1000)[:, 1:]
    mean, deviation = found.mean(dimension)[1:], found.deviations(dimension)[1:]
    off = np.abs(x - mean) / deviation
    inside = (off < WIDE).mean(axis=0)
    checks = [
        close("replicas in bands of 95 %", 0.95, inside.mean(), absolute=0.02),
        close("the same of half", 0.5, (off < 0.67449).mean(), absolute=0.03),
    ]
    checks += [
        close(f"the same of 95 %, {name}", 0.95, part, absolute=0.02)
        for name, part in zip(found.parameter, inside.mean(axis=0), strict=True)
    ]
    curves = dict(zip(map(str, found.parameter), inside.T, strict=True))
    panel = Panel(
        "inside", "time", "time t", run.time[1:], "part of replicas in their bands", curves
    )
    return Evidence(run.problem, tuple(checks), (panel,))


def excess_falls() -> Evidence:
    """Preset `finite-learning-rate` (γ = 5), 2000, 4000 and 4000 replicas of SGD at D = 60, 120 and
    250 over ten intervals. Innovations are whitened around the flow by the theory of leading order;
    their mean square is above 1 by a/D, with a of order 5. It is a straight line in 1/D, through
    what the finite number of nodes leaves of it at D → ∞.
    """
    run, counts = solved(), {60: 2000, 120: 4000, 250: 4000}
    dimensions = np.array(list(counts))
    found = run.fluctuations
    assert found is not None
    squares = [
        np.square(whitened(found, replicas_in(run, d, count), d)).mean(axis=2)
        for d, count in counts.items()
    ]
    excess = np.array([of.mean() - 1 for of in squares])
    errors = np.array([of.mean(axis=1).std(ddof=1) / len(of) ** 0.5 for of in squares])
    inverse = 1.0 / dimensions
    slope = (excess[0] - excess[2]) / (inverse[0] - inverse[2])
    part = (inverse[1] - inverse[2]) / (inverse[0] - inverse[2])
    weights = np.array([-part, 1.0, part - 1.0])
    checks = (
        above("D = 60: excess / its error", excess[0] / errors[0], 10.0),
        close("a, the slope of the excess in 1/D", 5.0, slope, absolute=2.0),
        close(
            "D = 120: departure from the line / its error",
            0.0,
            weights @ excess / np.linalg.norm(weights * errors),
            absolute=3.0,
        ),
        close("excess at D → ∞", 0.0, excess[2] - slope * inverse[2], absolute=0.02),
    )
    panel = Panel(
        "excess",
        "dimension",
        "dimension D",
        dimensions.astype(np.float64),
        "mean square of innovations − 1",
        {"found": excess, "5/D": 5.0 / dimensions},
        ("log", "log"),
    )
    return Evidence(run.problem, checks, (panel,))


def mean_is_shifted() -> Evidence:
    """Preset `finite-learning-rate` (γ = 5), 5000 replicas of SGD at D = 250, at t = 1, 2, 5 and
    10. The means of the five order parameters are off the flow by several standard errors each;
    they are within those of the flow plus the shift b/D, which comes from what the heads span, from
    the length of steps, and from the mean of a curved velocity over fluctuations.
    """
    run, dimension = solved(), 250
    found, times = run.fluctuations, [1, 2, 5, 10]
    assert found is not None
    x = replicas(run, dimension, 5000)[:, times]
    error = x.std(axis=0, ddof=1) / len(x) ** 0.5
    with_b = (x.mean(axis=0) - found.mean(dimension)[times]) / error
    without = (x.mean(axis=0) - found.flow[times]) / error
    rms = [float(np.sqrt(np.square(z).mean())) for z in (with_b, without)]
    checks = (
        below("flow + b/D: root mean square of z", rms[0], 1.6),
        above("flow alone: root mean square of z", rms[1], 2.0),
    )
    panel = Panel(
        "deviations",
        "time",
        "time t",
        run.time[times],
        "root mean square of z",
        {
            name: np.sqrt(np.square(z).mean(axis=1))
            for name, z in {"flow + b/D": with_b, "flow alone": without}.items()
        },
    )
    return Evidence(run.problem, checks, (panel,))
