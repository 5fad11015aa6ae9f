"""Figures: drawn from every kind of file, deterministic, and refused with a message."""

from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from click.testing import CliRunner
from views import fake

import orderparams as op
from orderparams.cli.main import orderparams
from orderparams.config import to_toml
from orderparams.errors import ConfigurationError, FileError
from orderparams.results.evidence import Evidence, Panel
from orderparams.views.plots import (
    SETTINGS,
    courses,
    line_style,
    plot_courses,
    plot_evidence,
    plot_file,
    plot_scan,
    save_figure,
)

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


def test_a_title_is_text_not_a_formula(run):
    title = "a $5 \\frac{$"
    assert (
        run("solve", "single-head", "-s", "training.duration=1", "-s", f"title='{title}'")[0] == 0
    )
    figure = plot_file(Path("single-head.h5"))
    figure.canvas.draw()
    assert figure.get_suptitle().split("\n")[0] == title


def test_a_simulation_is_drawn_as_bands_and_a_validation_with_the_theory_through_them(tmp_path):
    problem = op.load("single-head", [*QUICK, "simulation.dimension=100"])
    runs = {"simulation": op.simulate(problem), "validation": op.validate(problem, start="mean")}
    for name, run in runs.items():
        run.save(tmp_path / f"{name}.h5")
        overlap, risk = plot_file(tmp_path / f"{name}.h5").axes
        assert len(overlap.collections) == len(risk.collections) == 1  # the bands
        labels = {line.get_label() for line in (*overlap.lines, *risk.lines)}
        assert ({"head 1", "risk", "Bayes risk"} <= labels) == (name == "validation")


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
    np.testing.assert_array_equal(panels["bias"].lines[1].get_ydata(), np.median(run.bias, 0)[:, 0])
    assert len(panels["head weight"].collections) == problem.attention.heads


