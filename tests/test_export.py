"""Export: every number of every file, to the last bit, in formats that other programs read."""

import csv
import itertools
import json
import resource
import subprocess
import sys
import textwrap
import tracemalloc

import h5py
import numpy as np
import pytest
import result_files
import xarray

import orderparams as op
from orderparams.config import to_toml
from orderparams.errors import FileError
from orderparams.exports import ENDINGS, WRITERS, export_file
from orderparams.storage import groups
from orderparams.storage.attributes import plain
from orderparams.storage.nodes import loaded, write_tree
from orderparams.storage.points import point_name


def exported(path, to, folder):
    target = folder / f"{path.stem}{ENDINGS[to]}"
    export_file(path, target, to)
    return target


def contents(path):
    """The arrays of a file by their paths, and the attributes of its groups; no checkpoint."""
    arrays, attributes = {}, {}

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            arrays[name] = loaded(item)
        else:
            attributes[name] = plain(item.attrs)

    with h5py.File(path) as file:
        add("", file)
        file.visititems(add)
    return tuple(
        {name: item for name, item in found.items() if not name.startswith("checkpoint")}
        for found in (arrays, attributes)
    )


def equal(found, expected):
    """Whether two arrays are the same to the last bit; one NaN is like another."""
    found = np.asarray(found).astype(expected.dtype)
    if expected.dtype == object or found.shape != expected.shape:
        return found.tolist() == expected.tolist()
    known = ~np.isnan(expected)
    return found[known].tobytes() == expected[known].tobytes() and np.isnan(found[~known]).all()


@pytest.mark.parametrize("name", result_files.NAMES)
def test_npz(result_paths, tmp_path, name):
    arrays, attributes = contents(result_paths[name])
    with np.load(exported(result_paths[name], "npz", tmp_path)) as archive:
        metadata = {key for key in archive.files if key.endswith("metadata")}
        assert set(archive.files) - metadata == arrays.keys()
        assert all(equal(archive[key], values) for key, values in arrays.items())
        for group, expected in attributes.items():
            about = json.loads(str(archive[f"{group}/metadata".strip("/")]))
            assert about["attributes"] == expected


@pytest.mark.parametrize("name", result_files.NAMES)
def test_json(result_paths, tmp_path, name):
    arrays, attributes = contents(result_paths[name])
    text = exported(result_paths[name], "json", tmp_path).read_text("utf-8")
    document = json.loads(text, parse_constant=pytest.fail)
    assert document.keys() == {f"/{group}" for group in attributes}
    for group, expected in attributes.items():
        assert document[f"/{group}"]["attributes"] == expected
    for path, values in arrays.items():
        group, variable = path.rsplit("/", 1)
        entry = document[f"/{group}"]["variables"][variable]
        found = np.array(entry["values"], dtype=values.dtype).reshape(values.shape)
        assert equal(found, values)
        assert len(entry["axes"]) == values.ndim
        assert entry["units"]
        assert entry["long_name"]


@pytest.mark.parametrize("name", result_files.NAMES)
def test_csv(result_paths, tmp_path, name):
    arrays, attributes = contents(result_paths[name])
    with exported(result_paths[name], "csv", tmp_path).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    columns = {}
    for row in rows:
        columns.setdefault((row.pop("path") + "/" + row["variable"]).strip("/"), []).append(row)
    for path, values in arrays.items():
        if path in columns:
            found = np.array([float(row["value"]) for row in columns.pop(path)])
            assert equal(found.reshape(values.shape), values.astype(float))
        elif values.size:
            assert path.rsplit("/", 1)[1] in rows[0], "axes, texts and coordinates are columns"
    assert columns.keys() <= {f"{g}/{key}" for g, known in attributes.items() for key in known}


