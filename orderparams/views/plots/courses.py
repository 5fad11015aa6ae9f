"""Overlaps and risk in time, with the stages of a run and its final overlaps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.stages import Stages, stages_of
from orderparams.errors import FileError
from orderparams.results.files import open_group, read, stored_problem
from orderparams.results.trajectory import Trajectory
from orderparams.views.plots.style import COLOURS, heading, line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

Array = NDArray[np.float64]

MOST_FEATURES, MOST_NAMED, MOST_TICKS = 6, 8, 12
TIME = "time t = γ steps / D"
VERDICTS = {
    "agree": "theory and simulation agree",
    "disagree": "theory and simulation disagree",
    "inconclusive": "inconclusive: the evidence cannot decide",
}


def draw_overlaps(
    axes: Axes, time: Array, overlap: Array, feature: int, *, named: bool = True
) -> None:
    """m_hf(t) of every head with one direction; overlap (T, H, F), or (R, T, H, F) as bands.

    Bands are in the legend if ``named``.
    """
    for head in range(overlap.shape[-2]):
        course = overlap[..., head, feature]
        style = line_style(head)
        if course.ndim == 1:
            axes.plot(time, course, label=f"head {head + 1}", **style)
        else:
            low, middle, high = np.quantile(course, [0, 0.5, 1], axis=0)
            axes.fill_between(
                time,
                low,
                high,
                color=style["color"],
                alpha=0.25,
                linewidth=0,
                label=f"head {head + 1}" if named else None,
            )
            axes.plot(time, middle, color=style["color"], linewidth=0.6, alpha=0.6)


def draw_heads(axes: Axes) -> None:
    """The legend of the heads, of the first ones if there are many."""
    handles, labels = axes.get_legend_handles_labels()
    title = f"first of {len(labels)} heads" if len(labels) > MOST_NAMED else None
    handles, labels = handles[:MOST_NAMED], labels[:MOST_NAMED]
    axes.legend(handles, labels, fontsize=8, title=title, title_fontsize=8)


def draw_stages(axes: Axes, stages: Stages, run: Trajectory, feature: int) -> None:
    """A triangle on each head's line at the half-time of an event along the direction."""
    for event in stages.events:
        if event.direction.basis[feature].any():
            height = np.interp(event.half_time, run.time, run.overlap[:, event.head, feature])
            colour = line_style(event.head)["color"]
            axes.plot(event.half_time, height, marker="^", color=colour, markeredgecolor="black")


def draw_risk(axes: Axes, time: Array, risk: Array, bayes_risk: float) -> None:
    """E(t), one line or a band over replicas, with the Bayes risk."""
    if risk.ndim == 1:
        axes.plot(time, risk, color="black", linewidth=1.4, label="risk")
    else:
        low, high = np.quantile(risk, [0, 1], axis=0)
        axes.fill_between(
            time, low, high, color="black", alpha=0.25, linewidth=0, label="risk of the replicas"
        )
    if np.isfinite(bayes_risk):
        axes.axhline(bayes_risk, color=COLOURS[1], linestyle="--", linewidth=1, label="Bayes risk")


def draw_plateaus(axes: Axes, stages: Stages) -> None:
    """The level of each plateau of the risk, as long as it lasts."""
    for number, plateau in enumerate(stages.plateaus):
        axes.plot(
            [plateau.start, plateau.end],
            [plateau.level, plateau.level],
            color=COLOURS[0],
            linewidth=5,
            alpha=0.35,
            solid_capstyle="butt",
            label=None if number else "plateaus",
        )


