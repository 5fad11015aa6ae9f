"""Order parameters and risk in time, with the stages of a run and its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.stages import stages_of
from orderparams.config.words import symbols
from orderparams.models import registry
from orderparams.models.parameters import OrderParameter
from orderparams.results.analyzed.stages import Stages
from orderparams.results.simulation import SimulationRun
from orderparams.results.trajectory import Trajectory
from orderparams.results.validation import Validation
from orderparams.views.plots.style import COLOURS, heading, line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from orderparams.config import Problem

Array = NDArray[np.float64]

MOST_PANELS, MOST_NAMED, MOST_TICKS = 6, 8, 12
HEIGHT = 13 / 6
"""Inches of a row of panels; one with a panel for each direction is higher."""

HIGHER = 1.4
TIME_KEYS = ("training.learning_rate", "simulation.dimension")
VERDICTS = {
    "agree": "theory and simulation agree",
    "disagree": "theory and simulation disagree",
    "inconclusive": "inconclusive: the evidence cannot decide",
}


class Panel(NamedTuple):
    """Of an order parameter the lines that are drawn together; what stands above and beside."""

    parameter: OrderParameter
    number: int
    title: str
    label: str

    def lines(self, values: Array) -> Array:
        """(…, line) of values (…, own axes)."""
        lines: Array = self.parameter.lines(values)[..., self.number]
        return lines


def rows_of(parameters: Sequence[OrderParameter], problem: Problem) -> list[list[Panel]]:
    """Rows of panels: one for each order parameter with two axes, and one for all others together.

    Those that are not prominent have a panel only if there are others in that row.
    """
    sizes = registry.configuration(problem.model).sizes(problem)
    rows = []
    for one in parameters:
        if one.crossed:
            axis = one.axes[1]
            numbers = range(min(sizes[axis.name], MOST_PANELS))
            label = f"{one.words} {one.sign}"
            rows.append([Panel(one, i, f"{axis.word} {i + 1}", label) for i in numbers])
    single = [one for one in parameters if not one.crossed]
    if any(one.prominent for one in single):
        rows.append([Panel(one, 0, one.words, one.sign) for one in single])
    return rows


def draw_lines(axes: Axes, time: Array, values: Array, word: str, *, named: bool = True) -> None:
    """A line an entry of values (T, line), or a band over replicas of (R, T, line).

    Bands are in the legend if ``named``.
    """
    for line in range(values.shape[-1]):
        course, style = values[..., line], line_style(line)
        label = f"{word} {line + 1}"
        if course.ndim == 1:
            axes.plot(time, course, label=label, **style)
        else:
            low, middle, high = np.quantile(course, [0, 0.5, 1], axis=0)
            axes.fill_between(
                time,
                low,
                high,
                color=style["color"],
                alpha=0.25,
                linewidth=0,
                label=label if named else None,
            )
            axes.plot(time, middle, color=style["color"], linewidth=0.6, alpha=0.6)


def draw_names(axes: Axes, word: str) -> None:
    """The legend of the lines, of the first ones if there are many."""
    handles, labels = axes.get_legend_handles_labels()
    title = f"first of {len(labels)} {word}s" if len(labels) > MOST_NAMED else None
    handles, labels = handles[:MOST_NAMED], labels[:MOST_NAMED]
    axes.legend(handles, labels, fontsize=8, title=title, title_fontsize=8)


def draw_stages(axes: Axes, stages: Stages, time: Array, lines: Array, number: int) -> None:
    """A triangle on each line (T, line) at the half-time of an event along this direction."""
    for event in stages.events:
        if event.direction.basis[number].any():
            height = np.interp(event.half_time, time, lines[:, event.learner])
            colour = line_style(event.learner)["color"]
            axes.plot(event.half_time, height, marker="^", color=colour, markeredgecolor="black")


def draw_risk(axes: Axes, time: Array, risk: Array) -> None:
    """E(t), one line or a band over replicas."""
    if risk.ndim == 1:
        axes.plot(time, risk, color="black", linewidth=1.4, label="risk")
    else:
        low, high = np.quantile(risk, [0, 1], axis=0)
        axes.fill_between(
            time, low, high, color="black", alpha=0.25, linewidth=0, label="risk of the replicas"
        )


def draw_reference(axes: Axes, problem: Problem, references: Mapping[str, float]) -> None:
    """The first of the risks to compare with, where it is known."""
    for name, words in list(registry.configuration(problem.model).REFERENCES.items())[:1]:
        if np.isfinite(level := references.get(name, np.nan)):
            axes.axhline(level, color=COLOURS[1], linestyle="--", linewidth=1, label=words)


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


def draw_matrix(axes: Axes, parameter: OrderParameter, values: Array) -> None:
    """Values (line, panel) at the end as coloured squares, blue below and red above zero."""
    limit = float(np.abs(values).max()) or 1.0
    image = axes.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    lines, panels = parameter.axes[0].word, parameter.axes[1].word
    axes.set(title=f"{parameter.words} at the end", xlabel=panels, ylabel=lines)
    for axis, count in zip((axes.yaxis, axes.xaxis), values.shape, strict=True):
        shown = range(0, count, -(-count // MOST_TICKS))
        axis.set_ticks(shown, [str(number + 1) for number in shown])
    axes.figure.colorbar(image, ax=axes, label=parameter.sign)


def size(rows: Sequence[Sequence[Panel]]) -> tuple[float, float]:
    """Inches that rows of panels need, and the risk below them."""
    width = max((len(row) for row in rows), default=0)
    heights = [HIGHER if row[0].parameter.crossed else 1.0 for row in rows]
    return max(5.0, 2.6 * width), HEIGHT * (sum(heights) + 1.0)


class Drawing(NamedTuple):
    """The axes of a figure: those of each row of panels, and below them the risk and the end."""

    rows: list[list[Axes]]
    below: list[Axes]


def time_label(problem: Problem) -> str:
    """Time in the model's symbols."""
    known = symbols(problem)
    return "time t = {} steps / {}".format(*map(known.get, TIME_KEYS))


