"""Files that other tools wrote again hold what they held: texts as bytes, numbers as arrays of one,
chunks, filters, and the additions of netCDF."""

import dataclasses
import functools
from collections.abc import Mapping

import h5py
import numpy as np
import pytest
from reliability.mutations import FIXTURES
from reliability.shell import check_refusal, command

import orderparams as op
from orderparams.storage.seal import LENGTH

FILES = sorted(FIXTURES.glob("version-*/*.h5"))
BARE = "This is a netCDF dimension but not a netCDF variable%10d"


def as_it_is(value):
    return value


def array_of_one(value):
    """As netCDF's library does."""
    text = isinstance(value, str)
    return np.array([value], dtype=h5py.string_dtype() if text else np.asarray(value).dtype)


def fixed_bytes(value):
    """As Fortran, Matlab and old tools do; they have no text of no length."""
    if value == "":
        return h5py.Empty("S1")
    return np.bytes_(value.encode()) if isinstance(value, str) else value


def small_numbers(value):
    """Numbers of half the bytes where nothing is lost."""
    if isinstance(value, np.integer):
        return np.int32(value)
    return value


STYLES = {
    "plain": (as_it_is, {}),
    "netcdf": (array_of_one, {"chunks": True}),
    "bytes": (fixed_bytes, {}),
    "packed": (small_numbers, {"compression": "gzip", "shuffle": True, "fletcher32": True}),
    "bits": (as_it_is, {"chunks": True, "scaleoffset": 0}),
}


def rewrite(source, target, attribute, options, *, fixed):
    """A group written again, its members in another order, its axes with the marks of netCDF."""
    target.attrs.update({name: attribute(value) for name, value in source.attrs.items()})
    for name, item in sorted(source.items(), reverse=True):
        if isinstance(item, h5py.Group):
            rewrite(item, target.create_group(name), attribute, options, fixed=fixed)
            continue
        text = h5py.check_string_dtype(item.dtype) is not None
        values = item[()]
        if text and fixed:
            values = np.asarray(values, dtype=f"S{max([1, *map(len, np.ravel(values))])}")
        kind = h5py.string_dtype() if text and not fixed else None
        kept = options if item.shape and item.size else {}
        if text or item.dtype.kind == "f":
            kept = {key: value for key, value in kept.items() if key != "scaleoffset"}
        if text:
            kept = {key: value for key, value in kept.items() if key == "chunks"}
        data = target.create_dataset(name, data=values, dtype=kind, **kept)
        binding = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST"}
        data.attrs.update({key: attribute(item.attrs[key]) for key in item.attrs.keys() - binding})
        data.attrs["_Netcdf4Dimid"] = np.int32(0)
        if item.is_scale:
            data.make_scale(name)
    for name, item in source.items():
        if isinstance(item, h5py.Dataset) and not item.is_scale:
            for place, dimension in enumerate(item.dims):
                if len(dimension):
                    scale = dimension[0].name.rsplit("/", 1)[-1]
                    target[name].dims[place].attach_scale(target[scale])


def check_same(one, other, where=""):
    """Two results with equal contents, to the last bit."""
    if dataclasses.is_dataclass(one):
        one, other = vars(one), vars(other)
    if isinstance(one, Mapping):
        assert one.keys() == other.keys(), where
        for key in one:
            check_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for i, pair in enumerate(zip(one, other, strict=True)):
            check_same(*pair, f"{where}[{i}]")
    else:
        np.testing.assert_array_equal(one, other, err_msg=where)
        assert type(one) is type(other), where


@functools.cache
def shown(path):
    """What a file holds, its problem, and what is shown of it."""
    return op.open(path), op.load(path), command("info", path).out


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_that_are_written_again_hold_the_same(tmp_path, path, style):
    attribute, options = STYLES[style]
    again = tmp_path / "again.h5"
    with h5py.File(path) as source, h5py.File(again, "w") as target:
        rewrite(source, target, attribute, options, fixed=style == "bytes")
    result, problem, told = shown(path)
    check_same(result, op.open(again))
    assert op.load(again) == problem
    assert command("info", again).out == told


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_that_xarray_writes_again_hold_the_same(tmp_path, path):
    xarray = pytest.importorskip("xarray")
    with xarray.open_datatree(path, engine="h5netcdf", phony_dims="sort") as tree:
        tree.to_netcdf(tmp_path / "again.h5", engine="h5netcdf")
        assert op.open(path).problem == op.load(path), "while xarray has it open"
    check_same(shown(path)[0], op.open(tmp_path / "again.h5"))


def test_an_axis_without_values(tmp_path):
    """Such as netCDF makes of a dimension whose coordinates were dropped."""
    path, whole = tmp_path / "run.h5", FIXTURES / "version-1" / "trajectory.h5"
    path.write_bytes(whole.read_bytes()[:-LENGTH])
    with h5py.File(path, "r+") as file:
        group = file["trajectory"]
        size = group["feature"].size
        group["overlap"].dims[2].detach_scale(group["feature"])
        del group["feature"]
        bare = group.create_dataset("feature", shape=(size,), dtype=">f4", chunks=(size,))
        bare.make_scale(BARE % size)
        group["overlap"].dims[2].attach_scale(bare)
    check_same(op.open(path), op.open(whole))
    assert command("info", path).status == 0


@pytest.mark.parametrize("mark", ["scale_factor", "add_offset"])
def test_packed_numbers_are_not_taken_for_the_ones_that_are_meant(tmp_path, monkeypatch, mark):
    monkeypatch.chdir(tmp_path)
    content = (FIXTURES / "version-1" / "trajectory.h5").read_bytes()[:-LENGTH]
    (tmp_path / "run.h5").write_bytes(content)
    with h5py.File("run.h5", "r+") as file:
        file["trajectory/risk"].attrs[mark] = 0.5
    answer = command("info", "run.h5")
    check_refusal(answer, 5)
    assert f"/trajectory/risk holds packed numbers, to be scaled by its {mark}" in answer.err
