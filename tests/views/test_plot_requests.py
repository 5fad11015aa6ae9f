"""What a figure can be asked for: several results, axes, quantities, sizes, looks."""

import dataclasses
import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

import orderparams as op
from orderparams.cli.plot import THEMES as OFFERED
from orderparams.cli.plot import plot
from orderparams.errors import ConfigurationError, FileError
from orderparams.views.plots import drawing, plot_results
from orderparams.views.plots.figures import KINDS
from orderparams.views.plots.request import Request
from orderparams.views.plots.sources import labels_of
from orderparams.views.plots.themes import THEMES

SETTINGS = {
    "training.duration": 2,
    "output.points": 5,
    "expectation": {"engine": "sampling", "samples": 64},
    "simulation": {"dimension": 30, "replicas": 3},
}


@pytest.fixture(scope="module")
def runs():
    """Runs by their lengths L."""
    return {n: op.solve("single-head", settings={**SETTINGS, "task.length": n}) for n in (3, 5)}


@pytest.fixture(scope="module")
def simulation():
    return op.simulate("single-head", settings=SETTINGS)


@pytest.fixture(scope="module")
def committee():
    return op.solve("saad-solla", settings={"training.duration": 2, "output.points": 5})


def panel(figure, label):
    """The panel with this at its axis."""
    (axes,) = (one for one in figure.axes if one.get_ylabel() == label)
    return axes


def names(figure):
    """What stands in the legend."""
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_runs_are_compared_by_what_differs_in_their_configurations(runs):
    figure = plot_results([*runs.values()])
    overlap, risk = figure.axes
    for axes, values in ((overlap, lambda run: run.overlap[:, 0, 0]), (risk, lambda run: run.risk)):
        lines = {line.get_label(): line for line in axes.lines}
        for length, run in runs.items():
            np.testing.assert_array_equal(lines[f"length L = {length}"].get_ydata(), values(run))
        assert (
            len({line.get_color() for line in axes.lines if line.get_label() in names(figure)}) >= 2
        )
    assert {"length L = 3", "length L = 5"} <= set(names(figure))
    assert "L = " not in figure.get_suptitle()


def test_names_of_files_are_labels_where_configurations_do_not_tell(runs):
    run = runs[3]
    changes = {"training.weight_decay": 0.1, "task.length": 9, "initial.seed": 3}
    other = op.load("single-head", settings={**SETTINGS, **changes, "attention.heads": 2})
    assert labels_of([run, dataclasses.replace(run, problem=other)], ["a", "b"]) == ["a", "b"]
    assert labels_of([run, run], ["a", "b"]) == ["a", "b"]
    softmax = [
        dataclasses.replace(
            run, problem=op.load("single-head", settings={"attention.activation": word})
        )
        for word in ("softmax", "softmax-1")
    ]
    assert labels_of(softmax) == ["softmax", "softmax-1"], "defaults that follow are not told"
    seeds = [
        dataclasses.replace(
            run, problem=op.load("single-head", settings={"expectation.seed": seed})
        )
        for seed in (0, 1)
    ]
    assert labels_of(seeds) == ["expectation seed = 0", "expectation seed = 1"]


def test_a_run_that_is_given_twice_has_two_names(runs):
    assert labels_of([runs[3]] * 2, ["a", "a"]) == ["a, no. 1", "a, no. 2"]
    assert len([name for name in names(plot_results([runs[3]] * 2)) if "result" in name]) == 2


def test_risks_to_compare_with_are_told_apart_as_their_runs_are(runs):
    strong = op.solve("single-head", settings={**SETTINGS, "task.signal.strengths": [9.0]})
    figure = plot_results([runs[3], strong])
    risk = panel(figure, "risk E")
    dashed = [one for one in risk.lines if str(one.get_label()).startswith("Bayes risk")]
    assert [one.get_ydata()[0] for one in dashed] == [runs[3].bayes_risk, strong.bayes_risk]
    assert len({one.get_label() for one in dashed} & set(names(figure))) == 2
    risk = panel(plot_results([runs[3]] * 2), "risk E")
    (dashed,) = (one for one in risk.lines if one.get_label() == "Bayes risk")
    assert dashed.get_color() not in [one.get_color() for one in risk.lines if one is not dashed]