def draw_matrix(axes: Axes, overlap: Array) -> None:
    """Overlaps (H, F) as coloured squares, blue below and red above zero."""
    limit = float(np.abs(overlap).max()) or 1.0
    image = axes.imshow(overlap, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    axes.set(title="final overlaps", xlabel="direction", ylabel="head")
    for axis, count in zip((axes.yaxis, axes.xaxis), overlap.shape, strict=True):
        shown = range(0, count, -(-count // MOST_TICKS))
        axis.set_ticks(shown, [str(number + 1) for number in shown])
    axes.figure.colorbar(image, ax=axes, label="m")


def width(features: int) -> float:
    """Inches that the panels need."""
    return max(5.0, 2.6 * min(features, MOST_FEATURES))


def panels(
    figure: Figure | SubFigure, features: int, *, matrix: bool
) -> tuple[list[Axes], list[Axes]]:
    """A row of panels for the overlaps; below one for the risk, and a narrow one if asked for."""
    shown = min(features, MOST_FEATURES)
    rows = figure.add_gridspec(2, 1, height_ratios=[1.4, 1])
    upper = rows[0].subgridspec(1, shown)
    lower = rows[1].subgridspec(1, 1 + matrix, width_ratios=[2.2, 1][: 1 + matrix])
    first = figure.add_subplot(upper[0])
    overlaps = [first]
    overlaps += [figure.add_subplot(upper[f], sharex=first, sharey=first) for f in range(1, shown)]
    below = [figure.add_subplot(lower[0], sharex=first)]
    if matrix:
        below.append(figure.add_subplot(lower[1]))
    for f, axes in enumerate(overlaps):
        axes.set_title(f"direction {f + 1}")
        axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
        axes.tick_params(labelleft=f == 0)
        axes.set_xlabel(TIME)
    first.set_ylabel("overlap m")
    below[0].set(xlabel=TIME, ylabel="risk E")
    return overlaps, below


def draw_trajectory(figure: Figure | SubFigure, run: Trajectory) -> None:
    """A run with its stages, plateaus and final overlaps."""
    stages = stages_of(run)
    overlaps, (risk, matrix) = panels(figure, run.overlap.shape[2], matrix=True)
    heading(figure, run.problem)
    for f, axes in enumerate(overlaps):
        draw_overlaps(axes, run.time, run.overlap, f)
        draw_stages(axes, stages, run, f)
    draw_plateaus(risk, stages)
    draw_risk(risk, run.time, run.risk, run.bayes_risk)
    draw_matrix(matrix, run.overlap[-1])
    draw_heads(overlaps[0])
    risk.legend(fontsize=8)
    overlaps[0].margins(x=0)
    if run.problem.output.spacing == "log":
        overlaps[0].set_xscale("log")


def plot_courses(path: Path) -> Figure:
    """Overlaps and risk of a result file in time: lines for theory, bands for simulation."""
    from matplotlib.figure import Figure

    with read(path) as file:
        theory = file["theory"] if "theory" in file else None  # noqa: SIM401
        simulation = file["simulation"] if "simulation" in file else None  # noqa: SIM401
        if "trajectory" in file:
            run = open_group(path, "trajectory")
            figure = Figure(figsize=(width(run.overlap.shape[2]), 5.2), layout="constrained")
            draw_trajectory(figure, run)
            return figure
        if theory is None and simulation is None:
            raise FileError(
                f"{path} holds nothing to plot; it has {', '.join(file) or 'no groups'}"
            )
        features = (simulation if theory is None else theory).array("overlap").shape[-1]
        figure = Figure(figsize=(width(features), 5.2), layout="constrained")
        overlaps, (risk,) = panels(figure, features, matrix=False)
        heading(
            figure,
            stored_problem(file),
            "sgd" if theory is None else None,
            last=VERDICTS[file["comparison"].attribute("verdict")] if "comparison" in file else "",
        )
        if simulation is not None:
            time = simulation.array("time")
            for f, axes in enumerate(overlaps):
                draw_overlaps(axes, time, simulation.array("overlap"), f, named=theory is None)
            draw_risk(risk, time, simulation.array("risk"), float("nan"))
        if theory is not None:  # one theory line a replica would hide the bands: their mean
            time, overlap, level = (theory.array(name) for name in ("time", "overlap", "risk"))
            for f, axes in enumerate(overlaps):
                draw_overlaps(axes, time, overlap.mean(axis=0), f)
            draw_risk(risk, time, level.mean(axis=0), float(theory.attribute("bayes_risk")))
        draw_heads(overlaps[0])
        risk.legend(fontsize=8)
        overlaps[0].margins(x=0)
    return figure
