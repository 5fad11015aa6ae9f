"""What Python makes of results: files, figures, pages, and the formats of other tools.

Each verb takes a result, or the path of a result file, as it is; of all else that stands for a
problem the flow is solved first.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Unpack, cast

from orderparams import arguments
from orderparams.config.toml import Settings
from orderparams.config.unused import heed
from orderparams.config.values import choice
from orderparams.errors import ConfigurationError, SolverError
from orderparams.exports import export_file
from orderparams.results.appearance import Appearance, checked
from orderparams.results.files import open_result, read
from orderparams.results.result import Result
from orderparams.results.shown import Shown
from orderparams.run.solve import Progress, solve
from orderparams.scans.axes import shown as written
from orderparams.sources import Source, is_result, load
from orderparams.storage.files import atomic, check_target
from orderparams.storage.suffixes import EXPORTS, FIGURES, FILMS, PAGES, RESULTS, check_suffix
from orderparams.views.plots import plot_files, plot_results, show_figures
from orderparams.views.reports.contents import report_page
from orderparams.views.reports.figure import figure_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Target: TypeAlias = str | os.PathLike[str]
Listener: TypeAlias = Progress | bool | None


def made(source: Source, settings: Settings | None, progress: Listener) -> Shown | Path:
    """A result or the path of its file; of all else the run that is solved first.

    :class:`SolverError` for one that does not finish.
    """
    if settings is None:
        if isinstance(source, Shown):
            return source
        if isinstance(source, str | os.PathLike) and is_result(source):
            return Path(source)
    run = solve(heed(load(source, settings=settings), "solve", depth=4), progress=progress)
    if run.status == "interrupted":
        raise KeyboardInterrupt
    if not run.complete:
        raise SolverError(f"the run did not finish: {run.message}; solve returns what was reached")
    return run


def target(path: Target, endings: Sequence[str], what: str, *, force: bool) -> Path:
    """The path of a file to write, checked before any work is done."""
    found = arguments.path(path, f"{what} to write")
    if str(path).endswith("/"):
        raise ConfigurationError(f"{path} names a directory; name a file in it")
    check_suffix(found, endings, what)
    check_target(found, force=force)
    return found


@contextlib.contextmanager
def filed(result: Shown | Path) -> Iterator[Path]:
    """A file with a result: its own, or one that is there for as long as it is needed."""
    if isinstance(result, Path):
        yield result
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.h5"
        keep(result, path)
        yield path


def keep(result: Shown, path: Path, *, force: bool = False) -> None:
    """Write a result to a file."""
    if not isinstance(result, Result):
        raise ConfigurationError(f"{result.heading()} cannot be stored")
    result.save(path, force=force)


def save(
    source: Source,
    path: Target,
    *,
    settings: Settings | None = None,
    force: bool = False,
    progress: Listener = None,
) -> Path:
    """Write a result to an HDF5 file (docs/file-format.md); the file of a result is copied.

    Parameters
    ----------
    source, settings
        A result, or a problem in any form and changes to it, which is solved first.
    path
        The file to write, with the ending .h5.
    force
        True replaces an existing file.
    progress
        True shows how far the flow is that is solved first.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    FileError
        Where the file exists or cannot be written; before any work is done.

    Examples
    --------
    >>> run = op.solve("single-head", settings={"training.duration": 5})
    >>> op.save(run, "run.h5", force=True).name
    'run.h5'
    >>> op.open("run.h5").problem == run.problem
    True
    """
    place = target(path, RESULTS, "a result file", force=force)
    result = made(source, settings, progress)
    if not isinstance(result, Path):
        keep(result, place, force=force)
        return place
    with read(result):  # a damaged file is not copied
        pass
    with atomic(place, force=force) as temporary:
        shutil.copyfile(result, temporary)
    return place


def export(
    source: Source,
    path: Target,
    *,
    to: str | None = None,
    settings: Settings | None = None,
    force: bool = False,
    progress: Listener = None,
) -> Path:
    """Write a result in the format of other tools (docs/export.md).

    Parameters
    ----------
    source, settings
        A result, or a problem in any form and changes to it, which is solved first.
    path
        The file to write.
    to
        "csv", "npz", "netcdf" or "json"; left out, what the ending of the path says.
    force
        True replaces an existing file.
    progress
        True shows how far the flow is that is solved first.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    ConfigurationError
        Where the format is unknown.
    FileError
        Where the file exists or cannot be written; before any work is done.

    Examples
    --------
    >>> start = op.evaluate("single-head")
    >>> op.export(start, "start.csv", force=True).read_text().splitlines()[0]
    'path,head,feature,head_2,variable,value'
    """
    of_endings = {ending: name for name, endings in EXPORTS.items() for ending in endings}
    if to is None:
        place = target(path, tuple(of_endings), "an export", force=force)
        to = of_endings.get(place.suffix.lower())
    choice(*EXPORTS)(to, "to")
    assert to is not None
    place = target(path, EXPORTS[to], f"an export to {to}", force=force)
    with filed(made(source, settings, progress)) as file:
        export_file(file, place, to, force=force)
    return place


def plot(
    source: Source | Sequence[Source],
    path: Target | None = None,
    *,
    settings: Settings | None = None,
    force: bool = False,
    progress: Listener = None,
    **appearance: Unpack[Appearance],
) -> Figure:
    """Draw a result, or several in one figure of matplotlib, which notebooks show.

    Parameters
    ----------
    source, settings
        A result, or a problem in any form and changes to it, which is solved first; or a list of
        such, to be compared.
    path
        A file to write as well; its ending, .png, .pdf or .svg, chooses the format, and .gif or
        .mp4 makes a film of a figure that moves in time.
    force
        True replaces an existing file.
    progress
        True shows how far the flow is that is solved first.
    kind
        Which figure: "time", "scan", "claim", "phase", "plane", "tested", "weights", and of an
        analysis "modes", "growth" or "pruning"; left out, the one that suits the result.
    quantity
        Only this is drawn: names of order parameters, "risk", and others.
    log, excess
        Logarithmic axes, "x", "y" or "both"; True draws the risk minus the one to compare with.
    title
        In place of the heading, which "" leaves out.
    size
        "column" (3.4 inches wide), "page" (7), or width and height in inches.
    style, theme
        The path of a style sheet of matplotlib; "light", "dark" or "grey".
    at, over
        Of a scan, draw the points with these values, ``{"attention.heads": 4}``, and the keys at
        the axes of the figure.
    labels
        Names of several results; left out, what differs in their configurations.
    plane, field
        Of a phase portrait, its two directions, ``(1, 2)``; of a plane, the columns of its two
        order parameters; and what learns whose velocities are drawn; counted from 1.
    bands
        A dimension D: around a run in time that has fluctuations, where SGD in it is, its mean and
        two standard deviations; of escapes, that of another law.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ConfigurationError
        Where there is nothing to draw, for what would change nothing, or without matplotlib.
    FileError
        Where the file exists or cannot be written; before any work is done.

    Examples
    --------
    >>> run = op.solve("single-head", settings={"training.duration": 20})
    >>> figure = op.plot(run, "run.png", size="column", force=True)
    >>> other = op.solve("single-head", settings={"training.duration": 20, "task.length": 8})
    >>> figure = op.plot([run, other], excess=True)
    >>> figure.savefig("two.pdf")
    """
    place = None if path is None else target(path, (*FIGURES, *FILMS), "a figure", force=force)
    asked = checked(appearance)
    asked["at"] = {key: written(value) for key, value in (asked.get("at") or {}).items()}
    results = []
    for one in cast(list[Source], source if isinstance(source, list | tuple) else [source]):
        results.append(made(one, settings, progress))
    files = [result for result in results if isinstance(result, Path)]
    if results and len(files) == len(results) and "labels" not in asked:
        figure = plot_files(files, place, force=force, **asked)
    else:
        opened = [open_result(one) if isinstance(one, Path) else one for one in results]
        figure = plot_results(opened, place, force=force, **asked)
    show_figures()
    return figure


def report(
    source: Source,
    path: Target,
    *,
    settings: Settings | None = None,
    force: bool = False,
    progress: Listener = None,
) -> Path:
    """Write one HTML page about a result: verdict, figure, stages, settings, provenance.

    Parameters
    ----------
    source, settings
        A result, or a problem in any form and changes to it, which is solved first.
    path
        The page to write, with the ending .html.
    force
        True replaces an existing file.
    progress
        True shows how far the flow is that is solved first.

    Returns
    -------
    Path
        The page that was written.

    Raises
    ------
    FileError
        Where the page exists or cannot be written; before any work is done.

    Examples
    --------
    >>> page = op.report(op.evaluate("single-head"), "start.html", force=True)
    >>> "One head, one spike" in page.read_text("utf-8")
    True
    """
    place = target(path, PAGES, "a report", force=force)
    result = made(source, settings, progress)
    with filed(result) as file:
        figure = None
        try:
            figure = figure_of(file)
        except ConfigurationError as error:
            warnings.warn(f"no figure: {error}", stacklevel=2)
        page = report_page(file, figure, stored=isinstance(result, Path))
    with atomic(place, force=force) as temporary:
        temporary.write_text(page, "utf-8")
    return place
