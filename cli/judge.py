"""``orderparams judge``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orderparams import interruption, standard_input
from orderparams.cli import completion, given, idle, options
from orderparams.cli.screen import note, show
from orderparams.cli.validate import STATUS, WORDS, innovation_table
from orderparams.cli.verbose import verbose

if TYPE_CHECKING:
    from orderparams.results.innovations import Innovations


def announced(_: click.Context, __: click.Parameter, data: str) -> str:
    """DATA - and a word to who has to type it."""
    if data == standard_input.NAME and standard_input.is_typed():
        note("Reading a table of data in CSV from the terminal; Ctrl-D ends it.")
    return data


@click.command()
@click.argument("data", callback=announced, shell_complete=completion.data)
@click.argument(
    "config",
    required=False,
    callback=options.announced,
    shell_complete=completion.configurations,
)
@options.assignments
@verbose
@click.option(
    "--dimension",
    type=options.Whole(min=1),
    metavar="D",
    help="In which SGD was run; left out, that which the data say themselves.",
)
@click.option(
    "-o",
    "--output",
    type=options.NewFile(),
    metavar="FILE.h5",
    help="File to write; left out, a new one is named after DATA.",
)
@options.force
@options.quiet
@options.rule
@options.false_alarm
@options.as_json
def judge(
    data: str,
    config: str | None,
    assignments: tuple[str, ...],
    dimension: int | None,
    output: Path | None,
    force: bool,
    quiet: bool,
    rule: str | None,
    false_alarm: float,
    as_json: bool,
) -> int:
    """Hold a simulation of your own against the theory.

    DATA is a CSV table, - for one from standard input, an npz archive or an
    HDF5 file: time or step, replica if there are several, and all order
    parameters, as columns m_1_1, q_2_1, ... or as arrays; or vectors, from
    which they are computed. CONFIG says what was simulated; a result file
    knows it. Exit status 4 if theory and simulation disagree, 7 if the
    evidence cannot decide.

    \b
    Examples:
      orderparams judge sgd.csv finite-learning-rate --dimension 1000
      orderparams judge sgd.npz two-stage -s training.learning_rate=2 -o judged.h5
      orderparams judge simulation.h5
    """
    idle.warned()
    if data == config == standard_input.NAME:
        raise click.UsageError("standard input is either DATA or CONFIG; name a file for one")

    from orderparams.measured.sources import read_data
    from orderparams.run.judge import configuration, judged

    name = "stdin" if data == standard_input.NAME else Path(data).stem
    path = options.target(output, f"{name}-judged", force=force)
    written = read_data(data)
    source = configuration(written, config)
    problem, warnings = given.load(source, assignments, "judge", quiet=quiet or as_json, rule="sgd")
    if not (quiet or as_json):
        options.announce_compilation()

    from orderparams.progress import ProgressLine

    interruption.advise("a verdict is written when it is complete: nothing was kept")
    with ProgressLine(quiet=quiet or as_json) as line:
        result, told = judged(written, problem, dimension, rule or "sgd", false_alarm, line)
    for warning in told:
        click.echo(f"orderparams: warning: {warning}", err=True)
    options.save(result.save, path, force=force)
    interruption.advise(f"{path} is complete")
    report(result, path, [*warnings, *told], quiet=quiet, as_json=as_json)
    return STATUS[result.verdict]


def report(
    result: Innovations, path: Path, warnings: list[str], *, quiet: bool, as_json: bool
) -> None:
    """The verdict, on the screen or as JSON."""
    if as_json:
        click.echo(json.dumps(document(result) | {"file": str(path), "warnings": warnings}))
    elif not quiet:
        show([*innovation_table(result), "", f"  written to {path}"])
    elif result.verdict != "agree":
        reason = " ".join(result.reason.splitlines())
        note(f"orderparams: {WORDS[result.verdict]}: {reason} Written to {path}.")


def document(result: Innovations) -> dict[str, Any]:
    """What stands in the file of a verdict, and the reason for it."""
    tree = result.tree()
    arrays = {name: values for name, (_, values) in tree.variables.items()}
    found = {**tree.attributes, **tree.coordinates, **arrays}
    found |= {"chi2": result.chi2, "least_pvalue": result.least_pvalue, "reason": result.reason}
    return {name: plain(values) for name, values in found.items()}


def plain(values: Any) -> Any:
    """Numbers and texts as JSON has them, NaN and infinity as null."""
    from orderparams.results.finite import finite

    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, list):
        return [plain(value) for value in values]
    return finite(values) if isinstance(values, float) else values
