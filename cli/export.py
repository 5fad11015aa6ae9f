"""``orderparams export``."""

from __future__ import annotations

from pathlib import Path

import click

from orderparams.cli import completion, idle, options
from orderparams.storage.suffixes import EXPORTS, format_of


@click.command()
@click.argument("file", type=click.Path(path_type=Path), shell_complete=completion.results)
@click.option(
    "--to",
    type=click.Choice(tuple(EXPORTS)),
    help="Format to write; left out, what the ending of OUT says.",
)
@click.option(
    "-o",
    "--output",
    type=options.NewFile(),
    metavar="OUT",
    help="File to write; left out, FILE with .csv, .npz, .nc or .json.",
)
@options.force
@click.pass_context
def export(
    context: click.Context, file: Path, to: str | None, output: Path | None, force: bool
) -> None:
    """Write a result file in the format of other tools.

    csv has a row for every number, npz an array for every variable, netcdf
    opens with xarray.open_dataset, json is one document. Numbers are written
    to the last bit, and piece by piece: large files need no large memory.

    \b
    Examples:
      orderparams export run.h5 --to csv
      orderparams export scan.h5 -o scan.nc
    """
    from orderparams.exports import ENDINGS, export_file
    from orderparams.storage.files import check_target, unused

    to = to or format_of(output)
    if to is None:
        missing = next(option for option in context.command.params if option.name == "to")
        raise click.MissingParameter(ctx=context, param=missing)
    idle.warned()
    path = unused(file.with_suffix(ENDINGS[to])) if output is None else output
    check_target(path, force=force)
    export_file(file, path, to, force=force)
    click.echo(f"written to {path}", err=True)
