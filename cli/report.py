"""``orderparams report``."""

from __future__ import annotations

from pathlib import Path

import click

from orderparams.cli import completion, idle, options
from orderparams.cli.screen import note


@click.command()
@click.argument("file", type=click.Path(path_type=Path), shell_complete=completion.results)
@click.option(
    "-o",
    "--output",
    type=options.NewFile(),
    metavar="PAGE.html",
    help="Page to write; left out, FILE with .html.",
)
@options.force
def report(file: Path, output: Path | None, force: bool) -> None:
    """Write one HTML page about a result file.

    Verdict, figure, stages, settings and provenance of a run, a simulation, a
    comparison, a scan or a claim. The page needs nothing from the network.

    \b
    Examples:
      orderparams report run.h5
      orderparams report run.h5 -o report.html --force
    """
    from orderparams.storage.files import atomic, check_target, unused
    from orderparams.storage.suffixes import PAGES, check_suffix

    idle.warned()
    path = unused(file.with_suffix(".html")) if output is None else output
    check_suffix(path, PAGES, "a report")
    check_target(path, force=force)

    from orderparams.cli.remedies import REMEDIES
    from orderparams.errors import ConfigurationError
    from orderparams.views.reports.contents import report_page
    from orderparams.views.reports.figure import figure_of

    figure = None
    try:
        figure = figure_of(file)
    except ConfigurationError as error:
        note(f"no figure: {error.told(REMEDIES)}")
    page = report_page(file, figure)
    with atomic(path, force=force) as temporary:
        temporary.write_text(page, "utf-8")
    click.echo(f"written to {path}", err=True)
