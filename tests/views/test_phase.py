"""Phase portraits: courses in a plane, what is hidden there, and the same in time."""

import io

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Ellipse
from views.analyses import STUDENTS, students

import orderparams as op
from orderparams.analysis.plane import plane_of
from orderparams.errors import ConfigurationError
from orderparams.models.vectors.field import velocities
from orderparams.views.plots import SETTINGS, phase
from orderparams.views.plots.figures import figure_of
from orderparams.views.plots.film import save_film, writer_for
from orderparams.views.plots.phase import THIN, film_phase
from orderparams.views.plots.request import Request
from orderparams.views.plots.style import faint

QUICK = {"training.duration": 2, "output.points": 5, "expectation.tolerance": 1e-5}
SHORT = ["training.duration=4", "output.points=4"]


def drawn(result, **request):
    return figure_of([result], Request(kind="phase", **request)).axes[0]


def labelled(axes):
    return {line.get_label(): line for line in axes.lines}


@pytest.fixture(scope="module")
def heads():
    return op.solve("two-stage", settings=QUICK)


def test_courses_of_heads_in_the_plane_of_the_largest_variances(heads):
    axes = drawn(heads)
    courses = [line for line in axes.lines if len(line.get_xdata()) == 5]
    for head, line in enumerate(courses):
        np.testing.assert_array_equal(np.array(line.get_data()).T, heads.overlap[:, head, 1:])
    assert len(courses) == 4
    assert axes.get_xlabel() == "overlap m with direction 2"
    assert axes.get_ylabel() == "overlap m with direction 3"
    points = np.array(labelled(axes)["support of the signal"].get_data()).T
    assert sorted(map(tuple, points)) == [(-1.6, -1.0), (-1.6, 1.0), (1.6, -1.0), (1.6, 1.0)]
    assert {"head 1", "head 4"} <= labelled(axes).keys()
    assert drawn(heads, plane=(3, 1)).get_xlabel() == "overlap m with direction 1"


def test_gaussians_are_ellipses_of_their_standard_deviations():
    """Oracle: a rotated covariance, of which the long axis is known."""
    turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    covariance = turn @ np.diag([4.0, 0.25]) @ turn.T
    signal = {"kind": "gaussian", "mean": [1.0, 0.5], "covariance": covariance.tolist()}
    result = op.solve({"task": {"length": 3, "signal": signal}}, settings=QUICK)
    one, two = (patch for patch in drawn(result).patches if isinstance(patch, Ellipse))
    assert one.get_center() == pytest.approx((1.0, 0.5))
    assert (one.width, one.height) == pytest.approx((4.0, 1.0))
    assert (two.width, two.height) == pytest.approx((8.0, 2.0))
    assert one.angle % 180 == pytest.approx(np.degrees(0.4))


def distance(point, start, step):
    """Of a point from the line between a start and the next place."""
    part = np.clip((point - start) @ step / (step @ step), 0, 1)
    return np.linalg.norm(point - start - part * step)


def test_arrows_point_the_way_that_heads_go():
    axes = drawn(students(), plane=(1, 2))
    arrows = [text for text in axes.texts if text.arrow_patch is not None]
    assert arrows
    courses = {
        to_rgba(line.get_color()): np.array(line.get_data()).T
        for line in axes.lines
        if len(line.get_xdata()) == 61
    }
    for arrow in arrows:
        tip, tail = np.array(arrow.xy), np.array(arrow.get_position())
        course = courses[arrow.arrow_patch.get_facecolor()]
        steps = np.diff(course, axis=0)
        apart = [distance(tip, one, step) for one, step in zip(course, steps, strict=False)]
        there = steps[np.array(apart) < 1e-9]
        assert len(there)
        assert ((tip - tail) @ there.T > 0).any()


def test_of_an_analysis_saddles_are_marked():
    found = students()
    marks = np.array(labelled(drawn(found))["saddles"].get_data()).T
    np.testing.assert_allclose(marks[:3], found.unspecialized.point.state["overlap"])


def test_replicas_are_thin_lines_and_the_theory_goes_through_them():
    problem = op.load(
        STUDENTS, ["training.duration=4", "output.points=4", "simulation.dimension=50"]
    )
    simulation = op.simulate(problem)
    axes = drawn(simulation)
    courses = [line for line in axes.lines if len(line.get_xdata()) == 4]
    thin = [line for line in courses if line.get_linewidth() == THIN]
    assert len(thin) == 3 * len(simulation.risk)
    assert "SGD" in axes.figure.get_suptitle()
    np.testing.assert_array_equal(thin[1].get_xdata(), simulation["overlap"][0, :, 1, 0])
    validation = op.validate(problem, settings={"training.rule": "sgd"}, dimensions=[40, 50])
    courses = [line for line in drawn(validation).lines if len(line.get_xdata()) > 1]
    courses = [line for line in courses if line.get_linestyle() != "None"]
    courses = [line for line in courses if line.get_color() != faint()]
    assert len([line for line in courses if line.get_linewidth() > THIN]) == 3
    assert len(courses) == 3 + 3 * len(validation.simulations[50].risk)


