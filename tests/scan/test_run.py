"""Whole scans: the points are those of a plain loop, and nothing that finished is ever lost."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
import xarray

import orderparams as op
from orderparams.errors import ConfigurationError, FileError
from orderparams.results.files import open_group
from orderparams.scans.folder import Folder
from orderparams.scans.plan import base_table, make_plan
from orderparams.scans.pools import LocalPool
from orderparams.scans.run import Machine, run_plan, run_shard, write_collected

SETTINGS = [
    "expectation.engine=sampling",
    "expectation.samples=64",
    "output.points=3",
    "training.duration=2",
]
PROBLEM = op.load("flipped-spikes", SETTINGS)
VARY = {"attention.activation": ["softmax", "softmax-1"], "attention.heads": [1, 3]}
TIMINGS = {"created", "command", "seconds"}


def contents(path):
    """Everything in a file, bit by bit, but for timings and timestamps."""
    found = {}

    def add(name, item):
        if name.rsplit("/", 1)[-1] not in TIMINGS:
            if isinstance(item, h5py.Dataset):
                found[name] = (
                    item.asstr()[()].tolist() if item.dtype == object else item[()].tobytes()
                )
            for key, value in item.attrs.items():
                if key not in TIMINGS and not isinstance(value, np.ndarray):
                    found[name, key] = value

    with h5py.File(path) as file:
        add("", file)
        file.visititems(add)
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted scan on one process, with trajectories."""
    path = tmp_path_factory.mktemp("whole") / "scan.h5"
    op.scan(PROBLEM, VARY, output=path, trajectories=True, workers=1)
    return path


def test_the_values_are_those_of_a_plain_loop(whole):
    scan = open_group(whole, "scan")
    for i, activation in enumerate(VARY["attention.activation"]):
        for j, heads in enumerate(VARY["attention.heads"]):
            problem = op.load(
                "flipped-spikes",
                [*SETTINGS, f"attention.activation={activation}", f"attention.heads={heads}"],
            )
            run = op.solve(problem)
            assert scan["risk"][i, j] == run.risk[-1]
            assert scan["bayes_risk"][i, j] == run.bayes_risk
            np.testing.assert_array_equal(scan["overlap"][i, j, :heads], run.overlap[-1])
            np.testing.assert_array_equal(
                scan["self_overlap"][i, j, :heads, :heads], run.self_overlap[-1]
            )
            assert np.isnan(scan["overlap"][i, j, heads:]).all()
            with h5py.File(whole) as file:
                group = file[scan["group"][i, j]]
                np.testing.assert_array_equal(group["trajectory/overlap"], run.overlap)
                assert op.load({**base_table(problem)}).attention.heads == heads
    assert (scan["status"] == "finished").all()
    assert (scan["seconds"] > 0).all()


def test_the_bits_do_not_depend_on_the_number_of_processes(whole, tmp_path):
    op.scan(PROBLEM, VARY, output=tmp_path / "scan.h5", trajectories=True, workers=3)
    assert contents(tmp_path / "scan.h5") == contents(whole)
    assert os.listdir(tmp_path) == ["scan.h5"], "the folder of the points goes with the last one"


def test_xarray_opens_it_as_an_array_over_the_parameters(whole):
    with xarray.open_dataset(whole, group="scan", engine="h5netcdf") as data:
        assert data.risk.dims == ("activation", "heads")
        assert data.overlap.dims == ("activation", "heads", "head", "feature")
        np.testing.assert_array_equal(data.activation, ["softmax", "softmax-1"])
        assert float(data.risk.sel(activation="softmax-1", heads=3)) == float(data.risk[1, 1])
        assert data.seconds.attrs["units"] == "s"
        assert all(variable.attrs["long_name"] for variable in data.variables.values())
    with xarray.open_datatree(whole, engine="h5netcdf") as tree:
        assert tree["points/000001/trajectory"].overlap.dims == ("time", "head", "feature")


