"""Bands of SGD around a run. Oracle: mean and standard deviations as the fluctuations have them."""

import dataclasses
import re

import numpy as np
import pytest

import orderparams as op
from orderparams.errors import ConfigurationError
from orderparams.views.plots.bands import usual
from orderparams.views.plots.figures import plot_results
from orderparams.views.reports.fluctuations import banded, of_fluctuations

SETTINGS = {
    "training.duration": 2.0,
    "output.points": 4,
    "expectation.samples": 1024,
    "fluctuations": {"enabled": True, "nodes": 256, "points": 8},
}


@pytest.fixture(scope="module")
def run():
    return op.solve("finite-learning-rate", settings=SETTINGS)


def edges(shade, times):
    """Lower and upper edge of a shade at times."""
    (path,) = shade.get_paths()
    found = [path.vertices[np.isclose(path.vertices[:, 0], t), 1] for t in times]
    return np.array([(of.min(), of.max()) for of in found])


def test_bands_are_two_deviations_around_the_mean(run):
    found, dimension = run.fluctuations, 300
    overlap, risk = plot_results(run, quantity=("overlap", "risk"), bands=dimension).axes
    mean, sizes = found.mean(dimension), found.deviations(dimension)
    for head, shade in enumerate(overlap.collections):
        low, high = edges(shade, found.time[1:]).T
        np.testing.assert_allclose(low, (mean - 2 * sizes)[1:, head])
        np.testing.assert_allclose(high, (mean + 2 * sizes)[1:, head])
    lines = np.array([line.get_ydata() for line in overlap.lines if len(line.get_xdata()) == 4])
    drawn = [np.abs(lines - mean[:, head]).max(axis=1).min() for head in (0, 1)]
    np.testing.assert_allclose(drawn, 0, atol=1e-12)
    (shade,) = risk.collections
    deviation = np.sqrt(found.risk_variance / dimension)
    low, high = edges(shade, found.time[1:]).T
    middle = found.risk + found.risk_shift / dimension
    np.testing.assert_allclose(low, (middle - 2 * deviation)[1:])
    np.testing.assert_allclose(high, (middle + 2 * deviation)[1:])


def test_on_a_logarithmic_axis_bands_are_of_sizes(run):
    """Where an order parameter may be zero its band goes down to the end of the axis."""
    small = run.fluctuations.flow * [1.0, 0.1, 1.0, 1.0, 1.0]
    found, dimension = dataclasses.replace(run.fluctuations, flow=small), 100
    near = dataclasses.replace(run, fluctuations=found)
    overlap, risk = plot_results(near, quantity=("overlap", "risk"), bands=dimension, log="y").axes
    mean, far = found.mean(dimension), 2 * found.deviations(dimension)
    for head, shade in enumerate(overlap.collections):
        low, high = edges(shade, found.time[1:]).T
        ends = np.array([mean - far, mean + far])[:, 1:, head]
        zero = ends.prod(axis=0) < 0
        np.testing.assert_allclose(high, np.abs(ends).max(axis=0))
        np.testing.assert_allclose(low[~zero], np.abs(ends).min(axis=0)[~zero])
        assert (low[zero] < overlap.get_ylim()[0]).all()
    assert overlap.get_ylim()[0] > 1e-3 * overlap.get_ylim()[1]
    assert (overlap.get_yscale(), risk.get_yscale()) == ("log", "log")
    assert (np.abs(mean) < far)[1:, :2].any(axis=0).tolist() == [False, True]


def test_the_band_of_the_excess_risk_is_where_that_is_positive(run):
    found, dimension = run.fluctuations, 300
    axes = plot_results(run, quantity="risk", bands=dimension, excess=True).axes[0]
    middle = found.risk + found.risk_shift / dimension - run.bayes_risk
    deviation = np.sqrt(found.risk_variance / dimension)
    (shade,) = axes.collections
    low, high = edges(shade, found.time[1:]).T
    np.testing.assert_allclose(high, (middle + 2 * deviation)[1:])
    np.testing.assert_allclose(low, (middle - 2 * deviation)[1:])


def test_bands_end_where_linear_theory_does(run):
    """Fluctuations that grow by a hundred are small up to the time before."""
    found = run.fluctuations
    size = np.array([1.0, 1.0, 1.0, 100.0])[:, None, None]
    grown = dataclasses.replace(found, covariance=size * found.covariance)
    dimension = 2 * int(found.least_dimension.max())
    assert found.linear_until(dimension) == found.time[-1]
    assert grown.linear_until(dimension) == found.time[2]
    assert not grown.linear_until(1e-9) > found.time[0]
    for wrong in (0, -1.0, "a", np.nan):
        for read in (found.linear_until, found.mean, found.deviations):
            with pytest.raises(op.ConfigurationError, match="dimension: expected a finite number"):
                read(wrong)
    figure = plot_results(
        dataclasses.replace(run, fluctuations=grown), quantity=("overlap", "risk"), bands=dimension
    )
    for axes in figure.axes:
        for shade in axes.collections:
            assert shade.get_paths()[0].vertices[:, 0].max() == found.time[2]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    words = f"SGD at D = {dimension}, mean ± 2 sd, while linear theory holds"
    assert words in names


