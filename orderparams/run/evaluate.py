"""Risk, gradient and velocity at one point, the initial condition."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import numpy as np

from orderparams.config import Problem
from orderparams.config.toml import Settings
from orderparams.config.unused import heed
from orderparams.errors import ConfigurationError, SolverError, with_way
from orderparams.models.interface import model_of
from orderparams.phases import steps
from orderparams.progress import heard
from orderparams.results.evaluation import Evaluation
from orderparams.sources import Source, load

Step = Callable[[str], None]
"""Called with what is done next."""


def unheard(what: str) -> None:
    """Nobody listens."""


@contextlib.contextmanager
def start_in_range(problem: Problem) -> Iterator[None]:
    """:class:`ConfigurationError` where the expectations at the start cannot be had."""
    try:
        yield
    except SolverError as error:
        remedy = model_of(problem).remedy(problem, start=True)
        raise ConfigurationError(f"the start is out of range: {with_way(error, remedy)}") from None


def evaluate(
    source: Source, *, settings: Settings | None = None, progress: Step | bool | None = None
) -> Evaluation:
    """Risk, gradient and velocity of a problem at its initial condition.

    Parameters
    ----------
    source
        A problem in any form that :func:`orderparams.load` takes, such as the name of a preset.
    settings
        Changes to it, as :func:`orderparams.load` takes them.
    progress
        True shows what is being done. A function is called with it when it begins.

    Raises
    ------
    ConfigurationError
        Where the problem has no meaning, or its expectations at the start cannot be had.

    Examples
    --------
    >>> start = op.evaluate("two-stage", settings={"attention.heads": 2})
    >>> start.velocity["overlap"].shape  # head, feature
    (2, 3)
    >>> round(start.risk, 6)
    0.750647
    """
    problem = heed(load(source, settings=settings), "evaluate")
    model = model_of(problem)
    with heard(progress, lambda line: line.step) as told, steps(told or unheard) as begin:
        begin("building the flow")
        flow = model.flow(problem)
        begin("risk, gradient and velocity")
        with start_in_range(problem):
            found = flow.evaluate(flow.initial_state)
            observables = {**flow.recorded(found.state)[1], **flow.at_end(found.state)}
        begin("risks to compare with")
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
        observables=observables,
    )
