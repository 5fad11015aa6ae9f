"""Files: what is written is read back, xarray opens it, and nothing half written is ever seen."""

import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping

import h5py
import numpy as np
import pytest
import result_files
import xarray

import orderparams as op
from orderparams.errors import FileError
from orderparams.results.files import open_group
from orderparams.results.trajectory import Trajectory
from orderparams.storage.files import atomic
from orderparams.storage.seal import LENGTH


@pytest.fixture
def trajectory():
    problem = op.load("two-stage", ["output.points=7", "attention.bias=learned"])
    generator = np.random.default_rng(0)
    return Trajectory(
        problem=problem,
        time=np.linspace(0, 1, 7),
        parameters={
            "overlap": generator.normal(size=(7, 4, 3)),
            "self_overlap": generator.normal(size=(7, 4, 4)),
            "bias": generator.normal(size=(7, 4)),
        },
        risk=generator.normal(size=7),
        references={"bayes_risk": 0.25},
        status="failed",
        message="stopped at t = 1",
        engine="quadrature",
        statistics={"steps": 3},
        seconds=1.5,
    )


def test_round_trip(trajectory, tmp_path):
    trajectory.save(tmp_path / "run.h5")
    again = op.open(str(tmp_path / "run.h5"))
    for name, value in vars(trajectory).items():
        np.testing.assert_equal(getattr(again, name), value)


def same(first, second):
    """Whether two results are equal, down to every number in them."""
    if dataclasses.is_dataclass(first):
        names = [field.name for field in dataclasses.fields(first) if field.compare]
        return type(first) is type(second) and all(
            same(getattr(first, name), getattr(second, name)) for name in names
        )
    if isinstance(first, Mapping):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    np.testing.assert_equal(first, second)
    return True


def test_every_result_is_opened_as_what_it_was(results, result_paths):
    for name, result in results.items():
        again = op.open(result_paths[name])
        if name == "begun":  # opened as its last simulation
            again = open_group(result_paths[name], "plan")
        if isinstance(result, op.Validation):
            for flow, read in zip(flows(result), flows(again), strict=True):
                assert same(stored(flow), stored(read))
                start = read.problem.initial
                np.testing.assert_allclose(start.overlap, flow.overlap[0], rtol=1e-14)
                np.testing.assert_allclose(start.self_overlap, flow.self_overlap[0], rtol=1e-14)
            result, again = (dataclasses.replace(kept, theory={}) for kept in (result, again))
        assert same(result, again), name
    assert same(op.open(result_paths["stages"]), op.open(result_paths["run"]))
    assert all(isinstance(op.open(result_paths[name]), op.Scan) for name in result_files.SCANS)


def flows(validation):
    """The theory in each dimension for each replica."""
    return [flow for flows in validation.theory.values() for flow in flows]


def stored(flow):
    """What the file of a validation keeps of a flow bit by bit."""
    names = ("time", "parameters", "risk", "references", "reference_errors", "engine", "status")
    return {name: getattr(flow, name) for name in names}


def test_xarray_opens_it_without_adapters(trajectory, tmp_path):
    path = tmp_path / "run.h5"
    trajectory.save(path)
    with xarray.open_dataset(path, group="trajectory", engine="h5netcdf") as dataset:
        assert dataset.overlap.dims == ("time", "head", "feature")
        assert dataset.self_overlap.dims == ("time", "head", "head_2")
        np.testing.assert_array_equal(dataset.time, trajectory.time)
        np.testing.assert_array_equal(dataset["head"], [1, 2, 3, 4])
        assert all(v.attrs["units"] == "1" and v.attrs["long_name"] for v in dataset.values())
    with xarray.open_datatree(path, engine="h5netcdf") as tree:
        assert tree.attrs["schema_version"] == 1
        assert "[task.signal]" in tree.attrs["config"]
        np.testing.assert_array_equal(tree["trajectory/risk"], trajectory.risk)


def test_a_configuration_above_64_kib_fits(trajectory, tmp_path):
    components = [{"mean": [float(i), 1 / 3]} for i in range(4000)]
    problem = op.load({"task": {"signal": {"kind": "mixture", "components": components}}})
    generator = np.random.default_rng(1)
    parameters = {"overlap": generator.normal(size=(1, 4, 2)), "self_overlap": np.zeros((1, 4, 4))}
    Trajectory(problem, np.zeros(1), parameters, np.zeros(1)).save(tmp_path / "big.h5")
    assert op.open(tmp_path / "big.h5").problem == problem
    with xarray.open_dataset(tmp_path / "big.h5", engine="h5netcdf", group="trajectory") as dataset:
        assert dataset.sizes["feature"] == 2


def test_an_existing_file_is_kept_unless_forced(trajectory, tmp_path):
    path = tmp_path / "run.h5"
    path.write_text("precious")
    with pytest.raises(FileError, match="exists; give force=True"):
        trajectory.save(path)
    assert path.read_text() == "precious"
    trajectory.save(path, force=True)
    assert op.open(path).status == "failed"


def test_of_two_writers_one_wins_and_the_other_is_told(tmp_path):
    path = tmp_path / "run.h5"
    with (
        pytest.raises(FileError, match="another process"),
        atomic(path, force=False) as temporary,
    ):
        temporary.write_text("late")
        path.write_text("early")
    assert path.read_text() == "early"
    assert os.listdir(tmp_path) == ["run.h5"]


def test_a_failed_write_leaves_the_old_file_and_no_debris(tmp_path):
    path = tmp_path / "run.h5"
    path.write_text("old")
    with (
        pytest.raises(FileError, match="could not be written: disk full"),
        atomic(path, force=True) as temporary,
    ):
        temporary.write_text("half")
        raise OSError("disk full")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["run.h5"]


def test_a_kill_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "run.h5"
    path.write_text("old")
    script = f"""
        import os, signal, pathlib
        from orderparams.storage.files import atomic
        with atomic(pathlib.Path({str(path)!r}), force=True) as temporary:
            temporary.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)])
    assert killed.returncode == -signal.SIGKILL
    assert path.read_text() == "old"


def test_damaged_files_are_answered_by_a_message(trajectory, tmp_path):
    path = tmp_path / "run.h5"
    trajectory.save(path)
    content = path.read_bytes()[:-LENGTH]  # without the seal
    for size in range(0, len(content), len(content) // 40):
        path.write_bytes(content[:size])
        with pytest.raises(FileError, match=r"run\.h5"):
            op.open(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.attrs.__setitem__("program", "other"), "not written by orderparams"),
        (lambda f: f.attrs.__setitem__("schema_version", 99), "schema version 99"),
        (lambda f: f.attrs.__setitem__("config", "a = ="), "configuration cannot be read"),
        (lambda f: f.attrs.__delitem__("config"), "damaged or incomplete"),
        (lambda f: f.__delitem__("trajectory"), r"run\.h5 holds no result; it has no groups; "),
        (lambda f: f["trajectory"].__delitem__("risk"), "damaged or incomplete"),
    ],
)
def test_foreign_and_incomplete_files(trajectory, tmp_path, change, words):
    path = tmp_path / "run.h5"
    trajectory.save(path)
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(FileError, match=words):
        op.open(path)
