"""to_dataframe: a column for every entry, or a row for every number as in a CSV file."""

import sys

import numpy as np
import pandas
import pytest
import result_files

import orderparams as op
from orderparams.errors import ConfigurationError

KINDS = [name for name in result_files.NAMES if name != "stages"]


def entries(rows):
    """The cells of all rows as texts, and their numbers, in one order: files sort by names."""
    texts = rows.drop(columns="value").astype(object).where(rows.notna(), "").astype(str)
    numbers = rows["value"].astype(float).map(repr)
    return sorted(zip(*(texts[column] for column in texts), numbers, strict=True))


@pytest.mark.parametrize("name", KINDS)
def test_the_tidy_form_is_that_of_the_export(result_paths, name, tmp_path):
    """The oracle is pandas, reading what ``orderparams export --to csv`` writes."""
    result = op.open(result_paths[name])
    path = op.export(result_paths[name], tmp_path / "found.csv")
    rows = pandas.read_csv(path, keep_default_na=False, dtype=str)
    rows = rows[rows.path == f"/{result.main}"]
    found = result.to_dataframe(tidy=True)
    assert found.columns.tolist()[-2:] == ["variable", "value"]
    for column in rows.columns.drop("path").difference(found.columns):
        assert set(rows[column]) == {""}  # of another group
    assert entries(found) == entries(rows[found.columns])


@pytest.mark.parametrize("name", KINDS)
def test_a_column_for_every_entry(result_paths, name):
    """Values, rows and names; the oracle is xarray's dataset of the same result."""
    result = op.open(result_paths[name])
    found, data = result.to_dataframe(), result.to_xarray()
    along = [name for name in found.index.names if name]
    assert len(found) == np.prod([data.sizes[axis] for axis in along], dtype=int)
    columns = iter(found.columns)
    for name, array in data.data_vars.items():
        if list(array.dims[: len(along)]) != along:
            continue
        for place in np.ndindex(array.shape[len(along) :]):
            entry = array[(..., *place)] if place else array
            column = next(columns)
            numbers = [str(array[axis].values[i]) for axis, i in
                       zip(array.dims[len(along) :], place, strict=True)]  # fmt: skip
            assert column == "_".join([name, *numbers])
            np.testing.assert_array_equal(found[column], np.ravel(entry.values))


def test_rows_are_found_by_time_replica_and_varied_values(result_paths):
    run = op.open(result_paths["run"])
    assert run.to_dataframe().loc[4.0, "risk"] == run.risk[-1]
    simulation = op.open(result_paths["simulation"])
    assert simulation.to_dataframe().loc[(2, 4.0), "loss"] == simulation.loss[1, -1]
    scan = op.open(result_paths["solve"])
    assert scan.to_dataframe().loc[("softmax-1", 2), "risk"] == scan["risk"][1, 1]
    validation = op.open(result_paths["validation"])
    assert validation.to_dataframe().index.name == "time"


def test_without_pandas_it_says_what_to_install(monkeypatch, results):
    monkeypatch.setitem(sys.modules, "pandas", None)
    for tidy in (False, True):
        with pytest.raises(ConfigurationError, match=r"pip install 'orderparams\[pandas\]'"):
            results["evaluation"].to_dataframe(tidy=tidy)
