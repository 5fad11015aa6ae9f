"""``orderparams simulate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orderparams.cli import given, options
from orderparams.cli.screen import show

if TYPE_CHECKING:
    from orderparams.sgd.run import SimulationRun


@click.command()
@options.config
@options.assignments
@options.output
@options.force
@options.quiet
@options.workers
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the unfinished simulation in the output file, or in CONFIG.",
)
@click.option(
    "--checkpoint",
    "interval",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="S",
    help="Seconds between checkpoints in the output file.",
)
def simulate(
    config: str,
    assignments: tuple[str, ...],
    output: Path | None,
    force: bool,
    quiet: bool,
    workers: int,
    resume: bool,
    interval: float,
) -> int:
    """Run one-pass SGD at finite dimension, many replicas.

    The unfinished run is kept in the output file every minute and when the
    command is interrupted or terminated; --resume goes on with it, to the
    same bits as if it had never stopped.

    \b
    Examples:
      orderparams simulate -s simulation.dimension=4000 -o sgd.h5
      orderparams simulate sgd.h5 --resume
    """
    from orderparams.errors import ConfigurationError, FileError
    from orderparams.sources import is_result

    problem, _ = given.load(config, assignments, "simulate", quiet=quiet or resume)
    if resume and output is None:
        if not is_result(config):
            raise ConfigurationError("--resume needs the file to go on with; name it with -o")
        output = Path(config)
    path = options.target(output, config, force=force or resume)
    if not quiet:
        options.announce_compilation()

    from orderparams.progress import ProgressLine
    from orderparams.sgd.run import simulate
    from orderparams.storage.simulations import open_simulation

    earlier = open_simulation(path) if resume else None
    if earlier is not None and earlier.state is None and earlier.problem == problem:
        if not quiet:
            click.echo(
                "\n".join([*summary(earlier), "", f"  {path} was complete: nothing is done"])
            )
        return 3 if earlier.status == "failed" else 0
    line = None if quiet else ProgressLine()
    rate = options.Rate()

    def progress(done: int, total: int) -> None:
        if line is not None:
            line(done / total, rate.text(done))

    written = resume or force

    def keep(run: SimulationRun) -> None:
        nonlocal written
        replace, written = written, True  # first: an interrupt may come when the file is there
        options.save(run.save, path, force=replace)

    def checkpoint(run: SimulationRun) -> None:
        try:
            keep(run)
        except FileError as error:  # the disk may have space again by the end
            click.echo(f"orderparams: a checkpoint is missing: {error}", err=True)

    with options.termination_as_interrupt():
        run = simulate(
            problem,
            workers=workers,
            progress=progress,
            checkpoint=checkpoint,
            interval=interval,
            resume=earlier,
        )
    if line is not None:
        line.close()
    keep(run)
    if not quiet:
        show([*summary(run), "", f"  written to {path}"])
    if run.status == "interrupted":
        click.echo(
            f"orderparams: interrupted; go on with: orderparams simulate {path} --resume", err=True
        )
        return 130
    if run.status == "failed":
        click.echo(f"orderparams: {run.message}; {path} holds what was simulated", err=True)
        return 3
    return 0


def summary(run: SimulationRun) -> list[str]:
    """What was simulated, in lines of at most 80 columns."""
    problem, settings, records = run.problem, run.problem.simulation, run.records
    steps = int(records.step[-1])
    lines = [problem.title] if problem.title else []
    lines += [f"  {line}" for line in options.describe(problem, "sgd")]
    lines += [
        f"  simulation {settings.backend}, D = {settings.dimension}, "
        f"{settings.replicas} replica{'s' * (settings.replicas > 1)} of {steps} steps",
        "",
    ]
    if run.status == "finished":
        risk, loss = run.risk[:, -1], records.loss[:, -1]
        spread = f", spread over replicas {risk.std(ddof=1):.6f}" if len(risk) > 1 else ""
        lines += [
            f"  population risk  {risk.mean():.6f} at t = {records.time[-1]:g}{spread}",
            f"  measured loss    {loss.mean():.6f} over the last interval",
            "",
            "  final overlaps, first replica",
            *options.overlap_table(records.overlap[0, -1], records.self_overlap[0, -1]),
            "",
        ]
    return [*lines, f"  {run.seconds:.1f} s"]
