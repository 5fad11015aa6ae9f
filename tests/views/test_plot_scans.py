"""Scans: what is drawn over what, the names of lines, and what cannot be drawn."""

import dataclasses

import matplotlib
import numpy as np
import pytest
from click.testing import CliRunner
from views import fake

import orderparams as op
from orderparams.cli.main import orderparams
from orderparams.config import to_toml
from orderparams.config.words import symbols
from orderparams.errors import ConfigurationError, FileError
from orderparams.models.in_context.parameters import KEY_QUERY, OUTPUT
from orderparams.results.comparison import FALSE_ALARM
from orderparams.views.plots import SETTINGS, plot_file, plot_scan, save_figure
from orderparams.views.plots.naming import assigned, in_words
from orderparams.views.plots.quantities import final, ranks
from orderparams.views.plots.request import Request

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
    assert second.get_ylabel() == "alignment R"
    assert [line.get_ydata()[0] for line in second.lines] == pytest.approx([3.2, 2.2, 1.2])
    gain = panels["final gain"]
    assert gain.get_ylabel() == "gain γ"
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


def test_a_label_fits_beside_its_panel():
    """Where words are long the title has them."""
    long, short = (final(parameter, np.zeros((1, 1, 2, 1)))[0] for parameter in (KEY_QUERY, OUTPUT))
    assert (long.label, long.title) == ("ω", "final key-query strength, block 1")
    assert short.label == "output μ"


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


def test_the_command_fixes_and_chooses(tmp_path):
    scan("attention.activation", "task.length", "task.noise").save(tmp_path / "scan.h5")
    command = ["plot", str(tmp_path / "scan.h5"), "-o", str(tmp_path / "a.png")]
    choice = ["--at", "attention.activation=softmax", "--over", "length"]
    assert CliRunner().invoke(orderparams, [*command, *choice]).exit_code == 0
    assert (tmp_path / "a.png").stat().st_size > 1000
    wrong = CliRunner().invoke(orderparams, [*command, "--force", "--at", "softmax"])
    assert wrong.exit_code == 2
    assert "'softmax' is not KEY=VALUE" in wrong.output


def test_heads_are_told_apart_by_their_rank():
    """In colour of a single line, else in dashes and filling; and they are named."""
    one = plot_scan(scan("task.noise"))
    panel = one.axes[1]
    lines = {line.get_label(): line for line in panel.lines}
    assert list(lines) == ["largest head", "2nd head"]
    assert len({line.get_color() for line in lines.values()}) == 2
    assert "2nd head" in [text.get_text() for text in one.legends[0].get_texts()]
    several = plot_scan(scan("attention.activation", "task.noise")).axes[1]
    largest, second = several.lines[:2]
    assert largest.get_color() == second.get_color()
    assert largest.get_linestyle() != second.get_linestyle()
    assert largest.get_fillstyle() != second.get_fillstyle()
    assert {"largest head", "2nd head"} <= drawn(several).keys()


def test_many_heads_are_named_once_and_no_name_is_missing():
    assert ranks(2, "head") == ("largest head", "2nd head")
    many = ranks(30, "student")
    assert len(many) == 30
    assert list(dict.fromkeys(many))[-2:] == ["7th student", "other students"]


def test_words_stand_at_their_axis_and_no_points_are_the_same():
    panel = plot_scan(scan("attention.activation")).axes[1]
    assert panel.get_xlabel() == "activation"
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["softmax", "softmax-1"]
    points = [(x, y) for line in panel.lines for x, y in zip(*line.get_data(), strict=True)]
    assert len({x for x, _ in points}) == len(points) == 4, "beside each other"
    assert len({line.get_marker() for line in panel.lines}) == 2


def test_the_range_over_seeds_is_a_bar_at_a_word_and_named():
    figure = plot_scan(scan("attention.activation", "initial.seed"))
    bars = figure.axes[0].collections[0].get_segments()
    assert [sorted(bar[:, 1]) for bar in bars] == [[0.0, 200.0], [1000.0, 1200.0]]
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "range of 3 seeds, with the median" in named


def test_seeds_alone_are_points_with_their_median_and_range():
    figure = plot_scan(scan("initial.seed"))
    risk = figure.axes[0]
    assert risk.lines[0].get_linestyle() == "None"
    assert any(set(one.get_ydata()) == {1000.0} for one in risk.lines)
    assert {"median of 3 seeds", "range"} <= {t.get_text() for t in figure.legends[0].get_texts()}


