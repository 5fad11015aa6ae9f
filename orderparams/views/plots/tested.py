"""What the last state of a run does at other values of a key, such as the length of prompts."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from orderparams.errors import ConfigurationError
from orderparams.models.parameters import Observable
from orderparams.results.schema import observables
from orderparams.results.trajectory import Trajectory
from orderparams.views.plots.legends import strip
from orderparams.views.plots.request import Request
from orderparams.views.plots.style import heading, line_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = (3.4, 3.0)
"""Inches."""


def plot_tested(run: Trajectory, request: Request) -> Figure:
    """A line for each entry, over the values."""
    from matplotlib.figure import Figure

    observable = tested(run)
    axis, *others = observable.axes
    at = np.asarray(attrgetter(axis.key)(run.problem), dtype=float)
    order = np.argsort(at)
    values = np.asarray(run[observable.name])[order].reshape(len(at), -1)
    width, height = request.size or SIZE
    figure = Figure(figsize=(width, height or width * SIZE[1] / SIZE[0]), layout="constrained")
    axes = figure.add_subplot(xlabel=axis.long_name, ylabel=f"{observable.words} {observable.sign}")
    for number, course in enumerate(values.T):
        style: dict[str, Any] = line_style(number)
        name = f"{others[0].word} {number + 1}" if others and values.shape[1] > 1 else ""
        axes.plot(at[order], course, marker="o", markersize=4, label=name or None, **style)
    if wide(at) or request.log in ("x", "both"):
        axes.set_xscale("log")
    if request.log in ("y", "both"):
        axes.set_yscale("log")
    heading(figure, run.problem, None, title=request.title)
    strip(figure)
    return figure


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
