"""``orderparams simulate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orderparams import interruption
from orderparams.cli import given, idle, keeping, options
from orderparams.cli.screen import show
from orderparams.cli.verbose import verbose
from orderparams.views.tables import state_table

if TYPE_CHECKING:
    from orderparams.results.simulation import SimulationRun


@click.command()
@options.config
@options.assignments
@verbose
@options.output
@options.force
@options.quiet
@options.workers
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the unfinished simulation in the output file, or in CONFIG.",
)
@keeping.interval
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
    """Run one-pass SGD, many replicas.

    The unfinished run is kept in the output file every minute and when the
    command is interrupted or terminated; --resume goes on with it, to the
    same bits as if it had never stopped.

    \b
    Examples:
      orderparams simulate -s simulation.dimension=4000 -o sgd.h5
      orderparams simulate sgd.h5 --resume
    """
    idle.warned()
    problem, _ = given.load(config, assignments, "simulate", quiet=quiet or resume)
    if resume:
        output = keeping.file_to_resume(config, output)
    path = options.target(output, config, force=force or resume)
    if not quiet:
        options.announce_compilation()

    from orderparams.errors import ConfigurationError
    from orderparams.progress import ProgressLine
    from orderparams.results.files import open_group
    from orderparams.run.simulate import simulate

    if resume and given.kind_of(str(path)) == "plan":
        raise ConfigurationError(
            f"{path} holds {given.KINDS['plan']}; go on with: orderparams validate {path} --resume"
        )
    earlier = open_group(path, "simulation") if resume else None
    if earlier is not None and earlier.checkpoint is None and earlier.problem == problem:
        if not quiet:
            show([*summary(earlier), "", f"  {path} was complete: nothing is done"])
        return 3 if earlier.status == "failed" else 0
    rate = options.Rate()
    with interruption.keeping(command=True), ProgressLine(quiet=quiet) as line:
        file = keeping.OutputFile(path, line, replace=resume or force, resumed=resume)

        def progress(done: int, total: int) -> None:
            line(done / total, rate.text(done))

        run = simulate(
            problem,
            workers=workers,
            progress=progress,
            checkpoint=file.checkpoint,
            interval=interval,
            resume=earlier,
        )
        file.save(run)
    if not quiet:
        show([*summary(run), "", f"  written to {path}"])
    if run.status == "interrupted":
        click.echo(
            f"orderparams: interrupted; go on with: orderparams simulate {path} --resume", err=True
        )
        return interruption.EXIT_STATUS
    if run.status == "failed":
        click.echo(f"orderparams: {run.message}; {path} holds what was simulated", err=True)
        return 3
    return 0


def summary(run: SimulationRun) -> list[str]:
    """What was simulated, in lines of at most 80 columns."""
    from orderparams.config.words import counted, of_backend

    problem, settings, records = run.problem, run.problem.simulation, run.records
    steps = int(records.step[-1])
    lines = [problem.title] if problem.title else []
    lines += [f"  {line}" for line in options.describe(problem, "sgd")]
    lines += [
        f"  simulation {of_backend(problem)}, "
        f"{counted(settings.replicas, 'replica')} of {counted(steps, 'step')}",
        "",
    ]
    if run.status == "finished":
        risk, loss = run.risk[:, -1], records.loss[:, -1]
        spread = f", spread over replicas {risk.std(ddof=1):.6f}" if len(risk) > 1 else ""
        lines += [
            f"  population risk  {risk.mean():z.6f} at t = {records.time[-1]:g}{spread}",
            f"  measured loss    {loss.mean():z.6f} over the last interval",
            "",
            "  final order parameters, first replica",
            *state_table(run.order_parameters, run.end(0)),
            "",
            *aside(run),
        ]
    return [*lines, f"  {run.seconds:.1f} s"]


def aside(run: SimulationRun) -> list[str]:
    """What was recorded beside the order parameters, at the end of the first replica."""
    if not run.besides:
        return []
    ends = {one.name: run.records.parameters[one.name][0, -1] for one in run.besides}
    lines = [f"  {one.name}: {one.long_name}" for one in run.besides]
    return [*lines, *state_table(run.besides, ends), ""]
