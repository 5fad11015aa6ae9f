"""Figures of an analysis: modes, growth and pruning show the numbers that were found."""

import dataclasses

import matplotlib
import numpy as np
import pytest
from views.analyses import students

import orderparams as op
from orderparams.analysis.along import course_along, shape_of
from orderparams.errors import ConfigurationError
from orderparams.views.plots import SETTINGS, plot_results, save_figure
from orderparams.views.plots.figures import figure_of
from orderparams.views.plots.modes import places_of
from orderparams.views.plots.request import Request


def figure(kind, result=None, **request):
    return figure_of([result or students()], Request(kind=kind, **request))


def lines(axes):
    return {line.get_label(): line for line in axes.lines}


@pytest.mark.parametrize("kind", ["modes", "growth", "escapes", "pruning"])
def test_they_are_of_an_analysis_alone(kind):
    with pytest.raises(
        ConfigurationError, match=f"{kind} is drawn of an analysis.*analyze.* makes one"
    ):
        figure(kind, students().trajectory)


@pytest.mark.parametrize("kind", ["phase", "modes", "growth", "pruning"])
def test_they_are_drawn_of_a_file_to_the_same_bytes(kind, tmp_path):
    students().save(tmp_path / "analyzed.h5")
    for name, result in (("a.svg", students()), ("b.svg", op.open(tmp_path / "analyzed.h5"))):
        with matplotlib.rc_context(SETTINGS):
            save_figure(figure(kind, result), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_stationary_point_is_drawn_once():
    """Where a run has not left the saddle, that is also what is found from its end."""
    found = students()
    first, last = found.unspecialized, found.final
    assert first.is_at(first, found.geometry)
    assert not last.is_at(first, found.geometry)
    assert len(places_of(found)) == len(found.rests) + 2
    again = dataclasses.replace(found, final=dataclasses.replace(first, distance=0.5))
    assert [place.rest for place in places_of(again)] == [first, *found.rests]


def test_a_row_of_squares_for_each_stationary_point():
    found = students()
    panels = [axes for axes in figure("modes").axes if axes.images]
    assert panels[0].get_ylabel() == "student"
    labels = [part.get_suptitle() for part in panels[0].figure.figure.subfigs]
    assert labels[0].startswith(f"all students equal: risk {found.unspecialized.point.risk:.4g}, ")
    assert labels[-1].startswith("next to the end: ")
    first, mode = panels[0], found.unspecialized.modes[0]
    shape = shape_of(found.unspecialized, mode, found.trajectory)
    expected = shape.measured / np.abs(shape.measured).max()
    np.testing.assert_allclose(first.images[0].get_array()[:, :2], expected)
    rate, _, words = first.get_title().partition("\n")
    assert rate.startswith(f"rate {mode.rate:+.3g}")
    assert words.replace("\n", " ") == mode.describe(found.geometry)
    assert [text.get_text() for text in first.get_xticklabels()][:2] == ["1", "2"]
    signs = {(round(text.get_position()[1]), round(text.get_position()[0])): text.get_text()
             for text in first.texts}  # fmt: skip
    for place, sign in signs.items():
        assert (sign == "+") == (expected[place] > 0)
    assert signs


def test_growth_is_drawn_with_the_slope_of_the_rate():
    """Oracle of the slope: the logarithm of the dashed line rises by the rate times the time."""
    found = students()
    first = figure("growth").axes[0]
    assert first.get_yscale() == "log"
    mode = found.unspecialized.unstable[0]
    course = course_along(found.unspecialized, mode, found.trajectory)
    drawn, dashed = first.lines[:2]
    shown = np.isin(found.trajectory.time, drawn.get_xdata())
    np.testing.assert_allclose(drawn.get_ydata(), course.amplitude[shown])
    time, slope = dashed.get_xdata(), np.log(dashed.get_ydata())
    np.testing.assert_allclose(np.diff(slope) / np.diff(time), mode.rate, rtol=1e-9)
    assert f"rate {mode.rate:.4g}" in drawn.get_label().replace("\n", " ")


def test_growth_between_times_far_apart_is_still_seen():
    """A single time is near the saddle; of the others each stands for five."""
    found = students()
    run, saddle = found.trajectory, found.unspecialized
    near = course_along(saddle, saddle.unstable[0], run).near
    kept = [near[0], *range(near[-1] + 1, len(run.time), 5)]
    state = {name: values[kept] for name, values in run.parameters.items()}
    coarse = op.Trajectory(run.problem, run.time[kept], state, run.risk[kept])
    axes = figure("growth", dataclasses.replace(found, trajectory=coarse)).axes[0]
    drawn = axes.lines[0]
    assert len(drawn.get_xdata()) >= 4
    assert drawn.get_marker() == "o"
    assert axes.get_xlim()[1] >= drawn.get_xdata()[-1]


def test_where_nothing_grows_there_is_no_growth():
    found = students()
    stable = dataclasses.replace(found.final, growth=())
    calm = dataclasses.replace(found, unspecialized=stable, rests=(), final=stable)
    with pytest.raises(ConfigurationError, match="there is no growth to draw"):
        figure("growth", calm)


def test_pruning_has_both_curves_and_the_lines_of_what_they_cost():
    found = students()
    above, below = figure("pruning").axes
    removals = found.pruning.removals
    drawn = lines(above)
    np.testing.assert_array_equal(
        drawn["as it is"].get_ydata(), [removal.risk for removal in removals]
    )
    np.testing.assert_array_equal(
        drawn["the rest trained again"].get_ydata(), [one.reoptimized_risk for one in removals]
    )
    assert drawn["+1 to +10 %"].get_ydata()[0] == pytest.approx(1.01 * found.pruning.risk)
    assert "+10 %" not in drawn, "it cannot be seen apart"
    assert drawn["lower bound: zero (upper panel)"].get_ydata()[0] == 0.0
    assert not any("bound" in name for name in lines(below)), "a logarithmic axis has no zero"
    assert below.get_yscale() == "log"
    texts = [text.get_text() for text in above.get_xticklabels()]
    assert texts[0] == "0\n"
    assert texts[1] == f"1\n{removals[1].learners[0] + 1}"


def test_figures_grow_with_their_texts(tmp_path):
    style = tmp_path / "large.mplstyle"
    style.write_text("font.size: 14\n")
    for kind in ("modes", "pruning"):
        small = plot_results(students(), kind=kind, size="column")
        large = plot_results(students(), kind=kind, size="column", style=style)
        assert large.get_figheight() > small.get_figheight() + 0.5
        for part in (large, *large.subfigs):
            assert all(text.get_window_extent().x1 <= large.bbox.x1 for text in part.texts)


def test_one_head_cannot_be_pruned():
    found = students()
    pruning = dataclasses.replace(found.pruning, removals=found.pruning.removals[:1])
    with pytest.raises(ConfigurationError, match="there is one student, and none to remove"):
        figure("pruning", dataclasses.replace(found, pruning=pruning))