def test_a_heading_says_what_differs_where_the_names_do_not(committee):
    settings = {"training.duration": 2, "output.points": 5}
    other = op.solve("overparameterized", settings=settings)
    heading = plot_results([committee, other]).get_suptitle()
    assert "network: erf" in heading
    assert "different: noise σ 0, 0.1; students K 2, 3" in heading


def test_a_simulation_and_its_theory_lie_over_each_other(runs, simulation):
    for results in ([runs[3], simulation], [simulation, runs[3]]):
        figure = plot_results(results)
        risk = panel(figure, "risk E")
        drawn = [line.get_ydata() for line in risk.lines if len(line.get_ydata()) == 5]
        for values in (simulation.risk.mean(0), runs[3].risk):
            assert any(np.allclose(values, line, rtol=1e-12) for line in drawn)
        assert {"theory", "mean of replicas"} <= set(names(figure))


def test_what_does_not_go_together_is_told(runs, simulation, committee, result_paths):
    scan, validation = (op.open(result_paths[name]) for name in ("solve", "validation"))
    for results, words in (
        ([runs[3], committee], "b is of the model committee, and a of single-location"),
        ([runs[3], scan], r"b is no result for the figure time .* draw it by itself"),
        ([scan, scan], r"the figure scan .* shows one result, and these are 2"),
        ([validation, runs[3]], "a is a validation, which compares theory and simulation itself"),
        ([], "no result was given"),
        (["run.h5"], 'expected a result, as solve or open give it, got "run.h5"'),
    ):
        with pytest.raises(ConfigurationError, match=words):
            plot_results(results, labels="ab"[: len(results)])


def test_logarithmic_axes(runs, committee):
    for run in (runs[3], committee):
        figure = plot_results(run, log="both")
        time = [axes for axes in figure.axes if axes.get_xlabel().startswith("time")]
        assert all(axes.get_xscale() == axes.get_yscale() == "log" for axes in time)
        assert time[0].get_xlim()[0] == pytest.approx(run.time[1])
        assert "symlog" not in {axes.get_yscale() for axes in plot_results(run, log="x").axes}
        (first, *_) = time
        drawn = [line.get_ydata() for line in first.lines]
        assert any(
            np.array_equal(values, np.abs(run.parameters[first_name(run)][1:, 0, 0]))
            for values in drawn
        )


def first_name(run):
    """The order parameter with two axes."""
    return next(one.name for one in run.order_parameters if one.crossed)


def test_excess_is_the_risk_above_the_one_to_compare_with(runs):
    axes = panel(plot_results([*runs.values()], excess=True), "E − Bayes risk")
    assert axes.get_yscale() == "log"
    drawn = [line.get_ydata() for line in axes.lines]
    for run in runs.values():
        assert any(np.array_equal(values, run.risk - run.bayes_risk) for values in drawn)


def test_a_panel_without_a_risk_says_why(runs):
    unknown = dataclasses.replace(runs[3], risk=np.full(5, np.nan))
    below = dataclasses.replace(runs[3], risk=np.full(5, 0.1))
    for run, excess, why in (
        (unknown, False, "not known"),
        (unknown, True, "not known"),
        (below, True, "never above the one to compare with"),
    ):
        (axes,) = plot_results(run, quantity="risk", excess=excess).axes
        assert [text.get_text() for text in axes.texts] == [why]


def test_there_is_no_excess_where_there_is_nothing_to_compare_with(runs):
    unknown = dataclasses.replace(runs[3], references={})
    with pytest.raises(ConfigurationError, match="no excess risk: a risk to compare with is not"):
        plot_results(unknown, excess=True)


def test_the_excess_of_the_committee_is_above_zero_with_label_noise_too(committee):
    settings = {"training.duration": 2, "output.points": 5, "task.noise": 0.3}
    noisy = op.solve("saad-solla", settings=settings)
    assert noisy.risk[0] == committee.risk[0]  # the noise of labels is no part of the risk
    for run in (committee, noisy):
        (axes,) = plot_results(run, quantity="risk", excess=True).axes
        assert (axes.get_ylabel(), axes.get_yscale()) == ("E − zero", "log")
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), run.risk)


