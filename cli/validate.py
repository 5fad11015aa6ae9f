"""``orderparams validate``."""

from __future__ import annotations

import math
import textwrap
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from orderparams import interruption
from orderparams.cli import given, idle, keeping, options
from orderparams.cli.screen import show
from orderparams.cli.verbose import verbose

if TYPE_CHECKING:
    from orderparams.config import Problem
    from orderparams.results.comparison import Comparison
    from orderparams.results.innovations import Innovations
    from orderparams.results.unfinished import Plan, Unfinished
    from orderparams.results.validation import Validation


def dimension_list(_: click.Context, __: click.Parameter, value: str | None) -> list[int] | None:
    """Dimensions from a list with commas."""
    if value is None:
        return None
    found = [number for part in value.split(",") if (number := options.whole(part)) is not None]
    if len(found) != value.count(",") + 1 or min(found) < 1:
        raise click.BadParameter(f"{value!r} is not a list of whole numbers such as 250,1000,4000")
    return found


def rate_list(_: click.Context, __: click.Parameter, value: str | None) -> list[float] | None:
    """Learning rates from a list with commas."""
    if value is None:
        return None
    try:
        rates = [float(part) for part in value.split(",")]
    except ValueError:
        rates = [0.0]
    if not all(0 < rate < math.inf for rate in rates):
        raise click.BadParameter(f"{value!r} is not a list of positive numbers such as 0.08,0.02")
    return rates


@click.command()
@options.config
@options.assignments
@verbose
@options.output
@options.force
@options.quiet
@options.workers
@click.option(
    "--test",
    type=click.Choice(["replicas", "innovations"]),
    default=None,
    help="Judge what SGD does between stored times (innovations), which takes one replica and one "
    "dimension, or compare means over replicas in two. Left out, innovations where the "
    "fluctuations of SGD are known, as long as they are not those of rare sequences, unless what "
    "is given needs several dimensions.",
)
@click.option(
    "--dimensions",
    callback=dimension_list,
    metavar="D,D,...",
    help="Dimensions to simulate; left out, simulation.dimension, and for means over replicas "
    "a quarter of it as well.",
)
@click.option(
    "--learning-rates",
    callback=rate_list,
    metavar="R,R,...",
    help="The same of models that tend to their theory at small learning rates; left out, four "
    "times training.learning_rate and it.",
)
@click.option(
    "--start",
    type=click.Choice(["replica", "mean"]),
    default="replica",
    show_default=True,
    help="Start the theory from each replica's own state, or from their mean.",
)
@options.rule
@options.false_alarm
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the unfinished validation in the output file, or in CONFIG.",
)
@keeping.interval
def validate(
    config: str,
    assignments: tuple[str, ...],
    output: Path | None,
    force: bool,
    quiet: bool,
    workers: int,
    test: str | None,
    dimensions: list[int] | None,
    learning_rates: list[float] | None,
    start: str,
    rule: str | None,
    false_alarm: float,
    resume: bool,
    interval: float,
) -> int:
    """Judge the theory by SGD that is simulated.

    Both start from the same state. Exit status 4 if they disagree, 7 if
    the evidence cannot decide: the reason and a remedy are printed then.
    Simulations are kept in the output file every minute and when the
    command is interrupted; --resume goes on with them.

    \b
    Examples:
      orderparams validate -s training.duration=50 --dimensions 250,1000
      orderparams validate flipped-spikes --rule gradient-flow -o check.h5
      orderparams validate in-context-pairs -s training.duration=20
      orderparams validate finite-learning-rate --test replicas
      orderparams validate single-head-validation.h5 --resume
    """
    idle.warned()
    chosen = {"dimensions": dimensions, "learning_rates": learning_rates}
    begun = None
    if resume:
        output = keeping.file_to_resume(config, output)
        if given.kind_of(str(output)) in ("comparison", "innovations"):
            return was_complete(output, quiet)
        begun = begun_in(output)
        rule, chosen = begun.problem.training.rule, dict.fromkeys(chosen)
    problem, _ = given.load(
        config, assignments, "validate", quiet=quiet or resume, rule=rule or "sgd", chosen=chosen
    )
    name = f"{options.base_name(config)}-validation"
    path = options.target(output, name, force=force or resume)
    if not quiet:
        options.announce_compilation()

    from orderparams.progress import ProgressLine
    from orderparams.results.unfinished import Unfinished
    from orderparams.run.validate import planned, validate

    if begun is None:
        plan = planned(problem, {**chosen, "rule": rule}, start, false_alarm, test)
        begun = Unfinished(problem, plan, {})
    with interruption.keeping(command=True), ProgressLine(quiet=quiet) as line:
        file = keeping.OutputFile(path, line, replace=resume or force, resumed=resume)
        result = validate(
            problem,
            workers=workers,
            progress=line,
            checkpoint=partial(file.checkpoint, go_on=f"orderparams validate {path} --resume"),
            interval=interval,
            resume=begun,
        )
        file.save(result)
    interruption.advise(f"{path} is complete")
    if not quiet:
        show([*lines_of(result), *reasons(begun.plan, problem, result), "", f"  written to {path}"])
    elif result.verdict != "agree":
        reason = " ".join(result.reason.splitlines())
        click.echo(f"orderparams: {WORDS[result.verdict]}: {reason} Written to {path}.", err=True)
    return STATUS[result.verdict]


