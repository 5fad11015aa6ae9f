"""Locks and syncs: where a file system has none, results are written and read all the same."""

import errno
import fcntl
import os
import subprocess
import sys

import pytest
from reliability.mutations import FIXTURES
from reliability.shell import command

import orderparams as op
from orderparams.errors import FileError
from orderparams.scans.worker import one_compiles

LAST = FIXTURES / "version-1"
HOLD = """
import fcntl, sys
file = open(sys.argv[1], "rb+")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_file_that_another_process_has_locked_is_read(tmp_path):
    """Files appear whole under their names: reading asks for no lock."""
    path = tmp_path / "run.h5"
    path.write_bytes((LAST / "trajectory.h5").read_bytes())
    line = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        assert op.open(path).status == "finished"
        assert command("info", path).status == 0
        op.open(LAST / "trajectory.h5").save(path, force=True)
        holder.stdin.close()


def failing(number):
    def call(*_):
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize("wish", ["TRUE", "BEST_EFFORT", "FALSE", "no such word", ""])
def test_a_locked_file_is_read_whatever_hdf5_is_told_to_do(tmp_path, wish):
    """The environment is for all files of HDF5; those that appear whole are the exception."""
    path = tmp_path / "run.h5"
    path.write_bytes((LAST / "trajectory.h5").read_bytes())
    with path.open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = subprocess.run(
            [sys.executable, "-m", "orderparams", "info", "run.h5"],
            cwd=tmp_path,
            env=os.environ | {"HDF5_USE_FILE_LOCKING": wish},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_that_cannot_sync(tmp_path, monkeypatch, number):
    monkeypatch.setattr(os, "fsync", failing(number))
    run = op.open(LAST / "trajectory.h5")
    run.save(tmp_path / "run.h5")
    run.save(tmp_path / "run.h5", force=True)
    assert op.open(tmp_path / "run.h5").status == "finished"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EIO, errno.EACCES])
def test_a_folder_that_cannot_be_synced(tmp_path, monkeypatch, number):
    """The file has its name by then."""
    sync = os.fsync

    def only_files(file):
        if os.path.isdir(f"/proc/self/fd/{file}"):
            raise OSError(number, os.strerror(number))
        sync(file)

    monkeypatch.setattr(os, "fsync", only_files)
    op.open(LAST / "trajectory.h5").save(tmp_path / "run.h5")
    assert op.open(tmp_path / "run.h5").status == "finished"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_is_full_only_at_the_sync_is_full(tmp_path, monkeypatch, number):
    """As it is on network file systems."""
    (tmp_path / "run.h5").write_bytes(b"precious")
    monkeypatch.setattr(os, "fsync", failing(number))
    with pytest.raises(FileError, match="could not be written"):
        op.open(LAST / "trajectory.h5").save(tmp_path / "run.h5", force=True)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"precious"]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_processes_without_locks_compile_each_for_itself(monkeypatch, number):
    monkeypatch.setattr(fcntl, "flock", failing(number))
    with one_compiles():
        pass


def test_without_links_a_name_that_could_not_be_filled_is_free_again(tmp_path, monkeypatch):
    from pathlib import Path

    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    monkeypatch.setattr(Path, "replace", failing(errno.ENOSPC))
    with pytest.raises(FileError, match="no space left"):
        op.open(LAST / "trajectory.h5").save(tmp_path / "run.h5")
    assert not list(tmp_path.iterdir())
