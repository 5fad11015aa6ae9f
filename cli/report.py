"""``orderparams report``."""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path

import click

from orderparams import interruption
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

    from orderparams.views.reports.contents import report_page

    page = report_page(file, figure_of(file))
    with atomic(path, force=force) as temporary:
        temporary.write_text(page, "utf-8")
    click.echo(f"written to {path}", err=True)


def figure_of(file: Path) -> bytes | None:
    """The figure of a result file as SVG, None where it cannot be drawn."""
    from orderparams.errors import ConfigurationError, FileError
    from orderparams.views.plots import drawing, installed, plot_file, save_figure

    if not installed():
        click.echo("no figure: it needs pip install 'orderparams[plot]'", err=True)
        return None
    try:
        with (
            drawing(),
            tempfile.TemporaryDirectory() as folder,
            interruption.undoing(partial(shutil.rmtree, folder, ignore_errors=True)),
        ):
            picture = Path(folder) / "figure.svg"
            save_figure(plot_file(file), picture)
            return picture.read_bytes()
    except ConfigurationError as error:  # such as a scan over more than a figure shows
        note(f"no figure: {error}")
    except FileError:  # nothing to draw; what cannot be read is refused with the page
        pass
    return None