def test_quantities_are_chosen_by_name(runs, simulation, committee):
    risk = plot_results(runs[3], quantity="risk")
    assert [axes.get_ylabel() for axes in risk.axes] == ["risk E"]
    both = plot_results(runs[3], quantity=["self_overlap", "overlap"])
    assert [axes.get_ylabel() for axes in both.axes] == ["overlap m", "q"]
    loss = panel(plot_results(simulation, quantity="loss"), "measured loss")
    assert any(
        np.array_equal(line.get_ydata(), simulation.loss[1], equal_nan=True) for line in loss.lines
    )
    assert {axes.get_title() for axes in plot_results(committee, quantity="overlap").axes} == {
        "teacher 1",
        "teacher 2",
    }


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"quantity": "mass"},
            "there is no quantity 'mass' here; there is overlap, self_overlap, risk",
        ),
        ({"quantity": "bias"}, "bias does not change here; there is overlap, self_overlap, risk"),
        ({"quantity": "overlap", "excess": True}, "'excess' is of the risk, which is not among"),
        ({"labels": ["a", "b"]}, "labels: 2 names of 1 results; each has one"),
        ({"log": "z"}, "log: 'z' is not one of x, y, both"),
        ({"kind": "pie"}, "there is no figure 'pie'; it is one of time, scan, innovations"),
        ({"kind": "scan"}, "there is no figure scan of the result; there is time"),
        (
            {"over": "task.length"},
            r"'over' changes nothing in the figure time \(order parameters and",
        ),
        (
            {"size": "poster"},
            r"'poster' is no size; it is column \(3.4 in wide\), page \(7 in\) or",
        ),
        ({"size": "3,nan"}, "'3,nan' is no size"),
        ({"size": (0.2, 3)}, "'0.2,3' is no size"),
        ({"size": (1, 1)}, "no room for its panels"),
        ({"theme": "pink"}, "there is no theme 'pink'; it is one of light, dark, grey"),
    ],
)
def test_what_makes_no_sense_is_told(runs, tmp_path, settings, words):
    with pytest.raises(ConfigurationError, match=words):
        plot_results(runs[3], tmp_path / "a.png", **settings)
    assert not (tmp_path / "a.png").exists()


def test_a_scan_takes_the_same_requests(result_paths):
    scan = op.open(result_paths["solve"])
    at = {"activation": "softmax"}
    risk, *_ = plot_results(scan, at=at, excess=True, quantity="risk").axes
    assert (risk.get_ylabel(), risk.get_yscale()) == ("E − Bayes risk", "log")
    excess = scan["risk"][0] - scan["bayes_risk"][0]
    np.testing.assert_allclose(risk.lines[0].get_ydata(), excess)
    assert plot_results(scan, at=at, log="both").axes[0].get_xscale() == "log"
    with pytest.raises(ConfigurationError, match="is softmax, softmax-1, and a logarithmic axis"):
        plot_results(scan, over=["activation"], at={"heads": 1}, log="x")
    with pytest.raises(ConfigurationError, match="no quantity 'loss' in this scan; there is risk"):
        plot_results(scan, at=at, quantity="loss")


def test_the_excess_of_a_scan_of_the_committee_is_its_risk(tmp_path):
    tiny = {"training.duration": 1, "output.points": 3}
    vary = {"training.learning_rate": [0.1, 0.2]}
    scan = op.scan("saad-solla", vary, settings=tiny, workers=1)
    (axes,) = plot_results(scan, excess=True, quantity="risk").axes
    assert (axes.get_ylabel(), axes.get_yscale()) == ("E − zero", "log")
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), scan["risk"])


def test_claims_take_titles_and_sizes_alone(result_paths):
    claim = op.open(result_paths["claim"])
    assert plot_results(claim, size="column").get_figwidth() == 3.4
    for settings in ({"log": "y"}, {"excess": True}, {"quantity": "risk"}):
        (name,) = settings
        with pytest.raises(
            ConfigurationError, match=f"{name!r} changes nothing in the figure claim"
        ):
            plot_results(claim, **settings)


