"""Attention to example sequences: what is drawn are the examples, and the token is marked."""

import matplotlib
import numpy as np
import pytest
from matplotlib.patches import Rectangle
from views.analyses import students

import orderparams as op
from orderparams.errors import ConfigurationError
from orderparams.models.interface import model_of
from orderparams.views.plots import SETTINGS, plot_results, save_figure
from orderparams.views.plots.figures import figure_of
from orderparams.views.plots.request import Request

TABLE = {
    "task": {"length": 20, "signal": {"kind": "flipped-spikes", "strengths": [9.0, 4.0]}},
    "attention": {"heads": 2, "activation": "softmax-1", "head_weights": [0.2, -1.0]},
    "training": {"duration": 2.0},
    "output": {"points": 3},
    "expectation": {"engine": "sampling", "samples": 256},
}


@pytest.fixture(scope="module")
def run():
    return op.solve(TABLE)


def test_squares_are_the_attention_before_and_after(run):
    figure = figure_of([run], Request(kind="weights"))
    panels = [axes for axes in figure.axes if axes.images]
    examples = model_of(run.problem).examples(run.problem, [run.state(0), run.state(-1)])
    for axes, one in zip(panels, [*examples[0], *examples[1]], strict=True):
        values = axes.images[0].get_array()
        np.testing.assert_array_equal(values[:2, :16], one.shares)
        np.testing.assert_array_equal(values[2, :16], one.attention)
        assert values[0, 16] == one.other_shares[0]
        (frame,) = (patch for patch in axes.patches if isinstance(patch, Rectangle))
        assert frame.get_x() == one.informative - 0.5
        assert axes.images[0].get_clim() == (-1, 1), "a head weight is negative"
    assert panels[0].get_title().startswith("θ = (")
    assert panels[0].get_ylabel() == "before, t = 0\nhead"
    assert panels[3].get_ylabel() == "after, t = 2\nhead"
    assert [text.get_text() for text in panels[3].get_xticklabels()][-1] == "+4"


def test_nothing_is_as_dark_as_the_theme_and_texts_are_as_large_as_asked_for(tmp_path):
    shares = op.solve({**TABLE, "attention": {"heads": 2}})
    style = tmp_path / "large.mplstyle"
    style.write_text("font.size: 16\nxtick.labelsize: 5\n")
    for theme, dark in (("light", False), ("dark", True), ("grey", False)):
        figure = plot_results(shares, kind="weights", theme=theme, style=style)
        panels = [one for one in figure.axes if one.images]
        axes, below = panels[0], panels[-1]
        image = axes.images[0]
        assert image.get_clim() == (0, 1)
        assert (sum(image.get_cmap()(0.0)[:3]) < 1) == dark
        assert axes.title.get_size() == axes.get_yticklabels()[0].get_size() == 14
        assert below.get_xticklabels()[0].get_size() == 5


def test_they_are_drawn_to_the_same_bytes(run, tmp_path):
    for name in ("a.svg", "b.svg"):
        with matplotlib.rc_context(SETTINGS):
            save_figure(figure_of([run], Request(kind="weights")), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_the_committee_attends_to_nothing():
    with pytest.raises(ConfigurationError, match="the model committee has no attention"):
        figure_of([students()], Request(kind="weights"))
