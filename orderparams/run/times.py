"""The times at which a run is stored."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orderparams.config import Problem
from orderparams.config.sections import OutputConfig
from orderparams.errors import ConfigurationError

Array = NDArray[np.float64]

FIRST_LOG_TIME = 1e-4
"""The first of logarithmically spaced times after 0, as part of the duration."""


def output_times(output: OutputConfig, duration: float) -> Array:
    """The stored times: 0, then ``points`` − 1 evenly or logarithmically spaced up to the end.

    :class:`ConfigurationError` where so many numbers do not fit into so short a time.
    """
    if output.spacing == "linear":
        times = np.linspace(0.0, duration, output.points)
    else:
        first = max(FIRST_LOG_TIME * duration, np.nextafter(0.0, 1.0))
        later = np.geomspace(first, duration, output.points - 1)
        later[-1] = duration
        times = np.concatenate([[0.0], later])
    if not (np.diff(times) > 0).all():
        raise ConfigurationError(
            f"training.duration = {duration:g} is too short for output.points = {output.points} "
            "different times: raise the one or lower the other"
        )
    return times


def simulated_time(problem: Problem) -> float:
    """The last time of a simulation."""
    whole = problem.training.duration
    own = getattr(problem.simulation, "duration", None)
    return whole if own is None else min(own, whole)


def checked_times(times: ArrayLike) -> Array:
    """Times that were asked for; :class:`ConfigurationError` unless they increase from 0."""
    try:
        found = np.asarray(times, dtype=float)
    except (TypeError, ValueError):
        found = np.empty(0)
    increasing = found.ndim == 1 and found.size > 1 and found[0] == 0 and (np.diff(found) > 0).all()
    if not (increasing and np.isfinite(found[-1])):
        raise ConfigurationError("times: expected numbers increasing from 0, such as [0, 1.5, 20]")
    return found