def was_complete(path: Path, quiet: bool) -> int:
    """Say so, and what the validation in a file found; returns the exit status."""
    from orderparams.results.files import open_result

    result = cast("Validation | Innovations", open_result(path))
    if not quiet:
        show([*lines_of(result), "", f"  {path} was complete: nothing is done"])
    return STATUS[result.verdict]


def lines_of(result: Validation | Innovations) -> list[str]:
    """The verdict of either test, and what it rests on."""
    from orderparams.results.validation import Validation

    return summary(result) if isinstance(result, Validation) else innovation_table(result)


def begun_in(path: Path) -> Unfinished:
    """The validation to go on with in a file; :class:`FileError` if there is none."""
    from orderparams.results.files import open_group

    return cast("Unfinished", open_group(path, "plan"))


def reasons(plan: Plan, problem: Problem, result: Validation | Innovations) -> list[str]:
    """Why a test was taken, where none was asked for."""
    if not plan.why:
        return []
    why = plan.why
    asked, judged = problem.simulation.replicas, result.problem.simulation.replicas
    if judged < asked:
        why += f"; {judged} of {asked} replicas judged"
    return textwrap.wrap(
        f"test: {why}", 78, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
    )


STATUS = {"agree": 0, "disagree": 4, "inconclusive": 7}
WORDS = {
    "disagree": "theory and simulation disagree",
    "inconclusive": "the evidence cannot decide",
}
MOST_ROWS = 8
LARGE = 1e5
"""Scores that need no digits behind the point."""


def summary(result: Validation) -> list[str]:
    """The verdict and what it rests on, in lines of at most 80 columns."""
    from orderparams.config.words import counted

    problem, comparison, fall = result.problem, result.comparison, result.scaling
    limit, values = result.limit, result.limit.approached(result.simulations)
    rows, degrees = result.extremes, counted(comparison.degrees, "degree")
    width = max([8, *(len(row.name) for row in rows)])
    lines = [
        *heading(problem),
        f"  simulation {problem.simulation.backend}, "
        f"{counted(problem.simulation.replicas, 'replica')} at {limit.at(*values)}",
        "",
        f"  simulation - theory, {limit.extrapolated(*values[-2:])},",
        f"  where it is largest; the {min(MOST_ROWS, len(rows))} least probable of {len(rows)} "
        "order parameters",
        f"  {'':{width}}{'deviation':>12}{'std. error':>12}{'z':>8}{'p-value':>10}",
    ]
    for row in rows[:MOST_ROWS]:
        numbers = f"{row.deviation:z12.3g}{row.standard_error:12.2g}{row.z_score:z8.2f}"
        lines.append(f"  {row.name:{width}}{numbers}{row.pvalue:10.2g}")
    lines += [
        "  z is that of one time, the largest of many, and by chance Student's t with",
        f"  {degrees} of freedom; the p-value judges the whole course",
        "",
        f"  p-value of all together      {comparison.least_pvalue:.2g}",
        f"  p-value of the measured loss {shown(result.loss_pvalue, '.2g')}",
        f"  error that would be seen     {seen(comparison)}",
        f"  spread over replicas         ~ {limit.symbol}^({fall.exponent:z.3f} +- "
        f"{shown(fall.standard_error, '.3f')})",
        *aside(result),
        "",
    ]
    lines += decided(result, comparison.false_alarm)
    if result.verdict != "inconclusive":
        lines += textwrap.wrap(
            result.stretch, 78, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
        )
    return lines