def test_a_marker_means_a_line_in_every_panel():
    figure = plot_scan(scan("attention.activation", "task.noise"))
    for axes in figure.axes:
        for number, name in enumerate(("softmax", "softmax-1")):
            own = figure.axes[0].lines[number]
            same = [one for one in axes.lines if one.get_color() == own.get_color()]
            curves = [one for one in same if one.get_marker() not in ("None", "", "x")]
            assert {one.get_marker() for one in curves} == {own.get_marker()}, (name, axes)
    assert "each panel" in figure.legends[0].get_title().get_text()


@pytest.mark.parametrize(
    ("action", "title"),
    [("optimum", "overlap at the optimum"), ("evaluate", "overlap at the start")],
)
def test_what_was_not_trained_is_not_said_to_be(action, title):
    given = dataclasses.replace(scan("task.noise"), action=action)
    given.arrays["bias"] = np.zeros((4, 2))
    figure = plot_scan(given)
    assert "gradient flow" not in figure.get_suptitle()
    assert figure.axes[1].get_title() == f"{title}, direction 1"
    assert not any("bias" in axes.get_title() for axes in figure.axes), "it is not learned"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("task.signal.strengths[0]", "strength ν₁"),
        ("task.signal.strengths", "strengths ν"),
        ("attention.head_weights[1]", "head weight 2"),
        ("initial.overlap[0][2]", "overlap 1 3"),
        ("task.signal.kind", "signal kind"),
        ("initial.seed", "initial seed"),
        ("training.learning_rate", "learning rate γ"),
    ],
)
def test_keys_are_told_in_words(key, words):
    assert in_words(key, symbols(op.load("two-stage"))) == words


def test_what_is_no_word_has_its_name():
    assert assigned("activation", "softmax-1") == "softmax-1"
    assert assigned("strengths ν", "[4, 1]") == "strengths ν = [4, 1]"
    assert assigned("length L", np.int64(8)) == "length L = 8"
    assert assigned("warm start", "true") == "warm start = true"


def test_p_values_have_the_line_of_the_false_alarm(result_paths):
    figure = plot_file(result_paths["validate"])
    (panel,) = (axes for axes in figure.axes if axes.get_ylabel() == "p-value")
    assert set(drawn(panel)["false alarm, 1 %"]) == {FALSE_ALARM}
    names = [text.get_text() for text in panel.get_legend().get_texts()]
    assert {"order parameters", "loss", "false alarm, 1 %"} <= set(names)


def test_lines_that_coincide_are_both_seen():
    """Equal values of two lines: the later is narrower, its markers are smaller, and the reference
    lies over both in a colour of its own."""
    given = scan("attention.activation", "task.noise")
    given["risk"][1] = given["risk"][0]
    given["bayes_risk"][:] = given["risk"]
    below, over, reference = plot_scan(given).axes[0].lines[:3]
    np.testing.assert_array_equal(below.get_ydata(), over.get_ydata())
    assert below.get_linewidth() > over.get_linewidth() > reference.get_linewidth()
    assert below.get_markersize() > over.get_markersize()
    assert reference.get_color() not in (below.get_color(), over.get_color())


def test_lines_of_one_curve_differ_in_dashes_where_no_panel_has_several():
    given = scan("attention.activation", "task.noise")
    alone = dataclasses.replace(
        given, arrays={**given.arrays, "overlap": given["overlap"][..., :1, :]}
    )
    for one, several in ((given, True), (alone, False)):
        figure = plot_scan(one, request=Request(quantity=("risk", "overlap")))
        dashes = {line.get_linestyle() for line in figure.axes[0].lines[:2]}
        assert (len(dashes) == 1) is several


def test_the_excess_of_replicas_is_above_the_risk_of_their_own_point():
    """Two seeds of three replicas: the reference is that of the seed."""
    given = scan("task.noise", "initial.seed")
    risk = given["risk"][..., None] + np.array([0.0, 0.5, 1.0])
    arrays = {**given.arrays, "replica_risk": risk}
    figure = plot_scan(
        dataclasses.replace(given, arrays=arrays), request=Request(quantity=("risk",), excess=True)
    )
    line = next(line for line in figure.axes[0].lines if len(line.get_ydata()) == 4)
    np.testing.assert_allclose(line.get_ydata(), 1.5)


def test_what_is_kept_is_drawn_as_a_constant_and_far_bounds_no_decades():
    """A length on a sphere, which moves by errors of the integrator; the bound 1e-10."""
    few = {"training.rule": "gradient-flow", "output.points": 2}
    scan = op.scan("erf-sphere", {"training.duration": [0.02, 0.2]}, settings=few)
    panels = {axes.get_title(): axes for axes in scan.plot().axes}
    assert panels["final self-overlap"].get_ylim() == pytest.approx((0.02, 0.06), abs=1e-6)
    assert panels["final overlap, direction 1"].get_ylim()[1] < 0.16
    assert panels["risk"].get_yscale() == "linear"
