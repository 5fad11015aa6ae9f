"""``orderparams report``."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from orderparams.cli import options


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
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

    path = unused(file.with_suffix(".html")) if output is None else output
    check_suffix(path, PAGES, "a report")
    check_target(path, force=force)

    from orderparams.reports.contents import report_page

    page = report_page(file, figure_of(file))
    with atomic(path, force=force) as temporary:
        temporary.write_text(page, "utf-8")
    click.echo(f"written to {path}", err=True)


def figure_of(file: Path) -> bytes | None:
    """The figure of a result file as SVG, None where it cannot be drawn."""
    from orderparams.errors import ConfigurationError, FileError

    try:
        import matplotlib
    except ImportError:
        click.echo("no figure: it needs pip install 'orderparams[plot]'", err=True)
        return None

    from orderparams.plots import SETTINGS, plot_file, save_figure

    with matplotlib.rc_context(SETTINGS), tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "figure.svg"
        try:
            save_figure(plot_file(file), picture)
        except ConfigurationError as error:
            click.echo(f"no figure; orderparams plot needs a choice: {error}", err=True)
            return None
        except FileError:  # nothing to draw; what cannot be read is refused with the page
            return None
        return picture.read_bytes()
