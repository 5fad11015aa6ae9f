"""What the last state of a run does at other values of a key, such as the length of prompts."""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from orderparams.errors import ConfigurationError
from orderparams.models import registry
from orderparams.models.interface import Tested, model_of
from orderparams.models.parameters import Observable
from orderparams.results.schema import observables
from orderparams.results.trajectory import Trajectory
from orderparams.views.plots.layout import fitted
from orderparams.views.plots.legends import strip
from orderparams.views.plots.request import Request
from orderparams.views.plots.risk import spread
from orderparams.views.plots.style import MARKERS, STYLES, colour, faint, heading, ink, quiet
from orderparams.views.plots.ticks import to_log, upright

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from orderparams.config import Problem

Array = NDArray[np.float64]

SIZE = (3.4, 2.5)
"""Inches, without heading and legend."""

SIGNS = ("_", "x", "+", "1", "2")
"""Markers of risks to compare with, which are not filled."""

MOST_TICKS = 8
"""Values that are written at the axis, if there are no more."""

APART = 0.08
"""Parts of the axis between two of them; nearer ones would touch."""


def plot_tested(run: Trajectory, request: Request) -> Figure:
    """Points for each entry and for their sum, over the values, that of the run itself among them,
    with the risks to compare with at each."""
    from matplotlib.figure import Figure

    observable = tested(run)
    axis, *others = observable.axes
    at, values = points(run, observable)
    width, height = request.size or SIZE
    figure = Figure(figsize=(width, height or width * SIZE[1] / SIZE[0]), layout="constrained")
    axes = figure.add_subplot(xlabel=axis.long_name, ylabel="risk E")
    own = attrgetter(axis.usual)(run.problem)
    axes.axvline(own, color=faint(), linewidth=0.8, zorder=0, label=f"{axis.word} in training")
    several = values.shape[1] > 1
    for number, course in enumerate(values.T):
        name = f"{others[0].word} {number + 1}" if several else "risk"
        draw_points(axes, at, course, MARKERS[number % len(MARKERS)], colour(number), name)
    if several:
        draw_points(axes, at, values.sum(1), "*", ink(), f"all {others[0].word}s")
    whole = f" of all {others[0].word}s" if several else ""
    draw_known(axes, run.problem, axis.usual, at, whole)
    if wide(at) or request.log in ("x", "both"):
        to_log(axes.xaxis, at.min(), at.max())
    if len(at) <= MOST_TICKS:
        written = legible(at, axes.get_xscale())
        axes.set_xticks(written, [f"{value:g}" for value in written])
        axes.set_xticks([], minor=True)
    heights = np.concatenate([np.ravel(line.get_ydata()) for line in axes.lines[1:]])
    if spread(heights) or request.log in ("y", "both"):
        upright(axes)
    heading(figure, run.problem, None, title=request.title)
    strip(figure)
    return fitted(figure, request)


def points(run: Trajectory, observable: Observable) -> tuple[Array, Array]:
    """The values in their order, with that of the run itself, and what is known there (N, …)."""
    axis = observable.axes[0]
    at = np.asarray(attrgetter(axis.key)(run.problem), dtype=float)
    found = np.asarray(run[observable.name]).reshape(len(at), -1)
    own = float(attrgetter(axis.usual)(run.problem))
    if own not in at and observable.usual in run.observables:
        at = np.append(at, own)
        found = np.vstack([found, np.ravel(run[observable.usual][-1])])
    at, first = np.unique(at, return_index=True)
    return at, found[first]


def legible(at: Array, scale: str) -> Array:
    """Those of the values, which rise, that stand apart from the one before."""
    places = np.log(at) if scale == "log" else at
    least = APART * (places[-1] - places[0])
    kept = [0]
    for i in range(1, len(at)):
        if places[i] - places[kept[-1]] >= least:
            kept.append(i)
    return at[kept]


def draw_points(axes: Axes, at: Array, values: Array, marker: str, own: Any, name: str) -> None:
    """Points that no line joins: nothing is known between them."""
    axes.plot(at, values, linestyle="none", marker=marker, markersize=5, color=own, label=name)


def draw_known(axes: Axes, problem: Problem, key: str, at: Array, whole: str) -> None:
    """The risks to compare with at each value, a line for one that is the same at all; those that
    are equal have one sign. Their names say that they are those of the ``whole``, if it has parts.
    """
    called = registry.configuration(problem.model).REFERENCES
    model = cast(Tested, model_of(problem))
    known = [model.compared(with_value(problem, key, int(value))) for value in at]
    named: dict[tuple[str, ...], list[str]] = {}
    levels: dict[tuple[str, ...], list[float]] = {}
    for name in known[0]:
        course = [one[name].value for one in known]
        alike = tuple(f"{value:.6g}" for value in course)
        named.setdefault(alike, []).append(called[name])
        levels[alike] = course
    for number, (alike, names) in enumerate(named.items()):
        name, level = ", ".join(names) + whole, np.array(levels[alike])
        if len(set(alike)) == 1 < len(alike):
            axes.axhline(level[0], color=quiet(), linestyle=STYLES[3], linewidth=1, label=name)
        else:
            draw_points(axes, at, level, SIGNS[number % len(SIGNS)], quiet(), name)


def with_value(problem: Problem, key: str, value: int) -> Problem:
    """The same problem with another value of a key of a section."""
    section, name = key.split(".")
    changed = dataclasses.replace(getattr(problem, section), **{name: value})
    return dataclasses.replace(problem, **{section: changed})


def wide(values: Any) -> bool:
    """Whether values are positive, and spread over more than a decade."""
    return bool(values.min() > 0 and values.max() > 10 * values.min())


def tested(run: Trajectory) -> Observable:
    """What is known of the last state at other values; ConfigurationError if nothing is."""
    model = run.problem.model
    known = [one for one in observables(model, last=True).values() if one.axes[0].key]
    for one in known:
        if one.name in run.observables:
            return one
    if not known:
        raise ConfigurationError(f"model = {model!r} tests nothing at other values")
    raise ConfigurationError(f"nothing was tested: {known[0].axes[0].key} was not set in this run")
