"""``orderparams plot``."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import click

from orderparams.cli import completion, idle, options


def assignments(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """KEY=VALUE pairs."""
    for text in given:
        if "=" not in text:
            raise click.BadParameter(f"{text!r} is not KEY=VALUE, such as attention.heads=4")
    return dict(text.split("=", 1) for text in given)


THEMES = ("light", "dark", "grey")
ENDINGS = ("png", "pdf", "svg", "gif", "mp4")


def two(_: click.Context, __: click.Parameter, given: str | None) -> tuple[int, ...]:
    """Two directions."""
    try:
        return tuple(map(int, given.split(","))) if given else ()
    except ValueError:
        raise click.BadParameter(f"{given!r} is not two directions, such as 1,2") from None


@click.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(path_type=Path),
    shell_complete=completion.results,
)
@click.option(
    "-o",
    "--output",
    type=options.NewFile(),
    metavar="FIGURE",
    help="Figure to write, .png, .pdf or .svg, or a film, .gif or .mp4; left out, FILE with .png.",
)
@click.option(
    "--to",
    type=click.Choice(ENDINGS),
    metavar="|".join(ENDINGS),
    help="Write FILE with this ending; gif and mp4 make a film of a figure that moves in time.",
)
@click.option(
    "--kind",
    metavar="NAME",
    help="Which figure: time, phase, plane, tested or weights of a run, modes, growth, escapes or "
    "pruning of an analysis, scan, claim, innovations; left out, the one that suits the file.",
)
@click.option(
    "--quantity",
    multiple=True,
    metavar="NAME",
    help="Draw only this: an order parameter by its name, or risk, loss, z_score, "
    "stage_time, pvalue. Repeatable.",
)
@click.option(
    "--log",
    type=click.Choice(["x", "y", "both"]),
    metavar="x|y|both",
    help="Logarithmic axes; what has a sign is drawn by its size.",
)
@click.option(
    "--excess",
    is_flag=True,
    help="The risk minus the Bayes risk, or minus the floor of a model without one, zero of the "
    "committee machine; on a logarithmic axis.",
)
@click.option("--title", metavar="TEXT", help="In place of title and settings; '' leaves them out.")
@click.option(
    "--size",
    metavar="column|page|W,H",
    help="3.4 or 7 inches wide, or width and height in inches; left out, as the panels need.",
)
@click.option(
    "--style",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A style sheet of matplotlib, such as paper.mplstyle.",
)
@click.option(
    "--theme",
    default="light",
    type=click.Choice(THEMES),
    metavar="|".join(THEMES),
    show_default=True,
    help="Colours; grey has none, for print.",
)
@click.option(
    "--at",
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
@click.option(
    "--plane",
    callback=two,
    metavar="I,J",
    help="Of a phase portrait, the two directions, by default those of the largest variances; of a "
    "plane, the columns of its two order parameters.",
)
@click.option(
    "--field",
    type=options.Whole(min=1),
    metavar="N",
    help="Into a phase portrait, or the plane of in-context regression, draw the velocities that "
    "head N would have, with the rest as at the end.",
)
@click.option(
    "--bands",
    type=options.Whole(min=1),
    metavar="D",
    help="Around a run in time, where SGD in dimension D is: its mean and two standard deviations, "
    "of a run with fluctuations. Of escapes, the dimension of another law.",
)
@options.force
def plot(
    files: tuple[Path, ...], output: Path | None, to: str | None, force: bool, **settings: Any
) -> None:
    """Draw a result file, or several in one figure.

    In time: order parameters and risk, lines for the theory; of a simulation its
    replicas, their range and mean; of a comparison the standardised deviations
    as well. Several runs and simulations are told apart by what differs in their
    configurations. A scan: risk, final order parameters and stage times, lines
    over one varied parameter and maps over two; words, such as the activation,
    are told apart by colour, over seeds the median and the range are shown. A
    claim: its curves. Other figures of the same files have names, for --kind.

    \b
    Examples:
      orderparams plot run.h5 -o run.pdf --size column
      orderparams plot short.h5 long.h5 --excess --log x
      orderparams plot run.h5 --kind phase --to gif
      orderparams plot run.h5 --bands 1000
      orderparams plot analyzed.h5 --kind escapes
      orderparams plot scan.h5 --over task.length --at attention.heads=4
    """
    from orderparams.storage.files import check_target, unused
    from orderparams.storage.suffixes import FIGURES, FILMS, check_suffix

    idle.warned()
    if to and output is not None:
        raise click.UsageError("--to names the ending where no -o names the figure; leave one out")
    path = unused(files[0].with_suffix(f".{to or 'png'}")) if output is None else output
    check_suffix(path, (*FIGURES, *FILMS), "a figure")
    check_target(path, force=force)

    from orderparams.views.plots import plot_files

    with warnings.catch_warnings(record=True) as heard:
        warnings.filterwarnings("default", message="Glyph")
        plot_files(files, path, force=force, **settings)
    if heard:
        click.echo(f"orderparams: warning: {told(str(heard[0].message))}", err=True)
    click.echo(f"written to {path}", err=True)


def told(warning: str) -> str:
    """A warning of matplotlib, with what helps where a sign is not in the font."""
    helps = "; a style sheet with font.family: and one that has it helps (--style FILE)"
    return warning.rstrip(".") + helps * warning.startswith("Glyph")