@pytest.mark.parametrize("mode", ["zip", "random"])
def test_paired_and_random_values_are_coordinates_of_the_points(mode, tmp_path):
    settings = {"points": 3, "seed": 1} if mode == "random" else {}
    vary = {"training.duration": [1.0, 1.0, 2.0], "attention.activation": ["softmax"] * 3}
    scan = op.scan(PROBLEM, vary, action="evaluate", mode=mode, workers=1, **settings)
    scan.save(tmp_path / "scan.h5")
    with xarray.open_dataset(tmp_path / "scan.h5", group="scan", engine="h5netcdf") as data:
        assert data.risk.dims == ("point",)
        assert set(data.coords) >= {"point", "duration", "activation"}
        np.testing.assert_array_equal(data.duration, scan["duration"])
        assert data.duration.attrs["key"] == "training.duration"
    again = open_group(tmp_path / "scan.h5", "scan")
    assert again.keys == scan.keys
    np.testing.assert_array_equal(again["overlap_velocity"], scan["overlap_velocity"])


def test_a_scan_file_is_a_configuration_of_the_same_scan(whole):
    again = make_plan(base_table(whole))
    assert [point.hash for point in again.points] == open_group(whole, "scan")[
        "hash"
    ].ravel().tolist()
    assert op.load(whole) == PROBLEM


@pytest.mark.slow
def test_failed_points_are_recorded_and_run_again_on_resume(tmp_path):
    output = tmp_path / "scan.h5"
    vary = {"integrator.max_steps": [2, 1000], "integrator.method": ["LSODA", "RK45"]}
    scan = op.scan(PROBLEM, vary, output=output, workers=2)
    assert scan.failures.keys() == {1, 2}
    assert "integrator.max_steps = 2" in scan.failures[1]
    assert np.isnan(scan["risk"][0]).all()
    assert np.isfinite(scan["risk"][1]).all()
    before = contents(output)
    ran = []
    op.scan(PROBLEM, vary, output=output, resume=True, on_point=lambda p, r: ran.append(p.number))
    assert sorted(ran) == [1, 2]
    assert contents(output) == before


def test_a_resumed_scan_that_is_complete_runs_nothing(whole):
    before = whole.read_bytes()

    def never(point, reply):
        raise AssertionError

    op.scan(PROBLEM, VARY, output=whole, trajectories=True, resume=True, on_point=never)
    assert whole.read_bytes() == before


def test_a_damaged_point_is_run_again(whole, tmp_path):
    output, plan = tmp_path / "scan.h5", make_plan(base_table(whole))
    for index in (1, 2):
        run_shard(plan, output, (index, 2), Machine(workers=1))
    assert not output.exists()
    folder = Folder.beside(output)
    folder.file(2).write_bytes(folder.file(2).read_bytes()[:1000])
    failures = write_collected(plan, output, force=False).failures
    assert failures.keys() == {2}
    assert "000002.h5 is " in failures[2]
    ran = []
    run_plan(plan, output, Machine(), resume=True, on_point=lambda p, r: ran.append(p.number))
    assert ran == [2]
    assert contents(output) == contents(whole)


def test_an_interrupt_keeps_what_is_done(whole, tmp_path):
    output, plan = tmp_path / "scan.h5", make_plan(base_table(whole))

    def stop(point, reply):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_plan(plan, output, Machine(workers=1), on_point=stop)
    assert not output.exists()
    with pytest.raises(FileError, match="resume=True"):
        run_plan(plan, output, Machine(workers=1))
    ran = []
    one = Machine(workers=1)
    run_plan(plan, output, one, resume=True, on_point=lambda p, r: ran.append(p.number))
    assert len(ran) == 3
    assert contents(output) == contents(whole)


def test_a_folder_of_another_plan_is_refused_and_kept(tmp_path):
    output = tmp_path / "scan.h5"
    folder = Folder.beside(output)
    folder.start(make_plan(base_table(PROBLEM), {"vary": VARY}))
    stored = (folder.path / "plan.json").read_text()
    other = make_plan(base_table(PROBLEM), {"vary": VARY | {"attention.heads": [1, 2]}})
    for run in (
        lambda: run_plan(other, output, Machine(), resume=True),
        lambda: run_shard(other, output, (1, 2), Machine()),
    ):
        with pytest.raises(ConfigurationError, match=r"another plan: there '.*\[1, 3\]', here"):
            run()
    document = json.loads(stored)
    (folder.path / "plan.json").write_text(json.dumps(document | {"version": "0.0.1"}))
    with pytest.raises(ConfigurationError, match=r"version 0\.0\.1"):
        folder.start(folder.plan())
    (folder.path / "plan.json").write_text(stored[:100])
    with pytest.raises(FileError, match="damaged"):
        folder.start(other)
    assert (folder.path / "plan.json").read_text() == stored[:100]