def test_any_model_is_drawn_by_its_table(monkeypatch):
    fake.install(monkeypatch)
    event = SimpleNamespace(
        direction=SimpleNamespace(basis=np.array([[0.0], [1.0]])), learner=2, half_time=2.5
    )
    monkeypatch.setattr(
        courses, "stages_of", lambda _: SimpleNamespace(events=[event], plateaus=[])
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
    assert [text.get_text() for text in panels["scale"].get_legend().texts] == [
        "teacher 1",
        "teacher 2",
    ]
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


AXES = {
    "attention.activation": np.array(["softmax", "softmax-1"], dtype=object),
    "task.length": np.array([2, 8, 32]),
    "task.noise": np.array([0.0, 1.0, 2.0, 3.0]),
    "initial.seed": np.array([0, 1, 2]),
}


def scan(*keys, failed=()):
    """A scan whose risk tells where it stands: 1000 i + 100 j + … with indices along the axes."""
    axes = {key: AXES[key] for key in keys}
    names = {key: key.rsplit(".", 1)[-1] for key in keys}
    shape = tuple(map(len, axes.values()))
    risk = sum(index * 10.0 ** (3 - i) for i, index in enumerate(np.indices(shape)))
    status = np.full(shape, "finished", dtype=object)
    for index in failed:
        status[index], risk[index] = "failed", np.nan
    arrays = {"risk": risk, "bayes_risk": risk - 1, "status": status}
    arrays["overlap"] = risk[..., None, None] + np.array([[0.0, 0.1], [0.2, -0.3]])
    arrays["stage_time"] = risk[..., None] + np.array([1.0, 2.0])
    dimensions = {names[key]: values for key, values in axes.items()}
    keys = {name: key for key, name in names.items()}
    problem = op.load("two-stage")
    return op.Scan(problem, to_toml(problem), "solve", keys, dimensions, dimensions, arrays)


def drawn(axes):
    """The lines of a panel by their labels."""
    return {line.get_label(): line.get_ydata() for line in axes.lines}


def test_lines_over_a_number_and_a_colour_for_each_word():
    given = scan("attention.activation", "task.noise", failed=[(1, 2)])
    figure = plot_scan(given)
    risk, first, second, stages = figure.axes
    lines = drawn(risk)
    np.testing.assert_array_equal(lines["softmax"], given["risk"][0])
    np.testing.assert_array_equal(lines["softmax-1"], given["risk"][1])
    assert np.isnan(lines["softmax-1"][2]), "a failed point is a gap"
    (cross,) = [line for line in risk.lines if line.get_label() == "not finished"]
    assert cross.get_xdata() == [2.0]
    assert len({line.get_color() for line in risk.lines[:2]}) == 2
    np.testing.assert_array_equal(risk.lines[2].get_ydata(), given["risk"][0] - 1)
    assert (risk.get_xlabel(), risk.get_ylabel()) == ("noise Δ", "risk E")
    assert risk.get_xscale() == "linear"
    heads = [line.get_ydata()[0] for line in first.lines[:2]]
    assert heads == pytest.approx([0.2, 0.0]), "heads in the order of their overlaps"
    assert second.get_title() == "final overlap, direction 2"
    assert set(drawn(stages)) >= {"stage 1", "stage 2"}


def test_scans_draw_what_is_learned_by_any_model(monkeypatch):
    """Values of each point in order; of replicas the range; lengths beside what is learned."""
    fake.install(monkeypatch)
    rates = np.array([0.1, 0.2, 0.4])
    status = np.full(3, "finished", dtype=object)
    arrays = {"risk": rates, "floor": rates / 2, "status": status, **fake.state(3)}
    arrays |= {"replica_gain": np.array([[[1.0, 2.0], [3.0, 0.0]]] * 3)}
    keys = {"learning_rate": "training.learning_rate"}
    dimensions = {"learning_rate": rates}
    given = op.Scan(fake.problem(), "", "solve", keys, dimensions, dimensions, arrays)
    panels = {axes.get_title(): axes for axes in plot_scan(given).axes}
    assert "noise floor" in drawn(panels["risk"])
    assert panels["risk"].get_xlabel() == "learning rate η"
    second = panels["final alignment, teacher 2"]
    assert second.get_ylabel() == "alignment R of each student"
    assert [line.get_ydata()[0] for line in second.lines] == pytest.approx([3.2, 2.2, 1.2])
    gain = panels["final gain"]
    assert gain.get_ylabel() == "gain γ of each student"
    assert [line.get_ydata()[0] for line in gain.lines] == [2.5, 0.5]
    assert panels["final offset"].get_ylabel() == "offset b"
    assert panels["final length"].lines


def test_even_ratios_make_a_logarithmic_axis():
    risk, *_ = plot_scan(scan("task.length")).axes
    assert risk.get_xscale() == "log"
    assert [tick.get_text() for tick in risk.get_xticklabels()] == ["2", "8", "32"]


def test_maps_over_two_numbers():
    given = scan("task.noise", "task.length", failed=[(3, 1)])
    figure = plot_scan(given)
    panels = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    risk = panels["risk"]
    (image,) = risk.collections
    np.testing.assert_array_equal(image.get_array().filled(np.nan), given["risk"].T)
    assert np.ma.getmaskarray(image.get_array())[1, 3], "a failed point is a gap"
    assert (risk.get_xlabel(), risk.get_ylabel()) == ("noise Δ", "length L")
    assert (risk.get_xscale(), risk.get_yscale()) == ("linear", "log")
    edges = image.get_coordinates()
    np.testing.assert_allclose(edges[0, :, 0], [-0.5, 0.5, 1.5, 2.5, 3.5])
    np.testing.assert_allclose(edges[:, 0, 1], [1, 4, 16, 64])
    (cross,) = risk.lines
    assert (cross.get_xdata(), cross.get_ydata()) == ([3.0], [8])
    excess = panels["excess risk"].collections[0].get_array()
    np.testing.assert_allclose(excess.compressed(), 1.0)
    assert {"stage 1", "stage 2", "final overlap, direction 2"} <= panels.keys()


def test_numbers_are_drawn_in_their_order(monkeypatch):
    monkeypatch.setitem(AXES, "task.noise", np.array([2.0, 0.0, 3.0, 1.0]))
    given = scan("task.noise", "attention.activation")
    risk, *_ = plot_scan(given).axes
    np.testing.assert_array_equal(risk.lines[0].get_xdata(), [0, 1, 2, 3])
    np.testing.assert_array_equal(risk.lines[0].get_ydata(), given["risk"][[1, 3, 0, 2], 0])
    (image,) = plot_scan(given, over=["noise", "activation"]).axes[0].collections
    np.testing.assert_array_equal(image.get_array(), given["risk"][[1, 3, 0, 2]].T)


def test_where_no_point_finished_there_is_nothing_to_draw():
    given = scan("attention.activation", "task.noise", failed=[(1, i) for i in range(4)])
    with pytest.raises(FileError, match="no point of the scan has finished there"):
        plot_scan(given, {"activation": "softmax-1"})


def test_more_parameters_need_a_choice():
    given = scan("attention.activation", "task.length", "task.noise", "initial.seed")
    panels = {axes.get_title() for axes in plot_scan(given).axes}
    assert {"risk, softmax", "risk, softmax-1"} <= panels, "seeds are no axis"
    at = {"task.length": "8", "activation": "softmax"}
    risk, *_ = plot_scan(given, at).axes
    (median, *_) = risk.lines
    np.testing.assert_array_equal(median.get_ydata(), given["risk"][0, 1, :, 1])
    low, high = risk.collections[0].get_paths()[0].vertices[[1, -2], 1]
    assert (low, high) == (given["risk"][0, 1, 0, 0], given["risk"][0, 1, 0, 2])
    lines = drawn(plot_scan(given, {"activation": "softmax"}, ["noise"]).axes[0])
    np.testing.assert_array_equal(lines["length L = 32"], given["risk"][0, 2, :, 1])


def test_paired_values_are_scattered():
    values = {"noise": np.array([1.0, 0.5, 0.1]), "activation": np.array(["a", "b", "a"], object)}
    keys = {"noise": "task.noise", "activation": "attention.activation"}
    arrays = {"risk": np.array([1.0, 2.0, 3.0]), "status": np.array(["finished"] * 3, object)}
    points = {"point": np.arange(1, 4)}
    given = op.Scan(op.load("two-stage"), "", "solve", keys, points, values, arrays)
    first, second = plot_scan(given).axes[0].lines[:2]
    np.testing.assert_array_equal(first.get_xdata(), [0.1, 0.5, 1.0])
    np.testing.assert_array_equal(first.get_ydata(), [3.0, np.nan, 1.0])
    np.testing.assert_array_equal(second.get_ydata(), [np.nan, 2.0, np.nan])
    assert first.get_linestyle() == "None"


@pytest.mark.parametrize("name", ["solve", "random", "evaluate", "simulate", "validate"])
def test_scans_of_every_action_are_drawn_to_the_same_bytes(result_paths, tmp_path, name):
    for figure in ("a.svg", "b.svg"):
        with matplotlib.rc_context(SETTINGS):
            save_figure(plot_file(result_paths[name]), tmp_path / figure)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize(
    ("at", "over", "words"),
    [
        ({}, ["noise", "length", "activation"], "lines are drawn over one parameter and maps over"),
        ({"noise": "7"}, [], "noise = 7: no point of the scan has this value; it is 0, 1, 2"),
        ({"noise": "low"}, [], "noise = low: no point of the scan has this value"),
        ({"activation": "relu"}, [], "it is softmax, softmax-1"),
        ({"heads": "2"}, [], "heads is not varied in this scan; varied are attention.activation"),
        ({"noise": "1"}, ["noise"], "noise has a single value here"),
        ({"noise": "1", "length": "2", "activation": "softmax"}, [], "only one point is left"),
    ],
)
def test_choices_that_cannot_be_drawn(at, over, words):
    with pytest.raises(ConfigurationError, match=words):
        plot_scan(scan("attention.activation", "task.length", "task.noise"), at, over)


def test_a_file_without_a_scan_has_nothing_to_choose(run_file):
    with pytest.raises(ConfigurationError, match="values and axes are chosen of a scan"):
        plot_file(run_file, {"heads": "2"})


def test_the_command_fixes_and_chooses(tmp_path):
    scan("attention.activation", "task.length", "task.noise").save(tmp_path / "scan.h5")
    command = ["plot", str(tmp_path / "scan.h5"), "-o", str(tmp_path / "a.png")]
    choice = ["--at", "attention.activation=softmax", "--over", "length"]
    assert CliRunner().invoke(orderparams, [*command, *choice]).exit_code == 0
    assert (tmp_path / "a.png").stat().st_size > 1000
    wrong = CliRunner().invoke(orderparams, [*command, "--force", "--at", "softmax"])
    assert wrong.exit_code == 2
    assert "'softmax' is not KEY=VALUE" in wrong.output
