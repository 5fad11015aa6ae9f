"""Damaged, foreign and hostile files: one message. Files of older schema versions: read."""

import contextlib
import random
import subprocess
import sys

import h5py
import numpy as np
import pytest
from reliability.mutations import FIXTURES, damaged, distort
from reliability.shell import check_refusal, command, contents

import orderparams as op
from orderparams.errors import FileError
from orderparams.storage.schema import SCHEMA_VERSION
from orderparams.storage.seal import LENGTH

FILES = sorted(FIXTURES.glob("version-*/*.h5"))
LAST = FIXTURES / f"version-{SCHEMA_VERSION}"
READERS = (
    ("info", "bad.h5"),
    ("info", "bad.h5", "--json"),
    ("export", "bad.h5", "--to", "json", "-o", "old.json", "--force"),
    ("solve", "bad.h5", "-s", "attention.heads=0", "-o", "old.h5", "--force"),
    ("scan", "bad.h5", "--vary", "attention.heads=0", "-o", "old.h5", "--force"),
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with files that must not be touched."""
    monkeypatch.chdir(tmp_path)
    for name in ("old.h5", "old.json"):
        (tmp_path / name).write_bytes(b"precious")
    return tmp_path


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_files_of_every_version_are_read(folder, path):
    """It opens as what it was, and is shown."""
    result = op.open(path)
    assert (
        path.stem
        in {
            "Trajectory": {"trajectory", "stages"},
            "SimulationRun": {"simulation", "checkpoint"},
            "Validation": {"validation"},
            "Scan": {"scan", "paired"},
            "Evidence": {"claim"},
            "Analysis": {"analysis"},
        }[type(result).__name__]
    )
    assert result.problem == op.load(path)
    assert command("info", path).status == 0


def test_a_fixture_of_each_kind_and_version():
    versions = {path.parent.name for path in FILES}
    assert versions == {f"version-{number}" for number in range(1, SCHEMA_VERSION + 1)}
    assert len(FILES) == 9 * SCHEMA_VERSION


def test_a_stored_simulation_goes_on(folder):
    """The checkpoint in the fixture is continued to what the uninterrupted run stored."""
    (folder / "run.h5").write_bytes((LAST / "checkpoint.h5").read_bytes())
    assert command("simulate", "run.h5", "--resume").status == 0
    whole, again = op.open(LAST / "simulation.h5"), op.open(folder / "run.h5")
    np.testing.assert_allclose(again["overlap"], whole["overlap"], rtol=1e-9)


def test_a_file_of_the_future_is_refused(folder):
    with h5py.File(folder / "bad.h5", "w") as file:
        file.attrs.update({"program": "orderparams", "schema_version": SCHEMA_VERSION + 1})
    answer = command("info", "bad.h5")
    check_refusal(answer, 5)
    assert f"schema version {SCHEMA_VERSION + 1}; this program reads 1 to" in answer.err
    assert "upgrade" in answer.err


def test_five_hundred_damaged_files(folder):
    """Cut short or with flipped bits; what HDF5 itself does not survive does not reach it."""
    chance = random.Random(1)
    good = [path.read_bytes() for path in FILES]
    for number in range(500):
        (folder / "bad.h5").write_bytes(damaged(chance.choice(good), chance))
        before = contents(folder)
        check_refusal(command(*READERS[number % len(READERS)]), 5)
        assert contents(folder) == before


@pytest.mark.slow
def test_two_hundred_distorted_files(folder):
    """Valid HDF5 in which something is missing, of another type or shape, or not finite."""
    chance = random.Random(2)
    for number in range(200):
        (folder / "bad.h5").write_bytes(chance.choice(FILES).read_bytes()[:-LENGTH])
        distort(folder / "bad.h5", chance)
        before = contents(folder)
        answer = command(*READERS[number % 2])
        if answer.status:
            check_refusal(answer, 5)
        with contextlib.suppress(FileError):  # nothing else
            op.open("bad.h5")
        assert contents(folder) == before


def test_damaged_files_in_processes_of_their_own(folder):
    chance = random.Random(3)
    for arguments in READERS:
        (folder / "bad.h5").write_bytes(damaged(FILES[0].read_bytes(), chance))
        done = subprocess.run(
            [sys.executable, "-m", "orderparams", *arguments], capture_output=True, text=True
        )
        assert done.returncode == 5
        assert done.stderr.startswith("orderparams: bad.h5 is ")


def soft(file):
    file["trajectory/risk"] = h5py.SoftLink("/trajectory/bayes")


def external(file):
    file["trajectory/risk"] = h5py.ExternalLink("other.h5", "/secret")


def external_storage(file):
    file.create_dataset("trajectory/risk", shape=6, dtype="f8", external=[("secret.bin", 0, 48)])


def virtual(file):
    layout = h5py.VirtualLayout(shape=(6,), dtype="f8")
    layout[:] = h5py.VirtualSource("other.h5", "secret", shape=(6,))
    file.create_virtual_dataset("trajectory/risk", layout)


def plugin(file):
    """A filter that HDF5 would look for among its plugins; the data are written past it."""
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_chunk((6,))
    creation.set_filter(32000, h5py.h5z.FLAG_OPTIONAL, ())
    space = h5py.h5s.create_simple((6,))
    data = h5py.h5d.create(file.id, b"trajectory/risk", h5py.h5t.NATIVE_DOUBLE, space, creation)
    data.write_direct_chunk((0,), np.zeros(6).tobytes())


def huge(file):
    file.create_dataset("trajectory/risk", shape=(2**40,), dtype="f8", chunks=(6,))


def named_type(file):
    file["trajectory/risk"] = np.dtype("f8")


HOSTILE = {
    soft: "is a link",
    external: "is a link",
    external_storage: "keeps its data in another file",
    virtual: "keeps its data in another file",
    plugin: "needs the HDF5 filter 32000",
    huge: "holds less than the 8796093022208 bytes that it claims",
    named_type: "neither a group nor a dataset",
}


@pytest.mark.parametrize(
    ("change", "words"), HOSTILE.items(), ids=[change.__name__ for change in HOSTILE]
)
def test_what_leads_out_of_a_file_is_refused(folder, change, words):
    (folder / "secret.bin").write_bytes(np.full(6, 42.0).tobytes())
    with h5py.File(folder / "other.h5", "w") as file:
        file["secret"] = np.full(6, 42.0)
    (folder / "bad.h5").write_bytes((LAST / "trajectory.h5").read_bytes()[:-LENGTH])
    with h5py.File(folder / "bad.h5", "r+") as file:
        del file["trajectory/risk"]
        change(file)
    for arguments in READERS:
        answer = command(*arguments)
        check_refusal(answer, 5)
        assert f"bad.h5: /trajectory/risk {words}" in answer.err or words in answer.err


def test_what_h5repack_compresses_is_read(folder):
    """The filters that HDF5 has built in are no danger."""
    with h5py.File(LAST / "trajectory.h5") as file, h5py.File("repacked.h5", "w") as copy:
        copy.attrs.update(file.attrs)
        group = copy.create_group("trajectory")
        group.attrs.update(file["trajectory"].attrs)
        scales = [name for name, data in file["trajectory"].items() if data.is_scale]
        for name in [*scales, *(set(file["trajectory"]) - set(scales))]:
            data = file["trajectory"][name]
            new = group.create_dataset(
                name, data=data, compression="gzip", shuffle=True, fletcher32=True
            )
            if name in scales:
                new.make_scale(name)
            else:
                for target, source in zip(new.dims, data.dims, strict=True):
                    target.attach_scale(group[source[0].name.rsplit("/", 1)[-1]])
    np.testing.assert_array_equal(
        op.open("repacked.h5").overlap, op.open(LAST / "trajectory.h5").overlap
    )