def test_sizes_are_those_of_a_column_a_page_or_what_is_asked_for(runs, committee, tmp_path):
    assert plot_results(committee).get_figwidth() == 7.0
    assert plot_results(runs[3], quantity="risk").get_figwidth() == 3.4
    for size, expected in (("column", 3.4), ("page", 7.0), ((4, 5), 4.0)):
        assert plot_results(runs[3], size=size, quantity="risk").get_figwidth() == expected
    plot_results(runs[3], tmp_path / "a.png", size="4,5", quantity="risk")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (600, 750)


def test_a_title_stands_in_place_of_the_heading(runs, committee):
    assert plot_results(runs[3], title="One head").get_suptitle() == "One head"
    assert plot_results(committee, title="").get_suptitle() == ""


def test_fonts_are_embedded_as_text_that_can_be_searched(runs, tmp_path):
    for name in ("a.pdf", "a.svg"):
        plot_results(runs[3], tmp_path / name, quantity="risk")
    pdf, svg = ((tmp_path / f"a.{ending}").read_bytes() for ending in ("pdf", "svg"))
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert b"<text" not in svg


def test_themes_change_the_colours(runs, tmp_path):
    assert tuple(THEMES) == OFFERED
    grey = {}
    for theme in THEMES:
        plot_results(runs[3], tmp_path / f"{theme}.png", theme=theme, quantity="overlap")
        with Image.open(tmp_path / f"{theme}.png") as picture:
            pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3).astype(int)
        grey[theme] = (np.ptp(pixels, axis=1).max() == 0, pixels[0, 0] > 128)
    assert grey == {"light": (False, True), "dark": (False, False), "grey": (True, True)}


def test_a_style_sheet_changes_the_look(runs, tmp_path):
    sheet = tmp_path / "paper.mplstyle"
    sheet.write_text("axes.prop_cycle: cycler('color', ['123456'])\nfigure.figsize: 5, 4\n")
    figure = plot_results([runs[3], runs[5]], style=sheet)
    assert "#123456" in {to_hex(line.get_color()) for line in figure.axes[0].lines}
    assert figure.get_size_inches() == pytest.approx([5, 4])
    assert plot_results(runs[3], style=sheet, size="column").get_figwidth() == 3.4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("font.size: big\n", "key font.size: Could not convert 'big'"),
        ("no.such.key: 3\n", "no.such.key"),
        ("font.size 9\n", "missing colon"),
        ("backend: agg\n", "backend changes no figure; leave it out"),
        (b"\xff\xfe\x00", "it is no text"),
        ("axes.prop_cycle: cycler('marker', 'os'\n", "a.mplstyle: "),
    ],
)
def test_a_bad_style_sheet_is_told_in_one_message(runs, tmp_path, caplog, text, words):
    sheet = tmp_path / "a.mplstyle"
    sheet.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigurationError, match=words) as told:
        plot_results(runs[3], style=sheet)
    assert "\n" not in str(told.value)
    assert str(told.value).startswith(str(sheet))
    assert not caplog.records


def test_a_style_sheet_that_is_not_there(runs, tmp_path):
    with pytest.raises(FileError, match=r"a\.mplstyle could not be read: no such file"):
        plot_results(runs[3], style=tmp_path / "a.mplstyle")


def test_a_latex_that_is_not_there_is_told(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "a.mplstyle").write_text("text.usetex: true\n")
    with pytest.raises(ConfigurationError, match="nothing can be drawn with it"):
        plot_results(runs[3], tmp_path / "a.png", style=tmp_path / "a.mplstyle")
    assert not (tmp_path / "a.png").exists()


def test_requests_know_what_was_asked_for():
    assert Request().given == []
    assert Request(title="", over=("a",)).given == ["title", "over"]
    fields = {field.name for field in dataclasses.fields(Request)}
    assert all(kind.takes <= fields for kind in KINDS.values())


def test_the_help_names_every_figure():
    told = next(option for option in plot.params if option.name == "kind").help
    assert [kind for kind in KINDS if kind not in re.findall(r"\w+", told)] == []


