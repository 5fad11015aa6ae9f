"""Order parameters and risk in time, with the stages of a run and its end."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orderparams.config.sections import to_table
from orderparams.config.words import symbols
from orderparams.errors import ConfigurationError
from orderparams.models.parameters import Observable, OrderParameter
from orderparams.results.fluctuations import Fluctuations
from orderparams.results.simulation import SimulationRun
from orderparams.results.trajectory import Trajectory
from orderparams.results.validation import Validation
from orderparams.views.plots import legends, ticks
from orderparams.views.plots.bands import check_bands, draw_bands, draw_risk_band
from orderparams.views.plots.copies import Names
from orderparams.views.plots.deviations import VERDICTS, draw_deviations
from orderparams.views.plots.ends import draw_matrix, matrices
from orderparams.views.plots.layout import Row, blank, fitted, place
from orderparams.views.plots.lines import Part, draw_key, draw_line, draw_lines, on_axis
from orderparams.views.plots.naming import assigned, in_words
from orderparams.views.plots.panels import Panel, chosen, rows_of, sizes_of
from orderparams.views.plots.request import PLAIN, Request
from orderparams.views.plots.risk import (
    check_excess,
    draw_plateaus,
    draw_risks,
    draw_saddles,
    label_of,
    level,
    over_decades,
)
from orderparams.views.plots.sources import (
    Course,
    Source,
    differing,
    flat,
    paired,
    sources_of,
)
from orderparams.views.plots.style import faint, heading, ink, line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from orderparams.config import Problem

Array = NDArray[np.float64]

HIGH, LOW = 1.75, 1.5
"""Inches of a panel of order parameters with two axes, and of others."""

RATIO = 2.2
"""Width of the panel of the risk, as a multiple of that of the end beside it."""

TIME_KEYS = ("training.learning_rate", "simulation.dimension")
EXTRA = {"loss": "loss", "z_score": "z"}


@dataclass(frozen=True, eq=False)
class Courses:
    """A figure in time before it is drawn: what is drawn, how each part of it stands to the others,
    the panels of order parameters, and the names of the rows below; what is shown at the end,
    what events are marked on, if they are, and times and risks of saddles."""

    results: tuple[Course, ...]
    sources: tuple[Source, ...]
    parts: tuple[Part, ...]
    rows: tuple[tuple[Panel, ...], ...]
    below: tuple[str, ...]
    ends: tuple[OrderParameter, ...]
    marked: OrderParameter | None
    saddles: tuple[tuple[float, float], ...]
    request: Request

    @property
    def problem(self) -> Problem:
        """The first problem."""
        return self.sources[0].problem

    @property
    def bands(self) -> Fluctuations | None:
        """What bands are drawn of, where they are asked for."""
        first = self.results[0]
        known = isinstance(first, Trajectory) and self.request.bands
        return first.fluctuations if known and isinstance(first, Trajectory) else None

    @property
    def apart(self) -> bool:
        """Whether there are several that colours tell apart."""
        return len(self.sources) > 1 and Part.ALONE in self.parts

    @property
    def log_y(self) -> bool:
        """Whether those of order parameters and risk are."""
        return self.request.log in ("y", "both")

    @property
    def layout(self) -> list[Row]:
        """The rows of panels as the figure is laid out."""
        above = [
            Row((1.0,) * len(row), HIGH if row[0].parameter.crossed else LOW) for row in self.rows
        ]
        ends = (1.0,) * len(self.ends)
        beside = (RATIO, *ends) if ends else (1.0,)
        return above + [Row(beside if name == "risk" else (1.0,), LOW) for name in self.below]


def courses_of(
    results: Sequence[Course],
    request: Request,
    names: Sequence[str] = (),
    saddles: Sequence[tuple[float, float]] = (),
) -> Courses:
    """The figure of runs, simulations or a validation that is asked for, with the saddles of a run.

    :class:`ConfigurationError` if they do not go together, and for what there is not.
    """
    sources = sources_of(results, names)
    both = paired(sources) or isinstance(results[0], Validation)
    if both:
        sources.sort(key=lambda source: not source.replicas)  # theory is drawn over replicas
    parts = (Part.BELOW, Part.OVER) if both else (Part.ALONE,) * len(sources)
    usual, more = ["risk"], []
    if isinstance(results[0], Validation):
        usual.append("z_score")
    if all(source.loss is not None for source in sources):
        more.append("loss")
    found = {p.name: p for result in results for p in result.order_parameters}
    aside = {p.name: p for result in results for p in besides_of(result)}
    parameters, below = chosen(
        [*found.values()], usual, more, request, results[0].problem.model, [*aside.values()]
    )
    if request.bands:
        check_bands(results, request)
    if request.excess:
        check_excess(sources)
        if "risk" not in below:
            raise ConfigurationError(
                "is of the risk, which is not among the quantities asked for", argument="excess"
            )
    if request.log == "y" and below == ["z_score"] and not parameters:
        raise ConfigurationError(
            "is of no use here: standardised deviations have signs", argument="log"
        )
    crossed = [one for one in parameters if one.crossed]
    alone = isinstance(results[0], Trajectory) and len(results) == 1
    ends: tuple[OrderParameter, ...] = ()
    marked = None
    if alone and not request.quantity:
        ends, marked = matrices(crossed, results[0].parameters), next(iter(crossed), None)
        parameters += [one for one in aside.values() if striking(results[0], one)]
    rows = rows_of(parameters, sizes_of(source.problem for source in sources))
    if on_log_time(results, request):
        sources = [source.after_start() for source in sources]
        if request.log and any(source.time.max() <= 0 for source in sources):
            raise ConfigurationError(
                "there is no time after t = 0, for which a logarithmic axis has no place"
            )
    return Courses(
        tuple(results),
        tuple(sources),
        parts,
        tuple(map(tuple, rows)),
        tuple(below),
        ends,
        marked,
        tuple(saddles),
        request,
    )


def besides_of(result: Course) -> Sequence[OrderParameter]:
    """What else is known in time: what replicas recorded, and observables of a run."""
    run = result.nearest if isinstance(result, Validation) else result
    if isinstance(run, SimulationRun):
        return run.besides
    return [one for one in run.seen if not one.last]


def striking(run: Course, one: OrderParameter) -> bool:
    """Whether the story of a run tells of an observable, for what it is at the end."""
    if not isinstance(one, Observable) or not isinstance(run, Trajectory):
        return False
    return bool(one.called) and bool((run.observables[one.name][-1] > one.beyond).any())


def on_log_time(results: Sequence[Course], request: Request) -> bool:
    """Whether the axis of time is logarithmic: where this was asked for, and of a single run whose
    times are spaced so."""
    (first, *others) = results
    alone = isinstance(first, Trajectory) and not others
    return request.log in ("x", "both") or (alone and first.problem.output.spacing == "log")


def plot_courses(
    *results: Course, request: Request = PLAIN, saddles: Sequence[tuple[float, float]] = ()
) -> Figure:
    """Order parameters and risk in time: lines for theory, and for simulation the replicas.

    Of several results, ``request.labels`` are their names. ``saddles`` are times and risks of those
    of a single run.
    """
    drawn = courses_of(results, request, request.labels, saddles)
    figure = blank(drawn.layout, request)
    draw_courses(figure, drawn)
    return fitted(figure, request)


def draw_courses(figure: Figure | SubFigure, drawn: Courses) -> None:
    """The panels, with a legend below them."""
    head(figure, drawn)
    places = place(figure, drawn.layout)
    axes = draw_parameters(figure, drawn, places)
    for name, spots in zip(drawn.below, places[len(drawn.rows) :], strict=True):
        lower = figure.add_subplot(spots[0], sharex=axes[0] if axes else None)
        axes.append(lower)
        lower.set_xlabel(time_label(drawn.problem))
        BELOW[name](lower, drawn)
        if name == "risk" and drawn.ends:
            (run,) = drawn.results
            for end, spot in zip(drawn.ends, spots[1:], strict=True):
                draw_matrix(figure.add_subplot(spot), end, run[end.name][-1], drawn.ends)
    for one in axes:
        one.margins(x=0)
    columns = [spots[0].get_gridspec().ncols for spots in places[: len(drawn.rows)]]
    if not on_log_time(drawn.results, drawn.request):
        if columns and columns[0] < max(columns):
            ticks.few(axes[0].xaxis, figure.bbox.width / figure.dpi / max(columns))
    else:
        times = np.concatenate([source.time for source in drawn.sources])
        if times.min() > 0:
            ticks.to_log(axes[0].xaxis, times.min(), times.max())
    if drawn.sources[0].replicas and (drawn.rows or drawn.below != ("z_score",)):
        draw_key(axes[0], drawn.sources[0].replicas, drawn.parts[0])
    legends.strip(figure, told(drawn))


def told(drawn: Courses) -> str:
    """What the legend says of all lines of one colour."""
    words = {
        panel.parameter.axes[0].word for row in drawn.rows for panel in row if panel.parameter.axes
    }
    counted = [f"{word}s" for word in sorted(words)]
    return f"lines of one colour: {', '.join(counted)}" if drawn.apart and counted else ""


def head(figure: Figure | SubFigure, drawn: Courses) -> None:
    """The heading: what all have in common, and the verdict of a validation where no panel of
    deviations says it."""
    problems = [source.problem for source in drawn.sources]
    problem, varied = problems[0], []
    if len(drawn.results) > 1:
        varied = differing(problems)
        if len({one.title for one in problems}) > 1:
            problem = dataclasses.replace(problem, title="")
    last = difference(drawn.sources, varied) if drawn.apart else ""
    if isinstance(drawn.results[0], Validation) and "z_score" not in drawn.below:
        last = VERDICTS[drawn.results[0].verdict]
    last = "\n".join(filter(None, (last, unseen(drawn))))
    rule = "sgd" if all(isinstance(result, SimulationRun) for result in drawn.results) else None
    heading(figure, problem, rule, varied, last, drawn.request.title)


def unseen(drawn: Courses) -> str:
    """What a logarithmic axis does not show of runs with evenly spaced times."""
    first = min(source.time.min() for source in drawn.sources)
    even = all(source.problem.output.spacing != "log" for source in drawn.sources)
    if not even or first <= 0 or not on_log_time(drawn.results, drawn.request):
        return ""
    return f'from t = {first:.3g} on: earlier times are stored with output.spacing = "log"'


def difference(sources: Sequence[Source], keys: Sequence[str]) -> str:
    """Which keys differ, with values that are numbers or words, where names do not tell them."""
    known, tables = symbols(sources[0].problem), [flat(to_table(s.problem)) for s in sources]
    words = []
    for key in keys:
        name, values = in_words(key, known), [table.get(key) for table in tables]
        if all(assigned(name, v) in s.label for s, v in zip(sources, values, strict=True)):
            return ""
        plain = all(isinstance(value, int | float | str) for value in values)
        texts = (f"{v:g}" if isinstance(v, float) else str(v) for v in values)
        words.append(f"{name} {', '.join(texts)}" if plain else name)
    return f"different: {'; '.join(words)}" if words else ""


def time_label(problem: Problem) -> str:
    """Time in the model's symbols."""
    known = symbols(problem)
    rate, dimension = map(known.get, TIME_KEYS)
    scaled = hasattr(problem.simulation, "dimension")
    return f"time t = {rate} steps" + f" / {dimension}" * scaled


