"""``orderparams analyze``."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from orderparams import interruption
from orderparams.cli import given, idle, options
from orderparams.cli.screen import note, show
from orderparams.cli.verbose import verbose
from orderparams.phases import steps
from orderparams.views import story
from orderparams.views.story import Words
from orderparams.views.tables import aligned, state_table

if TYPE_CHECKING:
    from orderparams.analysis.analyze import Analysis
    from orderparams.analysis.optimum import Optimum
    from orderparams.analysis.rests import Rest
    from orderparams.results.trajectory import Trajectory


@click.command()
@options.config
@options.assignments
@verbose
@click.option(
    "-o",
    "--output",
    type=options.NewFile(),
    metavar="FILE.h5",
    help="Write the run and its stages to a file.",
)
@options.force
@click.option(
    "--replica",
    type=click.IntRange(min=1),
    metavar="N",
    help="Which replica of a simulation to analyze; left out, the first.",
)
@options.workers
@options.as_json
def analyze(
    config: str,
    assignments: tuple[str, ...],
    output: Path | None,
    force: bool,
    replica: int | None,
    workers: int,
    as_json: bool,
) -> None:
    """Say what happened in a run and why.

    Stages, stationary points and their stability, the optimum, and which heads
    can go. A result file is analyzed as it is; a configuration is solved first.

    \b
    Examples:
      orderparams analyze two-stage.h5
      orderparams analyze excursion -o excursion.h5 --json
    """
    if output is not None:
        options.target(output, config, force=force)
    simulation = simulated(config, assignments)
    if replica is not None and not simulation:
        raise click.UsageError("--replica chooses one of a simulation, and none is analyzed here")
    warnings = idle.warned()
    if is_file(config, assignments):
        run = given_run(Path(config), (replica or 1) if simulation else None)
    else:
        run, ignored = solved_run(config, assignments, output, force=force)
        warnings += ignored
        force = True  # of an output that now has the run

    from orderparams.analysis.analyze import analyze
    from orderparams.progress import ProgressLine

    with ProgressLine() as line, steps(line.step) as begin:
        result = analyze(run, workers=workers, progress=works(line, begin))
    if as_json:
        click.echo(json.dumps(result.document() | {"warnings": warnings}))
    else:
        tell(result, (replica or 1) if simulation else None)
    if output is not None:
        with interruption.writing():
            from orderparams.analysis.stages import stored

            run = result.trajectory
            write = partial(run.save, more={"stages": stored(run, result.stages)})
            options.save(write, output, force=force)


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


def tell(result: Analysis, replica: int | None) -> None:
    """Print the story of a run, or of this replica of a simulation."""
    problem = result.trajectory.problem
    lines = [problem.title] if problem.title else []
    lines += [f"  {line}" for line in options.describe(problem, "sgd" if replica else None)]
    if replica:
        lines.append(f"  simulation replica {replica} of {problem.simulation.replicas}")
    for part in (happened, why, end, best, pruning):
        lines += ["", *part(result)]
    show(lines)


def is_file(config: str, assignments: tuple[str, ...]) -> bool:
    """Whether a run is read, not solved."""
    from orderparams.sources import is_result

    return is_result(config) and not assignments


def simulated(config: str, assignments: tuple[str, ...]) -> bool:
    """Whether a replica of a simulation is analyzed."""
    kind = None if assignments else given.kind_of(config)
    if kind == "comparison":
        note(f"{config} holds a validation: its simulation in the largest dimension is analyzed.")
    return kind in ("simulation", "comparison")


def solved_run(
    config: str, assignments: tuple[str, ...], output: Path | None, *, force: bool
) -> tuple[Trajectory, list[str]]:
    """The run of a configuration, where there is an output kept there at once; and warnings."""
    problem, warnings = given.load(config, assignments, "analyze")
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


def given_run(path: Path, replica: int | None) -> Trajectory:
    """The run in a file, of a simulation this replica."""
    if replica is None:
        from orderparams.results.files import open_group

        run: Trajectory = open_group(path, "trajectory")
        return run

    from orderparams.analysis.simulated import replica_trajectory
    from orderparams.results.files import open_group

    return replica_trajectory(open_group(path, "simulation"), replica - 1)


MOST_NUMBERS = 8


def numbers(values: Iterable[float], digits: int = 3) -> str:
    """A short vector."""
    return "(" + ", ".join(f"{value:z.{digits}f}" for value in values) + ")"


def words_of(result: Analysis) -> Words:
    """What learns, and what it turns to: without both there is no analysis."""
    return cast(Words, story.words_of(result.trajectory.order_parameters))


def learners(result: Analysis) -> int:
    """How many learn."""
    return len(result.pruning.removals)


def happened(result: Analysis) -> list[str]:
    """Phases, events, plateaus, and who is like whom at the end."""
    stages, run = result.stages, result.trajectory
    words = words_of(result)
    lines = ["What happened"]
    if not run.complete:
        lines += sentence(f"The run did not finish: {run.message or run.status}.")
    if few := story.too_few(len(run.time)):
        return [*lines, *sentence(few)]
    for text in story.opening(stages, words):
        lines += sentence(text)
    if stages.events:
        lines += ["", *aligned(*story.narrow(stages, words)), ""]
    for text in story.course(stages, words):
        lines += sentence(text)
    return lines


def sentence(text: str) -> list[str]:
    """A sentence in lines, those after the first further in."""
    return textwrap.wrap(
        text, 78, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
    )


MOST_MODES = 6


def rest_lines(title: str, rest: Rest, result: Analysis) -> list[str]:
    """A stationary point, its unstable modes (or its two slowest), and how the run left it."""
    lines = [f"  {title}: risk {rest.point.risk:z.10f}, residual {rest.point.residual:.0e}"]
    if not rest.point.converged:
        return [*lines, "    No stationary point was found near."]
    lines.append(f"    the run is nearest at t = {rest.time:.4g}, {rest.distance:.1%} away")
    lines.append(f"    {'growth rate':>12}{'at the run':>12}{'observed':>12}    mode")
    shown = rest.modes[: max(len(rest.growth), 2)][:MOST_MODES]
    for mode, growth in zip(shown, [*rest.growth, None, None], strict=False):
        seen = " " * 24 if growth is None else f"{growth.local:z12.6f}{growth.rate:z12.6f}"
        count = f" (x{mode.multiplicity})" if mode.multiplicity > 1 else ""
        what = mode.describe(result.geometry)
        lines.append(f"    {mode.rate:z12.6f}{seen}    {what}{count}")
    return lines


def why(result: Analysis) -> list[str]:
    """The saddles: what they predict, and what was seen."""
    lines = ["Why"]
    problem, unspecialized, words = (
        result.trajectory.problem,
        result.unspecialized,
        words_of(result),
    )
    several = learners(result) > 1
    if problem.training.rule == "sgd":
        lines.append("  (points and rates are those of the risk, without the noise of SGD)")
    if several:
        lines += rest_lines(f"All {words.learner}s equal", unspecialized, result)
        first = next(one.name for one in result.trajectory.order_parameters if one.crossed)
        values = unspecialized.point.vectors.state[first][0]
        lines.append(
            f"    every {words.learner} has the {words.measure}s {numbers(values[:MOST_NUMBERS])}"
        )
        predicted, observed = result.predicted_order, result.observed_order
        lines.append(f"    order of directions: predicted {', '.join(predicted) or 'none'};")
        lines.append(f"      observed {', '.join(observed) or 'none'}")
    for direction in result.geometry.directions:
        if direction.name.startswith("p") and direction.basis.shape[1] == 1:
            lines.append(f"    {direction.name} is {numbers(direction.basis[:MOST_NUMBERS, 0])}")
    for number, rest in enumerate(result.rests, 1):
        lines += rest_lines(f"{number}. plateau", rest, result)
    if not several and not result.rests:
        lines.append(f"  One {words.learner}, and no plateau on its way: the risk simply falls.")
    return lines


def end(result: Analysis) -> list[str]:
    """Where the run ends, and the stationary point that Newton's method reaches from there."""
    run, final = result.trajectory, result.final
    lines = ["The end", f"  risk        {run.risk[-1]:z.8f} at t = {run.time[-1]:.6g}"]
    if result.penalised:
        lines.append(f"  objective   {result.objective:z.8f}, with the penalty of weight decay")
    floor = result.optimum.floor
    lines.append(f"  {floor.words.removeprefix('the '):<12}{floor.value:z.8f}")
    if not final.point.converged:
        residual = f"{final.point.residual:.0e}"
        return [
            *lines,
            "  No stationary point was found near the end; the search for one stopped at a",
            f"  slope of {residual}.",
        ]
    kind = "saddle" if final.growth else "minimum"
    where = "nearby" if result.near_the_end else "next, but far"
    lines.append(
        f"  {kind} {where}: risk {final.point.risk:z.10f}, residual {final.point.residual:.0e}"
    )
    return [*lines, *ending(result)]


