"""``orderparams plot``."""

from __future__ import annotations

from pathlib import Path

import click

from orderparams.cli import options


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FIGURE",
    help="Figure to write, .png, .pdf or .svg; left out, FILE with .png.",
)
@options.force
def plot(file: Path, output: Path | None, force: bool) -> None:
    """Draw a result file.

    Overlaps and risk in time, or the curves of a claim. Lines are the theory,
    bands the replicas of a simulation.

    \b
    Examples:
      orderparams plot run.h5
      orderparams plot run.h5 -o run.pdf
    """
    from orderparams.errors import ConfigurationError
    from orderparams.storage.files import check_target, unused

    try:
        import matplotlib
    except ImportError:
        raise ConfigurationError(
            "figures need matplotlib; install it with: pip install 'orderparams[plot]'"
        ) from None

    from orderparams.plots import SETTINGS, plot_file, save_figure

    path = unused(file.with_suffix(".png")) if output is None else output
    check_target(path, force=force)
    with matplotlib.rc_context(SETTINGS):
        save_figure(plot_file(file), path)
    click.echo(f"written to {path}", err=True)
