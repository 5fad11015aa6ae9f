"""Writing: killed at any moment, on a full disk, or twice at once, a file is the old or the new."""

import errno
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from reliability.shell import check_refusal, command, contents

import orderparams as op
from orderparams.errors import FileError
from orderparams.storage.files import ABANDONED, atomic, destination, remove_leftovers

QUICK = ("-s", "training.duration=1", "-s", "output.points=5", "-s", "expectation.tolerance=1e-4")

KILLS = """
import json, os, random, signal, sys, time
import numpy as np
import orderparams as op
from pathlib import Path
from orderparams.results.trajectory import Trajectory

def save(mark):
    values = np.full((200, 4, 4), float(mark))
    parameters = {"overlap": values[:, :, :3], "self_overlap": values}
    run = Trajectory(problem, np.arange(200.0), parameters, values[:, 0, 0])
    run.save("run.h5", force=True)

problem = op.load("two-stage")
chance, before, old, new, unreadable, cut_short = random.Random(0), 0.0, 0, 0, 0, 0
started = time.monotonic()
for _ in range(5):
    save(0)
whole = (time.monotonic() - started) / 5
for mark in range(1, 201):
    child = os.fork()
    if not child:
        save(mark)
        os._exit(0)
    if mark % 2:  # at any moment of the whole, which takes as long as the machine is busy
        time.sleep(chance.uniform(0, 1.2 * whole))
    else:  # while the file is being written
        give_up = time.monotonic() + 5 * whole
        while not list(Path().glob(".run.h5.*.part")) and time.monotonic() < give_up:
            time.sleep(whole / 100)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    parts = list(Path().glob(".run.h5.*.part"))
    cut_short += bool(parts)
    for part in parts:
        part.unlink()
    try:
        found = op.open("run.h5")
        value = {*np.unique(found.overlap), *np.unique(found.self_overlap), *np.unique(found.risk)}
        old += value == {before}
        new += value == {mark}
        before = max(value)
    except OSError:
        unreadable += 1
print(json.dumps({"old": old, "new": new, "unreadable": unreadable, "cut_short": cut_short}))
"""


@pytest.mark.slow
def test_two_hundred_kills_while_writing(tmp_path):
    """After each the file is the old one or the new one; many of them struck half-way."""
    done = subprocess.run(
        [sys.executable, "-c", KILLS], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    counts = json.loads(done.stdout)
    assert counts["unreadable"] == 0
    assert counts["old"] + counts["new"] == 200
    assert counts["cut_short"] >= 40


def test_what_a_kill_left_does_not_block_and_is_removed_in_time(tmp_path):
    recent, ancient = tmp_path / ".run.h5.0123abcd.part", tmp_path / ".run.h5.4567cdef.part"
    other = tmp_path / ".other.h5.4567cdef.part"
    for path in (recent, ancient, other):
        path.write_bytes(b"half")
    past = time.time() - 2 * ABANDONED
    for path in (ancient, other):
        os.utime(path, (past, past))
    remove_leftovers(tmp_path / "run.h5")
    assert set(contents(tmp_path)) == {recent.name, other.name}


FULL = f"""
import os, resource, sys
import orderparams as op
from orderparams.errors import FileError

run = op.open({str(Path(__file__).parents[1] / "fixtures/version-1/trajectory.h5")!r})
for limit in (0, 100, 2048, 4096, 8192, 10000):
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            run.save("run.h5", force=True)
        except FileError as error:
            print(error)
        sys.exit()
    print(os.waitpid(child, 0)[1], os.listdir(), open("run.h5").read(), flush=True)
"""


def test_a_full_disk_leaves_the_old_file_and_says_so(tmp_path):
    """In processes of their own, for HDF5 would crash when those end; however full it is."""
    (tmp_path / "run.h5").write_bytes(b"precious")
    done = subprocess.run(
        [sys.executable, "-c", FULL], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = "run.h5 could not be written: file too large; give another path\n"
    assert done.stdout == 6 * (said + "0 ['run.h5'] precious\n")


@pytest.mark.parametrize(
    "arguments", [("solve",), ("simulate",), ("scan", "--vary", "task.length=2,3")]
)
def test_a_full_disk_under_a_command(tmp_path, arguments):
    def small_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

    path = tmp_path / "run.h5"
    path.write_bytes(b"precious")
    name, *options = arguments
    options += ["-s", "simulation.dimension=30"] * (name == "simulate")
    options += ["-q", "-o", "run.h5", "--force"]
    done = subprocess.run(
        [sys.executable, "-m", "orderparams", name, "single-head", *QUICK, *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        preexec_fn=small_disk,
    )
    assert done.returncode == 5
    assert done.stderr.startswith("orderparams: run.")
    assert "could not be written" in done.stderr
    assert done.stderr.count("\n") == 1
    assert path.read_bytes() == b"precious"


def test_a_full_disk_behind_standard_output():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "orderparams", "presets"], stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == 5
    assert done.stderr == b"orderparams: standard output: No space left on device\n"


def test_a_figure_is_whole_or_not_there(tmp_path, monkeypatch):
    """A figure is written in one stroke like everything else."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.png").write_bytes(b"precious")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    fixture = Path(__file__).parents[1] / "fixtures/version-1/trajectory.h5"
    check_refusal(command("plot", fixture, "-o", "run.png", "--force"), 5)
    assert contents(tmp_path) == {"run.png": b"precious"}


def test_of_two_commands_that_write_one_file_one_wins_and_the_other_is_told(tmp_path):
    line = [sys.executable, "-m", "orderparams", "solve", "single-head", *QUICK, "-q", "-o", "a.h5"]
    pair = [
        subprocess.Popen(line, cwd=tmp_path, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    answers = [(process.communicate()[1], process.returncode) for process in pair]
    (winner, zero), (loser, five) = sorted(answers, key=lambda answer: answer[1])
    assert (winner, zero, five) == ("", 0, 5)
    assert loser.startswith("orderparams: a.h5 ")
    assert loser.count("\n") == 1
    written = set(os.listdir(tmp_path))
    assert written in ({"a.h5"}, {"a.h5", "a-2.h5"})  # told before the work, or rescued after it
    assert ("a-2.h5" in loser) == ("a-2.h5" in written)
    assert all(op.open(tmp_path / name).status == "finished" for name in written)


def test_without_hard_links_the_name_is_taken_all_the_same(tmp_path, monkeypatch):
    """As on file systems for memory sticks."""

    def unable(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", unable)
    with atomic(tmp_path / "a", force=False) as temporary:
        temporary.write_text("first")
    with (
        pytest.raises(FileError, match="another process"),
        atomic(tmp_path / "b", force=False) as temporary,
    ):
        temporary.write_text("late")
        (tmp_path / "b").write_text("early")
    assert contents(tmp_path) == {"a": b"first", "b": b"early"}


def test_a_destination_keeps_all_that_is_written(tmp_path):
    block = np.arange(100_000.0)
    with destination(tmp_path / "a") as file:
        file.write(block.data)
    assert (tmp_path / "a").read_bytes()[: block.nbytes] == block.tobytes()