def heading(problem: Problem) -> list[str]:
    """The title and the problem in words."""
    lines = [problem.title] if problem.title else []
    return lines + [f"  {line}" for line in options.describe(problem)]


def decided(result: Validation | Innovations, false_alarm: float) -> list[str]:
    """The verdict, and why the evidence cannot decide where it cannot."""
    alarms = f"(false alarms: {false_alarm:g})"
    if result.verdict != "inconclusive":
        return [f"  theory and simulation {result.verdict} {alarms}"]
    lines = [f"  inconclusive: the evidence cannot decide {alarms}"]
    for reason in result.reason.splitlines():
        lines += textwrap.wrap(
            reason, 78, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False
        )
    return lines


def innovation_table(result: Innovations) -> list[str]:
    """The verdict on innovations, and what it rests on."""
    from orderparams.config.words import counted

    replicas, intervals, _ = result.innovation.shape
    return [
        *heading(result.problem),
        *([f"  data       {result.origin}"] if result.origin else []),
        f"  judged     innovations of {counted(replicas, 'replica')} at D = {result.dimension}, "
        f"{counted(intervals, 'interval')} to t = {result.time[-1]:.4g}",
        "",
        f"  innovations squared          {result.chi2:.4g}, by chance {result.dof} +- "
        f"{math.sqrt(2 * result.dof):.2g}",
        f"  p-value of their spread      {result.pvalue_chi2:.2g}",
        f"  p-value of their means       {result.pvalue_mean:.2g}",
        f"  p-value of both              {result.least_pvalue:.2g}",
        f"  error that would be seen     {seen(result)}",
        "",
        *score_table(result),
        "",
        *decided(result, result.false_alarm),
        *(f"    {line}" for line in textwrap.wrap(result.explanation, 76)),
    ]


def score_table(result: Innovations) -> list[str]:
    """What a fit says of each cause, in lines."""
    from orderparams.results.causes import expected, named

    lines = [f"  {'what could be wrong':29}{'theory':>8}{'fitted':>11}{'std. error':>12}{'z':>9}"]
    for one in result.scores:
        if math.isnan(one.z):
            continue
        value, error = (
            shown(number, form) for number, form in ((one.value, ".4g"), (one.error, ".2g"))
        )
        theory = f"{expected(one.name, result.rule):g}"
        z = f"{one.z:z9.2f}" if abs(one.z) < LARGE else f"{one.z:9.2g}"
        lines.append(f"  {named(one.name):29}{theory:>8}{value:>11}{error:>12}{z}")
    return lines


def aside(result: Validation) -> list[str]:
    """What was recorded beside the order parameters: its root mean square at the end."""
    lines = []
    for one in result.nearest.besides:
        ends = (run.records.parameters[one.name][:, -1] for run in result.simulations.values())
        sizes = ", ".join(f"{float((end**2).mean()) ** 0.5:.2g}" for end in ends)
        lines.append(f"  {f'{one.name} at the end':29}{sizes} (root mean square)")
    return lines


def shown(value: float, form: str) -> str:
    """A number, or that there is none."""
    return "n/a" if math.isnan(value) else format(value, form)


def seen(comparison: Comparison | Innovations) -> str:
    """The least error of the theory that the evidence would have rejected, in words."""
    if math.isnan(comparison.resolution):
        return "n/a"
    if math.isinf(comparison.resolution):
        return "none"
    return f"{100 * comparison.resolution:.2g} % of the motion"