def test_a_row_of_the_csv_says_where_its_number_stands(result_paths, tmp_path):
    run = op.open(result_paths["run"])
    with exported(result_paths["run"], "csv", tmp_path).open(
        encoding="utf-8", newline=""
    ) as stream:
        rows = [row for row in csv.DictReader(stream) if row["variable"] == "overlap"]
    assert list(rows[0]) == ["path", "time", "head", "feature", "head_2", "variable", "value"]
    places = itertools.product(run.time.tolist(), (1, 2), (1, 2))
    for row, (time, head, feature) in zip(rows, places, strict=True):
        found = (float(row["time"]), int(row["head"]), int(row["feature"]), row["head_2"])
        assert found == (time, head, feature, "")
    bayes_risk = (tmp_path / "run.csv").read_text("utf-8").splitlines()[1]
    assert bayes_risk == f"/trajectory,,,,,bayes_risk,{run.bayes_risk!r}"


@pytest.mark.parametrize("name", ["solve", "random"])
def test_what_points_store_has_their_varied_values_beside_it(result_paths, tmp_path, name):
    scan = op.open(result_paths[name])
    with exported(result_paths[name], "csv", tmp_path).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    axes = [scan["activation"], scan["heads"]]
    if name == "solve":
        axes = [grid.ravel() for grid in np.meshgrid(*axes, indexing="ij")]
    seen = {
        (row["path"].removesuffix("/trajectory"), row["activation"], int(row["heads"]))
        for row in rows
        if row["path"].endswith("/trajectory")
    }
    assert seen == set(zip(scan["group"].ravel(), *axes, strict=True))
    finished = [row for row in rows if row["path"] == "/scan" and row["variable"] == "risk"]
    assert [row["status"] for row in finished] == ["finished"] * scan["status"].size


@pytest.mark.parametrize("name", result_files.NAMES)
def test_netcdf(result_paths, tmp_path, name):
    arrays, attributes = contents(result_paths[name])
    path = exported(result_paths[name], "netcdf", tmp_path)
    main = next(group for group in groups.MAIN if group in attributes)
    found, known = contents(path)
    assert known[""] == attributes[""] | attributes[main]
    for key, values in arrays.items():
        assert equal(found[key.removeprefix(f"{main}/")], values)
    for key in attributes.keys() - {"", main}:
        assert known[key] == attributes[key]
        with xarray.open_dataset(path, group=key) as dataset:
            assert set(dataset.dims) <= set(dataset.coords)
    with xarray.open_dataset(path) as dataset:
        assert dataset.sizes
        assert set(dataset.dims) <= set(dataset.coords)
        for variable in dataset.variables.values():
            assert variable.attrs["units"]
            assert variable.attrs["long_name"]


def test_xarray_selects_by_the_varied_values(result_paths, tmp_path):
    scan = op.open(result_paths["solve"])
    with xarray.open_dataset(exported(result_paths["solve"], "netcdf", tmp_path)) as dataset:
        chosen = dataset.overlap.sel(activation="softmax-1", heads=2)
        assert chosen.dims == ("head", "feature")
        np.testing.assert_array_equal(chosen, scan["overlap"][1, 1])
        assert dataset.heads.attrs["key"] == "attention.heads"


@pytest.mark.parametrize("to", WRITERS)
def test_the_size_of_the_pieces_changes_nothing(result_paths, tmp_path, monkeypatch, to):
    for folder, size in (("whole", 2**15), ("pieces", 5)):
        (tmp_path / folder).mkdir()
        monkeypatch.setattr(groups, "PIECE", size)
        exported(result_paths["validation"], to, tmp_path / folder)
    whole, pieces = (
        tmp_path / folder / f"validation{ENDINGS[to]}" for folder in ("whole", "pieces")
    )
    if to == "netcdf":
        np.testing.assert_equal(contents(whole), contents(pieces))
    else:
        assert whole.read_bytes() == pieces.read_bytes()


