"""``orderparams``: the group of subcommands, and how errors reach the screen."""

from __future__ import annotations

import errno
import sys

import click

from orderparams import interruption
from orderparams.cli import options
from orderparams.cli.analyze import analyze
from orderparams.cli.completion import completion
from orderparams.cli.config import config
from orderparams.cli.doctor import doctor
from orderparams.cli.evaluate import evaluate
from orderparams.cli.export import export
from orderparams.cli.info import info
from orderparams.cli.judge import judge
from orderparams.cli.keys import keys
from orderparams.cli.plot import plot
from orderparams.cli.presets import presets
from orderparams.cli.refusals import Commands, refusal
from orderparams.cli.remedies import REMEDIES
from orderparams.cli.report import report
from orderparams.cli.reproduce import reproduce
from orderparams.cli.scan import scan
from orderparams.cli.screen import note
from orderparams.cli.simulate import simulate
from orderparams.cli.solve import solve
from orderparams.cli.validate import validate
from orderparams.errors import ConfigurationError, FileError, OrderparamsError, SolverError
from orderparams.streams import Steady, steady_streams


@click.group(
    cls=Commands,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="orderparams", message="%(prog)s %(version)s")
@click.pass_context
def orderparams(context: click.Context) -> None:
    """Exact dynamics of attention and of committee machines.

    Solves the order-parameter flow of SGD for attention on single-location or
    in-context regression, or for the soft committee machine. CONFIG is a TOML
    file, the name of a preset, - for standard input, or a result file, whose
    run is repeated; left out, it is the preset two-stage.

    \b
    Examples:
      orderparams solve
      orderparams plot two-stage.h5
      orderparams solve --help
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(ConfigurationError.exit_status)


for command in (
    solve,
    evaluate,
    simulate,
    validate,
    judge,
    analyze,
    scan,
    reproduce,
    plot,
    export,
    report,
    info,
    presets,
    config,
    keys,
    completion,
    doctor,
):
    orderparams.add_command(command)

for command in (
    *(solve, evaluate, simulate, validate, judge, analyze, scan),
    *(plot, export, report, info, config, keys),
):
    options.model_file(command)


def main() -> None:
    """Every foreseen error is one message on standard error and an exit status.

    Streams that fail change the status only where what was asked for is lost with them.
    """
    with interruption.handled(), steady_streams() as (out, _):
        status = answer()
        out.flush()
        if status == 0 and lost(out):
            assert out.error is not None
            click.echo(f"orderparams: standard output: {out.error.strerror}", err=True)
            status = FileError.exit_status
        if interruption.received() and status != interruption.EXIT_STATUS:
            click.echo("orderparams: interrupted when all was done", err=True)
            status = interruption.EXIT_STATUS
    sys.exit(status)


PRINTING = ("analyze", "completion", "config", "doctor", "evaluate", "info", "keys", "presets")
"""Commands whose result is what they print."""


def lost(out: Steady) -> bool:
    """Whether what was asked for is lost. A reader that went away has what it wanted, and where the
    result is a file a closed output has no reader."""
    if out.error is None or out.error.errno == errno.EPIPE:
        return False
    return out.error.errno != errno.EBADF or {*sys.argv[1:2]} <= {*PRINTING}


def answer() -> int:
    """Run the command line; returns the exit status."""
    try:
        status = orderparams.main(prog_name="orderparams", standalone_mode=False)
    except OrderparamsError as error:
        note(f"orderparams: {error.told(REMEDIES)}")
        status = error.exit_status
    except click.UsageError as error:
        click.echo(f"orderparams: {refusal(error, orderparams.commands).message}", err=True)
        status = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo(f"orderparams: interrupted{interruption.advice()}", err=True)
        status = interruption.EXIT_STATUS
    except MemoryError as error:
        click.echo(f"orderparams: not enough memory: {error}; make the problem smaller", err=True)
        status = SolverError.exit_status
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"orderparams: {where}{error.strerror or error}", err=True)
        status = FileError.exit_status
    return int(status or 0)
