"""Bands of SGD around a run. Oracle: mean and standard deviations as the fluctuations have them."""

import dataclasses

import numpy as np
import pytest

import orderparams as op
from orderparams.errors import ConfigurationError
from orderparams.views.plots.figures import plot_results

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


def test_values_by_name_are_symmetric(run):
    found = run.fluctuations
    named = found.by_name(found.flow)
    for name, values in run.parameters.items():
        np.testing.assert_allclose(named[name], values, atol=1e-6)


def test_bands_that_cannot_be_drawn(run):
    bare = dataclasses.replace(run, fluctuations=None)
    for results, more, told in (
        (bare, {}, "fluctuations.enabled"),
        ([run, bare], {}, "of one run"),
        (run, {"log": "y"}, "logarithmic"),
        (run, {"kind": "phase"}, "changes nothing"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            plot_results(results, bands=100, **more)


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
    run.save(tmp_path / "run.h5")
    told = holding(tmp_path / "run.h5")
    assert f"{run.fluctuations.least_dimension.max():.3g}" in told[-1]
