"""``orderparams analyze``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orderparams import interruption
from orderparams.cli import given, idle, options
from orderparams.cli.screen import note, show
from orderparams.cli.verbose import verbose
from orderparams.phases import steps

if TYPE_CHECKING:
    from orderparams.results.analysis import Analysis
    from orderparams.results.findings import Findings
    from orderparams.results.trajectory import Trajectory

UNANALYZED = "there is no stored analysis, and the run is analyzed in any case"
STORED = "the stored analysis is shown, and nothing is computed"


@click.command()
@options.config
@options.assignments
@verbose
@click.option(
    "-o",
    "--output",
    type=options.NewFile(),
    metavar="FILE.h5",
    help="Write the run and all that was found to a file.",
)
@options.force
@click.option(
    "--replica",
    type=options.Whole(min=1),
    metavar="N",
    help="Which replica of a simulation to analyze; left out, the first.",
)
@click.option(
    "--simulate",
    type=options.Whole(min=1),
    metavar="N",
    help="Simulate N replicas of SGD, and hold their escapes from symmetric states against the "
    "law; of runs with fluctuations.",
)
@click.option("--anew", is_flag=True, help="Analyze a run again whose file has its analysis.")
@options.workers
@click.option("--markdown", is_flag=True, help="Print the same as Markdown.")
@options.as_json
def analyze(
    config: str,
    assignments: tuple[str, ...],
    output: Path | None,
    force: bool,
    replica: int | None,
    simulate: int | None,
    anew: bool,
    workers: int,
    markdown: bool,
    as_json: bool,
) -> int:
    """Say what happened in a run and why.

    Stages, stationary points and their stability, the optimum, and which heads
    can go. A result file is analyzed as it is; a configuration is solved first.
    What -o wrote is shown again without new work, unless -s changes the run.

    \b
    Examples:
      orderparams analyze two-stage.h5
      orderparams analyze two-stage.h5 -o found.h5
      orderparams analyze excursion -o excursion.h5 --markdown
      orderparams analyze run.h5 --simulate 100
    """
    if markdown and as_json:
        raise click.UsageError("--markdown and --json are two forms of one answer; choose one")
    if output is not None:
        options.target(output, config, force=force)
    kind = None if assignments else given.kind_of(config)
    if kind == "comparison":
        note(f"{config} holds a validation: its simulation in the largest dimension is analyzed.")
    if replica is not None and kind not in ("simulation", "comparison"):
        raise click.UsageError("--replica chooses one of a simulation, and none is analyzed here")
    warnings = idle.warned()
    if kind == "analysis" and not anew and not simulate:
        warnings += shown_again(config)
    elif anew and kind != "analysis":
        warnings += given.warned({"--anew": UNANALYZED}, "analyze")
    if is_file(config, assignments):
        source: Path | Trajectory = Path(config)
    else:
        source, ignored = solved_run(config, assignments, output, simulate, force=force)
        warnings += ignored
        force = True  # of an output that now has the run

    from orderparams.analysis.analyze import UNHELD, analyze
    from orderparams.progress import ProgressLine

    with ProgressLine() as line, steps(line.step) as begin:
        told = works(line, begin)
        result = analyze(
            source,
            replica=replica or 1,
            simulate=simulate or 0,
            workers=workers,
            anew=anew,
            progress=told,
        )
    if simulate and not getattr(result, "escapes", None):
        warnings += given.warned({"--simulate": UNHELD}, "analyze")
    if as_json:
        click.echo(json.dumps(result.document() | {"warnings": warnings}))
    else:
        tell(result, markdown=markdown)
    if output is not None:
        options.save(result.save, output, force=force)
    return status(result)


def status(result: Analysis | Findings) -> int:
    """4 if replicas disagree with a law of escape, 7 if they cannot decide."""
    found = {
        one.simulated.verdict for one in getattr(result, "escapes", None) or () if one.simulated
    }
    return 4 if "disagree" in found else 7 if "inconclusive" in found else 0


def works(
    line: Callable[[float, str], None], begin: Callable[[str], None]
) -> Callable[[float, str], None]:
    """Progress that is shown on a line, and a work of it told when it begins."""
    current = ""

    def progress(fraction: float, what: str) -> None:
        nonlocal current
        work = what.split(":")[0]
        if work != current:
            begin(work)
            current = work
        line(fraction, what)

    return progress


def tell(result: Analysis | Findings, *, markdown: bool) -> None:
    """Print the story of a run, or of a replica of a simulation."""
    from orderparams.views.story import screen
    from orderparams.views.story.markdown import document
    from orderparams.views.story.tell import about, tell

    title, chapters = result.problem.title, tell(result)
    if markdown:
        click.echo(document(title, about(result), chapters))
        return
    parts = [f"  {part:<11}{text}" for part, text in about(result).items()]
    show([*([title] if title else []), *parts, *screen.lines(chapters)])


def is_file(config: str, assignments: tuple[str, ...]) -> bool:
    """Whether a run is read, not solved."""
    from orderparams.sources import is_result

    return is_result(config) and not assignments


def shown_again(config: str) -> list[str]:
    """Say that an analysis is not made again; options of the work have no effect then."""
    from click.core import ParameterSource

    context = click.get_current_context()
    note(f"{config} holds its analysis: it is shown as stored; --anew analyzes the run again.")
    given_here = context.get_parameter_source("workers") is ParameterSource.COMMANDLINE
    return given.warned({"--workers": STORED} if given_here else {}, "analyze")


def solved_run(
    config: str,
    assignments: tuple[str, ...],
    output: Path | None,
    replicas: int | None,
    *,
    force: bool,
) -> tuple[Trajectory, list[str]]:
    """The run of a configuration, where there is an output kept there at once; and warnings.
    ``replicas`` are refused before where there can be no laws of escape."""
    problem, warnings = given.load(config, assignments, "analyze", replicas=replicas)
    if replicas:
        from orderparams.analysis.escape_times import check_laws

        check_laws(problem)
    options.announce_compilation()

    from orderparams.progress import ProgressLine, shown_on
    from orderparams.run.solve import solve

    with interruption.keeping(command=output is not None), ProgressLine() as line:
        run = solve(problem, progress=shown_on(line, problem.training.duration))
        if output is not None:
            options.save(run.save, output, force=force)
            interruption.advise(f"{output} holds the run that was to be analyzed")
    if run.status == "interrupted":
        raise KeyboardInterrupt
    return run, warnings
