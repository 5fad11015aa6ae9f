"""``orderparams evaluate``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from orderparams.cli import given, options
from orderparams.cli.screen import show

if TYPE_CHECKING:
    from orderparams.evaluation import Evaluation


@click.command()
@options.config
@options.assignments
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

    from orderparams.evaluation import evaluate

    result = evaluate(problem)
    if as_json:
        click.echo(json.dumps(result.document() | {"warnings": warnings}))
        return
    lines = [problem.title] if problem.title else []
    lines += [f"  {line}" for line in options.describe(problem)]
    error = f"error estimate {result.error_estimate:.1e}"
    if result.covariance_error is not None:
        error += f", of V {result.covariance_error:.1e}"
    lines += [f"  engine     {result.engine}", f"             {error}"]
    if result.tolerance is not None and result.error_estimate > result.tolerance:
        lines += [f"             expectation.tolerance = {result.tolerance:g} was not reached"]
    lines += ["", f"  risk        {result.risk:.10f}", f"  Bayes risk  {best_risk(result)}"]
    heads, velocity = result.heads, result.velocity
    for title, overlap, self_overlap in (
        ("overlaps", heads.overlap, heads.self_overlap),
        ("gradient of the risk", result.overlap_gradient, result.self_overlap_gradient),
        ("velocity", velocity.overlap, velocity.self_overlap),
    ):
        lines += ["", f"  {title}", *options.overlap_table(overlap, self_overlap)]
    show(lines)


def best_risk(result: Evaluation) -> str:
    """The Bayes risk, with its error where sampling had to serve."""
    if result.bayes_risk != result.bayes_risk:
        return "not known: it takes more memory than there is"
    error = f" ± {result.bayes_error:.1e}" if result.bayes_error > 1e-8 else ""
    return f"{result.bayes_risk:.10f}{error}"