def test_numbers_that_json_does_not_know(result_paths, tmp_path):
    path = tmp_path / "run.h5"
    path.write_bytes(result_paths["run"].read_bytes())
    with h5py.File(path, "r+") as file:
        file["trajectory/risk"][:3] = [np.inf, -np.inf, np.nan]
        file["trajectory"].attrs["bayes_risk"] = np.nan
        file["trajectory"].attrs["engine"] = "NaN, Infinity"
    text = exported(path, "json", tmp_path).read_text("utf-8")
    trajectory = json.loads(text, parse_constant=pytest.fail)["/trajectory"]
    assert trajectory["variables"]["risk"]["values"][:3] == [np.inf, -np.inf, None]
    assert trajectory["attributes"]["bayes_risk"] is None
    assert trajectory["attributes"]["engine"] == "NaN, Infinity"


def scan_with_trajectories(path, points, times):
    """A scan of four heads over the length, made of random numbers, with all trajectories."""
    generator = np.random.default_rng(0)
    lengths = np.arange(2, 2 + points)
    texts = {"status": "finished", "message": "", "hash": "", "group": ""}
    arrays = {name: np.full(points, text, dtype=object) for name, text in texts.items()}
    arrays["group"][:] = [f"/points/{point_name(number)}" for number in range(1, points + 1)]
    arrays["risk"] = generator.random(points)
    axis = {"length": lengths}
    problem = op.load("two-stage")
    op.Scan(problem, "", "solve", {"length": "task.length"}, axis, axis, arrays).save(path)
    with h5py.File(path, "r+") as file:
        for group in arrays["group"]:
            overlap, q, risk = (generator.random((times, *one)) for one in ((4, 3), (4, 4), ()))
            state = {"overlap": overlap, "self_overlap": q}
            run = op.Trajectory(problem, np.arange(times, dtype=float), state, risk)
            write_tree(file.create_group(group), run.course())