def draw_empty(
    figure: Figure | SubFigure, rows: Sequence[Sequence[Panel]], problem: Problem, *, matrix: bool
) -> Drawing:
    """Rows of panels; below one for the risk, and a narrow one if asked for."""
    heights = [HIGHER if row[0].parameter.crossed else 1.0 for row in rows]
    grid = figure.add_gridspec(len(rows) + 1, 1, height_ratios=[*heights, 1.0])
    lower = grid[len(rows)].subgridspec(1, 1 + matrix, width_ratios=[2.2, 1][: 1 + matrix])
    drawn: list[list[Axes]] = []
    first = None
    for number, row in enumerate(rows):
        cells = grid[number].subgridspec(1, len(row))
        alike = row[0].parameter.crossed
        line: list[Axes] = []
        for i, panel in enumerate(row):
            axes = figure.add_subplot(
                cells[i], sharex=first, sharey=line[0] if alike and line else None
            )
            first = first or axes
            axes.set_title(panel.title)
            axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
            axes.set_xlabel(time_label(problem))
            if i == 0 or not alike:
                axes.set_ylabel(panel.label)
            axes.tick_params(labelleft=i == 0 or not alike)
            line.append(axes)
        drawn.append(line)
    below = [figure.add_subplot(lower[0], sharex=first)]
    if matrix:
        below.append(figure.add_subplot(lower[1]))
    below[0].set(xlabel=time_label(problem), ylabel="risk E")
    return Drawing(drawn, below)


