"""Phase portraits: heads in the plane of two hidden directions, at rest on paper or in time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orderparams.analysis.plane import Plane, plane_of
from orderparams.analysis.stages import stages_of
from orderparams.config.words import counted
from orderparams.errors import ConfigurationError
from orderparams.models.vectors.field import velocities
from orderparams.models.vectors.geometry import geometry_of
from orderparams.results.simulation import SimulationRun
from orderparams.results.trajectory import Trajectory
from orderparams.results.validation import Validation
from orderparams.views.plots.copies import Names, in_range, names_of
from orderparams.views.plots.film import Film
from orderparams.views.plots.legends import strip
from orderparams.views.plots.request import Request
from orderparams.views.plots.style import faint, heading, ink, line_style, quiet
from orderparams.views.plots.subject import overlaps_of, rule_of, run_of
from orderparams.views.story.words import instant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from orderparams.models.parameters import OrderParameter
    from orderparams.views.plots.copies import Groups

Array = NDArray[np.float64]

FRAMES = 60
"""Of a film, at most."""

ALONG = (0.3, 0.65)
"""Where on a course arrows stand, as parts of its length."""

SHORT = 0.1
"""Courses shorter than this part of the figure have no arrows."""

GRID = 24
"""Points on each side of the field of velocities."""

MOST_REPLICAS = 20

BESIDE, ABOVE, TALLEST = 0.6, 3.0, 1.6
"""Inches beside a panel at least, above and below it at most; its height at most, in widths of the
figure."""

MARGIN = 0.14
"""Around all that is drawn, in units of its extent."""

NOW: dict[str, Any] = {"marker": "D", "linestyle": "none", "markeredgecolor": "white"}
"""How the head of a moving course differs from its start and end."""

THIN = 0.6
"""Width of the course of a replica."""


class Courses(NamedTuple):
    """Vectors in a plane: ``paths`` (R, T, n, 2) at times (T,), of the theory or of replicas."""

    time: Array
    paths: Array
    theory: bool


class Portrait(NamedTuple):
    """The figure, its axes, what moves in it, and the lines of each of these courses."""

    figure: Figure
    axes: Axes
    courses: list[Courses]
    lines: list[list[Line2D]]


def plot_phase(result: Any, request: Request) -> Figure:
    """Courses in the plane of two directions, with what is hidden there."""
    portrait = draw_portrait(result, request)
    for courses, lines in zip(portrait.courses, portrait.lines, strict=True):
        if courses.theory:
            draw_arrows(portrait.axes, lines)
    return portrait.figure


def film_phase(result: Any, request: Request) -> Film:
    """The same in time."""
    portrait = draw_portrait(result, request, moving=True)
    time = portrait.courses[-1].time
    frames = np.unique(np.linspace(0, len(time) - 1, FRAMES).round().astype(int))
    clock = portrait.axes.set_title("")
    heads = [[trail(portrait.axes, line) for line in lines] for lines in portrait.lines]

    def show(number: int) -> None:
        now = time[frames[number]]
        clock.set_text(f"t = {instant(now)}")
        for courses, lines, moving in zip(portrait.courses, portrait.lines, heads, strict=True):
            until = int(np.searchsorted(courses.time, now, side="right"))
            for line, (path, head) in zip(lines, moving, strict=True):
                x, y = map(np.asarray, line.get_data())
                path.set_data(x[:until], y[:until])
                head.set_data(x[until - 1 : until], y[until - 1 : until])

    return Film(portrait.figure, len(frames), show)


def trail(axes: Axes, line: Line2D) -> tuple[Line2D, Line2D]:
    """What moves along a line, which fades: the part that is behind, and the head of it."""
    (path,) = axes.plot([], [])
    path.update_from(line)
    line.set_alpha(0.2 * (line.get_alpha() or 1))
    colour, width = line.get_color(), line.get_linewidth()
    (head,) = axes.plot([], [], color=colour, markersize=4 + width, zorder=6, **NOW)
    return path, head


def draw_portrait(result: Any, request: Request, *, moving: bool = False) -> Portrait:
    """All but the arrows; the legend names what is ``moving``."""
    from matplotlib.figure import Figure

    run = run_of(result)
    main, problem = overlaps_of(run), run.problem
    plane = plane_of(problem, run[main.name][-1], request.plane)
    width, height = request.size or (3.4, None)
    entries = list(plane.entries)
    courses = courses_of(result, run, lambda source: source[main.name][..., entries])
    low, high = bounds(plane, courses)
    across, up = high - low
    panel = min((width - BESIDE) * up / across, TALLEST * width)
    figure = Figure(figsize=(width, height or panel + ABOVE), layout="constrained")
    axes = figure.add_subplot(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    if request.field:
        draw_field(axes, run, plane, request.field, main.axes[0].word)
    draw_support(axes, plane, geometry_of(problem).support_words)
    paths = in_range(courses[-1].paths[0], together=True)
    names = names_of(main.axes[0].word, np.moveaxis(paths, 1, 0), lambda: copies_in(run))
    lines = [draw_courses(axes, each, names) for each in courses]
    draw_rests(axes, result, main, plane)
    name_courses(axes, names)
    if moving:
        axes.plot([], [], color=quiet(), markersize=5, label="now", **NOW)
    label(axes, main, plane)
    heading(figure, problem, rule_of(result), title=request.title)
    strip(figure)
    if height is None:
        tighten(figure, axes)
    return Portrait(figure, axes, courses, lines)


def copies_in(run: Trajectory) -> tuple[Groups, Sequence[int]]:
    """Those that are equal at the end of a run, and those that are next to nothing then."""
    stages = stages_of(run)
    return stages.groups, stages.dormant


def usual_plane(result: Any) -> Plane:
    """The plane that is drawn where none is chosen; ConfigurationError where there is none."""
    run = run_of(result)
    return plane_of(run.problem, run[overlaps_of(run).name][-1])


def tighten(figure: Figure, axes: Axes) -> None:
    """Take away the height that a panel of its shape leaves free."""
    figure.draw_without_rendering()
    spare = axes.get_position(original=True).height - axes.get_position().height
    figure.set_figheight((1 - spare) * figure.get_figheight())


def courses_of(result: Any, run: Trajectory, paths: Callable[[Any], Array]) -> list[Courses]:
    """Replicas and theory, as far as there are both; the theory last. ``paths`` are those of what
    has order parameters (…, T, n, 2)."""
    found = []
    simulation = result if isinstance(result, SimulationRun) else None
    if isinstance(result, Validation):
        simulation = result.nearest
    if simulation is not None:
        found.append(Courses(simulation.time, paths(simulation)[:MOST_REPLICAS], False))
    if not isinstance(result, SimulationRun):
        found.append(Courses(run.time, paths(run)[None], True))
    return found


def bounds(plane: Plane, courses: Sequence[Courses]) -> tuple[Array, Array]:
    """The least and the largest coordinates (2,) of what is drawn, with a margin."""
    points = [plane.centers, *(each.paths.reshape(-1, 2) for each in courses)]
    spread = 2 * np.sqrt(np.einsum("cii->ci", plane.covariances))
    points += [plane.centers - spread, plane.centers + spread, np.zeros((1, 2))]
    every = np.concatenate(points)
    low, high = np.nanmin(every, axis=0), np.nanmax(every, axis=0)
    margin = MARGIN * max(float((high - low).max()), 1e-9)
    return low - margin, high + margin


def draw_support(axes: Axes, plane: Plane, words: str) -> None:
    """Crosses at points; of Gaussians ellipses of one and two standard deviations."""
    from matplotlib.patches import Ellipse

    several = np.column_stack([plane.centers, plane.covariances.reshape(-1, 4)]).round(9)
    chosen = np.unique(several, axis=0, return_index=True)[1]
    spread = plane.covariances[chosen].any(axis=(1, 2))
    points = plane.centers[chosen[~spread]]
    if len(points):
        axes.plot(*points.T, "+", color=ink(), markersize=10, label=words, zorder=1)
    for number, which in enumerate(chosen[spread]):
        sizes, turns = np.linalg.eigh(plane.covariances[which])
        angle = np.degrees(np.arctan2(turns[1, 1], turns[0, 1]))
        extent = 2 * np.sqrt(np.maximum(sizes[::-1], 0.0))
        for deviations in (1, 2):
            name = f"{words}, 1 and 2 standard deviations" if number == 0 == deviations - 1 else ""
            ellipse = Ellipse(
                plane.centers[which], *(deviations * extent), angle=angle, label=name or None,
                facecolor="none", edgecolor=ink(), alpha=0.5, linewidth=0.8, zorder=1,
            )  # fmt: skip
            axes.add_patch(ellipse)


def draw_courses(axes: Axes, courses: Courses, names: Names) -> list[Line2D]:
    """A line for each vector of each replica, from a ring to a dot."""
    lines = []
    for paths in courses.paths:
        for learner in range(paths.shape[1]):
            style = style_of(names.styles[learner])
            if not courses.theory:
                style |= {"linewidth": THIN, "alpha": 0.5}
            known = paths[np.isfinite(paths[:, learner]).all(axis=1), learner]
            if not len(known):
                continue
            lines += axes.plot(*known.T, zorder=3 if courses.theory else 2, **style)
            size = 5 if courses.theory else 2.5
            for place, face in ((0, axes.get_facecolor()), (-1, style["color"])):
                axes.plot(
                    *known[[place]].T, "o", markersize=size, color=style["color"],
                    markerfacecolor=face, zorder=4,
                )  # fmt: skip
    for name, face in (("start", axes.get_facecolor()), ("end", ink())):
        axes.plot([], [], "o", markersize=5, color=ink(), markerfacecolor=face, label=name)
    if not courses.theory:
        axes.plot([], [], color=ink(), linewidth=THIN, label=counted(len(courses.paths), "replica"))
    return lines


def style_of(number: int | None) -> dict[str, Any]:
    """Of a line with a style, or of one among too many."""
    return {"color": faint(), "linewidth": THIN} if number is None else line_style(number)


def draw_arrows(axes: Axes, lines: Sequence[Line2D]) -> None:
    """Heads of arrows along each line that is long enough."""
    low, high = axes.get_xlim()
    for line in lines:
        path = np.column_stack([np.asarray(values, dtype=float) for values in line.get_data()])
        length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
        if length[-1] < SHORT * (high - low):
            continue
        step = 0.01 * length[-1]
        for part in ALONG:
            at = np.array([part * length[-1], part * length[-1] + step])
            tail, tip = np.column_stack([np.interp(at, length, values) for values in path.T])
            axes.annotate(
                "", tip, tail, zorder=3,
                arrowprops={
                    "arrowstyle": "-|>", "color": line.get_color(), "linewidth": 0,
                    "mutation_scale": 11, "shrinkA": 0, "shrinkB": 0,
                },
            )  # fmt: skip


def draw_rests(axes: Axes, result: Any, main: OrderParameter, plane: Plane) -> None:
    """Of an analysis the vectors at the saddles."""
    rests = (getattr(result, "unspecialized", None), *getattr(result, "rests", ()))
    saddles = [rest for rest in rests if rest and rest.point.converged and rest.growth]
    if saddles:
        states = [rest.point.state[main.name][:, list(plane.entries)] for rest in saddles]
        axes.plot(
            *np.concatenate(states).T, "x", color=ink(), markersize=5, zorder=5, label="saddles"
        )


def draw_field(axes: Axes, run: Trajectory, plane: Plane, learner: int, word: str) -> None:
    """Streamlines of the velocity of one vector, counted from 1, the rest as at the end."""
    check_field(run, learner, run[overlaps_of(run).name].shape[1], word)

    def velocity(points: Array) -> Array:
        return velocities(run.problem, run.state(-1), learner - 1, plane.axes, points)

    draw_streams(axes, velocity, f"{word} {learner}")


def check_field(run: Trajectory, learner: int, count: int, word: str) -> None:
    """:class:`ConfigurationError` for a number that no head or unit has, and where there is no
    velocity without a past."""
    if getattr(run.problem.training, "inertia", None) is not None:
        raise ConfigurationError(
            f"field {learner}: with training.inertia a {word} has a velocity of its own, which its "
            "place does not tell; leave it out"
        )
    if not 1 <= learner <= count:
        raise ConfigurationError(f"field {learner}: there are {count} {word}s, counted from 1")


def draw_streams(axes: Axes, velocity: Callable[[Array], Array], what: str) -> None:
    """Streamlines of the velocities (N, 2) at points (N, 2) of what is moved."""
    x, y = (np.linspace(*limits, GRID) for limits in (axes.get_xlim(), axes.get_ylim()))
    points = np.array([grid.ravel() for grid in np.meshgrid(x, y)]).T
    u, v = velocity(points).T.reshape(2, GRID, GRID)
    streams = axes.streamplot(
        x, y, u, v, color=faint(), linewidth=0.6, arrowsize=0.6, density=0.6, zorder=0
    )
    streams.lines.set_label(f"velocity of {what},\nthe rest as at the end")


def name_courses(axes: Axes, names: Names) -> None:
    """What the lines are, in the legend."""
    for number, name in zip(names.styles, names.labels, strict=True):
        if name:
            axes.plot([], [], **style_of(number), label=name)


def label(axes: Axes, main: OrderParameter, plane: Plane) -> None:
    """What the axes are, and zero."""
    first, second = (
        f"{main.words} {main.sign} with {main.axes[1].word} {entry + 1}" for entry in plane.entries
    )
    axes.set(xlabel=first, ylabel=second)
    axes.axhline(0, color=faint(), linewidth=0.8, zorder=0)
    axes.axvline(0, color=faint(), linewidth=0.8, zorder=0)