@pytest.mark.parametrize("to", ["csv", "json"])
def test_python_holds_no_more_than_pieces(tmp_path, monkeypatch, to):
    """740 KB of numbers in 5 trajectories, in pieces of 2 KB."""
    monkeypatch.setattr(groups, "PIECE", 256)
    for name, points in (("small", 1), ("large", 5)):
        scan_with_trajectories(tmp_path / f"{name}.h5", points, 600)
    exported(tmp_path / "small.h5", to, tmp_path)  # what is imported now is not counted
    peaks = []
    for _ in range(3):  # threads of the test's own process allocate as well: the least counts
        tracemalloc.start()
        written = exported(tmp_path / "large.h5", to, tmp_path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        written.unlink()
        if peaks[-1] < 400_000:
            break
    assert min(peaks) < 400_000


GROWTH = """
    import resource, sys
    from pathlib import Path
    from orderparams.exports import export_file

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    small, large, target, to = sys.argv[1:]
    export_file(Path(small), Path(target), to)
    before = peak()
    export_file(Path(large), Path(target), to, force=True)
    print((peak() - before) * (1 if sys.platform == "darwin" else 1024))
"""


@pytest.mark.parametrize("to", ["npz", "netcdf"])
def test_the_process_holds_no_more_than_pieces(result_paths, tmp_path, to):
    """128 MiB, of zeros that are stored deflated; what HDF5 itself holds counts as well."""
    path = tmp_path / "large.h5"
    with h5py.File(path, "w") as file:
        config = to_toml(op.load("single-head"))
        file.attrs.update(program="orderparams", schema_version=1, config=config)
        for name in ("time", "risk"):
            data = file.create_dataset(f"trajectory/{name}", data=np.zeros(2**23), compression=1)
            data.attrs.update(units="1", long_name=name)
        file["trajectory/time"].make_scale("time")
        data.dims[0].attach_scale(file["trajectory/time"])
    arguments = [result_paths["run"], path, tmp_path / "out", to]
    growth = subprocess.check_output(
        [sys.executable, "-c", textwrap.dedent(GROWTH), *map(str, arguments)]
    )
    assert (tmp_path / "out").stat().st_size > 2**27
    assert int(growth) < 2**26


def test_the_command_names_the_file_and_never_replaces_one_unasked(run, result_paths, tmp_path):
    source = tmp_path / "run.h5"
    source.write_bytes(result_paths["run"].read_bytes())
    assert run("export", "run.h5", "--to", "netcdf") == (0, "", "written to run.nc\n")
    assert run("export", "run.h5", "--to", "netcdf") == (0, "", "written to run-2.nc\n")
    status, _, err = run("export", "run.h5", "--to", "csv", "-o", "run.nc", "--force")
    assert (status, err) == (
        2,
        "orderparams: run.nc: an export to csv has the ending .csv, not .nc; name it run.csv\n",
    )
    status, _, err = run("export", "run.h5", "--to", "netcdf", "-o", "run.nc")
    assert (status, err) == (5, "orderparams: " + EXISTS)
    assert run("export", "run.h5", "-o", "mine.JSON") == (0, "", "written to mine.JSON\n")
    assert json.loads((tmp_path / "mine.JSON").read_text("utf-8"))
    status, _, _ = run("export", "run.h5", "--to", "csv", "-o", "run", "--force")
    assert status == 0
    assert (tmp_path / "run").read_text("utf-8").startswith("path,time,")
    assert run("export", "run.h5", "--to", "npz", "-o", "run.h5", "--force")[0] == 2
    assert source.read_bytes() == result_paths["run"].read_bytes()


EXISTS = "run.nc exists; use --force to replace it, or -o to name another file\n"


def test_the_command_refuses_with_one_message(run, result_paths, tmp_path):
    source = result_paths["run"]
    (tmp_path / "my.toml").write_text("title = 'mine'")
    for arguments, status, words in (
        (("run.h5",), 2, "--to is missing; it is one of csv, npz, netcdf, json"),
        (("run.h5", "-o", "run"), 2, "--to is missing; it is one of csv, npz, netcdf, json"),
        (
            (source, "--to", "xls"),
            2,
            "--to: 'xls' is not one of csv, npz, netcdf, json",
        ),
        (("none.h5", "--to", "csv"), 5, "orderparams: none.h5 does not exist"),
        (
            ("my.toml", "--to", "csv"),
            5,
            "orderparams: my.toml is a configuration, not a result file (HDF5)",
        ),
        (
            (source, "--to", "csv", "-o", "no/run.csv"),
            5,
            "no does not exist; create it",
        ),
    ):
        found, out, err = run("export", *arguments)
        assert (found, out) == (status, "")
        assert words in err
    assert [path.name for path in tmp_path.iterdir()] == ["my.toml"]


@pytest.mark.parametrize("to", WRITERS)
def test_a_full_disk_leaves_the_old_file(result_paths, tmp_path, to):
    """The disk is full after 8 KB: a limit on the size of files."""
    target = tmp_path / "out"
    target.write_text("old")
    command = [
        sys.executable,
        "-m",
        "orderparams",
        "export",
        result_paths["validation"],
        "--to",
        to,
    ]
    full = subprocess.run(
        [*command, "-o", target, "--force"],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)),
    )
    assert full.returncode == 5
    assert full.stderr.startswith(f"orderparams: {target} could not be written: ")
    assert len(full.stderr.splitlines()) == 1
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_damaged_file_is_named(result_paths, tmp_path):
    """One byte of the numbers' deflated storage is changed."""
    path = tmp_path / "run.h5"
    path.write_bytes(result_paths["run"].read_bytes())
    with h5py.File(path, "r+") as file:
        group = file["trajectory"]
        values = group["risk"][...]
        del group["risk"]
        risk = group.create_dataset("risk", data=values, compression=9, fletcher32=True)
        risk.dims[0].attach_scale(group["time"])
        place, size = risk.id.get_chunk_info(0).byte_offset, risk.id.get_storage_size()
    content = bytearray(path.read_bytes())
    content[place + size // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"run\.h5: /trajectory/risk is damaged"):
        exported(path, "csv", tmp_path)
