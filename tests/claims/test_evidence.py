"""Checks that can fail, panels that come back from a file, and the list of claims."""

import dataclasses

import h5py
import numpy as np
import pytest

import orderparams as op
from orderparams.claims import CLAIMS, select
from orderparams.errors import ConfigurationError
from orderparams.results.evidence import Evidence, Panel, above, below, close, read_panels, same
from orderparams.results.files import read

PANEL = Panel(
    "curve",
    "strength",
    "strength ν",
    np.array([1.0, 4.0]),
    "risk E",
    {"softmax": np.array([0.7, 0.6]), "Bayes risk": np.array([0.6, np.nan])},
    ("linear", "log"),
    ("one", "four"),
)


@pytest.mark.parametrize(
    ("check", "holds"),
    [
        (close("x", 2.0, 2.019, relative=0.01), True),
        (close("x", -2.0, -2.021, relative=0.01), False),
        (close("x", -2.0, -2.019, relative=0.01), True),
        (close("x", 2.0, 2.09, absolute=0.1), True),
        (close("x", 2.0, 1.89, absolute=0.1), False),
        (below("x", 1.0, 1.1), True),
        (below("x", 1.1, 1.1), False),
        (above("x", 1.2, 1.1), True),
        (above("x", 1.0, 1.1), False),
        (same("x", 3, "3"), True),
        (same("x", "2, 3", "3, 2"), False),
    ],
)
def test_checks_hold_or_fail(check, holds):
    assert check.holds is holds


@pytest.mark.parametrize("kind", [below, above])
def test_what_is_not_a_number_fails(kind):
    assert not kind("x", float("nan"), 1.0).holds
    assert not close("x", 1.0, float("nan"), relative=1.0).holds


def test_one_failing_check_fails_the_claim():
    good, bad = same("x", 1, 1), same("x", 1, 2)
    problem = op.load("single-head")
    assert Evidence(problem, (good, good)).holds
    assert not Evidence(problem, (good, bad)).holds


def test_every_claim_has_a_room_with_its_setting():
    names = [f"{letter}{n}" for letter in "CI" for n in range(1, 10)]
    neighbours = [claim.name for claim in CLAIMS if claim.name.startswith("X")]
    noise = [f"N{n}" for n in range(1, 7)]
    assert [claim.name for claim in CLAIMS] == names + neighbours + noise
    numbers = [int(name[1:]) for name in neighbours]
    assert numbers == sorted(set(numbers))
    for claim in CLAIMS:
        assert len(claim.setting) > 200, claim.name


def test_claims_are_chosen_by_name():
    assert [claim.name for claim in select(("c8", "C6"))] == ["C6", "C8"]
    assert select(()) == list(CLAIMS)
    with pytest.raises(ConfigurationError, match="'C10'; they are C1, C2"):
        select(("C10",))


def test_a_file_gives_its_panels_and_checks_back(tmp_path):
    checks = (close("a", 1.0, 1.0, relative=0.1), same("ν", "2", "3"))
    path = tmp_path / "C0.h5"
    Evidence(op.load("single-head"), checks, (PANEL,)).save(path)
    with read(path) as file:
        (panel,) = read_panels(file)
        assert file.attribute("status") == "failed"
        assert file["checks"].array("what")[1] == "ν"
        np.testing.assert_array_equal(file["checks"].array("holds"), [1, 0])
    for field in dataclasses.fields(Panel):
        found, expected = getattr(panel, field.name), getattr(PANEL, field.name)
        if field.name == "curves":
            assert list(found) == list(expected)
            found, expected = list(found.values()), list(expected.values())
        np.testing.assert_array_equal(found, expected)


def test_xarray_opens_the_curves(tmp_path):
    xarray = pytest.importorskip("xarray")
    path = tmp_path / "C0.h5"
    evidence = Evidence(op.load("single-head"), (same("a", 1, 1),), (PANEL,))
    evidence.save(path)
    data = xarray.open_dataset(path, group="curves/curve", engine="h5netcdf")
    assert data["value"].sel(curve="softmax", strength=4.0) == 0.6
    assert h5py.is_hdf5(path)
