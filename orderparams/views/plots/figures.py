"""Whole figures of any results: which there are, and how they are asked for."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orderparams.config.values import shown
from orderparams.errors import ConfigurationError, FileError, OrderparamsError
from orderparams.models import registry
from orderparams.results.analysis import Analysis
from orderparams.results.evaluation import Evaluation
from orderparams.results.evidence import Evidence
from orderparams.results.files import open_result
from orderparams.results.findings import Findings
from orderparams.results.innovations import Innovations
from orderparams.results.scan import Scan
from orderparams.results.simulation import SimulationRun
from orderparams.results.trajectory import Trajectory
from orderparams.results.validation import Validation
from orderparams.storage.files import check_target
from orderparams.storage.suffixes import FIGURES, FILMS, check_suffix
from orderparams.views.plots.bands import usual
from orderparams.views.plots.claims import plot_evidence
from orderparams.views.plots.courses import plot_courses
from orderparams.views.plots.drawing import drawing
from orderparams.views.plots.escapes import known_escapes, plot_escapes
from orderparams.views.plots.film import Film, save_film, writer_for
from orderparams.views.plots.growth import left_saddles, plot_growth
from orderparams.views.plots.innovations import plot_innovations
from orderparams.views.plots.layout import parse_size
from orderparams.views.plots.modes import plot_modes
from orderparams.views.plots.phase import film_phase, plot_phase, usual_plane
from orderparams.views.plots.plane import both, plot_plane
from orderparams.views.plots.pruning import check_removals, plot_pruning
from orderparams.views.plots.request import ANY, LOGS, Request
from orderparams.views.plots.scans import plot_scan
from orderparams.views.plots.style import save_figure
from orderparams.views.plots.subject import run_of, saddles_of
from orderparams.views.plots.tested import plot_tested, tested
from orderparams.views.plots.themes import DEFAULT, first_line
from orderparams.views.plots.weights import attended, plot_weights

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Kind:
    """A figure with a name: what draws it, of which results, and what can be asked of it.

    ``draw`` takes the results, a single one unless ``several``, and the request; ``takes`` are the
    settings of :class:`Request` that change the figure, beside title and size. ``film`` draws the
    same in time, where it can be. Of a model that analyzes its runs by itself there is none of what
    takes ``vectors`` against hidden directions, if it has no stages, or ``attention`` alone.
    ``check`` raises :class:`ConfigurationError` for a result of which there is nothing to draw.
    """

    about: str
    draw: Callable[[Sequence[Any], Request], Figure]
    of: tuple[type, ...]
    takes: frozenset[str] = frozenset()
    several: bool = False
    film: Callable[[Sequence[Any], Request], Film] | None = None
    vectors: bool = False
    attention: bool = False
    check: Callable[[Any], object] = id

    def has(self, result: Any) -> bool:
        """Whether there is anything to draw of a result that it is for."""
        try:
            self.check(course_of(result) if self.of == (Trajectory,) else result)
        except ConfigurationError:
            return False
        return True

    def shows(self, problem: Any) -> bool:
        """Whether there are such figures of a problem."""
        if self.vectors and not registry.staged(problem):
            return False
        return not (self.attention and registry.own_analysis(problem))


RUNS = (Trajectory, SimulationRun, Validation, Analysis, Findings)
"""What has a course in time."""


def course_of(result: Any) -> Any:
    """A result in time; of an analysis its run."""
    return result.trajectory if isinstance(result, Analysis | Findings) else result


KINDS: dict[str, Kind] = {
    "time": Kind(
        "order parameters and risk in time",
        lambda results, request: plot_courses(
            *map(course_of, results),
            request=request,
            saddles=saddles_of(results[0]) if len(results) == 1 else (),
        ),
        RUNS,
        frozenset({"quantity", "log", "excess", "labels", "bands"}),
        several=True,
    ),
    "scan": Kind(
        "what comes out at the points of a scan",
        lambda results, request: plot_scan(results[0], request.at, request.over, request=request),
        (Scan,),
        frozenset({"quantity", "log", "excess", "at", "over"}),
    ),
    "innovations": Kind(
        "what SGD does between times, whitened by its theory",
        lambda results, request: plot_innovations(results[0], request),
        (Innovations,),
    ),
    "claim": Kind(
        "the curves that a claim was read off",
        lambda results, request: plot_evidence(results[0], request),
        (Evidence,),
    ),
    "phase": Kind(
        "courses in the plane of two directions",
        lambda results, request: plot_phase(results[0], request),
        RUNS,
        frozenset({"plane", "field"}),
        film=lambda results, request: film_phase(results[0], request),
        vectors=True,
        check=usual_plane,
    ),
    "plane": Kind(
        "two order parameters of each head or unit against each other",
        lambda results, request: plot_plane(results[0], request),
        RUNS,
        frozenset({"plane", "field"}),
        check=lambda result: both(run_of(result)),
    ),
    "tested": Kind(
        "what the last state does at other values of a key, such as lengths of prompts",
        lambda results, request: plot_tested(results[0], request),
        (Trajectory,),
        frozenset({"log"}),
        check=tested,
    ),
    "weights": Kind(
        "attention to example sequences before and after",
        lambda results, request: plot_weights(results[0], request),
        RUNS,
        attention=True,
        check=attended,
    ),
    "modes": Kind(
        "what moves in the modes at stationary points",
        lambda results, request: plot_modes(results[0], request),
        (Analysis,),
    ),
    "growth": Kind(
        "the deviation from saddles, and the slope predicted",
        lambda results, request: plot_growth(results[0], request),
        (Analysis,),
        check=left_saddles,
    ),
    "escapes": Kind(
        "when SGD leaves symmetric states, in law and as simulated",
        lambda results, request: plot_escapes(results[0], request),
        (Analysis,),
        frozenset({"bands"}),
        check=known_escapes,
    ),
    "pruning": Kind(
        "the risk without some of what learns",
        lambda results, request: plot_pruning(results[0], request),
        (Analysis,),
        check=check_removals,
    ),
}
"""Figures by their names. Where none is asked for, the first one that shows the result is drawn."""


ONE_POINT = (
    "an evaluation, one point: there is nothing to draw it over; solve or simulate the problem"
)


def figure_of(results: Sequence[Any], request: Request) -> Figure:
    """The figure of these results that is asked for.

    :class:`ConfigurationError` for a kind that there is not or that does not show them, for results
    that do not go together, and for what would change nothing.
    """
    return KINDS[checked(results, request)].draw(results, request)


def film_of(results: Sequence[Any], request: Request) -> Film:
    """The same in time; also :class:`ConfigurationError` for a figure that does not move."""
    name = checked(results, request)
    film = KINDS[name].film
    if film is None:
        moving = [other for other, kind in KINDS.items() if kind.film]
        raise ConfigurationError(
            f"the figure {name} ({KINDS[name].about}) does not move; films are made of "
            f"{listed(moving)}, other figures are .png, .pdf or .svg"
        )
    return film(results, request)


def checked(results: Sequence[Any], request: Request) -> str:
    """The name of the kind that is asked for, if it shows the results."""
    numbered = tuple(f"result {i}" for i in range(1, len(results) + 1))
    names = request.labels or (numbered if len(results) > 1 else ("the result",))
    name = chosen(results[0], request.kind, names[0])
    kind = KINDS[name]
    for result, called in zip(results, names, strict=True):
        if name not in possible(result, called):
            raise ConfigurationError(
                f"{called} is no result for the figure {name} ({kind.about}), as {names[0]} is; "
                "draw it by itself"
            )
    if len(results) > 1 and not kind.several:
        raise ConfigurationError(
            f"the figure {name} ({kind.about}) shows one result, and these are {len(results)}; "
            "draw them one by one"
        )
    if idle := [given for given in request.given if given not in ANY | kind.takes | {"labels"}]:
        others = [
            f"{other} ({about.about})" for other, about in KINDS.items() if idle[0] in about.takes
        ]
        raise ConfigurationError(
            f"changes nothing in the figure {name} ({kind.about}); it is for {listed(others)}",
            argument=idle[0],
        )
    return name


def possible(result: Any, name: str) -> list[str]:
    """The kinds that show a result; :class:`ConfigurationError` if there is none."""
    found = [kind for kind, about in KINDS.items() if isinstance(result, about.of)]
    if isinstance(result, Evaluation):
        raise ConfigurationError(f"{name} is {ONE_POINT}")
    if not found:
        raise ConfigurationError(
            f"{name}: expected a result, as solve or open give it, got {shown(result)}"
        )
    return [kind for kind in found if KINDS[kind].shows(result.problem)]


def chosen(result: Any, name: str, called: str) -> str:
    """The kind of that name, or the first that shows a result."""
    found = possible(result, called)
    if name and name not in KINDS:
        raise ConfigurationError(f"there is no figure {name!r}; it is one of {listed(KINDS)}")
    own = registry.own_analysis(result.problem)
    if name and name not in found and KINDS[name].of == (Analysis,) and not own:
        raise ConfigurationError(
            f"the figure {name} is drawn of an analysis, and {called} holds none", "analyze"
        )
    if name and not KINDS[name].shows(result.problem):
        model = f"model = {result.problem.model!r}"
        why = (
            f"what this problem of {model} predicts is not told by attention alone"
            if registry.staged(result.problem)
            else f"the vectors of {model} are not drawn against hidden directions"
        )
        raise ConfigurationError(
            f"there is no figure {name} of {called}: {why}; there is {offered(found, result)}"
        )
    if name and name not in found:
        raise ConfigurationError(
            f"there is no figure {name} of {called}; there is {offered(found, result)}"
        )
    return name or found[0]


def offered(names: Iterable[str], result: Any) -> str:
    """Those of the kinds of which there is anything to draw."""
    return listed(name for name in names if KINDS[name].has(result))


def listed(names: Iterable[str]) -> str:
    """Names for a message."""
    return ", ".join(names)


def plot_results(
    results: Any,
    path: str | Path | None = None,
    *,
    kind: str | None = None,
    quantity: str | Sequence[str] = (),
    log: str | None = None,
    excess: bool = False,
    title: str | None = None,
    size: str | tuple[float, float] | None = None,
    style: str | Path | None = None,
    theme: str = DEFAULT,
    at: Mapping[str, Any] | None = None,
    over: str | Sequence[str] = (),
    labels: Sequence[str] = (),
    plane: Sequence[int] = (),
    field: int | None = None,
    bands: int | None = None,
    force: bool = False,
) -> Figure:
    """The figure of a result, or of several that are compared, written to ``path`` if there is one.

    ``kind`` is one of KINDS, by default the first that shows the result; ``quantity`` are names of
    order parameters, "risk" and others, by default those that say most; ``log`` is "x", "y" or
    "both"; ``excess`` draws the risk minus the one to compare with; ``title`` stands in place of
    the heading, and "" leaves it out. ``size`` is "column", "page" or width and height in inches;
    ``style`` the path of a style sheet of matplotlib, ``theme`` one of THEMES. ``at`` and ``over``
    choose what is drawn of a scan. ``labels`` name several results, which by default are called by
    what differs in their configurations. ``plane`` are two directions of a phase portrait, or
    two columns of a plane, and ``field`` what learns, counted from 1; ``bands`` a dimension in
    which SGD is drawn around a run, if its fluctuations are known; a ``path`` that ends in .gif or
    .mp4 makes it a film. :class:`~orderparams.errors.ConfigurationError` for what makes no sense or
    would change nothing; an existing file is replaced with ``force`` alone.
    """
    several = list(results) if isinstance(results, list | tuple) else [results]
    if not several:
        raise ConfigurationError("there is nothing to plot: no result was given")
    if labels and len(labels) != len(several):
        raise ConfigurationError(
            f"labels: {len(labels)} names of {len(several)} results; each has one"
        )
    if path is not None:
        check_suffix(Path(path), (*FIGURES, *FILMS), "a figure")
        check_target(Path(path), force=force)
    if log not in (None, *LOGS):
        raise ConfigurationError(f"log: {log!r} is not one of {listed(LOGS)}")
    request = Request(
        kind or "",
        (quantity,) if isinstance(quantity, str) else tuple(quantity),
        log or "",
        excess,
        title,
        parse_size(size if isinstance(size, str) else "{},{}".format(*size)) if size else None,
        {key: str(value) for key, value in (at or {}).items()},
        (over,) if isinstance(over, str) else tuple(over),
        tuple(labels),
        tuple(plane),
        field or 0,
        bands or 0,
    )
    sheet = None if style is None else Path(style)
    with drawing(theme, sheet) as own, told_of(sheet):
        if request.size is None and "figure.figsize" in own:
            request = dataclasses.replace(request, size=tuple(own["figure.figsize"]))
        if path is not None and Path(path).suffix.lower() in FILMS:
            writer = writer_for(Path(path))
            film = film_of(several, request)
            save_film(film, Path(path), writer, force=force)
            return film.figure
        figure = figure_of(several, request)
        if path is not None:
            save_figure(figure, Path(path), force=force)
    return figure


@contextlib.contextmanager
def told_of(style: Path | None) -> Iterator[None]:
    """Tell what matplotlib fails of with a style sheet, such as a LaTeX that is not there."""
    try:
        yield
    except OrderparamsError:
        raise
    except Exception as error:
        if style is None:
            raise
        raise ConfigurationError(
            f"{style}: nothing can be drawn with it: {first_line(str(error))}"
        ) from None


def plot_files(paths: Sequence[Path], path: Path | None = None, **settings: Any) -> Figure:
    """The same of result files, which messages and labels call by their names."""
    stems = [one.stem for one in paths]
    labels = stems if len(set(stems)) == len(stems) else list(map(str, paths))
    return plot_results([drawable(one) for one in paths], path, labels=labels, **settings)


def plot_file(path: Path, size: str = "") -> Figure:
    """The figure of a result file as matplotlib is set, of its own size or of one of WIDTHS; with
    bands in the dimension of its simulation, where they are known."""
    result, inches = drawable(path), parse_size(size) if size else None
    request = Request(size=inches, labels=(str(path),), bands=usual(result))
    return figure_of([result], request)


def drawable(path: Path) -> Any:
    """The result in a file; :class:`FileError` if it has no figure."""
    found = open_result(path)
    if isinstance(found, Evaluation):
        raise FileError(f"{path} holds {ONE_POINT}")
    return found