def test_the_field_is_that_of_the_velocities(heads):
    """Streamlines begin and end along the velocities that the analysis gives there."""
    axes = drawn(heads, field=2)
    assert axes.collections[0].get_label() == "velocity of head 2,\nthe rest as at the end"
    segments = [part for part in axes.collections[0].get_segments() if len(part) > 3]
    middle = np.array([part[len(part) // 2 - 1 :][:2] for part in segments[::5]])
    plane = plane_of(heads.problem, heads.overlap[-1])
    there = velocities(heads.problem, heads.state(-1), 1, plane.axes, middle.mean(axis=1))
    steps = middle[:, 1] - middle[:, 0]
    assert np.isfinite(there).all()
    there, steps = there[steps.any(axis=1)], steps[steps.any(axis=1)]
    cosines = (there * steps).sum(1) / np.linalg.norm(there, axis=1) / np.linalg.norm(steps, axis=1)
    assert np.median(cosines) > 0.98
    with pytest.raises(ConfigurationError, match="field 5: there are 4 heads, counted from 1"):
        drawn(heads, field=5)


def test_no_field_of_heads_that_have_velocities():
    moving = {"training.inertia": {"friction": 0.7, "gain": 0.5}}
    run = op.solve("two-stage", settings=QUICK | moving)
    with pytest.raises(ConfigurationError, match=r"field 1: with training\.inertia a head has a"):
        drawn(run, field=1)


def test_a_film_shows_what_has_been_until_its_time(heads, tmp_path, monkeypatch):
    from PIL import Image

    moving = film_phase(heads, Request())
    assert moving.frames == 5
    moving.show(2)
    axes = moving.figure.axes[0]
    assert axes.get_title() == "t = 1"
    assert "now" in [text.get_text() for text in moving.figure.legends[0].get_texts()]
    trails = [line for line in axes.lines if len(line.get_xdata()) == 3]
    np.testing.assert_array_equal(trails[0].get_xdata(), heads.overlap[:3, 0, 1])
    monkeypatch.setattr(phase, "FRAMES", 2)
    for name in ("a.gif", "b.gif"):
        with matplotlib.rc_context(SETTINGS):
            path = tmp_path / name
            save_film(film_phase(heads, Request()), path, writer_for(path))
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    with Image.open(io.BytesIO((tmp_path / "a.gif").read_bytes())) as image:
        assert image.n_frames == 2


def test_mp4_needs_its_writer(monkeypatch, tmp_path):
    from matplotlib.animation import FFMpegWriter

    monkeypatch.setattr(FFMpegWriter, "isAvailable", classmethod(lambda _: False))
    with pytest.raises(ConfigurationError, match=r"program ffmpeg, which is not found.* a\.gif"):
        writer_for(tmp_path / "a.mp4")
    with pytest.raises(ConfigurationError, match=r"ending \.gif or \.mp4, not \.avi"):
        writer_for(tmp_path / "a.avi")


def test_the_command_draws_portraits_and_films(run, heads):
    heads.save("run.h5")
    assert run("plot", "run.h5", "--kind", "phase", "--plane", "1,3", "--field", "2")[0] == 0
    assert run("plot", "run.h5", "--kind", "phase", "--to", "gif")[::2] == (
        0,
        "written to run.gif\n",
    )
    for words, told in [
        (["--kind", "phase", "--plane", "1"], "plane 1: it takes two different directions of 1 to"),
        (["--kind", "phase", "--plane", "a,b"], "'a,b' is not two directions, such as 1,2"),
        (["--kind", "phase", "--to", "gif", "-o", "a.gif"], "leave one out"),
        (["--to", "gif"], "does not move; films are made of phase"),
        (["--plane", "1,2"], "--plane changes nothing in the figure time"),
        (["--kind", "modes"], "run holds none; orderparams analyze FILE.h5 -o ANALYZED.h5 makes"),
    ]:
        status, out, err = run("plot", "run.h5", *words)
        assert (status, out) == (2, "")
        assert told in " ".join(err.split())
