"""Figures: drawn from every kind of file, deterministic, and refused with a message."""

import matplotlib
import numpy as np
import pytest

import orderparams as op
from orderparams.errors import ConfigurationError, FileError
from orderparams.plots import SETTINGS, line_style, plot_courses, save_figure

QUICK = ["training.duration=2", "output.points=5", "expectation.tolerance=1e-5"]


@pytest.fixture(scope="module")
def run_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("plots") / "run.h5"
    op.solve(op.load("two-stage", QUICK)).save(path)
    return path


def test_a_trajectory_has_a_panel_a_direction_and_a_line_a_head(run_file):
    trajectory = op.open(run_file)
    panels = plot_courses(run_file).axes
    overlaps = [axes for axes in panels if axes.get_title().startswith("direction")]
    (risk,) = [axes for axes in panels if axes.get_ylabel() == "risk E"]
    assert [axes.get_title() for axes in overlaps] == [f"direction {f}" for f in (1, 2, 3)]
    for f, axes in enumerate(overlaps):
        lines = {line.get_label(): line.get_ydata() for line in axes.lines}
        np.testing.assert_array_equal(lines["head 4"], trajectory.overlap[:, 3, f])
    np.testing.assert_array_equal(risk.lines[0].get_ydata(), trajectory.risk)
    assert all(axes.get_xlabel().startswith("time") for axes in (*overlaps, risk))


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_figures_are_deterministic(run_file, tmp_path, suffix):
    for name in ("a", "b"):
        with matplotlib.rc_context(SETTINGS):
            save_figure(plot_courses(run_file), tmp_path / (name + suffix))
    assert (tmp_path / ("a" + suffix)).read_bytes() == (tmp_path / ("b" + suffix)).read_bytes()


def test_heads_can_be_told_apart():
    styles = [(line_style(h)["color"], line_style(h)["linestyle"]) for h in range(32)]
    assert len(set(styles)) == 32


def test_refusals(run_file, tmp_path):
    with pytest.raises(ConfigurationError, match=r"\.png, \.pdf, \.svg"):
        save_figure(plot_courses(run_file), tmp_path / "a.gif")
    with pytest.raises(FileError, match="does not exist"):
        plot_courses(tmp_path / "none.h5")
