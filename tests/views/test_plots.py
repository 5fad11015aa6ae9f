"""Figures: drawn from every kind of file, deterministic, and refused with a message."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats
from views import analyses, fake

import orderparams as op
from orderparams.errors import ConfigurationError, FileError
from orderparams.results.evidence import Evidence, Panel
from orderparams.views.plots import (
    SETTINGS,
    line_style,
    plot_courses,
    plot_evidence,
    plot_file,
    plot_files,
    save_figure,
    sources,
)
from orderparams.views.plots.deviations import VERDICTS
from orderparams.views.plots.request import Request

QUICK = ["training.duration=2", "output.points=5", "expectation.tolerance=1e-5"]


@pytest.fixture(scope="module")
def run_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("plots") / "run.h5"
    op.solve(op.load("two-stage", QUICK)).save(path)
    return path


def test_a_trajectory_has_a_panel_a_direction_and_a_line_a_head(run_file):
    trajectory = op.open(run_file)
    panels = plot_file(run_file).axes
    overlaps = [axes for axes in panels if axes.get_title().startswith("direction")]
    (risk,) = [axes for axes in panels if axes.get_ylabel() == "risk E"]
    assert [axes.get_title() for axes in overlaps] == [f"direction {f}" for f in (1, 2, 3)]
    for f, axes in enumerate(overlaps):
        lines = {line.get_label(): line.get_ydata() for line in axes.lines}
        np.testing.assert_array_equal(lines["head 4"], trajectory.overlap[:, 3, f])
    lines = {line.get_label(): line.get_ydata() for line in risk.lines}
    np.testing.assert_array_equal(lines["risk"], trajectory.risk)
    assert all(axes.get_xlabel().startswith("time") for axes in (*overlaps, risk))


def test_narrow_panels_have_no_more_times_than_fit_and_far_bounds_no_decades():
    run = op.solve("erf-sphere", settings=["training.rule='gradient-flow'", "output.points=5"])
    figure = run.plot()
    figure.canvas.draw()
    for axes in figure.axes:
        boxes = [text.get_window_extent() for text in axes.get_xticklabels() if text.get_text()]
        assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes)), axes.get_title()
    (risk,) = [axes for axes in figure.axes if axes.get_ylabel() == "risk E"]
    assert run.risk.min() > 1e6 * run.references["projection_bound"]
    assert risk.get_yscale() == "linear"


def test_a_title_is_text_not_a_formula(run):
    title = "a $5 \\frac{$"
    assert (
        run("solve", "single-head", "-s", "training.duration=1", "-s", f"title='{title}'")[0] == 0
    )
    figure = plot_file(Path("single-head.h5"))
    figure.canvas.draw()
    assert figure.get_suptitle().split("\n")[0] == title


def line(axes, label):
    """The line of a panel with this label."""
    (found,) = (one for one in axes.lines if one.get_label() == label)
    return found


def same(one, other):
    """Whether two courses are equal."""
    return np.shape(one) == np.shape(other) and np.allclose(one, other, rtol=1e-12)


@pytest.fixture(scope="module")
def small():
    """A simulation and a validation of one head."""
    problem = op.load("single-head", [*QUICK, "simulation.dimension=100"])
    return op.simulate(problem), op.validate(problem, start="mean")


def test_a_simulation_shows_its_replicas_their_range_and_mean_and_the_bayes_risk(small):
    run, validation = small
    overlap, risk = plot_courses(run).axes
    for axes, values in ((overlap, run.overlap[..., 0, 0]), (risk, run.risk)):
        thin = [one for one in axes.lines if one.get_linewidth() < 0.8 and one.get_alpha()]
        for replica, course in enumerate(values):
            assert any(np.array_equal(one.get_ydata(), course) for one in thin), replica
        assert any(same(one.get_ydata(), values.mean(0)) for one in axes.lines)
        (band,) = axes.collections
        assert band.get_datalim(axes.transData).y0 == pytest.approx(values.min())
    assert line(risk, "Bayes risk").get_ydata()[0] == pytest.approx(
        validation.theory[100][0].bayes_risk
    )
    names = [text.get_text() for text in figure_names(plot_courses(run))]
    assert {"head 1", "mean of replicas", "8 replicas, range"} <= set(names)
    assert "theory" not in names


def figure_names(figure):
    """The texts of the legend below the panels."""
    (legend,) = figure.legends
    return legend.get_texts()


def test_a_validation_shows_the_theory_over_the_mean_and_both_are_seen(small):
    _, run = small
    overlap, risk, _ = plot_courses(run).axes
    theory = run.theory[100][0]
    replicas = run.simulations[100]
    for axes, values, course in (
        (overlap, replicas.overlap[..., 0, 0], theory.overlap[:, 0, 0]),
        (risk, replicas.risk, theory.risk),
    ):
        (mean,) = (one for one in axes.lines if same(one.get_ydata(), values.mean(0)))
        (over,) = (one for one in axes.lines if same(one.get_ydata(), course))
        assert over.get_linestyle() != "-"
        assert mean.get_linestyle() == "-"
        assert mean.get_linewidth() > 2 * over.get_linewidth()
    assert "theory" in [text.get_text() for text in figure_names(plot_courses(run))]


def test_a_validation_has_a_panel_of_standardised_deviations_and_the_verdict(small):
    _, run = small
    *_, deviations = plot_courses(run).axes
    assert deviations.get_title() == VERDICTS[run.verdict]
    drawn = [one.get_ydata() for one in deviations.lines]
    for name, entries in (("overlap", [(0, 0)]), ("self_overlap", [(0, 0)])):
        for index in entries:
            z = run.comparison.z_score[name][(slice(None), *index)]
            assert any(np.array_equal(one, z) for one in drawn)
    (limit,) = (one for one in deviations.lines if "threshold" in one.get_label())
    comparison = run.comparison
    chance = 2 * stats.t.sf(limit.get_ydata()[0], comparison.degrees)
    assert chance * comparison.judged == pytest.approx(comparison.false_alarm)


def test_the_mean_of_replicas_covers_none_of_them():
    """It is thin and darker, and dashed as in the legend: no solid replicas fill its gaps."""
    settings = {**SHORT, "simulation.dimension": 50, "attention.heads": 2}
    run = op.simulate("single-head", settings=settings)
    overlap, *_ = plot_courses(run).axes
    mean = line(overlap, "head 2")
    replicas = [one for one in overlap.lines if one.get_alpha()]
    assert mean.get_linewidth() < matplotlib.rcParams["lines.linewidth"]
    assert mean.get_color() not in [one.get_color() for one in replicas]
    assert len({one.get_linestyle() for one in replicas}) == 2


def test_colours_of_deviations_mean_nothing_else_and_the_verdict_stands_once(small):
    _, run = small
    figure = plot_courses(run)
    overlap, _, deviations = figure.axes
    z = [one.get_color() for one in deviations.lines if one.get_label().startswith("z of")]
    assert len(z) == 2
    assert line(overlap, "head 1").get_color() not in z
    assert VERDICTS[run.verdict] not in figure.get_suptitle().replace("\n", " ")
    alone = plot_courses(run, request=Request(quantity=("z_score",)))
    assert "theory" not in [text.get_text() for text in figure_names(alone)]
    without = plot_courses(run, request=Request(quantity=("overlap",)))
    assert VERDICTS[run.verdict] in without.get_suptitle().replace("\n", " ")


SHORT = {"training.duration": 2, "output.points": 5, "expectation.tolerance": 1e-5}
LEARNED = {"attention.bias": "learned", "attention.head_weights": "learned"}


def test_what_is_learned_has_panels_in_a_row_of_its_own(run_file):
    """Biases, head weights and with them the lengths of heads, which a run without has not."""
    settings = SHORT | LEARNED
    trajectory = op.solve("softmax-1", settings=settings)
    panels = {axes.get_title(): axes for axes in plot_courses(trajectory).axes}
    for title, symbol, values in (
        ("self-overlap", "q", np.einsum("thh->th", trajectory.self_overlap)),
        ("bias", "β", trajectory.bias),
        ("head weight", "u", trajectory.head_weight),
    ):
        assert panels[title].get_ylabel() == symbol
        np.testing.assert_array_equal(drawn(panels[title])["head 2"], values[:, 1])
    plain = {axes.get_title() for axes in plot_file(run_file).axes}
    assert panels.keys() - plain == {"self-overlap", "bias", "head weight"}


def test_what_is_learned_is_drawn_of_replicas_as_well():
    settings = SHORT | LEARNED
    problem = op.load("softmax-1", settings=settings | {"simulation.dimension": 50})
    run = op.simulate(problem)
    panels = {axes.get_title(): axes for axes in plot_courses(run).axes}
    np.testing.assert_allclose(line(panels["bias"], "head 1").get_ydata(), run.bias[..., 0].mean(0))
    assert len(panels["head weight"].collections) == problem.attention.heads


def test_any_model_is_drawn_by_its_table(monkeypatch):
    fake.install(monkeypatch)
    event = SimpleNamespace(
        direction=SimpleNamespace(basis=np.array([[0.0], [1.0]])), learner=2, half_time=2.5
    )
    monkeypatch.setattr(
        sources, "stages_of", lambda _: SimpleNamespace(events=[event], plateaus=[])
    )
    run = fake.run()
    figure = plot_courses(run)
    panels = {axes.get_title(): axes for axes in figure.axes}
    titles = {"teacher 1", "teacher 2", "length", "gain", "offset", "scale", "alignment at the end"}
    assert panels.keys() >= titles
    for number in (1, 2):
        lines = drawn(panels[f"teacher {number}"])
        np.testing.assert_array_equal(lines["student 3"], run["alignment"][:, 2, number - 1])
    (mark,) = (line for line in panels["teacher 2"].lines if line.get_marker() == "^")
    assert mark.get_xdata() == [2.5]
    assert mark.get_ydata() == pytest.approx([3.5 * 3.2])
    np.testing.assert_array_equal(drawn(panels["length"])["student 2"], run["gram"][:, 1, 1])
    np.testing.assert_array_equal(panels["offset"].lines[1].get_ydata(), run["offset"])
    named = {text.get_text() for text in figure_names(figure)}
    assert named >= {"student 1", "student 2", "student 3", "teacher 1", "teacher 2"}
    assert panels["gain"].get_ylabel() == "γ"
    assert panels["teacher 1"].get_xlabel() == "time t = η steps / D"
    matrix = panels["alignment at the end"]
    assert (matrix.get_xlabel(), matrix.get_ylabel()) == ("teacher", "student")
    assert any("noise floor" in drawn(axes) for axes in figure.axes)


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_figures_are_deterministic(run_file, tmp_path, suffix):
    for name in ("a", "b"):
        with matplotlib.rc_context(SETTINGS):
            save_figure(plot_file(run_file), tmp_path / (name + suffix))
    assert (tmp_path / ("a" + suffix)).read_bytes() == (tmp_path / ("b" + suffix)).read_bytes()


@pytest.mark.parametrize("engine", ["autolayout", "constrained_layout.use"])
def test_a_figure_is_laid_out_and_drawn_once_each(run_file, tmp_path, monkeypatch, engine):
    """Also where a style sheet asks for a layout."""
    draw, drawn = Figure.draw, []
    monkeypatch.setattr(Figure, "draw", lambda *of: drawn.append(of) or draw(*of))
    with matplotlib.rc_context(SETTINGS | {f"figure.{engine}": True}):
        save_figure(plot_file(run_file), tmp_path / "a.png")
    assert len(drawn) == 2


def test_heads_can_be_told_apart():
    styles = [(line_style(h)["color"], line_style(h)["linestyle"]) for h in range(32)]
    assert len(set(styles)) == 32


def test_refusals(run_file, tmp_path):
    with pytest.raises(ConfigurationError, match=r"\.png, \.pdf or \.svg"):
        save_figure(plot_file(run_file), tmp_path / "a.gif")
    with pytest.raises(FileError, match="does not exist"):
        plot_file(tmp_path / "none.h5")


def test_stages_plateaus_and_final_overlaps_are_drawn(tmp_path):
    """A trajectory with a planted stage: head 1 turns to direction 2 at t = 50."""
    time = np.linspace(0.0, 100.0, 201)
    turn = 1 / (1 + np.exp(-(time - 50) / 2))
    overlap = np.zeros((201, 4, 3))
    overlap[:, :, 0] = 1.5
    overlap[:, 0, 1] = 1.6 * turn
    q = np.einsum("thf,tgf->thg", overlap, overlap)
    state = {"overlap": overlap, "self_overlap": q}
    known = {"bayes_risk": 0.3}
    run = op.Trajectory(op.load("two-stage"), time, state, 1.0 - 0.5 * turn, known)
    run.save(tmp_path / "run.h5")
    _, second, _, risk, matrix, *_ = plot_file(tmp_path / "run.h5").axes
    marks = [line for line in second.lines if line.get_marker() == "^"]
    assert [mark.get_xdata()[0] for mark in marks] == pytest.approx([50.0], abs=0.5)
    assert [mark.get_ydata()[0] for mark in marks] == pytest.approx([0.8], abs=0.1)
    (before, after) = [line.get_ydata()[0] for line in risk.lines if line.get_linewidth() == 5]
    assert (before, after) == pytest.approx((1.0, 0.5), abs=0.01)
    np.testing.assert_array_equal(matrix.images[0].get_array(), overlap[-1])


def test_what_a_story_tells_is_in_its_figure():
    """Events and plateaus of a lone head, the target that tied values turn to, and what dormant
    heads leave to nothing, if there are such heads."""
    (overlap, risk) = op.solve("single-head", settings={"output.points": 101}).plot().axes
    assert any(line.get_marker() == "^" for line in overlap.lines)
    assert "plateaus" in {line.get_label() for line in risk.lines}

    def titles(run):
        return {axes.get_title() for axes in run.plot().axes}

    short = {"training.duration": 1, "output.points": 3}
    tied = titles(op.solve("tied-values", settings=short))
    assert {"self-overlap", "key-target overlap"} <= tied
    run = op.solve("dormant", settings=short)
    assert "mass on nothing" not in titles(run)
    run.observables["nothing"][-1, 2] = 0.9995
    assert "mass on nothing" in titles(run)


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
    evidence.save(tmp_path / "C0.h5")
    with matplotlib.rc_context(SETTINGS):
        save_figure(plot_evidence(evidence), tmp_path / "a.svg")
        save_figure(plot_file(tmp_path / "C0.h5"), tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    axes = plot_evidence(evidence).axes[-1]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("mode", "growth rate −λ")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["between heads", "all heads"]
    assert [line.get_linestyle() for line in axes.lines][:2] == ["None", "None"]


def drawn(axes):
    """The lines of a panel by their labels."""
    return {line.get_label(): line.get_ydata() for line in axes.lines}


def test_a_file_without_a_scan_has_nothing_to_choose(run_file):
    with pytest.raises(
        ConfigurationError, match=r"'at' changes nothing in the figure time .* it is for scan"
    ):
        plot_files([run_file], at={"heads": "2"})


def test_more_heads_than_colours_are_named_in_groups_of_copies():
    """Twelve heads that end in three places on different ways."""
    time = np.linspace(0.0, 100.0, 41)
    ends = np.repeat([[2.0, 0.0], [0.0, 2.0], [0.0, -2.0]], [5, 4, 3], axis=0)
    pace = np.linspace(4.0, 8.0, 12)
    overlap = np.tanh(time[:, None] / pace)[..., None] * ends
    state = {"overlap": overlap, "self_overlap": np.einsum("thf,tgf->thg", overlap, overlap)}
    signal = {"kind": "spikes", "strengths": [4.0, 1.0]}
    problem = op.load({"task": {"signal": signal}, "attention": {"heads": 12}})
    figure = plot_courses(op.Trajectory(problem, time, state, np.exp(-time)))
    named = [text.get_text() for text in figure_names(figure)]
    assert named[:3] == ["heads 1–5, copies", "heads 6–9, copies", "heads 10–12, copies"]
    (matrix,) = (axes for axes in figure.axes if axes.images)
    assert len(matrix.get_yticks()) == 6
    assert not matrix.texts
    lines = [one for one in figure.axes[0].lines if len(one.get_ydata()) == 41]
    colours = [one.get_color() for one in lines]
    assert [len(set(colours[a:b])) for a, b in ((0, 5), (5, 9), (9, 12), (0, 12))] == [1, 1, 1, 3]


def test_saddles_of_an_analysis_are_marked_at_their_risks():
    """With values the chapter on points at rest has them, else the points that the run passes."""

    def marks(result):
        lines = [line for axes in result.plot().axes for line in axes.lines]
        return [line.get_ydata() for line in lines if line.get_label() == "saddles"]

    valued = op.analyze("learned-values")
    assert marks(valued)[0] == pytest.approx([0.860135], abs=1e-6)
    students = analyses.students()
    passed = [rest.point.risk for rest in (students.unspecialized, *students.rests) if rest.passed]
    assert marks(students)[0] == pytest.approx(passed, abs=1e-12)
    assert marks(valued.trajectory) == marks(students.trajectory) == []
