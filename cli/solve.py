"""``orderparams solve``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orderparams.cli import given, options
from orderparams.cli.screen import show

if TYPE_CHECKING:
    from orderparams.trajectory import Trajectory


@click.command()
@options.config
@options.assignments
@options.output
@options.force
@options.quiet
@click.option(
    "--max-seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="Stop after S seconds, keep what was reached, exit with 3.",
)
def solve(
    config: str,
    assignments: tuple[str, ...],
    output: Path | None,
    force: bool,
    quiet: bool,
    max_seconds: float | None,
) -> int:
    """Integrate the order-parameter flow.

    The trajectory is written to an HDF5 file, a summary to the screen.

    \b
    Examples:
      orderparams solve
      orderparams solve two-stage -s attention.heads=8 -o run.h5
      orderparams solve run.h5 -s training.duration=8000
    """
    problem, _ = given.load(config, assignments, "solve", quiet=quiet)
    path = options.target(output, config, force=force)
    if not quiet:
        options.announce_compilation()

    from orderparams.integrate import solve
    from orderparams.progress import ProgressLine

    line = None if quiet else ProgressLine()

    def progress(fraction: float, risk: float) -> None:
        if line is not None:
            line(fraction, f"t = {fraction * problem.training.duration:.4g}  risk {risk:.6f}")

    trajectory = solve(
        problem, progress=progress, max_seconds=float("inf") if max_seconds is None else max_seconds
    )
    if line is not None:
        line.close()
    options.save(trajectory.save, path, force=force)
    if not quiet:
        show([*summary(trajectory), "", f"  written to {path}"])
    if trajectory.status != "finished":
        click.echo(
            f"orderparams: the run did not finish: {trajectory.message}; {path} holds what was "
            "reached, marked as " + trajectory.status,
            err=True,
        )
    return {"finished": 0, "interrupted": 130}.get(trajectory.status, 3)


def summary(trajectory: Trajectory) -> list[str]:
    """What happened, in lines of at most 80 columns."""
    problem, count = trajectory.problem, trajectory.statistics
    first, last = trajectory.risk[0], trajectory.risk[-1]
    lines = [problem.title] if problem.title else []
    lines += [f"  {line}" for line in options.describe(problem)]
    lines += [f"  engine     {trajectory.engine}", ""]
    lines += [f"  risk        {first:.8f} at t = 0"]
    lines += [f"              {last:.8f} at t = {trajectory.time[-1]:g}"]
    lines += [f"  Bayes risk  {trajectory.bayes_risk:.8f}", "", "  final overlaps"]
    learned = (trajectory.bias, trajectory.head_weight)
    lines += options.overlap_table(
        trajectory.overlap[-1],
        trajectory.self_overlap[-1],
        *(None if values is None else values[-1] for values in learned),
    )
    work = f"{count.get('right_hand_sides', 0)} right-hand sides in {count['steps']} steps"
    return [*lines, "", f"  {work}, {trajectory.seconds:.1f} s"]