@pytest.mark.slow
def test_points_that_another_plan_left_are_not_taken(tmp_path):
    output, folder = tmp_path / "scan.h5", Folder(tmp_path / "scan.points")
    for heads, machine in (([1, 2], Machine(workers=1)), ([3, 1], Machine(workers=1))):
        plan = make_plan(base_table(PROBLEM), {"vary": {"attention.heads": heads}})
        for index in (1, 2):
            run_shard(plan, output, (index, 2), machine)
        (folder.path / "plan.json").unlink()
    scan = run_plan(plan, output, Machine(workers=1))
    assert scan["hash"].tolist() == [point.hash for point in plan.points]
    assert np.isnan(scan["overlap"][1, 1:]).all()


def test_another_file_in_the_way_is_kept(whole, tmp_path):
    output = tmp_path / "scan.h5"
    output.write_text("precious")
    for resume in (False, True):
        with pytest.raises(FileError):
            op.scan(PROBLEM, VARY, output=output, resume=resume)
    with pytest.raises(ConfigurationError, match="another scan"):
        op.scan(PROBLEM, {"attention.heads": [1]}, output=whole, resume=True)
    assert output.read_text() == "precious"
    assert os.listdir(tmp_path) == ["scan.h5"]
    op.scan(PROBLEM, {"attention.heads": [1]}, output=output, force=True, action="evaluate")
    assert open_group(output, "scan").count("finished") == 1


@pytest.mark.slow
def test_a_chain_starts_from_its_neighbours_and_is_the_same_however_it_is_cut(
    tmp_path, monkeypatch
):
    starts = {}
    submit = LocalPool.submit

    def noted(self, task):
        starts[task.hash] = task.start
        return submit(self, task)

    monkeypatch.setattr(LocalPool, "submit", noted)
    vary = {"task.signal.strengths[0]": [4, 9], "task.length": [3, 4]}
    settings = {"vary": vary, "action": "optimum", "warm_start": "task.length"}
    plan = make_plan(base_table("single-head"), settings)
    scan = run_plan(plan, tmp_path / "a.h5", Machine(workers=2))
    for chain, overlaps in zip(plan.chains, scan["overlap"], strict=True):
        assert [starts[point.hash] is None for point in chain] == [True, False]
        assert starts[chain[1].hash]["overlap"] == overlaps[0].tolist()

    def stop(point, reply):
        if point.values == (4, 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_plan(plan, tmp_path / "b.h5", Machine(workers=1), on_point=stop)
    run_plan(plan, tmp_path / "b.h5", Machine(workers=2), resume=True)
    assert contents(tmp_path / "a.h5") == contents(tmp_path / "b.h5")
    with pytest.raises(ConfigurationError, match="only 2 points that can run at the same time"):
        run_shard(plan, tmp_path / "c.h5", (1, 3), Machine())


@pytest.mark.slow
def test_kills_at_random_moments_lose_nothing(tmp_path):
    """SIGKILL again and again; each resumed run has no less than the one before, and the end is
    that of an uninterrupted run."""
    vary = {"initial.seed": "0:4:5"}
    scan = op.scan(PROBLEM, vary, output=tmp_path / "whole.h5", workers=1)
    assert scan.count("finished") == 5
    script = (
        "import orderparams as op\n"
        f"problem = op.load('flipped-spikes', {SETTINGS!r})\n"
        f"op.scan(problem, {vary!r}, output='scan.h5', workers=1, resume=True)\n"
    )
    generator, kills, kept = random.Random(0), 0, set()
    while True:
        process = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path)
        points = tmp_path / "scan.points"
        started = len(list(points.glob("0*.h5")))
        while process.poll() is None and len(list(points.glob("0*.h5"))) <= started:
            time.sleep(0.01)
        try:
            process.wait(generator.uniform(0, 0.05))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            break
        kills += 1
        now = {path.name for path in points.glob("0*.h5")}
        assert kept <= now or (tmp_path / "scan.h5").exists()
        kept = now
    assert kills >= 3
    assert contents(tmp_path / "scan.h5") == contents(tmp_path / "whole.h5")
    assert not points.exists()
