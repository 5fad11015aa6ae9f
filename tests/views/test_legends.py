"""Legends and data have places of their own, measured in the pixels of every figure."""

import itertools

import numpy as np
import pytest
from views.analyses import leaving, students

import orderparams as op
from orderparams.models import registry
from orderparams.models.interface import Records
from orderparams.shipped import preset_names
from orderparams.views.plots import drawing
from orderparams.views.plots.figures import figure_of
from orderparams.views.plots.request import PLAIN, Request
from orderparams.views.plots.style import settle

COLUMN = Request(size=(3.4, None))


def legends_of(figure):
    """All legends of a figure."""
    parts = (figure, *figure.subfigs)
    own = [axes.get_legend() for axes in figure.axes]
    return [legend for legend in (*own, *(one for p in parts for one in p.legends)) if legend]


def points_of(figure):
    """The points of every line, as (N, 2) pixels, each many times between its ends."""
    for axes in figure.axes:
        for line in axes.lines:
            data = np.column_stack([np.asarray(values, float) for values in line.get_data()])
            data = data[np.isfinite(data).all(axis=1)]
            if len(data):
                pixels = line.get_transform().transform(data)
                part = np.linspace(0, 1, 20)[:, None, None]
                yield (pixels[:-1] + part * np.diff(pixels, axis=0)).reshape(-1, 2)


def check(figure):
    """No legend over data, over axes, over another or beyond the figure."""
    settle(figure)
    boxes = [legend.get_window_extent() for legend in legends_of(figure)]
    width, height = figure.bbox.size
    for box in boxes:
        assert box.x0 >= -1
        assert box.y0 >= -1
        assert box.x1 <= width + 1
        assert box.y1 <= height + 1
        for points in points_of(figure):
            inside = (points > box.min) & (points < box.max)
            assert not inside.all(axis=1).any()
        for axes in figure.axes:
            assert not box.padded(-2).overlaps(axes.get_window_extent())
            assert not (axes.get_title() and box.overlaps(axes.title.get_window_extent()))
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def random_run(name, *leading, **settings):
    """A problem with made-up courses (…, T, …), which go far and wide and cost nothing."""
    problem = op.load(name, settings={"output.points": 12, **settings})
    random, time = np.random.default_rng(1), np.linspace(0, problem.training.duration, 12)
    known = registry.configuration(problem.model)
    sizes = known.sizes(problem)
    state = {}
    for one in known.order_parameters(problem):
        values = random.normal(size=(*leading, 12, *(sizes[axis.name] for axis in one.axes)))
        state[one.name] = values @ np.swapaxes(values, -1, -2) if one.symmetric else values
    risk = random.random((*leading, 12))
    if not leading:
        return op.Trajectory(problem, time, state, risk, dict.fromkeys(known.REFERENCES, 0.3))
    records = Records(time, np.arange(12), state, risk)
    return op.SimulationRun(problem, records, risk, "finished", 0.0)


@pytest.mark.parametrize("name", preset_names())
def test_no_legend_crosses_the_data_of_a_preset(name):
    with drawing():
        figure = figure_of([random_run(name)], PLAIN)
        assert figure.legends
        check(figure)


@pytest.mark.parametrize("name", ["two-stage", "saad-solla"])
def test_nor_that_of_replicas_many_heads_or_several_runs_in_a_column(name):
    count = "network.students" if name == "saad-solla" else "attention.heads"
    start = {"initial": {"kind": "random", "variance": 0.01}}
    with drawing():
        check(figure_of([random_run(name, 3)], COLUMN))
        check(figure_of([random_run(name, **start, **{count: 40})], COLUMN))
        check(figure_of([random_run(name, **start, **{count: n}) for n in (2, 3, 5)], COLUMN))


@pytest.mark.parametrize("request_", [COLUMN, PLAIN], ids=["column", "page"])
@pytest.mark.parametrize("name", ["random", "validate", "validation", "claim"])
def test_nor_that_of_scans_comparisons_and_claims(result_paths, name, request_):
    with drawing():
        check(figure_of([op.open(result_paths[name])], request_))


@pytest.mark.parametrize("width", [3.4, 7.0])
def test_nor_that_of_portraits_growth_escapes_and_pruning(width):
    with drawing():
        for kind in ("phase", "growth", "pruning"):
            check(figure_of([students()], Request(kind=kind, size=(width, None))))
        check(figure_of([leaving()], Request(kind="escapes", size=(width, None))))
        request = Request(kind="phase", size=(width, None))
        start = {"initial": {"kind": "random", "variance": 0.01}, "attention.heads": 40}
        check(figure_of([random_run("two-stage", **start)], request))
        check(figure_of([random_run("saad-solla", 3)], request))


def test_a_legend_over_data_is_seen():
    """Placed as matplotlib would, among the lines."""
    with drawing():
        figure = figure_of([random_run("single-head")], PLAIN)
        figure.axes[0].legend(loc="center")
        with pytest.raises(AssertionError):
            check(figure)
