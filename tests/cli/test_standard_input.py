"""CONFIG - is standard input: for every command, read once, with clear messages."""

import io
import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

import orderparams as op
from orderparams.cli.main import orderparams
from orderparams.config import parse, parse_toml
from orderparams.shipped import preset_text
from orderparams.sources import load

CONFIG = """
title = "from a pipe"
task = { length = 3, signal = { kind = "spikes", strengths = [4.0] } }
attention.heads = 1
training.duration = 1.0
output.points = 5
simulation = { dimension = 60, replicas = 2 }
"""


@pytest.fixture
def piped(run, monkeypatch):
    """Run a command line with a text, or bytes, on standard input."""

    def command(written, *arguments):
        content = written.encode() if isinstance(written, str) else written
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), "utf-8"))
        return run(*arguments)

    return command


TAKING = {
    name
    for name, command in orderparams.commands.items()
    if any(parameter.name == "config" for parameter in command.params)
} - {"judge"}  # which reads data before CONFIG: tests/run/test_judge.py
COMMANDS = {
    "solve": [],
    "simulate": [],
    "validate": ["--dimensions", "40,60"],
    "evaluate": ["--json"],
    "analyze": ["--json"],
    "config": [],
    "scan": ["--vary", "initial.seed=0,1", "--action", "evaluate", "-o", "scan.h5", "--workers=1"],
}


def test_every_command_is_tried():
    assert COMMANDS.keys() == TAKING


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_reads_standard_input_as_it_reads_a_file(piped, tmp_path, command):
    (tmp_path / "my.toml").write_text(CONFIG)
    status, out, err = piped(CONFIG, command, "-", *COMMANDS[command])
    made = {path.name for path in tmp_path.iterdir()} - {"my.toml"}
    assert status in (0, 7), err
    assert "Traceback" not in err
    names = {"solve": "stdin.h5", "simulate": "stdin.h5", "validate": "stdin-validation.h5"}
    expected = names.get(command, "scan.h5" if command == "scan" else None)
    assert made == ({expected} if expected else set())
    if command in ("evaluate", "config"):
        assert piped("", command, "my.toml", *COMMANDS[command])[1] == out
    if expected and command != "scan":
        assert load(expected).title == "from a pipe"
        assert load(expected) == load("my.toml") or command == "validate"
        attributes = json.loads(piped("", "info", expected, "--json")[1])
        assert attributes["command"].startswith(f"orderparams {command} -")


def test_settings_apply_and_a_second_file_gets_another_name(piped, tmp_path):
    for _ in range(2):
        assert piped(CONFIG, "solve", "-", "-q", "-s", "task.length=4")[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"stdin.h5", "stdin-2.h5"}
    problem = load("stdin.h5")
    assert (problem.task.length, problem.title) == (4, "from a pipe (altered)")


def test_settings_without_effect_are_named(piped):
    err = piped(f"{CONFIG}\nintegrator.rtol = 1e-5\ntraining.bias_rate = 2", "evaluate", "-")[2]
    assert "training.bias_rate (the bias cancels in softmax" in err


REFUSED = [
    ("", 2, "standard input is empty; a configuration is a text in TOML"),
    (" \n\n", 2, "standard input is empty"),
    ("# nothing\n", 2, "standard input: task is missing"),
    ("[task\n", 2, "standard input: not valid TOML"),
    ("attention.haeds = 3\n", 2, "standard input: 2 errors"),
    (b"\x89HDF\r\n\x1a\n" + bytes(50), 2, "standard input is an HDF5 file; a configuration is"),
    (bytes(range(256)), 2, "standard input is not a text file"),
    (b"a = '\xff'", 2, "standard input is not a text file in UTF-8"),
    ('{"task": {}}', 2, "standard input is a JSON document"),
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("written", "status", "words"), REFUSED)
def test_what_makes_no_configuration_gets_one_message(
    piped, tmp_path, command, written, status, words
):
    found, out, err = piped(written, command, "-", *COMMANDS[command])
    assert (found, out) == (status, "")
    assert err.startswith(f"orderparams: {words}")
    assert err.count("orderparams: ") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("closed", [None, io.TextIOWrapper(io.BytesIO())])
def test_a_closed_standard_input_is_said(run, monkeypatch, closed):
    if closed is not None:
        closed.close()
    monkeypatch.setattr(sys, "stdin", closed)
    status, out, err = run("evaluate", "-")
    assert (status, out) == (2, "")
    assert "standard input is closed" in err


def test_a_resumed_run_is_named_by_its_file(piped):
    assert piped(CONFIG, "solve", "-", "-q")[0] == 0
    assert "name it with -o" in piped(CONFIG, "solve", "-", "--resume")[2]
    longer = CONFIG.replace("duration = 1.0", "duration = 2.0")
    assert piped(longer, "solve", "-", "--resume", "-o", "stdin.h5")[0] == 0
    assert op.open("stdin.h5").time[-1] == 2.0


def test_in_python_it_is_the_same_and_a_path_is_a_file(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CONFIG.encode())))
    assert op.load("-") == op.load("-") == parse(parse_toml(CONFIG))
    assert op.load("-").given.stored
    Path("-").write_text(preset_text("single-head"))
    assert op.load(Path("-")) == op.load("./-") == op.load("single-head")


def test_a_pipe_of_the_shell(tmp_path):
    program = f"{sys.executable} -m orderparams"
    line = f"{program} presets single-head | {program} config - | {program} config -"
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, check=True)
    assert parse(parse_toml(done.stdout.decode())) == load("single-head")


def test_who_has_to_type_is_told_so(tmp_path):
    program, terminal = pty.fork()
    if program == 0:
        os.chdir(tmp_path)
        os.execv(sys.executable, [sys.executable, "-m", "orderparams", "config", "-"])
    seen = b""
    try:
        while b"Ctrl-D" not in seen:
            assert select.select([terminal], [], [], 60)[0], seen
            seen += os.read(terminal, 4096)
        os.write(terminal, b'task.signal = {kind = "spikes", strengths = [4]}\n\x04')
        while b"left out: overlap" not in seen:
            assert select.select([terminal], [], [], 60)[0], seen
            seen += os.read(terminal, 4096)
    finally:
        os.close(terminal)
        os.waitpid(program, 0)
