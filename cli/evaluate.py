"""``orderparams evaluate``."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING

import click

from orderparams.cli import given, options
from orderparams.cli.compared import compared
from orderparams.cli.screen import show
from orderparams.cli.verbose import verbose
from orderparams.results.schema import coordinates, noise_of
from orderparams.views.tables import state_table

if TYPE_CHECKING:
    from orderparams.results.evaluation import Evaluation


@click.command()
@options.config
@options.assignments
@verbose
@options.as_json
def evaluate(config: str, assignments: tuple[str, ...], as_json: bool) -> None:
    """Print risk, gradient and velocity at the initial condition.

    \b
    Examples:
      orderparams evaluate
      orderparams evaluate -s initial.variance=1 --json
    """
    problem, warnings = given.load(config, assignments, "evaluate")
    if not as_json:
        options.announce_compilation()

    from orderparams.results.evaluation import decimals
    from orderparams.run.evaluate import evaluate

    result = evaluate(problem)
    missed = ""
    if result.tolerance is not None and result.error_estimate > result.tolerance:
        missed = f"expectation.tolerance = {result.tolerance:g} was not reached"
        if getattr(getattr(problem, "expectation", None), "engine", "") == "tables":
            missed += "; expectation.engine = 'auto' can do better"
    if as_json:
        warnings += [missed] * bool(missed)
        click.echo(json.dumps(result.document() | {"warnings": warnings}))
        return
    lines = [problem.title] if problem.title else []
    lines += [f"  {line}" for line in options.describe(problem)]
    error = f"error estimate {result.error_estimate:.1e}"
    if result.noise_error is not None:
        error += f", of V {result.noise_error:.1e}"
    lines += [f"  engine     {result.engine}", f"             {error}"]
    if missed:
        lines += textwrap.wrap(missed, 65, initial_indent=" " * 13, subsequent_indent=" " * 13)
    risk = f"{result.risk:z.{decimals(result.error_estimate)}f}"
    lines += ["", f"  risk        {risk}", *compared(result.problem.model, result.known)]
    for title, state in (
        ("order parameters", result.parameters),
        ("gradient of the risk", result.gradient),
        ("velocity", result.velocity),
    ):
        most = {} if title == "order parameters" else result.decimals
        table = state_table(result.order_parameters, state, "--json has all", decimals=most)
        lines += ["", f"  {title}", *table]
        if title == "order parameters" and result.seen:
            values = state_table(
                result.seen,
                result.observables,
                "--json has all",
                coordinates(problem),
                result.decimals,
            )
            lines += ["", *values]
    show([*lines, *covariance(result)])


def covariance(result: Evaluation) -> list[str]:
    """V of the gradient, where SGD has noise."""
    if result.noise is None:
        return []
    noise = noise_of(result.problem)
    table = state_table([noise], {noise.name: result.noise}, "--json has all")
    return ["", f"  {noise.long_name}", *table]
