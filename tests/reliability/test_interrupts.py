"""Signals to whole commands: one message, exit status 130, and what was done is kept.

benchmarks/interrupts.py does the same to every command at many more moments.
"""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import orderparams as op

PROGRAM = [sys.executable, "-m", "orderparams"]
LONG = ["-s", "training.duration=1e7", "-s", "integrator.method=RK23"]
LONG += ["-s", "expectation.tolerance=1e-6", "-s", "integrator.max_steps=999999999"]
COMMANDS = {
    "solve": ["solve", "two-stage", *LONG, "-o", "out.h5"],
    "analyze": ["analyze", "two-stage", *LONG, "-o", "out.h5"],
    "simulate": ["simulate", "-s", "training.duration=1e4", "-o", "out.h5"],
    "validate": ["validate", "-s", "training.duration=1e4", "-o", "out.h5"],
    "scan": ["scan", "two-stage", *LONG, "--vary", "task.length=2,3", "-o", "out.h5"],
}


def answers(pid):
    """Whether a process has a handler of SIGTERM: what Python itself never sets."""
    caught = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(caught[1], 16) >> (signal.SIGTERM - 1) & 1


@pytest.mark.parametrize("name", COMMANDS)
def test_a_signal_while_libraries_are_loaded_is_answered_by_one_message(name, tmp_path):
    """SIGINT alone: here SIGTERM is the same."""
    check_answer([*PROGRAM, *COMMANDS[name]], 0.1, signal.SIGINT, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_signal_at_work_is_answered_by_one_message(name, number, tmp_path, loaded_command):
    """A second after a command that has its libraries was called."""
    check_answer([loaded_command, *COMMANDS[name]], 1.0, number, tmp_path)


def check_answer(line, delay, number, tmp_path):
    """A signal some time after it is first handled ends a command in the way of interruptions."""
    process = subprocess.Popen(line, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not answers(process.pid):
        assert process.poll() is None
        time.sleep(0.005)
    time.sleep(delay)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert err.count("orderparams: ") == 1
    assert not list(tmp_path.glob(".*.part"))
    if (tmp_path / "out.h5").exists():
        assert op.open(tmp_path / "out.h5").status == "interrupted"
