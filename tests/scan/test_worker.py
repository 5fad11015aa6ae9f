"""Child processes: they answer what the same call answers here, and survive what may happen."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from orderparams.config import to_toml
from orderparams.scans.actions import perform
from orderparams.scans.worker import Crew, Task
from orderparams.sources import load
from orderparams.storage.points import read_image

QUICK = ["expectation.engine=sampling", "expectation.samples=64", "output.points=5"]
CONFIG = to_toml(load("single-head", [*QUICK, "training.duration=2"]))
ENDLESS = to_toml(
    load(
        "single-head",
        [
            *QUICK,
            "training.duration=1e9",
            "integrator.method=RK23",
            "integrator.max_steps=999999999",
        ],
    )
)


@pytest.fixture(scope="module")
def crew():
    crew = Crew()
    crew.run(Task("solve", CONFIG, "compile"))
    yield crew
    crew.close()


def test_a_child_gives_what_the_same_call_gives_here(crew):
    reply = crew.run(Task("solve", CONFIG, "x"))
    record = read_image(reply.image)
    here = perform("solve", load("single-head", [*QUICK, "training.duration=2"]))
    assert (reply.status, record.status, record.hash) == ("finished", "finished", "x")
    assert record.values.keys() == here.values.keys()
    for name, value in here.values.items():
        np.testing.assert_array_equal(record.values[name], value)


def test_libraries_of_a_child_have_one_thread(crew):
    child = crew.idle[0]
    environment = Path(f"/proc/{child.process.pid}/environ").read_text().split("\0")
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        assert f"{name}=1" in environment


def test_a_failure_has_the_message_of_the_solver_and_spoils_nothing(crew):
    config = to_toml(load("single-head", [*QUICK, "integrator.max_steps=3"]))
    reply = crew.run(Task("solve", config, "x"))
    assert reply.status == "failed"
    assert "integrator.max_steps = 3" in reply.message
    assert read_image(reply.image).values == {}
    assert crew.run(Task("solve", CONFIG, "x")).status == "finished"


def test_a_point_without_end_is_stopped_after_its_time(crew):
    started = time.monotonic()
    reply = crew.run(Task("solve", ENDLESS, "x", timeout=0.5))
    assert 0.5 <= time.monotonic() - started < 5
    assert (reply.status, reply.message) == ("failed", "stopped after the limit of 0.5 seconds")
    assert read_image(reply.image).message == reply.message
    assert crew.run(Task("solve", CONFIG, "x", timeout=60)).status == "finished"


def test_a_killed_child_costs_its_point_only(crew):
    def kill():
        while not crew.busy:
            time.sleep(0.01)
        child = next(iter(crew.busy))
        time.sleep(0.5)
        os.kill(child.process.pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    reply = crew.run(Task("solve", ENDLESS, "x"))
    thread.join()
    assert (reply.status, reply.message) == ("failed", "the worker process was killed by SIGKILL")
    assert crew.run(Task("solve", CONFIG, "x")).status == "finished"


def test_a_child_that_died_while_idle_is_replaced(crew):
    crew.run(Task("solve", CONFIG, "x"))
    os.kill(crew.idle[0].process.pid, signal.SIGKILL)
    crew.idle[0].process.wait()
    assert crew.run(Task("solve", CONFIG, "x")).status == "finished"


@pytest.mark.parametrize("forked", [False, True])
def test_children_leave_when_their_parent_is_killed(forked):
    """Also where another process, forked by the parent, holds its end of the pipes."""
    script = (
        "import os, sys, threading, time\n"
        "from orderparams.scans.worker import Crew, Task\n"
        "crew = Crew(); crew.start(2)\n"
        f"other = os.fork() if {forked} else os.getpid()\n"
        "if other == 0: time.sleep(60); os._exit(0)\n"
        "print(other, *(child.process.pid for child in crew.idle), flush=True)\n"
        f"crew.run(Task('solve', {ENDLESS!r}, 'x'))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    other, *children = (int(pid) for pid in parent.stdout.readline().split())
    try:
        time.sleep(2)  # into the point
        parent.kill()
        parent.wait()
        deadline = time.monotonic() + 20
        while any(map(running, children)):
            assert time.monotonic() < deadline, "a child outlived its parent"
            time.sleep(0.05)
        assert running(other) == forked
    finally:
        parent.stdout.close()
        if forked:
            os.kill(other, signal.SIGKILL)


def running(pid):
    """Whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_warm_start_reaches_an_optimum_that_a_cold_one_confirms(crew):
    """One head on one spike attains the Bayes risk (theory 7), from a neighbour's optimum too."""
    ends = {}
    for length in (3, 4):
        config = to_toml(load("single-head", [f"task.length={length}"]))
        record = read_image(crew.run(Task("optimum", config, "x", start=ends or None)).image)
        assert abs(record.values["risk"] - record.values["bayes_risk"]) < 1e-7
        ends = {
            name: record.values[name].tolist()
            for name in ("overlap", "self_overlap", "bias", "head_weight")
        }
    # k = √ν k*: the optimal head does not depend on the length.
    np.testing.assert_allclose(record.values["overlap"], [[2.0]], atol=1e-3)
