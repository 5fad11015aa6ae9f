"""to_xarray: the dataset that xarray opens from the result's file."""

import sys

import numpy as np
import pytest
import result_files
import xarray

import orderparams as op
from orderparams.errors import ConfigurationError

KINDS = [name for name in result_files.NAMES if name != "stages"]


@pytest.mark.parametrize("name", KINDS)
def test_it_is_what_xarray_opens(result_paths, name, results):
    """Values, dimensions, coordinates, units and long names; the oracle is xarray."""
    result = op.open(result_paths[name])
    with xarray.open_dataset(result_paths[name], group=result.main, engine="h5netcdf") as stored:
        xarray.testing.assert_identical(result.to_xarray(), stored.load())
    if name in results:
        xarray.testing.assert_identical(results[name].to_xarray(), stored)


def test_coordinates_units_and_names(results):
    data = results["run"].to_xarray()
    assert data["overlap"].dims == ("time", "head", "feature")
    assert data["overlap"].attrs == {"units": "1", "long_name": "overlap m = k_h . k*_f / D"}
    assert data["head"].attrs["long_name"] == "attention head, counted from 1"
    np.testing.assert_array_equal(data["head"], [1, 2])
    assert float(data["overlap"].sel(time=0, head=2, feature=1)) == pytest.approx(0.1)


def test_an_evaluation_has_gradient_velocity_and_noise(results):
    evaluation = results["evaluation"]
    data = evaluation.to_xarray()
    for name in evaluation:
        np.testing.assert_array_equal(data[f"{name}_gradient"], evaluation.gradient[name])
        np.testing.assert_array_equal(data[f"{name}_velocity"], evaluation.velocity[name])
    np.testing.assert_array_equal(data["gradient_covariance"], evaluation.noise)
    assert data["gradient_covariance"].dims == ("head", "head_2")


def test_v_of_keys_and_values_has_rows_of_its_own(tmp_path):
    """Which no axis of heads takes; the file has it bit for bit."""
    evaluation = op.evaluate("learned-values", settings=["training.rule=sgd"])
    data = evaluation.to_xarray()
    assert data["row_gradient_covariance"].dims == ("row", "row_2")
    assert data.sizes["head"] == 1
    assert data.sizes["row"] == 2
    evaluation.save(tmp_path / "start.h5")
    found = op.open(tmp_path / "start.h5")
    np.testing.assert_array_equal(found.noise, evaluation.noise)
    assert found.noise_error == evaluation.noise_error


def test_without_xarray_it_says_what_to_install(monkeypatch, results):
    monkeypatch.setitem(sys.modules, "xarray", None)
    for name in ("run", "simulation", "evaluation", "validation", "claim"):
        with pytest.raises(ConfigurationError, match=r"pip install 'orderparams\[xarray\]'"):
            results[name].to_xarray()
