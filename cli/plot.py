"""``orderparams plot``."""

from __future__ import annotations

from pathlib import Path

import click

from orderparams.cli import completion, idle, options


def assignments(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """KEY=VALUE pairs."""
    for text in given:
        if "=" not in text:
            raise click.BadParameter(f"{text!r} is not KEY=VALUE, such as attention.heads=4")
    return dict(text.split("=", 1) for text in given)


@click.command()
@click.argument("file", type=click.Path(path_type=Path), shell_complete=completion.results)
@click.option(
    "-o",
    "--output",
    type=options.NewFile(),
    metavar="FIGURE",
    help="Figure to write, .png, .pdf or .svg; left out, FILE with .png.",
)
@click.option(
    "--at",
    "fixed",
    multiple=True,
    metavar="KEY=VALUE",
    callback=assignments,
    shell_complete=completion.assignments,
    help="Of a scan, draw the points with this value. Repeatable.",
)
@click.option(
    "--over",
    multiple=True,
    metavar="KEY",
    shell_complete=completion.keys,
    help="Of a scan, the axis of the figure, or twice for those of a map; left out, all that vary "
    "and are numbers.",
)
@options.force
def plot(
    file: Path, output: Path | None, fixed: dict[str, str], over: tuple[str, ...], force: bool
) -> None:
    """Draw a result file.

    In time: order parameters and risk, lines for the theory, bands for the
    replicas of a simulation. A scan: risk, final order parameters and stage
    times, lines over one varied parameter and maps over two; words, such as the
    activation, are told apart by colour, over seeds the median and the range are
    shown. A claim: its curves.

    \b
    Examples:
      orderparams plot run.h5 -o run.pdf
      orderparams plot scan.h5 --over task.length --at attention.heads=4
    """
    from orderparams.storage.files import check_target, unused
    from orderparams.storage.suffixes import FIGURES, check_suffix
    from orderparams.views.plots import drawing, plot_file, save_figure

    idle.warned()
    path = unused(file.with_suffix(".png")) if output is None else output
    check_suffix(path, FIGURES, "a figure")
    check_target(path, force=force)
    with drawing():
        save_figure(plot_file(file, fixed, over), path)
    click.echo(f"written to {path}", err=True)