def ending(result: Analysis) -> list[str]:
    """What keeps the run from the stationary point near its end."""
    run, final = result.trajectory, result.final
    if not result.near_the_end:
        return [
            f"  The run comes no nearer to it than {final.distance:.0%}; it does not rest there."
        ]
    above = result.objective - final.point.objective
    if final.growth:
        rate = final.modes[0].rate
        what = final.modes[0].describe(result.geometry)
        return [
            "  The run is too short. It ends near a saddle, which it leaves at the rate",
            f"  {rate:z.6f}: {what}.",
        ]
    if above > 1e-3 * abs(run.risk[0] - run.risk[-1]):
        noisy = run.problem.training.rule == "sgd" or not run.engine
        name = "objective" if result.penalised else "risk"
        return [
            f"  The noise of SGD keeps the {name} {above:.2e} above it."
            if noisy and result.stages.remaining < 0.01
            else "  The run did not converge: a longer one comes nearer."
        ]
    return []


def best(result: Analysis) -> list[str]:
    """The lowest risk found beside the run and the floor; with weight decay, its own too."""
    found, floor = result.optimum, result.optimum.floor
    lines = ["The optimum", *lowest("risk", found.risk, found)]
    above = f"{found.risk - floor.value:.3e} above"
    lines.append(f"  it is {floor.words}" if found.proven else f"  {above} {floor.words}")
    if result.penalised is None:
        return [*lines[:-1], f"{lines[-1]}; {distance(result)}", *table(found, result)]
    lines[1] += ", without weight decay"
    target = result.penalised
    lines += [
        *table(found, result),
        "",
        *lowest("objective", target.point.objective, target),
        f"  risk + weight_decay |K|^2/2; its risk is {target.risk:z.10f},",
        f"  {target.risk - found.risk:.3e} above the one without; {distance(result)}",
        *table(target, result),
    ]
    return lines


