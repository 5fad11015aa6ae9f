"""The figure of escapes: densities of the law, its mean over the dimension, replicas."""

import dataclasses

import matplotlib
import numpy as np
import pytest
from scipy import stats
from views.analyses import leaving, students

import orderparams as op
from orderparams.analysis.escapes import law_of
from orderparams.errors import ConfigurationError
from orderparams.results.analyzed.escapes import PROBABILITIES
from orderparams.views.plots import SETTINGS, plot_results, save_figure
from orderparams.views.plots.escapes import WINDOW, density_of
from orderparams.views.plots.figures import figure_of
from orderparams.views.plots.request import Request


def drawn(result=None, **request):
    figure = figure_of([result or leaving()], Request(kind="escapes", **request))
    left, right = figure.axes
    return left, right, {line.get_label(): line for line in (*left.lines, *right.lines)}


def test_densities_are_those_of_the_law():
    """Oracle: |Z| > δ (D/S)^½ exp(-rate t) of a normal number Z, over the same window."""
    (escape,) = leaving().escapes
    scale, rate = 30.0, 0.4
    quantile = np.log(scale / stats.norm.isf(PROBABILITIES / 2)) / rate
    law = dataclasses.replace(escape, quantile=quantile, deviation=float(quantile.std()))
    times, density = density_of(law)
    half = 0.5 * WINDOW * law.deviation
    gone = [2 * stats.norm.sf(scale * np.exp(-rate * (times + s))) for s in (half, -half)]
    inner = (times > quantile[0] + half) & (times < quantile[-1] - half)
    np.testing.assert_allclose(density[inner], (gone[0] - gone[1])[inner] / (2 * half), atol=2e-3)
    assert np.trapezoid(density, times) == pytest.approx(0.995, abs=1e-3)


def test_laws_move_with_the_dimension_and_keep_their_width():
    found = leaving()
    (escape,) = found.escapes
    left, _, lines = drawn()
    means = {}
    for factor in (1, 10, 100):
        times, density = lines[f"law at D = {factor * escape.dimension}"].get_data()
        mean = np.trapezoid(times * density, times) / np.trapezoid(density, times)
        means[factor] = mean
    step = np.log(10) / (2 * escape.rate)
    assert means[10] - means[1] == pytest.approx(step, rel=0.05)
    assert means[100] - means[10] == pytest.approx(step, rel=0.05)
    assert left.get_title().startswith("between students, teachers 1 and 2")


def test_the_mean_over_the_dimension_is_that_of_the_law_and_of_the_formula():
    found = leaving()
    (escape,) = found.escapes
    laws = law_of(escape, found.trajectory, found.directions)
    np.testing.assert_allclose(laws(escape.dimension).quantile, escape.quantile)
    _, right, lines = drawn()
    dimensions, mean = lines["mean of the law"].get_data()
    np.testing.assert_allclose(mean, [laws(int(d)).mean for d in dimensions])
    formula = lines["(log D + c)/(2 × rate)"].get_ydata()
    np.testing.assert_allclose(formula, (np.log(dimensions) + escape.constant) / (2 * escape.rate))
    np.testing.assert_allclose(formula[2:], mean[2:], atol=0.3 * escape.scatter)
    (bars,) = right.containers
    point, _, (segment,) = bars.lines
    assert point.get_xydata().tolist() == [[escape.dimension, escape.simulated.mean]]
    low, high = segment.get_segments()[0][:, 1]
    assert high - low == pytest.approx(2 * escape.simulated.deviation)


def test_a_histogram_counts_replicas_that_have_not_left():
    left, _, _ = drawn()
    area = sum(bar.get_width() * bar.get_height() for bar in left.patches)
    assert area == pytest.approx(24 / 25)


def test_another_dimension_is_drawn_where_it_is_asked_for():
    (escape,) = leaving().escapes
    _, _, lines = drawn(bands=777)
    laws = [name for name in lines if name.startswith("law at")]
    assert laws == [f"law at D = {escape.dimension}", "law at D = 777"]
    with pytest.raises(ConfigurationError, match="take a larger one"):
        drawn(bands=1)


def test_where_the_start_decides_no_larger_dimensions_are_drawn():
    found = leaving()
    (escape,) = found.escapes
    decided = dataclasses.replace(escape, crossover=2.0 * escape.dimension)
    _, _, lines = drawn(dataclasses.replace(found, escapes=(decided,)))
    assert [name for name in lines if name.startswith("law at")] == [
        f"law at D = {escape.dimension}"
    ]
    assert lines["above, the start decides"].get_xdata()[0] == decided.crossover


def test_where_nothing_leaves_there_is_nothing_to_draw():
    with pytest.raises(ConfigurationError, match=r"fluctuations\.enabled = true"):
        plot_results(students(), kind="escapes")
    with pytest.raises(ConfigurationError, match="noise brings SGD away from no state"):
        drawn(dataclasses.replace(leaving(), escapes=()))


def test_a_file_is_drawn_to_the_same_bytes(tmp_path):
    leaving().save(tmp_path / "analyzed.h5")
    request = Request(kind="escapes")
    for name, result in (("a.svg", leaving()), ("b.svg", op.open(tmp_path / "analyzed.h5"))):
        with matplotlib.rc_context(SETTINGS):
            save_figure(figure_of([result], request), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
