"""The machine: threads, memory, and folders that cannot be written change no result."""

import json
import os
import pwd
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from reliability.shell import check_refusal, command

import orderparams
from orderparams import memory
from orderparams.processors import THREADS

RESULTS = """
import hashlib, json, sys
import numpy as np
import orderparams as op

threads = int(sys.argv[1])

def digest(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()

def flow(*settings):
    run = op.solve(op.load("two-stage", ["output.points=4", *settings]))
    return digest(run.time, run.overlap, run.self_overlap, run.risk)

def sgd(*settings):
    common = ["training.duration=0.2", "output.points=3", "simulation.replicas=3"]
    run = op.simulate(op.load("two-stage", [*common, *settings]), workers=threads)
    records = run.records
    return digest(records.overlap, records.self_overlap, records.loss, run.risk)

def points(workers):
    settings = ["output.points=3", "training.duration=5"]
    vary = {"initial.seed": [1, 2, 3]}
    scan = op.scan(op.load("single-head", settings), vary, workers=workers)
    return digest(scan["risk"], scan["overlap"], scan["self_overlap"])

def evaluations(*settings):
    found = [op.evaluate(op.load(name, settings)) for name in op.presets()]
    return digest(*(values for one in found for values in [one.risk, *one.gradient.values()]))

sampling = ["expectation.engine=sampling", "expectation.samples=2048"]
print(json.dumps({
    "evaluations": evaluations(),
    "quadrature": flow("training.duration=30"),
    "sampling": flow("training.duration=10", *sampling),
    "gram": sgd("simulation.dimension=1000"),
    "direct": sgd("simulation.dimension=3000", "simulation.backend=direct"),
    "scan": points(threads),
}))
"""


def results(threads, **environment):
    done = subprocess.run(
        [sys.executable, "-c", RESULTS, str(threads)],
        env=os.environ | dict.fromkeys(THREADS, str(threads)) | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.slow
def test_results_are_the_same_to_the_last_bit_with_any_number_of_threads():
    """One, two and four threads: runs of their own, each with its own kernels loaded, workers and
    library threads.

    In all but the first glibc overwrites memory when it is allocated and when it is freed: nothing
    is read before it is written, nor after it is given back.
    """
    first = results(1)
    assert len(set(first.values())) == len(first)
    for threads in (2, 4):
        assert results(threads, MALLOC_PERTURB_="165") == first


COMMAND = """
import os, sys
from orderparams.__main__ import main

sys.argv = ["orderparams", "presets"]
try:
    main()
finally:
    print(os.environ.get("OPENBLAS_NUM_THREADS"), os.environ.get("OMP_NUM_THREADS"))
"""


@pytest.mark.parametrize(
    ("chosen", "left"), [({}, "1 None"), ({"OMP_NUM_THREADS": "4"}, "None 4")], ids=["none", "four"]
)
def test_blas_works_in_one_thread_unless_the_user_chose(chosen, left):
    """In a command, before NumPy is loaded: threads that wait take the processors from others."""
    free = {name: value for name, value in os.environ.items() if name not in THREADS}
    done = subprocess.run(
        [sys.executable, "-c", COMMAND], env=free | chosen, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == left


AMBIENT = {
    key: value
    for key, value in os.environ.items()
    if key not in ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR")
}


@pytest.mark.slow
def test_a_home_that_cannot_be_written(tmp_path):
    """The command works, and says why it takes longer."""
    done = subprocess.run(
        [sys.executable, "-m", "orderparams", "evaluate", "saad-solla"],
        env=AMBIENT | {"HOME": "/dev/null"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "risk" in done.stdout
    assert done.stderr.startswith("Compiling the kernels, as every run will: no folder can be")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


HOME = Path(pwd.getpwuid(os.getuid()).pw_dir)


def test_the_memory_of_a_job_is_that_of_its_control_groups(monkeypatch):
    """The limit of the job, above that of its step, less what is taken already."""
    files = {
        "/proc/self/cgroup": ["4:memory:/old", "0::/jobs/step"],
        "/sys/fs/cgroup/jobs/step/memory.max": ["max"],
        "/sys/fs/cgroup/jobs/memory.max": ["1000000"],
        "/sys/fs/cgroup/jobs/memory.stat": ["anon 400000", "file 500000"],
    }
    monkeypatch.setattr(memory, "lines", lambda path: files.get(path, []))
    assert memory.available() == 600_000


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"HOME": "/dev/null"}, None),
        ({"HOME": "/dev/null", "XDG_CACHE_HOME": "/proc/1/cache"}, None),
        ({"NUMBA_CACHE_DIR": "/dev/null/cache"}, None),
        ({}, HOME / ".cache" / "orderparams" if os.access(HOME, os.W_OK) else None),
    ],
)
def test_where_kernels_are_kept(tmp_path, environment, place):
    """Where $HOME is not set, in the home of the user; never in the working folder."""
    done = subprocess.run(
        [sys.executable, "-c", "from orderparams.compiled import cache_root; print(cache_root())"],
        env=AMBIENT | environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(place)
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_into_the_installation():
    """It may be read-only: no compiled kernel stands beside the sources."""
    package = Path(str(orderparams.__file__)).parent
    assert not list(package.rglob("*.nb[ic]"))


MANY = "[" + "1," * 3000 + "]"
HUGE = {
    "direct": ("simulate", "-s", "simulation.backend=direct",
               "-s", "simulation.dimension=1000000000000"),
    "replicas": ("simulate", "-s", "simulation.replicas=1000000", "-s", "output.points=1000000"),
    "times": ("simulate", "-s", "attention.heads=256", "-s", "output.points=1000000",
              "-s", "simulation.dimension=100000"),
    "validation": ("validate", "-s", "simulation.backend=direct",
                   "-s", "simulation.dimension=1000000000000"),
    "heads": ("solve", "-s", "attention.heads=256", "-s", "output.points=1000000"),
    "directions": ("evaluate", "-s", f"task.signal={{kind='flipped-spikes', strengths={MANY}}}",
                   "-s", "initial.dimension=100000"),
    "samples": ("evaluate", "-s", "expectation.engine=sampling", "-s", "task.length=1000000"),
    "points": ("scan", "--vary", "initial.seed=1:1000:1000",
               "--vary", "training.batch_size=1:1000:1000",
               "-s", f"title='{'x' * 40000}'", "--dry-run"),
}  # fmt: skip


@pytest.mark.parametrize("arguments", HUGE.values(), ids=HUGE)
def test_what_does_not_fit_into_memory_is_refused_with_an_estimate(
    tmp_path, monkeypatch, arguments
):
    monkeypatch.chdir(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        resource.setrlimit(resource.RLIMIT_AS, (16 * 2**30, limits[1]))
        answer = command(arguments[0], "two-stage", *arguments[1:])
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)
    check_refusal(answer, 2)
    assert " take " in answer.err
    assert "GiB" in answer.err or "TiB" in answer.err
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500 * 1024
    assert not list(tmp_path.iterdir())
