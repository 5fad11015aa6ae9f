"""Risk, gradient and velocity at one point, the initial condition."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np

from orderparams.config import Problem
from orderparams.config.toml import Settings
from orderparams.config.unused import heed
from orderparams.errors import ConfigurationError, SolverError
from orderparams.models.interface import model_of
from orderparams.phases import phase
from orderparams.results.evaluation import Evaluation
from orderparams.sources import Source, load


@contextlib.contextmanager
def start_in_range(problem: Problem) -> Iterator[None]:
    """:class:`ConfigurationError` where the expectations at the start cannot be had."""
    try:
        yield
    except SolverError as error:
        remedy = model_of(problem).remedy(problem, start=True)
        raise ConfigurationError(f"the start is out of range: {error}; {remedy}") from None


def evaluate(source: Source, *, settings: Settings | None = None) -> Evaluation:
    """Risk, gradient and velocity of a problem at its initial condition.

    ``source`` and ``settings`` are what :func:`orderparams.load` takes.
    """
    problem = heed(load(source, settings=settings), "evaluate")
    model = model_of(problem)
    with phase("building the flow"):
        flow = model.flow(problem)
    with phase("risk, gradient and velocity"), start_in_range(problem):
        found = flow.evaluate(flow.initial_state)
    with phase("risks to compare with"):
        known = model.references(problem)
    return Evaluation(
        problem=problem,
        parameters=found.state,
        risk=found.risk,
        gradient=found.gradient,
        velocity=found.velocity,
        noise=found.noise,
        known=known,
        engine=found.engine,
        error_estimate=found.error,
        noise_error=found.noise_error,
        tolerance=None if flow.tolerance == np.inf else flow.tolerance,
    )