def draw_parameters(
    figure: Figure | SubFigure, drawn: Courses, places: list[list[Any]]
) -> list[Axes]:
    """A panel for each part of each order parameter."""
    found: list[Axes] = []
    for row, spots in zip(drawn.rows, places[: len(drawn.rows)], strict=True):
        alike = row[0].parameter.crossed
        line: list[Axes] = []
        for panel, spot in zip(row, spots, strict=True):
            axes = figure.add_subplot(
                spot,
                sharex=found[0] if found else None,
                sharey=line[0] if alike and line else None,
            )
            found.append(axes)
            line.append(axes)
            draw_panel(axes, drawn, panel)
            first = spot.colspan.start == 0
            axes.set(title=panel.title, xlabel=time_label(drawn.problem))
            if first or not alike:
                axes.set_ylabel(f"|{panel.parameter.sign}|" if drawn.log_y else panel.label)
            axes.tick_params(labelleft=first or not alike)
        if drawn.log_y and alike:
            ticks.upright(*line)
        elif drawn.log_y:
            for axes in line:
                ticks.upright(axes)
    return found


def draw_panel(axes: Axes, drawn: Courses, panel: Panel) -> None:
    """The lines of each source, and the events of its stages."""
    if not drawn.log_y:
        axes.axhline(0, color=faint(), linewidth=0.8, zorder=0)
    for number, (source, part) in enumerate(zip(drawn.sources, drawn.parts, strict=True)):
        values = panel.lines(source.state)
        if values is None:
            continue
        names = source.names(panel.parameter)
        if drawn.apart:
            count = values.shape[-1]
            names = Names((number,) * count, (source.label,) + ("",) * (count - 1))
        draw_lines(axes, source.time, on_axis(values, log=drawn.log_y), names, part)
        if drawn.bands is not None and panel.parameter in drawn.results[0].order_parameters:
            draw_bands(axes, drawn.bands, panel, drawn.request.bands, names.styles, log=drawn.log_y)
    if panel.parameter is drawn.marked:
        draw_events(axes, drawn, panel)


