"""What points keep goes from their files to that of the scan, one by one, if it can be read."""

import tracemalloc

import h5py
import numpy as np
import pytest

import orderparams as op
from orderparams.results import schema
from orderparams.results.scan import StoredPoints, save_scan
from orderparams.scans.actions import Outcome, image
from orderparams.scans.collect import collect
from orderparams.scans.folder import Folder
from orderparams.scans.plan import base_table, make_plan
from orderparams.scans.worker import Task
from orderparams.storage.points import point_name, stored_groups
from orderparams.storage.schema import Variable
from orderparams.storage.seal import LENGTH
from orderparams.storage.tree import Tree

COUNT, TIMES = 24, 40_000
BASE = base_table("single-head")


@pytest.fixture
def finished(tmp_path):
    """A plan, and its folder in which each point has a long course of its own."""
    vary = {"initial.seed": f"1:{COUNT}:{COUNT}"}
    plan = make_plan(BASE, {"vary": vary, "action": "solve", "trajectories": True})
    folder = Folder(tmp_path / "scan.points")
    folder.start(plan)
    for point in plan.points:
        course = Tree(
            {"risk": (Variable(("time",), "risk"), np.full(TIMES, float(point.number)))},
            coordinates={"time": np.arange(float(TIMES))},
        )
        done = Outcome("finished", values={"risk": point.number}, groups={"trajectory": course})
        task = Task("solve", point.config, point.hash, keep=True)
        folder.write(point.number, image(done, task, 0.1))
    return plan, folder


def test_no_more_than_a_few_points_are_in_memory(finished, tmp_path):
    """Collecting and writing hold less than a quarter of what the points store together."""
    plan, folder = finished
    stored = COUNT * TIMES * 16
    tracemalloc.start()
    try:
        scan = collect(plan, folder)
        save_scan(scan, tmp_path / "scan.h5", folder=folder.path)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < stored / 4
    with h5py.File(tmp_path / "scan.h5") as file:
        assert len(file["points"]) == COUNT
        for number in (1, COUNT):
            course = file[f"points/{point_name(number)}/trajectory/risk"]
            assert course.shape == (TIMES,)
            assert course[0] == course[-1] == number


def test_a_file_is_read_when_it_is_asked_for(finished):
    plan, folder = finished
    known = schema.known(plan.model)
    points = StoredPoints(folder.path, [point_name(n) for n in (1, 99)], known)
    assert list(points) == ["000001", "000099"]
    assert points["000001"].attributes["status"] == "finished"
    assert points.get("000099") is None, "there is no such file"


def damage_type(file):
    del file["point/risk"]
    file["point/risk"] = np.arange(3.0)


def damage_axes(file):
    del file["trajectory/risk"]
    file["trajectory/risk"] = np.float64(1)


def damage_link(file):
    file["trajectory/other"] = h5py.SoftLink("/point/risk")


@pytest.mark.parametrize("damage", [damage_type, damage_axes, damage_link])
def test_a_point_that_does_not_keep_to_the_schema_has_failed(finished, tmp_path, damage):
    """Its values are not taken, and it has no group in the file; the others do."""
    plan, folder = finished
    path = folder.file(2)
    path.write_bytes(path.read_bytes()[:-LENGTH])
    with h5py.File(path, "r+") as file:
        damage(file)
    scan = collect(plan, folder)
    assert scan.failures.keys() == {2}
    assert "000002.h5: /" in scan.failures[2]
    assert np.isnan(scan["risk"][1])
    with pytest.raises(op.FileError):
        stored_groups(path, schema.known(plan.model))
    save_scan(scan, tmp_path / "scan.h5", folder=folder.path)
    with h5py.File(tmp_path / "scan.h5") as file:
        assert set(file["points"]) == {point_name(n) for n in range(1, COUNT + 1) if n != 2}
