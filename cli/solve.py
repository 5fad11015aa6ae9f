"""``orderparams solve``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orderparams import interruption
from orderparams.cli import given, idle, keeping, options
from orderparams.cli.compared import compared
from orderparams.cli.screen import note, show
from orderparams.cli.verbose import verbose
from orderparams.results.schema import coordinates
from orderparams.views.tables import fluctuation_table, state_table

if TYPE_CHECKING:
    from orderparams.config import Problem
    from orderparams.results.trajectory import Trajectory


@click.command()
@options.config
@options.assignments
@verbose
@options.output
@options.force
@options.quiet
@click.option(
    "--max-seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="Stop after S seconds, keep what was reached, exit with 3.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the run in the output file, or in CONFIG, from its last state.",
)
@click.option(
    "--fluctuations",
    is_flag=True,
    help="Covariance and shift of SGD around the flow too; fluctuations.enabled = true.",
)
@keeping.interval
def solve(
    config: str,
    assignments: tuple[str, ...],
    output: Path | None,
    force: bool,
    quiet: bool,
    max_seconds: float | None,
    resume: bool,
    fluctuations: bool,
    interval: float,
) -> int:
    """Integrate the order-parameter flow.

    The trajectory is written to an HDF5 file, a summary to the screen. What a
    long run has reached is kept in the file every minute, and when the command
    is interrupted or terminated; --resume goes on with it, or with a finished
    run to a longer duration.

    \b
    Examples:
      orderparams solve
      orderparams solve two-stage -s attention.heads=8 -o run.h5
      orderparams solve run.h5 --resume -s training.duration=8000
      orderparams solve finite-learning-rate --fluctuations
    """
    idle.warned()
    assignments += ("fluctuations.enabled=true",) * fluctuations
    problem, _ = given.load(config, assignments, "solve", quiet=quiet or resume)
    limit = float("inf") if max_seconds is None else max_seconds
    if resume:
        path = keeping.file_to_resume(config, output)
        earlier = run_to_resume(problem, path, quiet=quiet)
        if earlier is None:
            return 0
        return run(problem, path, limit, interval, quiet=quiet, replace=True, resume=earlier)
    path = options.target(output, config, force=force)
    if not quiet and given.kind_of(config) == "trajectory":
        note(
            f"The configuration of {config} is solved from t = 0; to go on with its run: --resume."
        )
    return run(problem, path, limit, interval, quiet=quiet, replace=force)


def run_to_resume(problem: Problem, path: Path, *, quiet: bool) -> Trajectory | None:
    """The run in a file; None if nothing is left of it, which is said."""
    from orderparams.errors import FileError
    from orderparams.results.files import open_result
    from orderparams.results.trajectory import Trajectory
    from orderparams.run.resume import check_left, check_same, has_fluctuations
    from orderparams.storage.files import check_target

    earlier = open_result(path)
    if not isinstance(earlier, Trajectory):
        raise FileError(f"{path} holds no run of orderparams solve; name the file of one")
    check_same(earlier, problem)
    duration, reached = problem.training.duration, float(earlier.time[-1])
    if earlier.complete and reached == duration and has_fluctuations(earlier, problem):
        note(
            f"{path} has reached t = {reached:g} and nothing is left to do; for a longer run add "
            f"-s training.duration={2 * duration:g}"
        )
        return None
    check_left(reached, duration)
    check_target(path, force=True)
    if not quiet:
        note(f"Going on with {path} from t = {reached:g}.")
    return earlier


def run(
    problem: Problem,
    path: Path,
    max_seconds: float,
    interval: float,
    *,
    quiet: bool,
    replace: bool,
    resume: Trajectory | None = None,
) -> int:
    """Solve, write the file, and say what came out."""
    if not quiet:
        options.announce_compilation()

    from orderparams.progress import ProgressLine, shown_on
    from orderparams.run.solve import solve

    with interruption.keeping(command=True), ProgressLine(quiet=quiet) as line:
        resumed = resume is not None
        file = keeping.OutputFile(path, line, replace=replace, resumed=resumed)
        trajectory = solve(
            problem,
            progress=shown_on(line, problem.training.duration),
            max_seconds=max_seconds,
            checkpoint=file.checkpoint,
            interval=interval,
            resume=resume,
        )
        file.save(trajectory)
    if not quiet:
        show([*summary(trajectory), "", f"  written to {path}"])
    if trajectory.complete:
        return 0
    click.echo(
        f"orderparams: the run did not finish: {trajectory.message}; {path} holds what was "
        f"reached, marked as {trajectory.status}; to go on: orderparams solve {path} --resume",
        err=True,
    )
    return interruption.EXIT_STATUS if trajectory.status == "interrupted" else 3


def summary(trajectory: Trajectory) -> list[str]:
    """What happened, in lines of at most 80 columns."""
    problem, count = trajectory.problem, trajectory.statistics
    first, last, end = trajectory.risk[0], trajectory.risk[-1], trajectory.time[-1]
    lines = [problem.title] if problem.title else []
    lines += [f"  {line}" for line in options.describe(problem)]
    lines += [f"  engine     {trajectory.engine}", ""]
    lines += [f"  risk        {first:z.8f} at t = 0"]
    if end > 0:
        lines += [f"              {last:z.8f} at t = {end:g}"]
    if trajectory.status == "at rest":
        lines += [f"              {trajectory.message}"]
    when = "final order parameters" if trajectory.complete else f"order parameters at t = {end:g}"
    lines += compared(problem.model, trajectory.known, 8, "not known; evaluate says why")
    lines += ["", f"  {when}"]
    lines += state_table(trajectory.order_parameters, trajectory.state(-1))
    if seen := trajectory.seen:
        lines += ["", *state_table(seen, trajectory.observed_last, along=coordinates(problem))]
    work = f"{count.get('right_hand_sides', 0)} right-hand sides in {count['steps']} steps"
    if jacobians := count.get("jacobians"):
        work += f", {jacobians} Jacobians"
        if more := count.get("jacobian_right_hand_sides"):
            work += f" of {more} more"
    if trajectory.fluctuations is not None:
        lines += ["", *fluctuation_table(trajectory.fluctuations)]
    return [*lines, "", f"  {work}, {trajectory.seconds:.1f} s"]