def finish(drawing: Drawing, rows: Sequence[Sequence[Panel]]) -> None:
    """Legends, where lines are others than before, and the axis of time."""
    named = set()
    for row, line in zip(rows, drawing.rows, strict=True):
        for panel, axes in zip(row, line, strict=True):
            if panel.parameter.axes and word_of(panel) not in named:
                draw_names(axes, word_of(panel))
            named.add(word_of(panel))
    drawing.below[0].legend(fontsize=8)
    for axes in (*(axes for line in drawing.rows for axes in line), drawing.below[0]):
        axes.margins(x=0)


def word_of(panel: Panel) -> str:
    """What a line of a panel is."""
    axes = panel.parameter.axes
    return axes[0].word if axes else panel.parameter.words


def draw_all(
    drawing: Drawing,
    rows: Sequence[Sequence[Panel]],
    time: Array,
    state: Mapping[str, Array],
    *,
    named: bool = True,
) -> None:
    """Order parameters (T, …), or (R, T, …), in their panels."""
    for row, line in zip(rows, drawing.rows, strict=True):
        for panel, axes in zip(row, line, strict=True):
            lines = panel.lines(state[panel.parameter.name])
            draw_lines(axes, time, lines, word_of(panel), named=named)


def draw_trajectory(figure: Figure | SubFigure, run: Trajectory) -> None:
    """A run with its stages, plateaus and end."""
    rows = rows_of(run.order_parameters, run.problem)
    crossed = [one for one in run.order_parameters if one.crossed]
    drawing = draw_empty(figure, rows, run.problem, matrix=bool(crossed))
    heading(figure, run.problem)
    draw_all(drawing, rows, run.time, run.parameters)
    risk = drawing.below[0]
    if crossed:
        stages, main = stages_of(run), crossed[0]
        for panel, axes in zip(rows[0], drawing.rows[0], strict=True):
            draw_stages(axes, stages, run.time, panel.lines(run[main.name]), panel.number)
        draw_plateaus(risk, stages)
        draw_matrix(drawing.below[1], main, main.lines(run[main.name][-1]))
    draw_risk(risk, run.time, run.risk)
    draw_reference(risk, run.problem, run.references)
    finish(drawing, rows)
    if run.problem.output.spacing == "log":
        risk.set_xscale("log")


def plot_courses(result: Trajectory | SimulationRun | Validation) -> Figure:
    """Order parameters and risk in time: lines for theory, bands for simulation."""
    from matplotlib.figure import Figure

    rows = rows_of(result.order_parameters, result.problem)
    figure = Figure(figsize=size(rows), layout="constrained")
    if isinstance(result, Trajectory):
        draw_trajectory(figure, result)
        return figure
    drawing = draw_empty(figure, rows, result.problem, matrix=False)
    if isinstance(result, SimulationRun):
        heading(figure, result.problem, "sgd")
        draw_simulation(drawing, rows, result)
    else:
        heading(figure, result.problem, last=VERDICTS[result.verdict])
        dimension = max(result.simulations)
        draw_simulation(drawing, rows, result.simulations[dimension], named=False)
        draw_theory(drawing, rows, result.theory[dimension])
    finish(drawing, rows)
    return figure


def draw_simulation(
    drawing: Drawing, rows: Sequence[Sequence[Panel]], run: SimulationRun, *, named: bool = True
) -> None:
    """Bands over the replicas."""
    draw_all(drawing, rows, run.time, run.parameters, named=named)
    draw_risk(drawing.below[0], run.time, run.risk)


def draw_theory(
    drawing: Drawing, rows: Sequence[Sequence[Panel]], flows: Sequence[Trajectory]
) -> None:
    """The mean of the flows, of which there may be one a replica: many lines would hide bands."""
    first = flows[0]
    state = {
        name: np.mean([flow[name] for flow in flows], axis=0)
        for name in (panel.parameter.name for row in rows for panel in row)
    }
    draw_all(drawing, rows, first.time, state)
    draw_risk(drawing.below[0], first.time, np.mean([flow.risk for flow in flows], axis=0))
    draw_reference(drawing.below[0], first.problem, first.references)
