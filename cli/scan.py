"""``orderparams scan``."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orderparams import interruption
from orderparams.cli import completion, given, idle, options
from orderparams.cli.screen import show
from orderparams.storage.suffixes import RESULTS, check_suffix

if TYPE_CHECKING:
    import numpy as np

    from orderparams.progress import ProgressLine
    from orderparams.results.scan import Scan
    from orderparams.scans.plan import Plan
    from orderparams.scans.points import Point
    from orderparams.scans.run import Machine, Progress
    from orderparams.scans.worker import Reply

FAILED_POINTS = 6
FIRST_POINTS = 5
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
    "config", required=False, metavar="[CONFIG]", shell_complete=completion.configurations
)
@options.assignments
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
    type=click.IntRange(min=1),
    metavar="N",
    help="Draw N points at random from the lists and from ranges low:high, log:low:high.",
)
@click.option("--seed", type=click.IntRange(min=0), metavar="S", help="Seed of --random.")
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
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes (all cores).")
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
        show(summary_lines(report))
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
    from orderparams.presets import DEFAULT_PRESET
    from orderparams.scans.unused import given_to, ignored_in

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


def make_plan(
    config: str | None,
    assignments: tuple[str, ...],
    stored: Path | None,
    *,
    bar: ProgressLine | None,
    varied: tuple[str, ...],
    zipped: bool,
    points: int | None,
    **others: Any,
) -> Plan:
    """The plan of the command line; where it says nothing, the one ``stored`` was started with."""
    from orderparams.scans.plan import base_table, make_plan

    entries = {
        key: value for key, value in others.items() if value is not None and value is not False
    }
    if zipped:
        entries["mode"] = "zip"
    if points is not None:
        entries |= {"mode": "random", "points": points}
    if stored is not None and config is None and not (assignments or varied or entries):
        from orderparams.scans.folder import Folder

        folder = Folder.beside(stored)
        if folder.exists() or not stored.exists():
            return folder.plan(checking(bar))
        return make_plan(base_table(stored), report=checking(bar))
    source = "two-stage" if config is None else config
    given.announce(source, "scan")
    table = base_table(source)
    if varied:
        keys = [key for key, _ in map(parts, varied)]
        for key in keys:
            if keys.count(key) > 1:
                raise click.UsageError(f"--vary {key} stands twice; give one list of its values")
        entries["vary"] = dict(table.get("scan", {}).get("vary", {})) | dict(map(parts, varied))
    return make_plan(table, entries, assignments, checking(bar), place=source)


def parts(varied: str) -> tuple[str, str]:
    """Key and specification of one ``--vary``."""
    key, separator, spec = varied.partition("=")
    if not separator or not spec.strip():
        raise click.UsageError(
            f"--vary {varied}: expected KEY=SPEC with at least one value, such as "
            "attention.heads=1,2,4 or task.length=log:4:4096:11"
        )
    return key.strip(), spec


def progress_line(*, quiet: bool) -> ProgressLine | None:
    """Where progress is shown."""
    from orderparams.progress import ProgressLine

    if quiet:
        return None
    line = ProgressLine()
    click.get_current_context().call_on_close(line.close)
    return line


def checking(bar: ProgressLine | None) -> Callable[[int, int], None] | None:
    """Shows how many points of a plan are ready."""
    if bar is None:
        return None

    def report(done: int, points: int) -> None:
        bar(done / points, f"{done} of {points} points checked")
        if done == points:
            bar.clear()

    return report


class Screen:
    """What a running scan shows: a progress line, or a JSON line a point."""

    def __init__(
        self,
        plan: Plan,
        output: Path,
        bar: ProgressLine | None,
        warnings: list[str],
        *,
        lines: bool,
    ) -> None:
        self.plan, self.output, self.bar = plan, output, bar
        self.warnings, self.lines = warnings, lines
        self.seconds = 0.0
        self.failures: list[dict[str, Any]] = []
        self.done = 0

    def progress(self, now: Progress) -> None:
        interruption.advise(
            f"what has finished is kept, go on with orderparams scan --resume -o {self.output}"
        )
        if self.bar is not None:
            text = f"{now.done} of {now.points} points "
            if now.phase == "running":
                failed = f", {now.failed} failed" if now.failed else ""
                text += f"done{failed}, {now.running} running"
            else:
                text += "collected"
            self.bar(now.done / now.points, text)

    def point(self, point: Point, reply: Reply) -> None:
        self.done += 1
        self.seconds += reply.seconds
        entry: dict[str, Any] = {"point": point.number, "parameters": parameters(self.plan, point)}
        if reply.status != "finished":
            self.failures.append(entry | {"message": reply.message})
        if self.lines:
            from orderparams.storage.points import read_image

            entry |= {key: getattr(reply, key) for key in ("status", "message", "seconds")}
            values = read_image(reply.image).values
            entry |= {name: finite(value.tolist()) for name, value in values.items()}
            click.echo(json.dumps(entry | {"warnings": self.warnings}))

    def report(self, output: Path) -> dict[str, Any]:
        """What this run did, of a shard."""
        from orderparams.scans.folder import Folder

        return {
            "points": self.done,
            "finished": self.done - len(self.failures),
            "failed": len(self.failures),
            "seconds": self.seconds,
            "failures": self.failures,
            "output": str(Folder.beside(output)),
        }

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


def parameters(plan: Plan, point: Point) -> dict[str, Any]:
    """Varied keys and values of a point."""
    return {axis.key: value for axis, value in zip(plan.axes, point.values, strict=True)}


def finite(value: Any) -> Any:
    """NaN and infinity, which JSON does not know, as null."""
    if isinstance(value, list):
        return [finite(entry) for entry in value]
    return value if math.isfinite(value) else None


def summary(plan: Plan, result: Scan, output: Path) -> dict[str, Any]:
    """What a scan came to."""
    import numpy as np

    failures = [
        {
            "point": number,
            "parameters": parameters(plan, plan.points[number - 1]),
            "message": message,
        }
        for number, message in result.failures.items()
    ]
    agreement = result.arrays.get("agreement")
    verdicts = {} if agreement is None else {"verdicts": verdicts_of(result, agreement)}
    return verdicts | {
        "points": len(plan.points),
        "finished": result.count("finished"),
        "failed": result.count("failed"),
        "seconds": float(np.nansum(result["seconds"])),
        "parameters": {
            result.keys[name]: values.tolist() for name, values in result.parameters.items()
        },
        "failures": failures,
        "output": str(output),
    }


def verdicts_of(result: Scan, agreement: np.ndarray) -> dict[str, int]:
    """How many validations came to which verdict."""
    found = agreement[result["status"] == "finished"]
    agree, disagree = int((found == 1).sum()), int((found == 0).sum())
    return {"agree": agree, "disagree": disagree, "inconclusive": found.size - agree - disagree}


def summary_lines(report: dict[str, Any]) -> list[str]:
    """The same for reading."""
    lines = [f"  {report['finished']} of {report['points']} points finished"]
    if missing := report["points"] - report["finished"] - report["failed"]:
        lines[0] += f", {missing} not run"
    lines[0] += f"; {report['seconds']:.1f} s of work"
    if verdicts := report.get("verdicts"):
        counts = ", ".join(f"{count} {word}" for word, count in verdicts.items())
        lines.append(f"  theory and simulation: {counts}")
    for failure in report["failures"][:FIRST_POINTS]:
        pairs = "  ".join(f"{key}={value}" for key, value in failure["parameters"].items())
        lines += [f"  failed: point {failure['point']}  {pairs}", f"    {failure['message']}"]
    if len(report["failures"]) > FIRST_POINTS:
        lines.append(f"  ... {len(report['failures'])} failed in all")
    done = "{} was complete: nothing is done" if "complete" in report else "written to {}"
    return [*lines, "", f"  {done.format(report['output'])}"]


def describe(plan: Plan) -> list[str]:
    """The plan for reading: its size, and the first points."""
    size = " x ".join(map(str, plan.shape))
    lines = [f"  {len(plan.points)} points ({size}), each to {plan.settings.action}"]
    for axis in plan.axes:
        lines.append(f"  {axis.key} as axis {axis.name}")
    lines += ["", "  point  hash              varied settings"]
    for point in plan.points[:FIRST_POINTS]:
        lines.append(f"  {point.number:5d}  {point.hash}  {plan.describe(point)}")
    if len(plan.points) > FIRST_POINTS:
        lines.append("  ...")
    return lines


def estimate(plan: Plan, machine: Machine) -> str:
    """How long the plan would take, from a few of its points run for a short time."""
    from orderparams.progress import duration
    from orderparams.scans.run import PROBE, estimate

    found = estimate(plan, machine)
    about = "about" if found.ended == found.tried else "more than"
    return (
        f"  {about} {duration(found.seconds)} on {found.workers} processes "
        f"({found.ended} of {found.tried} points that were tried took less than {PROBE:g} s)"
    )