def test_the_command_takes_all_of_it(run, result_paths, runs, committee, tmp_path):
    committee.save(tmp_path / "ss.h5")
    for length, result in runs.items():
        result.save(tmp_path / f"{length}.h5")
    options = ["--excess", "--log", "x", "--title", "", "--size", "column", "--theme", "grey"]
    assert run("plot", "3.h5", "5.h5", "-o", "a.pdf", *options)[0] == 0
    assert Path("a.pdf").stat().st_size > 1000
    assert run("plot", "ss.h5", "--excess", "-o", "ss.png")[0] == 0
    assert run("plot", "3.h5", "--quantity", "risk")[::2] == (0, "written to 3.png\n")
    for words, told in (
        (["3.h5", "--quantity", "mass"], "there is no quantity 'mass' here"),
        (["3.h5", "--size", "big"], "'big' is no size"),
        (["3.h5", "--at", "heads=1"], "--at changes nothing in the figure time"),
        (["3.h5", result_paths["solve"]], "draw it by itself"),
        (["3.h5", "--theme", "pink"], "--theme: 'pink' is not one of light, dark, grey"),
        (["3.h5", "--kind", "pie"], "there is no figure 'pie'"),
    ):
        status, out, err = run("plot", *words, "-o", "b.png")
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert told in err
    assert run("plot", "3.h5", "--style", "a.mplstyle", "-o", "b.png")[0] == 5


def test_drawing_leaves_nothing_behind(runs):
    before = dict(matplotlib.rcParams)
    plot_results(runs[3], theme="dark")
    with drawing("grey"):
        pass
    assert dict(matplotlib.rcParams) == before


def test_a_sign_that_the_font_has_not_is_told_once(run, runs, tmp_path):
    runs[3].save(tmp_path / "3.h5")
    status, _, err = run("plot", "3.h5", "--title", "\u65e5\u672c", "--quantity", "risk")
    assert (status, err.count("\n")) == (0, 2)
    assert "missing from font(s) DejaVu Sans; a style sheet with font.family" in err


def test_a_logarithmic_axis_of_even_times_says_where_it_begins(runs):
    assert "from t = 0.5 on: earlier" in plot_results(runs[3], log="x").get_suptitle()
    assert "earlier" not in plot_results(runs[3]).get_suptitle()


def test_all_texts_follow_the_size_of_a_style_sheet(runs, tmp_path):
    style = tmp_path / "large.mplstyle"
    style.write_text("font.size: 12\nxtick.labelsize: 5\n")
    axes = plot_results(runs[3], style=style).axes[0]
    assert axes.yaxis.label.get_size() == 12
    assert axes.get_yticklabels()[0].get_size() == pytest.approx(10.5)
    assert axes.get_xticklabels()[0].get_size() == 5


def test_a_figure_with_panels_of_a_few_pixels_is_refused(runs, committee, tmp_path):
    for run in (runs[3], committee):
        with pytest.raises(ConfigurationError, match=r"no room .* 3\.4,1\.4 inches"):
            plot_results(run, tmp_path / "a.png", size=(3.4, 1.4), quantity="overlap")


def test_a_matrix_is_as_dark_as_its_theme(committee):
    for theme, dark in (("light", False), ("dark", True)):
        (image,) = (
            axes.images[0] for axes in plot_results(committee, theme=theme).axes if axes.images
        )
        assert (sum(image.get_cmap()(0.5)[:3]) < 1) == dark


@pytest.mark.parametrize("preset", ["single-head", "tied-values", "shared-keys", "saad-solla"])
def test_what_is_offered_can_be_drawn(preset):
    """In place of a figure that a run, a simulation or an analysis has not."""
    short = {"training.duration": 0.1, "output.points": 3}
    few = {"simulation.replicas": 2, "simulation.dimension": 30, "training.learning_rate": 0.1}
    run = op.solve(preset, settings=short)
    results = [run, op.simulate(preset, settings=short | few)]
    if preset == "single-head":
        results.append(op.analyze(run))
    for result in results:
        with pytest.raises(ConfigurationError, match="there is no figure") as told:
            plot_results(result, kind="claim")
        offered = str(told.value).rpartition("there is ")[2].split(", ")
        assert offered[0] == "time"
        for kind in offered:
            plot_results(result, kind=kind)
        for kind in set(KINDS) - set(offered):
            with pytest.raises(ConfigurationError):
                plot_results(result, kind=kind)
