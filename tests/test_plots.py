"""Figures: drawn from every kind of file, deterministic, and refused with a message."""

import matplotlib
import numpy as np
import pytest

import orderparams as op
from orderparams.claims.evidence import Evidence, Panel
from orderparams.errors import ConfigurationError, FileError
from orderparams.plots import (
    SETTINGS,
    line_style,
    plot_courses,
    plot_evidence,
    plot_file,
    save_figure,
)
from orderparams.storage.claims import save

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
    lines = {line.get_label(): line.get_ydata() for line in risk.lines}
    np.testing.assert_array_equal(lines["risk"], trajectory.risk)
    assert all(axes.get_xlabel().startswith("time") for axes in (*overlaps, risk))


def test_a_simulation_is_drawn_as_bands_and_a_validation_with_the_theory_through_them(tmp_path):
    problem = op.load("single-head", [*QUICK, "simulation.dimension=100"])
    runs = {"simulation": op.simulate(problem), "validation": op.validate(problem, start="mean")}
    for name, run in runs.items():
        run.save(tmp_path / f"{name}.h5")
        overlap, risk = plot_file(tmp_path / f"{name}.h5").axes
        assert len(overlap.collections) == len(risk.collections) == 1  # the bands
        labels = {line.get_label() for line in (*overlap.lines, *risk.lines)}
        assert ({"head 1", "risk", "Bayes risk"} <= labels) == (name == "validation")


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


def test_stages_plateaus_and_final_overlaps_are_drawn(tmp_path):
    """A trajectory with a planted stage: head 1 turns to direction 2 at t = 50."""
    time = np.linspace(0.0, 100.0, 201)
    turn = 1 / (1 + np.exp(-(time - 50) / 2))
    overlap = np.zeros((201, 4, 3))
    overlap[:, :, 0] = 1.5
    overlap[:, 0, 1] = 1.6 * turn
    q = np.einsum("thf,tgf->thg", overlap, overlap)
    run = op.Trajectory(op.load("two-stage"), time, overlap, q, 1.0 - 0.5 * turn, bayes_risk=0.3)
    run.save(tmp_path / "run.h5")
    _, second, _, risk, matrix, *_ = plot_courses(tmp_path / "run.h5").axes
    marks = [line for line in second.lines if line.get_marker() == "^"]
    assert [mark.get_xdata()[0] for mark in marks] == pytest.approx([50.0], abs=0.5)
    assert [mark.get_ydata()[0] for mark in marks] == pytest.approx([0.8], abs=0.1)
    (before, after) = [line.get_ydata()[0] for line in risk.lines if line.get_linewidth() == 5]
    assert (before, after) == pytest.approx((1.0, 0.5), abs=0.01)
    np.testing.assert_array_equal(matrix.images[0].get_array(), overlap[-1])


def test_the_file_of_a_claim_is_drawn_as_its_evidence_is(run_file, tmp_path):
    panel = Panel(
        "spectrum",
        "mode",
        "mode",
        np.array([1.0, 2.0]),
        "growth rate −λ",
        {"predicted": np.array([0.2, -0.1]), "observed": np.array([0.19, np.nan])},
        ticks=("between heads", "all heads"),
    )
    run = op.open(run_file)
    evidence = Evidence(run.problem, (), (panel,), run)
    save(evidence, tmp_path / "C0.h5", force=False, command="test")
    with matplotlib.rc_context(SETTINGS):
        save_figure(plot_evidence(evidence), tmp_path / "a.svg")
        save_figure(plot_file(tmp_path / "C0.h5"), tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    axes = plot_evidence(evidence).axes[-1]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("mode", "growth rate −λ")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["between heads", "all heads"]
    assert [line.get_linestyle() for line in axes.lines][:2] == ["None", "None"]