def draw_events(axes: Axes, drawn: Courses, panel: Panel) -> None:
    """A triangle on each line at the half-time of an event along this direction."""
    (source,) = drawn.sources
    lines, names = panel.lines(source.state), source.names(panel.parameter)
    if source.stages is None or lines is None:
        return
    for event in source.stages.events:
        shown = event.half_time >= source.time[0]
        if shown and event.direction.basis[panel.number].any():
            height = np.interp(event.half_time, source.time, lines[:, event.learner])
            number = names.styles[event.learner]
            axes.plot(
                event.half_time,
                abs(height) if drawn.log_y else height,
                marker="^",
                markersize=5,
                color=faint() if number is None else line_style(number)["color"],
                markeredgecolor=ink(),
                markeredgewidth=0.6,
            )


def draw_risk_panel(axes: Axes, drawn: Courses) -> None:
    """The risk of all, and the plateaus of a single run."""
    excess = drawn.request.excess
    log = excess or drawn.log_y or over_decades(drawn.sources)
    draw_risks(axes, drawn.sources, drawn.parts, excess=excess, log=log)
    axes.set_ylabel(label_of(drawn.sources, excess=excess))
    if drawn.bands is not None:
        below = level(drawn.sources[0], excess=excess)
        draw_risk_band(axes, drawn.bands, drawn.request.bands, below, log=log)
        if log:
            ticks.upright(axes)
    if drawn.marked:
        draw_plateaus(axes, drawn.sources[0], excess=excess)
        draw_saddles(axes, drawn.saddles, level(drawn.sources[0], excess=excess))


def draw_loss(axes: Axes, drawn: Courses) -> None:
    """The measured loss of simulations."""
    for number, source in enumerate(drawn.sources):
        assert source.loss is not None
        style = line_style(number) | ({} if drawn.apart else {"color": ink()})
        values = on_axis(source.loss, log=drawn.log_y)
        draw_line(axes, source.time, values, style, source.label, Part.ALONE)
    axes.set_ylabel("measured loss")
    if drawn.log_y:
        ticks.upright(axes)


def draw_z(axes: Axes, drawn: Courses) -> None:
    """Standardised deviations of a validation."""
    (result,) = drawn.results
    assert isinstance(result, Validation)
    used = [source.names(p).styles for source in drawn.sources for p in result.order_parameters]
    numbers = [number for styles in used for number in styles if number is not None]
    draw_deviations(axes, result, max(numbers, default=-1) + 1 if drawn.rows else 0)


BELOW: Mapping[str, Callable[[Axes, Courses], None]] = {
    "risk": draw_risk_panel,
    "loss": draw_loss,
    "z_score": draw_z,
}
"""Panels below those of order parameters."""
