"""Kernels compiled ahead: what is missing, in what order, by several processes."""

import json
import os
import subprocess
import sys
import threading

import numba
import numpy as np
import pytest

import orderparams as op
from orderparams import ahead
from orderparams.arrays import Array2, Transposed
from orderparams.expectations.laws import Lengths
from orderparams.expectations.separate import integrals

ROOM = """
from orderparams.arrays import Array1
from orderparams.compiled import kernel, part

@part()
def one(x: Array1) -> float:
    return x[0] + 1.0

@part()
def two(x: Array1, n: int) -> float:
    return n * one(x)

@part()
def three(x: float) -> float:
    return x + 3.0

@part()
def four(x: float) -> float:
    return x + 4.0

@kernel()
def five(x: Array1) -> float:
    return two(x, 2) + three(1.0) + four(1.0)
"""

PROGRAM = """
import json, sys, numpy
from orderparams import ahead, compiled
sys.executable = {executable!r} or sys.executable
said = []
compiled.on_compiling[:] = [said.append]
from rooms.room import five
missing = [job.kernel.__name__ for job in ahead.missing([five])]
count = ahead.compile_missing((five,))
hits = sum(five.stats.cache_hits.values())
left = len(ahead.missing([five]))
print(json.dumps([sorted(missing), count, said, left, five(numpy.ones(1))]))
"""


@pytest.fixture
def compile_room(tmp_path):
    """Compile the kernels of a small room ahead in a new process: what it says of them."""
    (tmp_path / "rooms").mkdir()
    (tmp_path / "rooms" / "room.py").write_text(ROOM)

    def compiled(executable=""):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(executable=executable)],
            env=os.environ
            | {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    compiled.cache = tmp_path / "cache"
    return compiled


EVERYTHING = ["five", "four", "one", "three", "two"]


def test_what_is_missing_is_counted_said_and_compiled_once(compile_room):
    """Also beside what an older version has left, and where a part of it is lost."""
    old = compile_room.cache / "0123456789abcdef"
    old.mkdir(parents=True)
    (old / "room.five-1.py312.nbi").write_bytes(b"old")
    assert compile_room() == [EVERYTHING, 5, [5], 0, 13.0]
    assert compile_room() == [[], 0, [], 0, 13.0]
    for path in compile_room.cache.rglob("room.five*.nbc"):
        path.unlink()
    assert compile_room() == [["five"], 1, [1], 0, 13.0]


@pytest.mark.parametrize("executable", ["/bin/false", "/nowhere/python"])
def test_without_other_processes_one_does_it_all(compile_room, executable):
    assert compile_room(executable) == [EVERYTHING, 5, [5], 0, 13.0]


def test_another_process_compiles_what_is_named_to_it(compile_room):
    process = subprocess.run(
        [sys.executable, "-P", "-m", "orderparams.ahead"],
        input='["rooms.room", "two"]\n["rooms.room", "three"]\n',
        env=os.environ
        | {
            "NUMBA_CACHE_DIR": str(compile_room.cache),
            "PYTHONPATH": str(compile_room.cache.parent),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout == "done\ndone\n"
    assert compile_room() == [["five", "four"], 2, [2], 0, 13.0]


def test_jobs_wait_for_what_they_call_and_come_back_where_they_failed():
    def job(name, *after):
        return ahead.Job(name, [], list(after), 0)

    work = ahead.Work([job("last", "first", "second"), job("first"), job("second", "first")])
    first = work.take()
    assert first.kernel == "first"
    work.put(first, done=False)
    first = work.take()
    taken = []
    other = threading.Thread(target=lambda: taken.append(work.take()))
    other.start()
    other.join(0.05)
    assert not taken
    work.put(first, done=True)
    other.join()
    assert taken[0].kernel == "second"
    work.put(taken[0], done=True)
    last = work.take()
    assert last.kernel == "last"
    work.put(last, done=True)
    assert work.take() is None


def test_types_are_read_off_annotations():
    assert [str(kind) for kind in ahead.alternatives(Array2 | Transposed)] == [
        "array(float64, 2d, C)",
        "array(float64, 2d, F)",
    ]
    lengths = Lengths(np.zeros(2, dtype=np.int64), np.zeros(2))
    assert ahead.alternatives(Lengths) == [numba.typeof(lengths)]
    assert ahead.alternatives(tuple[int, bool]) == [numba.typeof((1, True))]
    with pytest.raises(TypeError):
        ahead.alternatives(np.ndarray)


def test_kernels_are_called_with_what_their_annotations_say():
    """So that all of them are compiled ahead, and none for types that nobody calls it with."""
    generator = np.random.default_rng(1)
    overlap = 3.0 * generator.normal(size=(2, 3))  # large and alike: their pair is split
    state = {"overlap": overlap.tolist(), "self_overlap": (overlap @ overlap.T).tolist()}
    assert op.evaluate(
        "two-stage", settings={"attention.heads": 2, "initial": {"kind": "explicit"} | state}
    )
    op.evaluate("two-stage")
    called = ahead.with_called(integrals.KERNELS)
    assert len(called) > 30
    for kernel in called:
        assert set(kernel.overloads) == set(ahead.signatures(kernel)), kernel