def test_sizes_are_those_of_the_run_that_leaves_the_flow(run):
    """A flow that stays at zero is no measure of what fluctuates."""
    found = run.fluctuations
    still = dataclasses.replace(found, flow=np.zeros_like(found.flow), reach=None)
    beside = still.beside(run.parameters)
    np.testing.assert_allclose(beside.least_dimension, found.least_dimension, rtol=1e-5)
    assert not np.allclose(still.least_dimension[1:], found.least_dimension[1:], rtol=0.1)


def test_pages_have_the_numbers_at_the_last_time_that_holds(run):
    """Oracle: flow, shift and deviations as the fluctuations have them."""
    size = np.array([1.0, 1.0, 1.0, 1e3])[:, None, None]
    grown = dataclasses.replace(run.fluctuations, covariance=size * run.fluctuations.covariance)
    for found, index in ((run.fluctuations, 3), (grown, 2)):
        page = "".join(of_fluctuations(dataclasses.replace(run, fluctuations=found)))
        words = " | ".join(re.findall(">([^<>\n]+)<", page))
        rows = np.array([found.flow[index], found.shift[index], found.deviations(1.0)[index]]).T
        for name, row in zip(found.parameter, rows, strict=True):
            assert " | ".join([name, *(f"{x:z.4f}".replace("-", "−") for x in row)]) in words
        assert f"at t = {found.time[index]:.4g}, to leading order" in words
        assert f"| {found.least_until[-1]:.3g}" in words
    assert "are small until t = " in words
    assert banded("Risk", run).endswith(f"SGD at D = {usual(run)}: mean and 2 standard deviations")
    assert of_fluctuations(dataclasses.replace(run, fluctuations=None)) == []


def test_pages_have_bands_in_the_dimension_of_the_simulation(run):
    assert usual(run) == run.problem.simulation.dimension
    assert usual(dataclasses.replace(run, fluctuations=None)) == 0
    huge = dataclasses.replace(run.fluctuations, covariance=1e9 * run.fluctuations.covariance)
    assert usual(dataclasses.replace(run, fluctuations=huge)) == 0


def test_values_by_name_are_symmetric(run):
    found = run.fluctuations
    named = found.by_name(found.flow)
    for name, values in run.parameters.items():
        np.testing.assert_allclose(named[name], values, atol=1e-6)


def test_bands_that_cannot_be_drawn(run):
    bare = dataclasses.replace(run, fluctuations=None)
    least = run.fluctuations.least_until[-1]
    for results, more, told in (
        (bare, {}, "fluctuations.enabled"),
        ([run, bare], {}, "of one run"),
        (run, {"bands": 1}, f"take D >= .*, or D >= {least:.3g} until t = 2$"),
        (run, {"kind": "phase"}, "changes nothing"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            plot_results(results, **{"bands": 100, **more})


def test_a_logarithmic_axis_holds_the_whole_band_of_the_risk(run):
    axes = plot_results(run, bands=1000, log="both", excess=True).axes
    (panel,) = (one for one in axes if "Bayes" in one.get_ylabel())
    low = min(band.get_paths()[0].vertices[:, 1].min() for band in panel.collections)
    assert panel.get_ylim()[0] < low


def test_fluctuations_are_saved_and_drawn_with_their_run(run, tmp_path):
    with pytest.raises(ConfigurationError, match=r"run\.save"):
        run.fluctuations.save(tmp_path / "a.h5")
    with pytest.raises(ConfigurationError, match="bands"):
        run.fluctuations.plot()


def test_what_the_screen_and_info_say(run, tmp_path, capsys):
    from orderparams.cli.info import holding
    from orderparams.views.tables import fluctuation_table

    lines = fluctuation_table(run.fluctuations)
    assert len(lines) == 2 + 5
    assert lines[1].split()[0] == "m_1,1"
    assert f"{run.fluctuations.flow[-1, 0]:.4f}" in lines[1]
    huge = dataclasses.replace(run.fluctuations, covariance=1e30 * run.fluctuations.covariance)
    deviation = 1e15 * run.fluctuations.deviations(1.0)[-1, 0]
    assert fluctuation_table(huge)[1].endswith(f"± {deviation:.3e}/√D")
    run.save(tmp_path / "run.h5")
    told = holding(tmp_path / "run.h5")
    assert f"{run.fluctuations.least_dimension.max():.3g}" in told[-1]
    grown = dataclasses.replace(run.fluctuations, covariance=1e9 * run.fluctuations.covariance)
    dataclasses.replace(run, fluctuations=grown).save(tmp_path / "large.h5")
    told = holding(tmp_path / "large.h5")
    assert f"in D = {run.problem.simulation.dimension}" in "\n".join(told)
    assert len(told) == 1 + 1 + 1 + (run.fluctuations.growth_rate.max() > 0)
