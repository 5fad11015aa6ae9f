"""How figures in time are laid out: rows, headings, squares at the end, axes of the risk."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from views import fake

import orderparams as op
from orderparams.errors import ConfigurationError
from orderparams.models.in_context.parameters import PART
from orderparams.results.simulation import Records, SimulationRun
from orderparams.views.plots import sources
from orderparams.views.plots.courses import plot_courses
from orderparams.views.plots.request import Request
from orderparams.views.plots.risk import spread
from orderparams.views.plots.style import settle

COLUMN = Request(size=(3.4, None))
TIME = np.linspace(0.0, 4.0, 5)


def pair(known, tasks=1, least=0.5, **settings):
    """A run of two heads, with risks from 1 to the ``least`` of them, and risks that are known."""
    blocks = {"task.blocks": [2] * tasks, "attention.heads": 2, "output.spacing": "linear"}
    problem = op.load("in-context-pairs", settings=blocks | {"task.strengths": np.eye(tasks)})
    key_query = np.multiply.outer(TIME / 4, np.full((2, tasks), [[0.1234], [-0.05]]))
    state = {"key_query": key_query, "output": 20 * key_query}
    return op.Trajectory(problem, TIME, state, np.geomspace(1.0, least, 5), known)


def panels(figure):
    return {axes.get_title() or axes.get_ylabel(): axes for axes in figure.axes}


@pytest.mark.parametrize("request_", [Request(), COLUMN], ids=["page", "column"])
@pytest.mark.parametrize("tasks", [1, 3])
def test_all_rows_begin_at_one_place(tasks, request_):
    """However wide the numbers at their axes are; panels keep off each other."""
    figure = plot_courses(pair({"bayes_risk": 0.2}, tasks), request=request_)
    settle(figure)
    found = [one for one in figure.axes if one.get_subplotspec() is not None]
    first = [one for one in found if one.get_subplotspec().colspan.start == 0]
    starts = [one.get_position().x0 for one in first]
    assert_allclose(starts, starts[0], atol=1e-5)
    boxes = [axes.get_position() for axes in figure.axes]
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i]]
    assert not any(a.overlaps(b) for a, b in pairs)
    assert max(box.x1 for box in boxes) < 1


def test_every_order_parameter_of_heads_stands_at_the_end():
    """Two significant places of the largest; symbols and their axes."""
    run = pair({"bayes_risk": 0.2}, 2)
    found = panels(plot_courses(run))
    for symbol, name, texts in (
        ("ω", "key_query", ["0.12", "0.12", "−0.05", "−0.05"]),
        ("μ", "output", ["2.5", "2.5", "−1.0", "−1.0"]),
    ):
        squares = found[f"{symbol} at the end"]
        assert_array_equal(squares.images[0].get_array(), run[name][-1])
        assert [text.get_text() for text in squares.texts] == texts
    assert found["ω at the end"].get_ylabel() == "head"
    assert found["μ at the end"].get_xlabel() == "task"


def test_the_symbol_at_a_bar_of_colours_stands_upright(monkeypatch):
    fake.install(monkeypatch)
    monkeypatch.setattr(sources, "stages_of", lambda _: None)
    figure = plot_courses(fake.run())
    (bar,) = (axes for axes in figure.axes if axes.get_label() == "<colorbar>")
    assert (bar.get_ylabel(), bar.yaxis.label.get_rotation()) == ("R", 0)


@pytest.mark.parametrize(
    ("known", "least", "scale"),
    [
        ({"bayes_risk": 0.05}, 0.5, "log"),
        ({"bayes_risk": 0.3}, 0.05, "log"),
        ({"bayes_risk": 0.3, "debiased_gd_risk": 0.04}, 0.5, "log"),
        ({"bayes_risk": 0.2, "zero_risk": 30.0}, 0.5, "linear"),
        ({"bayes_risk": 0.0, "debiased_gd_risk": 0.04}, 0.5, "linear"),
        ({"bayes_risk": np.nan}, 0.05, "linear"),
        ({}, 0.05, "linear"),
    ],
)
def test_risks_that_cover_a_decade_are_logarithmic(known, least, scale):
    """With those to compare with, of which none may vanish; without any as it is asked for."""
    assert panels(plot_courses(pair(known, least=least)))["risk E"].get_yscale() == scale


def test_numbers_that_cover_a_decade():
    assert spread(np.array([np.nan, 1.0, 10.0]))
    for other in ([1.0, 9.0], [0.0, 10.0], [-1.0, 10.0], [np.nan], []):
        assert not spread(np.array(other))


def test_each_risk_to_compare_with_has_dashes_of_its_own():
    names = ["bayes_risk", "debiased_gd_risk", "linear_gd_risk", "superposition_risk"]
    known = dict(zip([*names, "single_head_risk"], [0.1, 0.2, 0.3, 0.4, 0.5], strict=True))
    lines = panels(plot_courses(pair(known)))["risk E"].lines
    levels = [line for line in lines if len(set(line.get_ydata())) == 1]
    dashes = {str(line._unscaled_dash_pattern) for line in levels}
    assert len(levels) == len(dashes) == 5


def test_a_heading_takes_few_lines_of_a_narrow_figure():
    run = pair({"bayes_risk": 0.2})
    wide, narrow = (plot_courses(run, request=one) for one in (Request(), COLUMN))
    assert len(wide.get_suptitle().split("\n")) <= 3
    assert "; 2 heads, softmax" in wide.get_suptitle().replace("\n", " ")
    assert narrow._suptitle.get_fontsize() < wide._suptitle.get_fontsize()
    height = narrow._suptitle.get_window_extent().height / narrow.bbox.height
    assert height < 0.15
    assert plot_courses(run, request=Request(title="")).get_suptitle() == ""


def test_what_was_recorded_beside_order_parameters_is_drawn_by_the_names_of_its_parts():
    """Only where it is asked for."""
    run = pair({})
    state = {name: np.stack([values] * 3) for name, values in run.parameters.items()}
    off = np.arange(120.0).reshape(3, 5, 2, 4)
    records = Records(TIME, np.arange(5), state | {"off_manifold": off}, np.ones((3, 5)))
    simulation = dataclasses.replace(run.problem.simulation, backend="full")
    problem = dataclasses.replace(run.problem, simulation=simulation)
    found = SimulationRun(problem, records, np.ones((3, 5)), "finished", 1.0)
    asked = panels(plot_courses(found, request=Request(quantity=("off_manifold",))))
    assert tuple(asked) == PART.names
    mean = asked["OV of x"].lines[4]
    assert_array_equal(mean.get_ydata(), off[:, :, 0, 2].mean(0))
    assert asked["KQ of x"].get_ylabel() == "distance δ"
    assert not {*PART.names} & {*panels(plot_courses(found))}
    with pytest.raises(ConfigurationError, match=r"'gain' here; there is .*, off_manifold, risk"):
        plot_courses(found, request=Request(quantity=("gain",)))
    assert found.to_xarray()["off_manifold"].sel(part="KQ of y").shape == (3, 5, 2)


def test_observables_of_a_run_are_drawn_where_they_are_asked_for():
    run = op.solve("softmax-1", settings={"training.duration": 5, "output.points": 4})
    assert "mass on nothing" not in panels(plot_courses(run))
    (shown,) = panels(plot_courses(run, request=Request(quantity=("nothing",)))).values()
    assert shown.get_ylabel() == "s₀"
    drawn = {tuple(line.get_ydata()) for line in shown.get_lines()}
    assert drawn >= {tuple(course) for course in run["nothing"].T}
    with pytest.raises(ConfigurationError, match=r"there is overlap, self_overlap, nothing, risk"):
        plot_courses(run, request=Request(quantity=("mass",)))


def test_a_single_number_at_the_end_is_no_matrix():
    run = op.solve("single-head", settings={"training.duration": 5, "output.points": 4})
    assert not [name for name in panels(plot_courses(run)) if name.endswith("at the end")]
