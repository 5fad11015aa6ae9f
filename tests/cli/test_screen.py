"""What commands print fits a terminal of 80 columns, whatever the titles, paths and lists."""

import re
import shutil

import numpy as np
import pytest
import result_files
from reliability.mutations import FIXTURES

from orderparams import compiled
from orderparams.analysis import optimum
from orderparams.cli import options, screen
from orderparams.cli.screen import WIDTH, columns, fitted
from orderparams.cli.validate import summary as verdict
from orderparams.models import registry
from orderparams.results.files import open_result
from orderparams.views.story.words import vector
from orderparams.views.tables import state_table

FILES = sorted(FIXTURES.glob("version-*/*.h5"))
TITLE = "漢字 and γ ≤ ∞ in a title that is much longer than the eighty columns of a terminal are"
CONFIG = f"""
title = "{TITLE}"
task.length = 3
task.signal = {{kind = "spikes", strengths = {[float(40 - f) for f in range(20)]}}}
attention = {{heads = 9, activation = "bayes-softmax", bias = "learned"}}
training = {{duration = 1.0, learning_rate = 0.001}}
expectation = {{engine = "sampling", samples = 1024}}
output.points = 5
simulation = {{dimension = 60, replicas = 2}}
scan.vary = {{"task.length" = [3, 4], "task.signal.strengths" = [{[9.0] * 20}, {[4.0] * 20}]}}
scan.mode = "zip"
"""


NEGATIVE_ZERO = re.compile(r"-0(\.0*)?(e[-+]\d+)?(?![\w.])")


def check_width(text):
    """Every line fits, except that a path is not broken; none has a negative zero."""
    for line in text.splitlines():
        assert not NEGATIVE_ZERO.search(line), line
        assert columns(line) <= WIDTH or "/" in line.split()[-1], line


@pytest.mark.parametrize("name", [*result_files.NAMES, *(path.stem for path in FILES)])
def test_info_fits(run, result_paths, name):
    path = {**{path.stem: path for path in FILES}, **result_paths}[name]
    status, out, _ = run("info", path)
    assert status == 0
    check_width(out)


@pytest.mark.parametrize(
    "command",
    [
        ("presets",),
        ("doctor",),
        ("reproduce", "--list"),
        ("evaluate", "long.toml"),
        ("solve", "long.toml", "-o", "a.h5"),
        ("simulate", "long.toml", "-o", "a.h5"),
        ("validate", "long.toml", "--dimensions", "60,120", "-o", "a.h5"),
        ("scan", "long.toml", "--action", "evaluate", "--workers", "1", "-o", "a.h5"),
    ],
    ids=lambda command: command[0],
)
def test_a_command_with_long_settings_fits(run, tmp_path, command):
    (tmp_path / "long.toml").write_text(CONFIG, "utf-8")
    status, out, _ = run(*command)
    assert status in (0, 4, 7)
    check_width(out)
    if "a.h5" in command:
        out = run("info", "a.h5")[1]
        check_width(out)
        assert "".join(TITLE.split()) in "".join(out.split())


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("short", ["short"]),
        ("  key         " + "word " * 20, None),
        ("x" * 200, None),
        ("漢" * 100, None),
        ("e\u0301" * 80, ["e\u0301" * 80]),
        ("  written to /" + "a" * 90, ["  written to", "      /" + "a" * 90]),
        ("a\x1b[31m\nb", ["a\\x1b[31m\\nb"]),
        ("run\udcff.h5", ["run\\udcff.h5"]),
    ],
)
def test_lines_are_broken_between_words_and_below_their_text(line, parts):
    found = list(fitted(line))
    if parts is not None:
        assert found == parts
        return
    assert all(columns(part) <= WIDTH for part in found)
    assert "".join("".join(found).split()) == "".join(line.split())
    assert max(map(columns, found)) > WIDTH - 6
    if line.startswith("  key"):
        assert {len(part) - len(part.lstrip()) for part in found[1:]} == {len("  key         ")}


def test_what_rounds_to_zero_has_no_sign(monkeypatch, result_paths):
    parameters, one = registry.configuration(registry.DEFAULT).PARAMETERS, np.ones((1, 1))
    for overlap, length, cells in (
        (-1e-9, 1.0, ["1", "0.0000", "1.0000"]),
        (-0.0, 0.001, ["1", "0.0000", "0.00100"]),
    ):
        state = {"overlap": overlap * one, "self_overlap": length * one}
        assert state_table(parameters, state)[1].split() == cells
    assert vector([-1e-9, -1.0]) == "(0.000, -1.000)"
    found = open_result(result_paths["validation"])
    for course in found.comparison.deviation.values():
        course *= -1e-30
    for course in found.comparison.z_score.values():
        course *= -1e-30
    assert not NEGATIVE_ZERO.search("\n".join(verdict(found)))


def test_notes_are_broken_between_words(run, tmp_path, capsys, monkeypatch, result_paths):
    """What is said on the way and errors, beside warnings, which are one line each."""
    monkeypatch.setattr(screen, "on_terminal", lambda: True)
    monkeypatch.setattr(optimum, "MOST", 1)  # what is found is not looked at
    name = "a-run-with-a-name-that-is-not-so-short.h5"
    shutil.copy(result_paths["run"], tmp_path / name)
    commands = {
        "Going on": ("solve", name, "--resume", "-s", "training.duration=5"),
        "nothing is left to do": ("solve", name, "--resume"),
        "is solved from t = 0": ("solve", name, "-o", "b.h5"),
        "its configuration is evaluated": ("evaluate", name),
        "holds a validation": ("analyze", result_paths["validation"]),
    }
    told = {words: run(*command)[2] for words, command in commands.items()}
    options.say_compiling(1)
    told["Compiling kernels: up to half a minute"] = capsys.readouterr().err
    options.say_compiling(38)
    told["Compiling kernels: 38 of them, about"] = capsys.readouterr().err
    monkeypatch.setattr(compiled, "cache_root", lambda: None)
    options.announce_compilation()
    told["Set NUMBA_CACHE_DIR"] = capsys.readouterr().err
    far = ("evaluate", "in-context-pairs", "-s", "initial.scale=5")
    told["the start is out of range"] = run(*far)[2]
    assert max(map(columns, told["the start is out of range"].splitlines())) <= WIDTH
    for words, err in told.items():
        assert words in " ".join(err.split())
        for line in err.splitlines():
            assert line.startswith("orderparams: ") or columns(line) <= WIDTH or "/" in line, line