def lowest(name: str, value: float, found: Optimum) -> list[str]:
    """The lowest value found, and what speaks for it."""
    count = f"{found.found} of {len(found.values)} searches"
    earned = "nothing is lower" if found.proven else "a lower one is not excluded"
    return [
        f"  lowest {name} found  {value:z.10f}, residual {found.point.residual:.0e}",
        f"  reached in {count}; {earned}",
    ]


def distance(result: Analysis) -> str:
    """How far above what it aims at the run ends."""
    missed = result.objective - result.target.point.objective
    return f"the run ends {missed:.3e} above it" if missed > 1e-8 else "the run ends at this value"


def table(found: Optimum, result: Analysis) -> list[str]:
    """The order parameters at a minimum."""
    return state_table(result.trajectory.order_parameters, found.state, "--json has all")


NOTHING = 1e-7
"""Differences of risks below this are errors of the expectations."""


def pruning(result: Analysis) -> list[str]:
    """What each that learns is worth."""
    found, who = result.pruning, words_of(result).learner
    if len(found.removals) < 2:
        return ["Pruning", f"  There is one {who} only."]
    how = "all subsets" if found.exhaustive else "greedy"
    lines = ["Pruning", f"  {f'{who}s removed ({how})':<27}{'risk':>9}{'trained again':>17}"]
    for removal in found.removals:
        gone = story.numbered(removal.learners) or "none"
        gone = gone if len(gone) <= 24 else f"{len(removal.learners)} {who}s"
        lines.append(f"  {gone:<24}{removal.risk:z12.6f}{removal.reoptimized_risk:z17.6f}")
    if not found.exhaustive:
        lines.append(
            f"  {who.capitalize()}s were removed one by one; another choice may cost less."
        )
    for cost in (0.01, 0.1):
        count = found.removable(cost)
        again = found.removable(cost, reoptimized=True)
        lines.append(
            f"  At {cost:.0%} more risk {count} can go; {again} if the rest is trained again."
        )
    if len(found.interaction) > 2 and found.interaction.max() > NOTHING:
        import numpy as np

        g, h = np.unravel_index(int(found.interaction.argmax()), found.interaction.shape)
        pair = sorted((int(g), int(h)))
        lines += [
            *sentence(
                f"{who.capitalize()}s {story.numbered(pair)} stand in for each other most: to lose "
                f"both costs {found.interaction[g, h]:.2e} more than to lose each alone."
            )
        ]
    return lines
