"""``orderparams scan``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orderparams import interruption
from orderparams.cli import completion, given, idle, options
from orderparams.cli.outcome import Screen, progress_line, summary, summary_lines
from orderparams.cli.plan import describe, estimate, make_plan
from orderparams.cli.screen import show
from orderparams.cli.verbose import verbose
from orderparams.phases import phase
from orderparams.storage.suffixes import RESULTS, check_suffix

if TYPE_CHECKING:
    from orderparams.scans.plan import Plan
    from orderparams.scans.run import Machine

FAILED_POINTS = 6
ACTIONS = ("solve", "evaluate", "optimum", "simulate", "validate")


def shard_of(
    context: click.Context, option: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """I/N with 1 ≤ I ≤ N."""
    if value is None:
        return None
    index, _, count = value.partition("/")
    if not (index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise click.BadParameter(f"{value!r}: expected I/N with I from 1 to N, such as 3/16")
    return int(index), int(count)


@click.command()
@click.argument(
    "config",
    required=False,
    metavar="[CONFIG]",
    callback=options.announced,
    shell_complete=completion.configurations,
)
@options.assignments
@verbose
@click.option(
    "--vary",
    "varied",
    multiple=True,
    metavar="KEY=SPEC",
    shell_complete=completion.variations,
    help="Vary a key over a list a,b,c or a range low:high:count or log:low:high:count. "
    "Repeatable: all combinations are run.",
)
@click.option("--zip", "zipped", is_flag=True, help="Pair the lists instead of combining them.")
@click.option(
    "--random",
    "points",
    type=options.Whole(min=1),
    metavar="N",
    help="Draw N points at random from the lists and from ranges low:high, log:low:high.",
)
@click.option("--seed", type=options.Whole(min=0), metavar="S", help="Seed of --random.")
@click.option(
    "--action",
    type=click.Choice(ACTIONS),
    metavar="WORD",
    help="What each point does: solve (default), evaluate, optimum, simulate, validate.",
)
@click.option("--trajectories", is_flag=True, help="Keep the trajectory of every point.")
@click.option(
    "--warm-start",
    metavar="KEY",
    shell_complete=completion.keys,
    help="Start each optimum from its neighbour along this varied key.",
)
@click.option("-o", "--output", type=options.NewFile(), metavar="FILE.h5", help="File to write.")
@options.force
@click.option("--resume", is_flag=True, help="Run only what is missing or has failed.")
@click.option("--dry-run", is_flag=True, help="Show the plan and estimate its time; run nothing.")
@click.option("--workers", type=options.Whole(min=1), metavar="N", help="Processes (all cores).")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="S",
    help="Stop a point after S seconds and count it as failed.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    shell_complete=completion.addresses,
    help="Run on a Dask cluster, such as tcp://HOST:8786.",
)
@click.option(
    "--scheduler-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The same, the address read from Dask's file.",
)
@click.option(
    "--shard",
    callback=shard_of,
    metavar="I/N",
    help="Run every N-th point, from the I-th.",
)
@click.option("--collect", "collecting", is_flag=True, help="Write FILE.h5 from finished points.")
@options.as_json
@click.option("--json-lines", is_flag=True, help="Print one JSON line for each point as it ends.")
@options.quiet
def scan(
    config: str | None,
    assignments: tuple[str, ...],
    output: Path | None,
    force: bool,
    resume: bool,
    dry_run: bool,
    workers: int | None,
    timeout: float | None,
    scheduler: str | None,
    scheduler_file: Path | None,
    shard: tuple[int, int] | None,
    collecting: bool,
    as_json: bool,
    json_lines: bool,
    quiet: bool,
    **settings: Any,
) -> int:
    """Run a problem for many values of its settings.

    Every finished point is kept in a folder beside FILE.h5 until all are, and
    an interrupted scan goes on with --resume -o FILE.h5.

    \b
    Examples:
      orderparams scan --vary attention.heads=1:8:8 -o scan.h5
      orderparams scan --vary task.length=log:4:4096:6 --dry-run
      orderparams scan --resume -o scan.h5
    """
    check_usage(click.get_current_context().params)
    if output is not None:
        check_suffix(output, RESULTS, "a result file")
    stored = output if resume or collecting else None
    bar = progress_line(quiet=quiet or as_json or json_lines)
    with phase("making the plan"):
        plan = make_plan(config, assignments, stored, bar=bar, **settings)

    from orderparams.scans import run

    say = None if bar is None else options.say_compiling
    machine = run.Machine(workers, timeout, scheduler, scheduler_file, say)
    warnings = warned(plan, config, assignments, machine)
    if dry_run:
        show([*describe(plan), "", estimate(plan, machine)])
        return 0
    assert output is not None
    screen = Screen(plan, output, bar, warnings, lines=json_lines)
    watch: dict[str, Any] = {"on_point": screen.point, "on_progress": screen.progress}
    command, before = options.command_line(), stamp(output)
    try:
        if shard is not None:
            run.run_shard(plan, output, shard, machine, **watch)
            result = None
        elif collecting:
            result = run.write_collected(
                plan, output, force=force, command=command, on_progress=screen.progress
            )
        else:
            result = run.run_plan(
                plan, output, machine, resume=resume, force=force, command=command, **watch
            )
    finally:
        screen.close()
    interruption.advise(f"{output} is complete" if result else "the points of this run are kept")
    report = screen.report(output) if result is None else summary(plan, result, output)
    if resume and before is not None and stamp(output) == before:
        report["complete"] = True
    if as_json:
        click.echo(json.dumps(report | {"warnings": warnings}))
    elif not quiet and not json_lines:
        show(summary_lines(report, result))
    if report["finished"] == report["points"]:
        return 0
    if quiet and not as_json and not json_lines:
        count, lines = summary_lines(report)[0].strip(), report["failures"][:1]
        reason = "".join(f"; point {of['point']}: {of['message']}" for of in lines)
        click.echo(f"orderparams: {count}{reason}; go on with --resume", err=True)
    return FAILED_POINTS


def stamp(path: Path) -> tuple[int, int] | None:
    """Changes when a file is written; None without one."""
    if not path.exists():
        return None
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


def warned(
    plan: Plan, config: str | None, assignments: tuple[str, ...], machine: Machine
) -> list[str]:
    """Warnings of a plan, which are printed as one line."""
    from orderparams.config.toml import setting_keys
    from orderparams.scans.unused import given_to, ignored_in
    from orderparams.shipped import DEFAULT_PRESET

    keys = given_to(plan, config or DEFAULT_PRESET, setting_keys(assignments))
    options = idle.found(click.get_current_context())
    return given.warned(ignored_in(plan, keys) | machine.ignored | options, "this scan")


CONTRADICTIONS = {
    ("zipped", "points"): "--zip pairs lists and --random draws points",
    ("shard", "collecting"): "--shard runs points and --collect what was run by all shards",
    ("scheduler", "scheduler_file"): "--scheduler and --scheduler-file name the same",
    ("shard", "force"): "--shard goes on with a folder of points and --force begins a file anew",
    ("as_json", "json_lines"): "--json and --json-lines both write to standard output",
    ("dry_run", "as_json"): "--dry-run shows a plan and --json what a scan came to",
    ("dry_run", "json_lines"): "--dry-run runs nothing and --json-lines shows what was run",
    ("collecting", "json_lines"): "--collect runs nothing and --json-lines shows what was run",
}


def check_usage(options: dict[str, Any]) -> None:
    """Refuse options that contradict each other."""
    for (one, other), reason in CONTRADICTIONS.items():
        if options[one] and options[other]:
            raise click.UsageError(f"{reason}; choose one")
    if options["output"] is None and not options["dry_run"]:
        raise click.UsageError("name the file to write with -o FILE.h5")
