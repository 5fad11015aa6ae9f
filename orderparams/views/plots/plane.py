"""Two order parameters of each head or unit against each other, from start to end."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError, SolverError
from orderparams.models.interface import model_of
from orderparams.models.parameters import OrderParameter
from orderparams.results.trajectory import Trajectory
from orderparams.views.plots.copies import in_range, names_of
from orderparams.views.plots.layout import fitted
from orderparams.views.plots.legends import strip
from orderparams.views.plots.phase import (
    check_field,
    copies_in,
    courses_of,
    draw_arrows,
    draw_courses,
    draw_streams,
    name_courses,
)
from orderparams.views.plots.request import Request
from orderparams.views.plots.style import faint, heading
from orderparams.views.plots.subject import rule_of, run_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]

SIZE = (3.4, 2.8)
"""Inches, without heading and legend."""


def plot_plane(result: Any, request: Request) -> Figure:
    """Courses in the plane of the first two order parameters that each head or unit has."""
    from matplotlib.figure import Figure

    run = run_of(result)
    first, second = both(run)
    panels = panels_of(run, (first, second), request.plane)
    courses = courses_of(result, run, lambda source: paths_of(source, (first, second), panels))
    width, height = request.size or SIZE
    figure = Figure(figsize=(width, height or width * SIZE[1] / SIZE[0]), layout="constrained")
    axes = figure.add_subplot()
    paths = np.moveaxis(in_range(courses[-1].paths[0], together=False), 1, 0)
    names = names_of(first.axes[0].word, paths, lambda: copies_in(run))
    for each in courses:
        lines = draw_courses(axes, each, names)
        if each.theory:
            draw_arrows(axes, lines)
    if request.field:
        draw_field(axes, run, (first, second), panels, request.field)
    name_courses(axes, names)
    x, y = (label(one, panel) for one, panel in zip((first, second), panels, strict=True))
    axes.set(xlabel=x, ylabel=y)
    for draw in (axes.axhline, axes.axvline):
        draw(0, color=faint(), linewidth=0.8, zorder=0)
    heading(figure, run.problem, rule_of(result), title=request.title)
    strip(figure)
    return fitted(figure, request)


def both(run: Trajectory) -> tuple[OrderParameter, OrderParameter]:
    """The first two order parameters over the same axis; ConfigurationError of fewer."""
    known = run.order_parameters
    alike = [one for one in known if one.axes and one.axes[0] == known[0].axes[0]]
    if len(alike) < 2:
        raise ConfigurationError("a plane takes two order parameters of each, and there is one")
    return alike[0], alike[1]


def panels_of(
    run: Trajectory, parameters: tuple[OrderParameter, ...], chosen: tuple[int, ...]
) -> list[int]:
    """Which column of each is drawn: those ``chosen``, counted from 1, or the first."""
    counts = [one.lines(run[one.name]).shape[-1] for one in parameters]
    wanted = chosen or (1,) * len(counts)
    if len(wanted) != len(counts) or not all(
        1 <= number <= count for number, count in zip(wanted, counts, strict=True)
    ):
        allowed = " and ".join(
            f"1 to {count} for {one.words} {one.sign}" if count > 1 else f"1 for {one.words}"
            for one, count in zip(parameters, counts, strict=True)
        )
        raise ConfigurationError(f"plane {','.join(map(str, wanted))}: it takes {allowed}")
    return [number - 1 for number in wanted]


def paths_of(source: Any, parameters: tuple[OrderParameter, ...], panels: list[int]) -> Array:
    """One against the other (…, T, n, 2)."""
    pairs = zip(parameters, panels, strict=True)
    return np.stack([one.lines(source[one.name])[..., panel] for one, panel in pairs], axis=-1)


def draw_field(
    axes: Axes,
    run: Trajectory,
    parameters: tuple[OrderParameter, ...],
    panels: list[int],
    learner: int,
) -> None:
    """Streamlines of the velocity of one head, counted from 1, the rest as at the end."""
    if any(one.symmetric for one in parameters):
        raise ConfigurationError(
            "field: vectors move in the plane of two directions; the figure phase draws that"
        )
    word = parameters[0].axes[0].word
    check_field(run, learner, run[parameters[0].name].shape[1], word)
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())

    def velocity(points: Array) -> Array:
        return velocities(run, parameters, panels, learner - 1, points)

    draw_streams(axes, velocity, f"{word} {learner}")


def velocities(
    run: Trajectory,
    parameters: tuple[OrderParameter, ...],
    panels: list[int],
    learner: int,
    points: Array,
) -> Array:
    """Velocities (N, 2) of one head, counted from 0, at points (N, 2) of the plane, all else being
    as at the end of a run. NaN where the expectations cannot be had."""
    flow, here = model_of(run.problem).flow(run.problem), run.state(-1)
    entries = [
        (one.name, (learner, panel)[: len(one.axes)])
        for one, panel in zip(parameters, panels, strict=True)
    ]
    found = np.full(points.shape, np.nan)
    for number, point in enumerate(points):
        state = {name: values.copy() for name, values in here.items()}
        for (name, index), value in zip(entries, point, strict=True):
            state[name][index] = value
        with contextlib.suppress(SolverError):
            velocity = flow.evaluate(flow.point(state)).velocity
            found[number] = [velocity[name][index] for name, index in entries]
    return found


def label(parameter: OrderParameter, panel: int) -> str:
    """What an axis shows."""
    words = f"{parameter.words} {parameter.sign}"
    return f"{words}, {parameter.axes[1].entry(panel)}" if parameter.crossed else words
