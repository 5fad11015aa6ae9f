"""C1 and C2: from equal heads to specialized ones."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

import orderparams as op
from orderparams.analysis.events import spread
from orderparams.analysis.rests import examine, rest_near
from orderparams.analysis.stability import growth_rate
from orderparams.analysis.stages import stages_of
from orderparams.analysis.stationary import nearest_minimum, unspecialized_point
from orderparams.models.single_location.sections import Problem
from orderparams.models.single_location.setup import build_signal
from orderparams.models.vectors.geometry import Geometry
from orderparams.models.vectors.landscape import Landscape
from orderparams.results.analyzed.rests import Growth, Rest
from orderparams.results.evidence import Evidence, Panel, below, close, same
from orderparams.results.trajectory import Trajectory

Array = NDArray[np.float64]

PRECISION = ["expectation.tolerance=1e-6", "output.points=400"]


@functools.cache
def two_stage_run() -> Trajectory:
    """The preset two-stage."""
    return op.solve(op.load("two-stage", PRECISION))


def unspecialized_phase() -> Evidence:
    """Preset `two-stage`: hypercube signals around the mean (1.5, 0, 0) with strengths 0, 2.56 and
    1, L = 4, four softmax heads with mean weights, a random start. At the first plateau of the risk
    all heads are aligned with the mean, and together they do what a single head can do at best.
    """
    run = two_stage_run()
    plateau = stages_of(run).plateaus[0]
    overlap = run["overlap"][int(np.searchsorted(run.time, plateau.center))]
    assert isinstance(run.problem, Problem)
    mean = build_signal(run.problem.task.signal).mean
    landscape = Landscape(op.load("two-stage", ["attention.heads=1"]), residual=0)
    single = nearest_minimum(landscape, np.full(3, 0.5))
    off_mean = float(np.abs(single.vectors.overlap[0] - mean).max())
    checks = (
        below("spread of the heads / their size", float(spread(overlap[None])[0]), 0.05),
        close("least overlap with direction 1", mean[0], overlap[:, 0].min(), relative=0.02),
        below("largest overlap with the others", float(np.abs(overlap[:, 1:]).max()), 0.1),
        close("plateau's risk: a single head's", single.risk, plateau.level, relative=0.01),
        close("a single head's least risk", 0.408763601399, single.risk, absolute=1e-9),
        below("a single head's distance from E[θ]", off_mean, 1e-6),
    )
    return Evidence(run.problem, checks, trajectory=run)


def stages() -> Evidence:
    """Preset `two-stage` again, to its end. Heads part along direction 2 and later along direction
    3: in the order of the eigenvalues of Cov θ, whichever direction is the stronger. Before each
    split the differences between heads grow exponentially. The rate of the first is an eigenvalue
    of the Hessian at the unspecialized saddle; that of the second one of the Hessian where the run
    comes closest to its second plateau: it does not reach the saddle, whose rate is larger. With
    strengths 1.6 and 1.6 both directions are learned at once. With mean zero and tiny heads the
    rates are those of the closed form of theory 7.
    """
    run = two_stage_run()
    found = stages_of(run)
    landscape = Landscape(run.problem, residual=0)
    geometry = landscape.geometry
    saddle = examine(landscape, unspecialized_point(landscape), run)
    second = rest_near(landscape, run, int(np.searchsorted(run.time, found.plateaus[1].center)))
    rate, first_growth = parting(saddle, geometry, "2")
    second_rate, second_growth = parting(second, geometry, "3")
    predicted, measured = growth_from_nothing()
    checks = (
        same("order of splits, strengths 2.56, 1", "2, 3", order(run)),
        same("order of splits, strengths 1, 2.56", "3, 2", order(other_run("[0.0, 1.0, 2.56]"))),
        same("order of splits, strengths 1.6, 1.6", "2+3", order(other_run("[0.0, 1.6, 1.6]"))),
        close("rate of first split: saddle's", rate, first_growth.rate, relative=0.05),
        close("rate of second: Hessian's", second_growth.local, second_growth.rate, relative=0.05),
        below("the same / its saddle's", second_growth.rate / second_rate, 1.0),
        *(
            close(f"from zero, direction {f + 1}", predicted[f], measured[f], relative=0.01)
            for f in range(len(predicted))
        ),
    )
    return Evidence(run.problem, checks, (spectrum_panel(saddle, geometry),), run)


def other_run(strengths: str) -> Trajectory:
    """The same with other strengths."""
    return op.solve(op.load("two-stage", [*PRECISION, f"task.signal.strengths={strengths}"]))


def order(run: Trajectory) -> str:
    """Directions other than the mean's along which heads part, by half-time."""
    names = [
        event.direction.name
        for event in stages_of(run).specializations
        if event.direction.name != "1"
    ]
    return ", ".join(dict.fromkeys(names))


def parting(rest: Rest, geometry: Geometry, name: str) -> tuple[float, Growth]:
    """Rate and observed growth of the first mode in which heads part along a direction."""
    for mode, growth in zip(rest.unstable, rest.growth, strict=True):
        along = geometry.directions[int(np.argmax(mode.directions))].name
        if growth is not None and along == name and mode.common < 0.5:
            return mode.rate, growth
    nan = float("nan")
    return nan, Growth(nan, nan, nan, nan, nan)


def growth_from_nothing() -> tuple[Array, Array]:
    """Rates at which differences of heads of size 1e-5 grow when E[θ] = 0, per direction:
    2u(1 − 1/L)(1 − 2/L)ν_f/L (theory 7), and as measured."""
    strengths, length, heads = np.array([4.0, 2.56, 1.0]), 4, 4
    start = 1e-5 * np.random.default_rng(0).standard_normal((heads, 3))
    problem = op.load(
        "two-stage",
        [
            "task.signal.mean=[0.0, 0.0, 0.0]",
            f"task.signal.strengths={strengths.tolist()}",
            "initial.kind='explicit'",
            f"initial.overlap={start.tolist()}",
            "training.duration=20.0",
            "output.points=21",
            "integrator.rtol=1e-9",
            "integrator.atol=1e-13",
            "expectation.tolerance=1e-12",
        ],
    )
    run = op.solve(problem)
    apart = np.linalg.norm(run["overlap"] - run["overlap"].mean(1, keepdims=True), axis=1)
    fits = [growth_rate(run.time, apart[:, f]) for f in range(3)]
    measured = np.array([np.nan if fit is None else fit[0] for fit in fits])
    predicted = 2 / heads * (1 - 1 / length) / length * (1 - 2 / length) * strengths
    return predicted, measured


def spectrum_panel(rest: Rest, geometry: Geometry) -> Panel:
    """Growth rates of the modes at a stationary point, and what the run did along them."""
    modes = rest.modes
    observed = np.full(len(modes), np.nan)
    for i, growth in enumerate(rest.growth):
        if growth is not None:
            observed[i] = growth.rate
    return Panel(
        "spectrum",
        "mode",
        "mode of the Hessian at the unspecialized point",
        np.arange(1.0, len(modes) + 1),
        "growth rate −λ",
        {"predicted": np.array([mode.rate for mode in modes]), "observed": observed},
        ticks=tuple(mode.describe(geometry) for mode in modes),
    )
